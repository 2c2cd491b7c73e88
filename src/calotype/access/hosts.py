"""The hosts whose pages a key pair may picture."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import ada_url

from calotype.errors import CalotypeError

_ANY_BELOW = "*."
_NAME = re.compile(r"[^\s/?#@:*\\\[\]]+|\[[0-9A-Fa-f:.]+\]")
"""What a URL takes for a port, a path or a password is no part of a name."""


class HostNotAllowed(CalotypeError):
    """The key pair that signed the URL was made for other hosts."""

    code: ClassVar[str] = "host_not_allowed"
    hint: ClassVar[str] = (
        "Sign with a pair that was made for the page's host, or for all: "
        "calotype keys create --mode signing --host HOST."
    )

    def __init__(self) -> None:
        super().__init__("The key pair that signed this URL may not picture pages of that host.")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts by name, `example.com`, or all below one, `*.example.com`; none at all stands for every host.

    They are spelled as browsers spell them: in lower case, foreign letters in xn--.
    """

    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Hosts:
        """Read hosts as people write them. Raises ValueError naming the one that is none."""
        return cls(tuple(sorted({_spelled(text) for text in texts})))

    def check(self, host: str | None) -> None:
        """Raise HostNotAllowed unless pages of host may be pictured; None is what has no host: a document."""
        if self.names and not (host and any(_covers(name, host) for name in self.names)):
            raise HostNotAllowed


def _covers(name: str, host: str) -> bool:
    return host.endswith(name[1:]) if name.startswith(_ANY_BELOW) else host == name


def _spelled(text: str) -> str:
    below = _ANY_BELOW if text.startswith(_ANY_BELOW) else ""
    name = text.removeprefix(below)
    try:
        if _NAME.fullmatch(name):
            return below + ada_url.URL(f"http://{name}/").hostname
    except ValueError:
        pass
    message = (
        f"a host is a name such as example.com or *.example.com, without scheme, port or path, not {text!r}"
    )
    raise ValueError(message)
