"""Routes and what surrounds them, as one list."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from calotype.access.authenticator import Authenticator
from calotype.api.about import docs, openapi, version
from calotype.api.base_url import BaseUrl
from calotype.api.batches import BatchRoutes
from calotype.api.cache import Cache
from calotype.api.captures import Captures
from calotype.api.catalogue import Catalogue
from calotype.api.health import Health, healthz
from calotype.api.hit import HitGate
from calotype.api.listing import Listing
from calotype.api.middleware import RequestIds, TellRequestId
from calotype.api.notices import Notices
from calotype.api.problems import MethodNotAllowed, RouteNotFound, problem
from calotype.api.request import client_family, request_id_of
from calotype.api.usage import UsageRoute
from calotype.batches.service import Batches
from calotype.cache.readiness import Readiness
from calotype.cache.store import CacheStore
from calotype.clock import Clock
from calotype.errors import CalotypeError
from calotype.shots.service import Shots
from calotype.webhooks.teller import Teller

Handler = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger("calotype.api")
_METHOD_NOT_ALLOWED = 405
_CLIENT_CLOSED_REQUEST = 499
"""As nginx calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the edge stands on."""

    shots: Shots
    batches: Batches
    teller: Teller
    store: CacheStore
    authenticator: Authenticator
    base_url: BaseUrl
    clock: Clock
    readiness: Readiness
    accel: str = ""
    """The path under which an nginx in front has the blobs; empty where there is none."""


def build_app(
    parts: Parts, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None
) -> ASGIApp:
    """Return the whole edge: the hit gate, and the router behind it."""
    router = build_router(parts, lifespan)
    gate = HitGate(
        TellRequestId(router, parts.clock),
        parts.store,
        parts.authenticator,
        parts.base_url,
        parts.clock,
        parts.accel,
    )
    return RequestIds(gate)


def build_router(
    parts: Parts, lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None
) -> Starlette:
    """Return the routes without the hit gate; they answer what the gate answers."""
    captures = Captures(
        parts.shots,
        parts.batches,
        Notices(parts.teller, parts.clock),
        parts.authenticator,
        parts.base_url,
        parts.clock,
        parts.accel,
    )
    batches = BatchRoutes(parts.batches, parts.authenticator, parts.base_url)
    cache = Cache(parts.store, parts.authenticator, parts.base_url, parts.clock, parts.accel)
    health = Health(parts.readiness)
    listing = Listing(parts.store, parts.authenticator, parts.base_url, parts.clock)
    catalogue = Catalogue(parts.authenticator)
    usage = UsageRoute(parts.authenticator)
    routes = [
        _route("/healthz", GET=healthz, HEAD=healthz),
        _route("/readyz", GET=health.ready, HEAD=health.ready),
        _route("/version", GET=version, HEAD=version),
        _route("/openapi.json", GET=openapi, HEAD=openapi),
        _route("/docs", GET=docs, HEAD=docs),
        # No HEAD: it would have to render only to throw the picture away.
        _route("/v1/screenshot", GET=captures.get, POST=captures.post),
        _route("/v1/batch", POST=batches.post),
        *(
            _route(path, GET=batches.get, HEAD=batches.get, DELETE=batches.delete)
            for path in ("/v1/batch/{batch_id}", "/v1/batches/{batch_id}")
        ),
        _route("/v1/batch/{batch_id}/events", GET=batches.events),
        _route("/v1/batches/{batch_id}/events", GET=batches.events),
        _route("/v1/jobs/{batch_id}", GET=batches.job, HEAD=batches.job, DELETE=batches.delete_job),
        _route("/v1/presets", GET=catalogue.presets, HEAD=catalogue.presets),
        _route("/v1/presets/{preset_id}", GET=catalogue.preset, HEAD=catalogue.preset),
        _route("/v1/usage", GET=usage.get, HEAD=usage.get),
        _route("/v1/devices", GET=catalogue.devices, HEAD=catalogue.devices),
        _route("/v1/cache", GET=listing.entries, HEAD=listing.entries),
        _route("/v1/cache/purges", GET=listing.purges, HEAD=listing.purges, DELETE=cache.delete),
        _route("/v1/cache/purge/{purge_id}", GET=listing.purge, HEAD=listing.purge, DELETE=cache.delete),
        # A key may be called purge: the two meet only in POST.
        _route("/v1/cache/purge", GET=cache.get, HEAD=cache.get, DELETE=cache.delete, POST=cache.purge),
        _route("/v1/cache/{key:path}", GET=cache.get, HEAD=cache.get, DELETE=cache.delete),
        _route("/screenshots/{path:path}", GET=cache.public, HEAD=cache.public),
    ]
    handlers = {
        CalotypeError: _tell,
        HTTPException: _tell_http,
        ClientDisconnect: _tell_nobody,
        Exception: _tell_bug,
    }
    router = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)  # type: ignore[arg-type]
    # A path is right or wrong: a redirect would answer whoever has no key, and lose the body of a POST.
    router.router.redirect_slashes = False
    return router


def _route(path: str, **by_method: Handler) -> Route:
    """Return one route for all methods of a path, so that a wrong one is told all of the right ones."""

    async def dispatch(request: Request) -> Response:
        return await by_method[request.method](request)

    route = Route(path, dispatch, methods=list(by_method))
    route.methods = set(by_method)
    return route


async def _tell(request: Request, exc: CalotypeError) -> Response:
    _log.info("%s: %s: %s", request_id_of(request.scope), type(exc).__name__, exc)
    return problem(exc, request_id_of(request.scope), client_family(request))


async def _tell_http(request: Request, exc: HTTPException) -> Response:
    if exc.status_code == _METHOD_NOT_ALLOWED:
        fault: CalotypeError = MethodNotAllowed(f"{request.method} is not allowed here.")
    else:
        fault = RouteNotFound(f"There is no {request.scope['path']}.")
    response = problem(fault, request_id_of(request.scope), client_family(request))
    response.headers.update(exc.headers or {})
    return response


async def _tell_nobody(_request: Request, _exc: ClientDisconnect) -> Response:
    """Answer a client that hung up in the middle of its body; nobody hears it, and nothing is wrong."""
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def _tell_bug(request: Request, exc: Exception) -> Response:
    _log.error("request %s failed", request_id_of(request.scope), exc_info=exc)
    fault = CalotypeError("Something went wrong on our side; the log has it under this request's id.")
    return problem(fault, request_id_of(request.scope), client_family(request))
