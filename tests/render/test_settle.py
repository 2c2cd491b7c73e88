"""What a page still does when it has loaded is waited for, and no longer than it is worth."""

from __future__ import annotations

import pytest

from calotype.render.cdp import Session
from tests.render.asking import FULL_PAGE, take

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def called(monkeypatch):
    """The names of the calls that are made, in their order."""
    names = []
    call = Session.call

    def noting(self, method, *rest):
        names.append(method)
        return call(self, method, *rest)

    monkeypatch.setattr(Session, "call", noting)
    return names


async def test_our_functions_share_one_world_in_a_document(renderer, site, called):
    await take(renderer, site.url("/home"), selector="h1", area=FULL_PAGE)

    assert called.count("Page.createIsolatedWorld") == 1
    assert called.count("Runtime.callFunctionOn") > 1


async def test_another_document_gets_a_world_of_its_own(renderer, site, called):
    capture = await take(renderer, site.url("/self-reload"), selector="body", delay_ms=300)

    assert capture.verdict.title == "Reload 2"
    assert called.count("Page.createIsolatedWorld") == 2
