"""The root of every error that Calotype raises on purpose."""

from __future__ import annotations

from typing import ClassVar


class CalotypeError(Exception):
    """Something a caller can be told about.

    code is stable and for machines, hint says what would help, retryable whether
    the same request may succeed later. Which HTTP status it becomes is decided in
    api/problems.py alone.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    hint: ClassVar[str] = ""


class ConfigurationError(CalotypeError):
    """The server cannot start as configured; the message names the setting and the remedy."""

    code: ClassVar[str] = "configuration"
