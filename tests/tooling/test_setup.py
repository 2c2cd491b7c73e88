"""What `make setup` decides to do, for machines that are not at hand."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from calotype.capture.blocking import Unwanted
from calotype.render.find import find_browser
from calotype.render.lists import SET_UP, Origin, find_lists
from provision import lists
from provision.environment import DEV_LOCK, RUNTIME_LOCK, Stamp, Wanted, Work, work
from provision.faults import diagnose
from provision.machine import browsers
from provision.manuals import MANUALS, find_pages
from provision.needs import (
    FONTS,
    Machine,
    Means,
    commands,
    fonts_listed,
    fonts_named,
    missing,
    offered_by_apt,
    refresh,
    remedy,
)

ROOT = Path(__file__).resolve().parents[2]

COMPLETE = Machine(
    ensurepip=True,
    browser="/usr/lib/chromium/chromium-headless-shell",
    fonts=frozenset(FONTS),
    tools=frozenset({"nginx", "varnishd", "wrk"}),
    manuals=frozenset(manual.name for manual in MANUALS),
)
BARE = Machine(ensurepip=False, browser=None, fonts=frozenset(), tools=frozenset(), manuals=frozenset())

BOOKWORM = frozenset(
    [
        "python3-venv",
        "chromium",
        "chromium-headless-shell",
        "fonts-noto-core",
        "fonts-liberation",
        "fonts-noto-cjk",
        "fonts-noto-color-emoji",
        "nginx",
        "nginx-light",
        "varnish",
        "wrk",
        "python3-doc",
        "python3.11-doc",
        "postgresql-doc",
        "postgresql-doc-15",
        "debian-reference-en",
        "git-doc",
        "bzip2-doc",
    ]
)
TRIXIE = BOOKWORM - {"python3.11-doc", "postgresql-doc-15"} | {"python3.13-doc", "postgresql-doc-17"}
NOBLE = BOOKWORM - {"chromium", "chromium-headless-shell"}

AS_ROOT = Means(manager="apt", prefix=(), offered=BOOKWORM)
WITH_SUDO = Means(manager="apt", prefix=("sudo", "-n"), offered=BOOKWORM)
WITHOUT_RIGHTS = Means(manager="apt", prefix=None, offered=BOOKWORM)


def names(needs):
    return {need.name for need in needs}


def needs_of(machine, *, dev=False, ci=False):
    return missing(machine, dev=dev, ci=ci)


# What is missing


def test_a_complete_machine_needs_nothing():
    assert needs_of(COMPLETE, dev=True, ci=True) == ()


def test_running_needs_no_yardsticks_and_no_manuals():
    assert names(needs_of(BARE)) == {"venv", "browser", *FONTS}


def test_developing_needs_them_too():
    assert names(needs_of(BARE, dev=True)) > {"nginx", "varnishd", "wrk", *COMPLETE.manuals}


def test_a_missing_font_is_a_warning_and_a_missing_browser_is_not():
    required = {need.name for need in needs_of(BARE, dev=True) if need.required}

    assert required == {"venv", "browser"}


def test_ci_goes_without_nothing():
    assert all(need.required for need in needs_of(BARE, dev=True, ci=True))


# What is done about it


def test_root_on_debian_installs_what_is_required_first_and_by_itself():
    first, second = commands(needs_of(BARE), AS_ROOT)

    assert first.required
    assert first.argv[-2:] == ("python3-venv", "chromium-headless-shell")
    assert not second.required
    assert second.argv[-4:] == (
        "fonts-noto-core",
        "fonts-liberation",
        "fonts-noto-cjk",
        "fonts-noto-color-emoji",
    )


def test_nobody_is_asked_anything_during_an_installation():
    for command in commands(needs_of(BARE, dev=True), AS_ROOT):
        assert "DEBIAN_FRONTEND=noninteractive" in command.argv
        assert "-y" in command.argv


def test_sudo_is_used_when_it_asks_for_no_password():
    for command in commands(needs_of(BARE), WITH_SUDO):
        assert command.argv[:3] == ("sudo", "-n", "env")


def test_without_the_right_to_install_nothing_is_run_and_the_command_is_told():
    needs = needs_of(replace(COMPLETE, browser=None))

    assert commands(needs, WITHOUT_RIGHTS) == ()
    assert remedy(needs, WITHOUT_RIGHTS) == (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends chromium-headless-shell"
    )


def test_each_debian_gets_the_manuals_of_its_own_release():
    needs = needs_of(replace(COMPLETE, manuals=frozenset()), dev=True)

    (bookworm,) = commands(needs, AS_ROOT)
    (trixie,) = commands(needs, replace(AS_ROOT, offered=TRIXIE))

    assert {"python3.11-doc", "postgresql-doc-15"} <= set(bookworm.argv)
    assert {"python3.13-doc", "postgresql-doc-17"} <= set(trixie.argv)
    assert len(bookworm.argv) == len(set(bookworm.argv)) + bookworm.argv.count("-o") - 1


def test_manuals_that_a_slim_image_would_leave_out_are_brought_back():
    (command,) = commands(needs_of(replace(COMPLETE, manuals=frozenset()), dev=True), AS_ROOT)

    assert "DPkg::Options::=--path-include=/usr/share/doc/*" in command.argv
    assert "--reinstall" in command.argv


def test_an_older_debian_without_the_shell_gets_the_whole_browser():
    offered = BOOKWORM - {"chromium-headless-shell"}
    (command,) = commands(needs_of(replace(COMPLETE, browser=None)), replace(AS_ROOT, offered=offered))

    assert command.argv[-1] == "chromium"


def test_ubuntu_which_has_no_browser_package_is_told_what_to_do():
    means = replace(AS_ROOT, offered=NOBLE)
    needs = needs_of(replace(COMPLETE, browser=None))

    assert commands(needs, means) == ()
    assert "CALOTYPE_BROWSER" in remedy(needs, means)
    assert "snap" in remedy(needs, means)


def test_empty_package_lists_mean_the_usual_names():
    (command,) = commands(needs_of(replace(COMPLETE, browser=None)), replace(AS_ROOT, offered=None))

    assert command.argv[-1] == "chromium-headless-shell"


@pytest.mark.parametrize("manager", ["dnf", "pacman", "apk"])
def test_other_distributions_use_their_own_manager(manager):
    means = Means(manager=manager, prefix=(), offered=None)
    first, second = commands(needs_of(replace(BARE, ensurepip=True)), means)

    assert first.argv[0] == manager
    assert "chromium" in first.argv[-1]
    assert "noto" in second.argv[-1]
    assert refresh(means) is None


def test_homebrew_is_only_advised():
    means = Means(manager="brew", prefix=None, offered=None)
    needs = needs_of(replace(COMPLETE, browser=None))

    assert commands(needs, means) == ()
    assert remedy(needs, means) == "brew install google-chrome"


def test_an_unknown_system_is_told_to_do_it_by_hand():
    means = Means(manager=None, prefix=(), offered=None)
    needs = needs_of(replace(COMPLETE, fonts=frozenset({"text"})))

    assert commands(needs, means) == ()
    assert "by hand" in remedy(needs, means)


def test_yardsticks_are_kept_from_serving_where_systemd_would_start_it():
    needs = needs_of(replace(COMPLETE, tools=frozenset()), dev=True)

    *_, last = commands(needs, replace(WITH_SUDO, systemd=True))

    assert last.argv == ("sudo", "-n", "systemctl", "disable", "--now", "nginx", "varnish", "varnishncsa")


# What is read from the system


def test_a_snap_stub_is_not_on_offer():
    policy = """\
