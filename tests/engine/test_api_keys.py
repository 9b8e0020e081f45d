"""API keys over a real ledger: what they open, whom they are given to, and when they end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest

from esoz_notify.core.errors import Conflict, NotFound
from esoz_notify.engine.access import Access, InvalidToken
from esoz_notify.engine.api_keys import KEY_PREFIX, SIGNED_FOR_S, ApiKeys, service_id
from esoz_notify.engine.callers import GOVUK, READ_ALL, SCOPES, TURBOSMS, hashed
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store.vault import Keys

TOKEN_KEY = b"t" * 32
KEYS = Keys(data_keys={1: b"d" * 32}, current_id=1, index_key=b"i" * 32, code_key=b"c" * 32, token_key=TOKEN_KEY)


@pytest.fixture
async def access(ledger_dsn: str) -> AsyncIterator[Access]:
    """Callers of an empty ledger, of which mis-1 has every scope."""
    ledger = Ledger(ledger_dsn, LedgerClock())
    await ledger.open()
    try:
        yield Access(ledger, KEYS)
    finally:
        await ledger.close()


async def comes_to(access: Access, shown: str) -> str:
    """Who is let in by it, looking at the ledger now; empty: nobody."""
    access.api_keys._read_at = None
    try:
        return (await access.admit_key(shown)).client_id
    except InvalidToken:
        return ""


def signed(access: Access, key: str, *, old_s: float = 0, algorithm: str = "HS256", **changes: Any) -> str:
    """What a client of GOV.UK Notify makes of its key."""
    claims = {"iss": key[-73:-37], "iat": int((access.now() - timedelta(seconds=old_s)).timestamp()), **changes}
    kept = {name: one for name, one in claims.items() if one is not None}
    half = {"none": "", "HS512": key[-36:] * 2}.get(algorithm, key[-36:])
    return jwt.encode(kept, half, algorithm=algorithm)


async def test_a_key_opens_the_dialects_that_its_caller_has_and_nothing_else(access: Access) -> None:
    """Shown or signed by, it gives these scopes and no other; as a token of /v1 or a secret it is nothing."""
    await access.callers.create("mis-1", "Hospital", [TURBOSMS, READ_ALL, "notifications:write"])
    key = await access.api_keys.show("mis-1", who="cli:a@b")

    assert key.startswith(f"{KEY_PREFIX}-{service_id('mis-1')}-")
    for shown in (key, signed(access, key)):
        claims = await access.admit_key(shown)
        assert (claims.client_id, claims.scopes) == ("mis-1", frozenset({TURBOSMS}))
        with pytest.raises(InvalidToken):
            await access.admit(shown)
    async with access._ledger.transaction() as connection:
        cursor = await connection.execute("SELECT actor, subject FROM audit WHERE action = 'client_key_shown'")
        assert await cursor.fetchall() == [("cli:a@b", "client:mis-1")]


async def test_a_key_needs_the_service_s_own_key(access: Access) -> None:
    """It is the same at every process with our keys, and no use of what the ledger keeps gives it."""
    secret = await access.callers.create("mis-1", "Hospital", SCOPES)
    key = await access.api_keys.show("mis-1", who="cli:a@b")

    assert await ApiKeys(access._ledger, TOKEN_KEY).show("mis-1", who="cli:a@b") == key
    assert await ApiKeys(access._ledger, b"u" * 32).show("mis-1", who="cli:a@b") != key
    assert key[-36:] not in {str(jwt.utils.base64url_encode(hashed(secret))), hashed(secret).hex()[:36]}
    for wrong in (secret, hashed(secret).hex(), "x" * 36):
        assert await comes_to(access, signed(access, f"{key[:-36]}{wrong[:36]}")) == ""


async def test_only_what_was_signed_by_it_just_now_is_good(access: Access) -> None:
    """Wrong halves, another's name, old and future tokens, other algorithms and missing claims let nobody in."""
    for client_id in ("mis-1", "mis-2"):
        await access.callers.create(client_id, "Hospital", SCOPES)
    key, other = [await access.api_keys.show(client_id, who="cli:a@b") for client_id in ("mis-1", "mis-2")]
    margin = 5

    assert await comes_to(access, signed(access, key, old_s=SIGNED_FOR_S - margin)) == "mis-1"
    assert await comes_to(access, signed(access, key, old_s=margin - SIGNED_FOR_S)) == "mis-1"
    bad = [
        f"{key[:-36]}{other[-36:]}", f"{key}x", f"x{key}", key.upper(), "", "a.b.c", f"{KEY_PREFIX}-{key[-36:]}",
        signed(access, key, old_s=SIGNED_FOR_S + margin), signed(access, key, old_s=-SIGNED_FOR_S - margin),
        signed(access, key, iss=other[-73:-37]), signed(access, key, iss="mis-1"),
        signed(access, key, iat=None), signed(access, key, iat="now"), signed(access, key, iss=None),
        signed(access, key, exp=1), signed(access, key, algorithm="none"), signed(access, key, algorithm="HS512"),
        signed(access, key, said="x" * 4000),
    ]  # fmt: skip
    assert [one for one in bad if await comes_to(access, one)] == []


