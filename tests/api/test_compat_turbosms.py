"""TurboSMS's calls: what is sent, what is refused and by which code, and what becomes of it."""

import asyncio
import logging
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.api.codes import code_of
from tests.api.desk import PHONE, Desk, a_desk

from esoz_notify.api.compat_shapes import IDS_MAX, RECIPIENTS_MAX
from esoz_notify.api.compat_turbosms_envelope import Code
from esoz_notify.api.rates import RateLimit
from esoz_notify.core.cascade import Reported
from esoz_notify.core.kinds import PLAIN_TEXT_LENGTH_MAX
from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import ReceiptState
from esoz_notify.engine.callers import SCOPES, TURBOSMS

SEND, STATUS, PING = "/message/send.json", "/message/status.json", "/message/ping.json"
TEXT = "Запис на 10:00 підтверджено"
DIGITS = PHONE[1:]


def asked(*recipients: object, **more: Any) -> dict[str, Any]:
    """The body of a sending."""
    return {"recipients": list(recipients or (DIGITS,)), "sms": {"sender": "Clinic", "text": TEXT}, **more}


async def send(desk: Desk, body: object, **more: Any) -> tuple[str, list[tuple[str, str | None]]]:
    """What it came to: the whole, and each recipient with its id."""
    said = (await desk.call("POST", SEND, body, **more)).json
    return said["response_status"], [
        (one["response_status"], one["message_id"]) for one in said["response_result"] or ()
    ]


async def sent_texts(desk: Desk) -> list[str]:
    """Kinds of what was accepted."""
    async with desk.ledger.transaction() as connection:
        return [row[0] for row in await (await connection.execute("SELECT kind FROM notification")).fetchall()]


async def test_a_key_comes_in_as_turbosms_takes_it(desk: Desk) -> None:
    """As Bearer or Basic, beside a token of ours; not in the address, and at no other call of ours."""
    key = await desk.access.api_keys.show("mis-1", who="cli:a@b")
    for shown in (f"Bearer {key}", f"Basic {key}", f"bearer {await desk.token(TURBOSMS)}"):
        reply = await desk.call("POST", PING, {}, token=None, authorization=shown)
        assert (reply.status, reply.json["response_code"], reply.code) == (200, 1, "PONG")
    assert (await desk.call("POST", f"{PING}?token={key}", {}, token=None)).code == "REQUIRED_TOKEN"
    for path in ("/v1/notifications", "/v1/operations/providers"):
        assert (await desk.call("GET", path, token=key)).status == 401
    wrong = await desk.call("POST", PING, {}, token=f"{key[:-1]}x")
    assert (wrong.status, wrong.json["response_code"]) == (401, 301)


async def test_each_recipient_is_a_text_of_its_own(desk: Desk) -> None:
    """Taken, named twice, no phone: each is told by itself, in order, and the whole by what they came to."""
    whole, rows = await send(desk, asked(DIGITS, f"+{DIGITS}", "380", 7, "067 000 00 02"))
    assert whole == "SUCCESS_MESSAGE_PARTIAL_ACCEPTED"
    assert [code for code, _ in rows] == [
        "OK", "NOT_ALLOWED_RECIPIENT_DUPLICATE", "INVALID_PHONE", "INVALID_PHONE", "OK",
    ]  # fmt: skip
    assert await sent_texts(desk) == ["plain_text"] * 2
    assert (await send(desk, asked("380000000003", viber={"text": "b"})))[0] == "SUCCESS_MESSAGE_ACCEPTED"
    assert (await send(desk, asked("380")))[0] == "INVALID_PHONE"


async def test_the_text_is_the_one_that_is_said_to_be(desk: Desk) -> None:
    """That of the SMS, else Viber's, else the common one; on one line."""
    bodies = {
        "a b": asked(viber={"text": "c"}, sms={"text": " a\n b "}),
        "c": asked(sms=None, viber={"text": "c"}, text="d"),
        "d": asked(sms={}, text="d"),
    }
    for body in bodies.values():
        assert (await send(desk, body))[0] == "SUCCESS_MESSAGE_ACCEPTED"
    async with desk.ledger.transaction() as connection:
        rows = await (
            await connection.execute("SELECT notification_id::text, code FROM content ORDER BY notification_id")
        ).fetchall()
    assert [await code_of(desk, row[0]) for row in rows] == list(bodies)


