"""python-diskcache behind the smallest ASGI app there is: python -m benchmarks.diskcached FOLDER PORT."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks.faults import ToolMissing
from benchmarks.machine import Server, family, free_port, pinned, running, wait_for

Message = dict[str, Any]


def open_cache(folder: Path) -> Any:  # noqa: ANN401 - it has no types
    """Open a diskcache.Cache. Raises ToolMissing."""
    if find_spec("diskcache") is None:
        raise ToolMissing("python-diskcache is missing; install it with: make setup-dev")
    return import_module("diskcache").Cache(str(folder))


@contextlib.contextmanager
def serving(folder: Path, pictures: Mapping[str, bytes], core: set[int]) -> Iterator[Server]:
    """Fill a cache with pictures, by path, and serve it until we leave."""
    with contextlib.closing(open_cache(folder / "cache")) as cache:
        for path, image in pictures.items():
            cache.set(path, image)
    port, log = free_port(), folder / "output.log"
    command = [sys.executable, "-m", "benchmarks.diskcached", str(folder / "cache"), str(port)]
    with pinned(core), running(command, log) as process:
        wait_for(process, port, log)
        yield Server(port, family(process.pid))


def seconds_a_get(folder: Path, paths: list[str], times: int) -> float:
    """Return how long a get of its takes in this process."""
    with contextlib.closing(open_cache(folder / "cache")) as cache:
        began = time.perf_counter()
        for number in range(times):
            assert cache.get(paths[number % len(paths)])
        return (time.perf_counter() - began) / times


def main() -> None:
    """Serve until told to stop."""
    folder, port = sys.argv[1:]
    cache = open_cache(Path(folder))

    async def app(scope: Mapping[str, Any], _: object, send: Callable[[Message], Awaitable[None]]) -> None:
        image = cache.get(scope["path"])
        status, body = (404, b"") if image is None else (200, image)
        headers = [(b"content-type", b"image/png"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(
        app, host="127.0.0.1", port=int(port), loop="uvloop", http="httptools", lifespan="off",
        access_log=False, log_level="warning", server_header=False, date_header=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
