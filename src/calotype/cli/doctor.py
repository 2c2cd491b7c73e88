"""calotype doctor: what is wrong with this machine, and exactly what mends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from calotype.checkup import examine
from calotype.cli.common import ConfigOption, DataOption, run, settings_of
from calotype.findings import Finding, State
from calotype.settings import Settings

_MARKS = {State.OK: ("✓", "green"), State.WARNING: ("!", "yellow"), State.BROKEN: ("✗", "red")}
_WIDTH = 24
"""Of the subjects."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
    data: DataOption = None,
    browser: Annotated[
        str | None, typer.Option("--browser", metavar="PATH", help="The browser binary [CALOTYPE_BROWSER].")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Look at browser, fonts, lists, index, blobs and disk; status 1 only if captures cannot work."""
    settings = settings_of(config, data=data, browser=browser)
    findings = run(_examine(settings, shown=not as_json))
    broken = any(finding.state is State.BROKEN for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": not broken, "findings": [asdict(finding) for finding in findings]}))
    else:
        _sum_up(findings)
    sys.exit(1 if broken else 0)


async def _examine(settings: Settings, *, shown: bool) -> list[Finding]:
    console = Console(markup=False, emoji=False, highlight=False)
    findings = []
    async for finding in examine(settings):
        findings.append(finding)
        if shown:
            _show(console, finding)
    return findings


def _show(console: Console, finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    line = Text.assemble((f"{mark} {finding.subject:{_WIDTH}}", colour), finding.what)
    console.print(line, soft_wrap=True)
    if finding.remedy:
        remedy = Text.assemble(" " * (_WIDTH + 2), ("what helps: ", "bold"), finding.remedy)
        console.print(remedy, soft_wrap=True)


def _sum_up(findings: Iterable[Finding]) -> None:
    counted = {state: sum(finding.state is state for finding in findings) for state in State}
    verdict = "captures cannot work" if counted[State.BROKEN] else "captures work"
    typer.echo(f"{verdict}; {counted[State.BROKEN]} faults, {counted[State.WARNING]} warnings")
