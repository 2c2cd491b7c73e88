"""Signed URLs: each recipe's signature is good for one picture, and for no other."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from itertools import product
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.access.signed_url import (
    ExpiredSignature,
    InvalidSignature,
    Recipe,
    is_signed,
    read_signed,
    sign,
    vouched_for,
)
from calotype.api.dialects.inbound import is_option

SECRET, API_KEY = "rs_secret_0123456789abcdef", "rs_live_0123456789abcdef"
PUBLIC = "rs_pub_fedcba9876543210"
EXPIRES = 1735689600
NOW = datetime.fromtimestamp(EXPIRES, UTC) - timedelta(days=1)
ENDPOINT = "http://localhost:8080/v1/screenshot"
OPTIONS = {"url": "https://example.com/a?b=1", "preset": "og_card", "width": "1200"}
WORKED = {
    Recipe.A: (
        "preset=og_card&url=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1&width=1200&expires=1735689600"
        "&signature=107dbe69b2ee5078e95d531ec44cd63fc292af47ca5ecd82034ba328058cee4c"
        "&public_key=rs_pub_fedcba9876543210"
    ),
    Recipe.B: (
        "expires=1735689600&key_id=rs_pub_fedcba9876543210&preset=og_card"
        "&url=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1&width=1200"
        "&signature=06a4ebc43897c158d23e767c19e80a8d0fb5dae06d6cd4b7e1dc280e632405f3"
    ),
    Recipe.C: (
        "preset=og_card&url=https://example.com/a?b=1&width=1200&expires=1735689600"
        "&signature=130492253a0bf9567f8fd3a7395ebc676f80a0f965ea8f19f241a4ea492bb9dc"
    ),
    Recipe.D: (
        "url=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1&preset=og_card&width=1200&expires=1735689600"
        "&signature=c93ab22a3f93cdc196c3a10787c360e454cf1b56434b16b9cc096316c58c5bea"
    ),
}


def mac(text, secret):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_by_a(options, secret=SECRET, expires=EXPIRES):
    text = "&".join([*(f"{name}={options[name]}" for name in sorted(options)), f"expires={expires}"])
    wire = urlencode([*sorted(options.items()), ("expires", expires)], quote_via=quote_plus)
    return f"{wire}&signature={mac(text, secret)}&public_key={PUBLIC}"


def signed_by_b(options, secret=SECRET, expires=EXPIRES):
    text = urlencode(sorted({**options, "expires": str(expires), "key_id": PUBLIC}.items()))
    return f"{text}&signature={mac(text, secret)}"


def signed_by_c(options, secret=API_KEY, expires=EXPIRES):
    text = "&".join([*(f"{name}={options[name]}" for name in sorted(options)), f"expires={expires}"])
    return f"{text}&signature={mac(text, secret)}"


def signed_by_d(options, secret=API_KEY, expires=EXPIRES):
    text = f"{urlencode(list(options.items()))}&expires={expires}"
    return f"{text}&signature={mac(f'{ENDPOINT}?{text}', secret)}"


SIGNERS = {Recipe.A: signed_by_a, Recipe.B: signed_by_b, Recipe.C: signed_by_c, Recipe.D: signed_by_d}


def secret_of(recipe):
    return SECRET if recipe in (Recipe.A, Recipe.B) else API_KEY


def vouched(query, secret, *, recipes=Recipe, now=NOW, endpoint=ENDPOINT):
    """Return the options that query is good for, or None."""
    found = vouched_for(read_signed(query.encode(), now), secret.encode(), recipes, endpoint, is_option)
    return None if found is None else dict(found)


def good(query, recipe):
    try:
        return vouched(query, secret_of(recipe), recipes=[recipe])
    except (InvalidSignature, ExpiredSignature):
        return None


class TestTheWorkedExamples:
    """Those of the contract, to the digit."""

    @pytest.mark.parametrize("recipe", Recipe)
    def test_each_is_good_for_its_options_by_its_own_recipe_alone(self, recipe):
        wire = WORKED[recipe]

        assert vouched(wire, secret_of(recipe), recipes=[recipe]) == OPTIONS
        assert vouched(wire, secret_of(recipe), recipes=set(Recipe) - {recipe}) is None

    def test_ours_is_that_of_recipe_b(self):
        made = sign(OPTIONS.items(), PUBLIC, SECRET.encode(), datetime.fromtimestamp(EXPIRES, UTC))

        assert made.endswith("&signature=06a4ebc43897c158d23e767c19e80a8d0fb5dae06d6cd4b7e1dc280e632405f3")
        assert made == signed_by_b(OPTIONS)


words = st.text("abXZ09 &=%+#?/:;é~.-_", max_size=8)
page_urls = st.builds(lambda path: f"https://example.com/{path}", words)
option_sets = st.builds(
    lambda url, more: {"url": url, **more},
    page_urls,
    st.dictionaries(st.sampled_from(["width", "format", "preset", "hide", "wait_for", "timezone"]), words),
)


class TestEveryGoodSignature:
    @given(options=option_sets)
    def test_it_verifies_when_what_was_signed_was_encoded(self, options):
        for recipe in (Recipe.B, Recipe.D):
            assert vouched(SIGNERS[recipe](options), secret_of(recipe)) == options

    @given(options=option_sets)
    def test_unencoded_it_verifies_unless_an_option_may_begin_inside_a_value(self, options):
        found = good(signed_by_a(options), Recipe.A)

        assert found == options or (found is None and any("&" in value for value in options.values()))

    def test_a_page_may_have_parameters_of_its_own_in_the_documentations_recipe(self):
        options = {"url": "https://example.com/?q=a&page=2&format=x", "width": "100"}

        assert vouched(signed_by_a(options), SECRET) == options

    def test_a_page_whose_parameters_are_named_like_our_options_is_refused_there(self):
        options = {"url": "https://example.com/?q=a&width=5"}

        assert vouched(signed_by_a(options), SECRET) is None
        assert vouched(signed_by_b(options), SECRET) == options

    def test_the_older_clients_send_values_as_they_are(self):
        options = {"url": "https://example.com/caf%C3%A9?q=1+1", "width": "100"}

        assert vouched(signed_by_c(options), API_KEY) == options

    def test_and_an_ampersand_in_one_of_those_cannot_be_told_from_ours(self):
        assert vouched(signed_by_c({"url": "https://example.com/?a=1&b=2"}), API_KEY) is None

    def test_a_proxy_may_spell_and_order_it_otherwise(self):
        made = signed_by_b({"url": "https://example.com/a b", "hide": ".x"})
        pairs = parse_qsl(made)
        respelled = urlencode(pairs[::-1], quote_via=quote, safe="/:")

        assert respelled != made
        assert vouched(respelled, SECRET) == {"url": "https://example.com/a b", "hide": ".x"}

    def test_an_api_key_beside_it_is_ignored(self):
        assert vouched(f"{signed_by_b(OPTIONS)}&api_key=rs_live_x", SECRET) == OPTIONS


recipes = st.sampled_from(list(Recipe))


class TestEveryEdit:
    @given(recipe=recipes, options=option_sets, data=st.data())
    def test_another_character_anywhere_is_refused_or_means_the_same(self, recipe, options, data):
        query = SIGNERS[recipe](options)
        at = data.draw(st.integers(0, len(query) - 1))
        edited = query[:at] + data.draw(st.sampled_from("aZ0&=%+ .")) + query[at + 1 :]

        assert good(edited, recipe) in (None, good(query, recipe))

    @given(recipe=recipes, options=option_sets, name=st.sampled_from(["height", "x", "hide", "zoom", "url"]))
    def test_another_parameter_is_refused(self, recipe, options, name):
        query = SIGNERS[recipe](options)

        for edited in (f"{name}=1&{query}", f"{query}&{name}=1", query.replace("&", f"&{name}=1&", 1)):
            assert good(edited, recipe) is None

    @given(recipe=recipes, options=option_sets, data=st.data())
    def test_a_missing_parameter_is_refused(self, recipe, options, data):
        pieces = SIGNERS[recipe](options).split("&")
        del pieces[data.draw(st.integers(0, len(pieces) - 1))]

        assert good("&".join(pieces), recipe) is None

    @given(options=option_sets, data=st.data())
    def test_of_a_url_that_is_signed_as_sent_another_order_is_refused(self, options, data):
        for recipe in (Recipe.C, Recipe.D):
            query = SIGNERS[recipe](options)
            *pieces, signature = query.split("&")
            shuffled = data.draw(st.permutations(pieces))
            found = good("&".join([*shuffled, signature]), recipe)

            assert found in (None, good(query, recipe))
            if recipe is Recipe.D and shuffled != pieces:
                assert found is None

    def test_repeated_values_keep_their_order(self):
        text = f"expires={EXPIRES}&hide=a&hide=b&key_id={PUBLIC}&url=https%3A%2F%2Fexample.com%2F"
        query = f"{text}&signature={mac(text, SECRET)}"

        assert vouched(query, SECRET) is not None
        assert vouched(query.replace("hide=a&hide=b", "hide=b&hide=a"), SECRET) is None

    @settings(max_examples=50)
    @given(options=option_sets)
    def test_no_signature_is_good_for_two_pictures(self, options):
        """Whoever holds a URL may cut its text into parameters as he likes, and send them as he likes."""
        for recipe in (Recipe.A, Recipe.C):
            query = SIGNERS[recipe](options)
            signature = query.partition("&signature=")[2].partition("&")[0]
            tail = f"&public_key={PUBLIC}" if recipe is Recipe.A else ""
            text = "&".join(f"{name}={value}" for name, value in sorted(options.items()))
            pieces = text.split("&")
            wires = [query, f"{text}&expires={EXPIRES}&signature={signature}{tail}"]
            for joined in product([False, True], repeat=min(6, len(pieces) - 1)):
                parts = [pieces[0]]
                for piece, to_the_last in zip(pieces[1:], [*joined, *[False] * len(pieces)], strict=False):
                    parts[-1:] = [f"{parts[-1]}&{piece}"] if to_the_last else [parts[-1], piece]
                pairs = [(name, value) for name, _, value in (part.partition("=") for part in parts)]
                wires.append(f"{urlencode(pairs)}&expires={EXPIRES}&signature={signature}{tail}")
            meanings = [found for wire in wires if (found := good(wire, recipe)) is not None]

            assert all(meaning == meanings[0] for meaning in meanings)

    def test_a_text_of_one_recipe_is_no_text_of_another(self):
        """A page's URL that somebody else has chosen may look like parameters of ours."""
        page = f"https://example.com/?x&key_id={PUBLIC}&format=pdf"
        query = signed_by_a({"url": page})
        text = f"url={page}&expires={EXPIRES}"
        signature = mac(text, SECRET)

        assert f"signature={signature}" in query
        assert vouched(query, SECRET) == {"url": page}
        assert good(f"{text}&signature={signature}", Recipe.B) is None

    @pytest.mark.parametrize("recipe", Recipe)
    def test_another_secret_or_none_is_refused(self, recipe):
        query = SIGNERS[recipe](OPTIONS)

        assert vouched(query, secret_of(recipe) + "0") is None
        assert vouched(query, "") is None

    def test_a_signature_for_another_server_or_path_is_refused(self):
        query = signed_by_d(OPTIONS)

        assert vouched(query, API_KEY, endpoint="http://localhost:8080/v1/batch") is None
        assert vouched(query, API_KEY, endpoint="http://other.example/v1/screenshot") is None

    def test_a_longer_shorter_or_odd_signature_is_refused(self):
        query, _, signature = signed_by_b(OPTIONS).rpartition("=")
        for other in ("", signature[:-1], signature + "0", signature.upper(), "é" * 64):
            assert vouched(f"{query}={other}", SECRET) is None


