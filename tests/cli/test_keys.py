"""calotype keys: made once, shown once, and refused by a running server the moment they are revoked."""

from __future__ import annotations

import re

import pytest

from tests.support.server import calotype


def listed(server, ids="key_"):
    """Return the cells of each key's row."""
    output = calotype("keys", "list", data=server.data).stdout.decode()
    return [
        [cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if ids in line
    ]


def answers(server, key):
    return server.client.get("/v1/cache/nobody", headers={"authorization": f"Bearer {key}"}).status_code


def test_create_prints_the_key_and_nothing_else_and_the_server_knows_it_at_once(server):
    made = calotype("keys", "create", data=server.data)

    assert made.returncode == 0
    assert re.fullmatch(rb"rs_live_[a-z2-7]{32}\n", made.stdout)
    assert made.stderr == b""
    assert answers(server, made.stdout.decode().strip()) == 404


def test_a_key_has_an_account_a_mode_and_a_note_that_list_shows_as_they_are(server):
    note = "[b]build[/b] [/x] :smile:"
    made = calotype(
        "keys", "create", "--account", "team a", "--mode", "test", "--name", note, data=server.data
    )
    secret = made.stdout.decode().strip()
    (row,) = [row for row in listed(server) if row[1] == "team a"]

    assert secret.startswith("rs_test_")
    assert re.fullmatch(r"key_[0-9a-f]{16}", row[0])
    assert row[1:5] == ["team a", "test", secret[-4:], note]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[5])
    assert row[6] == ""
    assert secret not in " ".join(row)


def test_a_key_has_a_weight_that_list_shows(server):
    for account, weight in (("plain", ()), ("heavy", ("--weight", "10"))):
        calotype("keys", "create", "--account", account, *weight, data=server.data)

    assert {row[1]: row[7] for row in listed(server) if row[1] in ("plain", "heavy")} == {
        "plain": "1",
        "heavy": "10",
    }


@pytest.mark.parametrize("weight", ["0", "101", "much"])
def test_a_weight_that_no_key_can_have_is_refused(server, weight):
    failed = calotype("keys", "create", "--weight", weight, data=server.data)

    assert (failed.returncode, failed.stdout) == (2, b"")
    assert b"--weight" in failed.stderr


def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(server):
    secret = calotype("keys", "create", "--account", "short lived", data=server.data).stdout.decode().strip()
    assert answers(server, secret) == 404
    (key_id,) = [row[0] for row in listed(server) if row[1] == "short lived"]

    done = calotype("keys", "revoke", key_id, data=server.data)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", f"{key_id} revoked\n".encode())
    assert answers(server, secret) == 401
    assert [row[6] for row in listed(server) if row[0] == key_id] != [""]


def test_a_key_that_is_not_there_cannot_be_revoked(server):
    failed = calotype("keys", "revoke", "key_nobody", data=server.data)

    assert failed.returncode == 1
    assert (
        failed.stderr
        == b"calotype: there is no valid key with the id 'key_nobody'; 'calotype keys list' shows them\n"
    )


def test_a_name_that_no_account_can_have_is_refused(server):
    failed = calotype("keys", "create", "--account", "../x", data=server.data)

    assert (failed.returncode, failed.stdout) == (1, b"")
    assert b"1 to 64 letters, digits" in failed.stderr


def test_a_key_pair_is_two_lines_and_its_id_is_the_public_one(server):
    made = calotype(
        "keys", "create", "--mode", "signing", "--host", "*.Example.com", "--host", "a.test", data=server.data
    )
    public, secret = made.stdout.decode().splitlines()
    (row,) = [row for row in listed(server, "rs_pub_") if row[0] == public]

    assert (made.returncode, made.stderr) == (0, b"")
    assert re.fullmatch(r"rs_pub_[a-z2-7]{32}", public)
    assert re.fullmatch(r"rs_secret_[a-z2-7]{32}", secret)
    assert (row[2], row[3], row[8], row[9]) == ("live", secret[-4:], "pair", "*.example.com a.test")
    assert secret not in " ".join(row)
    assert answers(server, public) == answers(server, secret) == 401

    assert calotype("keys", "revoke", public, data=server.data).returncode == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--mode", "signing", "--allow-signing"), b"a key pair signs anyway"),
        (("--test",), b"--mode signing"),
        (("--mode", "signing", "--host", "https://example.com"), b"a host is a name such as example.com"),
    ],
)
def test_flags_that_do_not_go_together_are_told(server, flags, told):
    failed = calotype("keys", "create", *flags, data=server.data)

    assert (failed.returncode, failed.stdout) == (1, b"")
    assert told in failed.stderr


def test_a_key_that_signs_says_so(server):
    calotype("keys", "create", "--account", "older", "--allow-signing", data=server.data)

    assert [row[8] for row in listed(server) if row[1] == "older"] == ["itself"]


def test_a_key_has_the_limits_of_a_plan_or_others_that_list_and_the_server_tell(server):
    made = calotype(
        "keys",
        "create",
        "--account",
        "tight",
        "--plan",
        "starter",
        "--requests-per-minute",
        "7",
        data=server.data,
    )
    headers = {"authorization": f"Bearer {made.stdout.decode().strip()}"}
    (row,) = [row for row in listed(server) if row[1] == "tight"]
    usage = server.client.get("/v1/usage", headers=headers)

    assert row[10] == "starter, requests 7/min, concurrent 5, batch 20, credits 2000/month"
    assert (usage.headers["x-ratelimit-limit"], usage.headers["x-ratelimit-remaining"]) == ("7", "6")
    assert usage.json()["credits"] == 2000


def test_a_plan_that_there_is_not_is_told_which_there_are(server):
    failed = calotype("keys", "create", "--plan", "gold", data=server.data)

    assert (failed.returncode, failed.stdout) == (1, b"")
    assert b"there is no plan 'gold'; the plans are free, starter, growth" in failed.stderr
