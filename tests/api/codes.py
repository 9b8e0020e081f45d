"""One-time codes as tests need them: reading the code that a message would bring, and asking for verifications."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.api.desk import KEYS, PHONE, Desk, Reply

from esoz_notify.store.vault import Vault, field_aad

ASKED = {"purpose": "declaration", "entity_id": "request-1", "recipient": {"phone": PHONE}}
VAULT = Vault(KEYS)


async def create(desk: Desk, asked: Mapping[str, Any] = ASKED, key: str | None = None, **more: Any) -> Reply:
    """Ask for a verification."""
    return await desk.call("POST", "/v1/verifications", {**asked, **more}, idempotency_key=key or str(uuid4()))


async def created(desk: Desk, asked: Mapping[str, Any] = ASKED, **more: Any) -> dict[str, Any]:
    """Ask for a verification that must be made; gives its view."""
    reply = await create(desk, asked, **more)
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.json
    return made


async def code_of(desk: Desk, verification_id: str) -> str:
    """The code that the message brings; only somebody with the keys can read it."""
    async with desk.ledger.transaction() as connection:
        cursor = await connection.execute("SELECT code FROM content WHERE notification_id = %s", [verification_id])
        row = await cursor.fetchone()
    assert row is not None
    return VAULT.open(row[0], aad=field_aad("content", "code", verification_id)).decode()


def other_than(code: str) -> str:
    """A wrong code of the same length."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


async def check(desk: Desk, verification_id: str, code: str) -> Reply:
    """Tell a code."""
    return await desk.call("POST", f"/v1/verifications/{verification_id}/check", {"code": code})


async def later(desk: Desk, verification_id: str, seconds: int) -> None:
    """Let time pass for one verification: it and its message happened so much earlier."""
    async with desk.ledger.transaction() as connection:
        await connection.execute(
            "UPDATE verification SET created_at = created_at - make_interval(secs => %s) WHERE id = %s",
            [seconds, verification_id],
        )
        await connection.execute(
            "UPDATE attempt SET called_at = called_at - make_interval(secs => %s) WHERE notification_id = %s",
            [seconds, verification_id],
        )
