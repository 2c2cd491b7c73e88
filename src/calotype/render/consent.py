"""Declines what a consent banner asks, with DuckDuckGo's autoconsent, in whichever frame the banner stands.

Its script runs in each frame in a world of its own, knows the banners of some hundred products, and
clicks where a visitor who declines would. We give it the rules that may hold for an address, run what
it wants run among the page's own scripts, and listen to what it tells.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import duckduckgo_autoconsent
import msgspec

from calotype.capture.blocking import Unwanted
from calotype.capture.negative import Document, Negative
from calotype.render.cdp import CdpError, Session

log = logging.getLogger("calotype.render")

WORLD: Final = "calotype-consent"
BINDING: Final = "calotypeConsent"
LOOK_S: Final = 1.0
"""How long a page that has loaded is given to show a banner."""
BUDGET_S: Final = 3.0
"""How long declining may take; a banner that is still there is hidden."""
EVAL_S: Final = 1.0
"""For what is run among the page's own scripts: each asks for a value and is done."""
MAX_TASKS: Final = 50
"""Such questions at a time; a page asks two or three."""

_CONFIG: Final = {
    "enabled": True,
    "autoAction": "optOut",
    # Hiding comes afterwards and is ours: what cannot be declined would be shown again.
    "enablePrehide": False,
    "enableCosmeticRules": True,
    # What no rule knows: a button that says `reject` in a banner that speaks of cookies, and no other.
    "heuristicMode": "reject",
    "detectRetries": 10,
    "logs": {},
}


class _RunContext(msgspec.Struct, frozen=True, rename="camel"):
    main: bool = True
    frame: bool = False
    url_pattern: str = ""


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    run_context: _RunContext = _RunContext()
    prehide_selectors: list[str] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    rule: _Rule
    pattern: re.Pattern[str] | None
    raw: bytes


@cache
def rules() -> tuple[_Known, ...]:
    """Return what autoconsent knows; reading it takes a moment, so not in the event loop at first."""
    known = []
    for raw in msgspec.json.decode(duckduckgo_autoconsent.rules_json(), type=list[msgspec.Raw]):
        rule = msgspec.json.decode(raw, type=_Rule)
        wanted = rule.run_context.url_pattern
        try:
            pattern = re.compile(wanted) if wanted else None
        except re.error:
            continue  # JavaScript's expressions know a little more.
        known.append(_Known(rule, pattern, bytes(raw)))
    return tuple(known)


def rules_for(url: str, *, is_main: bool) -> bytes:
    """Return, as a JSON list, the rules that may hold in a document at url."""
    wanted = [
        known.raw
        for known in rules()
        if (known.rule.run_context.main if is_main else known.rule.run_context.frame)
        and (known.pattern is None or known.pattern.search(url))
    ]
    return b"[" + b",".join(wanted) + b"]"


class _Aux(msgspec.Struct, frozen=True, rename="camel"):
    frame_id: str = ""
    is_default: bool = False


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    name: str = ""
    aux_data: _Aux = _Aux()


class _Created(msgspec.Struct, frozen=True):
    context: _Context


class _Destroyed(msgspec.Struct, frozen=True, rename="camel"):
    execution_context_id: int


class _Cleared(msgspec.Struct, frozen=True):
    pass


