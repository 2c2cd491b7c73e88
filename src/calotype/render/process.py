"""Start, probe and stop one Chromium; leave nothing behind.

A browser is a family of processes in one process group and one temporary profile folder.
Whatever ends us ends them: stop() asks politely and then kills the group; if we are killed
ourselves the pipe closes, and Chromium exits when it does. The profile of a server that was
killed is swept away by the next one that starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from calotype.render.cdp import CdpError, Connection
from calotype.render.flags import FLAGS
from calotype.render.profile import Profile, sweep_profiles
from calotype.render.settings import BrowserSettings

log = logging.getLogger("calotype.render")

PIPE_BYTES: Final = 1024 * 1024
"""What Linux lets anyone ask for; 64 KiB would mean a wake-up for every 64 KiB of a picture."""
STDERR_TAIL_BYTES: Final = 8 * 1024
"""Enough for the last words of a browser that does not start; the rest is noise about D-Bus."""
CLOSE_GRACE_S: Final = 2.0
"""A healthy browser closes in 0.1 s, and reaps its own children."""
GROUP_GONE_S: Final = 3.0
SMALL_SHM_BYTES: Final = 512 * 1024 * 1024
"""Containers are given 64 MiB of shared memory, which crashes pages with large canvases or pictures."""
OOM_SCORE: Final = 300
"""Above everything that was not told to go first (0), as Chromium does with its own pages."""
UNPRIVILEGED: Final = "nobody"
PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "LD_LIBRARY_PATH")
"""The environment that the browser sees; ours holds secrets."""

_BEGIN: Final = (
    # A core of a browser holds what its pages held, and fills the disk.
    "ulimit -c 0; "
    # Should the machine run out of memory, a browser is to go before the server does.
    f"echo {OOM_SCORE} 2>/dev/null >/proc/self/oom_score_adj; "
    # The shell moves the pipes from 0 and 1 to the 3 and 4 where Chromium looks for them.
    # Doing that in a preexec_fn would run Python between fork and exec of a threaded process.
    'exec "$@" 3<&0 4>&1 </dev/null >/dev/null'
)


class LaunchFailed(Exception):
    """The browser did not come up; last_words is the end of its standard error."""

    def __init__(self, what: str, last_words: str, *, hung: bool) -> None:
        super().__init__(f"{what}: {last_words[-500:] or 'it said nothing'}")
        self.last_words, self.hung = last_words, hung


@dataclass(frozen=True, slots=True)
class _Jail:
    """What holds the browser: the user it runs as (None: ours) and whether its own sandbox is on."""

    user: str | None
    sandbox: bool


class Launcher:
    """Starts browsers, and remembers whether this machine lets them have their sandbox."""

    def __init__(self, binary: Path, settings: BrowserSettings) -> None:
        self._binary = binary
        self._timeout_s = settings.launch_timeout_s
        self._root = settings.profile_root or Path(tempfile.gettempdir())
        self._jail = _safest_jail()

    async def start(self) -> BrowserProcess:
        """Return a browser that has shown it can run a page.

        With its sandbox, unless this machine has no user namespaces to build one from: then
        without, and with a warning. Raises LaunchFailed.
        """
        await asyncio.to_thread(sweep_profiles, self._root)
        if not self._jail.sandbox:
            return await self._start(self._jail)
        try:
            return await self._start(self._jail)
        except LaunchFailed as refused:
            open_jail = _Jail(self._jail.user, sandbox=False)
            browser = await self._start(open_jail)
            log.warning(
                "the browser does not start with its sandbox and runs without it; user namespaces may be "
                "missing (in a container, allow them with its seccomp profile): %s",
                refused,
            )
            # One that merely hung may have met a busy moment; the sandbox is tried again next time.
            if not refused.hung:
                self._jail = open_jail
            return browser

    async def _start(self, jail: _Jail) -> BrowserProcess:
        browser = await BrowserProcess.spawn(self._binary, self._root, jail)
        try:
            async with asyncio.timeout(self._timeout_s):
                await browser.probe(self._timeout_s)
        except (CdpError, TimeoutError) as exc:
            hung = not browser.connection.lost
            await browser.kill()
            what = "the browser did not answer in time" if hung else "the browser exited at once"
            raise LaunchFailed(what, browser.last_words(), hung=hung) from exc
        except BaseException:
            await browser.kill()
            raise
        return browser


class BrowserProcess:
    """One running browser."""

    def __init__(
        self, process: subprocess.Popen[bytes], connection: Connection, profile: Profile, jail: _Jail
    ) -> None:
        self.connection = connection
        self.user, self.sandboxed = jail.user, jail.sandbox
        self._process = process
        self._profile = profile
        self._stderr = _Tail()
        self._burial: asyncio.Task[None] | None = None

    @classmethod
    async def spawn(cls, binary: Path, root: Path, jail: _Jail) -> BrowserProcess:
        """Start the program; whether it works is for probe() to find out."""
        profile = Profile.create(root, jail.user)
        browser_reads, we_write = os.pipe()
        we_read, browser_writes = os.pipe()
        stderr_reads, stderr_writes = os.pipe()
        for fd in (we_write, we_read):
            _widen(fd)
        try:
            # In the event loop on purpose: 5 ms once in 2,000 captures, and a cancellation
            # cannot come between the fork and the moment at which we know of it.
            process = subprocess.Popen(  # noqa: ASYNC220, S603
                _command(binary, profile.path, jail),
                stdin=browser_reads,
                stdout=browser_writes,
                stderr=stderr_writes,
                env=_environment(profile.path),
                start_new_session=True,
                **_identity(jail.user),
            )
        except BaseException:
            for fd in (we_write, we_read, stderr_reads):
                os.close(fd)
            profile.remove()
            raise
        finally:
            for fd in (browser_reads, browser_writes, stderr_writes):
                os.close(fd)
        browser = cls(process, Connection(), profile, jail)
        try:
            try:
                await browser.connection.open(we_read, we_write)
            except BaseException:
                os.close(stderr_reads)
                raise
            await browser._stderr.drain(stderr_reads)
        except BaseException:
            await browser.kill()
            raise
        return browser

    @property
    def pid(self) -> int:
        """The browser's process id, which is also that of its process group."""
        return self._process.pid

    async def probe(self, timeout_s: float) -> None:
        """Show that a page can be opened and runs script. Raises CdpError.

        Asking for the version would not do: the browser process answers that even where the
        sandbox keeps every renderer from starting.
        """
        browser = self.connection.browser
        # Without it, nothing would be told of the death of a page.
        found = {"discover": True, "filter": [{"type": "page"}, {"type": "iframe"}]}
        await browser.call("Target.setDiscoverTargets", found, timeout_s)
        context = await browser.call("Target.createBrowserContext", {}, timeout_s, dict[str, str])
        where = {"url": "about:blank", **context}
        target = await browser.call("Target.createTarget", where, timeout_s, dict[str, str])
        attached = await browser.call(
            "Target.attachToTarget", {**target, "flatten": True}, timeout_s, dict[str, str]
        )
        page = self.connection.session(attached["sessionId"])
        await page.call("Runtime.evaluate", {"expression": "1"}, timeout_s)
        await browser.call("Target.disposeBrowserContext", context, timeout_s)

    async def stop(self) -> None:
        """Close the browser and wait until nothing of it is left."""
        with contextlib.suppress(CdpError):
            await self.connection.browser.call("Browser.close", {}, CLOSE_GRACE_S)
            await self.connection.wait_lost(CLOSE_GRACE_S)
        await self.kill()

    async def kill(self) -> None:
        """End every process of the browser at once and wait until nothing of it is left."""
        if self._burial is None:
            self.connection.close()
            # The group is killed before its leader is reaped: until then its number cannot be
            # given to anyone else.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._burial = asyncio.create_task(self._bury())
        # A caller who is cancelled while waiting does not stop the burial.
        await asyncio.shield(self._burial)

    def last_words(self) -> str:
        """Return the end of what the browser wrote to its standard error."""
        return self._stderr.text()

    async def _bury(self) -> None:
        await asyncio.to_thread(self._wait_and_remove)
        self._stderr.close()  # Last, for what it said in the end has come in meanwhile.

    def _wait_and_remove(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GROUP_GONE_S)
        # Its children are not ours to reap, and those that still die may still write to the profile.
        give_up = time.monotonic() + GROUP_GONE_S
        while time.monotonic() < give_up and _group_lives(self.pid):
            time.sleep(0.01)
        self._profile.remove()


