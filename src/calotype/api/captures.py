"""POST and GET /v1/screenshot."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from calotype.access.authenticator import Authenticator
from calotype.access.hosts import Hosts
from calotype.access.keys import Caller
from calotype.access.signed_url import PATH, is_signed, read_signed
from calotype.api.base_url import BaseUrl
from calotype.api.dialects import inbound
from calotype.api.notices import Notices
from calotype.api.problems import RangeNotSatisfiable
from calotype.api.repeats import may_repeat
from calotype.api.replies import ignored_header, json_reply, verdict_info
from calotype.api.request import (
    caller_of,
    conditions_of,
    count,
    idempotency_key,
    is_strict,
    json_object,
    namespace_of,
    request_id_of,
    unless_hung_up,
    wants_json,
    wants_only_cached,
)
from calotype.api.respond import Audience, Header, Plan, hand_over, plan, public_url, shot_story
from calotype.batches.batch import Form
from calotype.batches.parse import WantedItem, keepable, told_url, wanted_webhook
from calotype.batches.service import Batches
from calotype.batches.webhook import Webhook
from calotype.cache.entry import Mode
from calotype.cache.errors import PreconditionFailed, StoreUnavailable
from calotype.cache.store import OpenEntry
from calotype.capture.errors import CaptureError, InvalidRequest
from calotype.capture.fields import Fields
from calotype.capture.negative import PageUrl
from calotype.capture.target import host_of
from calotype.clock import Clock, Deadline, iso_seconds
from calotype.shots.asked import parse_asked
from calotype.shots.request import TakeRequest
from calotype.shots.service import Shots
from calotype.shots.shot import Served, Shot
from calotype.wire.replies import CacheInfo, ImageInfo, JobReply, Metadata, ShotReply, UsageInfo

_NOT_OPTIONS = {"api_key", "strict"}
"""Query parameters that are about the call, not about the picture."""
_EVERY_HOST = Hosts()
_ABOUT_LATER = ("webhook", "async")
"""Fields that say that the picture is not waited for."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks for a picture, and who will read the reply."""

    caller: Caller
    audience: Audience = Audience.CALLER
    hosts: Hosts = _EVERY_HOST


class Captures:
    """The capture routes."""

    def __init__(
        self,
        shots: Shots,
        batches: Batches,
        notices: Notices,
        authenticator: Authenticator,
        base_url: BaseUrl,
        clock: Clock,
        accel: str = "",
    ) -> None:
        self._shots, self._authenticator, self._base_url, self._clock = shots, authenticator, base_url, clock
        self._accel, self._batches, self._notices = accel, batches, notices

    async def post(self, request: Request) -> Response:
        """Take a picture as a JSON body describes it."""
        arrived = time.monotonic()
        asker = _Asker(await caller_of(request.scope, self._authenticator))
        body = await json_object(request)
        call = Fields({name: body.pop(name, None) for name in _ABOUT_LATER})
        options = inbound.nested(body)
        webhook, unknown = wanted_webhook(call)
        if webhook is not None or call.boolean("async", default=False):
            return await self._accept(request, asker, options, webhook, unknown)
        return await self._take(request, asker, options, arrived, once=idempotency_key(request))

    async def get(self, request: Request) -> Response:
        """Take a picture as query parameters describe it."""
        arrived = time.monotonic()
        if is_signed(request.scope["query_string"]):
            asker, options = await self._signed(request)
        else:
            asker = _Asker(await caller_of(request.scope, self._authenticator))
            options = _options(request.query_params.multi_items())
        return await self._take(request, asker, options, arrived)

    async def _signed(self, request: Request) -> tuple[_Asker, dict[str, object]]:
        """Return who signed the URL, and the options that are vouched for; no key counts beside it."""
        query = read_signed(request.scope["query_string"], self._clock())
        endpoint = self._base_url.for_host(request.headers.get("host")) + PATH
        signed = await self._authenticator.authenticate_signed(query, endpoint, inbound.is_option)
        await count(request.scope, self._authenticator, signed.caller)
        options = _options(signed.options)
        if options.get("response_type") == "json":
            # What an entry is called, and all that is known of its page, is for holders of keys.
            raise InvalidRequest(
                "response_type", "is json in a signed URL", "leave it out: a signed URL shows the picture"
            )
        audience = Audience(public=True, until=query.expires)
        return _Asker(signed.caller, audience, signed.hosts), options

    async def _take(
        self,
        request: Request,
        asker: _Asker,
        options: dict[str, object],
        arrived: float,
        once: str | None = None,
    ) -> Response:
        public = asker.audience.public
        accept = "" if public else request.headers.get("accept", "")
        as_json = wants_json(options.pop("response_type", None), accept)
        wanted = parse_asked(options)
        capture, wishes = wanted.capture, wanted.wishes
        target = capture.request.negative.target
        asker.hosts.check(host_of(target.url) if isinstance(target, PageUrl) else None)
        if is_strict(request):
            wanted.check_strictly()
        only_if_cached = wants_only_cached(request.headers.getlist("cache-control"))
        if only_if_cached:
            # Who takes nothing but a hit has asked for one, where hits have to be asked for.
            wishes = replace(wishes, available=True)
        asked = TakeRequest(
            namespace=namespace_of(asker.caller),
            capture=capture,
            wishes=wishes,
            deadline=Deadline.after(capture.budget_ms, arrived),
            only_if_cached=only_if_cached,
            weight=asker.caller.weight,
            allowance=self._authenticator.quotas.allowance(asker.caller),
            once=once,
            storage=wanted.storage,
        )
        request_id = request_id_of(request.scope)
        try:
            shot = await unless_hung_up(request, self._shots.take(asked))
        except CaptureError as exc:
            await self._notices.failed(request_id, asked, exc)
            raise
        base_url = self._base_url.for_host(request.headers.get("host"))
        # What is told is a commit, and after one nothing repeats: each hit comes here, and is told.
        await self._notices.taken(request_id, asked, shot, base_url, viewed=public)
        return self._reply(request, shot, wanted.unknown, asker, as_json=as_json)

    async def _accept(
        self,
        request: Request,
        asker: _Asker,
        options: dict[str, object],
        webhook: Webhook | None,
        unknown: list[str],
    ) -> Response:
        """Promise to take the picture, and say under which id it can be asked for."""
        options.pop("response_type", None)
        wanted = keepable(parse_asked(options))
        unknown = wanted.unknown + unknown
        if is_strict(request):
            replace(wanted, unknown=unknown).check_strictly()
        item = WantedItem(told_url(options), options, wanted, None)
        job = await self._batches.accept(
            namespace_of(asker.caller),
            Form.JOB,
            [item],
            key_id=asker.caller.key_id,
            weight=asker.caller.weight,
            webhook=webhook,
            once=idempotency_key(request),
        )
        response = json_reply(
            JobReply(
                id=job.id,
                status="processing",
                webhook=None if webhook is None else webhook.url,
                created_at=iso_seconds(job.created_at),
            ),
            HTTPStatus.ACCEPTED,
        )
        response.headers["location"] = f"/v1/jobs/{job.id}"
        response.raw_headers.extend(ignored_header(unknown))
        return response

    def _reply(
        self, request: Request, shot: Shot, ignored: list[str], asker: _Asker, *, as_json: bool
    ) -> Response:
        now, base_url = self._clock(), self._base_url.for_host(request.headers.get("host"))
        conditions = {} if as_json else conditions_of(request.scope["headers"])
        entry, story = shot.opened.entry, shot_story(shot, now)
        answer = plan(entry, story, request.method, conditions, now, base_url, asker.audience)
        whole = answer.status == HTTPStatus.OK
        if as_json:
            usage = self._cost(shot, asker.caller)
            body = msgspec.json.encode(shot_reply(shot, request_id_of(request.scope), base_url, usage))
            response = _response(_as_json(answer, body), body)
        else:
            answer = hand_over(answer, entry, story, conditions, self._accel)
            response = planned(answer, shot.opened)
        extra: tuple[Header, ...] = ignored_header(ignored)
        if shot.copied_to is not None and not asker.audience.public:
            extra += ((b"x-storage-url", shot.copied_to.url.encode()),)
        response.raw_headers.extend(extra)
        # Under a name of the client's own the same bytes mean something else tomorrow.
        named = "idempotency-key" in request.headers
        if shot.served is Served.HIT and not as_json and whole and not named:
            to = self._accel if answer.handed_over else ""
            may_repeat(request.scope, entry, base_url, asker.audience, extra, to)
        return response

    def _cost(self, shot: Shot, caller: Caller) -> UsageInfo | None:
        try:
            remaining = self._authenticator.quotas.usage(caller).remaining
        except StoreUnavailable:
            return None  # the picture is there all the same
        return UsageInfo(credits=shot.credits(Mode(caller.mode)), remaining=remaining)