REFUSED: tuple[tuple[str, Any], ...] = (
    ("NOT_ALLOWED_START_TIME", asked(start_time="2026-12-01 10:00:00")),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(sms=None)),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(sms="text")),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(viber={"text": TEXT, "image_url": "https://a.example/a.png"})),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(sms={"text": TEXT, "is_flash": 1})),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(rcs={"text": TEXT})),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(sequence_id="")),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(sequence_id="x" * 101)),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(sequence_id=True)),
    ("NOT_ALLOWED_MESSAGE_DATA", asked(sequence_id="a\0")),
    ("REQUIRED_MESSAGE_RECIPIENT", {**asked(), "recipients": []}),
    ("REQUIRED_MESSAGE_RECIPIENT", {**asked(), "recipients": DIGITS}),
    ("NOT_ALLOWED_RECIPIENTS_LIMIT", asked(*[DIGITS] * (RECIPIENTS_MAX + 1))),
    ("REQUIRED_MESSAGE_TEXT", asked(sms={})),
    ("REQUIRED_MESSAGE_TEXT", asked(sms={"text": " \n"})),
    ("INVALID_MESSAGE_TEXT", asked(sms={"text": 7})),
    ("INVALID_MESSAGE_TEXT", asked(sms={"text": "a\0b"})),
    ("NOT_ALLOWED_MESSAGE_TEXT_LENGTH", asked(sms={"text": "я" * (PLAIN_TEXT_LENGTH_MAX + 1)})),
)


async def test_what_cannot_be_done_is_refused_whole(desk: Desk) -> None:
    """By TurboSMS's code with HTTP's 200 and a sentence of ours; nothing is sent, and nothing of the text is told."""
    for code, body in REFUSED:
        reply = await desk.call("POST", SEND, body)
        assert (reply.status, reply.code, reply.json["response_result"]) == (200, code, None), body
        assert reply.json["response_detail"]
        assert TEXT not in reply.body.decode()
    assert await sent_texts(desk) == []
    flags = asked(
        sms={"text": TEXT, "is_flash": 0}, viber={"text": TEXT, "ttl": 60, "is_transactional": 1}, start_time=None
    )
    assert (await send(desk, flags))[0] == "SUCCESS_MESSAGE_ACCEPTED"


async def test_a_sequence_is_sent_once(desk: Desk) -> None:
    """A repeat, also many at once and beyond the limit of texts, gives the first ids; another text is refused."""
    body = asked(DIGITS, "380000000002", sequence_id="visit-1")
    first = await send(desk, body)
    assert first[0] == "SUCCESS_MESSAGE_ACCEPTED"
    for _ in range(4):
        assert await send(desk, body) == ("FAILED_DUPLICATE_REQUEST", first[1])
    assert await send(desk, {**body, "sms": {"text": "інше"}}) == (
        "FAILED_DUPLICATE_REQUEST", [("FAILED_DUPLICATE_REQUEST", None)] * 2,
    )  # fmt: skip
    grown = await send(desk, {**body, "recipients": [*body["recipients"], "380000000003"]})
    assert (grown[0], grown[1][:2], grown[1][2][0]) == ("SUCCESS_MESSAGE_ACCEPTED", first[1], "OK")
    at_once = await asyncio.gather(*(send(desk, asked(sequence_id=7)) for _ in range(5)))
    assert len({taken[0][1] for _, taken in at_once} - {None}) == 1
    assert len(await sent_texts(desk)) == 4


async def test_without_a_sequence_every_call_is_a_text_until_the_limit(desk: Desk) -> None:
    """The same text to one phone three times in ten minutes; the next is told of that recipient."""
    came_to = [(await send(desk, asked()))[0] for _ in range(4)]
    assert came_to == [*["SUCCESS_MESSAGE_ACCEPTED"] * 3, "NOT_ALLOWED_MESSAGE_DUPLICATE"]


