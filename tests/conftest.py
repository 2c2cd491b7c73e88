"""What concerns the whole run."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import settings

# How long an example takes says something of the machine, and no test may depend on that.
settings.register_profile("calotype", deadline=None)
settings.load_profile("calotype")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each folder of tests took; CONTRIBUTING gives each its share of the 15 minutes."""
    seconds: defaultdict[str, float] = defaultdict(float)
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                folder = report.nodeid.split("::")[0].rpartition("/")[0]
                seconds[folder] += report.duration
                tests[folder] += report.when == "call"
    if not seconds:
        return
    terminalreporter.section("where the time went")
    for folder, took in sorted(seconds.items(), key=lambda item: item[1], reverse=True):
        terminalreporter.write_line(f"{took:8.1f} s  {tests[folder]:5d} tests  {folder}")
