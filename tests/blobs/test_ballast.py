"""Ballast: room that is set aside while there is some, and given free when there is none."""

from __future__ import annotations

import errno
import os

import pytest

from calotype.blobs.ballast import Ballast


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ballast"


@pytest.fixture
def ballast(path):
    return Ballast(path, largest_bytes=1_000_000)


def test_it_really_takes_up_its_room(ballast, path):
    assert ballast.lay()
    assert path.stat().st_size == 1_000_000
    assert path.stat().st_blocks * 512 >= 1_000_000
    assert ballast.lay()


def test_dropping_it_gives_the_room_free_once(ballast, path):
    ballast.lay()

    assert ballast.drop()
    assert not path.exists()
    assert not ballast.drop()
    assert ballast.lay()


def test_another_process_sees_whether_it_lies_there(ballast, path):
    other = Ballast(path, largest_bytes=1_000_000)
    ballast.lay()
    assert other.drop()
    assert not ballast.drop()


def told_of(monkeypatch, *, total, free):
    class Told:
        f_frsize, f_blocks, f_bavail = 1, total, free

    monkeypatch.setattr(os, "statvfs", lambda _: Told)


def test_on_a_small_disk_it_is_small(ballast, path, monkeypatch):
    told_of(monkeypatch, total=40_000, free=40_000)

    assert ballast.lay()
    assert path.stat().st_size == 10_000


@pytest.mark.parametrize(("free", "lies"), [(1_999_999, False), (2_000_000, True)])
def test_as_much_again_must_be_left(ballast, path, monkeypatch, free, lies):
    told_of(monkeypatch, total=10**9, free=free)

    assert ballast.lay() is lies
    assert path.exists() is lies


@pytest.mark.parametrize(
    ("code", "lies"),
    [(errno.ENOSPC, False), (errno.EDQUOT, False), (errno.EOPNOTSUPP, True), (errno.EINVAL, True)],
)
def test_only_want_of_room_speaks_against_storing(ballast, path, monkeypatch, code, lies):
    def refuse(*_):
        raise OSError(code, "refused")

    monkeypatch.setattr(os, "posix_fallocate", refuse)

    assert ballast.lay() is lies
    assert not path.exists()


def test_a_folder_that_cannot_be_written_has_none(tmp_path, caplog):
    assert Ballast(tmp_path / "nowhere" / "ballast").lay()
    assert "no ballast" in caplog.text
