"""Accepting, finding, withdrawing, sending again and printing, over a real port and a real ledger."""

import asyncio
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from tests.api.desk import ADULT, CODE, INLINE, PATIENT_ID, PHONE, Desk

from esoz_notify.core.cascade import Due
from esoz_notify.core.limits import BATCH_LINES_MAX, RESEND_COUNT_MAX

PRESCRIPTION = {
    "kind": "prescription_issued",
    "patient_id": PATIENT_ID,
    "data": {"request_number": "0000-243P-1X53-EH38", "verification_code": CODE},
}


async def test_accepting_answers_202_and_it_can_be_read_back(desk: Desk) -> None:
    """What was accepted is there under its id, with who is informed, the route and the reasons; the phone is masked."""
    await desk.patient()
    accepted = await desk.send({**PRESCRIPTION, "reference": "rx-1"}, "a")
    read = (await desk.call("GET", accepted["links"]["self"])).json

    assert accepted["status"] == "accepted"
    assert accepted["route"] == ["viber", "sms"]
    assert accepted["recipient"]["phone"] == "+38000*****01"
    assert read["reference"] == "rx-1"
    assert read["attempts"] == []
    assert PHONE[1:] not in str(read)


async def test_a_repeat_gets_the_first_answer(desk: Desk) -> None:
    """The same key with the same request answers as the first time and says so; JSON spacing does not matter."""
    first = await desk.call("POST", "/v1/notifications", INLINE, idempotency_key="k-1")
    await desk.move(first.json["id"], Due())
    raw = (
        b'{ "data": {"verification_code": "4821"}, "kind": "confirmation_code",'
        b' "recipient": {"phone": "+380000000001"} }'
    )
    again = await desk.call("POST", "/v1/notifications", raw=raw, idempotency_key='"k-1"')

    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


async def test_another_request_under_a_used_key_is_refused(desk: Desk) -> None:
    """The same key for something else is the caller's mistake: 422, and nothing is sent."""
    await desk.send(INLINE, "k-1")
    reply = await desk.call("POST", "/v1/notifications", {**INLINE, "reference": "other"}, idempotency_key="k-1")

    assert (reply.status, reply.code) == (422, "idempotency_key_reused")


async def test_repeats_in_the_same_moment_make_one(desk: Desk) -> None:
    """Of requests under one key at once, one is accepted; the rest get its answer or are told that it is in flight."""
    replies = await asyncio.gather(
        *(desk.call("POST", "/v1/notifications", INLINE, idempotency_key="k-1") for _ in range(20))
    )

    assert {(one.status, one.json.get("code")) for one in replies} <= {(202, None), (409, "idempotency_in_flight")}
    assert len({one.json["id"] for one in replies if one.status == 202}) == 1
    assert len((await desk.call("GET", "/v1/notifications")).json["data"]) == 1


async def test_accepting_needs_a_good_key(desk: Desk) -> None:
    """Without a key that can be compared nothing is accepted."""
    for key in (None, "", "two words", '"half', "k" * 201, "ключ"):
        reply = await desk.call("POST", "/v1/notifications", INLINE, idempotency_key=key)
        code = "idempotency_key_missing" if key is None else "idempotency_key_invalid"
        assert (reply.status, reply.code) == (400, code), key


async def test_every_broken_rule_is_told_at_once(desk: Desk) -> None:
    """A body with several faults names each with a pointer and a code, and repeats no value from it."""
    bad = {
        "kind": "confirmation_code",
        "recipient": {"phone": "0000000777", "tax_id": "x1"},
        "data": {},
        "valid_until": "2020-01-01T00:00:00Z",
        "0000000778": 1,
    }
    reply = await desk.call("POST", "/v1/notifications", bad, idempotency_key="k")

    assert reply.status == 422
    assert {(one["pointer"], one["code"]) for one in reply.json["invalid"]} == {
        ("/(hidden)", "unknown_field"),
        ("/data/verification_code", "missing"),
        ("/recipient/phone", "format"),
        ("/recipient/tax_id", "format"),
        ("/valid_until", "past"),
    }
    assert b"777" not in reply.body
    assert b"778" not in reply.body