async def test_statuses_in_their_words(desk: Desk) -> None:
    """Queued, Sent, Delivered, Read and Undelivered, with the channel, times of Kyiv and a masked phone."""
    _, rows = await send(desk, asked("380000000001", "380000000002", "380000000003"))
    queued, delivered, read = [str(message_id) for _, message_id in rows]
    await desk.deliver(delivered)
    await desk.start(read)
    await desk.move(read, Reported(0, 0, ReceiptState.SEEN))
    cancelled = (await desk.send())["id"]
    await desk.call("POST", f"/v1/notifications/{cancelled}/cancel")

    ids = [queued, delivered, read, cancelled, str(uuid4()), "x", None]
    said = (await desk.call("POST", STATUS, {"messages": ids})).json
    told = said["response_result"]
    assert [one.get("status", one["response_status"]) for one in told] == [
        "Queued", "Delivered", "Read", "Cancelled", *["NOT_ALLOWED_MESSAGE_ID"] * 3,
    ]  # fmt: skip
    assert [one["message_id"] for one in told] == [*ids[:5], None, None]
    assert (told[1]["recipient"], told[1]["type"]) == ("+38000*****02", "sms")
    view = (await desk.call("GET", f"/v1/notifications/{delivered}")).json
    ended = datetime.fromisoformat(view["ended_at"]).astimezone(KYIV)
    assert told[1]["updated"] == f"{ended:%Y-%m-%d %H:%M:%S}"
    assert (told[0]["sent"], told[0]["type"]) == (None, None)
    bad: tuple[dict[str, Any], ...] = ({}, {"messages": []}, {"messages": "x"}, {"messages": ["x"] * (IDS_MAX + 1)})
    for wrong in bad:
        assert (await desk.call("POST", STATUS, wrong)).code == "INVALID_REQUEST"


async def test_anothers_text_is_not_there(desk: Desk) -> None:
    """The id of another caller's message is answered like one that nothing has, also to who may read all by a token."""
    _, [(_, message_id)] = await send(desk, asked())
    await desk.access.callers.create("mis-2", "Another", SCOPES)
    key = await desk.access.api_keys.show("mis-2", who="cli:a@b")
    told = (await desk.call("POST", STATUS, {"messages": [message_id]}, token=key)).json["response_result"]
    assert told == [
        {"message_id": message_id, "response_code": 414, "response_status": "NOT_ALLOWED_MESSAGE_ID"},
    ]  # fmt: skip


async def test_bodies_that_cannot_be_read_and_a_service_that_cannot_answer(
    ledger_dsn: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These have an HTTP status too; 503: nothing was done, 999: nobody knows; no log has phone or text."""
    caplog.set_level(logging.DEBUG)
    async with a_desk(ledger_dsn, rate_limit=RateLimit(quota=9, window_s=3600)) as desk:
        for raw, status, code in (
            (f'{{"recipients": ["{DIGITS}"'.encode(), 400, "FAILED_PARSE_BODY"),
            (b"[]", 400, "INVALID_REQUEST"),
            (b" " * 70_000, 413, "FAILED_PARSE_BODY"),
        ):
            reply = await desk.call("POST", SEND, raw=raw)
            assert (reply.status, reply.code) == (status, code)
        reply = await desk.call("POST", SEND, raw=b"recipients=1", content_type="application/x-www-form-urlencoded")
        assert (reply.status, reply.code) == (415, "FAILED_PARSE_BODY")

        once = desk.service.esoz.send_plain

        async def fails_for_two(client_id: str, phone: Phone, body: str, **more: Any) -> Any:
            if phone.digits.endswith("2"):
                await desk.ledger.close()
            return await once(client_id, phone, body, **more)

        async def breaks(*_: object, **__: object) -> None:
            raise RuntimeError(f"about {PHONE} and {TEXT}")

        with monkeypatch.context() as patch:
            patch.setattr(type(desk.service.esoz), "send_plain", breaks)
            reply = await desk.call("POST", SEND, asked())
            assert (reply.status, reply.code) == (500, "FATAL_ERROR")
        with monkeypatch.context() as patch:
            patch.setattr(
                type(desk.service.esoz), "send_plain", lambda _, *given, **more: fails_for_two(*given, **more)
            )
            whole, rows = await send(desk, asked("380", "380000000001", "380000000002", "380000000003"))
        assert (whole, [code for code, _ in rows]) == (
            "SUCCESS_MESSAGE_PARTIAL_ACCEPTED", ["INVALID_PHONE", "OK", "FATAL_ERROR", "FAILED_SMS_SEND"],
        )  # fmt: skip
        reply = await desk.call("POST", SEND, asked("380", DIGITS))
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "FATAL_ERROR", "1")
        while (reply := await desk.call("POST", PING)).status != 429:
            pass
        assert (reply.code, reply.json["response_code"]) == ("FAILED_SMS_SEND", 503)
        assert int(reply.headers["Retry-After"]) > 0
    assert DIGITS not in caplog.text
    assert TEXT not in caplog.text


def test_no_code_is_unused() -> None:
    """Every code is told by the table of failures or by a test of this file or of the gate."""
    told = Path(__file__).read_text("utf-8") + (Path(__file__).parent / "test_walk.py").read_text("utf-8")
    assert [code.name for code in Code if code.name not in told] == []
