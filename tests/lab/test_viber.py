"""The lab's Viber aggregator over real sockets: what Infobip's documents promise a caller."""

import asyncio
import base64
import re
from typing import Any

import pytest
from aiohttp import ClientSession
from tests.lab.players import KEY, Caller, Inbox, eventually, viber_body

from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.world import run_lab

PIN = {"type": "TEMPLATE", "templateId": "code", "parameters": {"pin": "4831"}, "language": "uk"}


async def test_message_reaches_the_phone_and_the_webhooks(caller: Caller, inbox: Inbox) -> None:
    """A template is accepted with 26, shown rendered, reported as delivered in the full shape, then reported seen."""
    hooks = {
        "delivery": {"url": inbox.url()},
        "seen": {"url": inbox.url("/seen")},
        "callbackData": "attempt-7",
    }
    answer = await caller.viber(message_id="m-1", content=PIN, hooks=hooks)
    assert (answer["messageId"], answer["destination"], answer["status"]["id"]) == ("m-1", "380000000001", 26)
    (shown,) = await caller.messages("+380000000001")
    assert (shown["channel"], shown["text"], shown["provider"]) == ("viber", "Код: 4831. Нікому не кажіть.", "viber")
    assert shown["provider_message_id"] == "m-1"
    (report,) = await inbox.wait(1)
    assert report["status"] == {
        "groupId": 3,
        "groupName": "DELIVERED",
        "id": 5,
        "name": "DELIVERED_TO_HANDSET",
        "description": "Message delivered to handset",
    }
    assert (report["error"]["id"], report["error"]["groupName"], report["error"]["permanent"]) == (0, "OK", False)
    assert (report["messageId"], report["to"], report["sender"]) == ("m-1", "380000000001", "ESOZ")
    assert (report["callbackData"], report["messageCount"], report["mccMnc"]) == ("attempt-7", 1, "25503")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", report["doneAt"])
    (seen,) = await inbox.wait(1, "/seen")
    assert (seen["messageId"], seen["from"], seen["to"]) == ("m-1", "380000000001", "ESOZ")
    assert "status" not in seen


async def test_webhook_carries_the_basic_credential(caller: Caller, inbox: Inbox) -> None:
    """Calls to a webhook authenticate with the lab's callback credential."""
    await caller.viber(hooks={"delivery": {"url": inbox.url()}})
    await inbox.wait(1)
    assert inbox.calls[0][2]["Authorization"] == "Basic " + base64.b64encode(b"viber:lab-callback").decode()


async def test_refused_webhook_is_called_again(caller: Caller, inbox: Inbox) -> None:
    """A report whose webhook answered 500 comes again until it is taken."""
    inbox.answers = [500, 503]
    await caller.viber(message_id="again", hooks={"delivery": {"url": inbox.url()}})
    reports = await inbox.wait(3)
    assert [report["messageId"] for report in reports] == ["again"] * 3


@pytest.mark.parametrize("path", [None, "/delivery"])
async def test_report_nobody_takes_can_be_fetched(http: ClientSession, inbox: Inbox, path: str | None) -> None:
    """When every repetition failed, by refusal or because nobody listens, the report waits to be polled."""
    settings = LabSettings(latency_ms=(0, 0), callback_retry_s=0.01, callback_retries_max=1)
    async with run_lab(settings) as lab:
        caller = Caller(http, lab)
        inbox.answers = [500] * 2
        url = "http://127.0.0.1:1/" if path is None else inbox.url(path)
        await caller.viber(message_id="m", hooks={"delivery": {"url": url}})
        (report,) = await eventually(lambda: caller.viber_get("reports"), lambda found: found)
    assert report["messageId"] == "m"


async def test_many_reports_share_calls(caller: Caller, inbox: Inbox) -> None:
    """Reports that are ready together come several in one call, each once."""
    body = viber_body(hooks={"delivery": {"url": inbox.url()}})
    body["messages"][0]["destinations"] = [{"to": f"38000000{n:04}", "messageId": f"m{n}"} for n in range(100)]
    async with caller.http.post(f"{caller.viber_url}/viber/2/messages", json=body, headers=KEY) as response:
        assert response.status == 200
    reports = await inbox.wait(100)
    assert sorted(report["messageId"] for report in reports) == sorted(f"m{n}" for n in range(100))
    assert len(inbox.calls) < 100
    assert max(len(call["results"]) for _, call, _ in inbox.calls) <= 20


