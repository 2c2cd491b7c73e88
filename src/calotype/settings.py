"""Settings: flags, then CALOTYPE_* variables, then a TOML file, then defaults; read once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from calotype import setting_values as values_of
from calotype.access.master_secret import check_secret
from calotype.access.signed_url import DEFAULT_RECIPES, Recipe
from calotype.blobs.settings import FilesystemSettings
from calotype.cache.freshness import Windows
from calotype.cache.hot import DEFAULT_HOT_BYTES
from calotype.cache.policy import DEFAULT_WINDOWS, MAX_WINDOW_S, CachePolicy, HitsWhen
from calotype.cache.room import DEFAULT_MAX_BYTES, DEFAULT_MIN_FREE_BYTES, Budget, RoomLimits
from calotype.egress.rules import EgressRules
from calotype.egress.traffic import Budget as TrafficBudget
from calotype.errors import ConfigurationError
from calotype.faults import VARIABLE as FAULT_POINT
from calotype.render.settings import CAPTURES_BEFORE_RECYCLE, BrowserSettings
from calotype.sql.settings import SqliteSettings

PREFIX = "CALOTYPE_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table of settings."""

    name: str
    """As in the TOML file; the variable is its upper case behind the prefix."""
    default: str
    """As docs/settings.md shows it."""
    meaning: str
    parse: Callable[[str], object]
    secret: bool = False
    """Whether its value must not be repeated, not even where it is wrong."""

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()


