"""Which host a capture is polite to."""

from __future__ import annotations

import pytest

from calotype.capture.negative import HtmlDocument, PageUrl
from calotype.egress.connect import Connector
from calotype.egress.rules import EgressRules
from calotype.render.hosts import limited_host
from calotype.render.settings import BrowserSettings

RULES = EgressRules.parse("wiki.intern, grafana.intern:3000, 10.0.0.0/8, [fd00::1]:80")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.com/a?b#c", "example.com"),
        ("https://example.com.:8443/", "example.com"),
        ("http://user:password@example.com:80/", "example.com"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://wiki.intern/", None),
        ("https://wiki.intern/", None),
        ("http://grafana.intern:3000/d/1", None),
        ("http://grafana.intern/", "grafana.intern"),
        ("http://10.1.2.3/", None),
        ("http://[fd00::1]/", None),
        ("https://[fd00::1]/", "fd00::1"),
    ],
)
def test_a_host_that_the_rules_do_not_name_has_a_limit(url, host):
    connector = Connector(RULES)

    assert limited_host(PageUrl(url), connector.is_own) == host


def test_a_document_of_the_request_is_nobodys_page():
    assert limited_host(HtmlDocument("<p>", "https://example.com/"), lambda *_: False) is None


@pytest.mark.parametrize(("concurrency", "per_host"), [(1, 2), (4, 2), (5, 2), (16, 8)])
def test_by_default_half_of_the_places_are_left_to_others(concurrency, per_host):
    assert BrowserSettings(concurrency=concurrency).captures_per_host == per_host
    assert BrowserSettings(concurrency=concurrency, per_host=1).captures_per_host == 1
