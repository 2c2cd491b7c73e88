"""What concerns the whole run."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.site.server import Site
from tests.support.weed import Weed

# How long an example takes says something of the machine, and no test may depend on that.
settings.register_profile("calotype", deadline=None)
settings.load_profile("calotype")


@pytest.fixture
def night_s(request: pytest.FixtureRequest) -> float:
    """Seconds that a nightly test may take: those of the night, shared out among all that run in it."""
    nightly = [item for item in request.session.items if item.get_closest_marker("nightly")]
    return float(os.environ.get("NIGHTLY_MINUTES", "60")) * 60 / len(nightly)


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


@pytest.fixture(scope="session")
def shared_site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """A real S3-compatible server; each test takes a bucket of its own."""
    server = Weed(tmp_path_factory.mktemp("weed"))
    yield server
    server.stop()


@pytest.fixture
def site(shared_site: Site) -> Site:
    shared_site.forget()
    return shared_site
