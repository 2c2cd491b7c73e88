"""calotype cache: look into the cache of a data folder, beside a running server or without one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from calotype.bootstrap import open_remembering
from calotype.cache.entry import CacheEntry, check_address
from calotype.cache.errors import EntryNotFound
from calotype.cache.freshness import Hit, classify
from calotype.cache.purge import LoggedPurge, Purge, PurgeFilter
from calotype.cache.purge_request import PurgeRequest, parse_purge
from calotype.cache.tags import spelled
from calotype.cache.url_key import NO_URL_KEY, url_of_key
from calotype.cli.common import (
    DEFAULT_ACCOUNT,
    AccountOption,
    ConfigOption,
    DataOption,
    KeyMode,
    ModeOption,
    namespace_of,
    run,
    settings_of_existing,
    show,
    write_file,
)
from calotype.clock import iso_seconds, utc_now

app = typer.Typer(help="Look into the cache, and purge it.", no_args_is_help=True)

_PAGE = 500
_NAMES_SHOWN = 3
"""Of one purge's keys, and of its tags; one row must stay a row."""
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Key, id or storage path.")]
UrlOption = Annotated[str | None, typer.Option("--url", metavar="GLOB", help="Glob over source URLs.")]
PatternOption = Annotated[
    str | None, typer.Option("--pattern", metavar="GLOB", help="Glob over storage paths.")
]
BeforeOption = Annotated[
    str | None, typer.Option("--before", metavar="TIME", help="Only what was captured before (ISO 8601).")
]

TagsOption = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="May be given several times.")
]


@app.command("stats")
def stats(data: DataOption = None, config: ConfigOption = None) -> None:
    """Count what is in the cache, of all accounts."""
    settings = settings_of_existing(config, data)

    async def read() -> Table:
        async with open_remembering(settings) as remembering:
            found = await remembering.store.stats()
        table = Table(show_header=False)
        table.add_row("entries", str(found.entries))
        table.add_row("bytes", f"{found.bytes:,}")
        table.add_row("oldest", "-" if found.oldest is None else iso_seconds(found.oldest))
        table.add_row("newest", "-" if found.newest is None else iso_seconds(found.newest))
        table.add_row("blobs waiting to be deleted", str(found.blobs_to_delete))
        return table

    show(run(read()))


