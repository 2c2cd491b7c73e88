"""Readiness: a real try of every part, a second apart at most, and never longer than anybody waits."""

from __future__ import annotations

import asyncio
import threading

import pytest

from calotype.cache import readiness as module
from calotype.cache.breaker import OPEN_S, Breaker
from calotype.cache.errors import DiskFull, StoreUnavailable
from calotype.cache.readiness import GOOD_FOR_S, Readiness, in_thread
from calotype.findings import Fault


class Part:
    """Something that is tried."""

    def __init__(self):
        self.tries, self.fault, self.error = 0, None, None
        self.goes_on = threading.Event()
        self.goes_on.set()

    def check(self):
        self.tries += 1
        assert self.goes_on.wait(30)
        if self.error is not None:
            raise self.error
        return self.fault


class Ticks:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def parts():
    return {"index": Part(), "blobs": Part()}


@pytest.fixture
async def readiness(parts, ticks):
    yield Readiness({name: in_thread(part.check) for name, part in parts.items()}, ticks)
    for part in parts.values():
        part.goes_on.set()


async def test_it_tells_of_every_part_in_order(readiness, parts, ticks):
    assert list((await readiness.report()).items()) == [("index", None), ("blobs", None)]
    parts["blobs"].fault = Fault.READ_ONLY
    ticks.now += GOOD_FOR_S

    assert list((await readiness.report()).items()) == [("index", None), ("blobs", Fault.READ_ONLY)]


async def test_what_goes_wrong_while_trying_is_a_fault_and_told_to_the_operator(readiness, parts, caplog):
    parts["index"].error = RuntimeError("secret detail")

    assert await readiness.report() == {"index": Fault.FAILING, "blobs": None}
    assert "secret detail" in caplog.text


async def test_however_often_it_is_asked_it_tries_once_a_second(readiness, parts, ticks):
    await asyncio.gather(*(readiness.report() for _ in range(50)))
    ticks.now += GOOD_FOR_S * 0.99
    await readiness.report()
    assert [part.tries for part in parts.values()] == [1, 1]
    ticks.now += GOOD_FOR_S * 0.01
    await readiness.report()

    assert [part.tries for part in parts.values()] == [2, 2]


async def test_a_part_that_does_not_answer_is_told_and_not_tried_again_until_it_has(
    readiness, parts, ticks, monkeypatch
):
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    parts["index"].goes_on.clear()
    for _ in range(3):
        assert await readiness.report() == {"index": Fault.SILENT, "blobs": None}
        ticks.now += GOOD_FOR_S
    assert [part.tries for part in parts.values()] == [1, 3]
    monkeypatch.setattr(module, "PATIENCE_S", 30)
    parts["index"].goes_on.set()

    assert await readiness.report() == {"index": None, "blobs": None}


async def test_a_caller_that_hangs_up_takes_nothing_from_the_others(readiness, parts):
    parts["index"].goes_on.clear()
    leaving, staying = (asyncio.create_task(readiness.report()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    parts["index"].goes_on.set()

    assert await staying == {"index": None, "blobs": None}
    assert parts["index"].tries == 1


@pytest.mark.parametrize(
    ("why", "told"), [(DiskFull("x"), Fault.FULL), (StoreUnavailable("x"), Fault.PAUSED)]
)
async def test_an_open_breaker_is_told_until_it_closes(ticks, why, told):
    breaker = Breaker(lambda: True, ticks)
    assert breaker.check() is None
    breaker.trip(why)
    assert breaker.check() is told
    ticks.now += OPEN_S

    assert breaker.check() is None
