"""A browser is started as safely as the machine allows, and nothing of it is ever left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest

from calotype.render import process
from calotype.render.cdp import ConnectionLost, TargetCrashed
from calotype.render.find import find_browser
from calotype.render.process import BrowserProcess, Launcher, LaunchFailed
from calotype.render.profile import PROFILE_PREFIX, Profile, sweep_profiles
from calotype.render.settings import BrowserSettings
from tests.render.asking import command_of, members, page_processes, until

REAL = find_browser(None)
WITHOUT_SANDBOX = f'case "$*" in *--no-sandbox*) exec {REAL} "$@";; esac'


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t") for line in lines)


def a_launcher(profiles: Path, binary: Path | None = None, launch_timeout_s: float = 20) -> Launcher:
    settings = BrowserSettings(profile_root=profiles, launch_timeout_s=launch_timeout_s)
    return Launcher(find_browser(binary), settings)


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def a_script(profiles: Path, text: str) -> Path:
    """A program that stands in for the browser, where the browser's user can run it."""
    path = profiles / "browser.sh"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.fixture
def script(profiles):
    yield lambda text: a_script(profiles, text)
    (profiles / "browser.sh").unlink(missing_ok=True)


async def open_page(browser: BrowserProcess):
    root = browser.connection.browser
    target = await root.call("Target.createTarget", {"url": "about:blank"}, 5, dict[str, str])
    attached = await root.call("Target.attachToTarget", {**target, "flatten": True}, 5, dict[str, str])
    return browser.connection.session(attached["sessionId"])


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_nothing_is_left_of_a_browser_that_is_stopped(profiles, how):
    browser = await a_launcher(profiles).start()
    await open_page(browser)
    # Each is started by the browser in its own time; none may be left.
    family = {"--type=zygote", "--type=gpu-process", "--type=utility", "--type=renderer"}
    await until(lambda: family <= set(" ".join(members(browser.pid).values()).split()))
    assert len(list(profiles.iterdir())) == 1

    await getattr(browser, how)()

    assert members(browser.pid) == {}
    assert list(profiles.iterdir()) == []


async def test_a_stop_that_is_cancelled_still_leaves_nothing(profiles):
    browser = await a_launcher(profiles).start()
    stopping = asyncio.create_task(browser.kill())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping

    await browser.kill()
    assert members(browser.pid) == {}
    assert list(profiles.iterdir()) == []


async def test_a_launch_that_is_cancelled_leaves_nothing(profiles):
    launch = asyncio.create_task(a_launcher(profiles).start())
    await until(lambda: list(profiles.iterdir()))
    launch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launch

    await until(lambda: list(profiles.iterdir()) == [])


@pytest.mark.parametrize("turns", range(1, 6))
async def test_a_launch_that_is_cancelled_at_any_moment_leaves_no_descriptor(profiles, turns):
    before = descriptors()
    spawning = asyncio.create_task(BrowserProcess.spawn(REAL, profiles, process._safest_jail()))
    for _ in range(turns):
        await asyncio.sleep(0)
    spawning.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await (await spawning).kill()

    await until(lambda: descriptors() <= before and not list(profiles.iterdir()))


async def test_a_browser_that_is_killed_fails_what_is_asked_of_it_and_leaves_nothing_once_buried(profiles):
    browser = await a_launcher(profiles).start()
    page = await open_page(browser)
    forever = {"expression": "new Promise(() => {})", "awaitPromise": True}
    asked = asyncio.create_task(page.call("Runtime.evaluate", forever, 60))
    await asyncio.sleep(0)
    os.kill(browser.pid, signal.SIGKILL)

    with pytest.raises(ConnectionLost):
        await asyncio.wait_for(asked, 5)
    await browser.kill()
    assert members(browser.pid) == {}


async def test_a_page_that_crashes_fails_what_is_asked_of_it(profiles):
    browser = await a_launcher(profiles).start()
    try:
        page = await open_page(browser)
        forever = {"expression": "new Promise(() => {})", "awaitPromise": True}
        asked = asyncio.create_task(page.call("Runtime.evaluate", forever, 60))
        page.post("Page.navigate", {"url": "chrome://crash"})

        with pytest.raises(TargetCrashed):
            await asyncio.wait_for(asked, 5)
    finally:
        await browser.kill()


async def test_a_server_that_is_killed_takes_its_browser_with_it_and_the_next_one_sweeps_up(profiles):
    program = textwrap.dedent(f"""
        import asyncio, pathlib
        from calotype.render.process import Launcher
        from calotype.render.find import find_browser
        from calotype.render.settings import BrowserSettings

        async def main():
            settings = BrowserSettings(profile_root=pathlib.Path({str(profiles)!r}))
            browser = await Launcher(find_browser(None), settings).start()
            await browser.connection.browser.call("Target.createTarget", {{"url": "about:blank"}}, 5)
            print(browser.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """)
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    group = int(await server.stdout.readline())
    assert len(members(group)) >= 5
    assert page_processes(group)
    server.kill()
    await server.wait()

    await until(lambda: members(group) == {})
    assert len(list(profiles.iterdir())) == 1
    sweep_profiles(profiles)
    assert list(profiles.iterdir()) == []


