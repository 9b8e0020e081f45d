"""The crisis switch over HTTP: two clients switch it on, new notifications go on paper beside their messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.api.desk import ADULT, BY_DOCUMENTS, INLINE, PATIENT_ID, Desk, Reply

from esoz_notify.core.cascade import Due, Reported
from esoz_notify.core.crisis_proposal import CRISIS_LENGTH_MAX_S
from esoz_notify.core.errors import Unavailable
from esoz_notify.core.receipts import ReceiptState
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.crises import Crises
from esoz_notify.engine.ledgers import Ledger, Steady
from esoz_notify.engine.service import Caller
from esoz_notify.operator_client import OperatorClient

CRISIS = "/v1/operations/crisis"
CODE = "7394"
DATA = {"request_number": "0000-243P-1X53-EH38", "verification_code": CODE}
TO_PHONE = {"kind": "prescription_issued", "recipient": {"phone": "+380000000001"}, "data": DATA}
TO_OTHER = {"kind": "prescription_issued", "recipient": {"phone": "+380010000001"}, "data": DATA}
TO_PATIENT = {"kind": "prescription_issued", "patient_id": PATIENT_ID, "data": DATA}
NOBODY = "0198c0de-0000-7000-8000-00000000ffff"


def proposal(scope: str = "operator", *values: str, starts_in_s: float | None = None, life_s: float = 3600) -> Any:
    """A proposal from now, or from a moment to come."""
    starts_at = datetime.now(UTC) + timedelta(seconds=starts_in_s or 0)
    covered = {} if scope == "everything" else {"values": list(values or ["+38000"])}
    start = {"starts_at": starts_at.isoformat()} if starts_in_s is not None else {}
    ends_at = (starts_at + timedelta(seconds=life_s)).isoformat()
    return {"scope": scope, "reason": "nothing arrives", "ends_at": ends_at, **covered, **start}


async def second(desk: Desk, *scopes: str) -> str:
    """A token of another client."""
    secret = await desk.access.callers.create("mis-2", "Another", scopes or ["operations:write", "operations:read"])
    return (await desk.access.issue("mis-2", secret)).access_token


async def propose(desk: Desk, asked: Any = None) -> dict[str, Any]:
    reply = await desk.call("POST", CRISIS, asked or proposal())
    assert reply.status == 201, reply.body
    return dict(reply.json)


async def switched_on(desk: Desk, asked: Any = None) -> dict[str, Any]:
    """Proposed by one client and confirmed by another."""
    proposed = await propose(desk, asked)
    reply = await desk.call("POST", f"{CRISIS}/{proposed['id']}/confirm", token=await second(desk))
    assert reply.status == 200, reply.body
    return dict(reply.json)


async def overview(desk: Desk) -> dict[str, list[str]]:
    """Ids by the part of the overview that they stand in, empty parts left out."""
    seen = (await desk.call("GET", CRISIS)).json
    del seen["banner"]
    return {part: [one["id"] for one in found] for part, found in seen.items() if found}


async def page(desk: Desk, notification_id: str) -> str:
    reply = await desk.call("GET", f"/v1/notifications/{notification_id}/summary", accept="text/html")
    assert reply.status == 200
    return reply.body.decode()


async def report(desk: Desk, crisis_id: str) -> dict[str, Any]:
    return dict((await desk.call("GET", f"{CRISIS}/{crisis_id}/report")).json)


def pointers(reply: Reply) -> list[tuple[str, str]]:
    return [(one["pointer"], one["code"]) for one in reply.json["invalid"]]


# --- switching on and off ---------------------------------------------------------------------------------------------


async def test_it_takes_two(desk: Desk) -> None:
    """Proposed, it does nothing; its proposer cannot confirm it; another client can, once, and both are on record."""
    proposed = await propose(desk)
    path = f"{CRISIS}/{proposed['id']}"
    alone = await desk.call("POST", f"{path}/confirm")
    before = await desk.send(TO_PHONE)
    seen = await overview(desk)
    token = await second(desk)
    confirmed = await desk.call("POST", f"{path}/confirm", token=token)
    again = await desk.call("POST", f"{path}/confirm", token=token)

    assert (proposed["state"], proposed["proposed_by"], proposed["confirmed_by"]) == ("proposed", "mis-1", None)
    assert (alone.status, alone.code) == (409, "needs_another_person")
    assert (before["print_required"], before["crisis"], seen) == (False, None, {"proposed": [proposed["id"]]})
    assert (confirmed.status, confirmed.json["state"]) == (200, "in_force")
    assert (confirmed.json["proposed_by"], confirmed.json["confirmed_by"]) == ("mis-1", "mis-2")
    assert (again.status, again.json) == (200, confirmed.json)
    assert await overview(desk) == {"in_force": [proposed["id"]]}


async def test_one_withdraws_and_it_is_over_at_once(desk: Desk) -> None:
    """What is accepted after it is as before; what was issued under it stays; nothing can be done with it any more."""
    crisis = await switched_on(desk)
    path = f"{CRISIS}/{crisis['id']}"
    during = await desk.send(TO_PHONE)
    withdrawn = await desk.call("POST", f"{path}/withdraw", {"reason": "it works again"})
    again = await desk.call("POST", f"{path}/withdraw", {"reason": "me too"})
    after = await desk.send(TO_PHONE)
    confirm = await desk.call("POST", f"{path}/confirm", token=await desk.token("operations:write"))

    assert (withdrawn.json["state"], withdrawn.json["withdrawn_by"]) == ("withdrawn", "mis-1")
    assert (again.status, again.json) == (200, withdrawn.json)
    assert (during["print_required"], after["print_required"]) == (True, False)
    assert CODE in await page(desk, during["id"])
    assert CODE not in await page(desk, after["id"])
    assert confirm.status == 409
    assert await overview(desk) == {"past": [crisis["id"]]}


async def test_no_two_for_the_same(desk: Desk) -> None:
    """A second one for the same prefix and time is refused; one for another prefix, or after its end, is not."""
    first = await propose(desk, proposal(life_s=600))
    refused = await desk.call("POST", CRISIS, proposal())
    other = await desk.call("POST", CRISIS, proposal("operator", "+38001"))
    follows = await desk.call("POST", CRISIS, {**proposal(life_s=1200), "starts_at": first["ends_at"]})

    assert (refused.status, refused.code) == (409, "crisis_overlaps")
    assert (other.status, follows.status) == (201, 201)


async def test_the_longest_fits_the_ledger_too(desk: Desk) -> None:
    """Fourteen days to the microsecond are kept: core and ledger round alike."""
    longest = await propose(desk, proposal(starts_in_s=60, life_s=CRISIS_LENGTH_MAX_S))

    length = datetime.fromisoformat(longest["ends_at"]) - datetime.fromisoformat(longest["starts_at"])
    assert length.total_seconds() == CRISIS_LENGTH_MAX_S


async def test_of_many_proposals_at_once_one_is_kept(desk: Desk) -> None:
    """Two people who see the same outage do not make two switches of it."""
    asked = proposal()
    replies = await asyncio.gather(*(desk.call("POST", CRISIS, asked) for _ in range(6)))

    assert sorted(one.status for one in replies) == [201, *[409] * 5]


async def test_scopes_and_unknown_ids(desk: Desk) -> None:
    """Reading does not allow writing; what is not there is 404 at every call."""
    reader = await desk.token("operations:read")
    refused = [
        await desk.call("POST", CRISIS, proposal(), token=reader),
        await desk.call("POST", f"{CRISIS}/{NOBODY}/confirm", token=reader),
        await desk.call("POST", f"{CRISIS}/{NOBODY}/withdraw", {"reason": "x"}, token=reader),
    ]
    absent = [
        await desk.call("POST", f"{CRISIS}/{NOBODY}/confirm"),
        await desk.call("POST", f"{CRISIS}/{NOBODY}/withdraw", {"reason": "x"}),
        await desk.call("GET", f"{CRISIS}/{NOBODY}/report"),
    ]

    assert {(one.status, one.json["scope"]) for one in refused} == {(403, "operations:write")}
    assert {(one.status, one.code) for one in absent} == {(404, "crisis_unknown")}
    assert (await desk.call("GET", CRISIS, token=reader)).status == 200
    assert await overview(desk) == {}


async def test_a_proposal_that_breaks_rules_is_told_all_of_them(desk: Desk) -> None:
    """The rules are core's; over HTTP they are a problem document, and nothing is kept."""
    wrong = await desk.call("POST", CRISIS, {"scope": "operator", "values": ["067"], "by": "olena"})
    long = await desk.call("POST", CRISIS, proposal(life_s=15 * 86_400))
    silent = await desk.call("POST", f"{CRISIS}/{(await propose(desk))['id']}/withdraw", {})

    assert (wrong.status, pointers(wrong)) == (
        422,
        [("/values/0", "format"), ("/ends_at", "required"), ("/reason", "required"), ("/by", "unknown_field")],
    )
    assert pointers(long) == [("/ends_at", "too_long")]
    assert pointers(silent) == [("/reason", "required")]


