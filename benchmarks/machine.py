"""Processes of our own: started on a core of their own, watched, and ended by their number."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults import BenchmarkFailed, ToolMissing

_STOP_WITHIN_S = 10.0
_LISTENS_WITHIN_S = 20.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    port: int
    pids: list[int]


def find_program(name: str, package: str) -> str:
    """Return the path of a program. Raises ToolMissing with the command that installs it."""
    # Distributions keep servers in sbin, which is not on every user's PATH.
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is None:
        message = f"{name} is missing; install it with: apt-get install {package} (or run: make setup-dev)"
        raise ToolMissing(message)
    return found


def cores() -> tuple[set[int], set[int]]:
    """Return the cores for the server and for the load: one each, or the same where there is only one."""
    mine = sorted(os.sched_getaffinity(0))
    return {mine[0]}, {mine[-1]}


@contextlib.contextmanager
def pinned(to: set[int]) -> Iterator[None]:
    """Let what is started in here, with all its threads and children, run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that goes on until we leave; its output goes to log."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield process
    finally:
        # Its group is its own: Ctrl-C reaches us alone, and we end the program politely.
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when process listens on port. Raises BenchmarkFailed with the end of its log."""
    end = time.monotonic() + _LISTENS_WITHIN_S
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    message = f"{process.args!r} does not listen on port {port}:\n{tail(log)}"
    raise BenchmarkFailed(message)


def tail(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text("utf-8", "replace")[-2000:]


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    members, parents = [pid], {pid}
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    children = [(number, int(stat[1])) for number in numbers if (stat := _stat(number))]
    while born := [number for number, parent in children if parent in parents and number not in members]:
        members += born
        parents = set(born)
    return members


def cpu_s(pids: Sequence[int]) -> float:
    """Return the processor time that processes have used, with that of the children they have reaped."""
    return sum(sum(map(int, stat[11:15])) for stat in map(_stat, pids) if stat) / _TICKS_PER_S


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name, state first; none if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
