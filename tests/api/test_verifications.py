"""One-time codes over a real port and a real ledger: made, checked, sent again, refused."""

import asyncio
import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from tests.api.codes import ASKED, VAULT, check, code_of, create, created, later, other_than
from tests.api.desk import ADULT, BY_DOCUMENTS, PATIENT_ID, PHONE, Desk

from esoz_notify.core.cascade import Due, Replied
from esoz_notify.core.results import Accepted
from esoz_notify.core.verification import PURPOSES, TYPING_S
from esoz_notify.store.vault import field_aad

OTHER_PHONE = "+380000000002"
THIRD_ID = "0198c0de-0000-7000-8000-000000000003"
STORED = {"purpose": "declaration", "entity_id": "request-1", "patient_id": PATIENT_ID}


async def test_the_right_code_confirms_and_is_used_up(desk: Desk) -> None:
    """Made for a stored patient, sent to the phone, told rightly: verified, and the same code is of no more use."""
    await desk.patient()
    made = await created(desk, STORED)
    code = await code_of(desk, made["id"])
    right = await check(desk, made["id"], code)
    again = await check(desk, made["id"], code)
    shown = await desk.call("GET", made["links"]["self"])

    assert (made["status"], made["attempts_left"], made["confirms"]) == ("pending", 3, "patient")
    assert made["recipient"]["phone"] == "+38000*****01"
    assert made["delivery"] == {"status": "accepted", "route": ["viber", "sms"], "delivered_by": None}
    assert (right.status, right.json["status"]) == (200, "verified")
    assert right.json["entity_id"] == "request-1"
    assert (again.status, again.code) == (409, "code_used")
    assert shown.json["status"] == "verified"


@pytest.mark.parametrize("purpose", sorted(PURPOSES))
async def test_every_purpose_has_its_code_and_its_words(desk: Desk, purpose: str) -> None:
    """The code has the purpose's length, the message's data say what is confirmed, and no answer shows the code."""
    row = PURPOSES[purpose]
    party = next(iter(row.words))
    made = await create(desk, {**ASKED, "purpose": purpose, "confirms": party.value})
    code = await code_of(desk, made.json["id"])

    async with desk.ledger.transaction() as connection:
        cursor = await connection.execute("SELECT data FROM content WHERE notification_id = %s", [made.json["id"]])
        ((sealed,),) = await cursor.fetchall()
    data = VAULT.open(sealed, aad=field_aad("content", "data", made.json["id"]))

    assert len(code) == row.code_length
    assert code.isdigit()
    assert json.loads(data) == {"purpose": row.words[party].uk}
    assert "code" not in made.json


async def test_three_wrong_codes_end_it(desk: Desk) -> None:
    """Each wrong code says how many attempts are left; after the third not even the right one is judged."""
    made = await created(desk)
    code = await code_of(desk, made["id"])
    wrong = [await check(desk, made["id"], other_than(code)) for _ in range(3)]
    late = await check(desk, made["id"], code)

    assert [(one.status, one.code, one.json["attempts_left"]) for one in wrong] == [
        (403, "code_wrong", 2),
        (403, "code_wrong", 1),
        (403, "code_wrong", 0),
    ]
    assert (late.status, late.code) == (409, "attempts_exhausted")
    assert late.json["why"]["uk"].startswith("Код забагато разів")
    assert (await desk.call("GET", made["links"]["self"])).json["advice"]["code"] == "start_again"


async def test_a_code_expires(desk: Desk) -> None:
    """After its life a right and a wrong code are answered the same."""
    made = await created(desk)
    code = await code_of(desk, made["id"])
    await later(desk, made["id"], 301)
    replies = [await check(desk, made["id"], one) for one in (code, other_than(code))]

    assert [(one.status, one.code) for one in replies] == [(409, "code_expired")] * 2
    assert replies[0].json == replies[1].json


async def test_the_life_begins_anew_with_each_message(desk: Desk) -> None:
    """A code that a fallback brings late lives as long as its message says, and no message is sent at the very end."""
    made = await created(desk)
    code = await code_of(desk, made["id"])
    notification = (await desk.call("GET", f"/v1/notifications/{made['id']}")).json
    created_at = datetime.fromisoformat(made["created_at"])
    assert datetime.fromisoformat(notification["valid_until"]) == created_at + timedelta(seconds=300 - TYPING_S)
    await desk.move(made["id"], Due(), Replied(0, Accepted((f"{made['id']}.0",))))
    async with desk.ledger.transaction() as connection:
        await connection.execute("UPDATE verification SET created_at = created_at - interval '301 s'")

    assert (await check(desk, made["id"], code)).status == 200