@app.command("ls")
def ls(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    url: UrlOption = None,
    pattern: PatternOption = None,
    before: BeforeOption = None,
    tags: TagsOption = None,
    stale: Annotated[bool, typer.Option("--stale", help="Also what has expired but may serve.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many entries.")] = 100,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """List entries, newest first."""
    settings = settings_of_existing(config, data)
    which = _filter(url=url, pattern=pattern, before=before, tags=tags or None)

    async def read() -> list[CacheEntry]:
        async with open_remembering(settings) as remembering:
            namespace = await namespace_of(remembering.keys, account, mode)
            entries: list[CacheEntry] = []
            cursor: int | None = None
            while len(entries) < limit:
                page, cursor = await remembering.store.page(
                    namespace, which, cursor, min(_PAGE, limit - len(entries)), stale=stale
                )
                entries += page
                if cursor is None:
                    break
            return entries

    table = Table("key", "url", "created", "expires", "size", "format", "tags")
    now = utc_now()
    for entry in run(read()):
        shown = "about:blank" if entry.url_key == NO_URL_KEY else url_of_key(entry.url_key)
        table.add_row(
            entry.key,
            shown,
            iso_seconds(entry.birth.at),
            iso_seconds(entry.fresh_until) if isinstance(classify(entry, now), Hit) else "stale",
            f"{entry.size_bytes:,}",
            entry.format.value,
            spelled(entry.tags),
        )
    show(table)


@app.command("get")
def get(
    key: KeyArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Else to standard output.")
    ] = None,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Write a stored picture to a file."""
    address = check_address(key, "key")
    settings = settings_of_existing(config, data)

    async def read() -> bytes:
        async with open_remembering(settings) as remembering:
            namespace = await namespace_of(remembering.keys, account, mode)
            opened = await remembering.store.open(namespace, address)
            if opened is None:
                raise EntryNotFound(address)
            return opened.data

    picture = run(read())
    if output is None:
        sys.stdout.buffer.write(picture)
    else:
        write_file(output, picture)


@app.command("rm")
def rm(
    key: KeyArgument,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete one entry."""
    address = check_address(key, "key")
    settings = settings_of_existing(config, data)

    async def remove() -> None:
        async with open_remembering(settings) as remembering:
            namespace = await namespace_of(remembering.keys, account, mode)
            await remembering.store.delete(namespace, address, by="cli")

    run(remove())
    typer.echo(f"{address} deleted", err=True)


@app.command("purge")
def purge(
    keys: Annotated[
        list[str] | None, typer.Option("--key", metavar="KEY", help="May be given several times.")
    ] = None,
    url: UrlOption = None,
    pattern: PatternOption = None,
    before: BeforeOption = None,
    tags: TagsOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything of the account.")] = False,
    soft: Annotated[bool, typer.Option("--soft", help="Make it stale instead of deleting it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete all entries that pass every filter given; a running server obeys at once."""
    asked = _request(
        keys=keys or None, tags=tags or None, url=url, pattern=pattern, before=before, all=everything or None
    )
    settings = settings_of_existing(config, data)

    async def remove() -> Purge:
        async with open_remembering(settings) as remembering:
            namespace = await namespace_of(remembering.keys, account, mode)
            return await remembering.store.purge(namespace, asked.which, by="cli", dry_run=dry_run, soft=soft)

    done = run(remove())
    what = "made stale" if done.soft else "purged"
    typer.echo(f"{done.count} would be {what}" if done.dry_run else f"{done.count} {what}")


@app.command("purges")
def purges(
    account: AccountOption = DEFAULT_ACCOUNT,
    mode: ModeOption = KeyMode.LIVE,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many purges.")] = 100,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """List purges and deletes of the last 30 days, newest first: who asked, when, and for what."""
    settings = settings_of_existing(config, data)

    async def read() -> list[LoggedPurge]:
        async with open_remembering(settings) as remembering:
            namespace = await namespace_of(remembering.keys, account, mode)
            found: list[LoggedPurge] = []
            cursor: int | None = None
            while len(found) < limit:
                page, cursor = await remembering.store.purges(
                    namespace, cursor, min(_PAGE, limit - len(found))
                )
                found += page
                if cursor is None:
                    break
            return found

    table = Table("id", "when", "by", "filter", "purged", "swept")
    for purge in run(read()):
        swept = "yes" if purge.swept >= 1 else f"{purge.swept:.0%}"
        table.add_row(
            purge.id,
            iso_seconds(purge.at),
            purge.by,
            _spelled(purge.which) + (" --soft" if purge.soft else ""),
            str(purge.count),
            swept,
        )
    show(table)


def _spelled(which: PurgeFilter) -> str:
    """Spell a filter by the options that ask for it."""
    words = _named("key", which.keys) + _named("tag", which.tags)
    if which.url is not None:
        words.append(f"--url {which.url.pattern}")
    if which.pattern is not None:
        words.append(f"--pattern {which.pattern.pattern}")
    if which.before is not None:
        words.append(f"--before {which.before.isoformat().replace('+00:00', 'Z')}")
    if which.everything and which.url is None:
        words.append("--all")
    return " ".join(words)


def _named(kind: str, names: tuple[str, ...] | None) -> list[str]:
    words = [f"--{kind} {name}" for name in (names or ())[:_NAMES_SHOWN]]
    if names is not None and len(names) > _NAMES_SHOWN:
        words.append(f"(and {len(names) - _NAMES_SHOWN} more {kind}s)")
    return words


def _request(**filters: object) -> PurgeRequest:
    """Return the purge that options ask for, read by the rules that hold over HTTP."""
    return parse_purge({name: value for name, value in filters.items() if value is not None})


def _filter(**filters: object) -> PurgeFilter | None:
    given = any(value is not None for value in filters.values())
    return _request(**filters).which if given else None
