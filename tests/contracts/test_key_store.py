"""KeyStore: who may ask, for every process at once."""

from __future__ import annotations

import pytest

from calotype.access.hosts import Hosts
from calotype.access.keys import Caller, Signs, hash_key
from calotype.access.limits import UNLIMITED, Limits
from calotype.access.ports import NewKey, Signer
from calotype.cache.errors import StoreUnavailable
from tests.support.clock import NOON


def a_key(name="one", account="default", mode="live", **more):
    return NewKey(id=f"key_{name}", account=account, mode=mode, name=name, secret=f"rs_{mode}_{name}", **more)


def hashed(name="one", mode="live"):
    return hash_key(f"rs_{mode}_{name}")


async def test_a_key_is_found_by_its_hash_and_says_whose_it_is(adapters):
    await adapters.keys.add(a_key())
    number = await adapters.keys.account_number("default")

    assert await adapters.keys.find(hashed()) == Caller(number, "live", "key_one")


async def test_a_key_has_a_weight_which_is_one_unless_given(adapters):
    added = [await adapters.keys.add(a_key()), await adapters.keys.add(a_key("two", weight=7))]

    assert [key.weight for key in added] == [1, 7]
    assert [(await adapters.keys.find(hashed(name))).weight for name in ("one", "two")] == [1, 7]
    assert sorted((key.name, key.weight) for key in await adapters.keys.list()) == [("one", 1), ("two", 7)]


async def test_finding_a_key_never_suspends(adapters):
    await adapters.keys.add(a_key())
    for key_hash in (hashed(), hashed("unknown")):
        with pytest.raises(StopIteration):
            adapters.keys.find(key_hash).send(None)


async def test_an_unknown_hash_finds_nobody(adapters):
    await adapters.keys.add(a_key())

    assert await adapters.keys.find(hashed("two")) is None
    assert await adapters.keys.find(b"") is None


async def test_keys_of_one_account_share_its_number_and_other_accounts_have_others(adapters):
    for key in (a_key("a"), a_key("b", mode="test"), a_key("c", account="other")):
        await adapters.keys.add(key)
    a, b, c = [
        await adapters.keys.find(hash_key(f"rs_{mode}_{name}"))
        for name, mode in (("a", "live"), ("b", "test"), ("c", "live"))
    ]

    assert a.account == b.account != c.account
    assert (a.mode, b.mode) == ("live", "test")
    assert await adapters.keys.account_number("nobody") is None


async def test_a_revoked_key_finds_nobody_in_any_process_from_then_on(both):
    here, there = both
    await here.keys.add(a_key())
    assert await here.keys.find(hashed()) is not None
    assert await there.keys.find(hashed()) is not None

    assert await there.keys.revoke("key_one")

    assert await here.keys.find(hashed()) is None
    assert await there.keys.find(hashed()) is None


async def test_a_key_made_by_another_process_is_known_at_once(both):
    here, there = both
    assert await here.keys.find(hashed()) is None

    await there.keys.add(a_key())

    assert await here.keys.find(hashed()) is not None


async def test_revoking_a_key_twice_or_one_that_is_unknown_says_so(adapters):
    await adapters.keys.add(a_key())

    assert await adapters.keys.revoke("key_one")
    assert not await adapters.keys.revoke("key_one")
    assert not await adapters.keys.revoke("key_two")


async def test_the_list_tells_everything_but_the_secret_oldest_first(adapters):
    await adapters.keys.add(a_key("b"))
    adapters.clock.advance(minutes=1)
    await adapters.keys.add(a_key("a", account="other", mode="test"))
    await adapters.keys.revoke("key_b")

    first, second = await adapters.keys.list()
    assert (first.id, first.account, first.mode, first.name, first.tail) == (
        "key_b",
        "default",
        "live",
        "b",
        "ve_b",
    )
    assert (first.created_at, first.revoked_at) == (NOON, adapters.clock())
    assert (second.id, second.account, second.mode, second.revoked_at) == ("key_a", "other", "test", None)
    assert "rs_test_a" not in repr(await adapters.keys.list())


def a_pair(public="rs_pub_one", **more):
    return NewKey(
        id=public, account="default", mode="live", name="", secret="rs_secret_one",
        signs=Signs.AS_PAIR, sealed=b"sealed", **more,
    )  # fmt: skip


async def test_a_pair_is_found_by_its_public_key_and_is_no_key_to_call_with(adapters):
    await adapters.keys.add(a_pair(hosts=Hosts(("a.test", "*.b.test"))))
    number = await adapters.keys.account_number("default")

    assert await adapters.keys.pair("rs_pub_one") == Signer(
        Caller(number, "live", "rs_pub_one"), b"sealed", Hosts(("a.test", "*.b.test"))
    )
    assert await adapters.keys.pair("rs_pub_two") is None
    assert await adapters.keys.find(hash_key("rs_secret_one")) is None
    assert await adapters.keys.find(hash_key("rs_pub_one")) is None
    (listed,) = await adapters.keys.list()
    assert (listed.signs, listed.hosts.names) == (Signs.AS_PAIR, ("a.test", "*.b.test"))


async def test_keys_that_sign_are_listed_for_it_and_go_on_calling(adapters):
    await adapters.keys.add(a_pair())
    await adapters.keys.add(a_key("plain"))
    for name in ("b", "a"):
        await adapters.keys.add(a_key(name, signs=Signs.ITSELF, sealed=name.encode()))
        adapters.clock.advance(seconds=1)

    assert [signer.sealed for signer in await adapters.keys.signing_keys()] == [b"b", b"a"]
    assert await adapters.keys.find(hashed("a")) is not None
    assert await adapters.keys.pair("key_a") is None


async def test_looking_for_who_signed_never_suspends(adapters):
    await adapters.keys.add(a_pair())
    for looking in (adapters.keys.pair("rs_pub_one"), adapters.keys.pair("x"), adapters.keys.signing_keys()):
        with pytest.raises(StopIteration):
            looking.send(None)


async def test_what_signs_no_more_signs_in_no_process(both):
    here, there = both
    await here.keys.add(a_pair())
    await here.keys.add(a_key(signs=Signs.ITSELF, sealed=b"sealed"))
    assert await there.keys.pair("rs_pub_one") is not None
    assert len(await there.keys.signing_keys()) == 1

    for key_id in ("rs_pub_one", "key_one"):
        assert await here.keys.revoke(key_id)

    assert await there.keys.pair("rs_pub_one") is None
    assert await there.keys.signing_keys() == []


async def test_a_key_has_the_limits_that_it_was_made_with(adapters):
    limits = Limits(plan="starter", requests_per_minute=60, concurrent=5, batch=20, credits=2000)
    added = [await adapters.keys.add(a_key(limits=limits)), await adapters.keys.add(a_pair(limits=limits))]
    await adapters.keys.add(a_key("free"))

    assert [key.limits for key in added] == [limits, limits]
    assert (await adapters.keys.find(hashed())).limits == limits
    assert (await adapters.keys.pair("rs_pub_one")).caller.limits == limits
    assert (await adapters.keys.find(hashed("free"))).limits == UNLIMITED
    assert {key.id: key.limits for key in await adapters.keys.list()} == {
        "key_one": limits,
        "rs_pub_one": limits,
        "key_free": UNLIMITED,
    }


async def test_a_key_is_kept_once(adapters):
    await adapters.keys.add(a_key())
    with pytest.raises(StoreUnavailable):
        await adapters.keys.add(a_key())

    assert len(await adapters.keys.list()) == 1
