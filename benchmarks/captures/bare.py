"""The bare loop: as little as takes a picture over the DevTools protocol, to measure ours against.

It speaks to the same browser over the same kind of pipe, with the same readiness script and
concurrency, but has no proxy, judges nothing, keeps no deadline and survives no crash.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.faults import BenchmarkFailed
from calotype.render.flags import FLAGS
from calotype.render.process import UNPRIVILEGED
from calotype.render.settle import _LOOK_JS

_BELTS = ("--proxy-server", "--proxy-bypass-list", "--host-resolver-rules")
"""Our flags that send the browser through our proxy; it has none here."""
_PATIENCE_MS = 5000
_SETTLE = f"({_LOOK_JS})({{kind: 'viewport'}}, {_PATIENCE_MS}, false, true, [], [], [])"


class Bare:
    """One browser, and the calls that wait for its answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.WriteTransport, pid: int) -> None:
        self._reader, self._writer, self.pid = reader, writer, pid
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded: dict[str, asyncio.Event] = {}
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            if "id" in message:
                self._calls.pop(message["id"]).set_result(message)
            elif message["method"] == "Page.loadEventFired":
                self._loaded[message["sessionId"]].set()

    async def call(self, method: str, params: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """Return the result of a call, in a page's session or the browser's own."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        answered = self._calls[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps(message).encode() + b"\0")
        answer = await answered
        if "result" not in answer:
            fault = f"the bare loop's {method} failed: {answer}"
            raise BenchmarkFailed(fault)
        result: dict[str, Any] = answer["result"]
        return result

    async def shoot(self, url: str, width: int, height: int) -> bytes:
        """Return the PNG of a page's viewport."""
        context = await self.call("Target.createBrowserContext", {"disposeOnDetach": True})
        target = await self.call("Target.createTarget", {"url": "about:blank", **context})
        attached = await self.call("Target.attachToTarget", {**target, "flatten": True})
        page = attached["sessionId"]
        loaded = self._loaded[page] = asyncio.Event()
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await asyncio.gather(
            self.call("Page.enable", {}, page), self.call("Emulation.setDeviceMetricsOverride", metrics, page)
        )
        await self.call("Page.navigate", {"url": url}, page)
        await loaded.wait()
        settle = {"expression": _SETTLE, "awaitPromise": True, "returnByValue": True}
        await self.call("Runtime.evaluate", settle, page)
        shot = await self.call("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True}, page)
        await self.call("Target.disposeBrowserContext", context)
        del self._loaded[page]
        return base64.b64decode(shot["data"])

    async def close(self) -> None:
        """Stop listening."""
        self._listening.cancel()
        await asyncio.wait([self._listening])
        self._writer.close()


@contextlib.asynccontextmanager
async def bare_browser(binary: Path) -> AsyncIterator[Bare]:
    """Run a browser of our own, as the same user and with the same sandbox as Calotype's."""
    loop = asyncio.get_running_loop()
    browser_reads, we_write = os.pipe()
    we_read, browser_writes = os.pipe()
    with tempfile.TemporaryDirectory(prefix="calotype-bench-", ignore_cleanup_errors=True) as profile:
        process = _start(binary, profile, browser_reads, browser_writes)
        os.close(browser_reads)
        os.close(browser_writes)
        try:
            reader = asyncio.StreamReader(limit=2**28)
            await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(we_read, "rb", buffering=0)
            )
            writer, _ = await loop.connect_write_pipe(
                asyncio.Protocol, os.fdopen(we_write, "wb", buffering=0)
            )
            bare = Bare(reader, writer, process.pid)
            try:
                yield bare
            finally:
                await bare.close()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(binary: Path, profile: str, reads: int, writes: int) -> subprocess.Popen[bytes]:
    root = os.geteuid() == 0
    if root:
        Path(profile).chmod(0o777)
    flags = [flag for flag in FLAGS if not flag.startswith(_BELTS)]
    redirect = ["/bin/sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1', "sh"]
    return subprocess.Popen(
        [*redirect, str(binary), *flags, f"--user-data-dir={profile}"],
        stdin=reads,
        stdout=writes,
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": profile, "TMPDIR": profile},
        user=UNPRIVILEGED if root else None,
    )
