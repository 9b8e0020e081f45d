"""The check that receivers make: what is genuine passes, whoever signed it by the standard, and nothing else does."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.webhooks import secret_text
from esoz_notify.webhooks import TOLERANCE_S, NotGenuine, verify

# The vector that the libraries of Standard Webhooks share.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY, AT_S = b'{"test": 2432232314}', 1614265330.0
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
WRONG = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": SIGNATURE,
}
OTHER = secret_text(b"o" * 32)


@pytest.mark.parametrize(
    ("headers", "secrets"),
    [
        (HEADERS, SECRET),
        (HEADERS, SECRET.removeprefix("whsec_")),
        (HEADERS, [OTHER, SECRET]),
        ({name.title(): value for name, value in HEADERS.items()}, SECRET),
        ({**HEADERS, "webhook-signature": f"{WRONG} v2,{WRONG[3:]} {SIGNATURE} {WRONG}"}, SECRET),
    ],
    ids=["the vector", "no prefix", "while rotating", "headers as some servers give them", "several signatures"],
)
def test_what_is_genuine_passes(headers: dict[str, str], secrets: Any) -> None:
    """The standard's vector, by any secret that is good now and among any other signatures."""
    event: object = verify(headers, BODY, secrets, AT_S)

    assert event == {"test": 2432232314}


@pytest.mark.parametrize(
    ("changes", "body", "secrets", "said"),
    [
        ({"webhook-id": None}, BODY, SECRET, "webhook-id is missing"),
        ({"webhook-timestamp": None}, BODY, SECRET, "webhook-timestamp is missing"),
        ({"webhook-signature": ""}, BODY, SECRET, "webhook-signature is missing"),
        ({"webhook-timestamp": "soon"}, BODY, SECRET, "Unix seconds"),
        ({"webhook-timestamp": "1614265331"}, BODY, SECRET, "no signature"),
        ({"webhook-id": "msg_other"}, BODY, SECRET, "no signature"),
        ({"webhook-signature": WRONG}, BODY, SECRET, "no signature"),
        ({"webhook-signature": f"v2{SIGNATURE[2:]}"}, BODY, SECRET, "no signature"),
        ({"webhook-signature": "v1,підпис"}, BODY, SECRET, "no signature"),
        ({}, BODY + b" ", SECRET, "no signature"),
        ({}, BODY, OTHER, "no signature"),
        ({}, BODY, [], "no signature"),
    ],
)
def test_what_is_not_is_refused(changes: dict[str, Any], body: bytes, secrets: Any, said: str) -> None:
    """A header that is missing or another, another body, another secret: each is named without what stood there."""
    headers = {name: value for name, value in {**HEADERS, **changes}.items() if value is not None}
    with pytest.raises(NotGenuine, match=said):
        verify(headers, body, secrets, AT_S)


@pytest.mark.parametrize("distance_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1])
def test_what_was_sent_long_ago_is_refused(distance_s: float) -> None:
    """Who recorded a call cannot play it again later; the receiver says how long is long."""
    with pytest.raises(NotGenuine, match="long ago"):
        verify(HEADERS, BODY, SECRET, AT_S + distance_s)
    assert verify(HEADERS, BODY, SECRET, AT_S + distance_s, tolerance_s=2 * TOLERANCE_S)


@pytest.mark.parametrize(("body", "said"), [(b"not JSON", "not JSON"), (b"[]", "object"), (b"\xff", "not JSON")])
def test_a_body_that_is_no_object_is_refused(body: bytes, said: str) -> None:
    """Though its signature be right."""
    at = datetime.fromtimestamp(AT_S, UTC)
    library = standardwebhooks.Webhook(SECRET)
    if body == b"\xff":
        from esoz_notify.core.webhooks import secret_key, signature

        signed = signature(secret_key(SECRET), "m", int(AT_S), body)
    else:
        signed = library.sign("m", at, body.decode())
    with pytest.raises(NotGenuine, match=said):
        verify({**HEADERS, "webhook-id": "m", "webhook-signature": signed}, body, SECRET, AT_S)


def test_a_secret_that_is_none_is_a_fault_of_ours() -> None:
    """It is told apart from a call that is not genuine, and not repeated."""
    with pytest.raises(ValueError, match="base64") as refused:
        verify(HEADERS, BODY, "hunter2!", AT_S)
    assert "hunter2" not in str(refused.value)


@given(st.binary(min_size=24, max_size=64), st.dictionaries(st.text(), st.text()), st.text(min_size=1, alphabet="ab_1"))
def test_the_standards_own_library_agrees(key: bytes, event: dict[str, str], message_id: str) -> None:
    """What its library signs passes here."""
    body = json.dumps(event)
    signed = standardwebhooks.Webhook(secret_text(key)).sign(message_id, datetime.fromtimestamp(AT_S, UTC), body)
    headers = {**HEADERS, "webhook-id": message_id, "webhook-signature": signed}

    checked: object = verify(headers, body.encode(), secret_text(key), AT_S)
    assert checked == event
