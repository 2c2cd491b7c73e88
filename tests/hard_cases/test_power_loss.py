"""Power loss at any moment: no truncated, zero or foreign picture is served, no answered purge is undone."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.hard_cases.crashes import Violation, events_of, live
from tests.hard_cases.power_loss import Answered, Committed, FileSynced, FolderSynced, Recorder

SEEDS, STATES = 3, 20


async def explore(folder, seed, states, alter=lambda event: event):
    """Live one life, and crash it at so many moments."""
    recorder = Recorder(folder / "blobs", alter)
    life = await live(folder, seed, recorder)
    chance, seen = random.Random(seed), Counter[str]()
    first = next(number for number, event in enumerate(recorder.events, 1) if isinstance(event, Committed))
    for state in range(states):
        moment = chance.randint(first, len(recorder.events))
        seen += await life.crash(moment, chance, folder / f"state{state}")
    return life, seen


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_a_power_cut_leaves_no_spoilt_picture_is_served_and_no_purge_undone(tmp_path, seed):
    life, seen = await explore(tmp_path, seed, STATES)

    assert seen["states"] == STATES
    # Where there is nothing to be found nothing is proven.
    for what in ("rows", "served"):
        assert seen[what] > STATES, seen
    for kind in (FileSynced, FolderSynced, Committed, Answered):
        assert events_of(life, kind) > 3


def no(kind):
    return lambda event: None if isinstance(event, kind) else event


def unsynced_commits(event):
    return replace(event, synced=False) if isinstance(event, Committed) else event


@pytest.mark.parametrize(
    ("missing", "noticed"),
    [
        (no(FileSynced), "its picture is spoilt"),
        (no(FolderSynced), "its picture did not"),
        (unsynced_commits, "is back after purge"),
    ],
    ids=["of a file", "of a folder", "of a purge"],
)
async def test_a_sync_that_was_left_out_would_be_noticed(tmp_path, missing, noticed):
    with pytest.raises(Violation, match=noticed):
        await explore(tmp_path, 1, 200, missing)


@pytest.mark.nightly
@pytest.mark.timeout(0)
async def test_nor_does_any_power_cut_of_a_whole_night(tmp_path, capsys, night_s):
    end = time.monotonic() + night_s
    seed = first = random.SystemRandom().randrange(10**12)
    tally: Counter[str] = Counter()
    while time.monotonic() < end:
        folder = tmp_path / f"seed{seed}"
        folder.mkdir()
        try:
            _, seen = await explore(folder, seed, 100)
        except Violation as exc:
            exc.add_note(f"seed {seed}")
            raise
        shutil.rmtree(folder)
        tally += seen
        seed += 1
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(tally.items()))
    with capsys.disabled():
        print(f"\n{seed - first:,} lives on a disk that loses power: {told}")  # noqa: T201
