"""Several server processes on one data folder: they render a page once, and survive one another."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.support.processes import until
from tests.support.server import LiveServer

PAGE = "/held/many"
PROCESSES, CALLERS = 4, 500
TAKEN_OVER_WITHIN_S = 20.0
"""A lease lives 15 s; the rest is for a browser to start and a page to be asked for."""
DEAD_REPLACED_WITHIN_S = 15.0
"""A dead holder is known as such at once, so this is for the browser alone."""


@pytest.fixture
def servers(site, tmp_path):
    first = LiveServer(tmp_path / "data", CALOTYPE_EGRESS_ALLOW=site.netloc)
    running = [first]
    try:
        running.extend(
            LiveServer(tmp_path / "data", key=first.key, CALOTYPE_EGRESS_ALLOW=site.netloc)
            for _ in range(PROCESSES - 1)
        )
        yield running
    finally:
        for server in running:
            server.process.send_signal(signal.SIGCONT)
            server.stop()


def ask(server: LiveServer, url: str) -> httpx.Response:
    with httpx.Client(headers=server.client.headers, timeout=60, trust_env=False) as client:
        return client.post(f"{server.url}/v1/screenshot", json={"url": url})


def test_five_hundred_callers_of_four_processes_load_the_page_once(servers, site):
    async def burst() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=CALLERS)
        async with httpx.AsyncClient(
            headers=servers[0].client.headers, timeout=60, trust_env=False, limits=limits
        ) as client:
            asked = [
                asyncio.create_task(
                    client.post(f"{servers[n % PROCESSES].url}/v1/screenshot", json={"url": site.url(PAGE)})
                )
                for n in range(CALLERS)
            ]
            assert await asyncio.to_thread(site.arrived("many").wait, 15)
            await asyncio.sleep(
                1
            )  # time for all to have come; a later one would find a hit, which is no harm
            site.release("many")
            return await asyncio.gather(*asked)

    replies = asyncio.run(burst())

    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.content for reply in replies}) == 1
    assert site.visits[PAGE] == 1
    # One rendered; the others waited for it, here or in another process, which then found it stored.
    stories = [reply.headers["Cache-Status"] for reply in replies]
    assert stories.count("calotype; fwd=uri-miss; stored") == 1
    assert sum("collapsed" in story or "hit" in story for story in stories) == CALLERS - 1


def test_a_holder_that_is_killed_is_replaced_and_nobody_else_sees_an_error(servers, site):
    with ThreadPoolExecutor(12) as pool:
        first: Future[httpx.Response] = pool.submit(ask, servers[0], site.url(PAGE))
        assert site.arrived("many").wait(15)
        others = [pool.submit(ask, server, site.url(PAGE)) for server in servers[1:] for _ in range(3)]
        servers[0].kill()
        with pytest.raises(httpx.TransportError):
            first.result()
        assert until(lambda: site.visits[PAGE] == 2, DEAD_REPLACED_WITHIN_S)
        site.release("many")
        replies = [other.result() for other in others]

    assert {reply.status_code for reply in replies} == {200}
    assert site.visits[PAGE] == 2


def test_a_holder_that_is_stopped_is_replaced_and_may_not_store_when_it_wakes(servers, site):
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, servers[0], site.url(PAGE))
        assert site.arrived("many").wait(15)
        os.kill(servers[0].process.pid, signal.SIGSTOP)
        other = pool.submit(ask, servers[1], site.url(PAGE))
        assert until(lambda: site.visits[PAGE] == 2, TAKEN_OVER_WITHIN_S)
        site.release("many")
        replacement = other.result()
        stored = servers[1].client.get(f"/v1/cache/{replacement.headers['X-Cache-Key']}")
        os.kill(servers[0].process.pid, signal.SIGCONT)
        late = first.result()

    assert replacement.headers["Cache-Status"].endswith("; stored")
    assert "stored=?0" in late.headers["Cache-Status"] or late.headers["X-Cache-Status"] == "HIT", (
        late.headers
    )
    still = servers[2].client.get(f"/v1/cache/{replacement.headers['X-Cache-Key']}")
    assert still.headers["Last-Modified"] == stored.headers["Last-Modified"]
    assert still.content == replacement.content


def test_a_purge_in_one_process_is_obeyed_by_all(servers, site):
    site.release("many")
    key = ask(servers[0], site.url(PAGE)).headers["X-Cache-Key"]
    assert [server.client.get(f"/v1/cache/{key}").status_code for server in servers] == [200] * PROCESSES

    servers[3].client.post("/v1/cache/purge", json={"url": site.url("/*")}).raise_for_status()

    assert [server.client.get(f"/v1/cache/{key}").status_code for server in servers] == [404] * PROCESSES


def test_no_process_serves_what_another_has_purged_however_often_they_race(servers, site):
    """Readers of all processes hammer one key while it is rendered and deleted again and again."""
    gone: list[str] = []
    key = ask(servers[0], site.url("/counter")).headers["X-Cache-Key"]
    stop = threading.Event()

    def read(server: LiveServer) -> tuple[int, list[str]]:
        reads, stale = 0, []
        with httpx.Client(headers=server.client.headers, timeout=60, trust_env=False) as client:
            while not stop.is_set():
                answered = set(gone)
                tag = client.get(f"{server.url}/v1/cache/{key}").headers.get("ETag", "")
                reads += 1
                stale += [tag] if tag in answered else []
        return reads, stale

    with ThreadPoolExecutor(PROCESSES) as pool:
        readers = [pool.submit(read, server) for server in servers]
        try:
            for turn in range(20):
                tag = ask(servers[turn % PROCESSES], site.url("/counter")).headers["ETag"]
                servers[(turn + 1) % PROCESSES].client.delete(f"/v1/cache/{key}").raise_for_status()
                gone.append(tag)
        finally:
            stop.set()
        results = [reader.result() for reader in readers]

    assert len(set(gone)) == 20, "every picture differs, so that a stale one can be told"
    assert all(reads > 20 for reads, _ in results)
    assert [stale for _, stale in results] == [[]] * PROCESSES
