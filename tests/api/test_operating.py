"""The operators' calls: seeing providers, taking one out of use, putting it back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.api.desk import Desk, Reply, a_desk

from esoz_notify.api.edge import Check
from esoz_notify.core.results import Unknown
from esoz_notify.engine.health import Health

PROVIDERS = "/v1/operations/providers"
CARRIER = f"{PROVIDERS}/carrier"
WHY = {"reason": "their maintenance"}
UNHELD = {"held_by": None, "held_why": None, "held_since": None}


@asynccontextmanager
async def watching(desk: Desk) -> AsyncIterator[Health]:
    """What a worker does with the shared health, for as long as the block lasts."""
    health = Health(desk.ledger, ["carrier"])
    task = asyncio.create_task(health.run())
    try:
        yield health
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.02)


async def listed(desk: Desk) -> dict[str, Any]:
    """The only provider of the desk, as it is listed."""
    (provider,) = (await desk.call("GET", PROVIDERS)).json["data"]
    return dict(provider)


async def history(desk: Desk) -> list[tuple[str, str, str | None]]:
    reply = await desk.call("GET", f"{CARRIER}/history")
    return [(one["change"], one["reason"], one["by"]) for one in reply.json["data"]]


def pointers(reply: Reply) -> list[tuple[str, str]]:
    return [(one["pointer"], one["code"]) for one in reply.json["invalid"]]


async def test_a_provider_that_nobody_has_tried_is_up(desk: Desk) -> None:
    """Every configured provider is listed, tried or not, and an empty history is one."""
    provider = await listed(desk)

    assert provider.pop("since").endswith("Z")
    assert provider == {
        "name": "carrier",
        "state": "up",
        "reason": "start",
        **UNHELD,
        "slow": False,
        "receipts_stopped": False,
    }
    assert await history(desk) == []


async def test_a_hold_says_who_and_why_until_it_is_resumed(desk: Desk) -> None:
    """Who is the client of the token; each answer is the provider as it now is; the history keeps both."""
    held = await desk.call("POST", f"{CARRIER}/hold", {"reason": " their maintenance "})
    assert held.status == 200
    assert (held.json["state"], held.json["held_by"], held.json["held_why"]) == ("held", "mis-1", "their maintenance")
    assert held.json["held_since"] is not None
    assert await listed(desk) == held.json

    resumed = await desk.call("POST", f"{CARRIER}/resume", {"reason": "it is over"})
    assert (resumed.status, resumed.json["state"]) == (200, "up")
    assert resumed.json.items() >= UNHELD.items()
    assert await listed(desk) == resumed.json
    assert await history(desk) == [("resumed", "it is over", "mis-1"), ("held", "their maintenance", "mis-1")]


async def test_repeating_changes_nothing(desk: Desk) -> None:
    """The first hold stays on record, whoever repeats it; what is not held is resumed without a trace."""
    assert (await desk.call("POST", f"{CARRIER}/resume", WHY)).json["state"] == "up"
    first = await desk.call("POST", f"{CARRIER}/hold", WHY)
    secret = await desk.access.callers.create("mis-2", "Another", ["operations:write"])
    other = (await desk.access.issue("mis-2", secret)).access_token
    again = await desk.call("POST", f"{CARRIER}/hold", {"reason": "me too"}, token=other)

    assert (again.status, again.json) == (200, first.json)
    assert await history(desk) == [("held", "their maintenance", "mis-1")]


async def test_every_process_goes_by_it(ledger_dsn: str) -> None:
    """What is held by a call shows in /readyz, keeps messages away, and is over when it is resumed."""
    states: dict[str, Check] = {}
    async with a_desk(ledger_dsn, readiness=lambda: states) as desk:
        await desk.call("POST", f"{CARRIER}/hold", WHY)
        async with watching(desk) as health:

            async def ready() -> Any:
                state = health.state("carrier", is_up=True)
                states["carrier"] = Check(ok=state == "up", state=state, vital=False)
                return (await desk.call("GET", "/readyz", token=None)).json["checks"]["carrier"]

            await until(lambda: not health.may_send("carrier"))
            assert await ready() == {"ok": False, "state": "held"}
            await desk.call("POST", f"{CARRIER}/resume", WHY)
            await until(lambda: health.may_send("carrier"))
            assert await ready() == {"ok": True, "state": "up"}


async def test_a_circuit_tells_why_and_nobody_did_it(desk: Desk) -> None:
    """What failing calls did to a provider is seen with its reason, and has no person; a hold outweighs it."""
    async with watching(desk) as health:
        for _ in range(5):
            health.note("carrier", [Unknown()], health.now())
        async with asyncio.timeout(10):
            while (await listed(desk))["state"] != "open":
                await asyncio.sleep(0.02)
    opened = await listed(desk)
    held = (await desk.call("POST", f"{CARRIER}/hold", WHY)).json

    assert (opened["reason"], opened["held_by"]) == ("failures_in_row: no_answer", None)
    assert (held["state"], held["reason"], held["since"]) == ("held", opened["reason"], opened["since"])
    assert await history(desk) == [
        ("held", "their maintenance", "mis-1"),
        ("open", "failures_in_row: no_answer", None),
    ]


async def test_reading_does_not_allow_holding(desk: Desk) -> None:
    """A token that may look may not hold, and nothing is held by trying."""
    token = await desk.token("operations:read")
    refused = await desk.call("POST", f"{CARRIER}/hold", WHY, token=token)

    assert (refused.status, refused.json["scope"]) == (403, "operations:write")
    assert (await listed(desk))["state"] == "up"


async def test_a_provider_that_is_not_configured_is_none(desk: Desk) -> None:
    """A name that is no provider's is 404 at every call."""
    replies = [
        await desk.call("GET", f"{PROVIDERS}/pigeon/history"),
        await desk.call("POST", f"{PROVIDERS}/pigeon/hold", WHY),
        await desk.call("POST", f"{PROVIDERS}/pigeon/resume", WHY),
    ]

    assert {(one.status, one.code) for one in replies} == {(404, "provider_unknown")}


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [("/reason", "required")]),
        ({"reason": None}, [("/reason", "required")]),
        ({"reason": ""}, [("/reason", "required")]),
        ({"reason": " \u00a0 "}, [("/reason", "required")]),
        ({"reason": 7}, [("/reason", "wrong_type")]),
        ({"reason": "x" * 201}, [("/reason", "too_long")]),
        ({"reason": "a\u0000b"}, [("/reason", "control_character")]),
        ({"why": "x", "who": "olena"}, [("/reason", "required"), ("/why", "unknown_field"), ("/who", "unknown_field")]),
        ({"reason": "x", "who": "olena"}, [("/who", "unknown_field")]),
    ],
)
@pytest.mark.parametrize("call", ["hold", "resume"])
async def test_a_reason_is_asked_for(
    desk: Desk, call: str, body: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    """Without words that a colleague can read, and with more than they need, nothing is done; all faults are named."""
    reply = await desk.call("POST", f"{CARRIER}/{call}", body)

    assert (reply.status, pointers(reply)) == (422, problems)
    assert await history(desk) == []


async def test_a_reason_of_full_length_fits(desk: Desk) -> None:
    """Two hundred letters of any alphabet are kept whole."""
    reply = await desk.call("POST", f"{CARRIER}/hold", {"reason": "ї" * 200})

    assert (reply.status, reply.json["held_why"]) == (200, "ї" * 200)


async def test_without_a_body_it_is_not_json(desk: Desk) -> None:
    """A call without a body is told so before anything else."""
    assert (await desk.call("POST", f"{CARRIER}/hold")).status == 415
    assert (await desk.call("POST", f"{CARRIER}/hold", raw=b"")).code == "malformed_json"
