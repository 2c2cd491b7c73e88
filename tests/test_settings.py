"""Settings: flags, then variables, then the file, then defaults; each fault names where it was set."""

from __future__ import annotations

from pathlib import Path

import pytest

from calotype.access.signed_url import Recipe
from calotype.cache.policy import HitsWhen
from calotype.errors import ConfigurationError
from calotype.faults import VARIABLE as FAULT_POINT
from calotype.settings import SETTINGS, load_settings, unknown_variables

SECRET = "0123456789abcdef-secret"


def a_file(folder: Path, text: str) -> Path:
    file = folder / "calotype.toml"
    file.write_text(text)
    return file


class TestDefaults:
    def test_with_nothing_set(self):
        settings = load_settings({}, {})

        assert (settings.host, settings.port) == ("127.0.0.1", 8787)
        assert settings.data == Path("data")
        assert settings.index.path == Path("data/index.sqlite")
        assert settings.blobs.folder == Path("data/blobs")
        assert settings.secret_key_file == Path("data/secret.key")
        assert settings.public_url is None
        assert settings.secret_key is None
        assert settings.cache.hits_when is HitsWhen.ON
        assert settings.room.max_bytes == 10 * 1024**3
        assert settings.room.min_free_bytes == 1024**3
        assert settings.room.account is None
        assert settings.browser.binary is None
        assert settings.browser.queue_limit == 100
        assert settings.hot_bytes == 128 * 1024 * 1024
        assert settings.accel_prefix == ""
        assert not settings.egress.names
        assert not settings.egress.networks

    def test_what_is_empty_is_not_set(self):
        assert load_settings({}, {"CALOTYPE_PORT": "", "CALOTYPE_SECRET_KEY": ""}).port == 8787

    def test_the_table_says_what_holds(self):
        told = {setting.name: setting.default for setting in SETTINGS}
        settings = load_settings({}, {})

        assert told["host"] == settings.host
        assert told["port"] == str(settings.port)
        assert Path(told["data"]) == settings.data
        assert told["cache_default"] == settings.cache.hits_when
        assert told["render_queue"] == str(settings.browser.queue_limit)
        assert told["browser_max_captures"] == str(settings.browser.captures_before_recycle)
        assert told["browser_max_age"] == f"{settings.browser.browser_max_age_s:.0f}"
        assert told["hot_bytes"] == str(settings.hot_bytes)


class TestPrecedence:
    def test_a_flag_is_stronger_than_a_variable_and_that_than_the_file(self, tmp_path):
        config = a_file(tmp_path, 'host = "file"\nport = 1\ndata = "file"\n')
        settings = load_settings(
            {"host": "flag", "port": None}, {"CALOTYPE_HOST": "variable", "CALOTYPE_PORT": "2"}, config
        )

        assert settings.host == "flag"
        assert settings.port == 2
        assert settings.data == Path("file")

    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
    def test_every_setting_can_be_set_each_way(self, tmp_path, setting):
        value, read = VALUES[setting.name]
        config = a_file(tmp_path, f"{setting.name} = {value!r}\n")

        ways = [
            load_settings({setting.name: value}, {}),
            load_settings({}, {setting.variable: value}),
            load_settings({}, {}, config),
        ]
        assert [read(settings) for settings in ways] == [True] * 3

    def test_a_folder_of_lists_must_be_there(self, tmp_path):
        with pytest.raises(ConfigurationError, match="CALOTYPE_BLOCK_LISTS must be a folder that is there"):
            load_settings({}, {"CALOTYPE_BLOCK_LISTS": str(tmp_path / "nowhere")})

    def test_the_variable_of_a_setting_is_its_name_in_capitals(self):
        assert {setting.variable for setting in SETTINGS} >= {"CALOTYPE_HOST", "CALOTYPE_CACHE_DEFAULT"}


