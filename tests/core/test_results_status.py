"""The closed sets: statuses, outcomes, results, channels, limits, and errors that never repeat what they are about."""

import importlib
from datetime import UTC, datetime

import pytest

from esoz_notify.core import limits
from esoz_notify.core.channel import GUARANTEED, Channel, ProviderView, Step
from esoz_notify.core.errors import Conflict, InvalidInput, LimitReached, NotifyError, Problem
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Recovery, TryLater, Unknown
from esoz_notify.core.status import LIVE, PROOFS, STATUSES, Outcome, Status, is_terminal


def test_every_status_has_its_meaning() -> None:
    """The table of statuses is whole, and each row says who moves a notification in and out."""
    assert set(STATUSES) == set(Status)
    assert all(meaning.what.endswith(".") for meaning in STATUSES.values())


def test_terminal_statuses() -> None:
    """Nothing happens by itself after these five."""
    assert {status for status in Status if is_terminal(status)} == {
        Status.DELIVERED,
        Status.UNDELIVERED,
        Status.EXPIRED,
        Status.CANCELLED,
        Status.PRINTED,
    }


def test_print_is_offered_wherever_the_person_may_not_have_it() -> None:
    """The doctor is offered paper in every status but before the first try, after proof and after a cancel."""
    assert {status for status, meaning in STATUSES.items() if not meaning.offers_print} == {
        Status.ACCEPTED,
        Status.DELIVERED,
        Status.CANCELLED,
    }


def test_outcomes_are_proved_live_or_lost() -> None:
    """An outcome is a proof, may still change, or is a failure."""
    assert {Outcome.FAILED, Outcome.EXPIRED} == set(Outcome) - PROOFS - LIVE
    assert not PROOFS & LIVE


def test_guaranteed_channels() -> None:
    """Only SMS and paper are meant for everybody."""
    assert {Channel.SMS, Channel.PRINT} == GUARANTEED
    assert Step(Channel.SMS).window_s is None
    assert ProviderView(name="any", recovery=Recovery.SAME_KEY).validity_min_s == 0


def test_results_have_quiet_defaults() -> None:
    """A result without more to say names no pause, and an unknown is the lack of an answer."""
    assert (Accepted(("1",)).detail, TryLater(Reason.THROTTLED).retry_after_s) == ("", 0)
    assert Unknown().reason is Reason.NO_ANSWER


@pytest.mark.parametrize(
    "text",
    ["380000000001", "+38000000001", "+3800000000011", "+380 00 000 0001", "+380000000001\n", "", "+38٠000000001"],
)
def test_a_phone_is_a_ukrainian_number_or_nothing(text: str) -> None:
    """What is not +380 and nine digits is refused without being repeated."""
    with pytest.raises(ValueError, match="phone must match") as refused:
        Phone(text)
    assert "0000" not in str(refused.value)


def test_a_phone_is_shown_masked() -> None:
    """Neither repr nor str nor a format gives the number; only its own fields do."""
    phone = Phone("+380000000012")
    assert (repr(phone), str(phone), f"{phone}") == ("Phone(+38000*****12)",) * 3
    assert (phone.e164, phone.digits, phone.masked) == ("+380000000012", "380000000012", "+38000*****12")


def test_invalid_input_tells_every_problem() -> None:
    """Every broken rule is in the error, for programs by code and for people as one sentence."""
    problems = [Problem("/data/code", "not_a_code", "must be digits"), Problem("/kind", "unknown_kind", "is no kind")]
    error = InvalidInput(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "/data/code: must be digits; /kind: is no kind"
    assert InvalidInput(problems, detail="two rules are broken").detail == "two rules are broken"


def test_errors_have_stable_codes() -> None:
    """A class has its code, an instance may be more precise, and no two classes share one."""
    assert (Conflict("taken").code, Conflict("taken", code="client_exists").code) == ("conflict", "client_exists")
    classes: list[type[NotifyError]] = [NotifyError, *NotifyError.__subclasses__()]
    ours = [one.code for one in classes if one.__module__ == "esoz_notify.core.errors"]
    assert len(set(ours)) == len(ours)


def test_a_limit_tells_when() -> None:
    """Too often comes with the time when it will not be."""
    moment = datetime(2026, 1, 10, 12, tzinfo=UTC)
    assert LimitReached("too often", next_at=moment).next_at == moment


def test_limits_fit_together() -> None:
    """Relations between limits are asserted when they are read; a worker may miss one heartbeat and keep its lease."""
    importlib.reload(limits)
    assert limits.HEARTBEAT_S * 2 < limits.LEASE_S
    assert limits.UNKNOWN_WAIT_CODE_S + limits.LEASE_S < limits.RESCUE_CODE_MAX_S
    assert limits.RETRY_FIRST_S <= limits.RETRY_CODE_MAX_S <= limits.RETRY_MAX_S
