"""A batch's JSON: what is told back of a page, and which captures are one and the same."""

from __future__ import annotations

import pytest

from calotype.api.dialects import inbound
from calotype.batches.parse import parse_batch, told_url


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.com/a b?c#d", "HTTPS://Example.com/a b?c#d"),
        ("https://user:secret@example.com/x", "https://example.com/x"),
        ("https://example.com/@me", "https://example.com/@me"),
        ("nothing", "nothing"),
        ("http//user:secret@host", ""),
        ("user:secret@host", ""),
        ("user:secret@example.com/x?y", ""),
        ("ftp://user:secret@host/", ""),
        ("x" * 3000, ""),
        (5, ""),
        (None, ""),
    ],
)
def test_a_page_is_told_as_its_client_wrote_it_but_for_credentials(given, told):
    assert told_url({"url": given}) == told


def test_what_is_no_request_has_no_page():
    assert told_url("https://example.com/") == ""
    assert told_url({}) == ""


def test_a_document_has_its_base_for_a_page():
    assert told_url({"html": "<p>"}) == "about:blank"
    assert told_url({"markdown": "# a", "html_base_url": "https://example.com/"}) == "https://example.com/"


def same(*requests):
    first, second = parse_batch({"requests": list(requests)}, inbound.nested).items
    return first.identity == second.identity


URL = "https://example.com/"


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ({"url": URL}, {"url": "https://EXAMPLE.com"}, True),
        ({"url": URL, "dark_mode": True}, {"url": URL, "browser": {"dark_mode": True}}, True),
        ({"url": URL}, {"url": URL, "width": 1280}, True),
        ({"url": URL}, {"url": URL, "width": 640}, False),
        ({"url": URL}, {"url": URL, "cache": {"ttl": 5}}, False),
        ({"url": URL}, {"url": URL, "cache": {"tags": ["a"]}}, False),
        ({"url": URL}, {"url": URL, "fail_on": []}, False),
        ({"url": URL}, {"url": URL, "wait": {"timeout": 9}}, False),
        ({"url": "nothing"}, {"url": "nothing"}, False),
    ],
)
def test_captures_are_one_if_nothing_that_was_asked_for_differs(first, second, one):
    assert same(first, second) is one


def test_secrets_are_in_no_representation_of_a_webhook():
    hook = {"url": "https://hooks.example/T0/secret", "secret": "whsec_1"}
    batch = parse_batch({"urls": [URL], "webhook": hook}, inbound.nested)

    assert "secret" not in repr(batch.webhook)
    assert batch.asynchronous
