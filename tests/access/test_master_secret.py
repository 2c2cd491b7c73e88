"""The master secret: configured, or a file of the data folder that only its owner can read."""

from __future__ import annotations

import re
import stat
import threading

import pytest

from calotype.access.master_secret import check_secret, load_master_secret
from calotype.errors import ConfigurationError


def test_what_is_configured_holds_and_no_file_is_made(tmp_path):
    file = tmp_path / "secret.key"

    assert load_master_secret("a configured secret", file) == b"a configured secret"
    assert not file.exists()


class TestTheFile:
    def test_it_is_made_on_first_use_for_its_owner_only(self, tmp_path):
        file = tmp_path / "data" / "secret.key"
        secret = load_master_secret(None, file)

        assert re.fullmatch(rb"[0-9a-f]{64}", secret)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    def test_it_holds_from_then_on(self, tmp_path):
        file = tmp_path / "secret.key"

        assert load_master_secret(None, file) == load_master_secret(None, file)

    def test_each_one_is_different(self, tmp_path):
        assert load_master_secret(None, tmp_path / "a") != load_master_secret(None, tmp_path / "b")

    def test_one_that_somebody_wrote_is_taken_without_its_line_end(self, tmp_path):
        file = tmp_path / "secret.key"
        file.write_text("  sixteen letters!\n")

        assert load_master_secret(None, file) == b"sixteen letters!"

    def test_all_that_start_at_once_get_the_same_one_and_leave_nothing_else(self, tmp_path):
        file = tmp_path / "secret.key"
        found: list[bytes] = []
        gate = threading.Barrier(8)

        def start() -> None:
            gate.wait()
            found.append(load_master_secret(None, file))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(found) == 8
        assert len(set(found)) == 1
        assert list(tmp_path.iterdir()) == [file]

    @pytest.mark.parametrize("content", [b"", b"short\n", "sixteen lettersü".encode(), b"\xff" * 20])
    def test_one_that_is_no_secret_is_refused_by_its_path_and_not_repeated(self, tmp_path, content):
        file = tmp_path / "secret.key"
        file.write_bytes(content)

        with pytest.raises(ConfigurationError) as told:
            load_master_secret(None, file)
        assert str(file) in str(told.value)
        assert "short" not in str(told.value).replace(str(file), "")
        assert file.read_bytes() == content

    def test_a_folder_that_is_none_is_told_with_the_setting(self, tmp_path):
        (tmp_path / "data").write_text("a file")

        with pytest.raises(ConfigurationError, match="CALOTYPE_DATA"):
            load_master_secret(None, tmp_path / "data" / "secret.key")


def test_a_secret_has_sixteen_characters_at_least():
    assert check_secret(" 0123456789abcdef\n") == "0123456789abcdef"
    with pytest.raises(ValueError, match="at least 16"):
        check_secret("0123456789abcde ")