async def test_nobody_to_inform_is_a_refusal_with_a_way_out(desk: Desk) -> None:
    """A patient whom nothing reaches is refused with the reason in both languages, and paper is offered."""
    await desk.patient({**ADULT, "authentication_methods": []})
    refused = await desk.call("POST", "/v1/notifications", PRESCRIPTION, idempotency_key="k")
    printed = await desk.send({**PRESCRIPTION, "inform_with": refused.json["offer"]["inform_with"]}, "k")

    assert (refused.status, refused.json["reason"]) == (422, "no_authentication_method")
    assert refused.json["print_offered"] is True
    assert refused.json["why"]["uk"] == "Пацієнт не має методу автентифікації."
    assert (printed["status"], printed["route"]) == ("print_required", ["print"])


async def test_an_unknown_patient_is_told_as_a_field(desk: Desk) -> None:
    """A patient that was never stored is a fault of the field, with the call that stores one."""
    reply = await desk.call("POST", "/v1/notifications", PRESCRIPTION, idempotency_key="k")

    assert reply.status == 422
    assert [(one["pointer"], one["code"]) for one in reply.json["invalid"]] == [("/patient_id", "patient_unknown")]


async def test_the_trace_context_is_kept_when_it_is_well_formed(desk: Desk) -> None:
    """A W3C traceparent is stored with the notification; a wrong one is ignored and refuses nothing."""
    good = f"00-{'a' * 32}-{'b' * 16}-01"
    for key, value in (("good", good), ("zeros", f"00-{'0' * 32}-{'b' * 16}-01"), ("text", "drop table")):
        reply = await desk.call("POST", "/v1/notifications", INLINE, idempotency_key=key, traceparent=value)
        assert reply.status == 202
    async with desk.ledger.transaction() as connection:
        rows = await (await connection.execute("SELECT traceparent FROM notification ORDER BY id")).fetchall()

    assert [row[0] for row in rows] == [good, None, None]


# --- finding ----------------------------------------------------------------------------------------------------------


async def test_finding_by_every_filter(desk: Desk) -> None:
    """Reference, status, kind and phone each find the one; a phone's plus may arrive as a space."""
    await desk.patient()
    wanted = await desk.send({**PRESCRIPTION, "reference": "rx 1"})
    await desk.send({**INLINE, "recipient": {"phone": "+380000000002"}})
    await desk.move(wanted["id"], Due())

    for query in (
        "reference=rx%201",
        "status=in_delivery",
        "kind=prescription_issued",
        "phone=%2B380000000001",
        "phone=+380000000001",
        "status=in_delivery&kind=prescription_issued&reference=rx+1&limit=1",
    ):
        found = (await desk.call("GET", f"/v1/notifications?{query}")).json
        assert [one["id"] for one in found["data"]] == [wanted["id"]], query
        assert found["next_cursor"] is None


async def test_a_search_is_a_list_without_an_address(desk: Desk) -> None:
    """The same filters in a body find the same, by pages, and only one's own; what is wrong is refused and named."""
    sent = [(await desk.send())["id"] for _ in range(3)]
    await desk.send({**INLINE, "recipient": {"phone": "+380000000002"}})
    path = "/v1/notifications/search"
    first = (await desk.call("POST", path, {"phone": PHONE, "kind": "confirmation_code", "limit": 2})).json
    second = (await desk.call("POST", path, {"phone": PHONE, "limit": 2, "cursor": first["next_cursor"]})).json
    secret = await desk.access.callers.create("mis-2", "Another system", ["notifications:read"])
    token = (await desk.access.issue("mis-2", secret)).access_token
    other = await desk.call("POST", path, {"phone": PHONE}, token=token)

    assert [one["id"] for one in (*first["data"], *second["data"])] == sent[::-1]
    assert second["next_cursor"] is None
    assert other.json["data"] == []
    for asked, pointer in (
        ({"phone": "0000000777"}, "/phone"),
        ({"phone": ""}, "/phone"),
        ({"phone": None}, "/phone"),
        ({"limit": True}, "/limit"),
        ({"limit": 0}, "/limit"),
        ({"phones": PHONE}, "/phones"),
    ):
        reply = await desk.call("POST", path, asked)
        assert (reply.status, [one["pointer"] for one in reply.json["invalid"]]) == (422, [pointer]), asked


