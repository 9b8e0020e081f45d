"""The main job over real sockets and a real ledger: accepted, sent by the right way, ended by a receipt."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.engine.product import CALLER, REFERRAL, a_house, phone

from esoz_notify.core.delivery import Delivery
from esoz_notify.core.errors import Conflict, LimitReached, RefusedTransition
from esoz_notify.core.history import replay
from esoz_notify.core.kinds import Lane
from esoz_notify.core.limits import RESEND_COUNT_MAX
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Refused
from esoz_notify.core.status import Status
from esoz_notify.engine import outlook
from esoz_notify.engine import worker as worker_module
from esoz_notify.engine.applying import Applied, apply_due
from esoz_notify.store import reading


async def test_sms_when_there_is_no_viber(ledger_dsn: str, tmp_path: Path) -> None:
    """A number without Viber gets the SMS as soon as the provider says so, once, and the receipt ends it."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False)

        view = await house.until(await house.send(1, "a"), limit_s=20)

        assert [(one["channel"], one["outcome"]) for one in view["attempts"]] == [
            ("viber", "failed"),
            ("sms", "delivered"),
        ]
        assert view["status"] == "delivered"
        assert [message["channel"] for message in await house.shown(1)] == ["sms"]


async def test_viber_is_enough(ledger_dsn: str, tmp_path: Path) -> None:
    """A Viber user gets one Viber message with number and code, and no SMS."""
    async with a_house(ledger_dsn, tmp_path) as house:
        view = await house.until(await house.send(1, "a"))

        assert [one["channel"] for one in view["attempts"]] == ["viber"]
        shown = await house.shown(1)
        assert [message["channel"] for message in shown] == ["viber"]
        assert "0000-243P-1X53-EH38" in shown[0]["text"]
        assert "4821" in shown[0]["text"]


async def test_diia_by_polling(ledger_dsn: str, tmp_path: Path) -> None:
    """A person with a tax number who reads the Diia push is delivered by it; the proof comes by polling."""
    async with a_house(ledger_dsn, tmp_path, window_s=6) as house:
        await house.phone(1, diia=True, tax_id="0000000001")
        recipient = {"phone": "+380000000001", "tax_id": "0000000001"}

        view = await house.until(await house.send(1, "a", recipient=recipient))

        assert [(one["channel"], one["outcome"]) for one in view["attempts"]] == [("diia", "read")]


async def test_window_then_sms(ledger_dsn: str, tmp_path: Path) -> None:
    """A Viber that stays silent is given its window, then the SMS goes; the reason is in the decisions."""
    async with a_house(ledger_dsn, tmp_path, window_s=1) as house:
        await house.phone(1, viber_silent=True)

        view = await house.until(await house.send(1, "a"))

        assert [one["channel"] for one in view["attempts"]] == ["viber", "sms"]
        ended = [one for one in view["decisions"] if one["fact"] == "StepEnded"]
        assert [one["because"] for one in ended] == ["window_ended"]


async def test_a_worker_that_died_is_taken_over(ledger_dsn: str, tmp_path: Path) -> None:
    """What a dead worker left submitting becomes unknown when its lease ends, and is ended by the next worker, once."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.fault(provider="viber", fault="silent", for_s=60)
        notification_id = await house.send(1, "a")
        await house.until(notification_id, "in_delivery")
    async with a_house(ledger_dsn, tmp_path) as house:
        view = await house.until(notification_id, limit_s=25)

        assert view["status"] == "delivered"
        assert "AttemptUnknown" in [one["fact"] for one in view["decisions"]]


async def test_a_reply_that_cannot_be_recorded_stops_no_other(ledger_dsn: str, tmp_path: Path) -> None:
    """A reply that the ledger cannot hold is left to the lease of its attempt; those beside it are recorded."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.fault(provider="viber", fault="silent", for_s=3)
        spoilt = await house.send(1, "a")
        await house.until(spoilt, "in_delivery")
        worker = house.product.worker
        assert worker is not None

        worker.take_late_answer("infobip", f"{spoilt}.0", Refused(Reason.CONTENT, "a NUL: \0"))
        others = [await house.send(number, f"key-{number}") for number in range(2, 5)]

        assert {(await house.until(one))["status"] for one in [*others, spoilt]} == {"delivered"}
        facts = [one["fact"] for one in (await house.service.get(CALLER, spoilt))["decisions"]]
        assert "AttemptUnknown" in facts
        assert "AttemptFailed" not in facts


