from __future__ import annotations

from pathlib import Path

import pytest

from calotype.errors import ConfigurationError
from calotype.render import find
from calotype.render.find import find_browser


def a_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_browser_that_is_asked_for_is_taken(tmp_path):
    asked = a_program(tmp_path / "browser")

    assert find_browser(asked) == asked


def test_a_link_is_followed_to_the_real_program(tmp_path):
    real = a_program(tmp_path / "real")
    (tmp_path / "link").symlink_to(real)

    assert find_browser(tmp_path / "link") == real


@pytest.mark.parametrize("name", ["absent", "folder", "text"])
def test_what_cannot_be_run_is_a_configuration_error_naming_setting_and_remedy(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("hello")
    with pytest.raises(
        ConfigurationError, match=f"CALOTYPE_BROWSER names .*{name}.*apt-get install chromium-headless-shell"
    ):
        find_browser(tmp_path / name)


def test_the_headless_shell_is_preferred_by_its_real_path():
    assert find_browser(None) == Path("/usr/lib/chromium/chromium-headless-shell")


def test_a_name_on_the_path_is_found(tmp_path, monkeypatch):
    program = a_program(tmp_path / "chromium")
    monkeypatch.setattr(find, "CANDIDATES", ("/nowhere/chromium", "chromium"))
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_browser(None) == program


def test_no_browser_at_all_is_a_configuration_error_with_the_remedy(monkeypatch):
    monkeypatch.setattr(find, "CANDIDATES", ("/nowhere/chromium",))
    with pytest.raises(
        ConfigurationError, match="`apt-get install chromium-headless-shell`, or set CALOTYPE_BROWSER"
    ):
        find_browser(None)
