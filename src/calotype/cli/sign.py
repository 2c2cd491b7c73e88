"""calotype sign: a URL that shows one picture, and needs no key."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from calotype.access.signed_url import MAX_LIFE, PATH, sign
from calotype.api.base_url import BaseUrl
from calotype.api.dialects.inbound import from_query
from calotype.bootstrap import open_remembering
from calotype.capture.errors import InvalidRequest
from calotype.cli.capture_options import (
    DarkModeOption,
    DelayOption,
    DeviceOption,
    ElementOption,
    FailOnOption,
    FormatOption,
    FullPageOption,
    HeightOption,
    MobileOption,
    OthersOption,
    PresetOption,
    QualityOption,
    ScaleOption,
    TimeoutOption,
    WaitForOption,
    WaitSelectorOption,
    WidthOption,
    query_pairs,
)
from calotype.cli.common import ConfigOption, DataOption, run, settings_of
from calotype.clock import utc_now
from calotype.errors import ConfigurationError
from calotype.settings import Settings
from calotype.shots.asked import parse_asked

_SPAN = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def sign_url(
    url: Annotated[str, typer.Argument(metavar="URL", help="The page to picture.")],
    key: Annotated[str, typer.Option("--key", metavar="rs_pub_...", help="The key pair's public key.")],
    expires: Annotated[
        str,
        typer.Option(
            "--expires", metavar="TIME", help="How long it is good: 90s, 15m, 24h, 7d; at most 30d."
        ),
    ] = "24h",
    image_format: FormatOption = None,
    quality: QualityOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    scale: ScaleOption = None,
    mobile: MobileOption = False,
    full_page: FullPageOption = False,
    element: ElementOption = None,
    dark_mode: DarkModeOption = False,
    wait_for: WaitForOption = None,
    wait_selector: WaitSelectorOption = None,
    delay: DelayOption = None,
    timeout: TimeoutOption = None,
    fail_on: FailOnOption = None,
    preset: PresetOption = None,
    device: DeviceOption = None,
    others: OthersOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Print a URL that shows this picture to whoever has it, until it expires.

    The secret is CALOTYPE_SIGNING_SECRET, or that of the pair in the data folder.
    """
    settings = settings_of(config, data=data)
    pairs = [
        ("url", url),
        *query_pairs(
            others,
            format=image_format,
            quality=quality,
            width=width,
            height=height,
            scale=scale,
            mobile=mobile,
            full_page=full_page,
            element=element,
            dark_mode=dark_mode,
            wait_for=wait_for,
            wait_for_selector=wait_selector,
            delay=delay,
            timeout=timeout,
            fail_on=fail_on,
            preset=preset,
            device=device,
        ),
    ]
    _check(pairs)
    end = utc_now() + _life(expires)
    base = BaseUrl(settings.public_url, settings.host, settings.port).for_host(None)
    typer.echo(f"{base}{PATH}?{sign(pairs, key, run(_secret(settings, key)), end)}")


def _check(pairs: list[tuple[str, str]]) -> None:
    # What is wrong with it is better told here than by a picture that does not come.
    unknown = parse_asked(from_query(pairs)).unknown
    if unknown:
        raise InvalidRequest(unknown[0], "is not known", "see docs/capturing.md for all options")


def _life(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    life = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < life <= MAX_LIFE:
        raise InvalidRequest("--expires", f"is {text!r}", "write 90s, 15m, 24h or 7d; it may be at most 30d")
    return life


async def _secret(settings: Settings, key: str) -> bytes:
    if settings.signing_secret is not None:
        return settings.signing_secret.encode()
    if settings.index.path.exists():
        async with open_remembering(settings) as remembering:
            secret = await remembering.authenticator.signing_secret(key)
        if secret is not None:
            return secret
    message = (
        f"there is no valid key pair {key!r} in {settings.data}; set CALOTYPE_SIGNING_SECRET to its secret, "
        "name the server's data folder with --data, or make a pair: calotype keys create --mode signing"
    )
    raise ConfigurationError(message)