Deed = Callable[[Access], Awaitable[object]]
ENDS: dict[str, Deed] = {
    "rotated": lambda access: access.callers.rotate("mis-1", keep_old_hours=0),
    "disabled": lambda access: access.callers.disable("mis-1"),
    "bound": lambda access: access.callers.bind("mis-1"),
    "keys alone": lambda access: access.callers.set_keys("mis-1", {"keys": []}, end_secrets=True),
}


async def test_a_key_lives_as_long_as_its_secret(access: Access) -> None:
    """While two secrets are good so are two keys; it ends with its secret or its caller, and a bound one has none."""
    for number, end in enumerate(ENDS.values()):
        if number:
            await access.callers.bind("mis-1", bound=False)
            await access.callers.rotate("mis-1", keep_old_hours=0)
        else:
            await access.callers.create("mis-1", "Hospital", SCOPES)
        first = await access.api_keys.show("mis-1", who="cli:a@b")
        await access.callers.rotate("mis-1", keep_old_hours=1)
        second = await access.api_keys.show("mis-1", who="cli:a@b")
        assert first != second
        assert [await comes_to(access, one) for one in (first, second)] == ["mis-1", "mis-1"]
        await end(access)
        assert [await comes_to(access, one) for one in (first, signed(access, second))] == ["", ""]
        # Given to the one whose secret is new, and to none of the others.
        if end is not ENDS["rotated"]:
            with pytest.raises(Conflict, match="cannot have an API key"):
                await access.api_keys.show("mis-1", who="cli:a@b")


async def test_whom_a_key_is_not_given_to(access: Access) -> None:
    """Nobody unknown, and nobody without a dialect's scope."""
    await access.callers.create("mis-1", "Hospital", sorted(set(SCOPES) - {GOVUK, TURBOSMS}))
    with pytest.raises(Conflict, match="govuk:write, turbosms:write"):
        await access.api_keys.show("mis-1", who="cli:a@b")
    with pytest.raises(NotFound):
        await access.api_keys.show("mis-2", who="cli:a@b")


async def test_guesses_cost_the_ledger_nothing(access: Access) -> None:
    """Who there is, is looked up once and then known: what strangers show is judged with the ledger away."""
    await access.callers.create("mis-1", "Hospital", SCOPES)
    key = await access.api_keys.show("mis-1", who="cli:a@b")
    assert await comes_to(access, key) == "mis-1"
    await access._ledger.close()

    guesses = [key, *(f"{KEY_PREFIX}-{service_id(f'mis-{number}')}-{key[-36:]}" for number in range(2, 50))]
    assert [await access.api_keys.admit(one) is not None for one in guesses] == [True, *[False] * 48]


async def test_a_caller_that_was_disabled_here_is_out_at_once(access: Access) -> None:
    """Not only when callers are looked up again."""
    await access.callers.create("mis-1", "Hospital", SCOPES)
    key = await access.api_keys.show("mis-1", who="cli:a@b")
    assert await comes_to(access, key) == "mis-1"
    await access.callers.disable("mis-1")

    with pytest.raises(InvalidToken):
        await access.admit_key(key)
