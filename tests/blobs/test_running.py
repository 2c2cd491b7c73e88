"""The mark of a running server: left behind by a crash, and by nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from calotype.blobs.running import running_mark

SERVER = """
import sys
from pathlib import Path
from calotype.blobs.running import running_mark
with running_mark(Path(sys.argv[1])) as crashed:
    print("crashed" if crashed else "clean", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "running"


@pytest.fixture
def start(folder):
    started = []

    def run():
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield run
    for process in started:
        process.kill()
        process.communicate()


def stop(process):
    process.communicate("stop\n")
    assert process.returncode == 0


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_after_a_clean_stop_nothing_is_left(start, folder):
    first, found = start()
    assert found == "clean"
    stop(first)
    assert list(folder.iterdir()) == []
    assert start()[1] == "clean"


def test_a_crash_is_found_by_the_next_start_and_by_no_later_one(start):
    first, _ = start()
    kill(first)
    second, found = start()
    assert found == "crashed"
    stop(second)
    assert start()[1] == "clean"


def test_a_server_that_runs_beside_has_not_crashed(start):
    start()
    assert start()[1] == "clean"


def test_the_clean_stop_of_one_does_not_hide_the_crash_of_another(start):
    first, _ = start()
    second, _ = start()
    kill(first)
    stop(second)
    assert start()[1] == "crashed"


def test_a_start_that_crashes_while_it_still_distrusts_is_found_again(start):
    for expected in ("clean", "crashed", "crashed"):
        process, found = start()
        assert found == expected
        kill(process)


def test_an_error_on_the_way_out_is_no_crash(folder):
    with pytest.raises(ZeroDivisionError), running_mark(folder):
        raise ZeroDivisionError
    with running_mark(folder) as crashed:
        assert not crashed


def test_where_no_mark_can_be_left_it_serves_and_distrusts(tmp_path, caplog):
    (tmp_path / "running").write_bytes(b"in the way")
    with running_mark(tmp_path / "running") as crashed:
        assert crashed
    assert "no mark" in caplog.text
