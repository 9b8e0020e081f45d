"""The lab's Diia over real sockets: what the push service's documents promise a partner."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from tests.lab.players import Caller, eventually, recipient

from esoz_notify.lab.settings import DIIA_SCOPES, DiiaPaths, LabSettings
from esoz_notify.lab.world import run_lab

PUSH = "/api/v1/notification/distribution/push"
TEMPLATE = {
    "actionType": "message",
    "templateType": "attention",
    "title": "Рецепт {number}",
    "shortText": "Вам виписано рецепт",
    "fullText": "Рецепт {number}, код {code}",
    "needAuth": True,
}


async def _settled(caller: Caller, distribution: str) -> list[dict[str, str]]:
    await eventually(lambda: caller.pushed(distribution, "/status"), lambda answer: answer["status"] == "sent")
    recipients: list[dict[str, str]] = (await caller.pushed(distribution))["recipients"]
    return recipients


async def test_push_reaches_the_app_and_is_read(caller: Caller) -> None:
    """A made template is pushed, shown with its parameters, sent, and read by a person who reads."""
    await caller.phone("380000000001", diia=True, tax_id="0000000001")
    async with caller.http.post(
        caller.diia_url + "/api/v1/notification/template", json=TEMPLATE, headers=await caller.bearer()
    ) as response:
        template = (await response.json())["templateId"]
    assert (response.status, len(template)) == (201, 24)
    distribution = await caller.push(recipient(1, resource="n-1", number="7", code="1234"), template=template)
    (shown,) = await caller.messages("380000000001")
    assert (shown["channel"], shown["title"], shown["text"]) == ("diia", "Рецепт 7", "Рецепт 7, код 1234")
    found = await eventually(lambda: caller.pushed(distribution), lambda r: r["recipients"][0]["status"] == "read")
    assert found["recipients"] == [{"id": "person-1", "rnokpp": "0000000001", "status": "read"}]
    (row,) = await caller.get("/submissions?provider=diia")
    assert (row["client_reference"], row["msisdn"], row["provider_message_id"]) == (
        "n-1",
        "+380000000001",
        distribution,
    )


async def test_person_who_does_not_read_stays_sent(caller: Caller) -> None:
    """With reads off, sent is the last status."""
    await caller.phone("380000000001", tax_id="0000000001", reads=False)
    distribution = await caller.push(recipient(1, number="7"))
    assert [found["status"] for found in await _settled(caller, distribution)] == ["sent"]


async def test_each_recipient_has_a_fate_of_its_own(caller: Caller) -> None:
    """Unknown tax number and no app are not-found; a missing parameter is notification-generation-error."""
    await caller.phone("380000000001", tax_id="0000000001", reads=False)
    await caller.phone("380000000002", tax_id="0000000002", diia=False)
    distribution = await caller.push(
        recipient(1, number="7"), recipient(1), recipient(2, number="7"), recipient(3, number="7")
    )
    fates = [found["status"] for found in await _settled(caller, distribution)]
    assert fates == ["sent", "notification-generation-error", "not-found", "not-found"]


async def test_unknown_person_may_be_given_an_app(settings: LabSettings, http: ClientSession) -> None:
    """With the setting on, a tax number nobody carries has a handset of its own."""
    async with run_lab(replace(settings, diia_unknown_has_app=True)) as lab:
        caller = Caller(http, lab)
        await caller.push(recipient(9, number="7"))
        (shown,) = await caller.messages("tax:0000000009")
    assert shown["text"] == "Рецепт 7"


async def test_same_resource_replaces_what_is_shown(caller: Caller) -> None:
    """A repeat for one template and resourceId takes the earlier message's place; both are submissions."""
    await caller.phone("380000000001", tax_id="0000000001", reads=False)
    for number in ("1", "2"):
        distribution = await caller.push(recipient(1, resource="n-1", number=number))
        await _settled(caller, distribution)
    assert [shown["text"] for shown in await caller.messages("380000000001")] == ["Рецепт 2"]
    assert [row["client_reference"] for row in await caller.get("/submissions")] == ["n-1", "n-1"]
    await _settled(caller, await caller.push(recipient(1, resource="n-2", number="3")))
    assert len(await caller.messages("380000000001", 2)) == 2


async def test_running_distribution_is_stopped(caller: Caller) -> None:
    """DELETE of a running one closes it: who was not reached yet gets nothing. One not there is 404."""
    await caller.phone("380000000001", tax_id="0000000001", latency_ms=[60_000, 60_000])
    distribution = await caller.push(recipient(1, number="7"))
    await eventually(lambda: caller.pushed(distribution, "/status"), lambda answer: answer["status"] == "in-progress")
    for identity, status in ((distribution, 204), ("nothing", 404)):
        url = f"{caller.diia_url}{PUSH}/{identity}"
        async with caller.http.delete(url, headers=await caller.bearer()) as response:
            assert response.status == status
    assert (await caller.pushed(distribution, "/status"))["status"] == "closed"


