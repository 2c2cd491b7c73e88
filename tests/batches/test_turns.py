"""Turns: batches of all accounts share what is given to batches."""

from __future__ import annotations

import asyncio

import pytest

from calotype.batches.turns import Turns

A, B, C, X = range(4)
"""Accounts."""


class Queue:
    """Callers that wait for turns, hold them, and give them back when they are told to."""

    def __init__(self, at_once, *more):
        self.turns, self.order, self._tasks = Turns(at_once, *more), [], {}

    async def ask(self, account, weight=1):
        done = asyncio.Event()

        async def hold():
            async with self.turns.turn(account, weight):
                self.order.append(account)
                await done.wait()

        task = asyncio.create_task(hold())
        self._tasks.setdefault(account, []).append((task, done))
        await self.settle()
        return task

    async def finish(self, account):
        """End the turn that account has held for the longest."""
        task, done = self._tasks[account].pop(0)
        done.set()
        await task
        await self.settle()

    async def settle(self):
        for _ in range(5):
            await asyncio.sleep(0)


async def test_no_more_than_so_many_have_a_turn():
    queue = Queue(2)
    for _ in range(3):
        await queue.ask(A)
    assert queue.order == [A, A]

    await queue.finish(A)
    assert queue.order == [A, A, A]


async def test_there_are_fewer_while_others_come_first_and_one_at_least():
    others = True
    queue = Queue(3, 1, lambda: others)
    for _ in range(6):
        await queue.ask(A)
    assert len(queue.order) == 1

    await queue.finish(A)
    assert len(queue.order) == 2
    others = False
    await queue.finish(A)
    assert len(queue.order) == 5

    others = True
    for _ in range(2):
        await queue.finish(A)
    assert len(queue.order) == 5
    await queue.finish(A)
    assert len(queue.order) == 6


async def test_an_account_with_many_does_not_keep_another_waiting():
    queue = Queue(1)
    for account in (A, A, A, A, B, B):
        await queue.ask(account)
    for account in (A, B, A, B, A):
        await queue.finish(account)

    assert queue.order == [A, B, A, B, A, A]


async def test_of_several_turns_each_account_gets_its_share():
    queue = Queue(4)
    for account in (A,) * 8 + (B,) * 8:
        await queue.ask(account)
    for _ in range(4):
        await queue.finish(A)

    assert queue.order == [A] * 4 + [B, B, A, A]


async def test_twice_the_weight_is_twice_the_turns():
    queue = Queue(3)
    await queue.ask(X)
    await queue.ask(X)
    await queue.ask(X)
    for account, weight in ((A, 2), (B, 1)) * 3:
        await queue.ask(account, weight)
    for _ in range(3):
        await queue.finish(X)

    assert sorted(queue.order[3:]) == [A, A, B]


@pytest.mark.parametrize("given", [False, True])
async def test_who_leaves_while_waiting_costs_nobody_a_turn(given):
    queue = Queue(1)
    await queue.ask(A)
    leaving = await queue.ask(B)
    await queue.ask(C)
    leaving.cancel()
    if not given:
        await queue.settle()
    await queue.finish(A)
    assert queue.order == [A, C]

    await queue.finish(C)
    assert queue.turns._lines == {}
    assert queue.turns._running == 0


async def test_who_is_cancelled_in_the_moment_of_its_turn_gives_it_back():
    queue = Queue(1)
    await queue.ask(A)
    leaving = await queue.ask(B)
    await queue.ask(C)
    _, done = queue._tasks[A].pop(0)
    done.set()
    # The turn is b's by the time it hears that it is not wanted any more.
    while queue.turns._lines[B].waiting:  # noqa: ASYNC110  in this very moment, and not later
        await asyncio.sleep(0)
    leaving.cancel()
    await queue.settle()

    assert queue.order == [A, C]