@pytest.mark.parametrize(
    ("phone", "error"),
    [
        ({"viber": False}, (7002, "EC_UNKNOWN_USER", True)),
        ({"viber_blocked": True}, (7003, "EC_BLOCKED_USER", True)),
    ],
)
async def test_unreachable_user_is_reported_at_once(
    caller: Caller, inbox: Inbox, phone: dict[str, bool], error: tuple[int, str, bool]
) -> None:
    """Not a user, or blocked: UNDELIVERABLE with a permanent error, whatever the phone's latency; nothing is shown."""
    await caller.phone("380000000001", latency_ms=[600_000, 600_000], **phone)
    await caller.viber(hooks={"delivery": {"url": inbox.url()}})
    (report,) = await inbox.wait(1)
    assert report["status"]["groupName"] == "UNDELIVERABLE"
    assert (report["error"]["id"], report["error"]["name"], report["error"]["permanent"]) == error
    assert await caller.get("/phones/380000000001/messages") == []


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (PIN | {"templateId": "nobody-made-it"}, 7009),
        (PIN | {"parameters": {}}, 7008),
        (PIN | {"parameters": {"pin": "1", "more": "2"}}, 7008),
    ],
)
async def test_wrong_template_is_rejected_in_the_report(
    caller: Caller, inbox: Inbox, content: dict[str, Any], error: int
) -> None:
    """An unknown template is 5 REJECTED with 7009, arguments that do not fit are 7008."""
    await caller.viber(content=content, hooks={"delivery": {"url": inbox.url()}})
    (report,) = await inbox.wait(1)
    assert (report["status"]["groupId"], report["error"]["id"]) == (5, error)
    assert await caller.get("/phones/380000000001/messages") == []


async def test_repeated_message_id_is_refused(caller: Caller) -> None:
    """The same client messageId again is 23 REJECTED_DUPLICATE_MESSAGE_ID, is no submission and reaches no phone."""
    await caller.viber(message_id="once")
    again = await caller.viber(message_id="once")
    await caller.messages("380000000001")
    assert (again["status"]["id"], again["status"]["groupName"]) == (23, "REJECTED")
    assert [row["client_reference"] for row in await caller.get("/submissions?provider=viber")] == ["once"]
    assert len(await caller.viber_get("reports")) == 1
    assert len(await caller.get("/phones/380000000001/messages")) == 1


async def test_silent_phone_expires_with_its_validity(caller: Caller, inbox: Inbox) -> None:
    """A phone that is off shows nothing; at the end of the validity the report says EXPIRED."""
    await caller.phone("380000000001", viber_silent=True)
    await caller.viber(validity_s=1, hooks={"delivery": {"url": inbox.url()}})
    (report,) = await inbox.wait(1)
    assert (report["status"]["groupId"], report["status"]["name"]) == (4, "EXPIRED_EXPIRED")
    assert await caller.get("/phones/380000000001/messages") == []


async def test_silent_phone_that_wakes_gets_its_message(caller: Caller) -> None:
    """A phone that comes back within the validity receives what waited."""
    await caller.phone("380000000001", viber_silent=True)
    await caller.viber()
    await caller.phone("380000000001", viber_silent=False)
    (shown,) = await caller.messages("380000000001")
    assert shown["text"] == "hello"


async def test_late_phone_expires_or_delivers_late(caller: Caller, inbox: Inbox) -> None:
    """Latency beyond validity is an expiry; a phone that ignores validity still shows the message, and that is told."""
    hooks = {"delivery": {"url": inbox.url()}}
    await caller.phone("380000000001", viber_latency_ms=[1100, 1100])
    await caller.phone("380000000002", viber_latency_ms=[1100, 1100], viber_ignores_validity=True)
    await asyncio.gather(
        caller.viber("380000000001", "never", validity_s=1, hooks=hooks),
        caller.viber("380000000002", "late", validity_s=1, hooks=hooks),
    )
    reports = await inbox.wait(3)
    course = [(report["messageId"], report["status"]["groupName"]) for report in reports]
    assert sorted(course) == [("late", "DELIVERED"), ("late", "EXPIRED"), ("never", "EXPIRED")]
    assert course.index(("late", "EXPIRED")) < course.index(("late", "DELIVERED"))
    assert await caller.get("/phones/380000000001/messages") == []


async def test_reports_can_be_fetched_once_and_logs_always(caller: Caller) -> None:
    """Without a webhook a report is fetched, once; the log of a message may be read as often as wanted."""
    await caller.viber(message_id="polled")
    await caller.viber("380000000002", "other")
    await caller.messages("380000000001")
    await caller.messages("380000000002")
    (first,) = await caller.viber_get("reports?messageId=polled")
    assert first["messageId"] == "polled"
    assert await caller.viber_get("reports?messageId=polled") == []
    for _ in range(2):
        (log,) = await caller.viber_get("logs?messageId=polled")
        assert (log["destination"], log["status"]["name"]) == ("380000000001", "DELIVERED_TO_HANDSET")
    both = await caller.viber_get("logs?messageId=other,polled,none&generalStatus=DELIVERED")
    assert {log["messageId"] for log in both} == {"other", "polled"}
    assert [log["messageId"] for log in await caller.viber_get("logs?limit=1")] == ["other"]


async def test_wrong_key_is_401(caller: Caller) -> None:
    """Every path refuses a caller without the account's key."""
    for method, path in (("POST", "/viber/2/messages"), ("GET", "/viber/2/reports"), ("GET", "/viber/2/logs")):
        async with caller.http.request(
            method, caller.viber_url + path, headers={"Authorization": "App wrong"}, json=viber_body()
        ) as response:
            assert (response.status, (await response.json())["errorCode"]) == (401, "E401")


