"""Breaker: how long nothing is stored, and what for."""

from __future__ import annotations

import pytest

from calotype.cache.breaker import OPEN_S, Breaker
from calotype.cache.errors import DiskFull, StoreUnavailable


class Disk:
    """Says whether there is room for the ballast, and counts how often it was asked."""

    def __init__(self):
        self.room, self.asked, self.now = True, 0, 1000.0

    def lay(self):
        self.asked += 1
        return self.room

    def clock(self):
        return self.now


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def breaker(disk):
    return Breaker(disk.lay, disk.clock)


async def test_as_long_as_nothing_fails_every_store_is_let_through(breaker, disk):
    for _ in range(3):
        await breaker.admit()

    assert disk.asked == 3


@pytest.mark.parametrize("kind", [DiskFull, StoreUnavailable])
async def test_after_a_failure_the_disk_is_left_in_peace_and_the_reason_told(breaker, disk, kind):
    breaker.trip(kind("broken"))
    for _ in range(5):
        disk.now += OPEN_S / 5 - 0.001
        with pytest.raises(StoreUnavailable, match="broken") as told:
            await breaker.admit()
        assert type(told.value) is kind
    assert disk.asked == 0

    disk.now += 0.01
    await breaker.admit()
    await breaker.admit()
    assert disk.asked == 2


async def test_without_room_for_the_ballast_no_picture_is_stored(breaker, disk):
    disk.room = False
    for _ in range(4):
        with pytest.raises(DiskFull):
            await breaker.admit()
    assert disk.asked == 1

    disk.room = True
    disk.now += OPEN_S
    await breaker.admit()
