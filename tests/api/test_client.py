"""The Python client against the real API, and against a service that fails on the way."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from tests.api.codes import code_of, other_than
from tests.api.desk import ADULT, BY_DOCUMENTS, CODE, PATIENT_ID, PHONE, Desk

from esoz_notify.client import (
    Event,
    InlineRecipient,
    NotificationRequest,
    NotifyClient,
    NotifyProblem,
    NotOver,
    lines,
    order,
)
from esoz_notify.client.calls import TRIES_MAX
from esoz_notify.core.cascade import Due, Replied, Reported
from esoz_notify.core.receipts import ReceiptState
from esoz_notify.core.results import Accepted

DATA = {"verification_code": CODE}
TO_PHONE: InlineRecipient = {"phone": PHONE}
RX = {"request_number": "0000-243P-1X53-EH38"}


async def at_once(_: float) -> None:
    """A pause that takes no time."""
    await asyncio.sleep(0)


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[NotifyClient]:
    """The client of a hospital's system."""
    async with NotifyClient(desk.base_url, "mis-1", desk.secret) as opened:
        yield opened


async def test_the_whole_way(client: NotifyClient, desk: Desk) -> None:
    """Store a patient, ask, send, find, follow to the end, and forget the patient."""
    stored = await client.put_patient(PATIENT_ID, ADULT)
    route = await client.route("prescription_issued", RX, patient_id=PATIENT_ID)
    valid_until = datetime.now(UTC) + timedelta(hours=1)
    sent = await client.send(
        "prescription_issued", RX, patient_id=PATIENT_ID, reference="rx-1", valid_until=valid_until
    )
    following = asyncio.create_task(_names(client, sent["id"]))
    waiting = asyncio.create_task(client.wait(sent["id"], 10))
    await desk.deliver(sent["id"])

    assert stored["id"] == PATIENT_ID
    assert (await client.get_patient(PATIENT_ID))["birth_date"] == ADULT["birth_date"]
    assert route["route"] == sent["route"] == ["viber", "sms"]
    assert [one["id"] async for one in client.find(reference="rx-1", limit=1)] == [sent["id"]]
    assert (await waiting)["status"] == "delivered"
    assert (await following)[-1] == "end"
    assert (await client.resend(sent["id"]))["status"] == "in_delivery"
    assert (await client.cancel(sent["id"]))["status"] == "cancelled"
    await client.delete_patient(PATIENT_ID)
    with pytest.raises(NotifyProblem) as refused:
        await client.get_patient(PATIENT_ID)
    assert (refused.value.status, refused.value.code) == (404, "patient_unknown")


async def _names(client: NotifyClient, notification_id: str) -> list[str]:
    return [event.name async for event in client.events(notification_id)]


async def test_a_code_from_start_to_end(client: NotifyClient, desk: Desk) -> None:
    """Have it sent, watch it arrive, send it again, tell it wrongly and rightly; each refusal carries what is left."""
    await client.put_patient(PATIENT_ID, ADULT)
    made = await client.verify("declaration", "request-1", patient_id=UUID(PATIENT_ID), doctor_id="d-1")
    await desk.start(made["id"])
    assert (await client.resend_code(made["id"]))["status"] == "pending"
    await desk.move(made["id"], Due(), Replied(1, Accepted((f"{made['id']}.1",))))
    await desk.move(made["id"], Reported(1, 0, ReceiptState.DELIVERED))
    names = [event.name async for event in client.code_events(made["id"])]
    code = await code_of(desk, made["id"])
    with pytest.raises(NotifyProblem) as refused:
        await client.check(made["id"], other_than(code))
    confirmed = await client.check(made["id"], code)

    assert names[-1] == "end"
    assert (refused.value.code, refused.value.document["attempts_left"]) == ("code_wrong", 2)
    assert confirmed["status"] == (await client.verification(made["id"]))["status"] == "verified"


