"""calotype storage: a bucket is set, shown without its secret, tried, and told of what was not copied."""

from __future__ import annotations

import os
import pty
import re
import secrets
import sqlite3
import subprocess
import sys

import pytest

from tests.support.processes import until
from tests.support.server import CannedServer, calotype
from tests.support.weed import READER, WRITER

ALLOWED = {"CALOTYPE_EGRESS_ALLOW": "127.0.0.1"}
AT_A_TERMINAL = (
    "import fcntl, sys, termios; from calotype.cli.main import main; "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv[0] = 'calotype'; main()"
)
"""The command line, with its standard input for a terminal of its own."""


@pytest.fixture(scope="module")
def canned(tmp_path_factory):
    running = CannedServer(tmp_path_factory.mktemp("storage-cli") / "data", **ALLOWED)
    yield running
    running.kill()


@pytest.fixture
def bucket():
    """A name that no other test's bucket has."""
    return f"cli-{secrets.token_hex(6)}"


def storage(server, *arguments, **how):
    return calotype("storage", *arguments, data=server.data, **{**ALLOWED, **how})


def set_bucket(server, weed, bucket, pair=WRITER, *more):
    address = ("--bucket", bucket, "--endpoint", f"http://{weed.at}", "--access-key-id", pair[0])
    done = storage(server, "set", *address, *more, CALOTYPE_STORAGE_SECRET=pair[1])
    assert done.returncode == 0, done.stderr


def test_what_is_set_is_shown_but_for_the_secret(canned, weed, bucket):
    set_bucket(canned, weed, bucket, WRITER, "--path", "a/{hash}.{ext}", "--acl", "public-read")
    shown = storage(canned, "show")

    assert shown.returncode == 0
    for fact in (f"http://{weed.at}", bucket, "us-east-1", "a/{hash}.{ext}", "public-read", WRITER[0][-4:]):
        assert fact.encode() in shown.stdout
    for secret in WRITER:
        assert secret.encode() not in shown.stdout + shown.stderr


def test_neither_the_secret_nor_the_key_is_readable_in_the_index(canned, weed, bucket):
    set_bucket(canned, weed, bucket)
    with sqlite3.connect(canned.data / "index.sqlite") as index:
        dump = "\n".join(index.iterdump())

    assert bucket in dump
    for secret in WRITER:
        assert secret not in dump
        assert secret.encode().hex() not in dump.lower()


def test_a_running_server_copies_from_now_on(canned, weed, bucket):
    set_bucket(canned, weed, bucket)
    after = canned.shot("https://example.com/after")

    path = after.headers["x-storage-url"].rpartition("/")[2]
    assert until(lambda: weed.get(bucket, path).content == after.content)
    listed = storage(canned, "copies").stdout.decode()
    assert re.search(rf"copy_[0-9a-f]{{32}} .* {re.escape(path)} .* private .* cache_[0-9a-f]{{32}} ", listed)


def test_the_secret_may_come_from_standard_input(canned, weed, bucket):
    done = storage(
        canned, "set", "--bucket", bucket, "--endpoint", f"http://{weed.at}", "--access-key-id", WRITER[0],
        stdin=f"{WRITER[1]}\n".encode(),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert storage(canned, "test").returncode == 0


def test_somebody_at_a_terminal_is_asked_for_it_and_it_is_not_shown(canned, weed, bucket):
    ours, theirs = pty.openpty()
    where = ("--bucket", bucket, "--endpoint", f"http://{weed.at}", "--access-key-id", WRITER[0])
    asking = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, "storage", "set", *where, "--data", str(canned.data)],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=os.environ | ALLOWED,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"Secret access key: " not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, f"{WRITER[1]}\n".encode())
    while b"set;" not in shown:
        shown += os.read(ours, 1024)

    assert asking.wait(30) == 0
    os.close(ours)
    assert WRITER[1].encode() not in shown
    assert storage(canned, "test").returncode == 0


