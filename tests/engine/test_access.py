"""Callers' secrets and tokens over a real ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esoz_notify.core.errors import Conflict, InvalidInput, NotFound
from esoz_notify.engine import access as access_module
from esoz_notify.engine.access import TOKEN_LIFE_S, Access, CertificateNeeded, InvalidClient, InvalidScope, InvalidToken
from esoz_notify.engine.callers import KEEP_OLD_HOURS_MAX, SCOPES, SECRET_PREFIX
from esoz_notify.engine.clock import LedgerClock
from esoz_notify.engine.ledgers import Ledger
from esoz_notify.store.vault import Keys

KEYS = Keys(data_keys={1: b"d" * 32}, current_id=1, index_key=b"i" * 32, code_key=b"c" * 32, token_key=b"t" * 32)
OTHER_KEYS = Keys(data_keys={1: b"d" * 32}, current_id=1, index_key=b"i" * 32, code_key=b"c" * 32, token_key=b"u" * 32)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Ledger]:
    """A ledger, closed afterwards."""
    ledger = Ledger(dsn, LedgerClock())
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    """An empty ledger."""
    async with opened(ledger_dsn) as found:
        yield found


@pytest.fixture
def access(ledger: Ledger) -> Access:
    """Callers of an empty ledger."""
    return Access(ledger, KEYS)


async def test_a_secret_gives_a_token_that_says_what_it_allows(access: Access) -> None:
    """The token names the client, its scopes and its end, an hour from now by the ledger's clock."""
    secret = await access.callers.create("mis-1", "A hospital's system", ["patients:read", "notifications:write"])
    token = await access.issue("mis-1", secret)
    claims = access.verify(token.access_token)

    assert secret.startswith(SECRET_PREFIX)
    assert len(secret) >= len(SECRET_PREFIX) + 43
    assert token.scopes == ("notifications:write", "patients:read")
    assert (claims.client_id, claims.scopes) == ("mis-1", frozenset(token.scopes))
    left_s = (claims.expires_at - access.now()).total_seconds()
    assert TOKEN_LIFE_S - 2 < left_s <= TOKEN_LIFE_S
    assert token.access_token not in repr(token)


async def test_only_a_hash_of_the_secret_is_kept(access: Access, ledger: Ledger) -> None:
    """Neither the secret nor a part of it is in the ledger."""
    secret = await access.callers.create("mis-1", "One", ["patients:read"])
    async with ledger.transaction() as connection:
        row = await (await connection.execute("SELECT client::text FROM client")).fetchone()

    assert row is not None
    assert secret.encode().hex() not in row[0]
    assert secret.removeprefix(SECRET_PREFIX) not in row[0]


async def test_wrong_secrets_and_unknown_clients_are_the_same(access: Access) -> None:
    """A wrong secret, an unknown client, a disabled one and nonsense raise one error with one text."""
    good = await access.callers.create("mis-1", "One", ["patients:read"])
    gone = await access.callers.create("mis-2", "Two", ["patients:read"])
    await access.callers.disable("mis-2")
    texts = set()
    for client_id, secret in (
        ("mis-1", good + "x"),
        ("mis-1", ""),
        ("mis-1", "\ud800"),
        ("mis-3", good),
        ("mis-2", gone),
        ("\x00", good),
        ("", ""),
    ):
        with pytest.raises(InvalidClient) as refused:
            await access.issue(client_id, secret)
        texts.add(str(refused.value))

    assert len(texts) == 1


async def test_rotation_ends_the_old_secret(access: Access) -> None:
    """After a rotation only the new secret is good; name and scopes stay; a disabled client comes back by it."""
    old = await access.callers.create("mis-1", "One", ["patients:read"])
    await access.callers.disable("mis-1")
    new = await access.callers.rotate("mis-1")
    token = await access.issue("mis-1", new)

    with pytest.raises(InvalidClient):
        await access.issue("mis-1", old)
    assert access.verify(token.access_token).scopes == {"patients:read"}
    (client,) = await access.callers.list()
    assert (client.id, client.name, client.scopes, client.disabled_at) == ("mis-1", "One", ("patients:read",), None)


