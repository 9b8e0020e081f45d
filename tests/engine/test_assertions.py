"""Assertions that callers sign: what they must say, and that each is good once, in every process."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.engine.key_pairs import Pair, pair
from tests.engine.test_access import KEYS, opened

from esoz_notify.core.errors import InvalidInput, NotFound
from esoz_notify.engine.access import Access, InvalidClient, InvalidScope
from esoz_notify.engine.assertions import LIFE_S_MAX, WrongAssertion
from esoz_notify.engine.callers import KEYS_MAX, SCOPES
from esoz_notify.engine.ledgers import Ledger

US = frozenset({"https://notify.test", "https://notify.test/oauth/token"})
RIGHTS = ["patients:read", "patients:write"]


@pytest.fixture
async def ledger(ledger_dsn: str) -> AsyncIterator[Ledger]:
    async with opened(ledger_dsn) as found:
        yield found


@pytest.fixture
async def access(ledger: Ledger) -> Access:
    """Two callers; mis-1 has a key."""
    access = Access(ledger, KEYS)
    await access.callers.create("mis-1", "One", RIGHTS)
    await access.callers.create("mis-2", "Two", SCOPES)
    await access.callers.set_keys("mis-1", {"keys": [MINE.jwk]})
    return access


MINE = pair()


def claims(access: Access, **changes: Any) -> dict[str, Any]:
    now = int(access.now().timestamp())
    own = f"jti-{changes.pop('number', 1)}"
    return {"iss": "mis-1", "sub": "mis-1", "aud": "https://notify.test", "exp": now + 60, "jti": own, **changes}


async def shown(access: Access, signer: Pair = MINE, **changes: Any) -> str:
    """What an assertion with such claims comes to: granted scopes, or the sentence of the refusal."""
    try:
        return " ".join((await access.issue_for_assertion(signer.sign(claims(access, **changes)), US)).scopes)
    except (InvalidClient, WrongAssertion) as refused:
        return refused.detail


GRANTED = " ".join(sorted(RIGHTS, key=SCOPES.index))
UNPROVED = "did not sign"


async def test_an_assertion_gives_a_token_as_a_secret_does(access: Access) -> None:
    """With all scopes or fewer; by the issuer's name or the token endpoint's, bare or in a list of one."""
    token = await access.issue_for_assertion(MINE.sign(claims(access)), US, "patients:read", client_id="mis-1")
    assert (token.scopes, access.verify(token.access_token).client_id) == (("patients:read",), "mis-1")
    assert await shown(access, number=2, aud="https://notify.test/oauth/token") == GRANTED
    assert await shown(access, number=3, aud=["https://notify.test"]) == GRANTED
    with pytest.raises(InvalidScope):
        await access.issue_for_assertion(MINE.sign(claims(access, number=4)), US, "otp:write")


async def test_each_is_good_once_also_in_another_process(access: Access, ledger_dsn: str) -> None:
    """A copy shown again, here or at another process with another connection, opens nothing."""
    assertion = MINE.sign(claims(access))
    await access.issue_for_assertion(assertion, US)
    async with opened(ledger_dsn) as elsewhere:
        for one in (access, Access(elsewhere, KEYS)):
            with pytest.raises(WrongAssertion, match="shown before"):
                await one.issue_for_assertion(assertion, US)
    # The same jti of another caller is another assertion.
    await access.callers.set_keys("mis-2", {"keys": [MINE.jwk]})
    assert await shown(access, iss="mis-2", sub="mis-2") == " ".join(SCOPES)


async def test_what_is_forgotten_is_over(access: Access, ledger: Ledger) -> None:
    """The ledger forgets assertions only when they have long ended by themselves."""
    await shown(access)
    await access.callers._keep_up()
    async with ledger.transaction() as connection:
        kept = await (await connection.execute("SELECT count(*) FROM assertion_shown")).fetchone()
        await connection.execute("UPDATE assertion_shown SET ends_at = ledger_now() - interval '1 hour'")
    await access.callers._keep_up()
    async with ledger.transaction() as connection:
        left = await (await connection.execute("SELECT count(*) FROM assertion_shown")).fetchone()

    assert (kept, left) == ((1,), (0,))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"iss": "mis-2"}, "iss and sub"),
    ({"iss": None}, "iss and sub"),
    ({"aud": "https://other.test"}, "aud"),
    ({"aud": None}, "aud"),
    ({"aud": []}, "aud"),
    ({"aud": 7}, "aud"),
    ({"aud": ["https://notify.test", "https://other.test"]}, "aud"),
    ({"exp": None}, "exp"),
    ({"exp": "soon"}, "exp"),
    ({"exp": True}, "exp"),
    ({"exp": 1e30}, "exp"),
    ({"jti": None}, "jti"),
    ({"jti": ""}, "jti"),
    ({"jti": 7}, "jti"),
    ({"jti": "j" * 300}, "jti"),
    ({"nbf": 4e9}, "nbf"),
    ({"iat": "x"}, "iat"),
]


@pytest.mark.parametrize(("changes", "rule"), WRONG)
async def test_every_claim_is_looked_at(access: Access, changes: dict[str, Any], rule: str) -> None:
    """Rightly signed, but saying something else: the caller is told which rule, and gets nothing."""
    assert rule in await shown(access, **changes)


async def test_an_assertion_lives_five_minutes_at_most(access: Access) -> None:
    """One that is over, or that would have to be remembered for longer, is refused."""
    now = int(access.now().timestamp())
    assert "exp" in await shown(access, exp=now - 1)
    assert "exp" in await shown(access, exp=now + LIFE_S_MAX + 10)
    assert await shown(access, exp=now + LIFE_S_MAX - 10) == GRANTED


async def test_only_the_callers_own_living_keys_sign(access: Access) -> None:
    """Another's key, a caller without keys, unknown and disabled ones: all have the same refusal."""
    other = pair(kid="key-1")
    seen = [
        await shown(access, other),
        await shown(access, iss="mis-2", sub="mis-2"),
        await shown(access, iss="nobody", sub="nobody"),
        await shown(access, sub="+380000000001"),
        await shown(access, sub=None),
        await shown(access, x="x" * 9000),
    ]
    with pytest.raises(InvalidClient) as beside:
        await access.issue_for_assertion(MINE.sign(claims(access)), US, client_id="mis-2")
    await access.callers.disable("mis-1")
    seen += [await shown(access), beside.value.detail]

    assert len(set(seen)) == 1
    assert UNPROVED in seen[0]