def test_trying_it_writes_an_object_and_deletes_it(canned, weed, bucket):
    set_bucket(canned, weed, bucket)
    tried = storage(canned, "test")

    written = re.search(
        rf"written: http://{re.escape(weed.at)}/{bucket}/(calotype-test-\S+\.txt)\n", tried.stdout.decode()
    )
    assert written is not None, tried.stderr
    assert tried.stdout.endswith(b"deleted\n")
    assert weed.get(bucket, written[1]).status_code == 404


def test_trying_one_that_lets_us_not_in_says_what_came_back(canned, weed, bucket):
    set_bucket(canned, weed, bucket, READER)
    tried = storage(canned, "test")

    assert (tried.returncode, tried.stdout) == (1, b"")
    assert tried.stderr.startswith(b"calotype: The bucket answered 403 AccessDenied.")
    assert READER[1].encode() not in tried.stderr


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "https://[::ffff:10.0.0.1]"])
def test_a_private_endpoint_is_not_set(canned, bucket, endpoint):
    refused = storage(
        canned, "set", "--bucket", bucket, "--endpoint", endpoint, "--access-key-id", "AKIA",
        CALOTYPE_EGRESS_ALLOW="", CALOTYPE_STORAGE_SECRET="secret",
    )  # fmt: skip

    assert refused.returncode == 1
    assert b"--endpoint names a host that could not be found or is not public" in refused.stderr
    assert bucket.encode() not in storage(canned, "show").stdout


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--path", "x.png"), b"--path lacks {hash}"),
        (("--endpoint", "s3.example.com"), b"--endpoint is not a complete URL"),
        ((), b"the secret access key cannot be used"),
    ],
)
def test_what_cannot_be_used_is_told(canned, bucket, more, told):
    refused = storage(canned, "set", "--bucket", bucket, "--access-key-id", "AKIA", *more, stdin=b"")

    assert refused.returncode == 1
    assert told in refused.stderr


def test_without_a_bucket_there_is_nothing_to_show_try_or_remove(canned, weed, bucket):
    set_bucket(canned, weed, bucket)
    assert storage(canned, "remove").stderr == b"removed\n"

    for command in ("show", "test", "remove"):
        failed = storage(canned, command)
        assert failed.returncode == 1
        assert b"no bucket is set for this account and mode; 'calotype storage set' sets one" in failed.stderr
    assert "x-storage-url" not in canned.shot("https://example.com/removed").headers


def test_what_has_failed_is_listed_and_tried_again(canned, weed, bucket):
    set_bucket(canned, weed, bucket, READER)
    reply = canned.shot("https://example.com/failing")
    path = reply.headers["x-storage-url"].rpartition("/")[2]
    with sqlite3.connect(canned.data / "index.sqlite", timeout=30) as index:
        (copy_id,) = index.execute("SELECT id FROM storage_copy WHERE path = ?", (path,)).fetchone()

        def given_up():
            # As a day of tries would have it.
            sql = "UPDATE job SET died_ms = 1, owner = NULL WHERE subject = ? AND failures > 0"
            done = index.execute(sql, (copy_id,)).rowcount
            index.commit()
            return done == 1

        assert until(given_up)
    failed = storage(canned, "copies", "--failed").stdout.decode()
    assert copy_id in failed
    assert "BucketFault: The bucket answered 403 AccessDenied." in failed
    assert READER[1] not in failed

    set_bucket(canned, weed, bucket)
    assert storage(canned, "retry", copy_id).stderr == b"1 to be tried again\n"
    assert until(lambda: weed.get(bucket, path).content == reply.content)
    assert storage(canned, "retry", "--all").stderr == b"0 to be tried again\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("copy_0",), b"There is no failed copy copy_0."),
        ((), b"give the ID of one copy, or --all"),
        (("copy_0", "--all"), b"give the ID of one copy, or --all"),
    ],
)
def test_what_cannot_be_tried_again_is_told(canned, arguments, told):
    refused = storage(canned, "retry", *arguments)

    assert refused.returncode == 1
    assert told in refused.stderr


def test_the_log_of_the_server_holds_no_secret(canned):
    for secret in (*WRITER, *READER):
        assert secret not in canned.log()