async def test_two_secrets_live_at_once(access: Access, ledger: Ledger) -> None:
    """A rotation gives a second secret; the first is good until its time is over, a third ends it at once."""
    first = await access.callers.create("mis-1", "One", ["patients:read"])
    second = await access.callers.rotate("mis-1", keep_old_hours=2)
    for secret in (first, second):
        assert (await access.issue("mis-1", secret)).scopes == ("patients:read",)
    (client,) = await access.callers.list()
    newest, older = client.secrets_until
    assert newest is None
    assert older is not None
    assert timedelta(minutes=119) < older - access.now() <= timedelta(minutes=120)
    third = await access.callers.rotate("mis-1", keep_old_hours=1)
    with pytest.raises(InvalidClient):
        await access.issue("mis-1", first)
    await access.issue("mis-1", second)
    async with ledger.transaction() as connection:
        await connection.execute("UPDATE client_secret SET ends_at = ledger_now() WHERE ends_at IS NOT NULL")

    with pytest.raises(InvalidClient):
        await access.issue("mis-1", second)
    await access.issue("mis-1", third)
    assert (await access.callers.list())[0].secrets_until == (None,)


async def test_a_rotation_may_end_the_old_at_once(access: Access) -> None:
    """With nothing kept only the new secret is good; what is kept is bounded."""
    old = await access.callers.create("mis-1", "One", ["patients:read"])
    await access.callers.rotate("mis-1", keep_old_hours=0)
    with pytest.raises(InvalidClient):
        await access.issue("mis-1", old)
    for hours in (-1, KEEP_OLD_HOURS_MAX + 1, float("nan")):
        with pytest.raises(InvalidInput):
            await access.callers.rotate("mis-1", keep_old_hours=hours)


async def test_a_bound_callers_token_hangs_on_its_certificate(access: Access) -> None:
    """It names the certificate that was shown, and without one there is no token; another caller's names none."""
    secret = await access.callers.create("mis-1", "One", ["patients:read"])
    unbound = await access.issue("mis-1", secret, certificate="thumb")
    assert access.verify(unbound.access_token).certificate is None
    await access.callers.bind("mis-1")
    bound = await access.issue("mis-1", secret, certificate="thumb")
    assert access.verify(bound.access_token).certificate == "thumb"
    with pytest.raises(CertificateNeeded):
        await access.issue("mis-1", secret)
    await access.callers.bind("mis-1", bound=False)
    assert access.verify((await access.issue("mis-1", secret)).access_token).certificate is None


async def test_what_is_done_to_callers_is_in_the_audit(access: Access, ledger: Ledger) -> None:
    """Making, rotating, giving keys, binding and disabling, by whom; what changed nothing is not there twice."""
    await access.callers.create("mis-1", "One", ["patients:read"], who="cli:olena@host")
    await access.callers.rotate("mis-1", who="cli:olena@host", keep_old_hours=2)
    await access.callers.set_keys("mis-1", {"keys": []}, who="cli:olena@host")
    await access.callers.bind("mis-1", who="cli:olena@host")
    for _ in range(2):
        await access.callers.disable("mis-1", who="cli:olena@host")
    async with ledger.transaction() as connection:
        cursor = await connection.execute("SELECT actor, action, subject FROM audit ORDER BY seq")
        noted = await cursor.fetchall()

    actions = ["client_created", "client_rotated", "client_keys_changed", "client_keys_changed", "client_disabled"]
    assert noted == [("cli:olena@host", action, "client:mis-1") for action in actions]


async def test_a_caller_that_comes_back_does_not_bring_its_old_tokens(access: Access, ledger: Ledger) -> None:
    """What was issued before a caller was disabled stays over when it gets a new secret, in every process."""
    other = Access(ledger, KEYS)
    secret = await access.callers.create("mis-1", "One", ["patients:read"])
    old = (await access.issue("mis-1", secret)).access_token
    ledger.clock.set(ledger.clock.now() + timedelta(seconds=2))
    await access.callers.disable("mis-1")
    async with ledger.transaction() as connection:
        await connection.execute("UPDATE client SET tokens_since = tokens_since + interval '2 seconds'")
    await other.callers._keep_up()
    new = await access.callers.rotate("mis-1")
    await other.callers._keep_up()

    assert not _is_good(access, old)
    assert not _is_good(other, old)
    ledger.clock.set(ledger.clock.now() + timedelta(seconds=2))
    assert _is_good(other, (await access.issue("mis-1", new)).access_token)


