"""Options that several commands share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from calotype.access.ports import KeyStore
from calotype.cache.entry import Mode, Namespace
from calotype.errors import ConfigurationError
from calotype.settings import Settings, load_settings

DEFAULT_ACCOUNT = "default"

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
    """Return the settings that a command runs under."""
    return load_settings(flags, config=config)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(coroutine)


async def namespace_of(keys: KeyStore, account: str, mode: KeyMode) -> Namespace:
    """Return the namespace of an account by its name. Raises ConfigurationError when there is none."""
    number = await keys.account_number(account)
    if number is None:
        message = f"there is no account called {account!r} here; 'calotype keys list' shows those there are"
        raise ConfigurationError(message)
    return Namespace(number, Mode(mode.value))
