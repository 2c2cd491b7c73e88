"""Hits: Calotype's three doors beside nginx, Varnish and python-diskcache; all serve on one core."""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from benchmarks import diskcached, nginx, varnish
from benchmarks.faults import BenchmarkFailed, ToolMissing
from benchmarks.filling import Stored, fill, seconds_an_open
from benchmarks.load import Load, Rival, Round
from benchmarks.machine import Server, cores, family, pinned, running, tail

SIZES = (20_000, 150_000)
"""A small picture, where the request is what costs, and one as browsers make them, where the bytes are."""
PICTURES = 200
_OPENED = 4000
_START_WITHIN_S = 30.0
_GET, _NEW, _POST, _PUBLIC = (
    "GET /v1/cache/{key}",
    "  no two requests alike",
    "POST /v1/screenshot",
    "GET public URL",
)
_STATIC, _CACHED = "nginx static", "nginx proxy_cache"
_VARNISH, _DISKCACHE = "Varnish", "python-diskcache"


def run(rounds: int, seconds: int) -> None:
    """Measure and print."""
    serving, loading = cores()
    with tempfile.TemporaryDirectory(prefix="calotype-bench-") as name:
        folder = Path(name)
        load = Load(folder, loading)
        key, pictures = fill(folder / "data", SIZES, PICTURES)
        with contextlib.ExitStack() as running_now:
            port, process = running_now.enter_context(_calotype(folder, serving))
            static = running_now.enter_context(_nginx(folder, serving, port, pictures))
            others = _others(running_now, folder, serving, static.port, pictures)
            rivals = _rivals(load, key, pictures, port, family(process.pid), static, others)
            _check_answers(rivals, pictures, key)
            for rival in rivals:
                load.run(rival, 1)
            # A B C A B C: what a neighbour takes, it takes from all of them.
            taken = [[load.run(rival, seconds) for rival in rivals] for _ in range(rounds)]
        _print_table(rivals, taken, seconds)
        if _DISKCACHE in others:
            _print_in_process(folder, [picture for picture in pictures if len(picture.image) == SIZES[-1]])


