"""Sums, shares and money of figures."""

from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Attempt
from esoz_notify.core.figures import Minute, cost, money, share, total
from esoz_notify.core.receipts import PartState
from esoz_notify.core.results import Recovery
from esoz_notify.core.status import Outcome

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PRICES = {Channel.DIIA: Decimal(0), Channel.VIBER: Decimal("0.38"), Channel.SMS: Decimal("0.45")}


def minute(**figures: int) -> Minute:
    names = ("accepted", "codes", "told_10s", "told_60s", "diia", "viber", "sms", "paper", "sms_parts")
    return Minute(AT, *(figures.get(name, 0) for name in names))


def test_a_total_is_the_sum_of_each_figure() -> None:
    """Nothing of nothing; each figure by itself; the while is named by its beginning."""
    assert total([], AT) == minute()
    summed = total([minute(accepted=3, viber=2), minute(accepted=4, sms=1, sms_parts=2)], AT)
    assert summed == minute(accepted=7, viber=2, sms=1, sms_parts=2)
    assert summed.by_channel == {Channel.DIIA: 0, Channel.VIBER: 2, Channel.SMS: 1, Channel.PRINT: 0}


def test_paper_is_not_waited_for() -> None:
    """Who is told by paper is not among those who can be told within seconds."""
    assert minute(accepted=5, paper=2).by_phone == 3


def test_a_share_of_nothing_is_unknown() -> None:
    """None and not a division by zero, nor a hundred per cent."""
    assert share(1, 4) == 0.25
    assert share(0, 0) is None


def test_money_is_compared_with_all_by_sms() -> None:
    """Parts of SMS are billed each; a Viber message stands for as many parts as an SMS had on the average."""
    told = money(minute(viber=10, sms=2, sms_parts=4, diia=1), PRICES)
    assert told.spent == Decimal("5.60")
    assert told.all_by_sms == Decimal("11.70")
    assert told.saved == Decimal("6.10")


def test_without_any_sms_a_message_stands_for_one_part() -> None:
    """All by Viber: each is compared with an SMS of one part."""
    told = money(minute(viber=10), PRICES)
    assert (told.spent, told.all_by_sms) == (Decimal("3.80"), Decimal("4.50"))


def test_an_attempt_costs_what_providers_bill() -> None:
    """Each part of an SMS that was taken, whatever became of it; by Viber and Diia only what arrived."""
    one = Attempt(
        no=0,
        step=0,
        channel=Channel.SMS,
        provider="p",
        recovery=Recovery.SAME_KEY,
        outcome=Outcome.EXPIRED,
        started_at=AT,
        called_at=AT,
    )
    assert cost(one, PRICES) == 0
    assert cost(replace(one, parts=(PartState(), PartState())), PRICES) == Decimal("0.90")
    by_viber = replace(one, channel=Channel.VIBER, parts=(PartState(),))
    assert cost(by_viber, PRICES) == 0
    assert cost(replace(by_viber, outcome=Outcome.READ), PRICES) == Decimal("0.38")
