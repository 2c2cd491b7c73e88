"""`calotype`, which can be asked what it holds: SIGUSR1 has it write that into the file TELL_TO.

First it lets go of what nobody needs: garbage that was not collected yet, and freed memory that the C library
keeps for later. What is left is what it holds on to.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from calotype.bootstrap import Service, open_service
from calotype.cli import serve
from calotype.cli.main import main


def tell() -> None:
    """Write down how many tasks there are, whole or not at all."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    told = Path(os.environ["TELL_TO"])
    aside = told.with_suffix(".aside")
    aside.write_text(json.dumps({"tasks": sorted(task.get_name() for task in asyncio.all_tasks())}))
    aside.rename(told)


@asynccontextmanager
async def open_telling(*arguments: Any, **options: Any) -> AsyncIterator[Service]:
    """Open the service, and tell whoever asks from now on."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
    async with open_service(*arguments, **options) as service:
        yield service


if __name__ == "__main__":
    # All else is what users run.
    vars(serve).update(open_service=open_telling)
    main()