# --- what it does -----------------------------------------------------------------------------------------------------


async def test_a_covered_one_is_printed_and_sent(desk: Desk) -> None:
    """The answer says print, why, and by which switch; the page has the code at once; the message arrives."""
    crisis = await switched_on(desk)
    sent = await desk.send(TO_PHONE)
    printed = await page(desk, sent["id"])
    await desk.deliver(sent["id"])
    view = (await desk.call("GET", f"/v1/notifications/{sent['id']}")).json

    assert (sent["status"], sent["route"], sent["print_required"]) == ("accepted", ["viber", "sms"], True)
    assert (sent["crisis"]["id"], sent["crisis"]["reason"]) == (crisis["id"], "nothing arrives")
    assert sent["crisis"]["code"] == "crisis_operator"
    assert sent["recipient"]["notes"][-1]["code"] == "crisis_operator"
    assert CODE in printed
    assert (view["status"], view["delivered_by"]) == ("delivered", "viber")
    assert (view["print_required"], view["print_offered"], view["crisis"]) == (True, True, sent["crisis"])


async def test_printing_does_not_stop_the_delivery(desk: Desk) -> None:
    """Fetched before, while and after it is sent: each page has the code, and the status is the messages' own."""
    await switched_on(desk)
    sent = await desk.send(TO_PHONE)
    pages = [await page(desk, sent["id"])]
    await desk.start(sent["id"])
    pages.append(await page(desk, sent["id"]))
    status = (await desk.call("GET", f"/v1/notifications/{sent['id']}")).json["status"]
    await desk.move(sent["id"], Reported(0, 0, ReceiptState.DELIVERED))
    pages.append(await page(desk, sent["id"]))

    assert [CODE in one for one in pages] == [True] * 3
    assert status == "in_delivery"
    assert (await desk.call("GET", f"/v1/notifications/{sent['id']}")).json["status"] == "delivered"


