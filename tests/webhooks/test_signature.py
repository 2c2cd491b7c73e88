"""Signing: the contract's worked example to the digit, and what a receiver must not believe."""

from __future__ import annotations

import pytest

from calotype.webhooks.signature import TOLERANCE_S, sign, verify

SECRET, TIMESTAMP = "whsec_test_secret", 1705579200
BODY = (
    b'{"event":"screenshot.completed","id":"req_abc123","timestamp":"2024-01-18T12:00:00Z",'
    b'"data":{"url":"https://example.com",'
    b'"screenshot_url":"https://cdn.example/screenshots/ab/cd/abcd1234.png",'
    b'"width":1200,"height":630,"size":123456,"format":"png","cached":false}}'
)
SIGNATURE = "sha256=88ee6eef8d41461fec86f952031aa5ea72d9cb44f23600a8407ff87dd2ab9834"


def test_the_worked_example_comes_out_to_the_digit():
    assert len(BODY) == 262
    assert sign(SECRET, TIMESTAMP, BODY) == SIGNATURE


@pytest.mark.parametrize("late_s", [0, 1.5, -TOLERANCE_S, TOLERANCE_S])
def test_what_was_signed_is_believed_for_five_minutes_either_way(late_s):
    assert verify(SECRET, str(TIMESTAMP), BODY, SIGNATURE, TIMESTAMP + late_s)


@pytest.mark.parametrize(
    ("secret", "timestamp", "body", "signature", "late_s"),
    [
        ("whsec_another", str(TIMESTAMP), BODY, SIGNATURE, 0),
        (SECRET, str(TIMESTAMP + 1), BODY, SIGNATURE, 0),
        (SECRET, str(TIMESTAMP), BODY + b" ", SIGNATURE, 0),
        (SECRET, str(TIMESTAMP), BODY, SIGNATURE.removeprefix("sha256="), 0),
        (SECRET, str(TIMESTAMP), BODY, SIGNATURE.upper(), 0),
        (SECRET, str(TIMESTAMP), BODY, "sha256=é", 0),
        (SECRET, str(TIMESTAMP), BODY, "", 0),
        (SECRET, "", BODY, SIGNATURE, 0),
        (SECRET, f"+{TIMESTAMP}", BODY, SIGNATURE, 0),
        (SECRET, "9" * 5000, BODY, SIGNATURE, 0),
        (SECRET, str(TIMESTAMP), BODY, SIGNATURE, TOLERANCE_S + 1),
        (SECRET, str(TIMESTAMP), BODY, SIGNATURE, -TOLERANCE_S - 1),
    ],
)
def test_whatever_is_otherwise_is_not_believed(secret, timestamp, body, signature, late_s):
    assert not verify(secret, timestamp, body, signature, TIMESTAMP + late_s)
