"""One-time codes of the whole product under attack and under load: over HTTP, with the lab's phones."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.engine.product import phone
from tests.faults.whole import Whole, a_whole

MANY = 200
_NOT_TEXT = re.compile(
    r"\\+x[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.+Z]+"
)


@asynccontextmanager
async def house(dsn: str, folder: Path, **change: Any) -> AsyncIterator[Whole]:
    """The product; ``change``: of its settings."""
    async with a_whole(dsn, folder, change=lambda settings: replace(settings, **change)) as whole:
        yield whole


async def create(whole: Whole, number: int, **more: Any) -> dict[str, Any]:
    """Ask for a verification; gives its view."""
    asked = {"purpose": "data_access", "entity_id": f"entity-{number}", "recipient": {"phone": phone(number)}, **more}
    status, made = await whole.call("POST", "/v1/verifications", asked, idempotency_key=str(uuid4()))
    assert status == 201, made
    view: dict[str, Any] = made
    return view


async def check(whole: Whole, made: dict[str, Any], code: str) -> tuple[int, Any]:
    """Tell a code."""
    return await whole.call("POST", made["links"]["check"], {"code": code})


async def code_on(whole: Whole, number: int, *, count: int = 1) -> str:
    """The code of the last message of a phone, once it shows so many."""
    async with asyncio.timeout(60):
        while len(messages := await whole.shown(number)) < count:
            await asyncio.sleep(0.05)
    found = re.search(r"[0-9]{4,}", messages[-1]["text"])
    assert found is not None
    return found[0]


def other_than(code: str) -> str:
    """A wrong code of the same length."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


async def test_brute_force_stops_at_the_third_attempt(ledger_dsn: str, tmp_path: Path) -> None:
    """Of twenty checks on twenty connections at once exactly three are judged; then the right code is of no use."""
    async with house(ledger_dsn, tmp_path) as whole:
        made = await create(whole, 1)
        code = await code_on(whole, 1)
        answers = await asyncio.gather(*(check(whole, made, other_than(code)) for _ in range(20)))
        late = await check(whole, made, code)

    told = sorted((status, document["code"], document["attempts_left"]) for status, document in answers)
    assert told == [(403, "code_wrong", left) for left in range(3)] + [(409, "attempts_exhausted", 0)] * 17
    assert (late[0], late[1]["code"]) == (409, "attempts_exhausted")


async def test_one_right_code_among_many_checks_counts_once(ledger_dsn: str, tmp_path: Path) -> None:
    """The right code told ten times at once confirms once."""
    async with house(ledger_dsn, tmp_path) as whole:
        made = await create(whole, 1)
        code = await code_on(whole, 1)
        answers = await asyncio.gather(*(check(whole, made, code) for _ in range(10)))

    assert sorted(status for status, _ in answers) == [200, *[409] * 9]


async def test_guessing_across_many_verifications_hits_limits(ledger_dsn: str, tmp_path: Path) -> None:
    """A caller that guesses a little at each of many codes, and at ids that do not exist, is stopped all the same."""
    async with house(ledger_dsn, tmp_path, codes_per_caller=100) as whole:
        made = [await create(whole, number) for number in range(6)]
        codes = [await code_on(whole, number) for number in range(6)]
        answers = []
        for one, code in zip(made, codes, strict=True):
            answers += [await check(whole, one, other_than(code)) for _ in range(2)]
        unknown = {"links": {"check": f"/v1/verifications/{uuid4()}/check"}}
        answers.append(await check(whole, unknown, "0000"))
        right = await check(whole, made[0], codes[0])

    assert [status for status, _ in answers] == [403] * 10 + [429] * 3
    assert answers[-1][1]["next_at"] > made[0]["created_at"]
    assert right[0] == 429, "nobody learns by the answer whether the last guess would have been right"


