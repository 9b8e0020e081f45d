"""Every fault at every provider where it applies, over real sockets: what a caller sees, and what was taken."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientConnectorError, ClientError, ClientTimeout, ContentTypeError
from tests.lab.players import DELIVER_SM, KEY, Caller, Esme, Inbox, bound, eventually, recipient, viber_body

from esoz_notify.lab.world import Lab

SOON = ClientTimeout(total=0.4)
PUSH = "/api/v1/notification/distribution/push"


async def _viber(caller: Caller, message_id: str = "m", **options: Any) -> tuple[int, Any, dict[str, str]]:
    async with caller.http.post(
        f"{caller.viber_url}/viber/2/messages", json=viber_body(message_id=message_id), headers=KEY, **options
    ) as response:
        return response.status, await response.json(), dict(response.headers)


async def _diia(caller: Caller, headers: dict[str, str], **options: Any) -> tuple[int, Any]:
    body = {"templateId": "note", "recipients": [recipient(1, resource="r", number="7")]}
    async with caller.http.post(caller.diia_url + PUSH, json=body, headers=headers, **options) as response:
        return response.status, await response.json()


async def _submissions(caller: Caller, provider: str) -> int:
    return len(await caller.get(f"/submissions?provider={provider}"))


# Answers.


@pytest.mark.parametrize(
    ("reason", "error"),
    [(None, 7002), ("blocked", 7003), ("no_device", 7201), ("template", 7009), ("content", 7027), ("provider", 7050)],
)
async def test_viber_refuses_in_a_report(caller: Caller, inbox: Inbox, reason: str | None, error: int) -> None:
    """A refusal of the person or the content is accepted with 26 and reported at once with its error."""
    await caller.fault("viber", "refuse", **({"reason": reason} if reason else {}))
    answer = await caller.viber(hooks={"delivery": {"url": inbox.url()}})
    (report,) = await inbox.wait(1)
    assert (answer["status"]["id"], report["error"]["id"]) == (26, error)
    assert await caller.get("/phones/380000000001/messages") == []


@pytest.mark.parametrize(("reason", "status"), [("invalid_number", 52), ("sender", 13), ("balance", 12)])
async def test_viber_refuses_in_the_answer(caller: Caller, reason: str, status: int) -> None:
    """A refusal of the account or the number stands in the answer, and nothing was taken."""
    await caller.fault("viber", "refuse", reason=reason)
    assert (await caller.viber())["status"]["id"] == status
    assert await _submissions(caller, "viber") == 0


async def test_viber_refuses_the_key(caller: Caller) -> None:
    """Reason unauthorized is a 401."""
    await caller.fault("viber", "refuse", reason="unauthorized")
    assert (await _viber(caller))[0] == 401


@pytest.mark.parametrize(
    ("reason", "status"),
    [(None, 0xB), ("invalid_source", 0xA), ("queue_full", 0x14), ("submit_failed", 0x45), ("system_error", 0x8)],
)
async def test_smsc_refuses(lab: Lab, caller: Caller, reason: str | None, status: int) -> None:
    """A refusal is the command status of its reason, and nothing was taken."""
    await caller.fault("smsc-a", "refuse", **({"reason": reason} if reason else {}))
    async with bound(lab) as esme:
        assert (await esme.submitted()).status == status
    assert await _submissions(caller, "sms") == 0


@pytest.mark.parametrize(("reason", "word"), [("undelivered", "UNDELIV"), ("rejected", "REJECTD")])
async def test_smsc_refuses_in_a_receipt(lab: Lab, caller: Caller, reason: str, word: str) -> None:
    """Some refusals are told by the receipt only."""
    await caller.fault("sms", "refuse", reason=reason)
    async with bound(lab, "smsc-b") as esme:
        assert (await esme.submitted()).status == 0
        assert f"stat:{word}" in (await esme.delivered()).text


async def test_smsc_refuses_binds(lab: Lab, caller: Caller) -> None:
    """Reason bind is RBINDFAIL for new sessions; those bound go on."""
    async with bound(lab) as esme:
        await caller.fault("smsc-a", "refuse", reason="bind")
        other = await Esme.connect(lab)
        assert await other.bind() == 0xD
        await other.close()
        assert (await esme.submitted()).status == 0


@pytest.mark.parametrize(
    ("reason", "status"),
    [(None, 422), ("template", 404), ("scope", 403), ("unauthorized", 401), ("unavailable", 503)],
)
async def test_diia_refuses(caller: Caller, reason: str | None, status: int) -> None:
    """A refused distribution is the status of its reason, with the code in the envelope too."""
    headers = await caller.bearer()
    await caller.fault("diia", "refuse", **({"reason": reason} if reason else {}))
    answer = await _diia(caller, headers)
    assert (answer[0], answer[1]["code"]) == (status, status)
    assert await _submissions(caller, "diia") == 0


@pytest.mark.parametrize(
    ("reason", "fate"),
    [("not_found", "not-found"), ("generation_error", "notification-generation-error"), ("send_error", "send-error")],
)
async def test_diia_refuses_recipients(caller: Caller, reason: str, fate: str) -> None:
    """Some refusals are told by the recipient's status only."""
    await caller.phone("380000000001", tax_id="0000000001")
    await caller.fault("diia", "refuse", reason=reason)
    distribution = await caller.push(recipient(1, number="7"))
    found = await eventually(lambda: caller.pushed(distribution), lambda answer: answer["recipients"])
    assert found["recipients"][0]["status"] == fate


