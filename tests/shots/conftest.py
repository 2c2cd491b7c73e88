"""A studio: the whole cache and Shots, with a renderer that gives the next picture each time."""

from __future__ import annotations

import pytest

from tests.support.clock import HandClock
from tests.support.shots import a_studio


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def studio(tmp_path, clock):
    async with a_studio(tmp_path, clock) as studio:
        yield studio


@pytest.fixture
def renderer(studio):
    return studio.renderer