@contextlib.contextmanager
def _calotype(folder: Path, core: set[int]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run `calotype serve` on a free port."""
    log = folder / "calotype.log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CALOTYPE_")}
    command = [sys.executable, "-m", "calotype", "serve", "--port", "0", "--data", str(folder / "data")]
    with pinned(core), running(command, log, environ) as process:
        end = time.monotonic() + _START_WITHIN_S
        while (found := re.search(r"listens on http://\S+:(\d+)", tail(log))) is None:
            if process.poll() is not None or time.monotonic() > end:
                message = f"calotype serve did not start:\n{tail(log)}"
                raise BenchmarkFailed(message)
            time.sleep(0.05)
        yield int(found.group(1)), process


@contextlib.contextmanager
def _nginx(folder: Path, core: set[int], upstream: int, pictures: list[Stored]) -> Iterator[Server]:
    files = folder / "static"
    for picture in pictures:
        path = files / picture.entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.image)
    locations = nginx.static_files("/static/", files) + nginx.cached("/screenshots/", upstream)
    where = folder / "nginx"
    with nginx.serving(where, locations, nginx.cache_called_hits(where), core) as server:
        yield server


def _others(
    running_now: contextlib.ExitStack, folder: Path, core: set[int], static: int, pictures: list[Stored]
) -> dict[str, Server]:
    """Start the yardsticks that can be done without: what is not installed is named and left out."""
    by_path = {f"/{picture.entry.path}": picture.image for picture in pictures}
    starts: dict[str, Callable[[], contextlib.AbstractContextManager[Server]]] = {
        _VARNISH: lambda: varnish.serving(folder / "varnish", static, core),
        _DISKCACHE: lambda: diskcached.serving(folder / "diskcache", by_path, core),
    }
    found = {}
    for name, start in starts.items():
        try:
            found[name] = running_now.enter_context(start())
        except ToolMissing as missing:
            if os.environ.get("CI"):
                raise
            print(f"Left out: {missing}")
    return found


def _rivals(
    load: Load,
    key: str,
    pictures: list[Stored],
    port: int,
    pids: list[int],
    other: Server,
    others: dict[str, Server],
) -> list[Rival]:
    """Return every door in every size, in the order of the table."""
    rivals = []
    for size in SIZES:
        some = [picture for picture in pictures if len(picture.image) == size]
        bearer = f"Authorization: Bearer {key}\r\n"
        doors = {
            _GET: (port, pids, [_get(f"/v1/cache/{one.entry.key}", bearer) for one in some]),
            # As behind a proxy that gives every request an id: nothing that goes by its bytes helps.
            _NEW: (
                port,
                pids,
                [_get(f"/v1/cache/{one.entry.key}", f"X-Trace: NUMBER\r\n{bearer}") for one in some],
            ),
            _POST: (port, pids, [_post(one.url, bearer) for one in some]),
            _PUBLIC: (port, pids, [_get(f"/{one.entry.path}") for one in some]),
            _STATIC: (other.port, other.pids, [_get(f"/static/{one.entry.path}") for one in some]),
            _CACHED: (other.port, other.pids, [_get(f"/{one.entry.path}") for one in some]),
        }
        for name, server in others.items():
            doors[name] = server.port, server.pids, [_get(_path(name, one)) for one in some]
        for number, (name, (at, whose, requests)) in enumerate(doors.items()):
            path = load.write_requests(f"requests-{size}-{number}", requests)
            rivals.append(Rival(name=name, port=at, size_bytes=size, requests=path, pids=whose))
    return rivals


def _path(name: str, picture: Stored) -> str:
    """Return where a server that is no Calotype has a picture."""
    return f"{'/static' if name in (_STATIC, _VARNISH) else ''}/{picture.entry.path}"


def _get(path: str, headers: str = "") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"


def _post(url: str, headers: str) -> str:
    body = json.dumps({"url": url})
    return (
        f"POST /v1/screenshot HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def _check_answers(rivals: list[Rival], pictures: list[Stored], key: str) -> None:
    """Ask every door once for every picture, and compare all bytes; it fills nginx's cache, too.

    Raises BenchmarkFailed.
    """
    ports = {rival.name: rival.port for rival in rivals}
    bearer = {"authorization": f"Bearer {key}"}
    with httpx.Client(trust_env=False, timeout=30) as client:
        for picture in pictures:
            path = picture.entry.path
            calotype, other = f"http://127.0.0.1:{ports[_GET]}", f"http://127.0.0.1:{ports[_STATIC]}"
            client.get(f"{other}/{path}")
            answers = {
                _GET: client.get(f"{calotype}/v1/cache/{picture.entry.key}", headers=bearer),
                _POST: client.post(f"{calotype}/v1/screenshot", headers=bearer, json={"url": picture.url}),
                _PUBLIC: client.get(f"{calotype}/{path}"),
                _STATIC: client.get(f"{other}/static/{path}"),
                _CACHED: client.get(f"{other}/{path}"),
            }
            for name in ports.keys() & {_VARNISH, _DISKCACHE}:
                client.get(at := f"http://127.0.0.1:{ports[name]}{_path(name, picture)}")
                answers[name] = client.get(at)
            for name, answer in answers.items():
                if answer.status_code != httpx.codes.OK or answer.content != picture.image:
                    message = (
                        f"{name} answered {answer.status_code} and {len(answer.content)} bytes for {path}"
                    )
                    raise BenchmarkFailed(message)
            hits = [answers[name].headers.get("x-cache-status") for name in (_GET, _POST, _PUBLIC)]
            hits.append(answers[_CACHED].headers.get("x-proxy-cache"))
            if _VARNISH in answers:
                hits.append(answers[_VARNISH].headers.get("x-varnish-cache"))
            if set(hits) != {"HIT"}:
                message = f"not all were hits, in Calotype, nginx's cache and Varnish: {hits}"
                raise BenchmarkFailed(message)


def _print_table(rivals: list[Rival], taken: list[list[Round]], seconds: int) -> None:
    """Print a line for every door: medians, and the medians of the ratios within each round."""
    by_rival = {
        (one.name, one.size_bytes): rounds
        for one, rounds in zip(rivals, zip(*taken, strict=True), strict=True)
    }
    print(f"Hits: {len(taken)} interleaved rounds of {seconds} s, 16 connections; medians.")
    print(
        f"{'':38}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'/static':>9}{'/proxy':>8}"
        f"{'req/CPU-s':>11}{'server':>8}{'wrk':>6}"
    )
    for (name, size), rounds in by_rival.items():
        middle = {
            field: statistics.median(getattr(one, field) for one in rounds)
            for field in Round.__dataclass_fields__
        }
        to_static = _ratio(rounds, by_rival[_STATIC, size])
        to_cached = _ratio(rounds, by_rival[_CACHED, size])
        print(
            f"{name + f', {size // 1000} kB':38}{middle['per_s']:8,.0f}{middle['p50_ms']:8.2f}"
            f"{middle['p99_ms']:8.2f}{to_static:9.2f}{to_cached:8.2f}{middle['per_cpu_s']:11,.0f}"
            f"{middle['server_cpu']:8.0%}{middle['load_cpu']:6.0%}"
        )
        if name == _POST:
            print(f"{'  beside GET':38}{'':24}{_ratio(rounds, by_rival[_GET, size]):9.2f}")


def _ratio(rounds: tuple[Round, ...], others: tuple[Round, ...]) -> float:
    return statistics.median(one.per_s / other.per_s for one, other in zip(rounds, others, strict=True))


def _print_in_process(folder: Path, pictures: list[Stored]) -> None:
    """Print what opening a picture costs without any HTTP, in this process and on whichever core it has."""
    paths = [f"/{picture.entry.path}" for picture in pictures]
    theirs = diskcached.seconds_a_get(folder / "diskcache", paths, _OPENED)
    from_ram, from_disk = (
        seconds_an_open(folder / "data", [picture.entry for picture in pictures], _OPENED, hot_bytes)
        for hot_bytes in (2**28, 0)
    )
    print(
        f"In process, {SIZES[-1] // 1000} kB: python-diskcache's get {theirs * 1e6:.1f} µs; Calotype's open"
    )
    print(f"{from_ram * 1e6:.1f} µs from memory, {from_disk * 1e6:.1f} µs with no byte kept in memory.")
