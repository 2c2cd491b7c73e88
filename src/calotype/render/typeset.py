"""Markdown is typeset in a process of its own, which can be ended.

Parsing and highlighting are other people's code over text of unknown hands. Some texts take minutes, and a
regular expression that runs away holds the interpreter: in a thread it would stop the whole server, and no
deadline could end it. A process costs 0.1 s beside a capture's half second.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Final, assert_never

import msgspec

from calotype.capture.errors import BrowserCrashed, InvalidRequest
from calotype.capture.negative import Document, HtmlDocument, MarkdownDocument

log = logging.getLogger("calotype.render")

_MODULE: Final = "calotype.render.typesetter"
"""Not imported here: it takes the parser and the languages with it, which the server has no use for."""
_TOO_MUCH: Final = (3, -signal.SIGABRT)
"""It says so itself; where memory ends in the purifier there is only the signal."""
_MIB: Final = 1024 * 1024
_MAX_MEMORY: Final = 1024 * _MIB
_MAX_HTML: Final = 32 * _MIB


async def as_html(document: Document) -> HtmlDocument:
    """Return a document as the browser takes it; whoever waits for it sets the deadline.

    Raises InvalidRequest for Markdown that takes more than the typesetter may have, BrowserCrashed if
    that dies of something else.
    """
    match document:
        case HtmlDocument():
            return document
        case MarkdownDocument(base_url=base_url):
            return HtmlDocument((await _typeset(msgspec.json.encode(document))).decode(), base_url)
        case unreachable:
            assert_never(unreachable)


async def _typeset(document: bytes) -> bytes:
    pipe = asyncio.subprocess.PIPE
    # The server's environment holds its secrets; all that is needed of it is where our modules are.
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = (sys.executable, "-P", "-m", _MODULE, str(_MAX_MEMORY), str(_MAX_HTML))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
    )
    try:
        html, last_words = await process.communicate(document)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return html
    if process.returncode in _TOO_MUCH:
        raise InvalidRequest(
            "markdown",
            f"takes more than {_MAX_MEMORY // _MIB} MiB of memory to typeset, "
            f"or makes more than {_MAX_HTML // _MIB} MiB of HTML",
            "shorten it, or send html",
        )
    log.error("the typesetter ended with %s: %s", process.returncode, last_words.decode(errors="replace"))
    raise BrowserCrashed("The typesetter")
