"""What must be on the machine, and how it gets there; facts in, plans out, no I/O."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from provision.manuals import MANUALS

FONTS = ("text", "web", "cjk", "emoji")
"""What fonts must be there for: without the second pages have other widths and heights than where they were
made, without the others they are pictured as empty boxes."""

TOOLS = ("nginx", "varnishd", "wrk")
SERVICES = {"nginx": ("nginx",), "varnishd": ("varnish", "varnishncsa")}
"""What a package would start on its own, where systemd runs; we want it as a yardstick only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is there already."""

    ensurepip: bool
    browser: str | None
    """Path of a browser that was seen to start."""
    fonts: frozenset[str]
    """The members of FONTS that installed fonts serve."""
    tools: frozenset[str]
    manuals: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How packages can be added to this machine."""

    manager: str | None
    """apt, dnf, pacman, apk, brew; None when none of them is there."""
    prefix: tuple[str, ...] | None
    """What goes in front of a command to run it as root; None when this user may not."""
    offered: frozenset[str] | None
    """apt only: the packages that its repositories have; None when its lists are empty."""
    systemd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something the machine lacks."""

    name: str
    what: str
    without: str
    """What happens without it, as the end of a sentence."""
    packages: Mapping[str, tuple[str, ...]]
    """Manager to package names, best first; the first one on offer is taken."""
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that adds packages."""

    argv: tuple[str, ...]
    purpose: str
    required: bool


def missing(machine: Machine, *, dev: bool, ci: bool) -> tuple[Need, ...]:
    """Return what machine lacks for running Calotype, and with dev for testing and timing it too.

    With ci nothing is optional: a test that silently had no real page to picture proves nothing.
    """
    needs: list[Need] = []
    if not machine.ensurepip:
        needs.append(_VENV)
    if machine.browser is None:
        needs.append(_BROWSER)
    needs += [_FONTS[purpose] for purpose in FONTS if purpose not in machine.fonts]
    if dev:
        needs += [_TOOLS[tool] for tool in TOOLS if tool not in machine.tools]
        needs += [_manual(name) for name in _MANUAL_PACKAGES if name not in machine.manuals]
    if ci:
        needs = [replace(need, required=True) for need in needs]
    return tuple(needs)


def commands(needs: Iterable[Need], means: Means) -> tuple[Command, ...]:
    """Return what to run so that needs are met: what is required first, by itself.

    Nothing, when this user may not install packages or the manager is one we only advise on.
    """
    if means.prefix is None or means.manager is None or means.manager not in _INSTALL:
        return ()
    planned: list[Command] = []
    for required in (True, False):
        group = [need for need in needs if need.required is required]
        packages = _chosen(group, means)
        if packages:
            argv = (*means.prefix, *_INSTALL[means.manager], *_options(group, means), *packages)
            planned.append(Command(argv=argv, purpose=f"installing {' '.join(packages)}", required=required))
    services = [service for need in needs for service in SERVICES.get(need.name, ())]
    if means.systemd and services and planned:
        argv = (*means.prefix, "systemctl", "disable", "--now", *services)
        purpose = f"keeping {' and '.join(services)} from running as a service"
        planned.append(Command(argv=argv, purpose=purpose, required=False))
    return tuple(planned)


def refresh(means: Means) -> Command | None:
    """Return the command that brings the manager's lists up to date, where that is a step of its own."""
    if means.prefix is None or means.manager != "apt":
        return None
    argv = (*means.prefix, "apt-get", "-q", *_APT_OPTIONS, "update")
    return Command(argv=argv, purpose="fetching the lists of packages", required=False)


def remedy(needs: Sequence[Need], means: Means) -> str:
    """Return what a person must do to meet needs, as one command line wherever there is one."""
    packages = _chosen(needs, means)
    steps: list[str] = []
    if packages and means.manager:
        sudo = () if means.prefix == () or means.manager == "brew" else ("sudo",)
        install = shlex.join((*sudo, *_ADVICE[means.manager], *packages))
        update = shlex.join((*sudo, "apt-get", "update")) + " && "
        steps.append((update if means.manager == "apt" else "") + install)
    if any(need.name == _BROWSER.name for need in needs) and not _chosen([_BROWSER], means):
        steps.append(
            "install Chromium or Google Chrome by hand and set CALOTYPE_BROWSER to its path (Ubuntu's "
            "chromium-browser is a snap stub, which Calotype does not use)"
        )
    return "; ".join(steps) or "install it by hand; no package for it is known here"


