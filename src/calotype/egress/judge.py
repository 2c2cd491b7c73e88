"""May this address be reached? Pure, so that a table of cases tests it fully.

Written out rather than left to ipaddress.is_global, whose answers differ between Python
versions, which counts multicast in, and which does not look for the IPv4 addresses that
IPv6 ones carry along. The ranges are those of the IANA special-purpose address registries
(RFC 6890 and its successors).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from calotype.egress.rules import EgressRules, IpAddress

NOT_PUBLIC_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # unspecified; Linux connects 0.0.0.0 to the machine itself
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service is at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's metadata and DNS, at what looks like a public address
        "169.254.0.0/16",  # link-local; the metadata service of most clouds is at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service is at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# In IPv6 it is shorter to say what is public. All else, ::1, fc00::/7, fe80::/10, the
# site-local fec0::/10 and ff00::/8 among it, lies outside of global unicast.
GLOBAL_UNICAST = IPv6Network("2000::/3")
NOT_PUBLIC_WITHIN = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
# How a machine with IPv6 alone reaches IPv4: its DNS server answers with these.
NAT64 = IPv6Network("64:ff9b::/96")
# Prefixes whose last 32 bits are an IPv4 address. :: and ::1 are addresses of their own.
ENDING_IN_IPV4 = (
    NAT64,
    IPv6Network("64:ff9b:1::/48"),  # NAT64 within one network, RFC 8215
    IPv6Network("::/96"),  # IPv4-compatible, deprecated
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 2765
)
OWN_MEANING = (IPv6Address("::"), IPv6Address("::1"))
# Bits 64 to 95 of an ISATAP address (RFC 5214), and the two flags among them that may vary.
ISATAP, ISATAP_MASK = 0x0000_5EFE, 0xFCFF_FFFF


def may_reach(address: IpAddress, port: int, host: str, rules: EgressRules) -> bool:
    """Say whether address, to which host resolved, may be connected to at port.

    Public addresses may, and what rules allow. An IPv6 address that carries IPv4 ones must
    pass, and each of those must pass too. Zone ids (fe80::1%eth0) name our own network
    cards and never pass.
    """
    if "%" in host or (isinstance(address, IPv6Address) and address.scope_id is not None):
        return False
    if rules.allow_name(host, port):
        return True
    return all(_is_public(meant) or rules.allow_address(meant, port) for meant in _meant_by(address))


def _meant_by(address: IpAddress) -> Iterator[IpAddress]:
    """Yield every address that a packet to address may end up at."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        # Another spelling of the IPv4 address; the kernel speaks IPv4 to it.
        yield address.ipv4_mapped
        return
    yield address
    if any(address in prefix for prefix in ENDING_IN_IPV4) and address not in OWN_MEANING:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (int(address) >> 32) & ISATAP_MASK == ISATAP:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _is_public(address: IpAddress) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_IPV4)
    if address in NAT64:
        return True
    return address in GLOBAL_UNICAST and not any(address in network for network in NOT_PUBLIC_WITHIN)
