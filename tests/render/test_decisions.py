"""Every decision of a history has its words, in both languages."""

import re
from typing import get_args

import pytest

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Because, Fact
from esoz_notify.core.receipts import ReceiptState
from esoz_notify.render.decisions import BECAUSE, CHANNEL_NAMES, FACTS, RECEIPTS, channel_name, told

UKRAINIAN = re.compile(r"[а-щьюяєіїґ]", re.IGNORECASE)


def test_nothing_is_without_words() -> None:
    """Facts, reasons of decisions, receipts and channels are all named."""
    assert set(FACTS) == {fact.__name__ for fact in get_args(Fact)}
    assert set(BECAUSE) == set(Because)
    assert set(RECEIPTS) == set(ReceiptState)
    assert set(CHANNEL_NAMES) == {channel.value for channel in Channel}


def test_words_are_in_their_languages() -> None:
    """The first words of each pair are Ukrainian, the second hold no Cyrillic letter."""
    for uk, en in (*BECAUSE.values(), *RECEIPTS.values()):
        assert UKRAINIAN.search(uk)
        assert not UKRAINIAN.search(en)
    assert not any(UKRAINIAN.search(en) for _, en in FACTS.values())


@pytest.mark.parametrize(
    ("decision", "uk", "en"),
    [
        (
            {"fact": "AttemptStarted", "no": 1, "channel": "sms", "provider": "smsc-a", "because": "window_ended"},
            "спроба 2: SMS, smsc-a: підтвердження не надійшло за відведений час",
            "try 2: SMS by smsc-a: no proof came within the window",
        ),
        (
            {"fact": "PartReported", "no": 0, "part": 0, "state": "undeliverable", "reason": "not_on_channel"},
            "спроба 1: квитанція: не доставлено (Немає в цьому каналі)",
            "try 1: receipt: undeliverable (Not on this channel)",
        ),
        (
            {"fact": "PartReported", "no": 0, "part": 0, "state": "delivered"},
            "спроба 1: квитанція: доставлено",
            "try 1: receipt: delivered",
        ),
        (
            {
                "fact": "RetryPlanned",
                "retry_at": "2026-01-10T12:00:05+00:00",
                "because": "retry",
                "reason": "throttled",
            },
            "далі о 14:00:05: ще одна спроба (Перевищено швидкість)",
            "next at 14:00:05: another try (Too fast)",
        ),
        (
            {"fact": "Ended", "status": "delivered", "because": "proof"},
            "Доставлено: є підтвердження доставки",
            "Delivered: delivery is proved",
        ),
        ({"fact": "AttemptFailed", "no": 0}, "спроба 1: не вдалося: ", "try 1: failed: "),
        ({"fact": "FromTheFuture", "no": 0}, "FromTheFuture", "FromTheFuture"),
    ],
)
def test_a_decision_is_a_line(decision: dict[str, object], uk: str, en: str) -> None:
    """The words of a fact are put together from its record; times are Kyiv's, attempts are counted from one."""
    assert told(decision) == uk
    assert told(decision, "en") == en


def test_a_channel_unknown_here_is_shown_as_it_is() -> None:
    """A newer service may know channels that this program does not."""
    assert (channel_name("diia"), channel_name("diia", "en"), channel_name("pigeon")) == ("Дія", "Diia", "pigeon")
