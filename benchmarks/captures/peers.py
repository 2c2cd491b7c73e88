"""The tools that people use today, installed into a throw-away folder, and the programs that drive them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.captures.group import Group
from benchmarks.captures.rival import Cpu, cpu_of, in_turns, memory_of, relatives
from benchmarks.faults import BenchmarkFailed
from calotype.capture.negative import Viewport
from calotype.render.process import UNPRIVILEGED

NODE_PACKAGES: Final = ("puppeteer-core@24.43.1", "browserless@10.11.2", "capture-website@5.1.0")
PYTHON_PACKAGES: Final = ("playwright==1.65.2", "shot-scraper==1.12")
KEPT_IN: Final = "BENCH_PEERS"
"""Names a folder where peers stay installed from one run to the next."""
_DRIVERS: Final = Path(__file__).parent / "drivers"
_PATIENCE_S: Final = 120.0
"""For one picture, or one round of shot-scraper: a peer that hangs must not hang the benchmark."""
_INSTALL_WITHIN_S: Final = 600
_NO_DOWNLOADS: Final = {
    "PUPPETEER_SKIP_DOWNLOAD": "1",
    "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
}


class PeerFailed(Exception):
    """A peer could not be installed, or took no picture; the others go on."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Where they are installed."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter that has the Python packages."""
        return self.folder / "venv" / "bin" / "python"

    @property
    def drivers(self) -> Path:
        """The programs of ours that drive them."""
        return self.folder / "drivers"


@contextlib.contextmanager
def installed() -> Iterator[Peers]:
    """Install all peers into a folder that is gone afterwards, or into the one that BENCH_PEERS names."""
    with contextlib.ExitStack() as stack:
        kept = os.environ.get(KEPT_IN)
        folder = Path(
            kept or stack.enter_context(tempfile.TemporaryDirectory(prefix="calotype-peers-"))
        ).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # Who runs the browsers must be able to read it.
        peers = Peers(folder)
        npm = shutil.which("npm")
        if not (folder / "node_modules").exists() and npm is not None:
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
            _run([npm, "install", *options, *NODE_PACKAGES], folder)
        if not peers.python.exists():
            _run([_python(), "-m", "venv", "--without-pip", str(folder / "venv")], folder)
            pip = [sys.executable, "-m", "pip", "--python", str(peers.python), "install", "--quiet"]
            _run([*pip, *PYTHON_PACKAGES], folder)
        # Where our own files lie, the user that browsers run as may not look.
        shutil.copytree(_DRIVERS, peers.drivers, dirs_exist_ok=True)
        yield peers


def _python() -> str:
    """Return an interpreter that every user may run, if there is one."""
    return shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **_NO_DOWNLOADS},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_INSTALL_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        message = f"the peers were not installed within {_INSTALL_WITHIN_S} s"
        raise BenchmarkFailed(message) from exc
    if done.returncode != 0:
        message = f"{command[0]} did not install the peers: {done.stderr.decode(errors='replace')[-500:]}"
        raise BenchmarkFailed(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jail:
    """What every peer's browser runs with: our binary, user and sandbox, so that all pay for the same."""

    binary: Path
    home: Path

    @property
    def user(self) -> str | None:
        """Whom it runs as; None for ourselves."""
        return UNPRIVILEGED if os.geteuid() == 0 else None

    def settings(self, peers: Peers, **more: object) -> str:
        """Return what a driver is told."""
        viewport = Viewport()
        told = {
            "binary": str(self.binary),
            "packages": str(peers.folder),
            "width": viewport.width_px,
            "height": viewport.height_px,
            "args": ["--disable-gpu", "--hide-scrollbars"],
        }
        return json.dumps({**told, **more})

    def environ(self, **more: str) -> Mapping[str, str]:
        """Return what a driver's environment is."""
        home = str(self.home)
        path = os.environ.get("PATH", os.defpath)
        return {"PATH": path, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", **_NO_DOWNLOADS, **more}


@contextlib.contextmanager
def jail(binary: Path) -> Iterator[Jail]:
    """Give the peers' browsers a home that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="calotype-bench-", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED)
            os.chown(name, account.pw_uid, account.pw_gid)
        yield Jail(binary=binary, home=Path(name))


@dataclass(slots=True)
class Peer:
    """One that stays: a program that drives a browser and answers line by line."""

    name: str
    process: subprocess.Popen[bytes]
    answers: asyncio.StreamReader
    program: str
    jail: Jail
    group: Group | None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _calls: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    async def ready(self) -> None:
        """Wait until its browser is up."""
        answer = await self._line()
        if not answer.get("ready"):
            message = f"{self.name} did not start: {answer}"
            raise PeerFailed(message)

    async def listen(self) -> None:
        """Hand out answers until it ends."""
        while True:
            answer = await self._line()
            call = self._calls.pop(answer["id"], None)
            if call is None or call.done():
                continue
            if "bytes" in answer:
                call.set_result(answer["bytes"])
            else:
                call.set_exception(PeerFailed(f"{self.name}: {answer['error']}"))

    async def _line(self) -> dict[str, int]:
        line = await self.answers.readline()
        if not line:
            message = f"{self.name} ended"
            raise PeerFailed(message)
        told: dict[str, int] = json.loads(line)
        return told

    async def _ask(self, url: str, save: str | None = None) -> int:
        if self.process.stdin is None:
            raise AssertionError
        number = next(self._numbers)
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._calls[number] = answered
        self.process.stdin.write(json.dumps({"id": number, "url": url, "save": save}).encode() + b"\n")
        self.process.stdin.flush()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await answered
        except TimeoutError as exc:
            message = f"{self.name} did not answer within {_PATIENCE_S:.0f} s"
            raise PeerFailed(message) from exc

    async def take(self, url: str) -> bytes:
        """See Rival."""
        with tempfile.NamedTemporaryFile(dir=self.jail.home, suffix=".png") as file:
            os.fchmod(file.fileno(), 0o666)
            await self._ask(url, file.name)
            return file.read()

    async def round(self, urls: Sequence[str], concurrency: int) -> None:
        """See Rival."""
        await in_turns(urls, concurrency, self._ask)

    def cpu(self) -> Cpu:
        """See Rival."""
        seen = cpu_of(relatives(self.process.pid), self.program)
        # What the dead used is lost where nobody reaped them; the group has it all.
        return seen if self.group is None else Cpu(seen.driver_s, self.group.cpu_s() - seen.driver_s)

    def memory_mb(self) -> float | None:
        """See Rival."""
        return memory_of(relatives(self.process.pid))


@contextlib.asynccontextmanager
async def driven(name: str, command: Sequence[str], held: Jail, group: Group | None) -> AsyncIterator[Peer]:
    """Run a driver until we leave. Raises PeerFailed if it does not come up."""
    # Not asyncio's: uvloop cannot start a process as another user.
    process = _start(command, held, subprocess.DEVNULL)
    if group is not None:
        group.take_in(process.pid)
    answers = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(answers), process.stdout
    )
    try:
        peer = Peer(name, process, answers, held.binary.name, held, group)
        async with asyncio.timeout(_PATIENCE_S):
            await peer.ready()
        listening = asyncio.create_task(peer.listen())
        try:
            yield peer
        finally:
            listening.cancel()
            await asyncio.wait([listening])
    finally:
        members = relatives(process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for pid in members:  # A browser may have a group of its own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)


def _start(
    command: Sequence[str], held: Jail, errors: int, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=held.environ() if environ is None else environ,
        user=held.user,
        cwd=held.home,
        start_new_session=True,
    )


class ShotScraper:
    """shot-scraper's `multi`: a program that takes a list of pictures, one after the other, and ends."""

    name = "shot-scraper multi"

    def __init__(self, peers: Peers, held: Jail, browsers: Path, group: Group | None) -> None:
        self._peers, self._jail, self._browsers, self._group = peers, held, browsers, group
        self._reaped_s = 0.0
        self._numbers = itertools.count(1)

    async def take(self, url: str) -> bytes:
        """See Rival."""
        return (await self._multi([url]))[0].read_bytes()

    async def round(self, urls: Sequence[str], concurrency: int) -> None:
        """See Rival; it takes one at a time, whatever is asked for."""
        del concurrency
        await self._multi(urls)

    async def _multi(self, urls: Sequence[str]) -> list[Path]:
        viewport = Viewport()
        pictures = [self._jail.home / f"shot-{next(self._numbers)}.png" for _ in urls]
        shots = [
            {"url": url, "output": str(path), "width": viewport.width_px, "height": viewport.height_px}
            for url, path in zip(urls, pictures, strict=True)
        ]
        before = os.times()
        program = self._peers.python.with_name("shot-scraper")
        command = [str(self._peers.python), str(program), "multi", "-", "--browser-arg=--disable-gpu"]
        environ = self._jail.environ(PLAYWRIGHT_BROWSERS_PATH=str(self._browsers))
        process = _start(command, self._jail, subprocess.STDOUT, environ)
        if self._group is not None:
            self._group.take_in(process.pid)
        try:
            # JSON is YAML.
            asked = json.dumps(shots).encode()
            said, _ = await asyncio.to_thread(process.communicate, asked, _PATIENCE_S)
        except subprocess.TimeoutExpired as exc:
            message = f"shot-scraper did not end within {_PATIENCE_S:.0f} s"
            raise PeerFailed(message) from exc
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        self._reaped_s += spent
        if process.returncode != 0 or not all(path.exists() for path in pictures):
            message = f"shot-scraper failed: {said.decode(errors='replace')[-300:]}"
            raise PeerFailed(message)
        return pictures

    def cpu(self) -> Cpu:
        """See Rival; driver and browser in one, since they end before they are asked."""
        return Cpu(0, self._reaped_s if self._group is None else self._group.cpu_s())

    def memory_mb(self) -> float | None:
        """Say nothing: none of it is left."""
        return None


def playwrights_browsers(peers: Peers, held: Jail) -> Path:
    """Make a folder in which Playwright finds our browser where it would look for its own."""
    browsers = held.home / "browsers"
    script = (
        "from playwright.sync_api import sync_playwright as s, Error\n"
        "with s() as p:\n"
        "  try: p.chromium.launch()\n"
        "  except Error as exc: print(str(exc))\n"
    )
    said = subprocess.run(
        [str(peers.python), "-c", script],
        env={**held.environ(), "PLAYWRIGHT_BROWSERS_PATH": str(browsers)},
        capture_output=True,
        timeout=_PATIENCE_S,
        check=False,
        text=True,
    ).stdout
    wanted = next((line.rpartition(" at ")[2].strip() for line in said.splitlines() if " at /" in line), None)
    if wanted is None or not Path(wanted).is_relative_to(browsers):
        message = f"Playwright did not say where it looks for its browser: {said[-300:]}"
        raise PeerFailed(message)
    Path(wanted).parent.mkdir(parents=True, exist_ok=True)
    Path(wanted).symlink_to(held.binary)
    return browsers


def drivers(peers: Peers, held: Jail) -> dict[str, list[str]]:
    """Return the command of each driver by its peer's name."""
    node = shutil.which("node")
    commands = {
        "Playwright (Python)": [
            str(peers.python), str(peers.drivers / "playwright_loop.py"), held.settings(peers),
        ],
    }  # fmt: skip
    if node is not None:
        for name, script, more in (
            ("puppeteer-core", "puppeteer.mjs", {"fast": False}),
            ("puppeteer-core, fast PNG", "puppeteer.mjs", {"fast": True}),
            ("browserless (microlink)", "browserless.mjs", {}),
            ("capture-website", "capture_website.mjs", {}),
        ):
            commands[name] = [node, str(peers.drivers / script), held.settings(peers, **more)]
    return commands