async def test_a_newer_code_cancels_only_the_older_of_the_same_thing(desk: Desk) -> None:
    """The same purpose and entity: the older code and its message are cancelled. Anything else stays."""
    first = await created(desk)
    other_purpose = await created(desk, purpose="data_access")
    other_entity = await created(desk, entity_id="request-2")
    second = await created(desk)
    replies = {
        one["id"]: await check(desk, one["id"], await code_of(desk, one["id"]))
        for one in (first, other_purpose, other_entity, second)
    }

    assert (replies[first["id"]].status, replies[first["id"]].code) == (409, "code_superseded")
    assert [replies[one["id"]].status for one in (other_purpose, other_entity, second)] == [200] * 3
    assert (await desk.call("GET", f"/v1/notifications/{first['id']}")).json["status"] == "cancelled"


async def test_codes_of_one_moment_leave_one(desk: Desk) -> None:
    """Of several asked for at once for the same thing exactly one can be told."""
    made = await asyncio.gather(*(created(desk) for _ in range(5)))
    states = [(await desk.call("GET", one["links"]["self"])).json["status"] for one in made]

    assert sorted(states) == ["pending", *["superseded"] * 4]


async def test_a_repeat_gets_the_first_answer(desk: Desk) -> None:
    """The same key sends nothing more; another request under it is refused; a notification's key is another."""
    first = await create(desk, key="k-1")
    again = await create(desk, key="k-1")
    other = await create(desk, key="k-1", entity_id="request-2")
    await desk.send(key="k-1")

    assert (again.status, again.json["id"]) == (201, first.json["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert (await create(desk, key="two words")).code == "idempotency_key_invalid"


async def test_a_parent_with_two_children_in_one_room(desk: Desk) -> None:
    """Two codes on one phone for two children do not disturb each other, and neither confirms the other's."""
    guardian = {**ADULT, "authentication_methods": [{"type": "OTP", "phone_number": PHONE}]}
    await desk.patient(guardian, THIRD_ID)
    children = [str(uuid4()), str(uuid4())]
    for child in children:
        link = {"type": "THIRD_PERSON", "value": THIRD_ID}
        confidant = {"person_id": THIRD_ID, "is_active": True, "verification_status": "VERIFIED"}
        stored = await desk.patient(
            {"birth_date": "2020-01-01", "authentication_methods": [link], "confidants": [confidant]}, child
        )
        assert stored.status == 201, stored.body
    made = [
        await created(desk, {"purpose": "care_plan", "entity_id": f"plan-{child}", "patient_id": child})
        for child in children
    ]
    codes = [await code_of(desk, one["id"]) for one in made]

    assert {one["recipient"]["relation"] for one in made} == {"third_person"}
    if codes[0] != codes[1]:
        assert (await check(desk, made[0]["id"], codes[1])).code == "code_wrong"
    assert [(await check(desk, one["id"], code)).status for one, code in zip(made, codes, strict=True)] == [200, 200]


async def test_two_confirmations_in_order(desk: Desk) -> None:
    """A contact person consents first, then the patient: the other way round is refused, and each has its own code."""
    await desk.patient()
    await desk.patient({**ADULT, "authentication_methods": [{"type": "OTP", "phone_number": OTHER_PHONE}]}, THIRD_ID)
    asked = {"purpose": "third_person_method", "entity_id": "method-1", "patient_id": PATIENT_ID}
    too_early = await create(desk, asked, confirms="patient")
    first = await created(desk, asked, confirms="third_person", third_person_id=THIRD_ID)
    still_early = await create(desk, asked, confirms="patient")
    consented = await check(desk, first["id"], await code_of(desk, first["id"]))
    second = await created(desk, asked, confirms="patient")
    done = await check(desk, second["id"], await code_of(desk, second["id"]))

    assert [(one.status, one.code) for one in (too_early, still_early)] == [(409, "confirmation_out_of_order")] * 2
    assert first["recipient"]["phone"] == "+38000*****02"
    assert consented.json["next"] == "patient"
    assert second["recipient"]["phone"] == "+38000*****01"
    assert (done.json["status"], done.json["next"]) == ("verified", None)


async def test_a_third_person_confirms_by_their_own_method_only(desk: Desk) -> None:
    """A contact person who is themselves reached through somebody else cannot consent by a code: no chains."""
    await desk.patient({**ADULT, "authentication_methods": [{"type": "OTP", "phone_number": PHONE}]}, PATIENT_ID)
    await desk.patient({**ADULT, "authentication_methods": [{"type": "THIRD_PERSON", "value": PATIENT_ID}]}, THIRD_ID)
    reply = await create(
        desk,
        {"purpose": "third_person_method", "entity_id": "m", "patient_id": PATIENT_ID},
        confirms="third_person",
        third_person_id=THIRD_ID,
    )

    assert (reply.status, reply.code, reply.json["reason"]) == (422, "cannot_confirm", "third_person_chained")


async def test_documents_put_the_code_on_the_summary_only(desk: Desk) -> None:
    """For a patient authenticated by documents nothing is sent: the doctor is told to print, and the page has it."""
    await desk.patient(BY_DOCUMENTS)
    made = await created(desk, STORED)
    code = await code_of(desk, made["id"])
    page = await desk.call("GET", made["links"]["summary"], accept="text/html")

    assert (made["delivery"]["status"], made["delivery"]["route"]) == ("print_required", ["print"])
    assert made["advice"]["code"] == "print_summary"
    assert code.encode() in page.body
    assert (await check(desk, made["id"], code)).status == 200


async def test_paper_chosen_for_a_phone_is_refused_at_once(desk: Desk) -> None:
    """The code of somebody with a phone is never printed, so choosing paper could not confirm anything."""
    await desk.patient()
    reply = await create(desk, STORED, authorize_with="print")

    assert (reply.status, reply.json["advice"]["code"]) == (422, "code_not_on_paper")


async def test_nobody_learns_who_is_registered(desk: Desk) -> None:
    """A patient nobody knows and one whom nothing reaches get the same answer, which says what to do.

    Only a caller that may read patients is told the reason.
    """
    await desk.patient({**ADULT, "authentication_methods": []})
    blind = await desk.token("verifications:write")
    keys = iter(range(9))

    async def ask(patient_id: str, token: str) -> object:
        reply = await desk.call(
            "POST",
            "/v1/verifications",
            {**STORED, "patient_id": patient_id},
            token=token,
            idempotency_key=f"k{next(keys)}",
        )
        assert reply.status == 422
        return reply.json

    unreachable, unknown = [await ask(one, blind) for one in (PATIENT_ID, THIRD_ID)]
    told = [await ask(one, await desk.token()) for one in (PATIENT_ID, THIRD_ID)]

    assert unreachable == unknown
    assert isinstance(unknown, dict)
    assert unknown["advice"]["code"] == "no_way"
    assert "reason" not in unknown
    assert [one["reason"] for one in told if isinstance(one, dict)] == ["no_authentication_method", "patient_unknown"]


async def test_others_verifications_are_not_told_apart_from_none(desk: Desk) -> None:
    """Every call about a verification of another caller answers as for one that does not exist."""
    made = await created(desk)
    secret = await desk.access.callers.create("mis-2", "Another", ["verifications:write"])
    other = (await desk.access.issue("mis-2", secret)).access_token
    for way, path, body in (
        ("GET", "", None),
        ("POST", "/check", {"code": "0000"}),
        ("POST", "/resend", None),
        ("GET", "/events", None),
    ):
        replies = [
            await desk.call(way, f"/v1/verifications/{one}{path}", body, token=other)
            for one in (made["id"], "0198c0de-0000-7000-8000-00000000dead")
        ]
        assert [(one.status, one.code) for one in replies] == [(404, "verification_unknown")] * 2
        assert len({json.dumps({**one.json, "instance": None}) for one in replies}) == 1
    assert (await desk.call("GET", made["links"]["self"])).json["attempts_left"] == 3


async def test_a_resend_goes_by_the_next_channel(desk: Desk) -> None:
    """The same code again, by SMS after Viber; after it is over there is nothing to send."""
    made = await created(desk)
    code = await code_of(desk, made["id"])
    early = await desk.call("POST", made["links"]["resend"])
    await desk.start(made["id"])
    resent = await desk.call("POST", made["links"]["resend"])
    await desk.move(made["id"], Due())
    attempts = (await desk.call("GET", f"/v1/notifications/{made['id']}")).json["attempts"]
    await check(desk, made["id"], code)
    over = await desk.call("POST", made["links"]["resend"])

    assert (early.status, early.code) == (409, "status_conflict")
    assert (resent.status, resent.json["status"]) == (202, "pending")
    assert [one["channel"] for one in attempts] == ["viber", "sms"]
    assert (over.status, over.code) == (409, "verification_over")


async def test_what_does_not_arrive_says_what_to_do(desk: Desk) -> None:
    """A code whose message could not be delivered advises another method, for people, in both languages."""
    made = await created(desk)
    async with desk.ledger.transaction() as connection:
        await connection.execute("UPDATE delivery SET status = 'undelivered', ended_at = ledger_now()")
    advice = (await desk.call("GET", made["links"]["self"])).json["advice"]

    assert advice["code"] == "not_delivered"
    assert "Уточніть номер" in advice["uk"]


async def test_the_doctor_sees_it_arrive(desk: Desk) -> None:
    """The stream of a verification is that of its message, and names the channel that delivered it."""
    made = await created(desk)
    await desk.deliver(made["id"])
    token = await desk.token("verifications:write")
    async with (
        asyncio.timeout(10),
        desk.http.get(made["links"]["events"], headers={"authorization": f"Bearer {token}"}) as response,
    ):
        text = (await response.read()).decode()
    last = json.loads(text.split("event: Ended\ndata: ")[1].split("\n")[0])

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert (last["status"], last["delivered_by"]) == ("delivered", "viber")
    assert text.endswith('event: end\ndata: {"status":"delivered"}\n\n')


BAD = [
    ({}, {"/purpose": "required", "/entity_id": "required", "/patient_id": "one_of"}),
    ({**ASKED, "purpose": "other"}, {"/purpose": "unknown_purpose"}),
    ({**ASKED, "purpose": 1}, {"/purpose": "wrong_type"}),
    ({**ASKED, "confirms": "third_person"}, {"/confirms": "enum"}),
    ({**ASKED, "purpose": "third_person_method"}, {"/confirms": "required"}),
    ({**ASKED, "third_person_id": THIRD_ID}, {"/third_person_id": "not_expected"}),
    (
        {**STORED, "purpose": "third_person_method", "confirms": "third_person"},
        {"/third_person_id": "required"},
    ),
    ({**ASKED, "entity_id": "x" * 101}, {"/entity_id": "too_long"}),
    ({**ASKED, "entity_id": 5}, {"/entity_id": "wrong_type"}),
    ({**ASKED, "doctor_id": ""}, {"/doctor_id": "empty"}),
    ({**ASKED, "code": "1234"}, {"/code": "unknown_field"}),
    ({**ASKED, "patient_id": PATIENT_ID}, {"/patient_id": "one_of"}),
    ({**ASKED, "authorize_with": 5}, {"/authorize_with": "format"}),
    ({**ASKED, "recipient": {"phone": "0500000777"}}, {"/recipient/phone": "format"}),
]


@pytest.mark.parametrize(("asked", "problems"), BAD)
async def test_every_broken_rule_is_told(desk: Desk, asked: dict[str, object], problems: dict[str, str]) -> None:
    """A body that breaks rules is refused with each field and rule; nothing of it is repeated."""
    reply = await create(desk, asked)
    replies = reply.json

    assert reply.status == 422, reply.body
    assert problems.items() <= {one["pointer"]: one["code"] for one in replies["invalid"]}.items()
    assert b"777" not in reply.body


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, ("/code", "required")),
        ({"code": 1234}, ("/code", "wrong_type")),
        ({"code": ""}, ("/code", "empty")),
        ({"code": "1" * 33}, ("/code", "too_long")),
        ({"code": "1234", "phone": PHONE}, ("/phone", "unknown_field")),
    ],
)
async def test_a_check_has_a_code_and_nothing_else(
    desk: Desk, body: dict[str, object], problem: tuple[str, str]
) -> None:
    """What is no check spends no attempt."""
    made = await created(desk)
    reply = await desk.call("POST", made["links"]["check"], body)

    assert reply.status == 422
    assert problem in {(one["pointer"], one["code"]) for one in reply.json["invalid"]}
    assert (await desk.call("GET", made["links"]["self"])).json["attempts_left"] == 3