@pytest.mark.parametrize(
    ("damage", "path"),
    [
        ({"sender": ""}, "messages[0].sender"),
        ({"destinations": []}, "messages[0].destinations"),
        ({"destinations": [{"to": ""}]}, "messages[0].destinations[0].to"),
        ({"destinations": [{"to": "380000000001", "messageId": "x" * 201}]}, "messages[0].destinations[0].messageId"),
        ({"content": {"type": "SONG"}}, "messages[0].content.type"),
        ({"content": {"type": "TEXT", "text": "x" * 1001}}, "messages[0].content.text"),
        ({"content": {"type": "TEMPLATE"}}, "messages[0].content.templateId"),
        ({"content": PIN | {"parameters": {"pin": 4831}}}, "messages[0].content.parameters"),
        ({"options": {"validityPeriod": {"amount": 0}}}, "messages[0].options.validityPeriod.amount"),
        (
            {"options": {"validityPeriod": {"amount": 1, "timeUnit": "DAYS"}}},
            "messages[0].options.validityPeriod.timeUnit",
        ),
        ({"options": {"label": "SPAM"}}, "messages[0].options.label"),
        ({"webhooks": {"delivery": {"url": "ftp://x"}}}, "messages[0].webhooks.delivery.url"),
        ({"webhooks": {"callbackData": ""}}, "messages[0].webhooks.callbackData"),
    ],
)
async def test_malformed_body_is_e400_with_violations(caller: Caller, damage: dict[str, Any], path: str) -> None:
    """What breaks a rule is named by its property path, and nothing is accepted."""
    body = viber_body()
    body["messages"][0] |= damage
    async with caller.http.post(f"{caller.viber_url}/viber/2/messages", json=body, headers=KEY) as response:
        problem = await response.json()
    assert (response.status, problem["errorCode"]) == (400, "E400")
    assert path in {violation["property"] for violation in problem["violations"]}
    assert await caller.get("/submissions") == []


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"messages": []}', b'{"messages": [1]}'])
async def test_body_that_is_no_request_is_e400(caller: Caller, body: bytes) -> None:
    """A body without a message is refused like any other bad one."""
    async with caller.http.post(f"{caller.viber_url}/viber/2/messages", data=body, headers=KEY) as response:
        assert (response.status, (await response.json())["errorCode"]) == (400, "E400")


@pytest.mark.parametrize(("to", "status"), [("not-a-number", 52), ("441134960000", 19)])
async def test_number_out_of_reach_is_rejected_in_the_answer(caller: Caller, to: str, status: int) -> None:
    """A destination that is no number, or of a country without a route, is refused in the answer itself."""
    answer = await caller.viber(to)
    assert (answer["status"]["groupId"], answer["status"]["id"]) == (5, status)
    assert await caller.get("/submissions") == []


async def test_template_is_created_used_and_deleted(caller: Caller) -> None:
    """A template made by the endpoint is rendered, in its own language only, until it is deleted."""
    url = f"{caller.viber_url}/viber/1/senders/ESOZ/templates"
    body = {
        "category": "TRANSACTIONAL",
        "body": [{"language": "uk", "template": "Рецепт {{number}} чекає"}],
        "params": [{"type": "TEXT", "name": "number", "example": "1"}],
    }
    async with caller.http.post(url, json=body, headers=KEY) as response:
        made = await response.json()
    assert (response.status, made["status"], made["sender"]) == (201, "APPROVED", "ESOZ")
    content = {"type": "TEMPLATE", "templateId": made["templateId"], "parameters": {"number": "7"}}
    await caller.viber("380000000001", "right", content=content | {"language": "uk"})
    await caller.viber("380000000002", "wrong", content=content | {"language": "en"})
    (shown,) = await caller.messages("380000000001")
    assert shown["text"] == "Рецепт 7 чекає"
    async with caller.http.get(url, headers=KEY) as response:
        assert [template["templateId"] for template in (await response.json())["templates"]] == [made["templateId"]]
    for status in (204, 404):
        async with caller.http.delete(f"{url}/{made['templateId']}", headers=KEY) as response:
            assert response.status == status
    async with caller.http.get(f"{url}/{made['templateId']}", headers=KEY) as response:
        assert response.status == 404
    (log,) = await eventually(
        lambda: caller.viber_get("logs?messageId=wrong"), lambda logs: logs[0]["doneAt"] is not None
    )
    assert log["error"]["id"] == 7009


@pytest.mark.parametrize(
    "damage",
    [
        {"category": "SONG"},
        {"body": []},
        {"params": []},
        {"body": [{"language": "uk", "template": "Ваш код {{number}}"}]},
        {"category": "OTP"},
    ],
)
async def test_bad_template_is_e400(caller: Caller, damage: dict[str, Any]) -> None:
    """A template that breaks Viber's rules is not created."""
    body = {
        "category": "TRANSACTIONAL",
        "body": [{"language": "uk", "template": "Рецепт {{number}} чекає"}],
        "params": [{"type": "TEXT", "name": "number"}],
    }
    async with caller.http.post(
        f"{caller.viber_url}/viber/1/senders/ESOZ/templates", json=body | damage, headers=KEY
    ) as response:
        assert (response.status, (await response.json())["errorCode"]) == (400, "E400")
