"""Brings the machine and .venv to what is needed, and says what it does."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from provision import environment, lists, machine
from provision.environment import Stamp, run, say
from provision.faults import StepFailed, diagnose
from provision.needs import Machine, Need, commands, missing, refresh, remedy

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Do what `make setup` or, with --dev, `make setup-dev` promises; return the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/setup.py", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="what tests, checks and benchmarks need, too")
    parser.add_argument("--wheel", action="store_true", help="install calotype from a wheel, not editable")
    options = parser.parse_args(arguments)
    try:
        with _alone(ROOT):
            return _set_up(dev=options.dev, wheel=options.wheel, ci=os.environ.get("CI") == "true")
    except StepFailed as failure:
        _report(failure)
    except OSError as exc:
        _report(StepFailed(f"set-up failed: {exc}", diagnose(str(exc))))
    except KeyboardInterrupt:
        print("setup: interrupted; run the same command again to go on", file=sys.stderr)
    return 1


def _set_up(*, dev: bool, wheel: bool, ci: bool) -> int:
    venv = ROOT / ".venv"
    stamp = Stamp.read(venv)
    starts = _Starts(stamp.browser)
    here = machine.look(starts=starts)
    needs: Sequence[Need] = missing(here, dev=dev, ci=ci)
    tried = dict(stamp.tried)
    told = os.environ.get("CALOTYPE_BROWSER")
    if told and here.browser is None:
        raise StepFailed(f"CALOTYPE_BROWSER is {told}, which cannot be run", "correct it or unset it")
    if needs:
        here, needs, tried = _add_packages(here, needs, tried, starts, dev=dev, ci=ci)
    if not here.ensurepip:
        raise StepFailed("Python here cannot make virtual environments", _remedy(needs))

    aim = environment.wanted(ROOT, dev=dev, wheel=wheel)
    todo = environment.work(stamp, aim, usable=environment.usable(venv))
    if todo:
        stamp = environment.bring_about(todo, aim, stamp, venv)
    fetched, tried = _add_lists(venv, tried)
    noted = replace(stamp, browser=starts.seen, tried=tried)
    if noted != stamp:
        noted.write(venv)

    for need in needs:
        say(f"{'MISSING' if need.required else 'warning'}: {need.what}; {need.without}")
    if needs:
        say(f"to mend it: {_remedy(needs)}")
    if any(need.required for need in needs) or (ci and not lists.are_there(venv)):
        return 1
    if not todo and not needs and not fetched:
        say("nothing to do")
    return 0


def _add_packages(
    here: Machine, needs: Sequence[Need], tried: dict[str, str], starts: _Starts, *, dev: bool, ci: bool
) -> tuple[Machine, Sequence[Need], dict[str, str]]:
    """Install what can be installed; return what is there then, what is still missing, and what was tried."""
    today = datetime.now(UTC).date().isoformat()
    # What one can do without is tried once a day: a machine without network must not wait for it each time.
    due = [need for need in needs if need.required or tried.get(need.name) != today]
    means = machine.means(due)
    if due and means.prefix is not None:
        update = refresh(means)
        if update:
            say(update.purpose)
            try:
                run(update.purpose, *update.argv)
            except StepFailed as failure:
                # One stale repository must not stop us; what cannot be installed shows below.
                say(f"{failure.what}, going on with the lists that are there")
            means = machine.means(due)
        for command in commands(due, means):
            say(command.purpose)
            try:
                run(command.purpose, *command.argv)
            except StepFailed as failure:
                if command.required:
                    failure.remedy += f", by hand: {remedy(due, means)}"
                    raise
                say(f"{failure.what}: {failure.remedy}")
        here = machine.look(starts=starts)
        needs = missing(here, dev=dev, ci=ci)
        tried = {need.name: today for need in needs if not need.required}
    return here, needs, tried


def _add_lists(venv: Path, tried: dict[str, str]) -> tuple[bool, dict[str, str]]:
    """Fetch filter lists, unless there are fresh ones or it failed today; return whether it was tried."""
    today = datetime.now(UTC).date().isoformat()
    if lists.are_fresh(venv) or tried.get("lists") == today:
        return False, tried
    say(f"fetching lists of ads and trackers from the package {lists.PACKAGE}, which is not installed")
    try:
        _fetch_lists(venv)
    except (StepFailed, OSError) as failure:
        kept = "those that are there stay" if lists.are_there(venv) else "the short built-in ones are used"
        say(f"warning: {failure}; {kept} (see docs/blocking.md)")
        return True, {**tried, "lists": today}
    return True, {need: day for need, day in tried.items() if need != "lists"}


def _fetch_lists(venv: Path) -> None:
    try:
        lists.fetch(venv)
    except StepFailed:
        update = refresh(machine.means(()))
        if update is None:
            raise
        # On a fresh machine apt knows of no package at all.
        run(update.purpose, *update.argv)
        lists.fetch(venv)


def _remedy(needs: Sequence[Need]) -> str:
    return remedy(needs, machine.means(needs))


class _Starts:
    """Says whether a browser starts, and remembers the one that did, so that it is asked only once."""

    def __init__(self, seen: str) -> None:
        self.seen = seen

    def __call__(self, path: str) -> bool:
        mark = f"{path} {Path(path).stat().st_mtime_ns}"
        if mark == self.seen:
            return True
        starts = machine.browser_starts(path)
        if starts:
            self.seen = mark
        else:
            say(f"{path} --version fails, so that browser is passed over")
        return starts


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold root for one set-up at a time: `make serve` and `make test` may be started together."""
    folder = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout is at work; waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _report(failure: StepFailed) -> None:
    for line in failure.output.strip().splitlines()[-20:]:
        print(f"    {line}", file=sys.stderr)
    print(f"setup: {failure.what}.\nsetup: What helps: {failure.remedy}.", file=sys.stderr)