def offered_by_apt(policy: str) -> frozenset[str]:
    """Return the packages that can be installed, given what `apt-cache policy NAME...` printed.

    A candidate whose version speaks of a snap is a stub that installs nothing a server can drive.
    """
    offered: set[str] = set()
    name = ""
    for line in policy.splitlines():
        if line and not line[0].isspace():
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:"):
            version = line.split(":", 1)[1].strip()
            if version != "(none)" and "snap" not in version:
                offered.add(name)
    return frozenset(offered)


FONT_FORMAT = "%{color}\\t%{lang}\\t%{family}\\n"
"""What fc-list is asked to print of every font for fonts_listed."""


def fonts_listed(fonts: str) -> frozenset[str]:
    """Return the members of FONTS that are served, given what fc-list prints with FONT_FORMAT.

    DejaVu has black and white emoji, so only a colour font counts for them.
    """
    served: set[str] = set()
    spoken: set[str] = set()
    for line in fonts.splitlines():
        colour, languages, families = [*line.split("\t"), "", ""][:3]
        own = set(languages.split("|"))
        spoken |= own
        if {"ja", "ko", "zh-cn"} & own:
            served.add("cjk")
        if colour == "True" and "und-zsye" in own:
            served.add("emoji")
        if _WIDE_AS_ARIAL & set(families.split(",")):
            served.add("web")
    if spoken >= _LANGUAGES:
        served.add("text")
    return frozenset(served)


def fonts_named(files: Iterable[str]) -> frozenset[str]:
    """Guess the same from the names of font files, for machines without fc-list."""
    served: set[str] = set()
    for name in files:
        low = name.lower()
        if any(word in low for word in _CJK_FAMILIES):
            served.add("cjk")
        elif "emoji" in low:
            served.add("emoji")
        elif low.startswith(("arial", "arimo", "liberationsans")):
            served.add("web")
        elif low.startswith("notosansthai"):
            served.add("text")  # They come all together.
    return frozenset(served)


_LANGUAGES = frozenset({"en", "ar", "he", "hi", "th"})
"""One of each family of scripts that people write, but for those of CJK: who has these has the others."""
_WIDE_AS_ARIAL = frozenset({"Arial", "Arimo", "Liberation Sans"})
_CJK_FAMILIES = ("cjk", "wqy", "ipag", "takao", "nanum", "sourcehan", "droidsansfallback")


def _chosen(needs: Iterable[Need], means: Means) -> list[str]:
    """Return one package for each need that has one here, each once, in order."""
    chosen: list[str] = []
    for need in needs:
        names = need.packages.get(means.manager or "", ())
        if means.manager == "apt" and means.offered is not None:
            names = tuple(name for name in names if name in means.offered)
        if names and names[0] not in chosen:
            chosen.append(names[0])
    return chosen


def _options(needs: Iterable[Need], means: Means) -> tuple[str, ...]:
    # Slim images drop /usr/share/doc at installation, and believe a package to be there without its pages.
    if means.manager == "apt" and any(need.name in _MANUAL_PACKAGES for need in needs):
        return ("-o", "DPkg::Options::=--path-include=/usr/share/doc/*", "--reinstall")
    return ()


def _manual(name: str) -> Need:
    return Need(
        name=name,
        what=f"the manual page {name}",
        without="tests that picture real pages will fail",
        packages={"apt": _MANUAL_PACKAGES[name]},
        required=False,
    )


# Wait for another package manager instead of failing: machines update themselves after they boot.
_APT_OPTIONS = ("-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2")

