"""calotype doctor: what it finds on a machine that is well, one that lacks much, and one that is broken."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from calotype.capture.blocking import Unwanted
from calotype.render.find import find_browser
from tests.support.server import calotype


def by_subject(told):
    found: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(told)["findings"]:
        found.setdefault(finding["subject"], []).append(finding)
    return found


@pytest.fixture
def open_folder():
    """A folder that the user that browsers run as can look into."""
    with tempfile.TemporaryDirectory(prefix="calotype-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_machine_that_is_well(tmp_path):
    data = tmp_path / "data"
    assert calotype("keys", "create", data=data).returncode == 0
    done = calotype("doctor", "--json", data=data, CALOTYPE_CACHE_MIN_FREE="0")
    found = by_subject(done.stdout)

    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["ok"] is True
    subjects = ["browser", "picture", "index", "blobs", "disk"]
    assert [finding["state"] for name in subjects for finding in found[name]] == ["ok"] * len(subjects)
    assert str(find_browser(None)) in found["browser"][0]["what"]
    assert len(found["fonts"]) == 6
    assert {f"lists of {kind.value.replace('_', ' ')}" for kind in Unwanted} <= found.keys()
    assert {"sandbox", "shared memory"} <= found.keys()
    for finding in json.loads(done.stdout)["findings"]:
        assert (finding["remedy"] == "") == (finding["state"] == "ok"), "what is not well has a remedy"


def test_a_machine_that_lacks_much_still_takes_pictures_and_hears_what_would_help(tmp_path, open_folder):
    (open_folder / "fonts.conf").write_text(
        "<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'urn:fontconfig:fonts.dtd'>"
        "<fontconfig><dir>/usr/share/fonts/truetype/dejavu</dir></fontconfig>"
    )
    wrapper = open_folder / "browser"
    wrapper.write_text(
        '#!/bin/sh\ncase "$*" in *--no-sandbox*) ;; *) echo no sandbox here >&2; exit 1 ;; esac\n'
        f'export FONTCONFIG_FILE={open_folder}/fonts.conf\nexec {find_browser(None)} "$@"\n'
    )
    wrapper.chmod(0o755)
    ads = open_folder / "lists" / "ads"
    ads.mkdir(parents=True)
    (ads / "own.txt").write_text("||ads.example^")
    done = calotype(
        "doctor",
        data=tmp_path / "data",
        CALOTYPE_BROWSER=str(wrapper),
        CALOTYPE_BLOCK_LISTS=str(open_folder / "lists"),
        CALOTYPE_CACHE_MIN_FREE=str(2**50),
    )
    told = done.stdout.decode()
    lines = [" ".join(line.split()) for line in told.splitlines()]

    assert done.returncode == 0, told
    assert lines[-1].startswith("captures work; 0 faults, ")
    for start in (
        "! sandbox off, ",
        "! fonts Chinese, Japanese and Korean text is pictured as empty boxes",
        "what helps: apt-get install fonts-noto-cjk",
        "! fonts emoji are pictured in black and white",
        "what helps: apt-get install fonts-noto-color-emoji",
        "✓ fonts Latin text can be drawn",
        "! fonts Hindi and Thai text is pictured as empty boxes",
        "! fonts text in Arial is ",
        "what helps: apt-get install fonts-liberation",
        "✓ lists of ads 1, the operator's own, the newest of ",
        "✓ data ",
        "! disk ",
        "what helps: make room there, or lower CALOTYPE_CACHE_MIN_FREE",
    ):
        assert any(line.startswith(start) for line in lines), f"{start} is not in\n{told}"
    assert not (tmp_path / "data").exists(), "a look makes nothing"


def test_a_machine_on_which_no_capture_works(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "index.sqlite").write_text("this is no database, however long one looks at it")
    done = calotype("doctor", "--json", "--browser", "/bin/true", data=data)
    found = by_subject(done.stdout)

    assert done.returncode == 1
    assert json.loads(done.stdout)["ok"] is False
    assert found["browser"][0]["state"] == found["index"][0]["state"] == "broken"
    assert "apt-get install chromium-headless-shell" in found["browser"][0]["remedy"]
    assert "picture" not in found
    assert str(data / "index.sqlite") in found["index"][0]["what"]


def test_no_browser_at_all(tmp_path):
    done = calotype("doctor", "--browser", str(tmp_path / "nowhere"), data=tmp_path / "data")

    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[0].startswith("✗ browser")
    assert done.stdout.decode().splitlines()[-1].startswith("captures cannot work; 1 faults, ")