async def test_throttle(lab: Lab, caller: Caller) -> None:
    """Too many: 429 with Retry-After at Viber, 429 at Diia, RTHROTTLED at the SMSC; nothing is taken."""
    headers = await caller.bearer()
    await caller.fault("all", "throttle", delay_s=3)
    status, body, answered = await _viber(caller)
    assert (status, body["errorCode"], answered["Retry-After"]) == (429, "E429", "3")
    assert (await _diia(caller, headers))[0] == 429
    async with bound(lab) as esme:
        assert (await esme.submitted()).status == 0x58
    assert await _submissions(caller, "all") == 0


async def test_slow(lab: Lab, caller: Caller) -> None:
    """The answer takes the given time, and is good."""
    headers = await caller.bearer()
    await caller.fault("all", "slow", delay_s=0.3)
    loop = asyncio.get_running_loop()
    started = loop.time()
    esme = await Esme.connect(lab)
    answers = await asyncio.gather(_viber(caller), _diia(caller, headers), esme.bind())
    assert loop.time() - started >= 0.3
    assert (answers[0][0], answers[1][0], answers[2]) == (200, 200, 0)
    await esme.close()


async def test_silent(lab: Lab, caller: Caller) -> None:
    """The connection is accepted, no answer comes, and nothing was taken."""
    headers = await caller.bearer()
    async with bound(lab) as esme:
        await caller.fault("all", "silent")
        with pytest.raises(TimeoutError):
            await _viber(caller, timeout=SOON)
        with pytest.raises(TimeoutError):
            await _diia(caller, headers, timeout=SOON)
        esme.submit()
        await caller.heal()
        assert (await esme.ask(0x15)).status == 0
        assert esme.backlog == []
    assert await _submissions(caller, "all") == 0


async def test_timeout_after_accept(lab: Lab, caller: Caller) -> None:
    """No answer comes, but the message was taken and delivered; Viber's log knows it by the caller's own id."""
    headers = await caller.bearer()
    await caller.phone("380000000001", tax_id="0000000001", reads=False)
    await caller.fault("all", "timeout_after_accept")
    with pytest.raises(TimeoutError):
        await _viber(caller, "mine", timeout=SOON)
    with pytest.raises(TimeoutError):
        await _diia(caller, headers, timeout=SOON)
    async with bound(lab) as esme:
        esme.submit()
        assert (await esme.read()).command == DELIVER_SM
    shown = await caller.messages("380000000001", 3)
    assert sorted(message["channel"] for message in shown) == ["diia", "sms", "viber"]
    assert await _submissions(caller, "all") == 3
    assert [log["messageId"] for log in await caller.viber_get("logs?messageId=mine")] == ["mine"]


