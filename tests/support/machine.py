"""What a test needs of the machine that it runs on."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def cannot_be_tested(why: str) -> NoReturn:
    """Skip the running test; where CI is set it fails instead, since there nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"cannot be tested here, and must be: {why}")
    pytest.skip(why)