SETTINGS = (
    Setting("host", "127.0.0.1", "Address to listen on.", str),
    Setting("port", "8787", "Port to listen on; 0 takes a free one.", values_of.port),
    Setting("data", "./data", "Folder of index, blobs and secret key.", Path),
    Setting(
        "public_url",
        "the listening address; on a wildcard address the request's Host",
        "Base of public URLs (X-Cache-URL).",
        values_of.public_url,
    ),
    Setting(
        "secret_key",
        "a 0600 file in the data folder, made on first start",
        "Master secret; cache keys are derived from it, and stored secrets encrypted under it.",
        check_secret,
        secret=True,
    ),
    Setting(
        "signed_recipes",
        "A,B",
        "Recipes by which URLs may be signed; C and D are those of clients that sign with an API key.",
        values_of.recipes,
    ),
    Setting(
        "signing_secret",
        "that of the pair in the data folder",
        "Secret of the key pair that `calotype sign` signs with; the server does not look at it.",
        str,
        secret=True,
    ),
    Setting(
        "storage_secret",
        "asked for",
        "Secret access key that `calotype storage set` keeps, encrypted; the server does not look at it.",
        str,
        secret=True,
    ),
    Setting(
        "cache_default",
        "on",
        "`on`: an identical request is a hit. `available`: only with cache.available.",
        values_of.hits_when,
    ),
    Setting(
        "cache_swr",
        "0",
        "Seconds for which an expired picture is served at once while a new one is made; cache.swr of a "
        "request overrides it.",
        lambda text: values_of.whole(text, 0, MAX_WINDOW_S),
    ),
    Setting(
        "cache_sie",
        "86400",
        "Seconds for which an expired picture stands in for a capture that fails; cache.sie of a request "
        "overrides it.",
        lambda text: values_of.whole(text, 0, MAX_WINDOW_S),
    ),
    Setting(
        "cache_max_bytes",
        "10GiB",
        "Room for stored pictures; what is least wanted goes before it is full.",
        lambda text: values_of.size(text, 2**20, 2**50),
    ),
    Setting(
        "cache_account_max_bytes",
        "none",
        "Room for the pictures of one account, live and test together; beyond it what that account wants "
        "least goes.",
        lambda text: values_of.size(text, 2**20, 2**50),
    ),
    Setting(
        "cache_min_free",
        "1GiB",
        "What is to stay free on the filesystem of the blobs.",
        lambda text: values_of.size(text, 0, 2**50),
    ),
    Setting("browser", "searched", "Path of the browser binary.", Path),
    Setting(
        "block_lists",
        "those that set-up unpacked",
        "Folder with filter lists of your own, in `ads`, `trackers`, `cookie_banners` and `chat_widgets`.",
        values_of.folder,
    ),
    Setting(
        "egress_allow",
        "empty",
        "Comma-separated hosts, host:port or networks that captures, webhooks and copies may reach although "
        "not public.",
        values_of.egress_rules,
    ),
    Setting(
        "egress_max_received",
        "200MB",
        "What one capture may receive, as it comes over the wire.",
        lambda text: values_of.size(text, 2**20, 2**50),
    ),
    Setting(
        "egress_max_sent",
        "20MB",
        "What one capture may send.",
        lambda text: values_of.size(text, 2**16, 2**50),
    ),
    Setting(
        "egress_max_connections",
        "2000",
        "Connections that one capture may open.",
        lambda text: values_of.whole(text, 1, 1_000_000),
    ),
    Setting(
        "render_concurrency",
        "twice the cores",
        "Captures at a time.",
        lambda text: values_of.whole(text, 1, 256),
    ),
    Setting(
        "render_queue",
        "100",
        "Captures that may wait behind them; one more is answered 503.",
        lambda text: values_of.whole(text, 0, 100_000),
    ),
    Setting(
        "render_per_host",
        "half of the captures at a time, at least 2",
        "Captures of one public host at a time; hosts named in egress_allow have no such limit.",
        lambda text: values_of.whole(text, 1, 256),
    ),
    Setting(
        "browser_max_captures",
        str(CAPTURES_BEFORE_RECYCLE),
        "Captures until the browser is replaced by a fresh one.",
        lambda text: values_of.whole(text, 1, 10_000_000),
    ),
    Setting(
        "browser_max_age",
        "21600",
        "Seconds until the browser is replaced by a fresh one.",
        lambda text: values_of.whole(text, 60, 30 * 86_400),
    ),
    Setting(
        "browser_max_memory",
        "half of the machine's",
        "Memory of all the browser's processes at which it is replaced by a fresh one.",
        lambda text: values_of.size(text, 256 * 2**20, 2**50),
    ),
    Setting(
        "page_max_memory",
        "a quarter of the machine's, at most 2GiB",
        "Memory at which a page's process is ended, and its capture fails.",
        lambda text: values_of.size(text, 64 * 2**20, 2**50),
    ),
    Setting(
        "hot_bytes",
        str(DEFAULT_HOT_BYTES),
        "Memory for the bytes of often wanted pictures, per process.",
        lambda text: values_of.whole(text, 0, 2**40),
    ),
    Setting(
        "accel_prefix",
        "empty",
        "Path under which an nginx in front has the blobs and sends them for us (X-Accel-Redirect).",
        values_of.accel_prefix,
    ),
)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return the names in environ that look like settings and are none: slips of the pen, most likely."""
    known = {setting.variable for setting in SETTINGS} | {FAULT_POINT}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured, in the slices that the packages take."""

    host: str
    port: int
    data: Path
    public_url: str | None
    secret_key: str | None = field(repr=False)
    signing_secret: str | None = field(repr=False)
    storage_secret: str | None = field(repr=False)
    signed_recipes: frozenset[Recipe]
    hot_bytes: int
    accel_prefix: str
    cache: CachePolicy
    room: RoomLimits
    index: SqliteSettings
    blobs: FilesystemSettings
    browser: BrowserSettings
    egress: EgressRules
    traffic: TrafficBudget

    @property
    def secret_key_file(self) -> Path:
        """Where the master secret is kept when none is configured."""
        return self.data / "secret.key"


def load_settings(
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] = os.environ,
    config: Path | None = None,
) -> Settings:
    """Return the settings that flags, environment and config file add up to.

    flags go by setting name; None means not given. Raises ConfigurationError naming the setting, where it
    was set, and what is allowed.
    """
    file = _read_file(config)
    values: dict[str, object] = {}
    for setting in SETTINGS:
        text, source = _pick(setting, flags or {}, environ, file, config)
        if text is None:
            continue
        try:
            values[setting.name] = setting.parse(text)
        except ValueError as exc:
            message = f"{source} {exc}" if setting.secret else f"{source} {exc}; it is {text!r}"
            raise ConfigurationError(message) from exc
    return _assemble(values)


