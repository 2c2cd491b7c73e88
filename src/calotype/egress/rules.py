"""What the operator allows although it is not public: the setting CALOTYPE_EGRESS_ALLOW."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import ada_url

from calotype.errors import ConfigurationError

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

SETTING = "CALOTYPE_EGRESS_ALLOW"
ALLOWED = (
    "allowed are, separated by commas, host names (wiki.intern), addresses (10.1.2.3, fd00::1), either with "
    "a port (wiki.intern:8080, 10.1.2.3:80, [fd00::1]:80), and networks (10.0.0.0/8, fd00::/8)"
)
HOST_AND_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[^:]*))?")
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)*{LABEL}\.?")
# A name whose last label is a number is an address in an odd spelling to browsers and to
# getaddrinfo (127.1, 0x7f000001, 010.0.0.1). As a name it would never match, and what it
# means is too easily mistaken to guess.
ODD_ADDRESS = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)\.?")
LAST_PORT = 65_535
MAPPED = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class EgressRules:
    """The hosts and networks that may be reached although they are not public; none by default.

    The second half of each pair is the one port that is meant, or None for every port.
    Names are in lower case, foreign letters in their xn-- spelling.
    """

    names: frozenset[tuple[str, int | None]] = frozenset()
    networks: frozenset[tuple[IpNetwork, int | None]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> EgressRules:
        """Read the setting's text. Raises ConfigurationError naming the item that is wrong."""
        names: set[tuple[str, int | None]] = set()
        networks: set[tuple[IpNetwork, int | None]] = set()
        for item in filter(None, (item.strip() for item in text.split(","))):
            try:
                where, port = _read_item(item)
            except ValueError as exc:
                msg = f"{SETTING} contains {item!r}, which is not understood; {ALLOWED}."
                raise ConfigurationError(msg) from exc
            if isinstance(where, str):
                names.add((where, port))
            else:
                networks.add((where, port))
        return cls(frozenset(names), frozenset(networks))

    def allow_name(self, host: str, port: int) -> bool:
        """Say whether host, as it was asked for, is allowed by its name."""
        name = host.lower()
        return (name, None) in self.names or (name, port) in self.names

    def allow_address(self, address: IpAddress, port: int) -> bool:
        """Say whether address is allowed, whatever name led to it."""
        return any(only in (None, port) and address in network for network, only in self.networks)


def _read_item(item: str) -> tuple[str | IpNetwork, int | None]:
    if "/" in item:
        return _as_ipv4_if_mapped(ip_network(item)), None
    parts = HOST_AND_PORT.fullmatch(item)
    if parts is None:
        # Several colons and no brackets.
        return _as_ipv4_if_mapped(ip_network(IPv6Address(item))), None
    host, digits = parts["host"], parts["port"]
    port = None if digits is None else _read_port(digits)
    if host.startswith("["):
        return _as_ipv4_if_mapped(ip_network(IPv6Address(host[1:-1]))), port
    try:
        return ip_network(IPv4Address(host)), port
    except ValueError:
        return _read_name(host), port


def _as_ipv4_if_mapped(network: IpNetwork) -> IpNetwork:
    """Spell ::ffff:10.0.0.0/104 as 10.0.0.0/8, since that is how its addresses are judged."""
    if isinstance(network, IPv4Network):
        return network
    if network.network_address.scope_id is not None:
        raise ValueError("a zone has no meaning outside of one machine")
    if not network.subnet_of(MAPPED):
        return network
    address = int(network.network_address) & 0xFFFF_FFFF
    return IPv4Network((address, network.prefixlen - MAPPED.prefixlen))


def _read_port(digits: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 1 <= int(digits) <= LAST_PORT:
        raise ValueError("a port is a number from 1 to 65535")
    return int(digits)


def _read_name(host: str) -> str:
    # Chromium asks for such hosts in their xn-- spelling.
    name = host.lower() if host.isascii() else ada_url.idna_to_ascii(host).decode()
    if not HOST_NAME.fullmatch(name) or ODD_ADDRESS.fullmatch(name):
        raise ValueError("not a host name")
    return name
