"""Who holds a row. All processes on one SQLite file share a machine, so a dead one is seen to be dead."""

from __future__ import annotations

import os
import secrets
from weakref import WeakValueDictionary


class Owner:
    """One holder of rows, for as long as this object lives."""

    def __init__(self) -> None:
        self.name = f"{os.getpid()}:{secrets.token_hex(8)}"
        _HERE[self.name] = self


_HERE: WeakValueDictionary[str, Owner] = WeakValueDictionary()
"""The owners that live in this process."""


def is_alive(owner: str) -> bool:
    """Say whether the owner of that name may still be at work."""
    pid = int(owner.partition(":")[0])
    if pid == os.getpid():
        # In a container each start may have the number of the one before.
        return owner in _HERE
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
