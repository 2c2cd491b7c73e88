from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.egress.judge import may_reach
from calotype.egress.rules import EgressRules

NO_RULES = EgressRules()
NAT64 = IPv6Network("64:ff9b::/96")

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.88.98.255",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db7:ffff::1",
    "2606:4700::1111",
    "2a00:1450:4001:800::200e",
    "3ffe:ffff::1",
]

NOT_PUBLIC = [
    ("0.0.0.0", "unspecified"),
    ("0.255.255.255", "this network"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "carrier-grade NAT"),
    ("100.100.100.200", "Alibaba's metadata"),
    ("100.127.255.255", "carrier-grade NAT"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("168.63.129.16", "Azure's metadata"),
    ("169.254.0.0", "link-local"),
    ("169.254.169.254", "metadata"),
    ("169.254.170.2", "ECS metadata"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocol assignments"),
    ("192.0.0.192", "Oracle's metadata"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.0", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.255", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("100::1", "discard-only"),
    ("1fff:ffff::1", "below global unicast"),
    ("2001::1", "Teredo"),
    ("2001:2::1", "benchmarking"),
    ("2001:10::1", "ORCHID"),
    ("2001:20::1", "ORCHIDv2"),
    ("2001:1ff:ffff::1", "protocol assignments"),
    ("2001:db8::1", "documentation"),
    ("3fff::1", "documentation"),
    ("3fff:fff::1", "documentation"),
    ("4000::1", "above global unicast"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "AWS's metadata"),
    ("fd20:ce::254", "Google's metadata"),
    ("fdff:ffff::1", "unique local"),
    ("fe80::1", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast, global scope"),
]


def carriers(inner: IPv4Address) -> dict[str, IPv6Address]:
    """Return inner inside of every kind of IPv6 address that a packet may leave it from again."""
    bits = int(inner)
    return {
        "mapped": IPv6Address((0xFFFF << 32) | bits),
        "6to4": IPv6Address((0x2002 << 112) | (bits << 80) | 1),
        "NAT64": IPv6Address((0x0064_FF9B << 96) | bits),
        "ISATAP": IPv6Address((0x2A00_1450 << 96) | (0x5EFE << 32) | bits),
        "ISATAP, global flag": IPv6Address((0x2A00_1450 << 96) | (0x0200_5EFE << 32) | bits),
        "compatible": IPv6Address(bits),
        "translated": IPv6Address((0xFFFF << 48) | bits),
        "local NAT64": IPv6Address((0x0064_FF9B_0001 << 80) | bits),
        "Teredo, its server": IPv6Address((0x2001_0000 << 96) | (bits << 64) | 0xF7F7_F7F7),
        "Teredo, its client": IPv6Address((0x2001_0000 << 96) | (0x0808_0808 << 64) | (bits ^ 0xFFFF_FFFF)),
    }


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address):
    assert may_reach(ip_address(address), 443, "example.com", NO_RULES)


@pytest.mark.parametrize(("address", "kind"), NOT_PUBLIC)
def test_no_other_address_may_be_reached(address, kind):
    assert not may_reach(ip_address(address), 443, "example.com", NO_RULES), kind


@pytest.mark.parametrize("inner", [address for address, _ in NOT_PUBLIC if "." in address])
def test_an_ipv4_address_is_not_better_for_the_ipv6_one_around_it(inner):
    for kind, outer in carriers(IPv4Address(inner)).items():
        assert not may_reach(outer, 443, "example.com", NO_RULES), kind


@pytest.mark.parametrize(
    ("kind", "may"),
    [
        ("mapped", True),
        ("6to4", True),
        ("NAT64", True),
        ("ISATAP", True),
        ("ISATAP, global flag", True),
        ("compatible", False),
        ("translated", False),
        ("local NAT64", False),
        ("Teredo, its server", False),
        ("Teredo, its client", False),
    ],
)
def test_a_public_ipv4_address_inside_does_not_make_up_for_what_is_around_it(kind, may):
    assert may_reach(carriers(IPv4Address("8.8.8.8"))[kind], 443, "example.com", NO_RULES) is may


@given(bits=st.integers(0, 2**32 - 1))
def test_what_may_be_reached_is_global_in_pythons_eyes_too(bits):
    address = IPv4Address(bits)

    if may_reach(address, 443, "example.com", NO_RULES):
        assert address.is_global
        assert not address.is_multicast


@given(bits=st.integers(0, 2**128 - 1))
def test_no_ipv6_address_outside_of_global_unicast_may_be_reached(bits):
    address = IPv6Address(bits)

    if may_reach(address, 443, "example.com", NO_RULES):
        assert address.ipv4_mapped is not None or address in NAT64 or bits >> 125 == 0b001


@pytest.mark.parametrize("address", ["fe80::1%eth0", "::1%lo", "2606:4700::1111%1"])
def test_zone_ids_are_refused_whatever_the_rules_say(address):
    rules = EgressRules.parse("::/0, wiki.intern")

    assert not may_reach(ip_address(address), 443, "wiki.intern", rules)
    assert not may_reach(ip_address(address.partition("%")[0]), 443, address, rules)


def test_a_rule_opens_a_private_address_at_its_port_alone():
    rules = EgressRules.parse("127.0.0.1:8080")

    assert may_reach(ip_address("127.0.0.1"), 8080, "localhost", rules)
    assert not may_reach(ip_address("127.0.0.1"), 8081, "localhost", rules)
    assert not may_reach(ip_address("127.0.0.2"), 8080, "localhost", rules)
    assert not may_reach(ip_address("::1"), 8080, "localhost", rules)


def test_a_rule_for_a_name_opens_whatever_it_resolves_to():
    rules = EgressRules.parse("wiki.intern")

    assert may_reach(ip_address("10.1.2.3"), 80, "WIKI.intern", rules)
    assert may_reach(ip_address("fd00::1"), 80, "wiki.intern", rules)
    assert not may_reach(ip_address("10.1.2.3"), 80, "other.intern", rules)


def test_a_rule_for_an_ipv4_address_opens_its_mapped_spelling():
    rules = EgressRules.parse("127.0.0.1")

    assert may_reach(ip_address("::ffff:127.0.0.1"), 80, "localhost", rules)
    assert not may_reach(ip_address("::127.0.0.1"), 80, "localhost", rules)


def test_a_rule_for_what_is_inside_suffices_only_if_what_is_around_is_public():
    rules = EgressRules.parse("10.0.0.0/8")

    around = carriers(IPv4Address("10.1.2.3"))
    assert may_reach(around["NAT64"], 80, "wiki.intern", rules)
    assert not may_reach(around["local NAT64"], 80, "wiki.intern", rules)


def test_a_rule_for_what_is_around_does_not_open_what_is_inside():
    rules = EgressRules.parse("64:ff9b:1::/48")

    assert may_reach(carriers(IPv4Address("8.8.8.8"))["local NAT64"], 80, "example.com", rules)
    assert not may_reach(carriers(IPv4Address("10.1.2.3"))["local NAT64"], 80, "example.com", rules)


def test_a_rule_opens_the_loopback_address_of_ipv6():
    assert may_reach(ip_address("::1"), 80, "localhost", EgressRules.parse("::1"))