def _options(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    return inbound.from_query(pair for pair in pairs if pair[0] not in _NOT_OPTIONS)


def planned(answer: Plan, opened: OpenEntry) -> Response:
    """Return answer as a response with its part of the bytes, and nothing but the planned headers.

    Raises PreconditionFailed or RangeNotSatisfiable where that is what was planned.
    """
    if answer.status == HTTPStatus.PRECONDITION_FAILED:
        raise PreconditionFailed
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise RangeNotSatisfiable(opened.entry.size_bytes)
    return _response(answer, opened.data[answer.start : answer.stop])


def _response(answer: Plan, body: bytes) -> Response:
    response = Response(status_code=answer.status)
    response.body = body
    response.raw_headers = answer.headers
    return response


def _as_json(answer: Plan, body: bytes) -> Plan:
    own = {b"content-type", b"content-length", b"etag", b"accept-ranges", b"last-modified"}
    headers = [header for header in answer.headers if header[0] not in own]
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return Plan(200, headers)


def shot_reply(shot: Shot, request_id: str, base_url: str, usage: UsageInfo | None = None) -> ShotReply:
    """Return the JSON object that tells shot, and what it cost, to every client family."""
    entry, stale = shot.opened.entry, shot.served is Served.STALE
    # No URL leads to a stale picture; it is told whole, like one that was not stored.
    addressed = shot.addressed
    url = public_url(entry, base_url) if addressed else None
    expires = iso_seconds(entry.fresh_until) if addressed else None
    hit = stale or shot.served is Served.HIT
    data = None if addressed else base64.b64encode(shot.opened.data).decode()
    return ShotReply(
        id=request_id,
        status="completed",
        url=url,
        cache_url=url,
        width=entry.width_px,
        height=entry.height_px,
        format=entry.format.value,
        size=entry.size_bytes,
        cache_key=entry.key,
        ttl=entry.ttl_s if addressed else None,
        cached=hit,
        image=ImageInfo(
            url=url,
            width=entry.width_px,
            height=entry.height_px,
            size=entry.size_bytes,
            format=entry.format.value,
            data=data,
        ),
        cache=CacheInfo(hit=hit, key=entry.key, url=url, expires_at=expires, stale=stale),
        metadata=Metadata(
            title=entry.verdict.title,
            description=entry.verdict.description,
            final_url=entry.verdict.final_url,
            http_status=entry.verdict.http_status,
        ),
        verdict=verdict_info(entry.verdict),
        usage=usage,
        storage_path=None if shot.copied_to is None else shot.copied_to.path,
    )