async def test_a_check_is_not_repeated_blindly() -> None:
    """Each check may spend an attempt, so a lost answer is the caller's to look into."""
    tries = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        return web.json_response({"code": "unavailable"}, status=503)

    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b", sleep=at_once) as client:
        with pytest.raises(NotifyProblem):
            await client.check(PATIENT_ID, "0000")

    assert tries == 1


async def test_find_reads_every_page(client: NotifyClient) -> None:
    """Pages follow each other as long as they are read."""
    sent = [(await client.send("confirmation_code", DATA, recipient=TO_PHONE))["id"] for _ in range(5)]

    assert [one["id"] async for one in client.find(limit=2, phone=PHONE)] == sent[::-1]


async def test_many_at_once(client: NotifyClient) -> None:
    """A batch gives a result per order; a bad one has its problem; larger than a megabyte is fine."""
    good = order("confirmation_code", DATA, recipient=TO_PHONE)
    bad = order("confirmation_code", {}, recipient=TO_PHONE)
    padded = order("confirmation_code", DATA, recipient=TO_PHONE, reference="x" * 199)
    results = await client.send_many([good, bad, *[padded] * 4000])

    assert [one["status"] for one in results[:3]] == [202, 422, 202]
    assert results[1]["problem"]["invalid"][0]["pointer"] == "/data/verification_code"
    assert len(results) == 4002


async def test_the_summary_in_every_form(client: NotifyClient) -> None:
    """PDF, HTML and text, paper and wording, alone or with another, are one argument apart."""
    await client.put_patient(PATIENT_ID, BY_DOCUMENTS)
    sent = await client.send("prescription_issued", RX, patient_id=PATIENT_ID)

    assert (await client.summary(sent["id"])).startswith(b"%PDF")
    assert b"<html" in await client.summary(sent["id"], "html")
    other = await client.send("prescription_issued", RX, patient_id=PATIENT_ID)
    words = await client.summary(sent["id"], "text", paper="a5", variant="plain", together_with=[other["id"]])
    assert words.decode().count("ВАШ РЕЦЕПТ НА ЛІКИ") == 2


async def test_waiting_has_an_end(client: NotifyClient) -> None:
    """What is not over in time is told with what was seen last."""
    sent = await client.send("confirmation_code", DATA, recipient=TO_PHONE)
    with pytest.raises(NotOver) as waited:
        await client.wait(sent["id"], 0.05)

    assert waited.value.view["status"] == "accepted"


async def test_problems_carry_their_document(client: NotifyClient) -> None:
    """A refusal is an exception with code, status and everything that the service said."""
    with pytest.raises(NotifyProblem) as refused:
        await client.send("confirmation_code", {}, recipient=TO_PHONE)
    with pytest.raises(NotifyProblem) as lost:
        await _names(client, "0198c0de-0000-7000-8000-00000000dead")

    assert (refused.value.status, refused.value.code) == (422, "invalid_input")
    assert refused.value.invalid[0]["code"] == "missing"
    assert lost.value.invalid == []
    assert lost.value.code == "notification_unknown"


async def test_a_wrong_secret_is_told(desk: Desk) -> None:
    """OAuth's own refusal comes as a problem too."""
    async with NotifyClient(desk.base_url, "mis-1", "wrong") as client:
        with pytest.raises(NotifyProblem) as refused:
            await client.get(PATIENT_ID)

    assert (refused.value.status, refused.value.code) == (401, "invalid_client")


async def test_a_token_that_was_refused_is_renewed_once(desk: Desk) -> None:
    """Tokens are used until shortly before their end; one that ended early is replaced without anybody noticing."""
    seconds = 0.0
    async with NotifyClient(desk.base_url, "mis-1", desk.secret, monotonic=lambda: seconds) as client:
        await client.send("confirmation_code", DATA, recipient=TO_PHONE)
        first = client._calls._token
        await client.send("confirmation_code", DATA, recipient=TO_PHONE)
        assert client._calls._token == first
        client._calls._token = "broken"
        await client.send("confirmation_code", DATA, recipient=TO_PHONE)
        second = client._calls._token
        seconds = 3600.0
        await client.send("confirmation_code", DATA, recipient=TO_PHONE)

        assert len({first, second, client._calls._token}) == 3


