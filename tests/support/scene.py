"""A server on a socket of its own, and one connection on which a test says every byte itself."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import uvicorn

from calotype.api.app import Parts, build_app
from calotype.api.base_url import BaseUrl
from calotype.api.front import front
from calotype.api.repeats import Repeats
from calotype.bootstrap import open_service
from calotype.settings import load_settings
from tests.support.clock import HandClock
from tests.support.renderer import CannedRenderer


class Counted(Repeats):
    """Counts what it answers."""

    given = 0

    def answer(self, request, server_headers):
        reply = super().answer(request, server_headers)
        self.given += reply is not None
        return reply


class Scene:
    """A server on a port, a key, and one connection to it."""

    def __init__(self, service, repeats, renderer, clock, key, key_id, reader, writer, port, plain_app):
        self.service, self.repeats, self.renderer, self.clock = service, repeats, renderer, clock
        self.key, self.key_id, self.reader, self.writer = key, key_id, reader, writer
        self.port, self.plain_app = port, plain_app
        """Another door to the same service, to which no nginx is told of."""

    def head(self, method, path, *more, body=b""):
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: calotype.test",
            f"Authorization: Bearer {self.key}",
            *more,
        ]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def capture(self, **options):
        return self.head(
            "POST", "/v1/screenshot", body=json.dumps({"url": "https://example.com/", **options}).encode()
        )

    async def send(self, *pieces):
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.01)
        return await self.receive()

    async def receive(self):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:-2])
        body = await self.reader.readexactly(
            int(headers.get("content-length", 0)) if " 304 " not in head[0] else 0
        )
        return int(head[0].split()[1]), headers, body

    async def store(self):
        """Take the picture; return the request that gets it by its key."""
        status, headers, _ = await self.send(self.capture())
        assert status == 200
        return self.head("GET", f"/v1/cache/{headers['x-cache-key']}")


@asynccontextmanager
async def a_scene(folder, **environ):
    clock = HandClock()
    settings = load_settings(
        {"data": str(folder)},
        {"CALOTYPE_PUBLIC_URL": "http://calotype.test", "CALOTYPE_CACHE_MIN_FREE": "0", **environ},
    )
    renderer = CannedRenderer()
    async with open_service(settings, renderer, clock) as service:
        kept = service.remembering
        repeats = Counted(kept.version, kept.hot, kept.room.touched, kept.authenticator.quotas, clock)
        parts = Parts(
            shots=service.shots, batches=service.batches, teller=service.teller, store=kept.store,
            authenticator=kept.authenticator,
            base_url=BaseUrl(settings.public_url, settings.host, settings.port), clock=clock,
            readiness=service.readiness, accel=settings.accel_prefix,
        )  # fmt: skip
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            build_app(parts), http=front(repeats), ws="none", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        key, about = await kept.authenticator.create("default", "live", "")
        try:
            port = listener.getsockname()[1]
            plain = build_app(replace(parts, accel=""))
            yield Scene(service, repeats, renderer, clock, key, about.id, reader, writer, port, plain)
        finally:
            writer.close()
            server.should_exit = True
            await serving