async def test_a_profile_in_use_is_not_swept_away(profiles):
    profile = Profile.create(profiles, None)
    sweep_profiles(profiles)
    assert profile.path.is_dir()

    profile.remove()
    assert not profile.path.exists()


async def test_a_folder_that_is_no_profile_of_ours_is_not_swept_away(profiles):
    other = profiles / f"{PROFILE_PREFIX}of-somebody"
    other.mkdir()
    sweep_profiles(profiles)
    assert other.is_dir()
    other.rmdir()


def is_filtered(pid):
    return status_of(pid)["Seccomp"].strip() == "2"


async def test_it_runs_as_nobody_if_we_are_root_else_as_ourselves_and_with_its_sandbox_on(profiles):
    browser = await a_launcher(profiles).start()
    try:
        await open_page(browser)
        root = os.geteuid() == 0
        user = pwd.getpwnam("nobody").pw_uid if root else os.geteuid()
        for pid, command in members(browser.pid).items():
            status = status_of(pid)
            assert status["Uid"].split() == [str(user)] * 4
            assert not root or status["Groups"].split() == []
            assert "--no-sandbox" not in command
            if "--type=renderer" in command:
                # One that is only just starting builds its sandbox first.
                await until(partial(is_filtered, pid))
                assert len(status["NSpid"].split()) > 1, "it sees no other processes"
    finally:
        await browser.kill()


async def test_it_leaves_no_core_and_is_the_first_to_go_when_the_machine_is_out_of_memory(profiles):
    browser = await a_launcher(profiles).start()
    try:
        looked_at = 0
        for pid in members(browser.pid):
            try:
                limits = await asyncio.to_thread(Path(f"/proc/{pid}/limits").read_text)
                score = await asyncio.to_thread(Path(f"/proc/{pid}/oom_score_adj").read_text)
            except FileNotFoundError:
                continue  # The page of the start-up probe has just gone.
            assert "Max core file size 0 0" in " ".join(limits.split())
            assert int(score) > 0, (
                "Chromium sets some of its own helpers' itself, but none to that of a server"
            )
            looked_at += 1
        assert looked_at >= 4
    finally:
        await browser.kill()


async def test_the_browser_sees_nothing_of_our_environment_but_what_it_needs(profiles, monkeypatch):
    monkeypatch.setenv("CALOTYPE_SECRET_KEY", "s3cret")
    monkeypatch.setenv("HTTP_PROXY", "http://elsewhere.example")
    browser = await a_launcher(profiles).start()
    try:
        environment = (await asyncio.to_thread(Path(f"/proc/{browser.pid}/environ").read_text)).split("\0")
        assert {entry.partition("=")[0] for entry in environment if entry} <= {
            *process.PASSED_ON,
            *("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "PWD", "SHLVL", "_", "OLDPWD"),
        }
    finally:
        await browser.kill()


async def test_where_the_sandbox_is_impossible_it_runs_without_and_one_warning_says_so(
    profiles, script, caplog
):
    refusing = script(f"{WITHOUT_SANDBOX}; echo no usable sandbox >&2; exit 1")
    launcher = a_launcher(profiles, refusing)
    for _ in range(2):
        browser = await launcher.start()
        assert "--no-sandbox" in command_of(browser.pid)
        await browser.kill()

    warnings = [record.getMessage() for record in caplog.records if "without it" in record.getMessage()]
    assert len(warnings) == 1
    assert "no usable sandbox" in warnings[0]


async def test_a_browser_that_hangs_once_is_not_denied_its_sandbox_for_ever(profiles, script):
    flag = profiles / "busy"
    flag.touch()
    hanging = script(f'{WITHOUT_SANDBOX}; [ -e {flag} ] && exec sleep 60; exec {REAL} "$@"')
    launcher = a_launcher(profiles, hanging, launch_timeout_s=3)
    first = await launcher.start()
    await first.kill()
    flag.unlink()
    second = await launcher.start()
    command = command_of(second.pid)
    await second.kill()

    assert "--no-sandbox" not in command


@pytest.mark.parametrize(
    ("text", "problem"),
    [("echo broken >&2; exit 3", "exited at once: broken"), ("exec sleep 60", "did not answer in time")],
)
async def test_a_program_that_is_no_browser_fails_with_its_last_words_and_leaves_nothing(
    profiles, script, text, problem
):
    binary = script(text)
    with pytest.raises(LaunchFailed, match=problem):
        await a_launcher(profiles, binary, launch_timeout_s=0.5).start()
    assert [path.name for path in profiles.iterdir()] == ["browser.sh"]


async def test_a_helper_that_would_outlive_the_browser_is_killed_with_it(profiles, script):
    browser = await a_launcher(profiles, script(f'sleep 60 & exec {REAL} "$@"')).start()
    assert "sleep 60" in " ".join(members(browser.pid).values())
    await browser.stop()

    assert members(browser.pid) == {}


async def test_a_browser_that_talks_without_end_is_neither_stopped_by_it_nor_believed_all(profiles, script):
    chatter = 'i=0; while [ $i -lt 20000 ]; do echo "line $i that nobody reads" >&2; i=$((i+1)); done'
    talking = script(f'{chatter}; exec {REAL} "$@"')
    browser = await a_launcher(profiles, talking).start()
    words = browser.last_words()
    await browser.kill()

    assert len(words) <= process.STDERR_TAIL_BYTES
    assert "line 0 " not in words