chromium:
  Installed: (none)
  Candidate: 2:1snap1-0ubuntu2
  Version table:
     2:1snap1-0ubuntu2 500
fonts-noto-core:
  Installed: 20201225-1
  Candidate: 20201225-1
postgresql-doc-15:
  Installed: (none)
  Candidate: (none)
"""
    assert offered_by_apt(policy) == {"fonts-noto-core"}


def test_only_a_colour_font_draws_emoji():
    assert fonts_listed("False\ten|und-zsye\tDejaVu Sans\n") == frozenset()
    assert fonts_listed("True\tund-zsye\tNoto Color Emoji\n") == {"emoji"}


def test_text_needs_fonts_for_scripts_of_each_family():
    dejavu, more = "False\ten|ar|he\tDejaVu Sans\n", "False\thi\tNoto A\nFalse\tth\tNoto B\n"

    assert fonts_listed(dejavu) == frozenset()
    assert fonts_listed(dejavu + more) == {"text"}


def test_pages_need_fonts_that_are_as_wide_as_those_they_ask_for():
    assert fonts_listed("False\ten|ja|ko\tNoto Sans CJK JP,Noto Sans CJK JP Bold\n") == {"cjk"}
    assert fonts_listed("False\ten\tLiberation Sans\n") == {"web"}
    assert fonts_listed("") == frozenset()


def test_without_fc_list_the_names_of_font_files_must_do():
    assert fonts_named(["NotoSansCJK-Regular.ttc"]) == {"cjk"}
    assert fonts_named(["DejaVuSans.ttf", "NotoColorEmoji.ttf"]) == {"emoji"}
    assert fonts_named(["LiberationSans-Bold.ttf", "NotoSansThai-Bold.ttf"]) == {"web", "text"}


def test_the_browser_that_was_named_is_the_only_one_looked_at(monkeypatch, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("CALOTYPE_BROWSER", str(browser))

    assert list(browsers()) == [str(browser)]

    browser.unlink()

    assert list(browsers()) == []


def test_the_browsers_looked_at_are_those_that_the_server_would_run(monkeypatch):
    monkeypatch.delenv("CALOTYPE_BROWSER", raising=False)

    assert str(find_browser(None)) in {str(Path(browser).resolve()) for browser in browsers()}


def test_a_launcher_that_leads_into_a_snap_is_passed_over(monkeypatch, tmp_path):
    stub = tmp_path / "chromium-browser"
    stub.write_text('#!/bin/sh\nexec /snap/bin/chromium "$@"\n')
    stub.chmod(0o755)
    monkeypatch.setenv("CALOTYPE_BROWSER", str(stub))

    assert list(browsers()) == []


def test_a_manual_is_found_wherever_a_release_keeps_it(tmp_path):
    page = tmp_path / "usr/share/doc/python3.13/html/library/functions.html"
    page.parent.mkdir(parents=True)
    page.touch()

    assert find_pages(tmp_path) == {"python-functions": page}


# What is done to .venv

WANTED = Wanted(
    python="CPython 3.11.7",
    root="/srv/calotype",
    locks={RUNTIME_LOCK: "r1", DEV_LOCK: "d1"},
    project="editable p1",
    dev=False,
)
FITTING = Stamp(
    python="CPython 3.11.7", root="/srv/calotype", locks={RUNTIME_LOCK: "r1"}, project="editable p1"
)
NOTHING = Work(create=False, lock=None, project=False)


def test_what_fits_is_left_alone():
    assert work(FITTING, WANTED, usable=True) == NOTHING
    assert not NOTHING


def test_a_fresh_checkout_gets_everything():
    assert work(Stamp(), WANTED, usable=False) == Work(create=True, lock=RUNTIME_LOCK, project=True)


@pytest.mark.parametrize("change", [{"python": "CPython 3.12.1"}, {"root": "/srv/moved"}])
def test_another_python_or_another_place_means_a_new_environment(change):
    anew = Work(create=True, lock=RUNTIME_LOCK, project=True)

    assert work(FITTING, replace(WANTED, **change), usable=True) == anew


def test_an_environment_that_somebody_made_is_used_and_not_removed():
    assert work(Stamp(), WANTED, usable=True) == Work(create=False, lock=RUNTIME_LOCK, project=True)


def test_a_changed_lock_is_installed_and_the_project_left():
    changed = replace(WANTED, locks={RUNTIME_LOCK: "r2", DEV_LOCK: "d1"})

    assert work(FITTING, changed, usable=True) == Work(create=False, lock=RUNTIME_LOCK, project=False)


def test_serving_after_testing_takes_nothing_away():
    both = replace(FITTING, locks=WANTED.locks)

    assert work(both, WANTED, usable=True) == NOTHING


def test_a_wheel_is_built_anew_each_time():
    wheel = replace(WANTED, project="wheel p1")

    assert work(replace(FITTING, project="wheel p1"), wheel, usable=True).project


def test_a_spoilt_stamp_fits_nothing(tmp_path):
    (tmp_path / "setup.json").write_text('{"python": "CPy')

    assert Stamp.read(tmp_path) == Stamp()


def test_a_stamp_is_read_as_it_was_written(tmp_path):
    FITTING.write(tmp_path)

    assert Stamp.read(tmp_path) == FITTING


# What people are told


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("OSError: [Errno 28] No space left on device", "disk space"),
        (
            "Retrying after connection broken by 'NewConnectionError(...)'\nNo matching distribution found",
            "network",
        ),
        ("ERROR: No matching distribution found for uvloop==0.23.0", "Python"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "distrust"),
        ("E: Failed to fetch http://mirror.test/x.deb  404  Not Found", "apt-get update"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend", "wait"),
        ("[Errno 13] Permission denied: '/srv/calotype/.venv'", "writable"),
        ("something new", "lines above"),
    ],
)
def test_a_fault_that_can_be_foreseen_comes_with_its_remedy(output, word):
    assert word in diagnose(output)


def test_the_first_file_parses_on_pythons_that_are_too_old():
    ast.parse((ROOT / "scripts" / "setup.py").read_text(), feature_version=(3, 7))


def test_the_server_s_list_of_browsers_can_be_read_before_anything_is_installed():
    told = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            "import sys; sys.path.insert(0, 'src'); import calotype.render.find",
        ],
        cwd=ROOT,
        check=False,
    )

    assert told.returncode == 0


def test_an_old_python_is_told_so_in_words():
    pretend = """
