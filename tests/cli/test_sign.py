"""calotype sign: a URL that a running server answers without a key."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.support.server import calotype

PAGE = "https://example.com/a?b=1"


@pytest.fixture(scope="module")
def pair(running):
    return calotype("keys", "create", "--mode", "signing", data=running.data).stdout.decode().split()


def sign(server, key, *flags, url=PAGE, **environ):
    return calotype(
        "sign", url, "--key", key, *flags, data=server.data, CALOTYPE_PUBLIC_URL=server.url, **environ
    )


def refusal(url):
    """Return what the server says of a URL for which it has no picture and no browser."""
    return httpx.get(url, headers={"cache-control": "only-if-cached"}, trust_env=False)


def test_it_prints_one_url_that_the_server_takes_for_what_it_says(server, pair):
    made = sign(server, pair[0], "--width", "400", "--full-page", "--fail-on", "none", "--set", "hide=.a,.b")
    url = httpx.URL(made.stdout.decode().strip())

    assert (made.returncode, made.stderr) == (0, b"")
    assert str(url).startswith(f"{server.url}/v1/screenshot?")
    assert {name: url.params[name] for name in ("url", "width", "full_page", "fail_on", "hide")} == {
        "url": PAGE,
        "width": "400",
        "full_page": "true",
        "fail_on": "",
        "hide": ".a,.b",
    }
    assert 86_300 < int(url.params["expires"]) - time.time() <= 86_400
    assert refusal(url).status_code == 504
    assert refusal(str(url).replace("width=400", "width=401")).status_code == 401


@pytest.mark.parametrize(("flag", "seconds"), [("90s", 90), ("30d", 2_592_000)])
def test_it_is_good_for_as_long_as_was_asked(server, pair, flag, seconds):
    url = httpx.URL(sign(server, pair[0], "--expires", flag).stdout.decode().strip())

    assert seconds - 60 < int(url.params["expires"]) - time.time() <= seconds
    assert refusal(url).status_code == 504


def test_the_secret_may_be_given_instead_of_found(server, pair, tmp_path):
    found = sign(server, pair[0]).stdout
    given = calotype(
        "sign", PAGE, "--key", pair[0], data=tmp_path / "nowhere",
        CALOTYPE_SIGNING_SECRET=pair[1], CALOTYPE_PUBLIC_URL=server.url,
    )  # fmt: skip
    wrong = sign(server, pair[0], CALOTYPE_SIGNING_SECRET="rs_secret_other")

    assert (given.returncode, given.stderr) == (0, b"")
    assert not (tmp_path / "nowhere").exists()
    assert [refusal(made.decode().strip()).status_code for made in (found, given.stdout, wrong.stdout)] == [
        504,
        504,
        401,
    ]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--expires", "31d"), b"--expires is '31d'; write 90s, 15m, 24h or 7d; it may be at most 30d"),
        (("--set", "zoom=2"), b"zoom is not known"),
        (("--width", "0"), b"viewport.width is 0"),
    ],
)
def test_what_the_server_would_refuse_is_refused_here(server, pair, flags, told):
    failed = sign(server, pair[0], *flags)

    assert (failed.returncode, failed.stdout) == (1, b"")
    assert told in failed.stderr


def test_a_pair_that_is_not_there_is_told_with_every_way_out(server):
    failed = sign(server, "rs_pub_nobody")

    assert (failed.returncode, failed.stdout) == (1, b"")
    for remedy in (b"CALOTYPE_SIGNING_SECRET", b"--data", b"keys create --mode signing"):
        assert remedy in failed.stderr
