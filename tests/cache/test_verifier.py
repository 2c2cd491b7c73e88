"""Verifier: which bytes are compared with their digest, and what becomes of those that differ."""

from __future__ import annotations

import pytest

from calotype.cache import verifier as verifier_module
from calotype.cache.freshness import Miss
from calotype.cache.verifier import SAMPLED, Verifier
from calotype.shots.shot import Served
from tests.support.builders import HERE, an_entry, an_origin
from tests.support.clock import HandClock
from tests.support.pictures import a_png
from tests.support.shots import a_studio

DATA, SPOILT = b"picture", b"picturE"


def never():
    return 1.0


def entries(count):
    return [an_entry(an_origin(f"k{number}"), data=DATA) for number in range(count)]


async def test_after_a_crash_every_blob_is_verified_once():
    verifier = Verifier(after_crash=True, chance=never)
    for entry in entries(3):
        assert not await verifier.sound(entry, SPOILT)
        assert not await verifier.sound(entry, SPOILT)
        assert await verifier.sound(entry, DATA)
        # Known to be sound by now, and not looked at again.
        assert await verifier.sound(entry, SPOILT)


async def test_otherwise_one_read_in_a_hundred_is():
    drawn = iter([SAMPLED, 0.5, SAMPLED - 1e-9, 0.0])
    verifier = Verifier(chance=lambda: next(drawn))
    (entry,) = entries(1)

    assert [await verifier.sound(entry, SPOILT) for _ in range(4)] == [True, True, False, False]


async def test_after_a_crash_what_is_known_to_be_sound_is_sampled_too():
    verifier = Verifier(after_crash=True, chance=lambda: 0.0)
    (entry,) = entries(1)

    assert await verifier.sound(entry, DATA)
    assert not await verifier.sound(entry, SPOILT)


async def test_memory_is_bounded_and_what_was_forgotten_is_verified_again(monkeypatch):
    monkeypatch.setattr(verifier_module, "_REMEMBERED", 2)
    verifier = Verifier(after_crash=True, chance=never)
    first, second, third = entries(3)
    for entry in (first, second, third):
        assert await verifier.sound(entry, DATA)

    assert verifier._sound == {third.blob_id}
    assert not await verifier.sound(first, SPOILT)


@pytest.mark.parametrize(
    "size", [verifier_module._HASH_IN_LOOP_BYTES, verifier_module._HASH_IN_LOOP_BYTES + 1]
)
async def test_large_pictures_are_verified_as_well(size):
    data = b"x" * size
    entry = an_entry(data=data)
    verifier = Verifier(after_crash=True)

    assert not await verifier.sound(entry, b"y" + data[1:])
    assert await verifier.sound(entry, data)


async def test_a_picture_with_one_bit_flipped_is_never_served_dropped_and_counted(tmp_path, caplog):
    async with a_studio(tmp_path, HandClock(), hot_bytes=0) as studio:
        studio.store._verifier = Verifier(after_crash=True, chance=never)
        urls = [f"https://example.com/{number}" for number in range(3)]
        shots = [await studio.take(url) for url in urls]
        for shot in shots[:2]:
            blob_id = shot.opened.entry.blob_id
            path = studio.folder / "blobs" / blob_id[:2] / blob_id[2:4] / blob_id
            data = bytearray(path.read_bytes())
            data[-5] ^= 1
            path.write_bytes(data)

        assert await studio.store.open_public(shots[0].opened.entry.path) is None
        assert await studio.store.look_up(HERE, shots[0].opened.entry.key) == Miss(expired=False)
        again = await studio.take(urls[1])
        assert (again.served, again.stored) == (Served.MISS, True)
        assert again.opened.data == a_png(3)
        assert (await studio.take(urls[1])).opened == again.opened
        assert (await studio.take(urls[2])).opened == shots[2].opened
        assert (await studio.store.stats()).blobs_to_delete == 2
    assert "the 2. since the start" in caplog.text