@pytest.mark.parametrize("seed", [3, 4])
async def test_garbage(lab: Lab, caller: Caller, seed: int) -> None:
    """The answer is nonsense: a torn page or no HTTP at all; bytes that are no PDU; nothing was taken."""
    headers = await caller.bearer()
    esme = await Esme.connect(lab)
    assert await esme.bind() == 0
    await caller.fault("all", "garbage", seed=seed)
    with pytest.raises((ClientError, ContentTypeError)):
        await _viber(caller)
    with pytest.raises((ClientError, ContentTypeError)):
        await _diia(caller, headers)
    esme.submit()
    assert int.from_bytes((await esme.raw())[:4], "big") > 65_536
    await esme.close()
    assert await _submissions(caller, "all") == 0


# Receipts.


async def test_never_receipt(lab: Lab, caller: Caller, inbox: Inbox) -> None:
    """The message arrives and nothing ever tells; other messages' receipts come once it is over."""
    await caller.phone("380000000001", tax_id="0000000001")
    await caller.fault("all", "never_receipt")
    hooks = {"delivery": {"url": inbox.url()}}
    await caller.viber(message_id="mute", hooks=hooks)
    await caller.viber(message_id="mute-polled")
    distribution = await caller.push(recipient(1, number="7"))
    async with bound(lab) as esme:
        await esme.submitted()
        await caller.messages("380000000001", 4)
        await caller.heal()
        told = await esme.submitted()
        assert (await esme.delivered()).message_id == told.message_id
    await caller.viber(message_id="told", hooks=hooks)
    assert [report["messageId"] for report in await inbox.wait(1)] == ["told"]
    assert await caller.viber_get("reports") == []
    assert await caller.pushed(distribution) == {"recipients": []}
    assert await caller.pushed(distribution, "/status") == {"status": "pending"}


async def test_receipt_before_reply(lab: Lab, caller: Caller, inbox: Inbox) -> None:
    """The report is at the webhook before the answer to the submission is; deliver_sm stands before submit_sm_resp."""
    await caller.fault("all", "receipt_before_reply")
    await caller.viber(message_id="early", hooks={"delivery": {"url": inbox.url()}})
    assert [report["messageId"] for report in inbox.results()] == ["early"]
    await caller.viber("380000000002", "early-polled")
    assert [report["messageId"] for report in await caller.viber_get("reports")] == ["early-polled"]
    async with bound(lab) as esme:
        accepted = await esme.submitted()
        assert [pdu.receipt.message_id for pdu in esme.backlog] == [accepted.message_id]


async def test_receipt_before_reply_tells_what_is_true(caller: Caller, inbox: Inbox) -> None:
    """An early report is the phone's real fate; a silent phone has none to tell early."""
    await caller.fault("viber", "receipt_before_reply")
    hooks = {"delivery": {"url": inbox.url()}}
    await caller.phone("380000000001", viber=False)
    await caller.phone("380000000002", viber_blocked=True)
    await caller.phone("380000000003", viber_silent=True)
    for number in (1, 2, 3):
        await caller.viber(f"38000000000{number}", hooks=hooks)
    assert [report["error"]["id"] for report in inbox.results()] == [7002, 7003]


async def test_receipt_twice(lab: Lab, caller: Caller, inbox: Inbox) -> None:
    """Every report comes twice although it was taken the first time."""
    await caller.fault("all", "receipt_twice")
    await caller.viber(message_id="double", hooks={"delivery": {"url": inbox.url()}})
    assert [report["messageId"] for report in await inbox.wait(2)] == ["double"] * 2
    async with bound(lab) as esme:
        accepted = await esme.submitted()
        assert [(await esme.delivered()).message_id for _ in range(2)] == [accepted.message_id] * 2


