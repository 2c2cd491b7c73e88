"""Options that several commands share."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from calotype.access.ports import KeyStore
from calotype.cache.entry import Mode, Namespace
from calotype.errors import ConfigurationError
from calotype.settings import Settings, load_settings, unknown_variables

DEFAULT_ACCOUNT = "default"
_UNBOUNDED = 100_000
"""Columns: more than any row has."""

DataOption = Annotated[
    str | None, typer.Option("--data", metavar="DIR", help="Folder of index and blobs [CALOTYPE_DATA].")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file with settings.")
]
AccountOption = Annotated[str, typer.Option("--account", metavar="NAME", help="The account.")]

T = TypeVar("T")


class KeyMode(StrEnum):
    """What a key is for."""

    LIVE = "live"
    TEST = "test"


ModeOption = Annotated[KeyMode, typer.Option("--mode", help="Live or test.")]


def settings_of(config: Path | None, **flags: str | None) -> Settings:
    """Return the settings that a command runs under; a variable that means nothing is told."""
    for name in unknown_variables(os.environ):
        typer.echo(f"calotype: {name} is no setting (see docs/settings.md) and changes nothing", err=True)
    return load_settings(flags, config=config)


def settings_of_existing(config: Path | None, data: str | None) -> Settings:
    """Return the settings of a command that looks into a data folder, which must be there.

    A slip in its name must not make an empty one, and show that. Raises ConfigurationError.
    """
    settings = settings_of(config, data=data)
    if not settings.index.path.exists():
        message = f"there is no index in {settings.data}; name the server's data folder with --data"
        raise ConfigurationError(message)
    return settings


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(coroutine)


def show(table: Table) -> None:
    """Print table, as wide as the terminal; where a program reads it each row is one whole line."""
    width = None if sys.stdout.isatty() else _UNBOUNDED
    # What stands in a URL or a name is text: neither [b] nor :smile: means anything.
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def write_file(path: Path, data: bytes) -> None:
    """Write data to path. Raises ConfigurationError when that cannot be done."""
    try:
        path.write_bytes(data)
    except OSError as exc:
        message = f"{path} cannot be written: {exc.strerror}"
        raise ConfigurationError(message) from exc


async def namespace_of(keys: KeyStore, account: str, mode: KeyMode) -> Namespace:
    """Return the namespace of an account by its name. Raises ConfigurationError when there is none."""
    number = await keys.account_number(account)
    if number is None:
        message = f"there is no account called {account!r} here; 'calotype keys list' shows those there are"
        raise ConfigurationError(message)
    return Namespace(number, Mode(mode.value))


@dataclass(frozen=True, slots=True)
class Whose:
    """What a command about one account's things is told of where they are."""

    settings: Settings
    account: str
    mode: KeyMode

    async def namespace(self, keys: KeyStore) -> Namespace:
        """See namespace_of."""
        return await namespace_of(keys, self.account, self.mode)
