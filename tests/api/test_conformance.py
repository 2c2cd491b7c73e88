"""Whatever is sent, what comes back is what /openapi.json says: made-up requests to a real server.

They are the same in each run. Those of a night differ, and are many more.
"""

from __future__ import annotations

import itertools
import json
import time

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi_checks

from calotype.api.openapi.document import document
from tests.support.server import CannedServer

EXAMPLES = 15
STORED = "stored/picture"
CHECKS = [
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.negative_data_rejection,
    openapi_checks.ignored_auth,
    openapi_checks.unsupported_method,
]
"""Not that all valid data is taken: what several fields must be together no schema can say."""
REFUSALS = ["400", "401", "404", "405", "412", "413", "416", "422", "431"]
PATIENTLY = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


def interface(**generation):
    """Return the document for schemathesis, and a key to be filled in once there is a server."""
    config = schemathesis.Config.from_dict(
        {
            "generation": {"with-security-parameters": False, **generation},
            "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
        }
    )
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document())), config=config)

    @schema.auth()
    class Key:
        secret = ""

        def get(self, case, context):
            return Key.secret

        def set(self, case, secret, context):
            case.headers["Authorization"] = f"Bearer {secret}"

    return schema, Key


for name, known in {
    "uri": ["https://example.com/", "https://example.org/a?b=c#d"],
    "cache-key": [STORED, "cache_xyz789", "screenshots/2024/01/15/x.png"],
    "public-path": ["2024/01/15/0123456789abcdef0123456789abcdef.png"],
}.items():
    schemathesis.openapi.format(name, st.sampled_from(known))
few, few_key = interface(deterministic=True)
many, many_key = interface()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = CannedServer(tmp_path_factory.mktemp("conformance") / "data")
    few_key.secret = many_key.secret = server.key
    yield server
    server.kill()


def ask(case, server):
    """Send case, after a picture was stored that it may be after."""
    if case.method != "POST":
        server.shot("https://example.com/", cache={"key": STORED})
    # Of an option in both spellings the nested one counts, whatever the other says; and of a batch each
    # capture that cannot be is told in its place.
    forgiving = case.method == "POST" and case.path in ("/v1/screenshot", "/v1/batch")
    excluded = [openapi_checks.negative_data_rejection] if forgiving else []
    case.call_and_validate(base_url=server.url, checks=CHECKS, excluded_checks=excluded)


# HEAD is answered by what answers GET, which is asked enough.
@few.exclude(method="HEAD").parametrize()
@settings(PATIENTLY, max_examples=EXAMPLES, derandomize=True)
@pytest.mark.timeout(900)
def test_replies_are_what_the_document_says(case, server):
    ask(case, server)


@pytest.mark.nightly
def test_through_a_night_too(server, night_s):
    operations = [found.ok() for found in many.get_all_operations()]
    end, begin = time.monotonic() + night_s, time.time_ns()

    def round_of(number):
        @seed(number)
        @settings(PATIENTLY, max_examples=5 * EXAMPLES)
        @given(st.data())
        def ask_anything(data):
            operation = data.draw(st.sampled_from(operations))
            mode = data.draw(st.sampled_from(list(schemathesis.GenerationMode)))
            case = data.draw(operation.as_strategy(generation_mode=mode))
            many_key().set(case, many_key.secret, None)
            ask(case, server)

        ask_anything()

    for number in itertools.count(begin):
        if time.monotonic() > end:
            return
        round_of(number)
