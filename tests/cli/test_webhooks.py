"""calotype webhooks: set beside a running server, tried at once, and what did not arrive sent again."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time

import pytest

from calotype.webhooks.signature import verify
from tests.support.hooks import Hooks
from tests.support.server import CannedServer, calotype


@pytest.fixture(scope="module")
def hooks():
    with Hooks() as opened:
        yield opened


@pytest.fixture(scope="module")
def running(tmp_path_factory, hooks):
    server = CannedServer(tmp_path_factory.mktemp("webhooks") / "data", CALOTYPE_EGRESS_ALLOW=hooks.at)
    yield server
    server.kill()


@pytest.fixture
def server(running, hooks):
    yield running
    # As `webhooks remove` does, which a test of its own shows, but in no time.
    with contextlib.closing(sqlite3.connect(running.data / "index.sqlite")) as index, index:
        index.execute("DELETE FROM webhook_endpoint")
    hooks.forget()


def webhooks(server, hooks, *arguments):
    """Run the command as the operator of the server would."""
    return calotype("webhooks", *arguments, data=server.data, CALOTYPE_EGRESS_ALLOW=hooks.at)


def rows(output):
    """Return the cells of each delivery's row."""
    lines = [line for line in output.stdout.decode().splitlines() if "whk_" in line]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_set_prints_the_secret_and_nothing_else_and_the_server_signs_with_it_at_once(server, hooks):
    made = webhooks(server, hooks, "set", hooks.url)
    server.shot("https://example.com/set").raise_for_status()
    (got,) = hooks.wait_for(1)

    assert made.returncode == 0, made.stderr
    assert re.fullmatch(rb"whsec_[0-9a-f]{32}\n", made.stdout)
    at, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
    assert verify(made.stdout.decode().strip(), at, got.body, signature, time.time())


def test_set_again_keeps_the_secret_to_itself_unless_a_new_one_is_wanted(server, hooks):
    first = webhooks(server, hooks, "set", hooks.url)
    again = webhooks(server, hooks, "set", hooks.url, "--event", "batch.completed", "--no-hits")
    shown = webhooks(server, hooks, "show")
    other = webhooks(server, hooks, "set", hooks.url, "--new-secret")

    assert (again.returncode, again.stdout) == (0, b"")
    assert b"signing secret is the one it was" in again.stderr
    assert re.fullmatch(rb"whsec_[0-9a-f]{32}\n", other.stdout)
    assert other.stdout != first.stdout
    (row,) = [line for line in shown.stdout.decode().splitlines() if hooks.at in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:3] == [hooks.url, "batch.completed", "no"]
    assert b"whsec_" not in shown.stdout + shown.stderr


def test_an_address_that_may_not_be_reached_is_refused_with_the_remedy(server, hooks):
    refused = webhooks(server, hooks, "set", "http://10.0.0.1/secret")

    assert refused.returncode == 1
    assert refused.stdout == b""
    assert b"URL names a host that could not be found or is not public" in refused.stderr
    assert b"CALOTYPE_EGRESS_ALLOW" in refused.stderr
    assert b"secret" not in refused.stderr


def test_what_is_no_address_is_refused(server, hooks):
    refused = webhooks(server, hooks, "set", "nowhere")

    assert refused.returncode == 1
    assert b"URL" in refused.stderr
    assert b"Traceback" not in refused.stderr


def test_test_sends_a_signed_event_now_and_says_what_came_of_it(server, hooks):
    secret = webhooks(server, hooks, "set", hooks.url).stdout.decode().strip()
    good = webhooks(server, hooks, "test")
    (got,) = hooks.wait_for(1)
    hooks.answers = [500]
    bad = webhooks(server, hooks, "test")

    assert (good.returncode, good.stdout) == (0, b"delivered: it answered 200\n")
    event = json.loads(got.body)
    assert event["event"] == "screenshot.completed"
    assert event["data"]["test"] is True
    at, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
    assert verify(secret, at, got.body, signature, time.time())
    assert bad.returncode == 1
    assert bad.stderr == b"calotype: not delivered: it answered 500\n"


def test_once_it_is_removed_nobody_is_told_and_the_remedy_is(server, hooks):
    webhooks(server, hooks, "set", hooks.url)
    removed = webhooks(server, hooks, "remove")
    server.shot("https://example.com/removed").raise_for_status()
    said = webhooks(server, hooks, "test")

    assert (removed.returncode, removed.stderr) == (0, b"removed\n")
    assert said.returncode == 1
    assert b"calotype webhooks set URL" in said.stderr
    assert hooks.received == []


def test_what_was_given_up_is_listed_and_replayed_one_by_one_or_all_at_once(server, hooks):
    webhooks(server, hooks, "set", hooks.url)
    hooks.answers = [410]
    for name in "abc":
        server.shot(f"https://example.com/{name}").raise_for_status()
    hooks.wait_for(3)
    failed = until(lambda: rows(webhooks(server, hooks, "list", "--failed")), 3)
    hooks.answers = [200]
    elsewhere = webhooks(server, hooks, "replay", failed[0][0], "--mode", "test")
    one = webhooks(server, hooks, "replay", failed[0][0])
    hooks.wait_for(4)
    both = webhooks(server, hooks, "replay", "--all")
    hooks.wait_for(6)
    left = until(lambda: rows(webhooks(server, hooks, "list", "--failed")), 0)
    ids = {got.headers["x-webhook-id"] for got in hooks.received}

    assert [row[4] for row in failed] == ["failed"] * 3
    assert {row[9] for row in failed} == {"it answered 410"}
    assert elsewhere.returncode == 1
    assert b"no failed delivery whk_" in elsewhere.stderr
    assert one.stderr == b"1 to be tried again\n"
    assert both.stderr == b"2 to be tried again\n"
    assert left == []
    assert ids == {row[0] for row in failed}


def test_what_is_not_there_cannot_be_replayed(server, hooks):
    unknown = webhooks(server, hooks, "replay", "whk_1")
    neither = webhooks(server, hooks, "replay")

    assert [each.returncode for each in (unknown, neither)] == [1, 1]
    assert b"no failed delivery whk_1" in unknown.stderr
    assert b"ID of one delivery, or --all" in neither.stderr


def test_each_account_and_mode_has_an_endpoint_of_its_own(server, hooks):
    webhooks(server, hooks, "set", hooks.url, "--mode", "test")
    live = webhooks(server, hooks, "show")
    test = webhooks(server, hooks, "show", "--mode", "test")

    assert (live.returncode, test.returncode) == (1, 0)


def until(look, count):
    """Look until there are so many: what came of a delivery is written down after it was answered."""
    end = time.monotonic() + 20
    while len(found := look()) != count and time.monotonic() < end:
        time.sleep(0.05)
    return found