_INSTALL: Mapping[str, tuple[str, ...]] = {
    # RUNLEVEL=1: where no systemd runs, a package must not start its service at once.
    "apt": (
        *("env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-q", *_APT_OPTIONS),
        *("install", "-y", "--no-install-recommends"),
    ),
    "dnf": ("dnf", "install", "-y"),
    "pacman": ("pacman", "-S", "--noconfirm", "--needed"),
    "apk": ("apk", "add"),
}
"""The managers we run; brew is only advised on, as it would put an application on somebody's desk."""

_ADVICE: Mapping[str, tuple[str, ...]] = {
    "apt": ("apt-get", "install", "-y", "--no-install-recommends"),
    "dnf": ("dnf", "install", "-y"),
    "pacman": ("pacman", "-S", "--needed"),
    "apk": ("apk", "add"),
    "brew": ("brew", "install"),
}

_VENV = Need(
    name="venv",
    what="Python's ensurepip, which makes virtual environments",
    without="nothing can be set up",
    packages={"apt": ("python3-venv",), "apk": ("py3-pip",)},
    required=True,
)

_BROWSER = Need(
    name="browser",
    what="a Chromium that can be driven",
    without="no capture can be taken",
    packages={
        "apt": ("chromium-headless-shell", "chromium"),
        "dnf": ("chromium",),
        "pacman": ("chromium",),
        "apk": ("chromium",),
        "brew": ("google-chrome",),
    },
    required=True,
)

_FONTS: Mapping[str, Need] = {
    "text": Need(
        name="text",
        what="fonts for text in any script",
        without="Arabic, Hindi, Thai and other text is pictured as empty boxes",
        packages={
            "apt": ("fonts-noto-core",),
            "dnf": ("google-noto-sans-fonts",),
            "pacman": ("noto-fonts",),
            "apk": ("font-noto-all", "font-noto"),
        },
        required=False,
    ),
    "web": Need(
        name="web",
        what="fonts as wide as Arial, Times New Roman and Courier New, which most pages ask for",
        without="their lines break elsewhere than where they were made",
        packages={
            "apt": ("fonts-liberation", "fonts-liberation2"),
            "dnf": ("liberation-fonts",),
            "pacman": ("ttf-liberation",),
            "apk": ("font-liberation",),
        },
        required=False,
    ),
    "cjk": Need(
        name="cjk",
        what="a font for Chinese, Japanese and Korean text",
        without="such text is pictured as empty boxes",
        packages={
            "apt": ("fonts-noto-cjk",),
            "dnf": ("google-noto-sans-cjk-fonts",),
            "pacman": ("noto-fonts-cjk",),
            "apk": ("font-noto-cjk",),
        },
        required=False,
    ),
    "emoji": Need(
        name="emoji",
        what="a colour emoji font",
        without="emoji are pictured in black and white or as empty boxes",
        packages={
            "apt": ("fonts-noto-color-emoji",),
            "dnf": ("google-noto-color-emoji-fonts",),
            "pacman": ("noto-fonts-emoji",),
            "apk": ("font-noto-emoji",),
        },
        required=False,
    ),
}

_TOOLS: Mapping[str, Need] = {
    "nginx": Need(
        name="nginx",
        what="nginx, the yardstick for hits",
        without="`make bench` cannot compare with it",
        packages={
            "apt": ("nginx-light", "nginx"),
            "dnf": ("nginx",),
            "pacman": ("nginx",),
            "apk": ("nginx",),
            "brew": ("nginx",),
        },
        required=False,
    ),
    "varnishd": Need(
        name="varnishd",
        what="Varnish, another yardstick for hits",
        without="`make bench` leaves it out",
        packages={
            "apt": ("varnish",),
            "dnf": ("varnish",),
            "pacman": ("varnish",),
            "apk": ("varnish",),
            "brew": ("varnish",),
        },
        required=False,
    ),
    "wrk": Need(
        name="wrk",
        what="wrk, the load generator",
        without="`make bench` cannot run",
        packages={"apt": ("wrk",), "brew": ("wrk",)},
        required=False,
    ),
}

_MANUAL_PACKAGES: Mapping[str, tuple[str, ...]] = {manual.name: manual.packages for manual in MANUALS}
