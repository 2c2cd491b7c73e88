"""calotype webhooks: who is told of an account's captures, what did not arrive, and sending that again."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer
from rich.table import Table

from calotype.bootstrap import Remembering, open_remembering, open_sender
from calotype.capture.target import parse_page_url
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
from calotype.clock import iso_seconds, utc_now
from calotype.errors import ConfigurationError
from calotype.webhooks.endpoint import Endpoint
from calotype.webhooks.errors import DeliveryNotFound
from calotype.webhooks.event import Event, EventKind, Form, Pictured
from calotype.webhooks.ports import Delivery, DeliveryState

app = typer.Typer(
    help="Tell somebody of an account's captures, and see what did not arrive.", no_args_is_help=True
)
_LISTED = 100


@app.command("set")
def set_endpoint(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to post events to: http or https.")],
    events: Annotated[
        list[EventKind] | None,
        typer.Option("--event", metavar="EVENT", help="What to tell of; may be repeated. All, if not given."),
    ] = None,
    no_hits: Annotated[
        bool, typer.Option("--no-hits", help="Do not tell of pictures that were in the cache already.")
    ] = False,
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Sign with a new secret from now on, and print it.")
    ] = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Set the account's endpoint; its signing secret goes to standard output when it is made, this once."""
    whose = Whose(settings_of_existing(config, data), account, mode)
    address = parse_page_url(url, "URL")

    async def change() -> str | None:
        async with open_remembering(whose.settings) as remembering:
            namespace = await whose.namespace(remembering.keys)
            with open_sender(whose.settings) as sender:
                await sender.check(address, "URL")
            target, is_new = await remembering.endpoints.set(
                namespace, address, frozenset(events or EventKind), hits=not no_hits, new=new_secret
            )
            return target.secret if is_new else None

    secret = run(change())
    if secret is None:
        typer.echo("set; the signing secret is the one it was", err=True)
    else:
        typer.echo(secret)


@app.command("show")
def show_endpoint(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what is set, but for the secret."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def read() -> Table:
        async with open_remembering(whose.settings) as remembering:
            endpoint = await _endpoint(remembering, whose)
            table = Table("url", "events", "hits", "set")
            table.add_row(
                remembering.endpoints.target_of(endpoint).url,
                ", ".join(kind.value for kind in EventKind if kind in endpoint.events),
                "yes" if endpoint.hits else "no",
                iso_seconds(endpoint.set_at),
            )
            return table

    show(run(read()))


@app.command("remove")
def remove(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Tell the account no more; what waits for its endpoint is given up, and can be replayed to another."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def change() -> None:
        async with open_remembering(whose.settings) as remembering:
            await _endpoint(remembering, whose)
            await remembering.endpoints.remove(await whose.namespace(remembering.keys))

    run(change())
    typer.echo("removed", err=True)


@app.command("test")
def send_test(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Send one signed event to the account's endpoint now, and say what came of it; status 1 if it failed."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def send() -> str:
        async with open_remembering(whose.settings) as remembering:
            target = remembering.endpoints.target_of(await _endpoint(remembering, whose))
        with open_sender(whose.settings) as sender:
            outcome = await sender.send(target, f"whk_{secrets.token_hex(16)}", _sample().body(Form.ACCOUNT))
        if outcome.delivered:
            typer.echo(f"delivered: it answered {outcome.status}")
        return outcome.fault

    fault = run(send())
    if fault:
        typer.echo(f"calotype: not delivered: {fault}", err=True)
        sys.exit(1)


@app.command("list")
def list_deliveries(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many.")] = _LISTED,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """List the account's deliveries, the latest first."""
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def read() -> Table:
        table = Table("id", "event", "of", "to", "state", "accepted", "tries", "last try", "answer", "fault")
        async with open_remembering(whose.settings) as remembering:
            namespace = await whose.namespace(remembering.keys)
            state = DeliveryState.FAILED if failed else None
            for delivery in await remembering.deliveries.latest(namespace, state, limit):
                table.add_row(*_cells(delivery))
        return table

    show(run(read()))


@app.command("replay")
def replay(
    delivery_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="As 'webhooks list --failed' shows it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that the account has failed.")] = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Have running servers try a delivery again that was given up, for another day."""
    if (delivery_id is None) != everything:
        raise ConfigurationError("give the ID of one delivery, or --all")
    whose = Whose(settings_of_existing(config, data), account, mode)

    async def change() -> int:
        async with open_remembering(whose.settings) as remembering:
            namespace = await whose.namespace(remembering.keys)
            if delivery_id is None:
                return await remembering.deliveries.replay_all(namespace, utc_now())
            known = await remembering.deliveries.find(delivery_id)
            if known is None or known.namespace != namespace:
                raise DeliveryNotFound(delivery_id)
            if not await remembering.deliveries.replay(delivery_id, utc_now()):
                raise DeliveryNotFound(delivery_id)
            return 1

    typer.echo(f"{run(change())} to be tried again", err=True)


async def _endpoint(remembering: Remembering, whose: Whose) -> Endpoint:
    endpoint = await remembering.endpoints.find(await whose.namespace(remembering.keys))
    if endpoint is None:
        message = "no endpoint is set for this account and mode; 'calotype webhooks set URL' sets one"
        raise ConfigurationError(message)
    return endpoint


def _sample() -> Event:
    about = Pictured(
        url="https://example.com/", picture_url=None, width_px=1280, height_px=720, size_bytes=0,
        format="png", cached=False, credits=0, key="cache_00000000000000000000000000000000", expires_at=None,
        title="Example Domain", description="",
    )  # fmt: skip
    kind, subject = EventKind.SCREENSHOT_COMPLETED, f"req_{secrets.token_hex(8)}"
    return Event(kind=kind, subject=subject, at=utc_now(), about=about, test=True)


def _cells(delivery: Delivery) -> list[str]:
    return [
        delivery.id,
        delivery.kind.value,
        delivery.subject,
        "the account" if delivery.form is Form.ACCOUNT else "its own",
        delivery.state.value,
        iso_seconds(delivery.accepted_at),
        str(delivery.attempts),
        "" if delivery.tried_at is None else iso_seconds(delivery.tried_at),
        "" if delivery.status is None else str(delivery.status),
        delivery.fault,
    ]