class _Tail:
    """Keeps the end of what is written to a pipe, so that the writer never waits for a reader."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._transport: asyncio.ReadTransport | None = None

    async def drain(self, fd: int) -> None:
        """Read from fd, which belongs to us from now on, until its other end is closed."""
        loop = asyncio.get_running_loop()
        reader = os.fdopen(fd, "rb", buffering=0)
        self._transport, _ = await loop.connect_read_pipe(lambda: _TailProtocol(self._kept), reader)

    def close(self) -> None:
        """Stop reading; a process that outlived the browser may still hold the other end."""
        if self._transport is not None:
            self._transport.close()

    def text(self) -> str:
        return self._kept.decode(errors="replace").strip()


class _TailProtocol(asyncio.Protocol):
    def __init__(self, kept: bytearray) -> None:
        self._kept = kept

    def data_received(self, data: bytes) -> None:
        self._kept += data
        del self._kept[:-STDERR_TAIL_BYTES]


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _safest_jail() -> _Jail:
    """Return the best jail for who we are: never root if it can be helped, always the sandbox.

    A renderer that is taken over must not find itself to be root.
    """
    if os.geteuid() != 0:
        return _Jail(user=None, sandbox=True)
    try:
        pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        # Chromium refuses to be root with a sandbox.
        log.warning("there is no user %r, so the browser runs as root and without its sandbox", UNPRIVILEGED)
        return _Jail(user=None, sandbox=False)
    return _Jail(user=UNPRIVILEGED, sandbox=True)


def _identity(user: str | None) -> _Identity:
    if user is None:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _command(binary: Path, profile: Path, jail: _Jail) -> list[str]:
    flags = [*FLAGS, f"--user-data-dir={profile}"]
    if not jail.sandbox:
        flags.append("--no-sandbox")
    if shared_memory_bytes() < SMALL_SHM_BYTES:
        flags.append("--disable-dev-shm-usage")
    return ["/bin/sh", "-c", _BEGIN, "sh", str(binary), *flags]


def _environment(profile: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    home = str(profile)
    return {**passed_on, "HOME": home, "TMPDIR": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}


def shared_memory_bytes() -> int:
    """Return how much memory processes may share here, as far as browsers ask for it."""
    try:
        shm = os.statvfs("/dev/shm")  # noqa: S108 - where Chromium puts it, not where we do
    except OSError:
        return SMALL_SHM_BYTES if sys.platform == "darwin" else 0
    return shm.f_blocks * shm.f_frsize


def _widen(fd: int) -> None:
    # Only Linux can, and only within the user's quota of pipe memory; it is a matter of speed.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _group_lives(group: int) -> bool:
    """Say whether any process of the group still runs.

    Those that are dead but not yet reaped do not count: in a container, whoever runs as
    process 1 may take seconds to reap them, or never do so.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return any(_runs_in(folder, group) for folder in Path("/proc").glob("[0-9]*"))


def _runs_in(folder: Path, group: int) -> bool:
    try:
        state, _, group_id = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return False
    return int(group_id) == group and state not in "ZX"
