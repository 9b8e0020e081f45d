"""What a check does, seen from inside: the same work whatever it comes to; and what is forgotten when it is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.api.codes import code_of, created, later, other_than
from tests.api.desk import Desk, a_desk

from esoz_notify.core.errors import NotFound
from esoz_notify.core.verification import PURPOSES
from esoz_notify.engine.clock import new_id
from esoz_notify.engine.verifications import CheckRefused, new_code
from esoz_notify.store import verifications as kept
from esoz_notify.store.vault import Vault

CALLER = "mis-1"


@pytest.fixture
async def desk(ledger_dsn: str) -> AsyncIterator[Desk]:
    """The API over an empty ledger."""
    async with a_desk(ledger_dsn) as opened:
        yield opened


@asynccontextmanager
async def watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """What is asked of the ledger and of the vault while this lasts, in order; keeping time is left out."""
    seen: list[str] = []
    execute, matches = psycopg.AsyncConnection.execute, Vault.code_matches

    async def told(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        if "ledger_now()" not in str(query):
            seen.append(str(query))
        return await execute(self, query, *more, **options)

    def compared(self: Vault, *given: Any) -> bool:
        seen.append("compared in constant time")
        return matches(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.AsyncConnection, "execute", told)
        patch.setattr(Vault, "code_matches", compared)
        yield seen


async def test_every_check_does_the_same_work(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right, wrong, expired, used up, exhausted and unknown: the same statements in the same order, one comparison."""
    made = {name: await created(desk, entity_id=name) for name in ("right", "wrong", "expired", "exhausted")}
    codes = {name: await code_of(desk, one["id"]) for name, one in made.items()}
    ids = {name: one["id"] for name, one in made.items()} | {"unknown": str(new_id(desk.access.now()))}
    ids |= {"used": ids["right"]}
    told = {**codes, "wrong": other_than(codes["wrong"]), "unknown": "0000", "used": codes["right"]}
    await later(desk, ids["expired"], 301)
    async with desk.ledger.transaction() as connection:
        await connection.execute("UPDATE verification SET attempts = 3 WHERE id = %s", [ids["exhausted"]])
    work: dict[str, list[str]] = {}
    answers: dict[str, str] = {}
    for name in ("right", "used", "wrong", "expired", "exhausted", "unknown"):
        async with watched(monkeypatch) as seen:
            try:
                await desk.service.verifications.check(CALLER, UUID(ids[name]), told[name])
            except (CheckRefused, NotFound) as refused:
                answers[name] = refused.code
        work[name] = seen

    assert answers == {
        "used": "code_used",
        "wrong": "code_wrong",
        "expired": "code_expired",
        "exhausted": "attempts_exhausted",
        "unknown": "verification_unknown",
    }
    assert work["right"].count("compared in constant time") == 1
    assert len(work["right"]) > 4
    assert {name: seen for name, seen in work.items() if seen != work["right"]} == {}


async def test_every_check_writes_one_row(desk: Desk) -> None:
    """A check leaves one counted act, also one of an id that does not exist: the ledger's disk is waited for alike."""
    made = await created(desk)
    code = await code_of(desk, made["id"])
    counts = []
    for one, given in (
        (made["id"], other_than(code)),
        (made["id"], code),
        (made["id"], code),
        (str(new_id(desk.access.now())), "0000"),
    ):
        await desk.call("POST", f"/v1/verifications/{one}/check", {"code": given})
        async with desk.ledger.transaction() as connection:
            cursor = await connection.execute("SELECT act FROM verification_act WHERE act <> 'send' ORDER BY at")
            counts.append([row[0] for row in await cursor.fetchall()])

    assert [len(acts) for acts in counts] == [1, 2, 3, 4]
    assert counts[-1] == ["wrong", "checked", "checked", "wrong"]


def test_codes_have_the_whole_space() -> None:
    """Every digit comes at every place, leading zeros included, and codes differ."""
    codes = {new_code(PURPOSES["authentication_method"]) for _ in range(2000)}

    assert {len(code) for code in codes} == {6}
    assert [{code[place] for code in codes} for place in range(6)] == [set("0123456789")] * 6
    assert len(codes) > 1950


async def test_what_is_over_is_forgotten(desk: Desk) -> None:
    """Acts leave with the longest window and verifications a day after their end; what still counts stays."""
    old, young = await created(desk, entity_id="old"), await created(desk, entity_id="young")
    async with desk.ledger.transaction() as connection:
        await connection.execute(
            "UPDATE verification SET created_at = created_at - interval '25 hours' WHERE id = %s", [old["id"]]
        )
        await connection.execute("INSERT INTO verification_act (act, at) VALUES ('send', now() - interval '25 hours')")
        await kept.forget(connection)
        left = [row[0] for row in await (await connection.execute("SELECT id::text FROM verification")).fetchall()]
        acts = await (await connection.execute("SELECT count(*) FROM verification_act")).fetchone()

    assert left == [young["id"]]
    assert acts == (2,)