class _Called(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    payload: str
    execution_context_id: int


class _Told(msgspec.Struct, frozen=True):
    type: str
    url: str = ""
    id: str = ""
    code: str = ""
    cmp: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Value(msgspec.Struct, frozen=True):
    value: msgspec.Raw = msgspec.Raw(b"null")


class _Evaluated(msgspec.Struct, frozen=True):
    result: _Value


_TOLD: Final = msgspec.json.Decoder(_Told)


@dataclass(frozen=True, slots=True)
class _Process:
    """The worlds of one session, by their ids: of which frame, and whether the page's own."""

    session: Session
    worlds: dict[int, _Aux]

    def own_world(self, frame_id: str) -> int | None:
        """Return the world of the page's own scripts in a frame."""
        return next(
            (id_ for id_, of in self.worlds.items() if of.is_default and of.frame_id == frame_id), None
        )


class Consent:
    """What becomes of the consent banners of one capture."""

    def __init__(self, main_frame: str, *, at_once: bool = False) -> None:
        """at_once: the blank page is going to be written into, and never gives way to another document."""
        self._main_frame, self._at_once = main_frame, at_once
        self.declined: str | None = None
        """The product whose question was declined."""
        self.asked = ""
        """The product that was seen to ask, or else to be there."""
        self.leftovers: set[str] = set()
        """Selectors of banners that were seen; what is left of them may be hidden."""
        self._found = self._over = False
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, session: Session, timeout_s: float) -> None:
        """Be there before any document of this session is."""
        if not rules.cache_info().currsize:
            await asyncio.to_thread(rules)
        process = _Process(session, {})
        on = session.on
        on("Runtime.executionContextCreated", _Created, lambda event: _note(process, event.context))
        on("Runtime.executionContextDestroyed", _Destroyed, lambda event: _forget(process, event))
        on("Runtime.executionContextsCleared", _Cleared, lambda _: process.worlds.clear())
        on("Runtime.bindingCalled", _Called, lambda event: self._hear(process, event))
        await asyncio.gather(
            session.call("Runtime.enable", {}, timeout_s),
            session.call("Runtime.addBinding", {"name": BINDING, "executionContextName": WORLD}, timeout_s),
            session.call(
                "Page.addScriptToEvaluateOnNewDocument",
                {"source": _script(), "worldName": WORLD, "runImmediately": self._at_once},
                timeout_s,
            ),
        )

    async def settle(self) -> None:
        """Wait until the banner is declined, or could not be, or none has shown itself; BUDGET_S at most."""
        started = time.monotonic()
        while not self._over and self.declined is None:
            patience_s = BUDGET_S if self._found else LOOK_S
            left_s = started + patience_s - time.monotonic()
            if left_s <= 0:
                break
            self._changed.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
        if self._found:
            log.info("a consent banner (%s) was %s", self.asked, "declined" if self.declined else "left")

    async def close(self) -> None:
        """Let go of what is still being asked."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _hear(self, process: _Process, event: _Called) -> None:
        if event.name != BINDING:
            return
        try:
            told = _TOLD.decode(event.payload)
        except msgspec.DecodeError as exc:
            log.info("autoconsent told something odd: %s", exc)
            return
        match told.type:
            case "init":
                self._instruct(process, event.execution_context_id, told.url)
            case "eval":
                self._do(self._evaluate(process, event.execution_context_id, told))
            case "cmpDetected" | "popupFound":
                self._found = True
                if told.type == "popupFound" or not self.asked:
                    self.asked = told.cmp
                if told.type == "popupFound":
                    self.leftovers.update(_selectors_of(told.cmp))
            case "optOutResult" if told.result == b"false":
                self._over = True
            case "autoconsentDone":
                self.declined = told.cmp
        self._changed.set()

    def _instruct(self, process: _Process, world: int, url: str) -> None:
        of = process.worlds.get(world)
        is_main = of is not None and of.frame_id == self._main_frame
        if is_main:
            # Another document, perhaps since declining loads the page again: what was found is gone.
            self._found = self._over = False
        rules_json = rules_for(url, is_main=is_main)
        message = {"type": "initResp", "config": _CONFIG, "rules": {"autoconsent": msgspec.Raw(rules_json)}}
        _say(process.session, world, message)

    async def _evaluate(self, process: _Process, world: int, told: _Told) -> None:
        result = msgspec.Raw(b"false")
        of = process.worlds.get(world)
        own = None if of is None else process.own_world(of.frame_id)
        if own is not None:
            params = {
                "expression": told.code,
                "contextId": own,
                "awaitPromise": True,
                "returnByValue": True,
                "userGesture": True,
            }
            try:
                done = await process.session.call("Runtime.evaluate", params, EVAL_S, _Evaluated)
                result = done.result.value
            except CdpError as exc:
                log.info("autoconsent's question was not answered: %s", exc)
        _say(process.session, world, {"type": "evalResp", "id": told.id, "result": result})

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= MAX_TASKS:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def open_consent(negative: Negative, main_frame: str) -> Consent | None:
    """Return what declines the banners of a capture, if that is asked for."""
    if Unwanted.COOKIE_BANNERS not in negative.block.unwanted:
        return None
    target = negative.target
    return Consent(main_frame, at_once=isinstance(target, Document) and target.base_url is None)


@cache
def _script() -> str:
    told = f"window.autoconsentSendMessage = told => {BINDING}(JSON.stringify(told));"
    return f"{told}\n{duckduckgo_autoconsent.bundle()}"


def _selectors_of(name: str) -> list[str]:
    return [css for known in rules() if known.rule.name == name for css in known.rule.prehide_selectors]


def _say(session: Session, world: int, message: dict[str, Any]) -> None:
    told = msgspec.json.encode(message).decode()
    session.post("Runtime.evaluate", {"expression": f"autoconsentReceiveMessage({told})", "contextId": world})


def _note(process: _Process, context: _Context) -> None:
    process.worlds[context.id] = context.aux_data


def _forget(process: _Process, event: _Destroyed) -> None:
    process.worlds.pop(event.execution_context_id, None)