async def test_changing_over_to_a_new_key(access: Access) -> None:
    """Both keys are good while both are in the set; the one that is left out ends at once."""
    new = pair("EdDSA", "key-2")
    assert await access.callers.set_keys("mis-1", {"keys": [MINE.jwk, new.jwk]}) == ("key-1", "key-2")
    assert await shown(access, MINE, number=1) == await shown(access, new, number=2) == GRANTED
    await access.callers.set_keys("mis-1", {"keys": [new.jwk]})

    assert UNPROVED in await shown(access, MINE, number=3)
    assert await shown(access, new, number=4) == GRANTED
    assert (await access.callers.list())[0].keys == ("key-2",)


async def test_keys_in_place_of_secrets(access: Access) -> None:
    """With its secrets ended a caller comes by its key alone; disabling takes the key too, giving one lets it back."""
    secret = await access.callers.rotate("mis-1")
    await access.callers.set_keys("mis-1", {"keys": [MINE.jwk]}, end_secrets=True)
    with pytest.raises(InvalidClient):
        await access.issue("mis-1", secret)
    assert await shown(access, number=1) == GRANTED
    await access.callers.disable("mis-1")
    await access.callers.rotate("mis-1")
    assert UNPROVED in await shown(access, number=2)
    await access.callers.disable("mis-1")
    await access.callers.set_keys("mis-1", {"keys": [MINE.jwk]})
    assert await shown(access, number=3) == GRANTED


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        (None, ["/keys"]),
        ([], ["/keys"]),
        ({"keys": {}}, ["/keys"]),
        ({"keys": [MINE.jwk] * (KEYS_MAX + 1)}, ["/keys"]),
        ({"keys": [MINE.jwk, MINE.jwk]}, ["/keys"]),
        ({"keys": [MINE.private_jwk, 7, MINE.jwk]}, ["/keys/0", "/keys/1"]),
    ],
)
async def test_a_set_of_keys_is_good_as_a_whole(access: Access, document: object, pointers: list[str]) -> None:
    """Every key that is not good is named, and then nothing is changed; an unknown caller has none."""
    with pytest.raises(InvalidInput) as refused:
        await access.callers.set_keys("mis-1", document)

    assert [one.pointer for one in refused.value.problems] == pointers
    assert await shown(access) == GRANTED
    with pytest.raises(NotFound):
        await access.callers.set_keys("nobody", {"keys": []})
