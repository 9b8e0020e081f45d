"""Webhooks: the standard's own vector, what is an event, and what follows from an answer."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.delivery import Delivery
from esoz_notify.core.status import Status
from esoz_notify.core.webhooks import (
    JITTER,
    TRIES_MAX,
    WAITS_S,
    Answer,
    EventName,
    Fault,
    State,
    Verdict,
    happened,
    judge,
    read_retry_after,
    secret_key,
    secret_text,
    signature,
)

NOW = datetime(2026, 10, 21, 7, 27, tzinfo=UTC)

# The vector that the libraries of Standard Webhooks share.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID, AT_S, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
def test_the_vector_of_the_standard(secret: str) -> None:
    """A message is signed as the standard's libraries sign it, by a secret with its prefix or without."""
    assert signature(secret_key(secret), MESSAGE_ID, AT_S, BODY) == SIGNATURE


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_read_as_it_was_written(key: bytes) -> None:
    """The text that a receiver is given holds the key."""
    assert secret_key(secret_text(key)) == key


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_not base64", secret_text(b"k" * 23), secret_text(b"k" * 65), "whsec_\u0456"]
)
def test_what_is_no_secret_is_refused_without_repeating_it(text: str) -> None:
    """Too short, too long or no base64: the error says the rule, never the text."""
    with pytest.raises(ValueError, match="secret") as refused:
        secret_key(text)
    assert text.removeprefix("whsec_") not in str(refused.value) or text in {"", "whsec_"}


STEPS = (Step(Channel.VIBER, 20.0), Step(Channel.SMS))
WAITING = Delivery(status=Status.ACCEPTED, steps=STEPS, accepted_at=NOW, valid_until=NOW + timedelta(days=1))


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.ACCEPTED])
def test_every_new_status_is_an_event(status: Status) -> None:
    """Whatever a notification becomes after its acceptance has an event of that name."""
    assert happened(WAITING, replace(WAITING, status=status)) == f"notification.{status}"


def test_what_is_no_news_is_no_event() -> None:
    """The same status on the same step is nothing to tell, nor is a step that changes when all is over."""
    sent = replace(WAITING, status=Status.IN_DELIVERY)

    assert happened(sent, replace(sent, retry_at=NOW)) is None
    assert happened(replace(sent, status=Status.DELIVERED), replace(sent, status=Status.DELIVERED, step=1)) is None
    assert happened(sent, replace(sent, status=Status.ACCEPTED)) is None


def test_the_next_channel_is_an_event() -> None:
    """When the message goes on by the next step its caller can tell who waits for it."""
    sent = replace(WAITING, status=Status.IN_DELIVERY)

    assert happened(sent, replace(sent, step=1)) is EventName.FALLBACK


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_2xx_takes_it(status: int) -> None:
    """And nothing else follows."""
    assert judge(Answer(status=status, retry_after="5"), 1, 0.0, NOW) == Verdict(state=State.DELIVERED)


@pytest.mark.parametrize("answer", [Answer(status=one) for one in (199, 301, 308, 400, 404, 429, 500, 503)] + [
    Answer(fault=one) for one in Fault
])  # fmt: skip
def test_the_schedule_of_the_standard(answer: Answer) -> None:
    """After each failed try, a redirect among them, the next wait of the table; after the last there is none."""
    waits = [judge(answer, tries, 0.0, NOW).wait_s for tries in range(1, TRIES_MAX + 1)]

    assert waits == [*WAITS_S, None]
    assert judge(answer, TRIES_MAX, 0.0, NOW).state is State.FAILED
    assert judge(answer, 1, 0.0, NOW).state is State.WAITING


@given(st.integers(min_value=1, max_value=TRIES_MAX - 1), st.floats(min_value=0, max_value=1))
def test_jitter_only_lengthens(tries: int, chance: float) -> None:
    """A wait is never shorter than the table's, and a tenth longer at the most."""
    wait_s = judge(Answer(status=500), tries, chance, NOW).wait_s

    assert wait_s is not None
    assert WAITS_S[tries - 1] <= wait_s <= WAITS_S[tries - 1] * (1 + JITTER)


def test_gone_disables() -> None:
    """410 is the receiver's own word that it wants nothing more."""
    assert judge(Answer(status=410), 1, 0.0, NOW) == Verdict(state=State.FAILED, gone=True)


def test_retry_after_is_heeded() -> None:
    """It lengthens the wait, never shortens it, and pauses the whole webhook, also after the last try."""
    asked = judge(Answer(status=429, retry_after="120"), 1, 0.0, NOW)
    shorter = judge(Answer(status=503, retry_after="1"), 2, 0.0, NOW)
    last = judge(Answer(status=503, retry_after="60"), TRIES_MAX, 0.0, NOW)

    assert (asked.wait_s, asked.pause_s) == (120.0, 120.0)
    assert (shorter.wait_s, shorter.pause_s) == (WAITS_S[1], 1.0)
    assert last == Verdict(state=State.FAILED, pause_s=60.0)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        (" 30 ", 30.0),
        ("999999999", 86_400.0),
        ("9999999999999", None),
        ("-5", None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 60.0),
        ("Wed, 21 Oct 2026 07:28:00 -0000", 60.0),
        ("Wed, 21 Oct 2026 07:26:00 GMT", 0.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 86_400.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
    ],
)
def test_retry_after_as_seconds_or_as_a_date(text: str | None, wait_s: float | None) -> None:
    """Both forms of RFC 9110, a day at most; what is neither is as if it were not there."""
    assert read_retry_after(text, NOW) == wait_s


@given(st.text())
def test_any_retry_after_is_read(text: str) -> None:
    """A receiver may send anything: it never breaks the sender."""
    wait_s = read_retry_after(text, NOW)

    assert wait_s is None or 0 <= wait_s <= 86_400


def test_a_signature_covers_all_of_it() -> None:
    """Another id, time, body or key is another signature."""
    key = secret_key(SECRET)
    others = {
        signature(b"o" * 24, MESSAGE_ID, AT_S, BODY),
        signature(key, "msg_other", AT_S, BODY),
        signature(key, MESSAGE_ID, AT_S + 1, BODY),
        signature(key, MESSAGE_ID, AT_S, BODY + b" "),
    }

    assert SIGNATURE not in others
    assert len(others) == 4