async def test_both_ways_to_authenticate(caller: Caller) -> None:
    """The partner token is exchanged by GET v1 and POST v2; a wrong one is 401 in the envelope."""
    body: dict[str, object] = {}
    for token, status in (("lab-diia-partner", 200), ("wrong", 401)):
        async with caller.http.get(f"{caller.diia_url}/api/v1/auth/partner/{token}") as response:
            assert response.status == status
        async with caller.http.post(f"{caller.diia_url}/api/v2/auth/partner", json={"bearerToken": token}) as response:
            body = await response.json()
            assert response.status == status
    assert (body["code"], sorted(body)) == (401, ["code", "data", "message", "name"])
    async with caller.http.post(f"{caller.diia_url}/api/v2/auth/partner", json={}) as response:
        assert response.status == 422


@pytest.mark.parametrize("header", [None, "Bearer", "Basic abc", "Bearer a.b.c"])
async def test_no_good_bearer_is_401(caller: Caller, header: str | None) -> None:
    """A missing, empty or forged bearer is 401 in the documented envelope."""
    headers = {} if header is None else {"Authorization": header}
    async with caller.http.post(caller.diia_url + PUSH, json={}, headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (401, 401)


async def test_bearer_expires(settings: LabSettings, http: ClientSession) -> None:
    """A bearer older than its life is 401."""
    async with run_lab(replace(settings, diia_token_life_s=0.0)) as lab:
        caller = Caller(http, lab)
        async with http.get(caller.diia_url + PUSH + "/x", headers=await caller.bearer()) as response:
            assert response.status == 401


async def test_missing_scope_is_403_by_name(settings: LabSettings, http: ClientSession) -> None:
    """Without the scope the answer is 403 and names it."""
    async with run_lab(replace(settings, diia_scopes=DIIA_SCOPES - {"createTemplate"})) as lab:
        caller = Caller(http, lab)
        async with http.post(
            caller.diia_url + "/api/v1/notification/template", json=TEMPLATE, headers=await caller.bearer()
        ) as response:
            assert (response.status, (await response.json())["message"]) == (403, '"Create Template" scope required')


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ({"recipients": [recipient(1)]}, "templateId"),
        ({"templateId": "note", "recipients": []}, "recipients"),
        ({"templateId": "note", "recipients": [recipient(1)] * 10_001}, "recipients"),
        ({"templateId": "note", "recipients": [1]}, "recipients[0]"),
        ({"templateId": "note", "recipients": [{"rnokpp": "1", "id": "x"}]}, "recipients[0].rnokpp"),
        ({"templateId": "note", "recipients": [{"rnokpp": "0000000001"}]}, "recipients[0].id"),
        ({"templateId": "note", "recipients": [recipient(1) | {"parameters": [1]}]}, "recipients[0].parameters"),
    ],
)
async def test_bad_distribution_is_422_with_the_field(caller: Caller, body: Any, field: str) -> None:
    """What breaks a rule is named in the validation envelope; 10,001 recipients are too many."""
    async with caller.http.post(caller.diia_url + PUSH, json=body, headers=await caller.bearer()) as response:
        answer = await response.json()
    assert (response.status, answer["type"]) == (422, "VALIDATION_ERROR")
    assert field in {fault["field"] for fault in answer["data"]}


@pytest.mark.parametrize(
    ("damage", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 61}, "title"),
        ({"fullText": "x" * 2049}, "fullText"),
        ({"timeToLiveInSec": 0}, "timeToLiveInSec"),
        ({"needAuth": "yes"}, "needAuth"),
    ],
)
async def test_bad_template_is_422_with_the_field(caller: Caller, damage: dict[str, Any], field: str) -> None:
    """A template that breaks a rule is not created."""
    url = caller.diia_url + "/api/v1/notification/template"
    async with caller.http.post(url, json=TEMPLATE | damage, headers=await caller.bearer()) as response:
        answer = await response.json()
    assert (response.status, [fault["field"] for fault in answer["data"]]) == (422, [field])


async def test_unknown_template_is_404(caller: Caller) -> None:
    """A distribution of a template nobody made is refused."""
    body = {"templateId": "nobody", "recipients": [recipient(1)]}
    async with caller.http.post(caller.diia_url + PUSH, json=body, headers=await caller.bearer()) as response:
        assert response.status == 404


async def test_gateway_variant_moves_the_two_paths(settings: LabSettings, http: ClientSession) -> None:
    """The other published variant has the status and the recipients elsewhere."""
    async with run_lab(replace(settings, diia_paths=DiiaPaths.GATEWAY)) as lab:
        caller = Caller(http, lab)
        distribution = await caller.push(recipient(1, number="7"))
        assert sorted(await caller.pushed(distribution, "/status")) == ["recipients"]
        url = f"{caller.diia_url}/api/v1/notification/distribution/{distribution}/status"
        async with http.get(url, headers=await caller.bearer()) as response:
            assert sorted(await response.json()) == ["status"]
