"""Every example of the guides is run, in order, and answers what the guide says that it answers.

A guide is one session at a shell (```console): it begins on an empty cache, at noon of 15 January 2024.
`$ sleep 60` moves the clock; a comment tells what else happens. In what is shown `...` stands for
whatever is there.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from calotype.capture.errors import NavigationFailed
from tests.support.server import calotype
from tests.support.service import Bench, a_bench

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = ["purging.md", "caching.md", "batches.md"]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_URL = "http://127.0.0.1:8787"


@dataclass(frozen=True)
class Step:
    """A command, and what it prints according to the guide."""

    command: str
    shown: str


def steps(guide: str) -> Iterator[Step]:
    for block in _BLOCK.findall((DOCS / guide).read_text("utf-8")):
        command, shown = "", ""
        for line in [*block.splitlines(), "$ "]:
            if line.startswith(("$ ", "# ")) and command and not command.endswith("\\"):
                yield Step(command, shown.strip())
                command = shown = ""
            if not command:
                command = line
            elif command.endswith("\\"):
                command = command[:-1] + line
            else:
                shown += line + "\n"


class Shell:
    """Understands as much of curl as the guides use."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.data = bench, folder
        self.variables: dict[str, str] = {}

    async def run(self, step: Step) -> str:
        """Do what step says; return what it prints."""
        if step.command.startswith("# "):
            self._happens(step.command)
            return ""
        for name, value in self.variables.items():
            step = Step(step.command.replace(f"${name}", value), step.shown)
        words = shlex.split(step.command.removeprefix("$ "))
        if words[0] == "sleep":
            self.bench.clock.advance(seconds=float(words[1]))
            return ""
        if words[0] == "calotype":
            done = calotype(*words[1:], data=self.data, COLUMNS="200", CALOTYPE_CACHE_MIN_FREE="0")
            assert done.returncode == 0, done.stderr
            return done.stdout.decode()
        if assigned := re.fullmatch(r"(\w+)=(.*)", step.command.removeprefix("$ ")):
            self.variables[assigned[1]] = self.bench.key if "rs_live_" in assigned[2] else assigned[2]
            return ""
        assert words[0] == "curl", step.command
        return await self._curl(words[1:])

    def _happens(self, comment: str) -> None:
        if "is down" in comment:
            self.bench.renderer.failing = NavigationFailed("https://mysite.com/", "net::ERR_FAILED")
        elif "is back" in comment:
            self.bench.renderer.failing = None

    async def _curl(self, words: list[str]) -> str:
        method, url, headers, body, show_head, show_body = "", "", {}, None, False, True
        rest = iter(words)
        for word in rest:
            if word == "-X":
                method = next(rest)
            elif word == "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            elif word == "-d":
                body = next(rest)
            elif word == "-o":
                next(rest)
                show_body = False
            elif word == "-D":
                assert next(rest) == "-"
                show_head = True
            elif word in ("-s", "-sS"):
                pass
            else:
                assert word.startswith(_URL), word
                url = word.removeprefix(_URL)
        self.bench.client.headers.pop("authorization", None)
        reply = await self.bench.client.request(
            method or ("GET" if body is None else "POST"), url, headers=headers, content=body
        )
        head = f"HTTP/1.1 {reply.status_code} {reply.reason_phrase}\n" + "".join(
            f"{name}: {value}\n" for name, value in reply.headers.items()
        )
        return (head if show_head else "") + (reply.text if show_body else "")


def fits(shown: object, found: object) -> bool:
    """Say whether found is what shown says, `...` standing for anything."""
    if isinstance(shown, dict) and isinstance(found, dict):
        return shown.keys() == found.keys() and all(fits(shown[name], found[name]) for name in shown)
    if isinstance(shown, list) and isinstance(found, list):
        return len(shown) == len(found) and all(map(fits, shown, found))
    if isinstance(shown, str) and "..." in shown:
        pattern = ".*".join(map(re.escape, shown.split("...")))
        return re.fullmatch(pattern, str(found), re.DOTALL) is not None
    return shown == found


def check(step: Step, printed: str) -> None:
    if step.shown.startswith("{"):
        assert fits(json.loads(step.shown), json.loads(printed)), f"{step.command}\nprints {printed}"
        return
    lines = printed.replace(_URL, "").splitlines()
    for line in step.shown.splitlines():
        told = any(fits(line.replace(_URL, "").strip(), found.strip()) for found in lines)
        assert told, f"{step.command}\ndoes not print {line!r} but\n{printed}"


@pytest.mark.parametrize("guide", GUIDES)
async def test_every_example_answers_what_the_guide_says(tmp_path, guide):
    taken = list(steps(guide))
    assert len(taken) > 5, "a guide without examples proves nothing"
    async with a_bench(tmp_path / "data", CALOTYPE_PUBLIC_URL=_URL) as bench:
        shell = Shell(bench, tmp_path / "data")
        for step in taken:
            check(step, await shell.run(step))


def test_what_is_shown_is_compared_and_not_only_printed():
    assert not fits({"purged": 2}, {"purged": 3})
    assert not fits({"purged": 2}, {"purged": 2, "soft": False})
    assert fits({"id": "purge_..."}, {"id": "purge_ab"})
    with pytest.raises(AssertionError):
        check(Step("$ curl", "x-cache-status: HIT"), "x-cache-status: MISS\n")
