"""calotype cache: what is in a folder, beside the server that uses it, which obeys at once."""

from __future__ import annotations

import pytest

from tests.support.server import calotype

PAGE, OTHER = "https://example.com/?a[b]=1", "https://example.com:8443/:smile:/"


def cache(server, *arguments):
    return calotype("cache", *arguments, data=server.data)


def served(server, reply):
    """Say whether the running server still has the picture, by key and in public."""
    statuses = {
        server.client.get(f"/v1/cache/{reply.headers['x-cache-key']}").status_code,
        server.client.get(reply.headers["x-cache-url"].removeprefix("http://calotype.test")).status_code,
    }
    assert len(statuses) == 1
    return statuses == {200}


class TestLooking:
    def test_ls_lists_whole_keys_and_urls_newest_first(self, server, take):
        first, second = take(PAGE), take(OTHER)
        listed = cache(server, "ls")
        rows = [line.split() for line in listed.stdout.decode().splitlines() if "https" in line]

        assert listed.returncode == 0
        assert [row[1] for row in rows] == [second.headers["x-cache-key"], first.headers["x-cache-key"]]
        assert [row[3] for row in rows] == [OTHER, PAGE]
        assert rows[0][7] == second.headers["x-cache-expires"]
        assert rows[0][9] == second.headers["content-length"]
        assert rows[0][11] == "png"

    def test_ls_can_be_narrowed_as_a_purge_can(self, server, take):
        take("https://example.com/a")
        take("https://mysite.com/b")
        output = cache(
            server, "ls", "--url", "https://mysite.com/*", "--before", "9999-01-01"
        ).stdout.decode()

        assert "mysite.com" in output
        assert "example.com" not in output

    def test_ls_shows_tags_and_can_be_narrowed_by_them(self, server, take):
        take(PAGE, tags=["shop", "product-1"])
        take(OTHER, tags=["blog"])
        rows = [
            line.split()
            for line in cache(server, "ls", "--tag", "shop", "--tag", "unknown").stdout.decode().splitlines()
            if "https" in line
        ]

        assert [row[3] for row in rows] == [PAGE]
        assert rows[0][13:-1] == ["product-1", "shop"]

    def test_stats_counts(self, server, take):
        size = sum(int(take(url).headers["content-length"]) for url in (PAGE, OTHER))
        output = cache(server, "stats").stdout.decode()
        figures = {
            line.split("│")[1].strip(): line.split("│")[2].strip()
            for line in output.splitlines()
            if "│" in line
        }

        assert figures["entries"] == "2"
        assert figures["bytes"] == str(size)


class TestGetting:
    def test_get_writes_the_bytes_to_standard_output(self, server, take):
        taken = take(PAGE)
        got = cache(server, "get", taken.headers["x-cache-key"])

        assert (got.returncode, got.stdout, got.stderr) == (0, taken.content, b"")

    def test_or_to_a_file_by_any_name_of_the_entry(self, server, take, tmp_path):
        taken = take(PAGE, key="home")
        path = taken.headers["x-cache-url"].removeprefix("http://calotype.test/")
        got = cache(server, "get", path, "-o", str(tmp_path / "picture.png"))

        assert (got.returncode, got.stdout) == (0, b"")
        assert (tmp_path / "picture.png").read_bytes() == taken.content

    def test_a_file_that_cannot_be_written_is_told(self, server, take, tmp_path):
        taken = take(PAGE)
        failed = cache(server, "get", taken.headers["x-cache-key"], "-o", str(tmp_path / "nowhere" / "a.png"))

        assert failed.returncode == 1
        assert failed.stderr.decode() == (
            f"calotype: {tmp_path}/nowhere/a.png cannot be written: No such file or directory\n"
        )

    def test_what_is_not_there_is_told(self, server):
        failed = cache(server, "get", "cache_xyz789")

        assert (failed.returncode, failed.stdout) == (1, b"")
        assert failed.stderr.startswith(b"calotype: There is no such screenshot in the cache.\n")

    def test_another_mode_is_another_cache(self, server, take):
        taken = take(PAGE)

        assert cache(server, "get", taken.headers["x-cache-key"], "--mode", "test").returncode == 1

    def test_an_account_that_is_not_there_is_told(self, server):
        failed = cache(server, "ls", "--account", "nobody")

        assert failed.returncode == 1
        assert b"no account called 'nobody'" in failed.stderr