async def test_those_it_does_not_cover_are_as_always(desk: Desk) -> None:
    """Another operator's phone has no code on paper, nor has what was accepted before; a code is never covered."""
    before = await desk.send(TO_PHONE)
    await switched_on(desk)
    other, code = await desk.send(TO_OTHER), await desk.send(INLINE)

    assert [one["crisis"] for one in (before, other, code)] == [None] * 3
    for one in (before, other):
        assert CODE not in await page(desk, one["id"])


async def test_a_replay_is_the_first_answer(desk: Desk) -> None:
    """The same key gives the same answer whichever switch was thrown in between."""
    key = str(uuid4())
    before = await desk.send(TO_PHONE, key)
    await switched_on(desk)
    replayed, fresh_key = await desk.send(TO_PHONE, key), str(uuid4())
    covered = await desk.send(TO_PHONE, fresh_key)

    assert replayed == before
    assert (await desk.send(TO_PHONE, fresh_key), covered["print_required"]) == (covered, True)


@pytest.mark.parametrize(
    ("scope", "value", "member"), [("region", "Київська область", "region"), ("programme", "p-1", "programme")]
)
async def test_a_region_and_a_programme_as_the_caller_says(desk: Desk, scope: str, value: str, member: str) -> None:
    """A caller that says where, or of what programme, is covered; one that says nothing is not."""
    await switched_on(desk, proposal(scope, value))
    said = await desk.send({**TO_OTHER, member: value.upper()})
    other = await desk.send({**TO_OTHER, member: "інше"})
    silent = await desk.send(TO_OTHER)
    wrong = await desk.call("POST", "/v1/notifications", {**TO_OTHER, member: ""}, idempotency_key="k")

    assert [one["print_required"] for one in (said, other, silent)] == [True, False, False]
    assert said["crisis"]["code"] == f"crisis_{scope}"
    assert pointers(wrong) == [(f"/{member}", "format")]


async def test_a_patient_by_the_stored_phone_also_when_paper_was_chosen(desk: Desk) -> None:
    """Who chooses paper in an outage gives up a phone of the affected operator: the code is on that paper too."""
    await desk.patient(ADULT)
    await switched_on(desk)
    by_phone = await desk.send(TO_PATIENT)
    on_paper = await desk.send({**TO_PATIENT, "inform_with": "print"})
    tried = (await desk.call("POST", "/v1/route", TO_PATIENT)).json

    assert [one["print_required"] for one in (by_phone, on_paper, tried)] == [True] * 3
    assert tried["crisis"]["id"] == by_phone["crisis"]["id"] == on_paper["crisis"]["id"]
    assert (on_paper["status"], on_paper["route"]) == ("print_required", ["print"])
    assert CODE in await page(desk, on_paper["id"])


