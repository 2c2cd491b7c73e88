"""SecretBox: encrypts what must be read back, such as webhook secrets and the cookies of accepted work."""

from __future__ import annotations

import hmac
import secrets
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from calotype.errors import CalotypeError

_FORM = b"\x01"
"""The first byte of what is sealed: which of our ways of sealing it was. There is one so far."""
_KEY_BYTES = 32
_MARK_BYTES = 8
_NONCE_BYTES = 12
"""Drawn by chance for each sealing, which is safe for 2**32 of them under one key (NIST SP 800-38D, 8.3)."""
_HEAD_BYTES = len(_FORM) + _MARK_BYTES + _NONCE_BYTES


class MasterSecretChanged(CalotypeError):
    """It was sealed under another master secret than the one in force."""

    hint: ClassVar[str] = "Give CALOTYPE_SECRET_KEY, or the secret key file, the value it had before."

    def __init__(self) -> None:
        super().__init__(
            "A stored secret was encrypted under another CALOTYPE_SECRET_KEY than the present one."
        )


class SealBroken(CalotypeError):
    """It is not what was sealed for this place: altered, cut short, or moved here from another row."""

    hint: ClassVar[str] = "Restore the index from a copy; a stored secret in it was altered or moved."

    def __init__(self) -> None:
        super().__init__("A stored secret is damaged, or belongs to something else.")


class SecretBox:
    """Seals under a key of its own, derived from the master secret, with AES-256-GCM.

    Each sealing names its context: the place it is for, such as b"batch/batch_1f.../request". It
    is not kept, but opening with another fails, so that nobody who can write to the index can have
    one row's secret used as another's.
    """

    def __init__(self, master_secret: bytes) -> None:
        self._cipher = AESGCM(_derive(master_secret, b"calotype: secrets at rest", _KEY_BYTES))
        self._digest_key = _derive(master_secret, b"calotype: digests of secrets", _KEY_BYTES)
        # Tells a changed master secret from a damaged row, and gives nothing of the key away.
        self._mark = _derive(master_secret, b"calotype: which secret it was", _MARK_BYTES)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Return plain encrypted for context; never the same twice, and 37 bytes longer."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + self._mark + nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed for context. Raises MasterSecretChanged or SealBroken."""
        form, mark = sealed[: len(_FORM)], sealed[len(_FORM) : len(_FORM) + _MARK_BYTES]
        if form != _FORM or len(sealed) < _HEAD_BYTES:
            raise SealBroken
        if mark != self._mark:
            raise MasterSecretChanged
        try:
            return self._cipher.decrypt(
                sealed[_HEAD_BYTES - _NONCE_BYTES : _HEAD_BYTES], sealed[_HEAD_BYTES:], context
            )
        except InvalidTag as exc:
            raise SealBroken from exc

    def digest(self, plain: bytes) -> str:
        """Return what is equal for equal texts, and tells nobody else anything of them: 64 hex digits."""
        return hmac.digest(self._digest_key, plain, "sha256").hex()


def _derive(master_secret: bytes, purpose: bytes, length: int) -> bytes:
    # RFC 5869: one secret, as many independent keys as there are purposes.
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(master_secret)
