"""calotype take: one capture to a file; needs no server and never touches the cache."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from calotype.api.dialects.inbound import from_query
from calotype.bootstrap import open_renderer
from calotype.capture.errors import InvalidRequest
from calotype.capture.negative import PageUrl
from calotype.capture.output import ImageFormat
from calotype.capture.parse import ParsedCapture, parse_capture
from calotype.capture.result import Capture
from calotype.capture.target import source_url
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
from calotype.cli.common import ConfigOption, run, settings_of, write_file
from calotype.clock import Deadline
from calotype.settings import Settings

_BY_SUFFIX = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".avif": "avif", ".pdf": "pdf"}
_HTML_SUFFIXES = (".html", ".htm")
_MARKDOWN_SUFFIXES = (".md", ".markdown")
_READABLE = "give a file that is there, in UTF-8"


def take(
    source: Annotated[
        str, typer.Argument(metavar="URL|-|FILE.html|FILE.md", help="What to picture; - reads HTML.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where the picture goes; - writes it out.")
    ],
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
    html_base_url: Annotated[
        str | None,
        typer.Option("--html-base-url", metavar="URL", help="Base of links in the HTML or Markdown."),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Read - or the file as Markdown, whatever it is called.")
    ] = False,
    markdown_css: Annotated[
        Path | None, typer.Option("--markdown-css", metavar="FILE", help="A style sheet for the Markdown.")
    ] = None,
    fail_on: FailOnOption = None,
    preset: PresetOption = None,
    device: DeviceOption = None,
    others: OthersOption = None,
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
    """Take one picture of a page, or of HTML or Markdown from a file or standard input."""
    settings = settings_of(config, egress_allow=egress_allow, browser=browser)
    options = from_query(
        query_pairs(
            others,
            format=_format(image_format, output),
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
        )
    )
    options |= _source(source, as_markdown=markdown)
    if html_base_url is not None:
        options["html_base_url"] = html_base_url
    if markdown_css is not None:
        options["markdown_css"] = _read("--markdown-css", markdown_css)
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


def _source(source: str, *, as_markdown: bool) -> dict[str, object]:
    path = Path(source)
    suffix, is_local = path.suffix.lower(), "://" not in source
    is_markdown = as_markdown or (is_local and suffix in _MARKDOWN_SUFFIXES)
    if source == "-":
        text = _read("FILE", None)
    elif is_local and (is_markdown or suffix in _HTML_SUFFIXES):
        text = _read("FILE", path)
    else:
        return {"url": source}
    return {"markdown" if is_markdown else "html": text}


def _read(argument: str, path: Path | None) -> str:
    """Return the text of a file, or of standard input."""
    try:
        return (sys.stdin.buffer.read() if path is None else path.read_bytes()).decode()
    except (OSError, UnicodeDecodeError) as exc:
        name = "-" if path is None else str(path)
        raise InvalidRequest(argument, f"{name} cannot be read ({exc})", _READABLE) from exc


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