VALUES = {
    "host": ("::1", lambda settings: settings.host == "::1"),
    "port": ("0", lambda settings: settings.port == 0),
    "data": ("/srv/shots", lambda settings: settings.index.path == Path("/srv/shots/index.sqlite")),
    "block_lists": ("/usr", lambda settings: settings.browser.block_lists == Path("/usr")),
    "public_url": ("https://shots.example.com/", lambda s: s.public_url == "https://shots.example.com"),
    "signed_recipes": ("a, D", lambda s: s.signed_recipes == {Recipe.A, Recipe.D}),
    "signing_secret": ("rs_secret_x", lambda s: s.signing_secret == "rs_secret_x"),
    "storage_secret": ("x/y", lambda s: s.storage_secret == "x/y" and "x/y" not in repr(s)),
    "secret_key": (SECRET, lambda settings: settings.secret_key == SECRET),
    "cache_default": ("available", lambda settings: settings.cache.hits_when is HitsWhen.AVAILABLE),
    "cache_swr": ("60", lambda settings: settings.cache.windows.swr_s == 60),
    "cache_sie": ("0", lambda settings: settings.cache.windows.sie_s == 0),
    "cache_max_bytes": ("500MB", lambda settings: settings.room.max_bytes == 500_000_000),
    "cache_account_max_bytes": ("1GiB", lambda settings: settings.room.account.max_bytes == 2**30),
    "cache_min_free": ("2 GiB", lambda settings: settings.room.min_free_bytes == 2 * 1024**3),
    "browser": ("/opt/chrome", lambda settings: settings.browser.binary == Path("/opt/chrome")),
    "egress_allow": ("localhost:80,10.0.0.0/8", lambda s: s.egress.allow_name("localhost", 80)),
    "egress_max_received": ("10MB", lambda settings: settings.traffic.bytes_in == 10_000_000),
    "egress_max_sent": ("1MiB", lambda settings: settings.traffic.bytes_out == 2**20),
    "egress_max_connections": ("10", lambda settings: settings.traffic.connections == 10),
    "render_concurrency": ("3", lambda settings: settings.browser.concurrency == 3),
    "render_per_host": ("1", lambda settings: settings.browser.captures_per_host == 1),
    "render_queue": ("0", lambda settings: settings.browser.queue_limit == 0),
    "browser_max_captures": ("7", lambda settings: settings.browser.captures_before_recycle == 7),
    "browser_max_age": ("60", lambda settings: settings.browser.browser_max_age_s == 60),
    "browser_max_memory": ("1GiB", lambda settings: settings.browser.browser_max_bytes == 2**30),
    "page_max_memory": ("64MiB", lambda settings: settings.browser.page_max_bytes == 64 * 2**20),
    "hot_bytes": ("0", lambda settings: settings.hot_bytes == 0),
    "accel_prefix": ("/_blobs/", lambda settings: settings.accel_prefix == "/_blobs/"),
}


class TestTheFile:
    def test_numbers_and_lists_may_be_written_as_such(self, tmp_path):
        config = a_file(tmp_path, 'port = 80\negress_allow = ["localhost", "10.0.0.0/8"]\n')
        settings = load_settings({}, {}, config)

        assert settings.port == 80
        assert settings.egress.allow_name("localhost", 443)

    @pytest.mark.parametrize("name", ["prot", "CALOTYPE_PORT", "public-url"])
    def test_a_name_that_is_no_setting_is_refused_and_the_settings_are_listed(self, tmp_path, name):
        config = a_file(tmp_path, f'{name} = "1"\n')

        with pytest.raises(ConfigurationError) as told:
            load_settings({}, {}, config)
        message = str(told.value)
        assert message.startswith(f"{name} in {config} is no setting")
        assert all(setting.name in message for setting in SETTINGS)

    @pytest.mark.parametrize("content", [b"port 80", b"\xff", b"port = 1\nport = 2"])
    def test_one_that_cannot_be_read_is_told_by_its_path(self, tmp_path, content):
        config = tmp_path / "calotype.toml"
        config.write_bytes(content)

        with pytest.raises(ConfigurationError, match=f"^the config file {config} cannot be read"):
            load_settings({}, {}, config)

    def test_so_is_one_that_is_not_there(self, tmp_path):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load_settings({}, {}, tmp_path / "nowhere.toml")


