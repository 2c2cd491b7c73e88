"""The benchmark of the index at size: it measures what the store would have made, and all of it runs."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from benchmarks.bulk import FEWEST, Copy, build
from benchmarks.cache import Figures, measure
from benchmarks.faults import BenchmarkFailed


def rows(folder):
    with closing(sqlite3.connect(folder / "index.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for (table,) in tables}


NOON_MS = 1_764_072_000_000


def built(folder, step_by_step):
    build(folder, FEWEST, step_by_step, NOON_MS)
    return rows(folder)


def test_what_is_filled_in_bulk_is_what_the_store_would_have_left(tmp_path):
    stored, filled = built(tmp_path / "stored", FEWEST), built(tmp_path / "filled", 100)

    assert len(stored["entry"]) == FEWEST
    assert filled == stored


def test_a_folder_is_built_once_and_never_mistaken_for_another(tmp_path):
    build(tmp_path, FEWEST)
    assert not (tmp_path / "index.db-wal").exists()
    before = (tmp_path / "index.db").stat().st_mtime_ns

    build(tmp_path, FEWEST)
    assert (tmp_path / "index.db").stat().st_mtime_ns == before
    with pytest.raises(BenchmarkFailed, match="BENCH_FOLDER"):
        build(tmp_path, FEWEST + 1)


def test_every_figure_is_taken_and_the_index_stays_as_it_was(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.cache._SWEEP_FOR_S", 0.2)
    monkeypatch.setattr("benchmarks.cache._STORES", 50)
    bulk, figures = build(tmp_path, FEWEST), Figures()
    before = rows(tmp_path)

    asyncio.run(measure(tmp_path, bulk, figures))

    assert rows(tmp_path) == before
    assert not Copy(tmp_path)._path.exists()
    assert all(value > 0 for name, value in figures.taken.items() if "removed" not in name)
    printed = capsys.readouterr().out
    assert [name for name in figures.taken if name not in printed] == []
    assert {"look-up by key, warm, p50", "purge of a big host", "purge of all"} <= figures.taken.keys()
