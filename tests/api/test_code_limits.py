"""How often codes may be sent and guessed, and the alarm for people who get many that nobody uses."""

import logging
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.api.codes import ASKED, check, code_of, create, created, other_than
from tests.api.desk import ADULT, PATIENT_ID, Desk, Reply

from esoz_notify.core.windows import Act, Whose, windows

LIMITS = {(one.act, one.whose, one.window_s): one.count_max for one in windows()}
TEN_MIN = 600


def to_phone(number: int) -> dict[str, str]:
    """A recipient of its own."""
    return {"phone": f"+38000000{number:04d}"}


def next_at(reply: Reply) -> datetime:
    """When a refused call says that it will be allowed; Retry-After must agree."""
    moment = datetime.fromisoformat(reply.json["next_at"])
    assert 1 <= int(reply.headers["Retry-After"]) <= TEN_MIN * 6
    return moment


async def passes(desk: Desk, seconds: int) -> None:
    """Let time pass for everything that was counted."""
    async with desk.ledger.transaction() as connection:
        await connection.execute("UPDATE verification_act SET at = at - make_interval(secs => %s)", [seconds])


async def many(desk: Desk, count: int, **more: Any) -> list[dict[str, Any]]:
    """So many verifications, each of its own entity and, unless said, its own phone."""
    return [
        await created(desk, ASKED, **{"entity_id": f"e{number}", "recipient": to_phone(number), **more})
        for number in range(count)
    ]


async def test_a_phone_gets_so_many_in_ten_minutes(desk: Desk) -> None:
    """The next one is refused with the moment at which the oldest leaves the window; then it is allowed."""
    count = LIMITS[Act.SEND, Whose.PHONE, TEN_MIN]
    first = (await many(desk, count, recipient=to_phone(1)))[0]
    refused = await create(desk, recipient=to_phone(1))
    other = await create(desk, recipient=to_phone(2))
    await passes(desk, TEN_MIN)
    allowed = await create(desk, recipient=to_phone(1))

    assert (refused.status, refused.code) == (429, "limit_reached")
    waits = next_at(refused) - datetime.fromisoformat(first["created_at"])
    assert abs(waits - timedelta(seconds=TEN_MIN)) < timedelta(milliseconds=2)
    assert (other.status, allowed.status) == (201, 201)


async def test_a_patient_gets_so_many_however_many_phones(desk: Desk) -> None:
    """What counts is the person: changing the method does not open a new window."""
    methods = [{"type": "OTP", "phone_number": to_phone(number)["phone"]} for number in (1, 2)]
    asked = {"purpose": "declaration", "patient_id": PATIENT_ID}
    count = LIMITS[Act.SEND, Whose.PATIENT, TEN_MIN]
    for number in range(count):
        await desk.patient({**ADULT, "authentication_methods": [methods[number % 2]]})
        await created(desk, {**asked, "entity_id": f"e{number}"})
    refused = await create(desk, {**asked, "entity_id": "one more"})

    assert (refused.status, refused.code) == (429, "limit_reached")


async def test_a_doctor_sends_so_many(desk: Desk) -> None:
    """A doctor is limited over all patients; another doctor of the same system is not touched."""
    await many(desk, LIMITS[Act.SEND, Whose.DOCTOR, TEN_MIN], doctor_id="d-1")
    replies = [await create(desk, doctor_id=doctor, recipient=to_phone(900)) for doctor in ("d-1", "d-2")]

    assert [one.status for one in replies] == [429, 201]


async def test_a_resend_counts(desk: Desk) -> None:
    """A message sent again is one more for its phone, by whichever call; a full window says until when."""
    made = await many(desk, LIMITS[Act.SEND, Whose.PHONE, TEN_MIN], recipient=to_phone(1))
    await desk.start(made[-1]["id"])
    refused = await desk.call("POST", made[-1]["links"]["resend"])
    way_round = await desk.call("POST", f"/v1/notifications/{made[-1]['id']}/resend")
    await passes(desk, TEN_MIN)
    allowed = await desk.call("POST", made[-1]["links"]["resend"])

    assert [(one.status, one.code) for one in (refused, way_round)] == [(429, "limit_reached")] * 2
    assert next_at(refused) > datetime.fromisoformat(made[0]["created_at"])
    assert allowed.status == 202


async def test_guessing_at_one_phone_hits_its_limit(desk: Desk) -> None:
    """Code after code of one phone: after so many wrong ones nothing is judged, whichever verification it is."""
    count = LIMITS[Act.WRONG, Whose.PHONE, 3600]
    statuses = []
    for made in await many(desk, count // 3 + 1, recipient=to_phone(1)):
        code = await code_of(desk, made["id"])
        statuses += [(await check(desk, made["id"], other_than(code))).status for _ in range(3)]

    assert statuses == [403] * count + [429] * (len(statuses) - count)


async def test_looking_for_patients_hits_a_limit(desk: Desk) -> None:
    """Whoever asks for codes for patients who are not there, one after another, is told to wait."""
    asked = {"purpose": "declaration", "entity_id": "e", "patient_id": PATIENT_ID}
    count = LIMITS[Act.IN_VAIN, Whose.CALLER, TEN_MIN]
    replies = [await create(desk, asked) for _ in range(count + 1)]

    assert [one.code for one in replies] == ["cannot_confirm"] * count + ["limit_reached"]
    assert (await create(desk)).status == 201


async def test_many_unrequested_codes_raise_an_alarm(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The fifth code in a day that nobody used is an alarm: in the log, in the numbers and for operators; no phone."""
    with caplog.at_level(logging.WARNING, logger="esoz_notify.engine.admission"):
        made = await many(desk, 4, recipient=to_phone(1))
        await check(desk, made[0]["id"], await code_of(desk, made[0]["id"]))
        await many(desk, 4, recipient=to_phone(2))
        assert (await desk.call("GET", "/v1/operations/verification-alarms")).json == {"data": []}
        fifth = (await many(desk, 2, recipient=to_phone(1)))[-1]
    (alarm,) = (await desk.call("GET", "/v1/operations/verification-alarms")).json["data"]
    numbers = (await desk.call("GET", "/metrics", token=None)).body.decode()

    assert {name: alarm[name] for name in ("client_id", "verification_id", "unrequested")} == {
        "client_id": "mis-1",
        "verification_id": fifth["id"],
        "unrequested": 5,
    }
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert fifth["id"] in caplog.text
    assert to_phone(1)["phone"][1:] not in caplog.text
    assert re.search(r"^esoz_notify_verification_alarms_total 1.0$", numbers, re.MULTILINE)
