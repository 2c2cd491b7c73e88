"""Events: one body for the parsers of all client families, in the bytes that JavaScript makes of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.webhooks.event import Counted, Event, EventKind, Form, NotPictured, Pictured
from tests.support.clock import NOON

PICTURE = Pictured(
    url="https://example.com/", picture_url="https://shots.example/screenshots/2024/01/15/ab.png",
    width_px=1200, height_px=630, size_bytes=123456, format="png", cached=False, credits=1, key="cache_ab",
    expires_at=NOON, title="Example", description="A page",
)  # fmt: skip
FAILURE = NotPictured(
    url="https://example.com/", code="timeout", message="load took too long", retryable=True
)
BATCH = Counted(
    status="completed", total=3, completed=2, failed=1,
    results_url="https://shots.example/v1/batches/batch_1",
)  # fmt: skip


def told(about, kind=EventKind.SCREENSHOT_COMPLETED, form=Form.ACCOUNT, **more):
    return json.loads(Event(kind=kind, subject="req_1", at=NOON, about=about, **more).body(form))


@pytest.mark.parametrize("form", Form)
def test_the_envelope_is_what_either_family_of_parsers_looks_for(form):
    body = told(PICTURE, form=form)

    assert body["event"] == body["type"] == "screenshot.completed"
    assert body["timestamp"] == body["created_at"] == "2024-01-15T12:00:00Z"
    assert body["id"] == "req_1"


@pytest.mark.parametrize("form", Form)
def test_a_picture_is_told_flat_and_nested(form):
    data = told(PICTURE, form=form)["data"]
    flat = {"width": 1200, "height": 630, "size": 123456, "format": "png"}

    assert data["url"] == PICTURE.url
    assert data["screenshot_url"] == PICTURE.picture_url
    assert flat.items() <= data.items()
    assert data["cached"] is False
    assert data["image"] == {"url": PICTURE.picture_url, **flat}
    assert data["cache"] == {
        "key": "cache_ab", "url": PICTURE.picture_url, "expires_at": "2024-01-15T12:00:00Z",
    }  # fmt: skip
    assert data["metadata"] == {"title": "Example", "description": "A page"}
    assert data["usage"] == {"credits": 1}


def test_a_picture_that_no_address_leads_to_has_none():
    data = told(replace(PICTURE, picture_url=None, expires_at=None))["data"]

    assert data["screenshot_url"] is None
    assert data["image"]["url"] is None
    assert data["cache"] == {"key": "cache_ab", "url": None, "expires_at": None}


def test_a_failure_is_a_text_for_the_account_and_an_object_for_the_request():
    kind = EventKind.SCREENSHOT_FAILED
    new, old = (told(FAILURE, kind, form)["data"] for form in (Form.ACCOUNT, Form.REQUEST))
    failure = {"type": "target_error", "code": "timeout", "message": FAILURE.message, "retryable": True}

    assert new == {"url": FAILURE.url, "error": FAILURE.message, "failure": failure}
    assert old == {"url": FAILURE.url, "error": failure, "failure": failure}


def test_a_fault_of_ours_is_not_called_the_pages():
    data = told(replace(FAILURE, code="internal_error"), EventKind.SCREENSHOT_FAILED)["data"]

    assert data["failure"]["type"] == "internal_error"


@pytest.mark.parametrize("form", Form)
def test_a_batch_is_told_in_numbers_and_where_the_rest_is(form):
    assert told(BATCH, EventKind.BATCH_COMPLETED, form)["data"] == {
        "summary": {"total": 3, "completed": 2, "failed": 1},
        "results_url": BATCH.results_url,
        "status": "completed",
    }


def test_only_a_try_is_called_one():
    assert told(PICTURE, test=True)["data"]["test"] is True
    assert "test" not in told(PICTURE)["data"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_the_bytes_are_those_that_javascript_makes_of_them_again(text):
    about = replace(PICTURE, title=text, url=f"https://example.com/</script>?{text}")
    body = Event(kind=EventKind.SCREENSHOT_COMPLETED, subject="req_1", at=NOON, about=about).body(
        Form.ACCOUNT
    )

    # JSON.stringify escapes what this does, in the same way, and keeps the order of the fields.
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