async def test_by_documents_nothing_changes_but_the_count(desk: Desk) -> None:
    """No operator's outage touches a person without a phone; a crisis of everything counts them too."""
    await desk.patient(BY_DOCUMENTS)
    await switched_on(desk)
    untouched = await desk.send(TO_PATIENT)
    everything = await propose(desk, proposal("everything"))
    secret = await desk.access.callers.create("mis-3", "A third", ["operations:write"])
    third = (await desk.access.issue("mis-3", secret)).access_token
    await desk.call("POST", f"{CRISIS}/{everything['id']}/confirm", token=third)
    covered = await desk.send(TO_PATIENT)
    await page(desk, covered["id"])

    assert (untouched["print_required"], untouched["crisis"]) == (True, None)
    assert (covered["status"], covered["crisis"]["code"]) == ("print_required", "crisis_everything")
    assert (await report(desk, everything["id"]))["by_kind_and_status"] == [
        {"kind": "prescription_issued", "status": "printed", "count": 1, "printed": 1}
    ]


async def test_when_the_code_is_erased_the_page_says_so(desk: Desk) -> None:
    """Codes of a crisis are erased by the same rule as all: after the validity the page has none and says why."""
    await switched_on(desk)
    valid_until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    sent = await desk.send({**TO_PHONE, "valid_until": valid_until})
    assert CODE in await page(desk, sent["id"])
    async with desk.ledger.transaction() as connection:
        await connection.execute(
            "UPDATE delivery SET accepted_at = accepted_at - interval '3 h', valid_until = valid_until - interval '2 h'"
        )
    await desk.move(sent["id"], Due())  # expires
    await desk.move(sent["id"], Due())  # erases, if the first did not
    late = await page(desk, sent["id"])

    assert CODE not in late
    assert "більше не доступний" in late


# --- finding, counting, telling ---------------------------------------------------------------------------------------


async def test_what_was_issued_is_found_and_counted(desk: Desk) -> None:
    """The list by switch, newest first and in pages; the report by kind and status, and how many were printed once."""
    crisis = await switched_on(desk)
    sent = [(await desk.send(TO_PHONE))["id"] for _ in range(3)]
    referral = {"kind": "referral_issued", "data": {"request_number": "0123-4567-89AB-CEIK"}}
    sent.append((await desk.send({**TO_PHONE, **referral}))["id"])
    await desk.send(TO_OTHER)
    await desk.deliver(sent[0])
    for _ in range(2):
        await page(desk, sent[0])
    await page(desk, sent[3])
    query = f"/v1/notifications?crisis={crisis['id']}"
    first = (await desk.call("GET", f"{query}&limit=3")).json
    rest = (await desk.call("GET", f"{query}&limit=3&cursor={first['next_cursor']}")).json
    told = await report(desk, crisis["id"])

    assert [one["id"] for one in [*first["data"], *rest["data"]]] == sent[::-1]
    assert [one["id"] for one in (await desk.call("GET", f"{query}&status=delivered")).json["data"]] == sent[:1]
    assert (told["crisis"]["id"], told["issued"], told["printed"]) == (crisis["id"], 4, 2)
    assert told["by_kind_and_status"] == [
        {"kind": "prescription_issued", "status": "accepted", "count": 2, "printed": 0},
        {"kind": "prescription_issued", "status": "delivered", "count": 1, "printed": 1},
        {"kind": "referral_issued", "status": "accepted", "count": 1, "printed": 1},
    ]
    assert pointers(await desk.call("GET", "/v1/notifications?crisis=x")) == [("/query/crisis", "format")]
    assert (await desk.call("GET", f"/v1/notifications?crisis={NOBODY}")).json["data"] == []


async def test_the_banner_is_there_while_it_is_in_force(desk: Desk) -> None:
    """/readyz and the overview tell it in both languages, without the operator's own words, and only then."""
    calm = (await desk.call("GET", "/readyz", token=None)).json
    crisis = await switched_on(desk)
    told = (await desk.call("GET", "/readyz", token=None)).json["banner"]
    shown = (await desk.call("GET", CRISIS)).json["banner"]
    await desk.call("POST", f"{CRISIS}/{crisis['id']}/withdraw", {"reason": "it works again"})
    after = (await desk.call("GET", "/readyz", token=None)).json

    assert told == shown
    assert told["uk"].startswith("Кризовий режим")
    assert told["en"].startswith("Crisis mode")
    assert "+38000" in told["uk"]
    assert "nothing arrives" not in str(told)
    assert "banner" not in calm
    assert "banner" not in after
    assert (await desk.call("GET", CRISIS)).json["banner"] is None


# --- time and other processes -----------------------------------------------------------------------------------------