async def test_a_dump_of_the_ledger_holds_no_code(ledger_dsn: str, tmp_path: Path) -> None:
    """Whoever has every row of every table has no code that was made, told, sent as a text, or is yet to be told."""
    async with house(ledger_dsn, tmp_path) as whole:
        made = [
            await create(whole, number, purpose="authentication_method", entity_id=f"e{number}") for number in range(3)
        ]
        codes = [await code_on(whole, number) for number in range(3)]
        assert (await check(whole, made[0], codes[0]))[0] == 200
        assert (await check(whole, made[1], other_than(codes[1])))[0] == 403
        codes.append("73021845")
        text = {"phone_number": phone(9), "body": f"Ваш рецепт. Код підтвердження: {codes[-1]}"}
        assert (await whole.call("POST", "/sms/send", text))[0] == 200
        assert await code_on(whole, 9) == codes[-1]
        rows = await _dump(whole)

    assert len(rows) > 50
    for code in codes:
        in_hex = code.encode().hex()
        found = [row for row in rows if re.search(rf"(?<!\d){code}(?!\d)", _NOT_TEXT.sub("", row)) or in_hex in row]
        assert found == []


async def _dump(whole: Whole) -> list[str]:
    tables = await whole.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    rows = []
    for (table,) in tables:
        found = await whole.sql(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - a table's name, as the ledger told it
        rows += [f"{table}: {row}" for (row,) in found]
    assert {"verification", "verification_act", "content", "history"} <= {row.partition(":")[0] for row in rows}
    return rows


async def test_many_at_once_each_get_their_own_code(ledger_dsn: str, tmp_path: Path) -> None:
    """Two hundred verifications in one moment: each phone gets one message, and its code confirms its own."""
    async with house(ledger_dsn, tmp_path) as whole:
        numbers = range(MANY)
        made = await asyncio.gather(*(create(whole, number) for number in numbers))
        codes = await asyncio.gather(*(code_on(whole, number) for number in numbers))
        answers = await asyncio.gather(*(check(whole, one, code) for one, code in zip(made, codes, strict=True)))
        shown = await asyncio.gather(*(whole.shown(number) for number in numbers))

    assert [status for status, _ in answers] == [200] * MANY
    assert [document["entity_id"] for _, document in answers] == [f"entity-{number}" for number in numbers]
    assert [len(messages) for messages in shown] == [1] * MANY
    assert len(set(codes)) > MANY / 2


async def test_the_doctor_sees_by_which_channel_it_came(ledger_dsn: str, tmp_path: Path) -> None:
    """A code that Viber does not take comes by SMS, says what for, and the stream names the channel."""
    async with house(ledger_dsn, tmp_path) as whole:
        await whole.phone(1, viber=False)
        made = await create(whole, 1)
        async with (
            asyncio.timeout(60),
            whole.http.get(made["links"]["events"], headers={"authorization": f"Bearer {whole.token}"}) as response,
        ):
            text = (await response.read()).decode()
        code = await code_on(whole, 1)
        message = (await whole.shown(1))[0]
        confirmed = await check(whole, made, code)

    assert '"delivered_by":"sms"' in text
    assert (message["channel"], message["text"]) == (
        "sms",
        f"Ваш код {code} діє 5 хв: доступ до медичних даних. Чужим не кажіть",
    )
    assert confirmed[0] == 200
    assert confirmed[1]["delivery"]["delivered_by"] == "sms"


async def test_a_gateway_that_fails_loses_no_code(ledger_dsn: str, tmp_path: Path) -> None:
    """While every provider is down ESOZ's call is answered 201, and the code comes when they are back."""
    async with house(ledger_dsn, tmp_path) as whole:
        for provider in ("viber", "smsc-a", "smsc-b"):
            await whole.fault(provider=provider, fault="outage", for_s=300)
        status, made = await whole.call("POST", "/verifications", {"phone_number": phone(1)})
        await whole.heal()
        code = await code_on(whole, 1)
        done = await whole.call("PATCH", f"/verifications/{phone(1)}/actions/complete", {"code": int(code)})
        known = await whole.call("GET", f"/verifications/{phone(1)}")

    assert (status, made["data"]["status"]) == (201, "new")
    assert (done[0], done[1]["data"]["status"], done[1]["data"]["id"]) == (200, "verified", made["data"]["id"])
    assert (known[0], known[1]["data"]) == (200, {"phone_number": phone(1)})