async def test_disabling_ends_tokens_everywhere(
    access: Access, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that disables knows at once, every other as soon as it looks; repeating it changes nothing."""
    other = Access(ledger, KEYS)
    secret = await access.callers.create("mis-1", "One", ["patients:read"])
    token = (await access.issue("mis-1", secret)).access_token
    other.verify(token)
    await access.callers.disable("mis-1")
    await access.callers.disable("mis-1")

    with pytest.raises(InvalidToken):
        access.verify(token)
    looking = asyncio.create_task(other.callers.run())
    async with asyncio.timeout(5):
        while _is_good(other, token):
            await asyncio.sleep(0.01)
    looking.cancel()


async def test_unknown_clients_cannot_be_changed(access: Access) -> None:
    """Rotating or disabling one that is not there is told; a strange id is not repeated."""
    for client_id in ("nobody", "+380000000001"):
        with pytest.raises(NotFound) as refused:
            await access.callers.rotate(client_id)
        with pytest.raises(NotFound):
            await access.callers.disable(client_id)
        assert "380000000001" not in str(refused.value)


async def test_a_client_is_made_once_and_well(access: Access) -> None:
    """An id that is taken is a conflict; every broken rule of a new one is told at once."""
    await access.callers.create("mis-1", "One", ["patients:read"])
    with pytest.raises(Conflict):
        await access.callers.create("mis-1", "Again", ["patients:read"])
    with pytest.raises(InvalidInput) as refused:
        await access.callers.create("A B", "", [])
    with pytest.raises(InvalidInput) as unknown:
        await access.callers.create("mis-2", "Two", ["everything"])

    assert [one.pointer for one in refused.value.problems] == ["/id", "/name", "/scopes"]
    assert [one.code for one in unknown.value.problems] == ["unknown_scope"]


@pytest.mark.parametrize("scope", ["", " ", "patients:write", "patients:read patients:write", "everything"])
async def test_a_token_is_never_wider_than_its_client(access: Access, scope: str) -> None:
    """What the client does not have cannot be asked for, not even together with what it has."""
    secret = await access.callers.create("mis-1", "One", ["patients:read"])

    with pytest.raises(InvalidScope):
        await access.issue("mis-1", secret, scope)


async def test_a_token_ends(access: Access, ledger: Ledger) -> None:
    """When its hour is over by the ledger's clock a token is refused, though it was taken before."""
    secret = await access.callers.create("mis-1", "One", ["patients:read"])
    token = (await access.issue("mis-1", secret)).access_token
    access.verify(token)
    ledger.clock.set(ledger.clock.now() + timedelta(seconds=TOKEN_LIFE_S))

    with pytest.raises(InvalidToken):
        access.verify(token)


def _forged(**changes: Any) -> str:
    claims = {"iss": "esoz-notify", "aud": "esoz-notify", "sub": "m", "scope": "x", "iat": 1, "exp": 4e9, "jti": "j"}
    claims |= changes
    return jwt.encode({name: one for name, one in claims.items() if one is not None}, KEYS.token_key, "HS256")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"aud": "other"},
        {"sub": None},
        {"scope": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1e30},
        {"exp": [1]},
        {"jti": None},
        {"nbf": 4e9},
    ],
)
async def test_claims_that_are_not_ours_are_refused(access: Access, changes: dict[str, Any]) -> None:
    """Even rightly signed, a token without every claim as we make them is none."""
    access.verify(_forged())

    with pytest.raises(InvalidToken):
        access.verify(_forged(**changes))


async def test_another_key_or_algorithm_is_refused(access: Access, ledger: Ledger) -> None:
    """A token signed with another key, by another algorithm or not at all opens nothing."""
    secret = await access.callers.create("mis-1", "One", ["patients:read"])
    stranger = (await Access(ledger, OTHER_KEYS).issue("mis-1", secret)).access_token
    claims = jwt.decode(stranger, options={"verify_signature": False})
    for token in (
        stranger,
        jwt.encode(claims, "", "none"),
        jwt.encode(claims, KEYS.token_key * 2, "HS512"),
    ):
        with pytest.raises(InvalidToken):
            access.verify(token)


async def test_known_tokens_are_bounded(access: Access) -> None:
    """However many tokens are shown, so many are remembered and no more; the forgotten ones are still good."""
    secret = await access.callers.create("mis-1", "One", ["patients:read"])
    first = (await access.issue("mis-1", secret)).access_token
    access.verify(first)
    for number in range(access_module._TOKENS_KNOWN_MAX + 10):
        access.verify(_forged(jti=str(number)))

    assert len(access._known) == access_module._TOKENS_KNOWN_MAX
    assert access.verify(first).client_id == "mis-1"


@given(token=st.text(max_size=200) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_any_text_is_a_token_or_an_invalid_one(token: str) -> None:
    """Whatever stands in the header, the answer is a refusal and not a fault."""
    with pytest.raises(InvalidToken):
        Access(Ledger("", LedgerClock()), KEYS).verify(token)


def test_scopes_are_named_once() -> None:
    """The list of scopes has no doubles, and each is a noun and a right."""
    assert len(set(SCOPES)) == len(SCOPES)
    assert all(scope.count(":") == 1 for scope in SCOPES)


def _is_good(access: Access, token: str) -> bool:
    try:
        access.verify(token)
    except InvalidToken:
        return False
    return True
