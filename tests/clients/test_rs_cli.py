"""`rs`, the command line: the Go client with habits of its own, and statuses to leave with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.clients.nested import NESTED, NESTED_PAPER
from tests.clients.promises import PAGE, Promises, TellsUsage
from tests.clients.test_go import Go
from tests.clients.wire import SdkError


class Rs(Go):
    """Every command is a request of the Go client's; `run` is how it ends."""

    async def take(self, options):
        # --format has a default, and is sent whether it was given or not.
        output = {"format": "png", **options.get("output", {})}
        return await super().take({**options, "output": output})

    async def run(self, command):
        try:
            return 1 if await command is None else 0
        except SdkError:
            return 1


@pytest.fixture
def client(scene):
    return Rs(scene.port, scene.key)


class TestRs(TellsUsage, Promises):
    everything = NESTED
    paper = NESTED_PAPER
    reads_finer_codes = True

    async def test_cache_get_of_nothing_leaves_with_1(self, client):
        assert await client.run(client.cache_get("cache_xyz789")) == 1

        await client.take({"url": PAGE})
        assert await client.run(client.cache_get(client.last.headers["x-cache-key"])) == 0

    async def test_its_default_format_overrides_that_of_a_preset(self, scene, client):
        await client.take({"url": PAGE, "preset": "pdf_document"})

        assert scene.renderer.renders[-1].output.format == "png"

    @pytest.mark.parametrize("paper", ["a3", "a4", "a5", "letter", "legal", "ledger"])
    async def test_every_paper_that_it_lets_through_is_known(self, scene, client, paper):
        await client.take({"url": PAGE, "output": {"format": "pdf"}, "pdf": {"paper": paper}})

        assert "calotype-ignored" not in client.last.headers

    async def test_tabloid_is_sent_as_ledger_and_printed_as_tabloid(self, scene, client):
        for paper in ("ledger", "tabloid"):
            await client.take({"url": PAGE, "output": {"format": "pdf"}, "pdf": {"paper": paper}})

        assert len(scene.renderer.renders) == 1

    async def test_purge_before_a_day_is_sent_as_its_midnight(self, scene, client):
        await client.take({"url": PAGE})
        today = datetime.combine(scene.clock().date(), datetime.min.time(), UTC)

        assert await client.purge_before(today) == (0, [])
        assert client.last.json()["before"] == f"{today:%Y-%m-%d}T00:00:00Z"

    async def test_no_cache_says_nothing_on_the_wire_and_the_cache_answers(self, client):
        """It sets a ttl of 0, which the Go client leaves out like every zero."""
        first = await client.take({"url": PAGE})

        assert await client.take({"url": PAGE}) == first
