"""wrk: sends prepared requests as fast as they are answered, and checks that they were answered."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.faults import BenchmarkFailed
from benchmarks.machine import cpu_s, find_program, pinned

CONNECTIONS = 16
_SCRIPT = """
local requests = dofile(os.getenv("REQUESTS"))
local at, sent = 0, 0
local numbered = requests[1]:find("NUMBER", 1, true)
request = function()
  at, sent = at % #requests + 1, sent + 1
  return numbered and (requests[at]:gsub("NUMBER", sent)) or requests[at]
end
done = function(summary, latency)
  local errors = summary.errors
  print(string.format(
    '@{"requests": %d, "duration_us": %d, "bytes": %d, "errors": %d, "p50_us": %d, "p99_us": %d}',
    summary.requests, summary.duration, summary.bytes,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class _Summary(msgspec.Struct, frozen=True):
    requests: int
    duration_us: int
    bytes: int
    errors: int
    p50_us: int
    p99_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One short run against one rival."""

    per_s: float
    p50_ms: float
    p99_ms: float
    per_cpu_s: float
    """Requests per second of the server's processor time: what one whole core would give."""
    server_cpu: float
    """The share of a core that the server used."""
    load_cpu: float
    """The share of a core that wrk used; near 1 it is wrk that was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A door that is knocked on."""

    name: str
    port: int
    size_bytes: int
    """Of the body of every answer."""
    requests: Path
    """A file that write_requests wrote."""
    pids: Sequence[int]
    """The server's processes."""


class Load:
    """The load generator, on a core of its own."""

    def __init__(self, folder: Path, core: set[int]) -> None:
        self._wrk, self._core, self._folder = find_program("wrk", "wrk"), core, folder
        self._script = folder / "load.lua"
        self._script.write_text(_SCRIPT)

    def write_requests(self, name: str, requests: Sequence[str]) -> Path:
        """Keep whole HTTP requests for wrk to send in turn; NUMBER in one becomes its number."""
        path = self._folder / f"{name}.lua"
        # JSON's escapes of ASCII text are Lua's too.
        path.write_text(f"return {{{', '.join(json.dumps(request) for request in requests)}}}")
        return path

    def run(self, rival: Rival, seconds: int) -> Round:
        """Load rival for a while. Raises BenchmarkFailed if one answer was not a whole picture."""
        command = [self._wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(self._script)]
        environ = {**os.environ, "REQUESTS": str(rival.requests)}
        used_s, began = cpu_s(rival.pids), time.monotonic()
        load_used_s = _children_cpu_s()
        with pinned(self._core):
            done = subprocess.run(
                [*command, f"http://127.0.0.1:{rival.port}"], env=environ, capture_output=True, check=False
            )
        took_s, used_s = time.monotonic() - began, cpu_s(rival.pids) - used_s
        summary = _parse(done)
        _check(rival, summary)
        per_s = summary.requests / summary.duration_us * 1e6
        return Round(
            per_s=per_s,
            p50_ms=summary.p50_us / 1000,
            p99_ms=summary.p99_us / 1000,
            per_cpu_s=summary.requests / used_s if used_s else 0.0,
            server_cpu=used_s / took_s,
            load_cpu=(_children_cpu_s() - load_used_s) / took_s,
        )


def _children_cpu_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _parse(done: subprocess.CompletedProcess[bytes]) -> _Summary:
    lines = [line[1:] for line in done.stdout.splitlines() if line.startswith(b"@")]
    if done.returncode or not lines:
        message = f"wrk failed: {(done.stderr or done.stdout).decode(errors='replace')[-500:]}"
        raise BenchmarkFailed(message)
    return msgspec.json.decode(lines[0], type=_Summary)


def _check(rival: Rival, summary: _Summary) -> None:
    if summary.errors or not summary.requests:
        message = f"{rival.name}: {summary.errors} of {summary.requests} requests failed"
        raise BenchmarkFailed(message)
    if summary.bytes < summary.requests * rival.size_bytes:
        message = (
            f"{rival.name}: {summary.bytes} bytes for {summary.requests} answers, "
            f"each of which should have {rival.size_bytes}"
        )
        raise BenchmarkFailed(message)
