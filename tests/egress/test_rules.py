from ipaddress import ip_address, ip_network

import pytest

from calotype.egress.rules import EgressRules
from calotype.errors import ConfigurationError


def test_nothing_is_allowed_by_default():
    assert EgressRules.parse("") == EgressRules.parse(" , ") == EgressRules()
    assert not EgressRules().allow_name("localhost", 80)
    assert not EgressRules().allow_address(ip_address("127.0.0.1"), 80)


@pytest.mark.parametrize(
    ("item", "name", "port"),
    [
        ("wiki.intern", "wiki.intern", None),
        ("wiki.intern:8080", "wiki.intern", 8080),
        ("WIKI.Intern", "wiki.intern", None),
        ("wiki.intern.", "wiki.intern.", None),
        ("my_service", "my_service", None),
        ("1password.com", "1password.com", None),
        ("müller.intern", "xn--mller-kva.intern", None),
    ],
)
def test_a_name_is_read(item, name, port):
    assert EgressRules.parse(item) == EgressRules(names=frozenset({(name, port)}))


@pytest.mark.parametrize(
    ("item", "network", "port"),
    [
        ("10.1.2.3", "10.1.2.3/32", None),
        ("10.1.2.3:80", "10.1.2.3/32", 80),
        ("10.0.0.0/8", "10.0.0.0/8", None),
        ("fd00::1", "fd00::1/128", None),
        ("[fd00::1]", "fd00::1/128", None),
        ("[fd00::1]:80", "fd00::1/128", 80),
        ("fd00::/8", "fd00::/8", None),
        ("::/0", "::/0", None),
        ("::ffff:10.1.2.3", "10.1.2.3/32", None),
        ("[::ffff:10.1.2.3]:80", "10.1.2.3/32", 80),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8", None),
    ],
)
def test_an_address_or_a_network_is_read(item, network, port):
    assert EgressRules.parse(item) == EgressRules(networks=frozenset({(ip_network(network), port)}))


def test_items_are_parted_by_commas_and_their_order_does_not_matter():
    assert EgressRules.parse("wiki.intern, 10.0.0.0/8,") == EgressRules.parse("10.0.0.0/8,wiki.intern")


@pytest.mark.parametrize(
    "item",
    [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/8:80",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "10.0.0.1:",
        "10.0.0.1:http",
        "10.0.0.256",
        "010.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.0x1",
        "fd00::1:80:",
        "[fd00::1",
        "fd00::1]",
        "[10.0.0.1]",
        "[]:80",
        "[fd00::1]80",
        "fe80::1%eth0",
        "[fe80::1%eth0]:80",
        "fe80::%eth0/64",
        "*.intern",
        "http://wiki.intern",
        "wiki.intern/path",
        "user@wiki.intern",
        "wiki intern",
        "wiki..intern",
        ".intern",
        ":80",
        "-",
        "a" * 64,
        "wiki.intern:+80",
        "wiki.intern:\uff18\uff10",
        "wiki\nintern",
    ],
)
def test_a_bad_item_is_named_with_the_setting_and_what_is_allowed(item):
    with pytest.raises(ConfigurationError) as caught:
        EgressRules.parse(f"good.intern,{item}")

    message = str(caught.value)
    assert "CALOTYPE_EGRESS_ALLOW" in message
    assert repr(item) in message
    assert "wiki.intern:8080" in message


def test_a_name_is_matched_exactly_but_for_its_case():
    rules = EgressRules.parse("Wiki.intern:80")

    assert rules.allow_name("wiki.INTERN", 80)
    assert not rules.allow_name("wiki.intern", 81)
    assert not rules.allow_name("a.wiki.intern", 80)
    assert not rules.allow_name("wiki.intern.evil.test", 80)
    assert not rules.allow_name("iki.intern", 80)


def test_a_port_narrows_an_address_and_its_absence_does_not():
    rules = EgressRules.parse("10.1.2.3:80, 10.9.0.0/16")

    assert rules.allow_address(ip_address("10.1.2.3"), 80)
    assert not rules.allow_address(ip_address("10.1.2.3"), 81)
    assert not rules.allow_address(ip_address("10.1.2.4"), 80)
    assert rules.allow_address(ip_address("10.9.255.1"), 65_535)
    assert not rules.allow_address(ip_address("fd00::1"), 80)
