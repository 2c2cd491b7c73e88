"""docs/settings.md lists every setting there is, with its default and its name in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from calotype.settings import SETTINGS

TABLE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_its_row(setting):
    rows = [
        line
        for line in TABLE.read_text("utf-8").splitlines()
        if line.startswith("|") and f"`{setting.variable}`" in line
    ]

    assert len(rows) == 1, f"{setting.variable} has {len(rows)} rows in {TABLE.name}"
    assert f"`{setting.name}`" in rows[0]
    assert setting.default in rows[0].replace("`", "")


def test_no_row_tells_of_a_setting_that_is_not_there():
    told = {
        word.strip("`")
        for line in TABLE.read_text("utf-8").splitlines()
        if line.startswith("|")
        for word in line.split()
        if word.startswith("`CALOTYPE_") and word.endswith("`")
    }

    assert told <= {setting.variable for setting in SETTINGS}
