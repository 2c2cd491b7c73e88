"""calotype keys: create, list and revoke API keys."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from calotype.access.keys import DEFAULT_WEIGHT, MAX_WEIGHT
from calotype.bootstrap import open_remembering
from calotype.cli.common import (
    DEFAULT_ACCOUNT,
    AccountOption,
    ConfigOption,
    DataOption,
    KeyMode,
    ModeOption,
    run,
    settings_of,
    settings_of_existing,
    show,
)
from calotype.clock import iso_seconds
from calotype.errors import ConfigurationError
from calotype.settings import Settings

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


@app.command("create")
def create(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
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
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a key and print it, this once; nothing else goes to standard output."""
    typer.echo(run(create_key(settings_of(config, data=data), account, mode, name, weight)))


async def create_key(
    settings: Settings, account: str, mode: KeyMode, name: str, weight: int = DEFAULT_WEIGHT
) -> str:
    """Make a key and return its text."""
    async with open_remembering(settings) as remembering:
        try:
            secret, _ = await remembering.authenticator.create(account, mode.value, name, weight)
        except ValueError as exc:
            raise ConfigurationError(str(exc)) from exc
        return secret


@app.command("list")
def list_keys(data: DataOption = None, config: ConfigOption = None) -> None:
    """List all keys, by all but their text."""
    settings = settings_of_existing(config, data)

    async def read() -> Table:
        table = Table("id", "account", "mode", "ends in", "name", "created", "revoked", "weight")
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
                )
        return table

    show(run(read()))


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