Failing = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def a_failing_service(answer: Failing) -> AsyncIterator[str]:
    """A service that gives tokens, and for the rest what ``answer`` says."""

    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "scope": ""})

    app = web.Application()
    app.router.add_post("/oauth/token", token)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_failures_on_the_way_are_repeated_under_one_key() -> None:
    """A broken connection, 503, a proxy's page, 429 by rate and 409 in flight are tried again, with the same key."""
    keys: list[str] = []
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        match len(keys):
            case 1:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case 2:
                return web.json_response({"code": "overloaded"}, status=503, headers={"Retry-After": "7"})
            case 3:
                return web.Response(status=502, text="<html>")
            case 4:
                return web.json_response({"code": "idempotency_in_flight"}, status=409)
            case 5:
                return web.json_response({"code": "rate_limited"}, status=429, headers={"Retry-After": "3"})
        return web.json_response({"id": "1"}, status=202)

    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b", sleep=pause) as client:
        sent = await client.send("confirmation_code", DATA, recipient=TO_PHONE)

    assert sent["id"] == "1"
    assert len(keys) == 6
    assert len(set(keys)) == 1
    assert pauses == [0.1, 7.0, 0.4, 0.8, 3.0]


@pytest.mark.parametrize(
    ("status", "document"),
    [(400, {"code": "x"}), (409, {"code": "idempotency_key_reused"}), (429, {"code": "limit_reached"}), (500, [])],
)
async def test_what_repeating_would_not_change_is_raised(status: int, document: object) -> None:
    """A refusal is final: one try."""
    tries = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        return web.json_response(document, status=status)

    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b", sleep=at_once) as client:
        with pytest.raises(NotifyProblem) as refused:
            await client.send("confirmation_code", DATA, recipient=TO_PHONE)

    assert (tries, refused.value.status) == (1, status)


def _result(line: int, status: int = 202) -> str:
    return json.dumps({"line": line, "status": status})


@pytest.mark.parametrize("are_asynchronous", [False, True])
async def test_a_stream_of_orders_goes_by_batches(monkeypatch: pytest.MonkeyPatch, are_asynchronous: bool) -> None:
    """Cut by lines and by octets, each batch under a key of its place; results are counted over all of them."""
    monkeypatch.setattr(lines, "BATCH_LINES", 2)
    monkeypatch.setattr(lines, "BATCH_BODY_BYTES_MAX", 300)
    taken: list[tuple[str, int]] = []

    async def answer(request: web.Request) -> web.Response:
        count = len((await request.read()).splitlines())
        taken.append((request.headers["Idempotency-Key"], count))
        return web.Response(text="".join(f"{_result(line + 1)}\n" for line in range(count)))

    async def coming() -> AsyncIterator[NotificationRequest]:
        for one in orders:
            yield one

    orders = [
        order("confirmation_code", DATA, recipient=TO_PHONE, reference=word) for word in ("a", "b", "c" * 150, "d")
    ]
    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b") as client:
        given = coming() if are_asynchronous else orders
        shown = [one["line"] async for one in client.send_stream(given, idempotency_key="k")]

    assert taken == [("k.0", 2), ("k.2", 1), ("k.3", 1)]
    assert shown == [1, 2, 3, 4]


async def test_lines_that_could_not_be_taken_just_now_are_sent_again() -> None:
    """The same batch under the same key until the service has judged every line; tries are bounded."""
    keys: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        in_flight = {"line": 2, "status": 409, "problem": {"code": "idempotency_in_flight"}}
        second = {1: _result(2, 503), 2: json.dumps(in_flight)}.get(len(keys), _result(2, 422))
        return web.Response(text=f"{_result(1)}\n{second if most else _result(2, 503)}\n")

    orders = [order("confirmation_code", DATA, recipient=TO_PHONE)] * 2
    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b", sleep=at_once) as client:
        most = True
        assert [one["status"] async for one in client.send_stream(orders)] == [202, 422]
        assert (len(keys), len(set(keys))) == (3, 1)
        most = False
        assert [one["status"] async for one in client.send_stream(orders)] == [202, 503]
        assert len(keys) == 3 + TRIES_MAX