_WRONG = [
    ("port", "65536", "must be a whole number from 0 to 65535"),
    ("port", "-1", "must be a whole number from 0 to 65535"),
    ("port", "http", "must be a whole number from 0 to 65535"),
    ("port", "80.0", "must be a whole number from 0 to 65535"),
    ("port", "٨٠", "must be a whole number from 0 to 65535"),
    ("cache_default", "off", "must be one of on, available"),
    ("public_url", "shots.example.com", "must be an http or https URL"),
    ("public_url", "https://", "must be an http or https URL"),
    ("public_url", "https://a.example/?b", "must be an http or https URL"),
    ("public_url", "https://a.example/#b", "must be an http or https URL"),
    ("public_url", "https://a .example", "must be an http or https URL"),
    ("public_url", "https://a.example/\tx", "must be an http or https URL"),
    ("public_url", "https://user:pw@a.example", "must be an http or https URL"),
    ("render_concurrency", "0", "must be a whole number from 1 to 256"),
    ("render_queue", "many", "must be a whole number from 0 to 100000"),
    ("hot_bytes", "1GB", "must be a whole number from 0"),
    ("cache_swr", "-1", "must be a whole number from 0 to 2592000"),
    ("cache_sie", "2592001", "must be a whole number from 0 to 2592000"),
    ("cache_sie", "1d", "must be a whole number from 0 to 2592000"),
    ("accel_prefix", "_blobs/", "must be a path that begins and ends with a slash"),
    ("accel_prefix", "/_blobs", "must be a path that begins and ends with a slash"),
    ("accel_prefix", "/a/../b/", "must be a path that begins and ends with a slash"),
    ("accel_prefix", "/a b/", "must be a path that begins and ends with a slash"),
    ("accel_prefix", "/a\tx/", "must be a path that begins and ends with a slash"),
    ("cache_max_bytes", "10G", "must be a size from 1048576"),
    ("cache_max_bytes", "1.5GiB", "must be a size from 1048576"),
    ("cache_max_bytes", "lots", "such as 10GiB, 500MB or a number of bytes"),
    ("cache_max_bytes", "1023KiB", "must be a size from 1048576"),
    ("cache_max_bytes", "9999999TiB", "must be a size from 1048576"),
    ("cache_account_max_bytes", "none", "such as 10GiB, 500MB or a number of bytes"),
    ("cache_account_max_bytes", "1023KiB", "must be a size from 1048576"),
    ("cache_min_free", "-1", "must be a size from 0"),
    ("cache_min_free", "٨GiB", "must be a size from 0"),
    ("egress_allow", "not a host", "is not understood"),
    ("secret_key", "short-secret", "must hold at least 16 characters"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), _WRONG, ids=[f"{row[0]}={row[1]}" for row in _WRONG])
def test_a_wrong_value_is_told_by_where_it_was_set_and_what_is_allowed(tmp_path, name, value, allowed):
    variable = f"CALOTYPE_{name.upper()}"
    config = tmp_path / "calotype.toml"
    config.write_text(f'{name} = "{value}"\n'.replace("\t", "\\t"), "utf-8")
    ways = {
        f"--{name.replace('_', '-')}": lambda: load_settings({name: value}, {}),
        variable: lambda: load_settings({}, {variable: value}),
        f"{name} in {config}": lambda: load_settings({}, {}, config),
    }

    for source, load in ways.items():
        with pytest.raises(ConfigurationError) as told:
            load()
        assert str(told.value).startswith(f"{source} ")
        assert allowed in str(told.value)
        assert str(told.value).count("CALOTYPE_") == (source == variable)
        assert (value in str(told.value)) == (name != "secret_key" and "\t" not in value)


def test_the_secret_is_not_in_the_text_of_the_settings():
    assert SECRET not in repr(load_settings({}, {"CALOTYPE_SECRET_KEY": SECRET}))


def test_a_variable_that_is_no_setting_is_noticed():
    environ = {"CALOTYPE_PROT": "80", "CALOTYPE_PORT": "80", FAULT_POINT: "blob-synced", "PATH": "/bin"}

    assert unknown_variables(environ) == ["CALOTYPE_PROT"]