async def test_pages_show_everything_once(desk: Desk) -> None:
    """Following the cursor shows every notification once, the newest first, whatever is added meanwhile."""
    sent = [(await desk.send())["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = (await desk.call("GET", f"/v1/notifications?limit=2{f'&cursor={cursor}' if cursor else ''}")).json
        seen += [one["id"] for one in page["data"]]
        await desk.send()
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == sent[::-1]


WRONG_QUERIES = [
    ("status=sent&kind=sms", ["/query/status", "/query/kind"]),
    ("phone=0000000777", ["/query/phone"]),
    ("limit=0", ["/query/limit"]),
    ("limit=201", ["/query/limit"]),
    ("limit=%D9%A1", ["/query/limit"]),
    ("cursor=1", ["/query/cursor"]),
    ("reference=a%00b", ["/query/reference"]),
    ("statuss=delivered", ["/query/statuss"]),
    ("status=delivered&status=expired", ["/query/status"]),
    ("0000000777=1", ["/query/(hidden)"]),
]


async def test_a_wrong_query_is_refused(desk: Desk) -> None:
    """A value or a name that a list cannot be filtered by is 400 and named; a typo never widens what is shown."""
    for query, pointers in WRONG_QUERIES:
        reply = await desk.call("GET", f"/v1/notifications?{query}")
        assert (reply.status, reply.code) == (400, "invalid_query"), query
        assert [one["pointer"] for one in reply.json["invalid"]] == pointers
        assert b"777" not in reply.body


async def test_callers_see_their_own(desk: Desk) -> None:
    """Another caller's notification is not there; with notifications:read_all it is."""
    secret = await desk.access.callers.create("mis-2", "Another", ["notifications:read", "notifications:write"])
    other = (await desk.access.issue("mis-2", secret)).access_token
    own = await desk.token("notifications:read")
    sent = await desk.send()
    path = sent["links"]["self"]

    assert (await desk.call("GET", path, token=other)).status == 404
    assert (await desk.call("GET", f"{path}/events", token=other)).status == 404
    assert (await desk.call("POST", f"{path}/cancel", token=other)).status == 404
    assert (await desk.call("GET", "/v1/notifications", token=other)).json["data"] == []
    assert (await desk.call("GET", path, token=own)).status == 200

    secret = await desk.access.callers.create("auditor", "All", ["notifications:read", "notifications:read_all"])
    auditor = (await desk.access.issue("auditor", secret)).access_token
    assert (await desk.call("GET", path, token=auditor)).status == 200


async def test_what_is_not_there_is_404(desk: Desk) -> None:
    """An id that is none, and one that nobody has, are both not found."""
    for name in ("not-a-uuid", "0198c0de-0000-7000-8000-00000000dead", "%00", "..%2f"):
        assert (await desk.call("GET", f"/v1/notifications/{name}")).status == 404, name


# --- withdrawing and sending again -----------------------------------------------------------------------------------


async def test_cancel_is_repeatable_and_final(desk: Desk) -> None:
    """A second cancel answers the same; what is cancelled is not sent again."""
    path = (await desk.send())["links"]["self"]
    first = await desk.call("POST", f"{path}/cancel")
    again = await desk.call("POST", f"{path}/cancel")
    resent = await desk.call("POST", f"{path}/resend")

    assert (first.status, first.json["status"]) == (200, "cancelled")
    assert again.json == first.json
    assert (resent.status, resent.code) == (409, "status_conflict")


async def test_resends_are_limited_and_the_next_time_is_told(desk: Desk) -> None:
    """After the last allowed resend comes 429 with Retry-After and next_at."""
    sent = await desk.send()
    await desk.deliver(sent["id"])
    replies = [await desk.call("POST", f"{sent['links']['self']}/resend") for _ in range(RESEND_COUNT_MAX + 1)]

    assert [one.status for one in replies] == [202] * RESEND_COUNT_MAX + [429]
    assert replies[-1].code == "limit_reached"
    assert 0 < int(replies[-1].headers["Retry-After"]) <= 600
    assert replies[-1].json["next_at"].endswith("Z")


# --- the dry run and batches ------------------------------------------------------------------------------------------


async def test_the_dry_run_writes_nothing(desk: Desk) -> None:
    """It tells the route, or why there is none, and leaves no trace."""
    await desk.patient({**ADULT, "authentication_methods": []})
    good = (await desk.call("POST", "/v1/route", INLINE)).json
    refused = (await desk.call("POST", "/v1/route", PRESCRIPTION)).json

    assert (good["informed"], good["route"]) == (True, ["viber", "sms"])
    assert (refused["informed"], refused["reason"]) == (False, "no_authentication_method")
    assert (await desk.call("GET", "/v1/notifications")).json["data"] == []


NDJSON = "application/x-ndjson"


def _lines(reply: Any, desk: Desk) -> list[dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/BatchResult"}
    lines = []
    for line in reply.body.splitlines():
        result = msgspec.json.decode(line)
        desk.fits(result, schema)
        lines.append(result)
    return lines


async def test_a_bad_line_spoils_no_other(desk: Desk) -> None:
    """Every line gets its own result, in order, whatever is wrong with its neighbours."""
    good = b'{"kind":"confirmation_code","recipient":{"phone":"+380000000001"},"data":{"verification_code":"4821"}}'
    body = b"\n".join([good, b"{", b"", b"[1]", b'{"kind":"x"}', good.replace(b"4821", b"9" * 70_000), good, b""])
    reply = await desk.call("POST", "/v1/notifications/batch", raw=body, content_type=NDJSON, idempotency_key="b")
    results = _lines(reply, desk)

    assert reply.headers["Content-Type"] == NDJSON
    assert [one["line"] for one in results] == [1, 2, 3, 4, 5, 6, 7]
    assert [one["status"] for one in results] == [202, 400, 400, 422, 422, 413, 202]
    assert results[1]["problem"]["code"] == "malformed_json"
    assert results[0]["notification"]["id"] == results[0]["id"] != results[6]["id"]


async def test_a_repeated_batch_makes_nothing_new(desk: Desk) -> None:
    """The same lines under the same key come to the same ids, marked as replayed; also when there are many."""
    line = b'{"kind":"confirmation_code","recipient":{"phone":"+380000000001"},"data":{"verification_code":"4821"}}\n'
    count = 1200
    first, again = [
        _lines(
            await desk.call(
                "POST", "/v1/notifications/batch", raw=line * count, content_type=NDJSON, idempotency_key="b"
            ),
            desk,
        )
        for _ in range(2)
    ]

    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert len({one["id"] for one in first}) == count
    assert {one["replayed"] for one in again} == {True}


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 422), (b"{}\n" * (BATCH_LINES_MAX + 1), 413), (b" " * (33 << 20), 413)]
)
async def test_a_batch_has_limits(desk: Desk, body: bytes, status: int) -> None:
    """No lines, too many lines and too many bytes are refused as a whole."""
    reply = await desk.call("POST", "/v1/notifications/batch", raw=body, content_type=NDJSON, idempotency_key="b")

    assert reply.status == status


