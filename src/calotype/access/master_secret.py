"""The master secret: what account secrets are derived from, and what must be read back is encrypted under."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from calotype.errors import ConfigurationError

_MIN_LENGTH = 16
_FILE_MODE = 0o600


def load_master_secret(configured: str | None, file: Path) -> bytes:
    """Return the configured secret, else the one in file, which is made on first use.

    Of several processes that start at once all get the same one. Raises ConfigurationError
    for a file that cannot be used, or that holds no good secret; a configured one was checked
    when it was read.
    """
    if configured is not None:
        return configured.encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _create(file)
        return check_secret(file.read_text("ascii")).encode()
    except (OSError, ValueError) as exc:
        message = f"the secret key file {file} cannot be used: {exc}; check CALOTYPE_DATA and its permissions"
        raise ConfigurationError(message) from exc


def check_secret(text: str) -> str:
    """Return text without the white space around it. Raises ValueError when it is too short to be safe."""
    secret = text.strip()
    if len(secret) < _MIN_LENGTH:
        message = f"must hold at least {_MIN_LENGTH} characters; a good one is made by 'openssl rand -hex 32'"
        raise ValueError(message)
    return secret


def _create(file: Path) -> None:
    # Written aside and linked: the name appears once, with all of its content.
    aside = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32) + "\n")
        stream.flush()
        os.fsync(descriptor)
    try:
        os.link(aside, file)
    except FileExistsError:
        pass  # another process was first; its secret holds
    finally:
        aside.unlink()
