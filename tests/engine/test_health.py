"""The health of providers: counted here, shared through the ledger, held by people; and what it means for messages."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from tests.engine.product import REFERRAL, House, a_house

from esoz_notify.core.breaker import RULES, BreakerState
from esoz_notify.core.errors import InvalidInput, NotFound, Unavailable
from esoz_notify.core.kinds import Lane
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Refused, Result, TryLater, Unknown
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.health import Health
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.engine.operations import Operations
from esoz_notify.store import health as shared
from esoz_notify.store.vault import Vault, load_or_create_keys

WELL: list[Result] = [Accepted(("1",))]
FAILED: list[Result] = [Unknown(Reason.NO_ANSWER)]
QUICK = replace(RULES, cool_down_s=0.3, cool_down_max_s=0.6, probes_per_s=50.0)


@asynccontextmanager
async def a_ledger(dsn: str) -> AsyncIterator[Ledger]:
    ledger = Ledger(dsn, LedgerClock())
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@asynccontextmanager
async def sharing(*several: Health) -> AsyncIterator[None]:
    """Let them share their counts for as long as the block lasts."""
    tasks = [asyncio.create_task(health.run()) for health in several]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not holds():
            await asyncio.sleep(0.02)


def fail(health: Health, count: int, name: str = "chat") -> None:
    for _ in range(count):
        health.note(name, FAILED, health.now())


# --- counting and sharing ---------------------------------------------------------------------------------------------


async def test_failures_act_here_at_once_and_everywhere_within_a_second(ledger_dsn: str) -> None:
    """The worker that sees the failures stops at once; the others when they look; the history says why, once."""
    async with a_ledger(ledger_dsn) as ledger:
        here, there = Health(ledger, ["chat", "text"]), Health(ledger, ["chat", "text"])
        spared: list[str] = []
        here.when_spared = spared.append
        async with sharing(here, there):
            fail(here, 4)
            assert here.may_send("chat")
            fail(here, 1)
            assert not here.may_send("chat")
            assert spared == ["chat"]
            await until(lambda: not there.may_send("chat"), 3)
            assert there.may_send("text")
            assert there.state("chat", is_up=True) == "open"
        async with ledger.transaction() as connection:
            changes = await shared.history(connection, "chat", 10)
        assert [(one.change, one.reason, one.by) for one in changes] == [("open", "failures_in_row: no_answer", None)]


async def test_counts_of_several_workers_add_up(ledger_dsn: str) -> None:
    """Three failures here and two there open the circuit for both: neither alone would."""
    async with a_ledger(ledger_dsn) as ledger:
        here, there = Health(ledger, ["chat"]), Health(ledger, ["chat"])
        async with sharing(here, there):
            fail(here, 3)
            fail(there, 2)
            await until(lambda: not here.may_send("chat") and not there.may_send("chat"))


async def test_a_batch_that_fails_is_one_failure(ledger_dsn: str) -> None:
    """Judged are calls: fifty messages lost in one open no circuit, and one good answer makes a call good."""
    async with a_ledger(ledger_dsn) as ledger:
        health = Health(ledger, ["chat"])
        health.note("chat", FAILED * 50, health.now())
        assert health.may_send("chat")
        for _ in range(10):
            health.note("chat", FAILED * 49 + WELL, health.now())
            health.note("chat", [Refused(Reason.NOT_ON_CHANNEL)], health.now())
        assert health.may_send("chat")


async def test_throttling_opens_nothing(ledger_dsn: str) -> None:
    """A provider that asks for less is slowed, not left."""
    async with a_ledger(ledger_dsn) as ledger:
        health = Health(ledger, ["chat"])
        for _ in range(100):
            health.note("chat", [TryLater(Reason.THROTTLED, 1.0)], health.now())
        assert health.may_send("chat")


async def test_counts_survive_a_ledger_that_is_away(ledger_dsn: str) -> None:
    """What could not be shared is shared at the next turn."""
    async with a_ledger(ledger_dsn) as ledger, a_ledger(ledger_dsn) as other:
        health = Health(ledger, ["chat"])
        away = Ledger("host=127.0.0.1 port=1 connect_timeout=1", ledger.clock).steady()
        fail(health, 2)
        with pytest.raises(Unavailable):
            await health._turn(away)
        health.note("chat", WELL, health.now())
        fail(health, 1)
        steady = ledger.steady()
        await health._turn(steady)
        await steady.close()
        async with other.transaction() as connection:
            found, _ = await shared.read(connection, ["chat"])
        breaker = found["chat"].breaker
        assert (sum(one.failed for one in breaker.buckets), sum(one.well for one in breaker.buckets)) == (3, 1)
        assert breaker.in_row == 1


async def test_it_is_probed_one_by_one_and_closes(ledger_dsn: str) -> None:
    """After the cool-down a few probes go, not all at once, documents first; three good ones close the circuit."""
    async with a_ledger(ledger_dsn) as ledger:
        health = Health(ledger, ["chat"], rules=replace(QUICK, probes_per_s=2.0))
        began = health.now()
        async with sharing(health):
            fail(health, 5)
            await until(lambda: health.offered("chat", Lane.DOCUMENTS, 0))
            assert health.state("chat", is_up=True) == "half_open"
            assert not health.offered("chat", Lane.CODES, 0), "codes serve as probes only when nothing else comes"
            assert not health.offered("chat", Lane.DOCUMENTS, 3), "no more than three unanswered"
            health.given("chat")
            assert not health.offered("chat", Lane.DOCUMENTS, 1), "not two at the same moment"
            health.note("chat", FAILED, began)
            assert health.may_send("chat"), "a call from before says nothing"
            for _ in range(3):
                health.note("chat", WELL, health.now())
            assert health.offered("chat", Lane.CODES, 100)
            await until(lambda: health._watched["chat"].seen.breaker.state is BreakerState.CLOSED)
        async with ledger.transaction() as connection:
            changes = await shared.history(connection, "chat", 10)
        assert [one.change for one in reversed(changes)] == ["open", "half_open", "closed"]


async def test_a_process_without_a_worker_only_reads(ledger_dsn: str) -> None:
    """An API process shows what workers found, and writes nothing."""
    async with a_ledger(ledger_dsn) as ledger:
        worker, api = Health(ledger, ["chat"]), Health(ledger, ["chat"], reports=False)
        async with sharing(api):
            await asyncio.sleep(0)
            async with ledger.transaction() as connection:
                assert await shared.read(connection, ["chat"]) == ({}, None)
            async with sharing(worker):
                fail(worker, 5)
                await until(lambda: api.state("chat", is_up=True) == "open")


# --- people -----------------------------------------------------------------------------------------------------------


def operations(ledger: Ledger, folder: Path) -> Operations:
    return Operations(ledger, Vault(load_or_create_keys(folder / "keys.json")), ["chat"], Crises(ledger))


async def test_a_hold_wins_until_a_person_resumes(ledger_dsn: str, tmp_path: Path) -> None:
    """A held provider gets nothing however healthy it is; only a person puts it back; who and why are kept."""
    async with a_ledger(ledger_dsn) as ledger:
        health, desk = Health(ledger, ["chat"]), operations(ledger, tmp_path)
        spared: list[str] = []
        health.when_spared = spared.append
        async with sharing(health):
            held = await desk.hold_provider("chat", actor="person:olena", why="their maintenance")
            assert held == await desk.hold_provider("chat", actor="person:petro", why="me too"), "the first hold stays"
            await until(lambda: health.state("chat", is_up=True) == "held")
            assert spared == ["chat"]
            for _ in range(50):
                health.note("chat", WELL, health.now())
            await until(lambda: bool(health._watched["chat"].seen.breaker.buckets))
            assert not health.may_send("chat")
            await desk.resume_provider("chat", actor="person:petro", why="it is over")
            await desk.resume_provider("chat", actor="person:petro", why="it is over")
            await until(lambda: health.state("chat", is_up=True) == "up")
        history = await desk.provider_history("chat")
        assert [(one.change, one.by, one.reason) for one in history] == [
            ("resumed", "petro", "it is over"),
            ("held", "olena", "their maintenance"),
        ]
        (row,) = await desk.providers_health()
        assert row.hold is None


async def test_a_hold_is_known_before_the_first_message(ledger_dsn: str, tmp_path: Path) -> None:
    """A process that starts while a provider is held gives it nothing, not even in its first second."""
    async with a_ledger(ledger_dsn) as ledger:
        await operations(ledger, tmp_path).hold_provider("chat", actor="person:olena", why="their maintenance")
        health = Health(ledger, ["chat"])
        await health.open()
        assert not health.may_send("chat")
        assert not health.offered("chat", "documents", 0)


async def test_operators_must_say_who_why_and_which(ledger_dsn: str, tmp_path: Path) -> None:
    """Every missing word is named at once; an unknown provider is not found; an untried one is closed."""
    async with a_ledger(ledger_dsn) as ledger:
        desk = operations(ledger, tmp_path)
        with pytest.raises(InvalidInput) as refused:
            await desk.hold_provider("chat", actor="person: ", why="x" * 201)
        assert [one.pointer for one in refused.value.problems] == ["/who", "/why"]
        with pytest.raises(NotFound):
            await desk.resume_provider("pigeon", actor="person:olena", why="fed")
        with pytest.raises(NotFound):
            await desk.provider_history("pigeon")
        (untried,) = await desk.providers_health()
        assert (untried.provider, untried.breaker.state, untried.hold) == ("chat", BreakerState.CLOSED, None)


# --- receipts ---------------------------------------------------------------------------------------------------------

ATTEMPTS = (
    "INSERT INTO attempt (notification_id, no, step, channel, provider, recovery, outcome, calls, started_at,"
    " called_at, submitted_at, ended_at)"
    " SELECT gen_random_uuid(), 0, 0, 'viber', 'chat', 'same_key', %s, 1, sent, sent, sent, sent + %s::interval FROM"
    " (SELECT now() - %s::interval AS sent) AS t, generate_series(1, %s)"
)


async def test_receipts_that_stop_are_noticed_once(ledger_dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    """When no receipt comes although many are due, people are told once, and the circuit stays closed.

    What we asked for ourselves is no sign of life; one receipt of theirs is.
    """
    caplog.set_level(logging.INFO)
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(ATTEMPTS, ["submitted", None, "4 minutes", 12])
        polled = "INSERT INTO receipt VALUES (gen_random_uuid(), 'chat', now(), '\\x00', NULL, %s)"
        connection.execute(polled, [True])
        async with a_ledger(ledger_dsn) as ledger:
            health = Health(ledger, ["chat", "push"], awaited=["chat"], receipts_judged_s=0.0)
            async with sharing(health):
                await until(lambda: health.state("chat", is_up=True) == "receipts_stopped")
                assert health.may_send("chat")
                await until(lambda: health._watched["chat"].seen.judged_at is not None)
                connection.execute(polled, [False])
                await until(lambda: not health._watched["chat"].seen.receipts_stopped)
    alarms = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in alarms] == ["chat: receipts_stopped (no receipt of any kind)"]


async def test_slow_receipts_are_judged_without_the_young(ledger_dsn: str) -> None:
    """A share of late receipts is shown as slow; messages too young to be late are neither late nor in time."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(ATTEMPTS, ["submitted", None, "5 seconds", 500])
        connection.execute(ATTEMPTS, ["delivered", "3 seconds", "90 seconds", 30])
        async with a_ledger(ledger_dsn) as ledger:
            health = Health(ledger, ["chat"], awaited=["chat"], receipts_judged_s=0.0)
            async with sharing(health):
                await until(lambda: health._watched["chat"].seen.judged_at is not None)
                assert health.state("chat", is_up=True) == "up"
                connection.execute(ATTEMPTS, ["delivered", "70 seconds", "90 seconds", 10])
                connection.execute(ATTEMPTS, ["submitted", None, "80 seconds", 5])
                await until(lambda: health.state("chat", is_up=True) == "slow")
                assert health.may_send("chat")


