"""The options of a capture, as flags of the commands that ask for one."""

from __future__ import annotations

from typing import Annotated

import typer

from calotype.capture.errors import InvalidRequest
from calotype.capture.negative import WaitUntil
from calotype.capture.output import ImageFormat

FormatOption = Annotated[
    ImageFormat | None, typer.Option("--format", help="Else by the file's ending, else png.")
]
QualityOption = Annotated[int | None, typer.Option("--quality", help="1 to 100, for lossy formats.")]
WidthOption = Annotated[int | None, typer.Option("--width", help="Of the viewport, in CSS pixels.")]
HeightOption = Annotated[int | None, typer.Option("--height", help="Of the viewport, in CSS pixels.")]
ScaleOption = Annotated[float | None, typer.Option("--scale", help="Image pixels per CSS pixel.")]
MobileOption = Annotated[bool, typer.Option("--mobile", help="Emulate a mobile browser.")]
FullPageOption = Annotated[bool, typer.Option("--full-page", help="The whole scrollable page.")]
ElementOption = Annotated[str | None, typer.Option("--element", metavar="CSS", help="One element.")]
DarkModeOption = Annotated[bool, typer.Option("--dark-mode", help="prefers-color-scheme: dark.")]
WaitForOption = Annotated[WaitUntil | None, typer.Option("--wait-for", help="Page state to wait for.")]
WaitSelectorOption = Annotated[
    str | None, typer.Option("--wait-selector", metavar="CSS", help="Wait until it matches.")
]
DelayOption = Annotated[
    int | None, typer.Option("--delay", metavar="MS", help="Wait so long after all else.")
]
TimeoutOption = Annotated[int | None, typer.Option("--timeout", metavar="MS", help="Give up after so long.")]
FailOnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on", metavar="RULE", help="http_404, http_5xx, blank, bot_wall, ...; 'none' takes all."
    ),
]
PresetOption = Annotated[str | None, typer.Option("--preset", help="og_card, full_page, pdf_document, ...")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="iphone_14, pixel_7, ipad_air, ...")]
OthersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any option, as a GET parameter; may be repeated.",
    ),
]


def query_pairs(others: list[str] | None, **flags: object) -> list[tuple[str, str]]:
    """Return the query parameters that flags spell, by their names there; flags count before others.

    Raises InvalidRequest for one of the others that is not NAME=VALUE.
    """
    pairs = [_pair(other) for other in others or []]
    for name, value in flags.items():
        if isinstance(value, list):
            pairs += [(name, "" if item == "none" else str(item)) for item in value]
        elif value is not None and value is not False:
            pairs.append((name, "true" if value is True else str(value)))
    return pairs


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidRequest("--set", f"is {text!r}", "write NAME=VALUE, as in --set timezone=Europe/Berlin")
    return name, value
