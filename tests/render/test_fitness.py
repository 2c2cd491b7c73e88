"""The browser's fitness: found by trying, believed for a while, and mended by who asks for it."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from calotype.capture.errors import QueueFull
from calotype.findings import Fault
from calotype.render import fitness as module
from calotype.render.find import find_browser
from tests.render.asking import browser_pid, members, take, until
from tests.render.chaos import BUSY_S, of_kind

QUICK = {"open_timeout_s": 2.0, "dispose_timeout_s": 1.0}
"""A browser that stands still is given up sooner than usual, so that these tests are over soon."""


async def becomes(renderer, fault: Fault | None, within_s: float = 30) -> None:
    """Ask until this is the answer; every answer comes in time."""
    give_up = time.monotonic() + within_s
    while True:
        asked = time.monotonic()
        told = await renderer.check()
        assert time.monotonic() - asked < module.PATIENCE_S + BUSY_S
        if told is fault:
            return
        assert time.monotonic() < give_up, f"it stays {told}"
        await asyncio.sleep(0.05)


def time_passes(renderer, seconds: float) -> None:
    """Let every proof be so much older."""
    for house in renderer._pool._houses.all:
        house.pictured_at -= seconds
        house.passed_at -= seconds


def exams(renderer) -> float:
    (house,) = renderer._pool._houses.all
    at: float = house.examined_at
    return at


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    monkeypatch.setattr(module, "AGAIN_S", 1.0)


@pytest.fixture
def browser(profiles):
    """The path of a browser that can be taken away."""
    script = profiles / "browser.sh"
    script.write_text(f'#!/bin/sh\nexec {find_browser(None)} "$@"\n')
    script.chmod(0o755)
    yield script
    script.unlink(missing_ok=True)


async def test_the_first_who_asks_starts_the_browser_and_the_first_capture_finds_it_there(a_renderer, site):
    async with a_renderer() as renderer:
        assert renderer._pool._houses.all == []
        await becomes(renderer, None)
        first = browser_pid(renderer)

        await take(renderer, site.url("/home"))
        assert browser_pid(renderer) == first


async def test_an_answer_is_good_for_a_while_and_a_new_one_is_made_before_it_is_not(a_renderer, monkeypatch):
    async with a_renderer() as renderer:
        await becomes(renderer, None)
        examined = exams(renderer)
        time_passes(renderer, module.RENEWED_AFTER_S / 2)
        for _ in range(20):
            assert await renderer.check() is None
        assert exams(renderer) == examined
        time_passes(renderer, module.RENEWED_AFTER_S / 2)

        monkeypatch.setattr(module, "PATIENCE_S", 60)
        async with renderer._pool._exam_room:  # Nobody waits for the new one.
            assert await asyncio.wait_for(renderer.check(), 20) is None
        await until(lambda: exams(renderer) > examined)
        await until(lambda: renderer._pool.fitness._trying is None, 20)
        assert renderer._pool.fitness._age_s() < module.RENEWED_AFTER_S


async def test_a_capture_that_came_to_its_end_is_as_good_a_proof(a_renderer, site):
    async with a_renderer() as renderer:
        await take(renderer, site.url("/home"))

        assert await renderer.check() is None
        assert exams(renderer) == float("-inf")


async def test_many_who_ask_at_once_cost_one_exam_and_who_leaves_stops_nothing(a_renderer):
    async with a_renderer() as renderer:
        asking = [asyncio.create_task(renderer.check()) for _ in range(20)]
        await asyncio.sleep(0)
        assert sum(task.get_name() == "browser exam" for task in asyncio.all_tasks()) == 1
        asking[0].cancel()
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(told[0], asyncio.CancelledError)
        assert len(set(told[1:])) == 1

        await becomes(renderer, None)
        assert len(renderer._pool._houses.all) == 1


async def test_a_browser_that_was_killed_is_replaced_by_asking(a_renderer):
    async with a_renderer() as renderer:
        await becomes(renderer, None)
        first = browser_pid(renderer)
        os.kill(first, signal.SIGKILL)
        await until(lambda: not renderer._pool._houses.all)

        await becomes(renderer, None)
        assert browser_pid(renderer) != first


@pytest.mark.parametrize("kind", ["browser", "gpu", "network"])
async def test_a_browser_of_which_a_part_stands_still_is_told_and_replaced(a_renderer, kind):
    async with a_renderer(**QUICK) as renderer:
        await becomes(renderer, None)
        first = browser_pid(renderer)
        for pid in of_kind(kind, first):
            os.kill(pid, signal.SIGSTOP)
        time_passes(renderer, module.HOLDS_S)

        # On a busy machine patience may end no sooner than the exam.
        assert await renderer.check() in (Fault.SILENT, Fault.FAILING)
        await becomes(renderer, None)
        assert browser_pid(renderer) != first
        await until(lambda: not members(first), 20)


async def test_a_browser_that_does_not_start_is_told_and_left_in_peace_for_a_while(
    a_renderer, browser, profiles, monkeypatch
):
    monkeypatch.setattr(module, "AGAIN_S", 60.0)
    starts, real = profiles / "starts", browser.read_text()
    starts.touch()
    starts.chmod(0o666)
    browser.write_text(f"#!/bin/sh\necho >>{starts}\nexit 1\n")
    async with a_renderer(binary=browser) as renderer:
        await becomes(renderer, Fault.FAILING)
        tried = starts.stat().st_size
        assert tried
        for _ in range(5):
            assert await renderer.check() is Fault.FAILING
        assert starts.stat().st_size == tried

        browser.write_text(real)
        renderer._pool.fitness._rests_until = 0
        await becomes(renderer, None)
    starts.unlink()


async def test_a_browser_that_takes_its_time_to_start_is_told_as_starting(a_renderer, browser, profiles):
    gate = profiles / "gate"
    browser.write_text(
        f'#!/bin/sh\nwhile ! [ -e {gate} ]; do sleep 0.05; done\nexec {find_browser(None)} "$@"\n'
    )
    async with a_renderer(binary=browser) as renderer:
        await becomes(renderer, Fault.STARTING)
        gate.touch()
        await becomes(renderer, None)
    gate.unlink()


async def test_closing_waits_for_no_browser_that_does_not_start(a_renderer, browser):
    browser.write_text("#!/bin/sh\nexec sleep 60\n")
    async with a_renderer(binary=browser) as renderer:
        await becomes(renderer, Fault.STARTING)
        closing = time.monotonic()

    assert time.monotonic() - closing < 2 * BUSY_S


async def test_a_browser_that_makes_the_wrong_picture_is_told(a_renderer, monkeypatch):
    monkeypatch.setattr("calotype.render.exam.COLOUR", (1, 2, 3))
    async with a_renderer() as renderer:
        await becomes(renderer, Fault.FAILING)
        monkeypatch.undo()
        await becomes(renderer, None)


async def test_a_full_queue_is_no_fault_even_where_no_capture_comes_to_its_end(a_renderer, site):
    async with a_renderer(concurrency=1, queue_limit=1) as renderer:
        await becomes(renderer, None)
        waiting = [asyncio.create_task(take(renderer, site.url("/held/full"), 60_000)) for _ in range(2)]
        await site.arrival("full")
        with pytest.raises(QueueFull):
            await take(renderer, site.url("/home"))
        time_passes(renderer, module.HOLDS_S)

        await becomes(renderer, None)
        assert not any(task.done() for task in waiting)
        site.release("full")
        await asyncio.gather(*waiting)


async def test_a_picture_that_comes_while_an_exam_is_late_is_proof_enough(a_renderer, site):
    async with a_renderer() as renderer:
        await becomes(renderer, None)
        # Nobody passes: the room in which exams are held is taken.
        async with renderer._pool._exam_room:
            time_passes(renderer, module.HOLDS_S)
            assert await renderer.check() is Fault.SILENT
            await take(renderer, site.url("/home"))
            assert await renderer.check() is None


async def test_closing_stops_an_exam_that_is_under_way(a_renderer):
    async with a_renderer(**QUICK) as renderer:
        await becomes(renderer, None)
        os.kill(browser_pid(renderer), signal.SIGSTOP)
        time_passes(renderer, module.HOLDS_S)
        asking = asyncio.create_task(renderer.check())
        await until(lambda: renderer._pool.fitness._trying is not None)

    assert await asking is Fault.FAILING
    assert await renderer.check() is Fault.FAILING
