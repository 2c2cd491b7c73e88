"""A real S3-compatible server on loopback, SeaweedFS, and a gate in front of it that a test can shut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx

START_WITHIN_S = 60.0
STOP_WITHIN_S = 20.0
WRITER = ("AKIAWRITER", "writers-secret/AbC+123")
"""May write and delete everywhere; a bucket is there once it is written to."""
READER = ("AKIAREADER", "readers-secret/AbC+123")
"""May only read."""
_IDENTITIES = {
    "identities": [
        {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
        for name, (key, secret), actions in (
            ("writer", WRITER, ["Admin", "Read", "Write", "List"]),
            ("reader", READER, ["Read", "List"]),
        )
    ]
}
_PORTS = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]


class Weed:
    """The server. What is in its buckets is looked at by another door of its than the one that is tested."""

    def __init__(self, folder: Path) -> None:
        """Start it in folder; it has started when it answers."""
        binary = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        assert binary is not None, "SeaweedFS is missing; make setup-dev brings it"
        config = folder / "s3.json"
        config.write_text(json.dumps(_IDENTITIES))
        ports = _free_ports(*_PORTS)
        options = [f"-{name}={port}" for name, port in ports.items()]
        # Each bucket takes a few volumes.
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=500"]
        options += ["-master.volumeSizeLimitMB=16", "-master.telemetry=false"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    binary, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                    "-filer", "-s3", f"-s3.config={config}", *options,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.port = ports["s3.port"]
        self._files = httpx.Client(base_url=f"http://127.0.0.1:{ports['filer.port']}", trust_env=False)
        self._wait_until_it_answers(folder / "log")

    @property
    def at(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def get(self, bucket: str, path: str) -> httpx.Response:
        """Return the object at path, or 404."""
        return self._files.get(f"/buckets/{bucket}/{path}")

    def delete(self, bucket: str, path: str) -> None:
        """Delete the object at path, as lifecycle rules of the bucket would."""
        self._files.delete(f"/buckets/{bucket}/{path}").raise_for_status()

    def stop(self) -> None:
        """Kill it: it would take its time to say goodbye, and nobody needs what it holds."""
        self._files.close()
        self._process.kill()
        self._process.wait(STOP_WITHIN_S)

    def _writes(self) -> bool:
        """Say whether it has a place for what is written to it by now."""
        return self._files.post("/buckets/ready/ready", files={"file": b"ready"}).is_success

    def _wait_until_it_answers(self, log: Path) -> None:
        end = time.monotonic() + START_WITHIN_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                # Without a key it is refused, but by somebody who is there.
                answer = httpx.get(f"http://{self.at}/", trust_env=False)
                if answer.status_code == httpx.codes.FORBIDDEN and self._writes():
                    return
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"SeaweedFS did not start:\n{log.read_text('utf-8', 'replace')[-3000:]}")
            time.sleep(0.05)


class Gate:
    """Passes on what comes to a server behind it, unless it is shut; counts who came."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self.answer: bytes | None = None
        """What is answered instead, without a look at the server behind."""
        self.connections = 0
        self.heads: list[str] = []
        """What of each request came in the first piece."""
        self.port = 0
        self._held: asyncio.Event | None = None
        self._whom = ""

    @property
    def url(self) -> str:
        """The address of the server, by way of this."""
        return f"http://127.0.0.1:{self.port}"

    def fail(self, status: str, code: str = "") -> None:
        """Answer so from now on."""
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>" if code else ""
        self.answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def hold(self, whom: str = "") -> None:
        """Let those who come from now on, and whose request has whom in it, wait until release()."""
        self._held, self._whom = asyncio.Event(), whom

    def release(self) -> None:
        """Let everybody go on."""
        if self._held is not None:
            self._held.set()
        self._held = None

    def open(self) -> None:
        """Pass on again."""
        self.answer = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            first = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(first.decode("latin-1"))
            if self._held is not None and self._whom in self.heads[-1]:
                await self._held.wait()
            if self.answer is not None:
                writer.write(self.answer)
                await writer.drain()
                return
            there, onwards = await asyncio.open_connection("127.0.0.1", self._behind)
            with contextlib.closing(onwards):
                onwards.write(first)
                await asyncio.gather(_pour(reader, onwards), _pour(there, writer))


@asynccontextmanager
async def a_gate(behind: int) -> AsyncIterator[Gate]:
    """Open a gate, and close it with all that is connected to it."""
    gate = Gate(behind)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(gate.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    gate.port = server.sockets[0].getsockname()[1]
    try:
        yield gate
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    # Who has said all may be answered yet, and who has answered all is heard out.
    writer.close()


def _free_ports(*names: str) -> dict[str, int]:
    with ExitStack() as held:
        sockets = {name: held.enter_context(socket.create_server(("127.0.0.1", 0))) for name in names}
        return {name: each.getsockname()[1] for name, each in sockets.items()}