async def test_second_smsc_takes_over(ledger_dsn: str, tmp_path: Path) -> None:
    """While the first operator is away, the second one sends."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False)
        await house.fault(provider="smsc-a", fault="outage")

        view = await house.until(await house.send(1, "a"))

        assert view["attempts"][-1]["provider"] == "smsc-b"


async def test_a_late_viber_receipt_corrects_nothing_twice(ledger_dsn: str, tmp_path: Path) -> None:
    """A Viber proof that comes after the SMS was sent is written to its attempt; the notification stays delivered."""
    async with a_house(ledger_dsn, tmp_path, window_s=1) as house:
        await house.phone(1, viber_latency_ms=[2500, 2500], reads=False)
        notification_id = await house.send(1, "a")
        await house.until(notification_id)
        view = await house.when(notification_id, lambda seen: seen["attempts"][0]["outcome"] == "delivered")

        assert view["status"] == "delivered"
        assert [one["channel"] for one in await house.shown(1)] == ["sms", "viber"]
        assert len(view["attempts"]) == 2


async def test_a_receipt_before_the_submit_answer_waits_for_it(ledger_dsn: str, tmp_path: Path) -> None:
    """An SMSC that reports before it answers loses nothing: the receipt waits as an orphan and then ends it."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False)
        await house.fault(provider="sms", fault="receipt_before_reply")

        view = await house.until(await house.send(1, "a"))

        assert view["attempts"][-1]["outcome"] == "delivered"


async def test_cancel_stops_what_has_not_started(ledger_dsn: str, tmp_path: Path) -> None:
    """A cancelled notification starts nothing more: the SMS that would have followed the window is not sent."""
    async with a_house(ledger_dsn, tmp_path, window_s=1) as house:
        await house.phone(1, viber_silent=True)
        notification_id = await house.send(1, "a")
        await house.until(notification_id, "in_delivery")

        cancelled = await house.service.cancel(CALLER, notification_id)
        await asyncio.sleep(1.5)

        assert cancelled["status"] == "cancelled"
        assert await house.shown(1) == []
        with pytest.raises(RefusedTransition):
            await house.service.resend(CALLER, notification_id)


async def test_resend_goes_by_the_next_channel_and_is_limited(ledger_dsn: str, tmp_path: Path) -> None:
    """A resend of what Viber delivered is an SMS, with the code still in it; the fourth in ten minutes is refused."""
    async with a_house(ledger_dsn, tmp_path) as house:
        notification_id = await house.send(1, "a")
        await house.until(notification_id)

        for _ in range(RESEND_COUNT_MAX):
            await house.service.resend(CALLER, notification_id)
            await house.until(notification_id, "delivered")
        with pytest.raises(LimitReached) as refused:
            await house.service.resend(CALLER, notification_id)

        shown = await house.shown(1)
        assert [one["channel"] for one in shown] == ["viber", "sms", "sms", "sms"]
        assert all("4821" in one["text"] for one in shown)
        assert refused.value.next_at > house.product.ledger.clock.now()


async def test_the_same_key_makes_one_notification(ledger_dsn: str, tmp_path: Path) -> None:
    """A repeated request is answered as the first time; another request under the key is refused."""
    async with a_house(ledger_dsn, tmp_path) as house:
        asked = {"kind": "referral_issued", "recipient": {"phone": phone(1)}, "data": REFERRAL}
        first, replayed = await house.service.accept(CALLER, asked, "a")
        await house.until(UUID(first["id"]))
        again, replayed_again = await house.service.accept(CALLER, asked, "a")
        with pytest.raises(Conflict):
            await house.service.accept(CALLER, {**asked, "reference": "other"}, "a")

        assert (again, replayed, replayed_again) == (first, False, True)
        assert len(await house.shown(1)) == 1


