"""What the project's own files promise one another."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock):
    return set(re.findall(r"^([a-z0-9-]+==[^ ]+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_development_lock_holds_the_runtime_lock_pin_for_pin():
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_every_dependency_is_locked():
    declared = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]
    named = {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in declared}

    assert named <= {pin.split("==")[0] for pin in pins("requirements.lock")}


def test_the_locks_name_no_address():
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / lock).read_text()


def test_every_package_has_its_place_in_the_import_picture():
    layers = {
        name.strip(" ()")
        for contract in PROJECT["tool"]["importlinter"]["contracts"]
        for layer in contract.get("layers", [])
        for name in layer.split("|")
    }
    ours = {
        f"calotype.{path.stem}"
        for path in (ROOT / "src" / "calotype").iterdir()
        if (path.is_dir() and path.name != "__pycache__")
        or (path.suffix == ".py" and not path.stem.startswith("__"))
    }

    assert ours <= layers


def test_every_rule_that_is_left_out_says_why():
    text = (ROOT / "pyproject.toml").read_text()
    block = text.split("[tool.ruff.lint]\n")[1].split("\n]")[0]
    rules = [line for line in block.splitlines() if re.match(r'\s+"', line)]

    assert rules
    assert all("#" in line for line in rules)


def test_every_target_of_the_makefile_is_explained():
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))

    assert set(phony.split()) - {"python"} == explained