class TestItsTime:
    def test_it_is_good_until_its_second_comes(self):
        query = signed_by_b(OPTIONS)
        end = datetime.fromtimestamp(EXPIRES, UTC)

        assert vouched(query, SECRET, now=end - timedelta(microseconds=1)) == OPTIONS
        with pytest.raises(ExpiredSignature):
            vouched(query, SECRET, now=end)

    def test_it_may_be_30_days_off_and_no_second_more(self):
        query = signed_by_b(OPTIONS)
        earliest = datetime.fromtimestamp(EXPIRES, UTC) - timedelta(days=30)

        assert vouched(query, SECRET, now=earliest) == OPTIONS
        with pytest.raises(InvalidSignature, match="more than 30 days ahead"):
            vouched(query, SECRET, now=earliest - timedelta(seconds=1))

    @pytest.mark.parametrize(
        "expires", ["", "soon", "-1", "1e9", "1735689600.5", " 1735689600", "9" * 12, "9" * 30]
    )
    def test_what_is_no_time_is_refused(self, expires):
        with pytest.raises(InvalidSignature, match="expires"):
            read_signed(f"url=x&expires={expires}&key_id=k&signature=s".encode(), NOW)


class TestWhatIsMissing:
    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("url=x&key_id=k&signature=s", "it has no expires; give the Unix time"),
            (f"expires={EXPIRES}&expires={EXPIRES}&signature=s", "expires is given more than once"),
            (f"expires={EXPIRES}&signature=s&signature=t", "signature is given more than once"),
            (f"expires={EXPIRES}&signature=s&key_id=k&public_key=k", "key_id and public_key are both given"),
            (f"expires={EXPIRES}&signature=s&key_id=k&key_id=l", "key_id is given more than once"),
            (f"expires={EXPIRES}&signature=s&url=\xff", "it is not UTF-8"),
        ],
    )
    def test_it_is_told(self, query, told):
        with pytest.raises(InvalidSignature, match=told):
            read_signed(query.encode("latin-1"), NOW)

    def test_a_query_without_a_signature_is_no_signed_one(self):
        assert is_signed(b"url=x&signature=")
        assert not is_signed(b"url=x&expires=1&key_id=k")
        assert not is_signed(b"url=signature")
