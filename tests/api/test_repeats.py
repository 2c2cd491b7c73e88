"""Repeated hits, over real connections: quicker, and never another answer than the first."""

from __future__ import annotations

import pytest_asyncio

from tests.support.builders import HERE
from tests.support.scene import a_scene


@pytest_asyncio.fixture
async def scene(tmp_path):
    async with a_scene(tmp_path / "data") as scene:
        yield scene


def same(one, other):
    """Say whether two answers differ in nothing but the request's id and the date."""
    own = ("x-request-id", "date")
    return (one[0], {k: v for k, v in one[1].items() if k not in own}, one[2]) == (
        other[0], {k: v for k, v in other[1].items() if k not in own}, other[2],
    )  # fmt: skip


async def test_a_hit_that_is_asked_for_again_is_the_same_but_for_its_id(scene):
    get = await scene.store()
    first, second = await scene.send(get), await scene.send(get)

    assert scene.repeats.given == 1
    assert same(first, second)
    assert first[1]["x-request-id"] != second[1]["x-request-id"]


async def test_a_capture_request_that_hits_repeats_too(scene):
    await scene.store()
    first, second = await scene.send(scene.capture()), await scene.send(scene.capture())

    assert scene.repeats.given == 1
    assert same(first, second)


async def test_the_public_link_repeats(scene):
    path = (await scene.send(await scene.store()))[1]["x-cache-url"].removeprefix("http://calotype.test")
    request = f"GET {path} HTTP/1.1\r\nHost: calotype.test\r\n\r\n".encode()
    first, second = await scene.send(request), await scene.send(request)

    assert scene.repeats.given == 1
    assert same(first, second)


async def test_tags_repeat_too(scene):
    request = scene.capture(cache={"tags": ["shop", "p-1"]})
    await scene.send(request)
    for _ in range(2):
        _, headers, _ = await scene.send(request)
        assert (headers["cache-groups"], headers["surrogate-key"]) == ('"p-1", "shop"', "p-1 shop")

    assert scene.repeats.given == 1


async def test_its_age_and_what_is_left_of_it_move_with_the_clock(scene):
    get = await scene.store()
    for _ in range(2):
        await scene.send(get)
    scene.clock.advance(seconds=7)
    _, headers, _ = await scene.send(get)

    assert scene.repeats.given == 2
    assert (headers["age"], headers["cache-status"]) == ("7", "calotype; hit; ttl=86393")


async def test_nothing_repeats_after_a_purge_was_answered(scene):
    get = await scene.store()
    await scene.send(get)
    purge = scene.head("POST", "/v1/cache/purge", body=b'{"all": true}')
    assert (await scene.send(purge))[0] == 200

    assert (await scene.send(get))[0] == 404


async def test_nothing_repeats_once_it_has_expired(scene):
    get = await scene.store()
    await scene.send(get)
    scene.clock.advance(days=1)

    assert (await scene.send(get))[0] == 404


async def test_nothing_repeats_for_a_key_that_was_revoked(scene):
    get = await scene.store()
    await scene.send(get)
    await scene.service.remembering.keys.revoke(scene.key_id)

    assert (await scene.send(get))[0] == 401


async def test_a_refresh_and_a_json_reply_are_answered_anew_each_time(scene):
    await scene.store()
    for options in ({"cache": {"refresh": True}}, {"cache": {"enabled": False}}, {"response_type": "json"}):
        for _ in range(3):
            assert (await scene.send(scene.capture(**options)))[0] == 200

    assert scene.repeats.given == 0


async def test_a_condition_that_holds_is_told_each_time(scene):
    get = await scene.store()
    etag = (await scene.send(get))[1]["etag"]
    conditional = get[:-2] + f"If-None-Match: {etag}\r\n\r\n".encode()

    assert [(await scene.send(conditional))[0] for _ in range(3)] == [304, 304, 304]


async def test_a_range_is_cut_each_time(scene):
    get = await scene.store()
    await scene.send(get)
    part = get[:-2] + b"Range: bytes=0-3\r\n\r\n"

    assert [(await scene.send(part))[2] for _ in range(3)] == [b"\x89PNG"] * 3


async def test_head_never_brings_a_body(scene):
    get = await scene.store()
    head = get.replace(b"GET", b"HEAD")
    for _ in range(3):
        scene.writer.write(head)
        answer = await scene.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
    assert (await scene.send(get))[0] == 200


async def test_two_requests_in_one_piece_get_two_answers_in_order(scene):
    get = await scene.store()
    unknown = get.replace(b"/v1/cache/", b"/v1/cache/un")
    for _ in range(3):
        assert (await scene.send(get + unknown))[0] == 200
        assert (await scene.receive())[0] == 404
        assert (await scene.send(unknown + get))[0] == 404
        assert (await scene.receive())[0] == 200


async def test_a_request_in_pieces_is_answered_whole(scene):
    get = await scene.store()
    whole = await scene.send(get)

    assert same(await scene.send(get[:20], get[20:]), whole)
    assert same(await scene.send(get), whole)


async def test_a_repeated_hit_counts_as_wanted(scene):
    get = await scene.store()
    await scene.send(get)
    (place,) = [entry.place for entry in (await scene.service.remembering.store.page(HERE, None, None, 9))[0]]
    touched = scene.service.remembering.room.touched
    touched.take(place)

    await scene.send(get)

    assert scene.repeats.given == 1
    assert touched.take(place)