# --- messages ---------------------------------------------------------------------------------------------------------


async def of_kind(house: House, kind: str, number: int, key: str) -> UUID:
    data = {"verification_code": "4821"} if kind == "confirmation_code" else REFERRAL
    return await house.send(number, key, kind, data=data)


async def test_open_viber_means_sms_now_for_codes_and_waiting_for_the_rest(ledger_dsn: str, tmp_path: Path) -> None:
    """While Viber is away codes go by SMS in the same breath and documents wait; when it is back they go by Viber."""
    async with a_house(ledger_dsn, tmp_path, window_s=40) as house:
        await house.fault(provider="viber", fault="outage")
        for number in range(RULES.failures_in_row):
            await house.until(await of_kind(house, "confirmation_code", number, f"first-{number}"))
        await until(lambda: house.product.provider_states()["infobip"] == "open")

        code = await house.until(await of_kind(house, "confirmation_code", 11, "code"))
        waiting = await of_kind(house, "referral_issued", 12, "document")
        seen = await house.when(waiting, lambda view: any(one["fact"] == "StepWaits" for one in view["decisions"]))
        await house.heal()
        done = await house.until(waiting, limit_s=30)

        assert [(one["fact"], one.get("because")) for one in code["decisions"][:2]] == [
            ("StepEnded", "provider_down"),
            ("AttemptStarted", "provider_down"),
        ]
        assert [one["channel"] for one in code["attempts"]] == ["sms"]
        assert seen["status"] == "accepted"
        assert [(one["channel"], one["outcome"]) for one in done["attempts"]][-1][0] == "viber"