async def test_receipts_reordered(lab: Lab, caller: Caller, inbox: Inbox) -> None:
    """Receipts of one moment all come, in another order."""
    await caller.phone("380000000001", latency_ms=[1, 1], reads=False)
    await caller.fault("all", "receipts_reordered", delay_s=0.5)
    for number in range(8):
        await caller.viber(message_id=f"m{number}", hooks={"delivery": {"url": inbox.url()}})
    reports = [report["messageId"] for report in await inbox.wait(8)]
    assert sorted(reports) == [f"m{number}" for number in range(8)]
    assert reports != sorted(reports)
    async with bound(lab) as esme:
        ids = [(await esme.submitted()).message_id for _ in range(8)]
        receipts = [(await esme.delivered()).message_id for _ in range(8)]
    assert sorted(receipts) == ids
    assert receipts != ids


async def test_receipt_burst(lab: Lab, caller: Caller, inbox: Inbox) -> None:
    """Receipts are held until the fault ends, then come all at once, one in each call."""
    await caller.fault("all", "receipt_burst", for_s=60)
    body = viber_body(hooks={"delivery": {"url": inbox.url()}})
    body["messages"][0]["destinations"] = [{"to": f"38000000{n:04}"} for n in range(30)]
    async with caller.http.post(f"{caller.viber_url}/viber/2/messages", json=body, headers=KEY) as response:
        assert response.status == 200
    async with bound(lab) as esme:
        ids = {(await esme.submitted()).message_id for _ in range(5)}
        await caller.messages("380000000001", 6)
        assert (esme.backlog, inbox.calls) == ([], [])
        await caller.heal()
        assert {(await esme.delivered()).message_id for _ in range(5)} == ids
    await inbox.wait(30)
    assert [len(call["results"]) for _, call, _ in inbox.calls] == [1] * 30


async def test_receipt_burst_may_end_by_its_delay(lab: Lab, caller: Caller) -> None:
    """With a delay the held receipts go out that long after the first, and the fault goes on."""
    await caller.fault("smsc-a", "receipt_burst", delay_s=0.1)
    await caller.fault("smsc-a", "receipt_twice")
    async with bound(lab) as esme:
        accepted = await esme.submitted()
        assert [(await esme.delivered()).message_id for _ in range(2)] == [accepted.message_id] * 2
    assert len(await caller.get("/faults")) == 2


# Connections.


async def test_outage(lab: Lab, caller: Caller) -> None:
    """Nobody listens, sessions are cut, and the same port answers again by itself; the lab's own port stays up."""
    headers = await caller.bearer()
    esme = await Esme.connect(lab)
    assert await esme.bind() == 0
    await caller.fault("all", "outage", for_s=1.5)
    with suppress(ConnectionError):
        assert await esme.raw() == b""
    await esme.close()
    with pytest.raises(ClientConnectorError):
        await _viber(caller)
    with pytest.raises(ClientConnectorError):
        await _diia(caller, headers)
    with pytest.raises(ConnectionRefusedError):
        await Esme.connect(lab)
    with pytest.raises(ClientConnectionError):
        await caller.http.post(f"{caller.url}/viber/2/messages", json=viber_body(), headers=KEY)
    assert (await caller.get("/healthz"))["status"] == "ok"
    await eventually(lambda: caller.get("/faults"), lambda rules: rules == [])

    async def answers() -> bool:
        try:
            esme = await Esme.connect(lab)
            await esme.close()
            return (await _viber(caller, "back"))[0] == 200
        except OSError:
            return False

    assert await eventually(answers, bool)


async def test_disconnect(lab: Lab, caller: Caller) -> None:
    """Sessions are cut at once, and every further request's connection too, before anything was taken."""
    headers = await caller.bearer()
    idle = await Esme.connect(lab)
    assert await idle.bind() == 0
    await caller.fault("all", "disconnect")
    with suppress(ConnectionError):
        assert await idle.raw() == b""
    await idle.close()
    with pytest.raises(ClientConnectionError):
        await _viber(caller)
    with pytest.raises(ClientConnectionError):
        await _diia(caller, headers)
    esme = await Esme.connect(lab)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await esme.bind()
    await esme.close()
    assert await _submissions(caller, "all") == 0


