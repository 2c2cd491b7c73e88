"""Followers: open streams take nobody else's places, and a place is free when its stream is over."""

from __future__ import annotations

import contextlib

import pytest

from calotype.api.followers import MAX_STREAMS, STREAMS_OF_ACCOUNT, Followers
from calotype.api.problems import TooManyStreams

SCOPE = {"type": "http", "asgi": {"spec_version": "2.4"}}


async def words():
    yield "retry: 1\n\n"


async def gone(_message):
    raise OSError("the client has gone")


@pytest.fixture
def followers():
    return Followers()


def test_an_account_has_so_many_and_leaves_the_others_theirs(followers):
    # None of them is sent yet: they count from when they are promised.
    for _ in range(STREAMS_OF_ACCOUNT):
        followers.response(1, words())

    with pytest.raises(TooManyStreams, match="20 callers follow batches of this account"):
        followers.response(1, words())
    assert followers.response(2, words()).media_type == "text/event-stream"


def test_all_accounts_together_have_so_many(followers):
    for number in range(MAX_STREAMS):
        followers.response(number, words())

    with pytest.raises(TooManyStreams, match="200 callers follow batches of this server"):
        followers.response(MAX_STREAMS, words())


async def test_a_place_is_free_again_when_its_stream_is_over(followers):
    sent = []

    async def send(message):
        sent.append(message)

    for _ in range(2 * STREAMS_OF_ACCOUNT):
        await followers.response(1, words())(SCOPE, None, send)
    assert {"type": "http.response.body", "body": b"retry: 1\n\n", "more_body": True} in sent


async def test_a_place_is_free_again_when_the_client_has_gone_before_the_first_word(followers):
    for _ in range(2 * STREAMS_OF_ACCOUNT):
        with contextlib.suppress(Exception):
            await followers.response(1, words())(SCOPE, None, gone)

    assert followers.response(1, words()) is not None
    assert followers._of == {1: 1}