async def test_a_session_of_the_callers_own_stays_open() -> None:
    """It carries the calls, and a try of them has the time that the caller gives."""
    patient = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await patient.wait()
        return web.json_response({"id": "1"})

    async with a_failing_service(answer) as base_url, aiohttp.ClientSession(headers={"x-mine": "1"}) as session:
        async with NotifyClient(base_url, "a", "b", session=session, timeout_s=0.05, sleep=at_once) as client:
            async with asyncio.timeout(25):  # all tries together, when one of them alone would last longer by default
                with pytest.raises(NotifyProblem) as refused:
                    await client.get(PATIENT_ID)
            patient.set()
            assert (await client.get(PATIENT_ID))["id"] == "1"
        assert not session.closed

    assert refused.value.code == "unreachable"


async def test_what_is_not_the_services_is_told_as_such() -> None:
    """A page of somebody on the way is a problem like any other, whatever its status says."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<html>")

    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b") as client:
        with pytest.raises(NotifyProblem) as refused:
            await client.get(PATIENT_ID)

    assert (refused.value.status, refused.value.code) == (200, "unexpected_answer")


async def test_nobody_there_is_told_after_so_many_tries() -> None:
    """Tries are bounded, and the last failure is a problem like any other."""
    async with NotifyClient("http://127.0.0.1:1", "a", "b", sleep=at_once) as client:
        with pytest.raises(NotifyProblem) as refused:
            await client.get(PATIENT_ID)

    assert (refused.value.status, refused.value.code) == (0, "unreachable")


async def test_a_resend_is_not_repeated_blindly() -> None:
    """It has no key, so a lost answer might be a second message: the caller decides."""
    tries = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b", sleep=at_once) as client:
        with pytest.raises(NotifyProblem):
            await client.resend(PATIENT_ID)

    assert tries == 1


async def test_a_broken_stream_is_taken_up_where_it_broke() -> None:
    """After a break the next stream begins after the last fact seen; nothing is shown twice."""
    asked: list[str] = []
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers["Last-Event-ID"])
        if len(asked) == 2:
            return web.json_response({"code": "overloaded"}, status=503, headers={"Retry-After": "7"})
        if len(asked) == 3:
            return web.json_response({"code": "invalid_token"}, status=401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        number = int(asked[-1]) + 1
        await response.write(b": connected\n\n" + f'id: {number}\nevent: Fact\ndata: {{"seq": {number}}}\n\n'.encode())
        if len(asked) == 5:
            await response.write(b'event: end\ndata: {"status": "delivered"}\n\n')
        elif len(asked) == 1:
            assert request.transport is not None
            request.transport.abort()
        return response

    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b", sleep=pause) as client:
        shown = [event async for event in client.events(PATIENT_ID)]

    assert asked == ["0", "1", "1", "1", "2"]
    assert pauses == [0.1, 7.0, 0.2, 0.1]
    assert [event.seq for event in shown] == [1, 2, 3, None]
    assert shown[-1] == Event(name="end", seq=None, data={"status": "delivered"})


async def test_a_stream_that_never_comes_is_given_up() -> None:
    """Taking up again is bounded too."""
    tries = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        return web.json_response({"code": "overloaded"}, status=503)

    async with a_failing_service(answer) as base_url, NotifyClient(base_url, "a", "b", sleep=at_once) as client:
        with pytest.raises(NotifyProblem):
            await _names(client, PATIENT_ID)

    assert tries == TRIES_MAX


async def test_it_must_be_opened() -> None:
    """Used outside its context it says how it is used."""
    client = NotifyClient("http://127.0.0.1:1", "a", "b")
    with contextlib.suppress(NotifyProblem), pytest.raises(RuntimeError, match="async with"):
        await client.get(PATIENT_ID)
