"""kill -9 between a capture and its copy: the next server copies what was promised."""

from __future__ import annotations

import hashlib
import socket

import pytest

from tests.support.processes import until
from tests.support.server import CannedServer, calotype
from tests.support.weed import WRITER


def set_bucket(server, endpoint, bucket):
    done = calotype(
        "storage", "set", "--bucket", bucket, "--endpoint", endpoint, "--access-key-id", WRITER[0],
        data=server.data, CALOTYPE_STORAGE_SECRET=WRITER[1], CALOTYPE_EGRESS_ALLOW="127.0.0.1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def server(tmp_path):
    running = CannedServer(tmp_path / "data", CALOTYPE_EGRESS_ALLOW="127.0.0.1", CANNED_BYTES="50000")
    yield running
    running.kill()


def test_a_copy_that_was_under_way_is_made_by_the_next_server(server, weed):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # A bucket that takes connections, and never says a word.
        set_bucket(server, f"http://127.0.0.1:{silent.getsockname()[1]}", "crashes")
        reply = server.shot("https://example.com/")
        path = f"{hashlib.sha256(reply.content).hexdigest()}.png"
        assert reply.headers["x-storage-url"].endswith(f"/crashes/{path}")
        silent.settimeout(30)
        under_way, _ = silent.accept()
        with under_way:
            server.kill()
            assert server.process.returncode == -9
    set_bucket(server, f"http://{weed.at}", "crashes")
    assert weed.get("crashes", path).status_code == 404
    server.start()

    assert until(lambda: weed.get("crashes", path).status_code == 200, within_s=60)
    assert weed.get("crashes", path).content == reply.content
    listed = calotype("storage", "copies", data=server.data).stdout.decode()
    assert until(lambda: " copied " in calotype("storage", "copies", data=server.data).stdout.decode()), (
        listed
    )
    assert WRITER[1] not in server.log()
