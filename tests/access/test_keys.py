"""API keys: how they look, what is kept of them, and who is let in."""

from __future__ import annotations

import hashlib
import re

import pytest

from calotype.access.authenticator import bearer
from calotype.access.keys import InvalidKey, Unauthorized, hash_key, new_secret
from calotype.bootstrap import open_remembering
from calotype.settings import load_settings


@pytest.fixture
async def remembering(tmp_path):
    async with open_remembering(load_settings({"data": str(tmp_path / "data")}, {})) as opened:
        yield opened


@pytest.fixture
def door(remembering):
    return remembering.authenticator


class TestTheTextOfAKey:
    @pytest.mark.parametrize("mode", ["live", "test"])
    def test_it_tells_its_mode_and_holds_160_bits_of_chance(self, mode):
        keys = {new_secret(mode) for _ in range(100)}

        assert len(keys) == 100
        assert all(re.fullmatch(rf"rs_{mode}_[a-z2-7]{{32}}", key) for key in keys)

    async def test_it_is_nowhere_on_disk(self, door, tmp_path):
        secret, kept = await door.create("default", "live", "")

        assert secret not in repr(kept)
        for file in (tmp_path / "data").rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes()

    def test_its_hash_is_plain_sha_256(self):
        assert hash_key("rs_live_a") == hashlib.sha256(b"rs_live_a").digest()

    async def test_what_is_kept_lets_people_tell_it_from_others(self, door):
        secret, kept = await door.create("team a", "test", "build server")

        assert re.fullmatch(r"key_[0-9a-f]{16}", kept.id)
        assert (kept.account, kept.mode, kept.name, kept.tail) == (
            "team a",
            "test",
            "build server",
            secret[-4:],
        )
        assert kept.revoked_at is None

    @pytest.mark.parametrize("weight", [0, -1, 101])
    async def test_its_weight_has_bounds(self, door, weight):
        with pytest.raises(ValueError, match=f"from 1 to 100, not {weight}"):
            await door.create("default", "live", "", weight)


class TestTheDoor:
    async def test_it_knows_account_and_mode_of_a_key(self, door):
        one, _ = await door.create("one", "live", "")
        same, _ = await door.create("one", "test", "")
        other, _ = await door.create("two", "live", "")
        callers = [await door.authenticate(secret) for secret in (one, same, other)]

        assert [caller.mode for caller in callers] == ["live", "test", "live"]
        assert callers[0].account == callers[1].account != callers[2].account

    @pytest.mark.parametrize("secret", [None, ""])
    async def test_no_key_is_told_as_such(self, door, secret):
        with pytest.raises(Unauthorized) as told:
            await door.authenticate(secret)

        assert told.value.code == "missing_api_key"

    @pytest.mark.parametrize(
        "change", [str.upper, lambda key: key + "a", lambda key: key[:-1], lambda key: "x"]
    )
    async def test_a_key_that_is_not_quite_one_is_refused(self, door, change):
        secret, _ = await door.create("default", "live", "")

        with pytest.raises(InvalidKey):
            await door.authenticate(change(secret))

    async def test_a_revoked_key_is_refused_as_an_unknown_one_is(self, remembering, door):
        secret, kept = await door.create("default", "live", "")
        await door.authenticate(secret)
        assert await remembering.keys.revoke(kept.id)

        with pytest.raises(InvalidKey) as revoked:
            await door.authenticate(secret)
        with pytest.raises(InvalidKey) as unknown:
            await door.authenticate("rs_live_nobody")
        assert str(revoked.value) == str(unknown.value)
        assert not await remembering.keys.revoke(kept.id)

    @pytest.mark.parametrize("text", ["rs_live_ü", "a" * 100_000, "\0"])
    async def test_odd_text_is_an_unknown_key(self, door, text):
        with pytest.raises(InvalidKey):
            await door.authenticate(text)


@pytest.mark.parametrize("name", ["a", "team-1", "Team One", "x.y_z", "9", "a" * 64])
async def test_an_account_may_be_called(door, name):
    await door.create(name, "live", "")


@pytest.mark.parametrize("name", ["", " a", "-a", "../x", "a/b", "a\n", "ü", "a" * 65, "a\0"])
async def test_an_account_may_not_be_called(door, name):
    with pytest.raises(ValueError, match="1 to 64"):
        await door.create(name, "live", "")


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        (None, None),
        ("", None),
        ("Bearer rs_live_a", "rs_live_a"),
        ("bearer rs_live_a", "rs_live_a"),
        ("BEARER  rs_live_a ", "rs_live_a"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Basic cnM6", None),
        ("rs_live_a", None),
        ("Bearerrs_live_a", None),
    ],
)
def test_the_key_in_an_authorization_header(header, secret):
    assert bearer(header) == secret
