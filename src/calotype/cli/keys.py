"""calotype keys: create, list and revoke API keys."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from calotype.access.keys import DEFAULT_WEIGHT, MAX_WEIGHT, Signs
from calotype.access.limits import PLANS, Limits, limits_of
from calotype.bootstrap import open_remembering
from calotype.cli.common import (
    DEFAULT_ACCOUNT,
    AccountOption,
    ConfigOption,
    DataOption,
    run,
    settings_of,
    settings_of_existing,
    show,
)
from calotype.clock import iso_seconds
from calotype.errors import ConfigurationError

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


class KeyKind(StrEnum):
    """What is made: a key of a mode, or a pair that signs URLs."""

    LIVE = "live"
    TEST = "test"
    SIGNING = "signing"


@app.command("create")
def create(
    account: AccountOption = DEFAULT_ACCOUNT,
    kind: Annotated[
        KeyKind, typer.Option("--mode", help="Live, test, or a key pair that signs URLs.")
    ] = KeyKind.LIVE,
    name: Annotated[str, typer.Option("--name", help="A note for yourself.")] = "",
    weight: Annotated[
        int,
        typer.Option(
            "--weight",
            min=1,
            max=MAX_WEIGHT,
            help="How much of the browser its captures get beside other accounts' that wait.",
        ),
    ] = DEFAULT_WEIGHT,
    allow_signing: Annotated[
        bool,
        typer.Option("--allow-signing", help="Let clients sign URLs with the key itself (recipes C and D)."),
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Of a key pair: its URLs show test pictures, which are free.")
    ] = False,
    hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            metavar="HOST",
            help="Of a key pair: whose pages its URLs may show, or *.example.com; may be repeated.",
        ),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option("--plan", metavar="NAME", help=f"Limits by name: {', '.join(PLANS)}."),
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", metavar="N", help="Requests in a minute.")
    ] = None,
    concurrent: Annotated[
        int | None, typer.Option("--concurrent", metavar="N", help="Captures under way at a time.")
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", metavar="N", help="Pages in one batch.")] = None,
    credits_: Annotated[
        int | None, typer.Option("--credits", metavar="N", help="Pictures made in a calendar month.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a key and print it, this once; of a pair the public key, and on the next line the secret."""
    is_pair = kind is KeyKind.SIGNING
    if is_pair and allow_signing:
        raise ConfigurationError("--allow-signing is for API keys; a key pair signs anyway")
    if not is_pair and (test or hosts):
        raise ConfigurationError("--test and --host are for key pairs; make one with --mode signing")
    settings = settings_of(config, data=data)

    async def make() -> list[str]:
        async with open_remembering(settings) as remembering:
            authenticator = remembering.authenticator
            try:
                limits = limits_of(
                    plan,
                    requests_per_minute=requests_per_minute,
                    concurrent=concurrent,
                    batch=batch,
                    credits_=credits_,
                )
                if is_pair:
                    mode = "test" if test else "live"
                    secret, kept = await authenticator.create_pair(
                        account, mode, name, weight, hosts=hosts or (), limits=limits
                    )
                else:
                    secret, kept = await authenticator.create(
                        account, kind.value, name, weight, signs=allow_signing, limits=limits
                    )
            except ValueError as exc:
                raise ConfigurationError(str(exc)) from exc
            return [kept.id, secret] if is_pair else [secret]

    for line in run(make()):
        typer.echo(line)


@app.command("list")
def list_keys(data: DataOption = None, config: ConfigOption = None) -> None:
    """List all keys, by all but their text."""
    settings = settings_of_existing(config, data)

    async def read() -> Table:
        table = Table(
            "id",
            "account",
            "mode",
            "ends in",
            "name",
            "created",
            "revoked",
            "weight",
            "signs",
            "hosts",
            "limits",
        )
        async with open_remembering(settings) as remembering:
            for key in await remembering.keys.list():
                revoked = "" if key.revoked_at is None else iso_seconds(key.revoked_at)
                table.add_row(
                    key.id,
                    key.account,
                    key.mode,
                    key.tail,
                    key.name,
                    iso_seconds(key.created_at),
                    revoked,
                    str(key.weight),
                    "" if key.signs is Signs.NOTHING else key.signs.value,
                    " ".join(key.hosts.names),
                    _told(key.limits),
                )
        return table

    show(run(read()))


def _told(limits: Limits) -> str:
    numbers = {
        "requests": (limits.requests_per_minute, "/min"),
        "concurrent": (limits.concurrent, ""),
        "batch": (limits.batch, ""),
        "credits": (limits.credits, "/month"),
    }
    told = [f"{name} {number}{per}" for name, (number, per) in numbers.items() if number is not None]
    return ", ".join([limits.plan, *told] if limits.plan else told)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As 'keys list' shows it.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke a key; running servers refuse it at once."""
    settings = settings_of_existing(config, data)

    async def change() -> bool:
        async with open_remembering(settings) as remembering:
            return await remembering.keys.revoke(key_id)

    if not run(change()):
        message = f"there is no valid key with the id {key_id!r}; 'calotype keys list' shows them"
        raise ConfigurationError(message)
    typer.echo(f"{key_id} revoked", err=True)
