"""The process that makes HTML of Markdown: a document on its standard input, the HTML on its output.

Its arguments are the bytes of memory that it may have, and those that the HTML may. If one is not enough
it ends with TOO_MUCH. It holds no secrets and asks nothing of the network.
"""

from __future__ import annotations

import resource
import sys
import traceback
from contextlib import suppress
from typing import Final

import msgspec

from calotype.capture.markdown import to_html
from calotype.capture.negative import MarkdownDocument

TOO_MUCH: Final = 3
_MAX_CPU_S: Final = 130
"""Longer than any deadline: whoever started us ends us, unless he was killed himself."""


def main(max_memory: int, max_html: int) -> int:
    """Read, typeset, write; return the exit code."""
    with suppress(ValueError, OSError):  # where a system knows no such limit, the deadline is left
        resource.setrlimit(resource.RLIMIT_AS, (max_memory, max_memory))
        resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_S, _MAX_CPU_S))
    try:
        html = to_html(msgspec.json.decode(sys.stdin.buffer.read(), type=MarkdownDocument)).encode()
    except MemoryError:
        return TOO_MUCH
    except Exception as exc:  # noqa: BLE001 - told without its message, which may repeat the document
        sys.stderr.writelines([*traceback.format_tb(exc.__traceback__), type(exc).__name__])
        return 1
    if len(html) > max_html:
        return TOO_MUCH
    sys.stdout.buffer.write(html)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
