"""The lab's own interface: phones are made, changed and forgotten, and nonsense is refused by name."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from tests.lab.players import Caller

from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.world import run_lab


async def test_phone_is_made_and_changed_field_by_field(caller: Caller) -> None:
    """A new phone has everything on but what was said; a change keeps what it does not name; the plus is optional."""
    async with caller.http.put(f"{caller.url}/phones/380000000001", json={"viber": False}) as response:
        assert response.status == 201
    async with caller.http.put(f"{caller.url}/phones/%2B380000000001", json={"latency_ms": [5, 9]}) as response:
        phone = await response.json()
    assert response.status == 200
    assert phone == {
        "msisdn": "+380000000001",
        "viber": False,
        "diia": True,
        "sms": True,
        "operator": "kyivstar",
        "latency_ms": [5, 9],
        "reads": True,
        "viber_blocked": False,
        "viber_silent": False,
        "viber_ignores_validity": False,
        "viber_latency_ms": None,
        "sms_absent": False,
        "sms_latency_ms": None,
        "tax_id": None,
        "messages": 0,
    }
    assert await caller.get("/phones") == [phone]
    assert await caller.get("/phones/+380000000001") == phone


async def test_number_is_made_on_first_use(caller: Caller) -> None:
    """A message to a number nobody described reaches it; before that nobody knows it."""
    async with caller.http.get(f"{caller.url}/phones/380000000009") as response:
        assert response.status == 404
    assert await caller.get("/phones/380000000009/messages") == []
    await caller.viber("380000000009")
    assert len(await caller.messages("380000000009")) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"viber": "yes"}, "/viber"),
        ({"operator": ""}, "/operator"),
        ({"latency_ms": [300, 50]}, "/latency_ms"),
        ({"latency_ms": [1]}, "/latency_ms"),
        ({"latency_ms": [True, True]}, "/latency_ms"),
        ({"viber_latency_ms": "slow"}, "/viber_latency_ms"),
        ({"tax_id": "12"}, "/tax_id"),
        ({"telegram": True}, "/telegram"),
        ([], ""),
    ],
)
async def test_nonsense_is_400_with_the_field(caller: Caller, body: object, pointer: str) -> None:
    """A field that is wrong or does not exist is named, and the phone is not made."""
    async with caller.http.put(f"{caller.url}/phones/380000000001", json=body) as response:
        problem: dict[str, Any] = await response.json()
    assert (response.status, [found["pointer"] for found in problem["invalid"]]) == (400, [pointer])
    assert await caller.get("/phones") == []


async def test_every_wrong_field_is_named(caller: Caller) -> None:
    """Two mistakes are two problems."""
    async with caller.http.put(f"{caller.url}/phones/380000000001", json={"sms": 1, "reads": 0}) as response:
        assert len((await response.json())["invalid"]) == 2


@pytest.mark.parametrize("msisdn", ["0671234567", "441134960000", "38000000000x", "tax:12"])
async def test_wrong_number_is_400(caller: Caller, msisdn: str) -> None:
    """A path that is no Ukrainian number is refused."""
    for method, tail in (("PUT", ""), ("GET", "/messages")):
        async with caller.http.request(method, f"{caller.url}/phones/{msisdn}{tail}", json={}) as response:
            assert (response.status, (await response.json())["invalid"][0]["pointer"]) == (400, "/msisdn")


async def test_body_that_is_no_json_is_400(caller: Caller) -> None:
    """A torn body is said to be one."""
    async with caller.http.put(f"{caller.url}/phones/380000000001", data=b"{") as response:
        assert (response.status, (await response.json())["invalid"][0]["code"]) == (400, "not_json")


async def test_unknown_provider_of_submissions_is_400(caller: Caller) -> None:
    """A provider that does not exist is not an empty list."""
    async with caller.http.get(f"{caller.url}/submissions?provider=pigeon") as response:
        assert response.status == 400


async def test_tax_number_moves_with_its_phone(caller: Caller) -> None:
    """A tax number taken from one phone and given to another is found at the other only."""
    await caller.phone("380000000001", tax_id="0000000001")
    await caller.phone("380000000001", tax_id=None)
    await caller.phone("380000000002", tax_id="0000000001")
    await caller.push({"rnokpp": "0000000001", "id": "p", "parameters": [{"key": "number", "value": "7"}]})
    assert len(await caller.messages("380000000002")) == 1
    assert await caller.get("/phones/380000000001/messages") == []


async def test_forget(caller: Caller) -> None:
    """DELETE /phones leaves no phone, message or submission; a messageId stays used, as the provider remembers it."""
    await caller.viber(message_id="m")
    await caller.messages("380000000001")
    async with caller.http.delete(f"{caller.url}/phones") as response:
        assert response.status == 204
    assert (await caller.get("/phones"), await caller.get("/submissions")) == ([], [])
    assert (await caller.viber(message_id="m"))["status"]["id"] == 23


async def test_history_is_bounded(settings: LabSettings, http: ClientSession) -> None:
    """With history_max only that many messages and submissions are kept, the latest."""
    async with run_lab(replace(settings, history_max=3)) as lab:
        caller = Caller(http, lab)
        for number in range(1, 6):
            await caller.viber(f"38000000000{number}", f"m{number}")
            await caller.messages(f"38000000000{number}")
        rows = await caller.get("/submissions")
        phones = await caller.get("/phones")
    assert [row["client_reference"] for row in rows] == ["m3", "m4", "m5"]
    assert [phone["msisdn"] for phone in phones] == ["+380000000003", "+380000000004", "+380000000005"]
