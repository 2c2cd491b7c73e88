"""The DevTools protocol over a pipe: calls with deadlines, events, sessions that fail at once.

Chromium reads commands on its file descriptor 3 and writes answers and events on 4, each a
JSON object ended by a NUL byte. One Connection is one browser; a Session is one page in it
(or the browser itself), told apart by the sessionId of "flat" mode.

A page whose process died never answers what was already asked of it, and a page caught in
an endless loop never answers at all. So every call has a deadline, and whatever ends a
session fails all of its calls at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, overload

import msgspec

log = logging.getLogger("calotype.render")

MAX_MESSAGE_BYTES: Final = 256 * 1024 * 1024
"""A picture of 190 MB. Pages of noise can make larger ones, and several captures run at a time."""
HEAD_BYTES: Final = 200
"""What is kept of a message that is too big: enough to see whom it was for."""

T = TypeVar("T")


class CdpError(Exception):
    """A call that gave no result."""


class CallRefused(CdpError):
    """The browser answered with an error; message is its own words."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(f"{method}: {message}")
        self.method, self.message = method, message


class CallTimeout(CdpError):
    """The browser did not answer in time."""

    def __init__(self, method: str) -> None:
        super().__init__(f"{method} was not answered in time")
        self.method = method


class AnswerTooBig(CdpError):
    """The answer was longer than MAX_MESSAGE_BYTES and was thrown away."""


class LoadCut(CdpError):
    """A page's load was broken off, and neither the page nor its server did it."""


class SessionGone(CdpError):
    """The page is closed; nothing can be asked of it any more."""


class TargetCrashed(SessionGone):
    """The page's process died."""


class ConnectionLost(SessionGone):
    """The browser died, or we hung up."""


class Nothing(msgspec.Struct, frozen=True):
    """An answer that nobody reads."""


class _Refusal(msgspec.Struct, frozen=True):
    message: str = "unknown error"


class _Message(msgspec.Struct, frozen=True):
    """An answer (it has an id) or an event (it has a method).

    What it carries stays raw: most events have no subscriber and are never parsed, and a
    picture goes from JSON text to bytes in one step.
    """

    id: int | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: _Refusal | None = None
    session_id: str | None = msgspec.field(name="sessionId", default=None)


