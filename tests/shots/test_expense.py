"""Whose expense a render is: of whoever has it made, or of the first who gets it when that one has left."""

from __future__ import annotations

import asyncio

from calotype.access.keys import Caller
from calotype.access.limits import Limits
from calotype.access.quotas import Quotas
from calotype.cache.policy import CacheWishes
from calotype.capture.parse import ParsedCapture
from calotype.capture.verdict import FailOn
from calotype.clock import Deadline
from calotype.shots.request import TakeRequest
from calotype.shots.shot import Served, Shot
from tests.support.builders import HERE, a_request

CALLER = Caller(1, "live", "key_one", limits=Limits(credits=100))


def ask(studio, quotas, page):
    capture = ParsedCapture(
        request=a_request(f"https://example.com/{page}"), budget_ms=20_000, fail_on=FailOn(()), unknown=[]
    )
    asked = TakeRequest(
        namespace=HERE, capture=capture, wishes=CacheWishes(), deadline=Deadline.after(20_000),
        allowance=quotas.allowance(CALLER),
    )  # fmt: skip
    return asyncio.create_task(studio.shots.take(asked))


async def three_of_whom_leave(studio, quotas, page, leaving):
    studio.renderer.hold()
    callers = [ask(studio, quotas, page)]
    await studio.renderer.began.acquire()
    callers += [ask(studio, quotas, page) for _ in range(2)]
    await asyncio.sleep(0.05)
    for number in leaving:
        callers[number].cancel()
    await asyncio.sleep(0)
    studio.renderer.release()
    shots = await asyncio.gather(*callers, return_exceptions=True)
    return [shot.served for shot in shots if isinstance(shot, Shot)]


async def test_a_shared_render_is_paid_once_whoever_leaves(studio):
    for page, leaving in enumerate(((), (0,), (0, 1), (1, 2))):
        quotas = Quotas(studio.adapters.meter, studio.clock)
        before = quotas.usage(CALLER).used
        served = await three_of_whom_leave(studio, quotas, page, leaving)

        assert len(served) == 3 - len(leaving)
        assert served.count(Served.MISS) == (0 not in leaving)
        assert quotas.usage(CALLER).used == before + 1
        await quotas.close()