class TestTheAuditTrail:
    def test_purges_lists_who_asked_for_what_newest_first(self, server, take):
        take("https://mysite.com/a")
        key = take("https://mysite.com/b").headers["x-cache-key"]
        server.client.delete(f"/v1/cache/{key}").raise_for_status()
        cache(server, "purge", "--url", "https://mysite.com/*", "--before", "9999-01-01")
        cache(server, "purge", "--all", "--dry-run")
        output = cache(server, "purges", "--limit", "2").stdout.decode()
        rows = [
            [cell.strip() for cell in line.split("│")[1:-1]]
            for line in output.splitlines()
            if "purge_" in line
        ]

        assert [row[2:] for row in rows] == [
            ["cli", "--url https://mysite.com/* --before 9999-01-01T00:00:00Z", "1", "yes"],
            [rows[1][2], f"--key {key}", "1", "yes"],
        ]
        assert rows[1][2].startswith("key_")

    def test_a_purge_of_many_keys_stays_one_row(self, server):
        cache(server, "purge", *(option for n in range(5) for option in ("--key", f"k{n}")))
        output = cache(server, "purges", "--limit", "1").stdout.decode()

        assert "--key k0 --key k1 --key k2 (and 2 more keys)" in output


class TestLettingGo:
    def test_rm_deletes_one_entry_and_the_server_obeys_at_once(self, server, take):
        gone, stays = take(PAGE), take(OTHER)
        assert served(server, gone)
        done = cache(server, "rm", gone.headers["x-cache-key"])

        assert (done.returncode, done.stdout) == (0, b"")
        assert not served(server, gone)
        assert served(server, stays)
        assert cache(server, "rm", gone.headers["x-cache-key"]).returncode == 1

    def test_purge_deletes_what_passes_every_filter(self, server, take):
        gone, stays = take("https://mysite.com/blog/a"), take("https://mysite.com/shop")
        assert served(server, gone)
        keys = [option for reply in (gone, stays) for option in ("--key", reply.headers["x-cache-key"])]
        done = cache(server, "purge", "--url", "https://mysite.com/blog/*", *keys)

        assert (done.returncode, done.stdout) == (0, b"1 purged\n")
        assert not served(server, gone)
        assert served(server, stays)

    def test_purge_by_tag_deletes_what_has_any_of_them(self, server, take):
        one, other = take(PAGE, tags=["product-1", "shop"]), take(OTHER, tags=["product-2"])
        stays = take("https://mysite.com/", tags=["product-3", "shop"])
        assert served(server, one)
        done = cache(server, "purge", "--tag", "product-1", "--tag", "product-2")

        assert (done.returncode, done.stdout) == (0, b"2 purged\n")
        assert not served(server, one)
        assert not served(server, other)
        assert served(server, stays)
        assert "--tag product-1 --tag product-2" in cache(server, "purges", "--limit", "1").stdout.decode()

    def test_a_dry_run_only_counts(self, server, take):
        stays = take(PAGE)
        done = cache(server, "purge", "--all", "--dry-run")

        assert (done.returncode, done.stdout) == (0, b"1 would be purged\n")
        assert served(server, stays)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ([], "keys, tags, pattern, url, before or all is missing; give at least one filter."),
            (["--tag", "a b"], "tags holds 'a b'; a tag has 1 to 64 characters of visible ASCII"),
            (["--before", "soon"], "before is 'soon', no date; write ISO 8601"),
        ],
    )
    def test_what_is_not_understood_purges_nothing(self, server, take, options, message):
        stays = take(PAGE)
        failed = cache(server, "purge", *options)

        assert failed.returncode == 1
        assert failed.stderr.decode().startswith(f"calotype: {message}")
        assert served(server, stays)