async def test_history_replays_to_the_stored_state(ledger_dsn: str, tmp_path: Path) -> None:
    """The facts in the ledger, folded over the state at intake, give the state in the ledger."""
    async with a_house(ledger_dsn, tmp_path, window_s=1) as house:
        await house.phone(1, viber_silent=True)
        notification_id = await house.send(1, "a")
        await house.until(notification_id)

        async with house.product.ledger.transaction() as connection:
            stored = await reading.one(connection, notification_id)
            facts = [fact for _, fact in await reading.history(connection, notification_id)]
        assert stored is not None
        start = Delivery(
            status=Status.ACCEPTED,
            steps=stored.state.steps,
            accepted_at=stored.state.accepted_at,
            valid_until=stored.state.valid_until,
            has_code=stored.state.has_code,
            is_code=stored.state.is_code,
        )
        assert replay(start, facts) == stored.state


async def test_the_code_is_erased_when_the_validity_is_over(ledger_dsn: str, tmp_path: Path) -> None:
    """After valid_until the ledger holds no code, and nothing dead was sent."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False, sms_absent=True)
        soon = house.product.ledger.clock.now() + timedelta(seconds=3)
        notification_id = await house.send(
            1, "a", "confirmation_code", data={"verification_code": "5193"}, valid_until=soon.isoformat()
        )
        await house.until(notification_id, "expired")
        await house.when(notification_id, lambda seen: seen["decisions"][-1]["fact"] == "Erased")

        async with house.product.ledger.transaction() as connection:
            content = await reading.sealed_contents(connection, [notification_id])
        assert content[notification_id].code is None
        assert await house.shown(1) == []


HEAP_AND_LEFT = """
SELECT (SELECT count(*) FROM receipt_inbox), (SELECT count(*) FROM delivery WHERE ended_at IS NULL)
"""


async def test_documents_leave_codes_room(ledger_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While codes pass, documents that have begun are settled before more begin: no heap of theirs is before a code."""
    monkeypatch.setattr(worker_module, "BATCH_MAX", 2)  # a worker that settles so slowly is behind at once
    monkeypatch.setattr(worker_module, "CLAIM_MAX", 5)
    monkeypatch.setattr(worker_module, "CODES_PASS_S", 60.0)
    heaps = [0]
    async with a_house(ledger_dsn, tmp_path, window_s=60) as house:
        assert house.product.worker is not None
        first = await house.send(999, "code", "confirmation_code", data={"verification_code": "4821"})
        await house.until(first)
        ids = await asyncio.gather(*(house.send(number, f"document-{number}") for number in range(150)))
        left = len(ids)
        while left:
            async with house.product.ledger.transaction() as connection:
                row = await (await connection.execute(HEAP_AND_LEFT)).fetchone()
            assert row is not None
            waiting, left = row
            held = house.product.worker.in_hand().items()
            heaps.append(waiting + sum(count for (_, lane), count in held if lane == Lane.DOCUMENTS))
            await asyncio.sleep(0.01)
    assert max(heaps) < 150, "some fifty; without that rule 360 of 150 documents with two receipts each"


async def test_claims_follow_free_hands(ledger_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a provider has its hands full, what has none waits untouched, and a hand that is freed is used at once."""
    monkeypatch.setattr(outlook, "IN_HAND_MAX", {Lane.CODES: 40, Lane.DOCUMENTS: 40})
    monkeypatch.setattr(worker_module, "CLAIM_MIN", 2)
    postponed = []

    async def counted(*given: Any) -> Applied:
        applied = await apply_due(*given)
        postponed.append(applied.postponed)
        return applied

    monkeypatch.setattr(worker_module, "apply_due", counted)
    async with a_house(ledger_dsn, tmp_path, window_s=60) as house:
        ids = await asyncio.gather(*(house.send(number, f"document-{number}") for number in range(150)))
        for one in ids:
            await house.until(one, limit_s=30)
    assert sum(postponed) < 300, "some 120; 600, and twice the time, when each claim is for as many as there may be"