import runpy, sys
sys.version_info = (3, 9, 2, "final", 0)
runpy.run_path("scripts/setup.py", run_name="__main__")
"""
    told = subprocess.run(
        [sys.executable, "-c", pretend],
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert "is Python 3.9.2; Calotype needs 3.11 or newer" in told.stderr
    assert "Traceback" not in told.stderr


# Filter lists


def a_package(root):
    """What Debian's package holds, as far as it is wanted."""
    for names in lists._LISTS.values():
        for name in names:
            path = root / lists._ASSETS / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"! {name}")
            os.utime(path, (1, 1))
    licence = root / lists._COPYRIGHT
    licence.parent.mkdir(parents=True)
    licence.write_text("GPL-3+")
    return root


def test_lists_are_unpacked_where_the_server_looks(tmp_path):
    assert (lists.are_there(tmp_path), lists.are_fresh(tmp_path)) == (False, False)
    lists.unpack(a_package(tmp_path / "package"), tmp_path)
    found = find_lists(Unwanted.ADS, None, tmp_path / lists.FOLDER)

    assert Path(sys.prefix, lists.FOLDER) == SET_UP
    assert (lists.are_there(tmp_path), lists.are_fresh(tmp_path)) == (True, True)
    assert [file.name for file in found.files] == sorted(Path(name).name for name in lists._LISTS["ads"])
    assert found.newest.year == 1970, "a list is as old as it was in the package"
    assert find_lists(Unwanted.TRACKERS, None, tmp_path / lists.FOLDER).origin is Origin.SET_UP


def test_lists_that_are_there_stay_when_a_package_lacks_one(tmp_path):
    package = a_package(tmp_path / "package")
    lists.unpack(package, tmp_path)
    (package / lists._ASSETS / "ublock" / "privacy.min.txt").unlink()
    with pytest.raises(FileNotFoundError):
        lists.unpack(package, tmp_path)

    assert (tmp_path / lists.FOLDER / "trackers" / "privacy.min.txt").exists()


def test_lists_are_fetched_again_after_a_week(tmp_path):
    lists.unpack(a_package(tmp_path / "package"), tmp_path)
    old = time.time() - lists.FRESH_S - 60
    os.utime(tmp_path / lists.FOLDER / lists.MARK, (old, old))

    assert (lists.are_there(tmp_path), lists.are_fresh(tmp_path)) == (True, False)