# Orders.


async def test_share_is_decided_by_the_seed(caller: Caller) -> None:
    """A share hits the same requests whenever the seed is the same, and another seed hits others."""

    async def course(seed: int) -> list[int]:
        await caller.fault("viber", "throttle", share=0.5, seed=seed)
        statuses = [(await _viber(caller, f"{seed}-{n}"))[0] for n in range(40)]
        await caller.heal()
        return statuses

    first, again, other = await course(7), await course(7), await course(8)
    assert first == again
    assert first != other
    assert {200, 429} == set(first)


async def test_fault_ends_by_itself_and_counts(caller: Caller) -> None:
    """A fault shows what it hit while it lasts, and is gone after for_s."""
    (rule,) = await caller.fault("viber", "throttle", for_s=1.0)
    assert (rule["provider"], rule["fault"], rule["for_s"], rule["reason"]) == ("viber", "throttle", 1.0, None)
    assert (await _viber(caller, "one"))[0] == 429
    assert [(rule["asked"], rule["hits"]) for rule in await caller.get("/faults")] == [(1, 1)]
    await eventually(lambda: caller.get("/faults"), lambda rules: rules == [])
    assert (await _viber(caller, "two"))[0] == 200


async def test_all_and_sms_are_several_providers(caller: Caller) -> None:
    """Sms means both SMSCs; all means everybody to whom the fault can happen."""
    assert [rule["provider"] for rule in await caller.fault("sms", "slow")] == ["smsc-a", "smsc-b"]
    pushing = ["viber", "smsc-a", "smsc-b", "turbosms", "http-sms", "vonage", "hyber"]
    assert [rule["provider"] for rule in await caller.fault("all", "receipt_twice")] == pushing
    assert len(await caller.fault("all", "slow")) == 8


@pytest.mark.parametrize(
    ("body", "pointer", "listed"),
    [
        ({"provider": "pigeon", "fault": "slow"}, "/provider", "smsc-b"),
        ({"provider": "viber", "fault": "gremlins"}, "/fault", "timeout_after_accept"),
        ({"provider": "diia", "fault": "receipt_twice"}, "/fault", "never_receipt"),
        ({"provider": "viber", "fault": "refuse", "reason": "mood"}, "/reason", "not_a_user"),
        ({"provider": "viber", "fault": "slow", "reason": "blocked"}, "/reason", "refuse"),
        ({"provider": "viber", "fault": "slow", "share": 2}, "/share", "0 to 1"),
        ({"provider": "viber", "fault": "slow", "seed": "x"}, "/seed", "whole number"),
        ({"provider": "viber", "fault": "slow", "for_s": 0}, "/for_s", "above 0"),
        ({"provider": "viber", "fault": "slow", "delay_s": -1}, "/delay_s", "from 0"),
        ({"provider": "viber", "fault": "slow", "when": 1}, "/when", "delay_s"),
        ([], "", "JSON object"),
    ],
)
async def test_bad_order_is_400_and_lists_what_exists(caller: Caller, body: object, pointer: str, listed: str) -> None:
    """What does not exist or breaks a rule is named, with what would be right."""
    async with caller.http.post(f"{caller.url}/faults", json=body) as response:
        problem = await response.json()
        assert (response.status, response.content_type) == (400, "application/problem+json")
    details = {found["pointer"]: found["detail"] for found in problem["invalid"]}
    assert listed in details[pointer]
    assert await caller.get("/faults") == []


async def test_every_problem_of_an_order_is_told(caller: Caller) -> None:
    """Three mistakes are three problems."""
    body = {"provider": "pigeon", "fault": "gremlins", "share": 2}
    async with caller.http.post(f"{caller.url}/faults", json=body) as response:
        found = {problem["pointer"] for problem in (await response.json())["invalid"]}
    assert found == {"/provider", "/fault", "/share"}
