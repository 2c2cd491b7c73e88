"""The front, byte by byte: what is no whole request is no request, and nobody is waited for without end."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from calotype.api import front
from tests.support.scene import a_scene

JAVA = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
CAPTURE = b'{"url": "https://example.com/"}'


@pytest_asyncio.fixture
async def scene(tmp_path):
    async with a_scene(tmp_path / "data") as scene:
        yield scene


async def silence(scene):
    """Say whether nothing comes for a while; what would come would be there at once."""
    try:
        async with asyncio.timeout(0.3):
            return await scene.reader.read(1) == b""
    except TimeoutError:
        return True


@pytest.mark.parametrize("early", ["POST /v1/screenshot", "GET /healthz", "GET /nowhere"])
async def test_the_body_of_a_request_that_was_answered_early_is_not_taken_for_a_request(scene, early):
    get = await scene.store()
    for _ in range(3):
        assert (await scene.send(get))[0] == 200
    assert scene.repeats.given > 0
    head = f"{early} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(get)}\r\n\r\n".encode()

    await scene.send(head)
    scene.writer.write(get)

    assert await silence(scene)
    assert (await scene.send(scene.head("GET", "/nowhere")))[0] == 404, "the connection is in step again"


@pytest.mark.parametrize("pieces", [1, 2])
async def test_an_offer_to_upgrade_costs_nobody_the_body(scene, pieces):
    request = scene.head("POST", "/v1/screenshot", *JAVA, body=CAPTURE)
    cut = len(request) - len(CAPTURE)
    parts = [request] if pieces == 1 else [request[:cut], request[cut:]]

    status, headers, body = await scene.send(*parts)

    assert (status, headers["content-type"]) == (200, "image/png")
    assert (await scene.send(*parts))[2] == body


async def test_a_header_called_upgrade_in_the_body_stays_as_it_is(scene):
    html = b'{"html": "<pre>\\r\\nUpgrade: now</pre>"}'

    status, _, _ = await scene.send(scene.head("POST", "/v1/screenshot", *JAVA, body=html))

    assert status == 200
    (render,) = scene.renderer.renders
    assert render.negative.target.html == "<pre>\r\nUpgrade: now</pre>"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * front.MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nX-Long: " + b"a" * front.MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + b"X-More: a\r\n" * (front.MAX_HEAD_BYTES // 11 + 1),
    ],
)
async def test_a_head_without_end_is_refused_in_our_own_words(scene, head):
    half = len(head) // 2
    status, headers, body = await scene.send(head[:half], head[half:])

    assert (status, headers["connection"]) == (431, "close")
    assert b'"code":"head_too_large"' in body
    assert b'"request_id":"req_' in body
    assert await scene.reader.read() == b""


async def test_a_head_that_just_fits_is_read(scene):
    plain = scene.head("GET", "/healthz")
    padding = front.MAX_HEAD_BYTES - len(plain) - len("X-Pad: \r\n") - 4
    status, _, _ = await scene.send(scene.head("GET", "/healthz", "X-Pad: " + "a" * padding))

    assert status == 200


async def test_a_large_body_behind_a_small_head_is_no_large_head(scene):
    body = b'{"url": "https://example.com/", "pad": "' + b"a" * (4 * front.MAX_HEAD_BYTES) + b'"}'
    request = scene.head("POST", "/v1/screenshot", body=body)
    end = request.index(b"\r\n\r\n") + 2

    assert (await scene.send(request[:end], request[end:]))[0] == 200


async def test_what_is_no_http_is_told_in_the_shape_of_every_error(scene):
    status, _, body = await scene.send(b"HELLO\r\n\r\n")

    assert status == 400
    assert b'"code":"invalid_request"' in body


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /healthz HT",
        b"POST /v1/screenshot HTTP/1.1\r\nContent-Length: 10\r\nAuthorization: Bearer KEY\r\n\r\n{",
    ],
)
async def test_who_does_not_finish_a_request_is_hung_up_on(tmp_path, monkeypatch, said):
    monkeypatch.setattr(front, "PATIENCE_S", 0.2)
    async with a_scene(tmp_path / "data") as scene:
        scene.writer.write(said.replace(b"KEY", scene.key.encode()))
        async with asyncio.timeout(10):
            assert await scene.reader.read() == b""


async def test_patience_ends_with_the_request_and_not_with_its_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(front, "PATIENCE_S", 0.2)
    async with a_scene(tmp_path / "data") as scene:
        scene.renderer.hold()
        scene.writer.write(scene.capture())
        await scene.renderer.began.acquire()
        await asyncio.sleep(0.4)  # twice the patience, none of which this request needs
        scene.renderer.release()

        assert (await scene.receive())[0] == 200
