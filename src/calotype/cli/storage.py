"""calotype storage: the bucket that an account's pictures are copied to, and what became of the copies."""

from __future__ import annotations

import getpass
import secrets
import sys
from typing import Annotated

import typer
from rich.table import Table

from calotype.bootstrap import Remembering, open_objects, open_remembering
from calotype.cli.common import (
    DEFAULT_ACCOUNT,
    AccountOption,
    ConfigOption,
    DataOption,
    KeyMode,
    ModeOption,
    Whose,
    run,
    settings_of_existing,
    show,
)
from calotype.clock import iso_seconds
from calotype.errors import ConfigurationError
from calotype.settings import Settings
from calotype.storage.bucket import (
    DEFAULT_REGION,
    Acl,
    Bucket,
    Credentials,
    check_endpoint,
    check_key,
    check_name,
    check_region,
)
from calotype.storage.errors import BucketFault, CopyNotFound
from calotype.storage.ports import Copy, CopyState
from calotype.storage.template import DEFAULT_TEMPLATE, PathTemplate

app = typer.Typer(
    help="Copy an account's pictures to a bucket of its own, and see what could not be copied.",
    no_args_is_help=True,
)
_LISTED = 100
_TOLD_OF_KEY = 4
"""Characters of the access key that are shown, so that one can tell which of several it is."""


@app.command("set")
def set_bucket(
    bucket: Annotated[str, typer.Option("--bucket", metavar="NAME", help="The bucket.")],
    access_key_id: Annotated[
        str,
        typer.Option(
            "--access-key-id",
            metavar="ID",
            help="Of the access key. Its secret is asked for, or read from standard input, or from "
            "CALOTYPE_STORAGE_SECRET.",
        ),
    ],
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="URL", help="Where it is, unless at Amazon's in --region."),
    ] = None,
    region: Annotated[
        str, typer.Option("--region", metavar="NAME", help="The bucket's region; auto for R2.")
    ] = DEFAULT_REGION,
    path: Annotated[
        str, typer.Option("--path", metavar="TEMPLATE", help="Where in it, unless the request says.")
    ] = DEFAULT_TEMPLATE.text,
    acl: Annotated[
        Acl, typer.Option("--acl", help="Who may read copies, unless the request says.")
    ] = Acl.PRIVATE,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Set the account's bucket; from now on each of its pictures is copied there."""
    whose = Whose(settings_of_existing(config, data), account, mode)
    name, region = check_name(bucket), check_region(region)
    address, template = check_endpoint(endpoint, region), PathTemplate.parse(path, "--path")
    key = check_key(access_key_id, "--access-key-id")
    credentials = Credentials(access_key_id=key, secret=_secret(whose.settings))

    async def change() -> None:
        async with open_remembering(whose.settings) as remembering:
            made = remembering.buckets.made(
                await whose.namespace(remembering.keys),
                credentials,
                endpoint=address,
                name=name,
                region=region,
                path=template,
                acl=acl,
            )
            with open_objects(whose.settings) as objects:
                await objects.check(made)
            await remembering.buckets.set(made)

    run(change())
    typer.echo("set; 'calotype storage test' tries it", err=True)


@app.command("show")
def show_bucket(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what is set, but for the secret, and of the access key only its end."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def read() -> Table:
        async with open_remembering(whose.settings) as remembering:
            bucket = await _bucket(remembering, whose)
            table = Table("endpoint", "bucket", "region", "path", "acl", "key ends in", "set")
            table.add_row(
                bucket.endpoint,
                bucket.name,
                bucket.region,
                bucket.path.text,
                bucket.acl.value,
                remembering.buckets.credentials_of(bucket).access_key_id[-_TOLD_OF_KEY:],
                iso_seconds(bucket.set_at),
            )
            return table

    show(run(read()))


@app.command("test")
def try_bucket(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a small object to the bucket and delete it, and say what came of it; status 1 if it failed."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def attempt() -> None:
        async with open_remembering(whose.settings) as remembering:
            bucket = await _bucket(remembering, whose)
            credentials = remembering.buckets.credentials_of(bucket)
        path = f"calotype-test-{secrets.token_hex(8)}.txt"
        with open_objects(whose.settings) as objects:
            await objects.put(bucket, credentials, path, b"Calotype was here.\n", "text/plain", bucket.acl)
            typer.echo(f"written: {bucket.url_of(path)}")
            try:
                await objects.delete(bucket, credentials, path)
            except BucketFault as exc:
                # Copies are written and never deleted by us: a key that may not is a good one.
                typer.echo(f"not deleted, which copying does not need: {exc}", err=True)
            else:
                typer.echo("deleted")

    run(attempt())


@app.command("remove")
def remove(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Copy no more, and forget the credentials; what waits is dropped, what was copied stays where it is."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def change() -> None:
        async with open_remembering(whose.settings) as remembering:
            await remembering.buckets.remove((await _bucket(remembering, whose)).namespace)

    run(change())
    typer.echo("removed", err=True)


@app.command("copies")
def list_copies(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many.")] = _LISTED,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """List the account's copies, the latest first."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def read() -> Table:
        table = Table("id", "path", "acl", "of", "state", "accepted", "ended", "failures", "fault")
        async with open_remembering(whose.settings) as remembering:
            namespace = await whose.namespace(remembering.keys)
            state = CopyState.FAILED if failed else None
            for copy in await remembering.copies.latest(namespace, state, limit):
                table.add_row(*_cells(copy))
        return table

    show(run(read()))


@app.command("retry")
def retry(
    copy_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="As 'storage copies --failed' shows it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that the account has failed.")] = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Have running servers try a copy again that was given up."""
    if (copy_id is None) != everything:
        raise ConfigurationError("give the ID of one copy, or --all")
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def change() -> int:
        async with open_remembering(whose.settings) as remembering:
            begun = await remembering.copies.retry(await whose.namespace(remembering.keys), copy_id)
        if copy_id is not None and not begun:
            raise CopyNotFound(copy_id)
        return begun

    typer.echo(f"{run(change())} to be tried again", err=True)


def _secret(settings: Settings) -> str:
    """Return the secret, which is never an argument: those are shown to everybody on the machine."""
    secret = settings.storage_secret
    if secret is None and sys.stdin.isatty():
        secret = getpass.getpass("Secret access key: ")
    elif secret is None:
        secret = sys.stdin.readline().rstrip("\r\n")
    return check_key(secret, "the secret access key")


async def _bucket(remembering: Remembering, whose: Whose) -> Bucket:
    bucket = await remembering.buckets.find(await whose.namespace(remembering.keys))
    if bucket is None:
        message = "no bucket is set for this account and mode; 'calotype storage set' sets one"
        raise ConfigurationError(message)
    return bucket


def _cells(copy: Copy) -> list[str]:
    return [
        copy.new.id,
        copy.new.path,
        copy.new.acl.value,
        copy.new.key,
        copy.state.value,
        iso_seconds(copy.accepted_at),
        "" if copy.ended_at is None else iso_seconds(copy.ended_at),
        str(copy.failures),
        copy.fault,
    ]
