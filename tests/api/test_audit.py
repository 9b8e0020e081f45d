"""What callers and operators do over HTTP is in the audit, once, with who did it; what was refused is not."""

from collections.abc import AsyncIterator

import pytest
from tests.api.desk import PATIENT_ID, Desk, a_desk
from tests.api.test_crisis import CRISIS, proposal, second
from tests.console.visitor import rows

PROVIDER = "/v1/operations/providers/carrier"
DEEDS = "SELECT actor, action, subject, why FROM audit WHERE action <> 'client_created' ORDER BY seq"


@pytest.fixture
async def desk(ledger_dsn: str) -> AsyncIterator[Desk]:
    """The API over an empty ledger."""
    async with a_desk(ledger_dsn) as opened:
        yield opened


async def test_a_callers_deeds(desk: Desk) -> None:
    """Cancel, resend and forgetting a patient are noted; repeated or refused they are not, and accepting never is."""
    await desk.patient()
    sent, other = (await desk.send())["id"], (await desk.send())["id"]
    await desk.start(other)
    for path in (f"{sent}/cancel", f"{sent}/cancel", f"{sent}/resend", f"{other}/resend"):
        await desk.call("POST", f"/v1/notifications/{path}")
    for _ in range(2):
        await desk.call("DELETE", f"/v1/patients/{PATIENT_ID}")
    assert await rows(desk, DEEDS) == [
        ("caller:mis-1", "cancel", f"notification:{sent}", None),
        ("caller:mis-1", "resend", f"notification:{other}", None),
        ("caller:mis-1", "patient_deleted", f"patient:{PATIENT_ID}", None),
    ]


async def test_a_code_that_a_person_sends_again(desk: Desk) -> None:
    """The message of a verification sent again by its notification's call is noted like any other."""
    asked = {"purpose": "declaration", "entity_id": PATIENT_ID, "patient_id": PATIENT_ID}
    await desk.patient()
    made = await desk.call("POST", "/v1/verifications", asked, idempotency_key="one")
    assert made.status == 201, made.body
    await desk.start(made.json["id"])
    assert (await desk.call("POST", f"/v1/notifications/{made.json['id']}/resend")).status == 202
    assert await rows(desk, DEEDS) == [("caller:mis-1", "resend", f"notification:{made.json['id']}", None)]


async def test_an_operators_deeds(desk: Desk) -> None:
    """Holds and crisis switches are noted with their reasons; repeated they are not; a phone in a reason is refused."""
    for reason in ("call +380000000001", "their maintenance", "again"):
        held = await desk.call("POST", f"{PROVIDER}/hold", {"reason": reason})
        assert held.status == (422 if "+" in reason else 200)
    await desk.call("POST", f"{PROVIDER}/resume", {"reason": "it is over"})
    phoned = await desk.call("POST", CRISIS, {**proposal(), "reason": "ask 000 000 00 01"})
    assert (phoned.status, phoned.json["invalid"][0]["code"]) == (422, "not_for_the_audit")
    crisis = (await desk.call("POST", CRISIS, proposal())).json["id"]
    other = await second(desk)
    for _ in range(2):
        await desk.call("POST", f"{CRISIS}/{crisis}/confirm", token=other)
        await desk.call("POST", f"{CRISIS}/{crisis}/withdraw", {"reason": "messages arrive"})
    assert await rows(desk, DEEDS) == [
        ("caller:mis-1", "provider_held", "provider:carrier", "their maintenance"),
        ("caller:mis-1", "provider_resumed", "provider:carrier", "it is over"),
        ("caller:mis-1", "crisis_proposed", f"crisis:{crisis}", "nothing arrives"),
        ("caller:mis-2", "crisis_confirmed", f"crisis:{crisis}", None),
        ("caller:mis-1", "crisis_withdrawn", f"crisis:{crisis}", "messages arrive"),
    ]