# --- patients ---------------------------------------------------------------------------------------------------------


async def test_a_patient_lives_from_put_to_delete(desk: Desk) -> None:
    """201 when new, 200 when replaced, masked when read, 204 and then 404 when forgotten."""
    path = f"/v1/patients/{PATIENT_ID}"
    document = {**ADULT, "tax_id": "0000000001", "first_name": "Леся"}
    replies = [
        await desk.call("PUT", path, document),
        await desk.call("PUT", path, document),
        await desk.call("GET", path),
        await desk.call("DELETE", path),
        await desk.call("DELETE", path),
        await desk.call("GET", path),
    ]

    assert [one.status for one in replies] == [201, 200, 200, 204, 404, 404]
    assert replies[0].json["ignored"] == ["first_name"]
    read = replies[2].json
    assert read["authentication_methods"][0]["phone_number"] == "+38000*****01"
    assert read["tax_id"] == "********01"
    assert replies[5].code == "patient_unknown"


async def test_a_bad_patient_is_told_without_its_data(desk: Desk) -> None:
    """Faults are named by pointer; the phone in the body is not repeated."""
    reply = await desk.patient(
        {"birth_date": "1990-13-01", "authentication_methods": [{"type": "OTP", "phone_number": "0777"}]}
    )

    assert reply.status == 422
    assert "/authentication_methods/0/phone_number" in {one["pointer"] for one in reply.json["invalid"]}
    assert b"0777" not in reply.body


async def test_a_key_belongs_to_one_caller(desk: Desk) -> None:
    """A key of one caller means nothing for another."""
    secret = await desk.access.callers.create("mis-2", "Another", ["notifications:write"])
    other = (await desk.access.issue("mis-2", secret)).access_token
    key = str(uuid4())
    first = await desk.call("POST", "/v1/notifications", INLINE, idempotency_key=key)
    second = await desk.call("POST", "/v1/notifications", INLINE, idempotency_key=key, token=other)

    assert first.json["id"] != second.json["id"]