@asynccontextmanager
async def another_process(dsn: str) -> AsyncIterator[tuple[Crises, LedgerClock]]:
    """What another process knows of crises, for as long as the block lasts."""
    clock = LedgerClock()
    ledger = Ledger(dsn, clock)
    await ledger.open()
    crises = Crises(ledger)
    await crises.open()
    task = asyncio.create_task(ledger.looking({"crises": crises.look}))
    try:
        yield crises, clock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ledger.close()


async def test_every_process_learns_of_it(desk: Desk, ledger_dsn: str) -> None:
    """What one process switches on and off, another goes by soon after, and one that starts later from the start."""
    async with another_process(ledger_dsn) as (other, clock):
        assert other.banner() is None
        crisis = await switched_on(desk)
        async with asyncio.timeout(20):
            while not other.in_force(clock.now()):
                await asyncio.sleep(0.02)
        async with another_process(ledger_dsn) as (later, its_clock):
            assert [one.id for one in later.in_force(its_clock.now())] == [UUID(crisis["id"])]
        await desk.call("POST", f"{CRISIS}/{crisis['id']}/withdraw", {"reason": "it works again"})
        async with asyncio.timeout(20):
            while other.in_force(clock.now()):
                await asyncio.sleep(0.02)


async def test_it_begins_and_ends_by_the_ledgers_clock(desk: Desk) -> None:
    """Dated ahead it covers nothing yet; when the ledger's clock comes to its start it does, and at its end no more."""
    crisis = await switched_on(desk, proposal("everything", starts_in_s=3600, life_s=3600))
    starts_at, ends_at = (datetime.fromisoformat(crisis[name]) for name in ("starts_at", "ends_at"))
    assert (crisis["state"], await overview(desk)) == ("coming", {"coming": [crisis["id"]]})

    now = await _accepted_at(desk, None)
    begun = await _accepted_at(desk, starts_at + timedelta(minutes=1))
    over = await _accepted_at(desk, ends_at + timedelta(minutes=1))

    assert [one["print_required"] for one in (now, begun, over)] == [False, True, False]


async def _accepted_at(desk: Desk, moment: datetime | None) -> dict[str, Any]:
    """Have something accepted at a moment to come; again if the clock was just then set right from the ledger."""
    async with asyncio.timeout(20):
        while True:
            if moment is not None:
                desk.ledger.clock.set(moment)
            accepted, _ = await desk.service.accept(Caller("mis-1"), TO_PHONE, str(uuid4()))
            view = await desk.service.get(Caller("mis-1"), UUID(accepted["id"]))
            if moment is None or datetime.fromisoformat(view["created_at"]) >= moment:
                return accepted


async def test_a_dead_ledger_does_not_end_it(desk: Desk, ledger_dsn: str) -> None:
    """While the ledger does not answer, what was known holds, and ends at its end all the same."""
    crisis = await switched_on(desk)
    async with another_process(ledger_dsn) as (other, clock):
        dead = Steady("host=127.0.0.1 port=1 dbname=nothing", clock)
        with pytest.raises(Unavailable):
            await dead.run_loose(other.look)
        assert [one.id for one in other.in_force(clock.now())] == [UUID(crisis["id"])]
        assert other.in_force(datetime.fromisoformat(crisis["ends_at"])) == ()


# --- from Python ------------------------------------------------------------------------------------------------------


async def test_an_operators_program(desk: Desk) -> None:
    """Propose, confirm with another client's secret, find, report and withdraw, as an operator's program does."""
    secret = await desk.access.callers.create("mis-2", "Another", ["operations:write", "operations:read"])
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    async with (
        OperatorClient(desk.base_url, "mis-1", desk.secret) as olena,
        OperatorClient(desk.base_url, "mis-2", secret) as taras,
    ):
        made = await olena.propose_crisis("operator", ["+38000"], ends_at=ends_at, reason="nothing arrives")
        assert (await taras.confirm_crisis(made["id"]))["state"] == "in_force"
        sent = await olena.send("prescription_issued", DATA, recipient={"phone": "+380000000001"}, region="Київ")
        assert [one["id"] async for one in olena.find(crisis=made["id"])] == [sent["id"]]
        assert (await taras.crisis_report(made["id"]))["issued"] == 1
        assert [one["id"] for one in (await taras.crises())["in_force"]] == [made["id"]]
        assert (await taras.withdraw_crisis(made["id"], "it works again"))["state"] == "withdrawn"
        dated = await olena.propose_crisis(
            "everything", ends_at=ends_at, starts_at=ends_at - timedelta(minutes=5), reason="x"
        )
        assert dated["state"] == "proposed"