class _Target(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str
    type: str = ""


class _Attached(msgspec.Struct, frozen=True, rename="camel"):
    session_id: str
    target_info: _Target


class _Detached(msgspec.Struct, frozen=True, rename="camel"):
    session_id: str


_decode_message = msgspec.json.Decoder(_Message).decode
_encode = msgspec.json.Encoder().encode
_LEADING_ID = re.compile(rb'\{"id":(\d+),')


class Session:
    """One page, or the browser as a whole: what is asked of it and what it tells."""

    def __init__(
        self, connection: Connection, session_id: str | None, target_id: str | None = None, kind: str = ""
    ) -> None:
        self.target_id, self.kind = target_id, kind
        self.gone: type[SessionGone] | None = None
        """Why nothing can be asked any more; None while something can."""
        self._connection = connection
        self._id = session_id
        self._pending: dict[int, asyncio.Future[_Message]] = {}
        self._handlers: dict[str, list[Callable[[msgspec.Raw], None]]] = {}
        self._on_gone: list[Callable[[], None]] = []

    @overload
    async def call(self, method: str, params: Mapping[str, Any], timeout_s: float) -> None: ...
    @overload
    async def call(self, method: str, params: Mapping[str, Any], timeout_s: float, reply: type[T]) -> T: ...
    async def call(
        self, method: str, params: Mapping[str, Any], timeout_s: float, reply: type[T] | None = None
    ) -> T | None:
        """Ask for method and return its answer as a reply, or None when no reply is named.

        Raises CallRefused, AnswerTooBig, CallTimeout after timeout_s, and as soon as the page
        or the browser is gone TargetCrashed, ConnectionLost or SessionGone.
        """
        if self.gone is not None:
            raise self.gone(method)
        answer: asyncio.Future[_Message] = asyncio.get_running_loop().create_future()
        call_id = self._connection.send(method, params, self._id, self)
        self._pending[call_id] = answer
        try:
            async with asyncio.timeout(timeout_s):
                message = await answer
        except TimeoutError as exc:
            raise CallTimeout(method) from exc
        finally:
            self._pending.pop(call_id, None)
            self._connection.forget(call_id)
        if message.error is not None:
            raise CallRefused(method, message.error.message)
        return None if reply is None else msgspec.json.decode(message.result, type=reply)

    def child(self, session_id: str) -> Session:
        """Return the session of a frame or worker of this page that Target.attachedToTarget told of."""
        return self._connection.session(session_id)

    def post(self, method: str, params: Mapping[str, Any]) -> None:
        """Ask for method and care neither whether it works nor when."""
        if self.gone is None:
            self._connection.send(method, params, self._id, None)

    def on(self, method: str, event: type[T], handler: Callable[[T], None]) -> None:
        """Have handler called with each event of this name, in the order in which they came."""
        decoder = msgspec.json.Decoder(event)
        self._handlers.setdefault(method, []).append(lambda raw: handler(decoder.decode(raw)))

    def on_gone(self, handler: Callable[[], None]) -> None:
        """Have handler called once when the session ends, or at once if it has ended."""
        if self.gone is not None:
            handler()
        else:
            self._on_gone.append(handler)

    def end(self, why: type[SessionGone]) -> None:
        """Fail everything pending and everything to come. The first reason given stands."""
        if self.gone is not None:
            return
        self.gone = why
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(why("while an answer was awaited"))
        for handler in self._on_gone:
            handler()

    def take_answer(self, call_id: int, message: _Message | AnswerTooBig) -> None:
        """Wake the caller who waits for this answer, if there still is one."""
        answer = self._pending.get(call_id)
        if answer is None or answer.done():
            return
        if isinstance(message, AnswerTooBig):
            answer.set_exception(message)
        else:
            answer.set_result(message)

    def take_event(self, message: _Message) -> None:
        """Hand the event to its subscribers; one that fails harms neither the next nor the browser."""
        for handler in self._handlers.get(message.method, ()):
            try:
                handler(message.params)
            except Exception:
                log.exception("handling %s failed", message.method)


class Connection:
    """One browser at the other end of a pair of pipes."""

    def __init__(self) -> None:
        self.browser = Session(self, None)
        """What concerns the browser as a whole: contexts, targets, its end."""
        self._sessions: dict[str, Session] = {}
        self._callers: dict[int, Session] = {}
        self._last_id = 0
        self._reader: asyncio.ReadTransport | None = None
        self._writer: asyncio.WriteTransport | None = None

    async def open(self, read_fd: int, write_fd: int) -> None:
        """Speak over two pipe ends, which belong to the connection from now on."""
        loop = asyncio.get_running_loop()
        incoming, outgoing = _Incoming(self), _Outgoing(self)
        source, sink = os.fdopen(read_fd, "rb", buffering=0), os.fdopen(write_fd, "wb", buffering=0)
        try:
            self._reader, _ = await loop.connect_read_pipe(lambda: incoming, source)
        except BaseException:
            sink.close()
            raise
        self._writer, _ = await loop.connect_write_pipe(lambda: outgoing, sink)

    @property
    def lost(self) -> bool:
        """Whether the browser is gone."""
        return self.browser.gone is not None

    async def wait_lost(self, timeout_s: float) -> None:
        """Wait until the browser is gone, but not longer than timeout_s."""
        gone = asyncio.Event()
        self.browser.on_gone(gone.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await gone.wait()

    def session(self, session_id: str) -> Session:
        """Return the session that Target.attachToTarget has answered with."""
        # It was made when Target.attachedToTarget came, which is before the answer. If it is
        # not there, it came and went: the page crashed or closed between the two.
        session = self._sessions.get(session_id)
        if session is None:
            session = Session(self, session_id)
            session.end(SessionGone)
        return session

    def close(self) -> None:
        """Hang up: whatever is pending fails with ConnectionLost."""
        if self._reader is not None:
            self._reader.close()
        if self._writer is not None and not self._writer.is_closing():
            self._writer.abort()
        self.lose()

    def send(
        self, method: str, params: Mapping[str, Any], session_id: str | None, caller: Session | None
    ) -> int:
        """Write one command and return its id; the answer goes to caller."""
        self._last_id += 1
        command: dict[str, Any] = {"id": self._last_id, "method": method, "params": params}
        if session_id is not None:
            command["sessionId"] = session_id
        if caller is not None:
            self._callers[self._last_id] = caller
        if self._writer is not None:
            self._writer.write(_encode(command) + b"\0")
        return self._last_id

    def forget(self, call_id: int) -> None:
        """Let an answer that nobody waits for any more fall on the floor."""
        self._callers.pop(call_id, None)

    def take(self, text: bytes) -> None:
        """Dispatch one message of the browser."""
        try:
            message = _decode_message(text)
            if message.id is not None:
                # By id and not by sessionId: the refusal of an unknown session names none.
                caller = self._callers.get(message.id)
                if caller is not None:
                    caller.take_answer(message.id, message)
            else:
                self._take_event(message)
        except msgspec.MsgspecError:
            log.exception("the browser sent a message that we cannot read; hanging up")
            self.close()

    def drop(self, head: bytes, size_bytes: int) -> None:
        """Tell whoever waits for the message that begins with head that it was too big."""
        log.warning("the browser sent a message of %d bytes, which was thrown away", size_bytes)
        found = _LEADING_ID.match(head)
        caller = None if found is None else self._callers.get(int(found[1]))
        if found is not None and caller is not None:
            caller.take_answer(int(found[1]), AnswerTooBig(f"an answer of {size_bytes} bytes"))

    def _take_event(self, message: _Message) -> None:
        self._follow(message)
        session = self.browser if message.session_id is None else self._sessions.get(message.session_id)
        if session is not None:
            session.take_event(message)

    def _follow(self, message: _Message) -> None:
        """Keep account of sessions: which there are, and which have just ended."""
        match message.method:
            case "Target.attachedToTarget":
                attached = msgspec.json.decode(message.params, type=_Attached)
                target = attached.target_info
                self._sessions[attached.session_id] = Session(
                    self, attached.session_id, target.target_id, target.type
                )
            case "Target.detachedFromTarget":
                detached = msgspec.json.decode(message.params, type=_Detached)
                session = self._sessions.pop(detached.session_id, None)
                if session is not None:
                    session.end(SessionGone)
            case "Inspector.targetCrashed":
                crashed = self._sessions.get(message.session_id or "")
                # For a page Target.targetCrashed follows at once, and tells what it died of.
                if crashed is not None and crashed.kind != "page":
                    crashed.end(TargetCrashed)
            case "Target.targetCrashed":
                target_id = msgspec.json.decode(message.params, type=_Target).target_id
                for session in self._sessions.values():
                    if session.target_id == target_id:
                        session.end(TargetCrashed)

    def lose(self) -> None:
        """End every session: the pipe is closed, so the browser is dead or as good as dead."""
        for session in self._sessions.values():
            session.end(ConnectionLost)
        self._sessions.clear()
        self.browser.end(ConnectionLost)


class _Incoming(asyncio.Protocol):
    """Cuts what arrives into messages, touching every byte once however big a message is.

    Of one that is too big only the head is kept; the rest is dropped as it comes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def data_received(self, data: bytes) -> None:
        *ends, rest = data.split(b"\0")
        for end in ends:
            self._keep(end)
            text, size_bytes = b"".join(self._parts), self._size_bytes
            self._parts.clear()
            self._size_bytes = 0
            if size_bytes > MAX_MESSAGE_BYTES:
                self._connection.drop(text, size_bytes)
            else:
                self._connection.take(text)
        self._keep(rest)

    def _keep(self, part: bytes) -> None:
        self._size_bytes += len(part)
        self._parts.append(part)
        if self._size_bytes > MAX_MESSAGE_BYTES:
            self._parts = [b"".join(self._parts)[:HEAD_BYTES]]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._connection.lose()


class _Outgoing(asyncio.Protocol):
    """Notices that the browser does not read any more."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._connection.lose()