async def test_a_provider_that_hangs_holds_nothing_that_others_need(ledger_dsn: str, tmp_path: Path) -> None:
    """Though a Viber that hangs was given all the documents it may hold, those for phones without it go by SMS."""
    async with a_house(ledger_dsn, tmp_path, window_s=60) as house:
        await house.phone(1, viber=False)
        await house.until(await of_kind(house, "referral_issued", 1, "teach"))
        await house.fault(provider="viber", fault="silent", for_s=60)
        await asyncio.gather(
            *(of_kind(house, "referral_issued", 1000 + number, f"hangs-{number}") for number in range(700))
        )
        view = await house.until(await of_kind(house, "referral_issued", 1, "goes"), limit_s=5)
        assert [one["channel"] for one in view["attempts"]] == ["sms"]


async def test_a_held_operator_is_passed_over(ledger_dsn: str, tmp_path: Path) -> None:
    """While a person holds the first operator, the second sends; the state is on the health page."""
    async with a_house(ledger_dsn, tmp_path) as house:
        await house.phone(1, viber=False)
        await house.product.operations.hold_provider("smsc-a", actor="person:olena", why="numbers are wrong")
        await until(lambda: house.product.provider_states()["smsc-a"] == "held")

        view = await house.until(await house.send(1, "a"))

        assert view["attempts"][-1]["provider"] == "smsc-b"
        assert house.product.provider_states()["smsc-b"] == "up"


async def test_nothing_dead_leaves_a_queue(ledger_dsn: str, tmp_path: Path) -> None:
    """A message whose validity ends while it waits for a provider that hangs is expired, and never submitted."""
    async with a_house(ledger_dsn, tmp_path, window_s=40) as house:
        await house.phone(1, viber=False)
        await house.fault(provider="sms", fault="outage")
        end = house.product.ledger.clock.now() + timedelta(seconds=3)
        dying = await house.send(1, "a", valid_until=end.isoformat())
        view = await house.until(dying)
        await house.heal()
        await until(lambda: all(link.is_up for link in house.product.links), 30)

        assert view["status"] == "expired"
        assert await house.submissions("sms") == []
