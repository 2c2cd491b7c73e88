"""calotype take: one capture to a file; needs no server and never touches the cache."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from calotype.api.dialects.inbound import from_query
from calotype.bootstrap import open_renderer
from calotype.capture.errors import InvalidRequest
from calotype.capture.negative import PageUrl, WaitUntil
from calotype.capture.output import ImageFormat
from calotype.capture.parse import ParsedCapture, parse_capture
from calotype.capture.result import Capture
from calotype.capture.target import source_url
from calotype.cli.common import ConfigOption, run, settings_of, write_file
from calotype.clock import Deadline
from calotype.settings import Settings

_BY_SUFFIX = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".avif": "avif", ".pdf": "pdf"}
_HTML_SUFFIXES = (".html", ".htm")


def take(
    source: Annotated[str, typer.Argument(metavar="URL|-|FILE.html", help="What to picture; - reads HTML.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where the picture goes; - writes it out.")
    ],
    image_format: Annotated[
        ImageFormat | None, typer.Option("--format", help="Else by the file's ending, else png.")
    ] = None,
    quality: Annotated[int | None, typer.Option("--quality", help="1 to 100, for lossy formats.")] = None,
    width: Annotated[int | None, typer.Option("--width", help="Of the viewport, in CSS pixels.")] = None,
    height: Annotated[int | None, typer.Option("--height", help="Of the viewport, in CSS pixels.")] = None,
    scale: Annotated[float | None, typer.Option("--scale", help="Image pixels per CSS pixel.")] = None,
    mobile: Annotated[bool, typer.Option("--mobile", help="Emulate a mobile browser.")] = False,
    full_page: Annotated[bool, typer.Option("--full-page", help="The whole scrollable page.")] = False,
    element: Annotated[str | None, typer.Option("--element", metavar="CSS", help="One element.")] = None,
    dark_mode: Annotated[bool, typer.Option("--dark-mode", help="prefers-color-scheme: dark.")] = False,
    wait_for: Annotated[WaitUntil | None, typer.Option("--wait-for", help="Page state to wait for.")] = None,
    wait_selector: Annotated[
        str | None, typer.Option("--wait-selector", metavar="CSS", help="Wait until it matches.")
    ] = None,
    delay: Annotated[
        int | None, typer.Option("--delay", metavar="MS", help="Wait so long after all else.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option("--timeout", metavar="MS", help="Give up after so long.")
    ] = None,
    html_base_url: Annotated[
        str | None, typer.Option("--html-base-url", metavar="URL", help="Base of links in the HTML.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on", metavar="RULE", help="http_404, http_5xx, blank, bot_wall, ...; 'none' takes all."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="og_card, full_page, pdf_document, ...")
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="iphone_14, pixel_7, ipad_air, ...")] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any option, as a GET parameter; may be repeated.",
        ),
    ] = None,
    egress_allow: Annotated[
        str | None,
        typer.Option(
            "--egress-allow",
            metavar="HOSTS",
            help="Private hosts that may be reached [CALOTYPE_EGRESS_ALLOW].",
        ),
    ] = None,
    browser: Annotated[
        str | None, typer.Option("--browser", metavar="PATH", help="The browser binary [CALOTYPE_BROWSER].")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Take one picture of a page, or of HTML from a file or standard input."""
    settings = settings_of(config, egress_allow=egress_allow, browser=browser)
    named: dict[str, dict[str, object]] = {
        "viewport": _given(width=width, height=height, scale=scale, mobile=mobile or None, device=device),
        "capture": _given(selector=element, mode="full_page" if full_page else None),
        "output": _given(format=_format(image_format, output), quality=quality),
        "wait": _given(
            until=wait_for and wait_for.value, for_selector=wait_selector, delay=delay, timeout=timeout
        ),
        "browser": _given(dark_mode=dark_mode or None),
    }
    options = from_query(_pair(other) for other in others or [])
    for group, values in named.items():
        own = options.setdefault(group, {})
        if isinstance(own, dict):
            own.update(values)
    options |= _source(source, html_base_url)
    options |= _given(preset=preset, fail_on=[] if fail_on == ["none"] else fail_on or None)
    parsed = parse_capture(options)
    if parsed.unknown:
        raise InvalidRequest(parsed.unknown[0], "is not known", "see docs/capturing.md for all options")
    capture = run(_capture(settings, parsed))
    remarks = capture.verdict.remarks()
    if remarks:
        typer.echo(f"verdict: {remarks}", err=True)
    if str(output) == "-":
        sys.stdout.buffer.write(capture.image)
        return
    write_file(output, capture.image)
    size = f"{capture.width_px}x{capture.height_px}"
    typer.echo(f"{output}: {size} {capture.format.value}, {len(capture.image):,} bytes", err=True)


async def _capture(settings: Settings, parsed: ParsedCapture) -> Capture:
    async with open_renderer(settings) as renderer:
        capture = await renderer.render(parsed.request, Deadline.after(parsed.budget_ms))
    target = parsed.request.negative.target
    parsed.fail_on.check(
        source_url(target.url) if isinstance(target, PageUrl) else "about:blank", capture.verdict
    )
    return capture


def _source(source: str, base_url: str | None) -> dict[str, object]:
    path = Path(source)
    is_file = "://" not in source and path.suffix.lower() in _HTML_SUFFIXES
    if source != "-" and not is_file:
        return {"url": source, "html_base_url": base_url}
    try:
        html = (path.read_bytes() if is_file else sys.stdin.buffer.read()).decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidRequest(
            "FILE", f"{source} cannot be read ({exc})", "give a URL, or HTML in UTF-8"
        ) from exc
    return {"html": html, "html_base_url": base_url}


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidRequest("--set", f"is {text!r}", "write NAME=VALUE, as in --set timezone=Europe/Berlin")
    return name, value


def _format(asked: ImageFormat | None, output: Path) -> str | None:
    suffix = output.suffix.lower()
    if asked is not None or suffix == "":
        return None if asked is None else asked.value
    if suffix not in _BY_SUFFIX:
        endings = ", ".join(_BY_SUFFIX)
        raise InvalidRequest(
            "--output", f"ends in {suffix}", f"the endings are {endings}; with --format any will do"
        )
    return _BY_SUFFIX[suffix]


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
