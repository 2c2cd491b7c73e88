"""Pictures are copied to the account's own bucket, behind the caller's back, once each."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from calotype.access.signed_url import sign
from calotype.storage.bucket import Acl, Credentials
from calotype.storage.ports import COPY, CopyState
from calotype.storage.template import DEFAULT_TEMPLATE, PathTemplate
from tests.customer_storage.conftest import PAGE
from tests.support.builders import HERE, TRIAL
from tests.support.pictures import a_png
from tests.support.scene import a_scene
from tests.support.waiting import becomes
from tests.support.weed import a_gate

COPIED, DROPPED = CopyState.COPIED, CopyState.DROPPED


def path_of(picture):
    return f"{hashlib.sha256(picture).hexdigest()}.png"


class TestACapture:
    async def test_it_is_copied_and_its_reply_says_where_to(self, full_depot):
        reply = await full_depot.post(response_type="json")
        path = path_of(a_png(0))

        assert reply.json()["storage_path"] == path
        assert reply.headers["x-storage-url"] == f"{full_depot.gate.url}/{full_depot.bucket}/{path}"
        assert await full_depot.settle() == {path: COPIED}
        assert full_depot.stored(path) == a_png(0)
        stored = full_depot.weed.get(full_depot.bucket, path)
        assert stored.headers["content-type"] == "image/png"

    async def test_nobody_waits_for_the_bucket(self, full_depot):
        full_depot.gate.hold()
        reply = await full_depot.post()

        assert reply.status_code == 200
        assert [copy.state for copy in await full_depot.copies()] == [CopyState.WAITING]
        full_depot.gate.release()
        await full_depot.settle()
        assert full_depot.stored(path_of(reply.content)) == reply.content

    async def test_a_job_that_is_done_once_more_does_nothing(self, full_depot):
        # As after a crash between the copy and the word of it.
        await full_depot.post()
        await full_depot.settle()
        (copy,) = await full_depot.copies()
        jobs = full_depot.bench.service.jobs
        await jobs.submit(COPY, copy.new.id)
        await full_depot.post(storage={"path": "later/{hash}.{ext}"})
        await full_depot.settle()

        assert full_depot.gate.connections == 2

    async def test_the_account_says_where_copies_go_and_who_may_read_them(self, depot):
        await depot.set(path=PathTemplate("{domain}/{hash}.{ext}"), acl=Acl.PUBLIC_READ)
        reply = await depot.post()

        assert await depot.settle() == {f"example.com/{path_of(reply.content)}": COPIED}
        assert "\r\nx-amz-acl: public-read\r\n" in depot.gate.heads[0]

    @pytest.mark.parametrize(
        "options",
        [
            {"storage": {"path": "own/{hash}.{ext}", "acl": "public-read"}},
            {"storage_path": "own/{hash}.{ext}", "storage_acl": "public-read", "storage_enabled": True},
            {
                "storage": {"path": "own/{hash}.{ext}"},
                "storage_path": "{hash}.{ext}",
                "storage_acl": "public-read",
            },
        ],
    )
    async def test_the_request_may_say_otherwise_in_either_dialect(self, full_depot, options):
        reply = await full_depot.post(**options)

        assert await full_depot.settle() == {f"own/{path_of(reply.content)}": COPIED}
        assert "\r\nx-amz-acl: public-read\r\n" in full_depot.gate.heads[0]

    async def test_so_may_query_parameters(self, full_depot):
        parameters = {"url": PAGE, "storage_path": "get/{hash}.{ext}", "storage_enabled": "1"}
        reply = await full_depot.bench.client.get("/v1/screenshot", params=parameters)

        assert await full_depot.settle() == {f"get/{path_of(reply.content)}": COPIED}

    @pytest.mark.parametrize("options", [{"storage": {"enabled": False}}, {"storage_enabled": False}])
    async def test_none_is_made_of_what_is_not_to_be_copied(self, full_depot, options):
        reply = await full_depot.post(**options)

        assert reply.status_code == 200
        assert "x-storage-url" not in reply.headers
        assert await full_depot.copies() == []

    async def test_none_is_made_of_what_is_not_stored(self, full_depot):
        reply = await full_depot.post(cache={"enabled": False})

        assert "x-storage-url" not in reply.headers
        assert await full_depot.copies() == []

    async def test_the_bucket_is_no_part_of_the_picture_s_identity(self, full_depot):
        first = await full_depot.post()
        again = await full_depot.post(storage={"path": "b/{hash}.{ext}", "acl": "public-read"})
        skipped = await full_depot.post(storage={"enabled": False})

        assert {reply.headers["x-cache-key"] for reply in (first, again, skipped)} == {
            first.headers["x-cache-key"]
        }
        assert [again.headers["x-cache-status"], skipped.headers["x-cache-status"]] == ["HIT", "HIT"]

    async def test_faults_name_the_field(self, full_depot):
        refused = await full_depot.post(storage={"path": "../{hash}.{ext}"})

        assert refused.status_code == 400
        assert refused.json()["error"]["details"]["field"] == "storage.path"
        assert full_depot.bench.renderer.renders == []

    async def test_what_means_nothing_in_the_group_is_told(self, full_depot):
        kind = await full_depot.post(storage={"bucket": "x"})
        strict = await full_depot.bench.client.post(
            "/v1/screenshot?strict=1", json={"url": PAGE, "storage": {"bucket": "x"}}
        )

        assert kind.headers["calotype-ignored"] == "storage.bucket"
        assert strict.status_code == 400


class TestWithoutABucket:
    async def test_captures_are_as_they_were(self, depot):
        reply = await depot.post(response_type="json", storage={"enabled": False})

        assert reply.status_code == 200
        assert "storage_path" not in reply.json()

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"storage": {"enabled": True}}, "storage.enabled"),
            ({"storage_path": "{hash}.{ext}"}, "storage.path"),
            ({"storage_acl": "private"}, "storage.acl"),
        ],
    )
    async def test_who_counts_on_one_is_told_before_anything_is_done(self, depot, options, field):
        refused = await depot.post(**options)

        assert refused.status_code == 400
        assert refused.json()["error"]["details"]["field"] == field
        assert "calotype storage set" in refused.json()["message"]
        assert depot.bench.renderer.renders == []

    async def test_the_bucket_of_live_keys_is_not_that_of_test_keys(self, full_depot):
        headers = await full_depot.bench.another_key(mode="test")
        body = {"url": PAGE}
        await full_depot.bench.client.post("/v1/screenshot", json=body, headers=headers)
        assert await full_depot.copies(namespace=TRIAL) == []

        await full_depot.set(namespace=TRIAL, path=PathTemplate("test/{hash}.{ext}"))
        reply = await full_depot.bench.client.post("/v1/screenshot", json=body, headers=headers)

        assert await full_depot.settle(TRIAL) == {f"test/{path_of(reply.content)}": COPIED}

    async def test_nor_is_it_that_of_another_account(self, full_depot):
        headers = await full_depot.bench.another_key("other")
        reply = await full_depot.bench.client.post("/v1/screenshot", json={"url": PAGE}, headers=headers)

        assert "x-storage-url" not in reply.headers
        assert await full_depot.copies() == []


class TestAHit:
    async def test_it_is_not_copied_again_and_still_says_where_the_copy_is(self, full_depot):
        first = await full_depot.post()
        await full_depot.settle()
        again = await full_depot.post()
        as_json = await full_depot.post(response_type="json")
        await full_depot.settle()

        assert again.headers["x-cache-status"] == "HIT"
        assert again.headers["x-storage-url"] == first.headers["x-storage-url"]
        assert as_json.json()["storage_path"] == path_of(first.content)
        assert full_depot.gate.connections == 1

    async def test_it_is_copied_where_it_has_not_been_yet(self, full_depot):
        first = await full_depot.post()
        await full_depot.post(storage={"path": "b/{hash}.{ext}"})

        path = path_of(first.content)
        assert await full_depot.settle() == {path: COPIED, f"b/{path}": COPIED}
        assert full_depot.stored(f"b/{path}") == first.content

    async def test_it_is_copied_if_it_was_taken_before_there_was_a_bucket(self, depot):
        first = await depot.post()
        await depot.set()
        again = await depot.post()

        assert again.headers["x-cache-status"] == "HIT"
        assert await depot.settle() == {path_of(first.content): COPIED}

    async def test_it_is_copied_over_where_others_are_to_read_it_and_then_no_more(self, full_depot):
        await full_depot.post()
        await full_depot.settle()
        served = set()
        for _ in range(2):
            reply = await full_depot.post(storage={"acl": "public-read"})
            served.add(reply.headers["x-cache-status"])
            await full_depot.settle()
        # Who names nobody is content with what is there.
        await full_depot.post()
        (copy,) = await full_depot.copies()

        assert served == {"HIT"}
        assert copy.new.acl is Acl.PUBLIC_READ
        assert full_depot.gate.connections == 2
        assert "\r\nx-amz-acl: public-read\r\n" in full_depot.gate.heads[1]

    async def test_of_two_wishes_for_a_copy_that_is_under_way_the_newer_holds(self, full_depot):
        full_depot.gate.hold()
        await full_depot.post()
        await becomes(lambda: full_depot.gate.connections)
        await full_depot.post(storage={"acl": "public-read"})
        full_depot.gate.release()
        await full_depot.settle()

        assert ["x-amz-acl: public-read" in head for head in full_depot.gate.heads] == [False, True]

    async def test_its_time_and_uuid_are_those_of_the_capture(self, depot):
        await depot.set(path=PathTemplate("{timestamp}-{uuid}/{hash}.{ext}"))
        first = await depot.post()
        depot.bench.clock.advance(seconds=10)
        again = await depot.post()

        assert again.headers["x-storage-url"] == first.headers["x-storage-url"]
        assert len(await depot.settle()) == 1

    async def test_a_refreshed_picture_is_copied_as_any_other(self, full_depot):
        first = await full_depot.post()
        await full_depot.settle()
        second = await full_depot.post(cache={"refresh": True})

        assert first.content != second.content
        assert await full_depot.settle() == {path_of(first.content): COPIED, path_of(second.content): COPIED}

    async def test_a_new_picture_of_the_same_bytes_is_copied_again_for_the_old_copy_may_be_gone(
        self, full_depot
    ):
        full_depot.bench.renderer.same = 0
        path = path_of((await full_depot.post()).content)
        await full_depot.settle()
        full_depot.weed.delete(full_depot.bucket, path)
        again = await full_depot.post(cache={"refresh": True})

        assert again.headers["x-storage-url"].endswith(path)
        assert await full_depot.settle() == {path: COPIED}
        assert full_depot.stored(path) == again.content

    async def test_a_picture_that_is_made_behind_a_stale_one_is_copied_too(self, full_depot):
        options = {"cache": {"ttl": 1, "swr": 60}}
        first = await full_depot.post(**options)
        await full_depot.settle()
        full_depot.bench.clock.advance(seconds=5)
        stale = await full_depot.post(**options)

        assert stale.headers["x-cache-status"] == "STALE"
        assert "x-storage-url" not in stale.headers

        async def both():
            return len(await full_depot.copies(COPIED)) == 2

        await becomes(both)
        assert full_depot.stored(path_of(a_png(1))) == a_png(1) != first.content


class TestWhatIsNotWaitedFor:
    async def test_a_batch_s_pictures_are_copied_each_where_it_is_to_be(self, full_depot):
        requests = [{"url": PAGE, "storage": {"path": f"{name}/{{hash}}.{{ext}}"}} for name in ("one", "two")]
        batch = (await full_depot.bench.client.post("/v1/batch", json={"requests": requests})).json()

        assert batch["completed"] == 2, batch
        paths = [item["response"]["storage_path"] for item in batch["results"]]
        assert paths == [f"{name}/{path_of(a_png(0))}" for name in ("one", "two")]
        assert await full_depot.settle() == dict.fromkeys(paths, COPIED)

    async def test_a_job_s_picture_is_copied(self, full_depot):
        job = (await full_depot.post(**{"async": True})).json()

        async def over():
            reply = (await full_depot.bench.client.get(f"/v1/jobs/{job['id']}")).json()
            return reply.get("storage_path") == path_of(a_png(0))

        await becomes(over)
        assert await full_depot.settle() == {path_of(a_png(0)): COPIED}

    async def test_an_item_that_counts_on_a_bucket_that_is_not_there_fails_alone(self, depot):
        requests = [{"url": PAGE}, {"url": PAGE, "storage": {"enabled": True}}]
        batch = (await depot.bench.client.post("/v1/batch", json={"requests": requests})).json()

        assert (batch["completed"], batch["failed"]) == (1, 1)
        assert batch["results"][1]["failure"]["details"]["field"] == "storage.enabled"


class TestWhatHasLeftTheCache:
    async def fail_once(self, depot):
        depot.gate.fail("503 Slow", "SlowDown")
        await depot.post()
        await depot.failures(1)
        depot.gate.open()

    @pytest.mark.parametrize("how", [{"all": True}, {"all": True, "soft": True}])
    async def test_what_was_purged_meanwhile_is_not_copied(self, full_depot, how):
        await self.fail_once(full_depot)
        await full_depot.bench.client.post("/v1/cache/purge", json=how)
        await full_depot.pass_time(60)

        assert await full_depot.settle() == {path_of(a_png(0)): DROPPED}
        assert full_depot.stored(path_of(a_png(0))) is None
        (copy,) = await full_depot.copies()
        assert copy.fault == "the picture was purged, replaced or let go of before it could be copied"

    async def test_nor_is_what_was_replaced(self, full_depot):
        await self.fail_once(full_depot)
        await full_depot.post(cache={"refresh": True})
        await full_depot.pass_time(60)

        assert await full_depot.settle() == {path_of(a_png(0)): DROPPED, path_of(a_png(1)): COPIED}

    async def test_the_same_picture_is_copied_when_it_is_taken_once_more(self, full_depot):
        full_depot.bench.renderer.same = 0
        await self.fail_once(full_depot)
        await full_depot.bench.client.post("/v1/cache/purge", json={"all": True})
        await full_depot.pass_time(60)
        await full_depot.settle()
        await full_depot.post()

        assert await full_depot.settle() == {path_of(a_png(0)): COPIED}

    async def test_nor_is_it_lost_when_it_is_taken_once_more_while_the_first_one_waits(self, full_depot):
        full_depot.bench.renderer.same = 0
        await self.fail_once(full_depot)
        await full_depot.bench.client.post("/v1/cache/purge", json={"all": True})
        reply = await full_depot.post()
        await full_depot.pass_time(60)

        assert reply.headers["x-storage-url"].endswith(path_of(a_png(0)))
        assert await full_depot.settle() == {path_of(a_png(0)): COPIED}

    async def test_what_waits_is_dropped_with_the_bucket(self, full_depot):
        await self.fail_once(full_depot)
        await full_depot.bench.service.remembering.buckets.remove(HERE)
        await full_depot.pass_time(60)

        assert await full_depot.settle() == {path_of(a_png(0)): DROPPED}
        assert full_depot.gate.connections == 1


async def test_a_signed_url_has_its_picture_copied_and_tells_nobody_where_to(full_depot):
    bench = full_depot.bench
    secret, pair = await bench.parts.authenticator.create_pair("default", "live", "")
    options = {"url": PAGE, "storage_path": "signed/{hash}.{ext}"}
    query = sign(options.items(), pair.id, secret.encode(), bench.clock() + timedelta(days=1))
    reply = await bench.client.get(f"/v1/screenshot?{query}", headers={"authorization": ""})

    assert reply.status_code == 200
    assert "x-storage-url" not in reply.headers
    assert await full_depot.settle() == {f"signed/{path_of(reply.content)}": COPIED}


async def test_hits_that_are_asked_for_in_the_same_bytes_say_it_too(tmp_path):
    async with a_gate(0) as gate, a_scene(tmp_path / "data", CALOTYPE_EGRESS_ALLOW="127.0.0.1") as scene:
        gate.fail("200 OK")
        buckets = scene.service.remembering.buckets
        credentials = Credentials(access_key_id="key", secret="secret")
        place = {"endpoint": gate.url, "name": "shots", "region": "auto"}
        await buckets.set(buckets.made(HERE, credentials, **place, path=DEFAULT_TEMPLATE, acl=Acl.PRIVATE))
        # The first is a miss; what its copy writes to the index has the next one answered in full.
        told = {(await scene.send(scene.capture()))[1]["x-storage-url"]}
        while scene.repeats.given < 2:
            told.add((await scene.send(scene.capture()))[1]["x-storage-url"])

    assert told == {f"{gate.url}/shots/{path_of(a_png(0))}"}