def _read_file(config: Path | None) -> Mapping[str, object]:
    if config is None:
        return {}
    try:
        content = tomllib.loads(config.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        message = f"the config file {config} cannot be read: {exc}"
        raise ConfigurationError(message) from exc
    known = {setting.name for setting in SETTINGS}
    for name in content:
        if name not in known:
            message = f"{name} in {config} is no setting; the settings are {', '.join(sorted(known))}"
            raise ConfigurationError(message)
    return content


def _pick(
    setting: Setting,
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    file: Mapping[str, object],
    config: Path | None,
) -> tuple[str | None, str]:
    flag = flags.get(setting.name)
    if flag is not None:
        return flag, f"--{setting.name.replace('_', '-')}"
    variable = environ.get(setting.variable)
    if variable:
        return variable, setting.variable
    value = file.get(setting.name)
    if value is None:
        return None, ""
    if isinstance(value, list):
        value = ",".join(str(item) for item in value)
    return str(value), f"{setting.name} in {config}"


def _assemble(values: Mapping[str, object]) -> Settings:
    def get(name: str, default: object) -> object:
        return values.get(name, default)

    data = Path(str(get("data", "data")))
    browser = {
        field_name: values[name]
        for name, field_name in (
            ("browser", "binary"),
            ("render_concurrency", "concurrency"),
            ("render_queue", "queue_limit"),
            ("render_per_host", "per_host"),
            ("browser_max_captures", "captures_before_recycle"),
            ("browser_max_age", "browser_max_age_s"),
            ("browser_max_memory", "browser_max_bytes"),
            ("page_max_memory", "page_max_bytes"),
            ("block_lists", "block_lists"),
        )
        if name in values
    }
    traffic = {
        field_name: values[name]
        for name, field_name in (
            ("egress_max_received", "bytes_in"),
            ("egress_max_sent", "bytes_out"),
            ("egress_max_connections", "connections"),
        )
        if name in values
    }
    browser["filter_cache"] = data / "filters"
    account = values.get("cache_account_max_bytes")
    egress = get("egress_allow", EgressRules.parse(""))
    hits_when = get("cache_default", HitsWhen.ON)
    public_url, secret_key = values.get("public_url"), values.get("secret_key")
    signing_secret, recipes = values.get("signing_secret"), get("signed_recipes", DEFAULT_RECIPES)
    storage_secret = values.get("storage_secret")
    return Settings(
        host=str(get("host", "127.0.0.1")),
        port=int(str(get("port", 8787))),
        data=data,
        public_url=None if public_url is None else str(public_url),
        secret_key=None if secret_key is None else str(secret_key),
        signing_secret=None if signing_secret is None else str(signing_secret),
        storage_secret=None if storage_secret is None else str(storage_secret),
        signed_recipes=recipes if isinstance(recipes, frozenset) else DEFAULT_RECIPES,
        hot_bytes=int(str(get("hot_bytes", DEFAULT_HOT_BYTES))),
        accel_prefix=str(get("accel_prefix", "")),
        cache=CachePolicy(
            hits_when=HitsWhen(str(hits_when)),
            windows=Windows(
                swr_s=int(str(get("cache_swr", DEFAULT_WINDOWS.swr_s))),
                sie_s=int(str(get("cache_sie", DEFAULT_WINDOWS.sie_s))),
            ),
        ),
        room=RoomLimits(
            max_bytes=int(str(get("cache_max_bytes", DEFAULT_MAX_BYTES))),
            min_free_bytes=int(str(get("cache_min_free", DEFAULT_MIN_FREE_BYTES))),
            account=None if account is None else Budget(max_bytes=int(str(account))),
        ),
        index=SqliteSettings(path=data / "index.sqlite"),
        blobs=FilesystemSettings(folder=data / "blobs"),
        browser=BrowserSettings(**browser),  # type: ignore[arg-type]
        traffic=TrafficBudget(**traffic),  # type: ignore[arg-type]
        egress=egress if isinstance(egress, EgressRules) else EgressRules.parse(str(egress)),
    )
