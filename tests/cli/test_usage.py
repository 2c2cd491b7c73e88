"""Bad usage says what was expected, in a line or two, and nothing is done."""

from __future__ import annotations

import pytest

from tests.support.server import calotype


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["prune"], 2, "No such command 'prune'"),
        (["keys", "create", "--mode", "signing!"], 2, "is not one of 'live'"),
        (["cache", "get"], 2, "Missing argument 'KEY'"),
        (["cache", "get", ".."], 1, "key holds a control character, or a '.' or '..' segment"),
    ],
)
def test_a_command_that_cannot_be_understood(tmp_path, arguments, status, message):
    failed = calotype(*arguments, CALOTYPE_DATA=str(tmp_path / "data"))

    assert failed.returncode == status
    assert failed.stdout == b""
    assert message in failed.stderr.decode()
    assert "Traceback" not in failed.stderr.decode()


@pytest.mark.parametrize(
    ("source", "stdin", "message"),
    [
        ("-", b"\xff\xfe", "calotype: FILE - cannot be read ('utf-8' codec"),
        ("nowhere.md", None, "calotype: FILE nowhere.md cannot be read ([Errno 2]"),
        ("nowhere.html", None, "calotype: FILE nowhere.html cannot be read ([Errno 2]"),
        ("ftp://example.com/", None, "calotype: url has a scheme other than http and https"),
    ],
)
def test_a_picture_of_nothing(tmp_path, source, stdin, message):
    failed = calotype("take", source, "-o", str(tmp_path / "out.png"), stdin=stdin)

    assert failed.returncode == 1
    assert failed.stderr.decode().startswith(message)
    assert not (tmp_path / "out.png").exists()


def test_a_picture_in_a_format_that_its_name_does_not_say(tmp_path):
    failed = calotype("take", "https://example.com/", "-o", str(tmp_path / "out.gif"))

    assert failed.returncode == 1
    assert (
        "--output ends in .gif; the endings are .png, .jpg, .jpeg, .webp, .avif, .pdf"
        in failed.stderr.decode()
    )


@pytest.mark.parametrize("command", [["keys", "list"], ["cache", "ls"], ["cache", "purge", "--all"]])
def test_a_slip_in_the_name_of_the_data_folder_makes_no_folder(tmp_path, command):
    failed = calotype(*command, data=tmp_path / "slip")

    assert failed.returncode == 1
    assert f"there is no index in {tmp_path / 'slip'}" in failed.stderr.decode()
    assert not (tmp_path / "slip").exists()


def test_without_a_command_it_shows_what_there_is():
    shown = calotype()

    for command in ("serve", "take", "keys", "cache", "version"):
        assert command in shown.stdout.decode() + shown.stderr.decode()
