"""calotype serve: run the server."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType
from typing import Annotated

import typer
import uvicorn
import uvloop

from calotype.allocator import keep_little
from calotype.api.app import Parts, build_app
from calotype.api.base_url import BaseUrl
from calotype.api.front import front
from calotype.api.repeats import Repeats
from calotype.bootstrap import Remembering, open_service
from calotype.cli.common import DEFAULT_ACCOUNT, ConfigOption, DataOption, settings_of
from calotype.clock import utc_now
from calotype.errors import ConfigurationError
from calotype.settings import Settings
from calotype.telemetry.log import configure_logging

_GRACE_S = 30
"""How long a stopping server lets running requests finish: a little more than their own budget."""
_BACKLOG = 2048


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on [CALOTYPE_HOST].")] = None,
    port: Annotated[str | None, typer.Option("--port", help="Port to listen on [CALOTYPE_PORT].")] = None,
    data: DataOption = None,
    first_key: Annotated[
        bool, typer.Option("--first-key", help="With no key in the store: make one, and print it.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Run the server until it is told to stop."""
    settings = settings_of(config, host=host, port=port, data=data)
    configure_logging()
    keep_little()
    uvloop.run(_serve(settings, first_key=first_key))


async def _serve(settings: Settings, *, first_key: bool) -> None:
    with contextlib.closing(_listen(settings)) as listener:
        port = listener.getsockname()[1]
        # What is told later names the address that was taken, not "any free port".
        async with open_service(replace(settings, port=port)) as service:
            await _check_keys(service.remembering, settings, first_key=first_key)
            parts = Parts(
                shots=service.shots,
                batches=service.batches,
                teller=service.teller,
                store=service.remembering.store,
                authenticator=service.remembering.authenticator,
                base_url=BaseUrl(settings.public_url, settings.host, port),
                clock=utc_now,
                readiness=service.readiness,
                accel=settings.accel_prefix,
            )
            kept = service.remembering
            repeats = Repeats(kept.version, kept.hot, kept.room.touched, kept.authenticator.quotas, utc_now)
            server = _Server(
                uvicorn.Config(
                    build_app(parts),
                    http=front(repeats),
                    proxy_headers=False,
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    timeout_graceful_shutdown=_GRACE_S,
                    backlog=_BACKLOG,
                ),
                service.batches.leave,
            )
            here = BaseUrl(None, settings.host, port).for_host(None)
            typer.echo(f"Calotype listens on {here}", err=True)
            await server.serve(sockets=[listener])
    typer.echo("Calotype has stopped", err=True)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        message = (
            f"cannot listen on {settings.host} port {settings.port}: {exc.strerror}; "
            "choose another with --port or CALOTYPE_PORT"
        )
        raise ConfigurationError(message) from exc
    listener.setblocking(False)
    return listener


async def _check_keys(remembering: Remembering, settings: Settings, *, first_key: bool) -> None:
    if any(key.revoked_at is None for key in await remembering.keys.list()):
        return
    if first_key:
        secret, _ = await remembering.authenticator.create(DEFAULT_ACCOUNT, "live", "first key")
        typer.echo(f"Your first key, shown this once:\n\n    {secret}\n", err=True)
    elif _is_loopback(settings.host):
        logging.getLogger("calotype").warning(
            "there is no key yet, so nothing but /healthz will answer; make one with 'calotype keys create'"
        )
    else:
        message = (
            f"there is no key yet, and {settings.host} can be reached from outside; "
            f"make one first: calotype keys create --data {settings.data}"
        )
        raise ConfigurationError(message)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Server(uvicorn.Server):
    """uvicorn, but it leaves the signal to us: its own way ends the process before we have closed."""

    def __init__(self, config: uvicorn.Config, leave: Callable[[], None]) -> None:
        super().__init__(config)
        self._leave = leave

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, and let those go who would stay for as long as there is something to see."""
        super().handle_exit(sig, frame)
        self._leave()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the first SIGINT or SIGTERM, without waiting on the second."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
