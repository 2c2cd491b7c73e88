"""Captures under fire: whoever asks is answered, whatever is killed or stopped meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from calotype.capture.errors import CaptureError
from calotype.render.chromium import ChromiumRenderer
from tests.render.asking import Colour, members, picture, take
from tests.site.server import Site

BUDGET_MS: Final = 5000
GRACE_S: Final = 1.0
"""What a capture may take beyond its timeout: the promise that is tried here."""
BUSY_S: Final = 4.0
"""What a machine may take that is busy with something else; no part of the promise."""
AT_A_TIME: Final = 4

STOPPED: Final = 0.25
"""The share of processes that are stopped and not killed: each costs every capture in it its whole budget."""

KINDS: Final = {
    "browser": "--user-data-dir",
    "page": "--type=renderer",
    "gpu": "--type=gpu-process",
    "network": "network.mojom.NetworkService",
}
"""Who is hurt -> what its command line has in it; the browser itself is known by its number."""


@dataclass
class Chaos:
    """One seeded run: captures, several at a time, and a hand that kills and stops at random."""

    renderer: ChromiumRenderer
    site: Site
    seed: int
    answers: Counter[str] = field(default_factory=Counter)
    """How often which answer was given: `picture`, or the error's class."""
    blows: Counter[str] = field(default_factory=Counter)
    groups: set[int] = field(default_factory=set)
    """The browsers that were seen."""

    async def run(self, captures: int, blows: int) -> None:
        """Take this many captures while this many processes are hit. A broken promise fails."""
        chance = random.Random(self.seed)
        moments = sorted(chance.sample(range(2, captures), blows))
        numbers = iter(range(captures))
        hits: list[asyncio.Task[None]] = []

        async def caller() -> None:
            for number in numbers:
                while moments and moments[0] <= number:
                    moments.pop(0)
                    hits.append(asyncio.create_task(self._hit(chance)))
                await self._capture(number)

        await asyncio.gather(*(caller() for _ in range(AT_A_TIME)))
        await asyncio.gather(*hits)

    async def _capture(self, number: int) -> None:
        colour: Colour = (number % 256, number // 256 % 256, 77)
        path = f"/marker/{number}"
        self.site.serve(path, f"<title>{number}</title><body bgcolor=#{bytes(colour).hex()}>")
        started = time.monotonic()
        try:
            capture = await take(self.renderer, self.site.url(path), BUDGET_MS, width_px=64, height_px=48)
        except CaptureError as exc:
            answer = type(exc).__name__
        else:
            answer = "picture"
            assert picture(capture).getcolors() == [(64 * 48, colour)], f"not its own, seed {self.seed}"
        took_s = time.monotonic() - started
        assert took_s < BUDGET_MS / 1000 + GRACE_S + BUSY_S, f"{answer} after {took_s} s, seed {self.seed}"
        self.answers[answer] += 1

    async def _hit(self, chance: random.Random) -> None:
        kind, how, wait_s = self._blow(chance)
        await asyncio.sleep(wait_s)
        victims = [pid for group in self._living() for pid in of_kind(kind, group)]
        if victims:
            victim = chance.choice(sorted(victims))
            try:
                os.kill(victim, how)
            except ProcessLookupError:
                return
            self.blows[f"{kind} {how.name}"] += 1

    @staticmethod
    def _blow(chance: random.Random) -> tuple[str, signal.Signals, float]:
        kind = chance.choices(list(KINDS), [2, 5, 2, 2])[0]
        how = signal.SIGSTOP if chance.random() < STOPPED else signal.SIGKILL
        return kind, how, chance.random() * 0.2

    def _living(self) -> list[int]:
        living = [house.process.pid for house in self.renderer._pool._houses.all]
        self.groups.update(living)
        return living


def of_kind(kind: str, group: int) -> list[int]:
    if kind == "browser":
        return [group]
    return [pid for pid, command in members(group).items() if KINDS[kind] in command]


def zombies() -> list[int]:
    """Children of ours that nobody has buried."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state == "Z" and int(parent) == os.getpid():
            found.append(int(folder.name))
    return found
