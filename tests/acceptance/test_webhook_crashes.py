"""kill -9 around a webhook: what was accepted arrives at least once, under one id, whoever dies when."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import threading
from collections import Counter

import httpx
import pytest

from calotype.webhooks.signature import verify
from tests.support.hooks import Hooks
from tests.support.processes import until
from tests.support.server import CannedServer, calotype

SECRET = "whsec_crash"


@pytest.fixture
def hooks():
    with Hooks() as opened:
        yield opened


@pytest.fixture
def server(tmp_path, hooks):
    server = CannedServer(tmp_path / "data", CALOTYPE_EGRESS_ALLOW=hooks.at)
    yield server
    server.kill()


def restart(server, ahead_s=0):
    """Kill the server and start it again, with its clock so much ahead."""
    server.kill()
    server.start(CANNED_CLOCK_S=str(ahead_s))


def job(server, hooks, page, **more):
    """Have a capture accepted that tells hooks; return its id."""
    hook = {"url": hooks.url, "events": ["completed", "failed"], "secret": SECRET}
    reply = server.shot(f"https://example.com/{page}", webhook=hook, **more)
    assert reply.status_code == 202, reply.text
    return reply.json()["id"]


def noted(server):
    """Return what the server has written down of each delivery: its state, and how often it was tried."""
    with contextlib.closing(sqlite3.connect(server.data / "index.sqlite")) as index:
        return index.execute("SELECT state, attempts FROM webhook_delivery").fetchall()


def genuine(got):
    at, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
    return verify(SECRET, at, got.body, signature, int(at))


def test_the_address_that_is_told_leads_to_the_picture(server, hooks):
    job(server, hooks, "address")
    (got,) = hooks.wait_for(1)
    url = json.loads(got.body)["data"]["screenshot_url"]

    assert url.startswith(f"{server.url}/screenshots/")
    assert httpx.get(url, trust_env=False).status_code == 200


def test_a_receiver_that_failed_three_times_is_told_by_the_fourth_server_that_tries(server, hooks):
    hooks.answers = [500, 503, 500, 200]
    job_id = job(server, hooks, "three")
    for tries in range(1, 4):
        assert until(lambda: noted(server) == [("waiting", tries)])  # noqa: B023
        # The first pauses are up to 10, 20 and 40 seconds, and the server dies in each of them.
        restart(server, 41 * tries)
    assert until(lambda: noted(server) == [("delivered", 4)])
    got = list(hooks.received)
    restart(server, 3600)
    job(server, hooks, "marker")
    all_of_it = hooks.wait_for(5)

    assert [json.loads(each.body)["id"] for each in got] == [job_id] * 4
    assert len({each.headers["x-webhook-id"] for each in got}) == 1
    assert len({each.body for each in got}) == 1
    assert all(genuine(each) for each in got)
    assert json.loads(all_of_it[4].body)["id"] != job_id


def test_a_server_that_dies_while_the_receiver_thinks_tells_it_again_under_the_same_id(server, hooks):
    let = threading.Event()
    hooks.before_answer = lambda _got: let.wait(30)
    job_id = job(server, hooks, "stalled")
    (first,) = hooks.wait_for(1)
    server.kill()
    hooks.before_answer = lambda _got: None
    let.set()
    server.start()
    both = hooks.wait_for(2)

    assert [json.loads(each.body)["id"] for each in both] == [job_id] * 2
    assert {each.headers["x-webhook-id"] for each in both} == {first.headers["x-webhook-id"]}
    assert {each.body for each in both} == {first.body}


def test_what_an_account_is_told_of_its_captures_outlives_the_server_too(server, hooks):
    set_up = calotype("webhooks", "set", hooks.url, data=server.data, CALOTYPE_EGRESS_ALLOW=hooks.at)
    assert set_up.returncode == 0, set_up.stderr
    hooks.answers = [500]
    ids = {server.shot(f"https://example.com/{number}").headers["x-request-id"] for number in range(5)}
    server.kill()
    hooks.forget()
    server.start(CANNED_CLOCK_S="60")
    got = hooks.wait_for(5)

    assert {json.loads(each.body)["id"] for each in got} == ids


def test_killed_over_and_over_it_tells_everything_at_least_once_and_each_under_one_id(server, hooks):
    chance = random.Random(16)
    accepted = set()
    for turn in range(8):
        for number in range(6):
            accepted.add(job(server, hooks, f"{turn}/{number}"))
        hooks.wait_for(chance.randrange(len(hooks.received) + 1, len(hooks.received) + 4))
        restart(server)
    seen: Counter[tuple[str, str]] = Counter()

    def told():
        seen.clear()
        seen.update((json.loads(got.body)["id"], got.headers["x-webhook-id"]) for got in hooks.received)
        return {subject for subject, _ in seen}

    while told() != accepted:
        hooks.wait_for(len(hooks.received) + 1)

    assert len(seen) == len(accepted)
    assert all(genuine(got) for got in hooks.received)
    # Only what was under way at a death is told twice: at most as many as are told at a time to one.
    assert sum(seen.values()) - len(accepted) <= 8 * 8
