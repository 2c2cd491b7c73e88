"""What the benchmark of captures reads of its rivals is true."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.captures.group import counted
from benchmarks.captures.rival import cpu_of, in_turns, memory_of, relatives

BUSY = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, '-c', {BUSY!r}])
print('done', flush=True)
input()
"""


@pytest.fixture
def parent():
    """A process that has reaped a busy child and does nothing itself."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        yield process


def name_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_what_a_reaped_child_used_is_the_browsers(parent):
    spent = cpu_of(relatives(parent.pid), "no such program")

    assert spent.browser_s >= 0.3
    assert spent.driver_s < spent.browser_s


def test_a_program_by_the_browsers_name_is_the_browser(parent):
    spent = cpu_of(relatives(parent.pid), name_of(parent.pid))

    assert spent.driver_s == 0
    assert spent.browser_s >= 0.3


def test_memory_is_that_of_all_its_processes(parent):
    assert (memory_of(relatives(parent.pid)) or 0) > 1
    assert memory_of([2**30]) is None


def test_a_group_counts_those_that_are_gone():
    with counted("test") as group:
        if group is None:
            pytest.skip("this machine or user may make no control groups")
        with subprocess.Popen([sys.executable, "-c", f"input()\n{BUSY}"], stdin=subprocess.PIPE) as process:
            group.take_in(process.pid)
            process.communicate(b"\n")
        assert group.cpu_s() >= 0.3


async def test_no_more_are_taken_at_once_than_asked():
    at_once, most, taken = 0, 0, []

    async def take(url):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        taken.append(url)

    await in_turns(["a", "b", "c", "d", "e"], 2, take)

    assert sorted(taken) == ["a", "b", "c", "d", "e"]
    assert most == 2
