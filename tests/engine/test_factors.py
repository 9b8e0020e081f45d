"""Second factors, against a real ledger: an app's codes, recovery codes, what sessions wait for."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pyotp
import pytest
from tests.engine.doors import HERE, KEYS, LOGIN, PASSWORD, Doors, some_doors

from esoz_notify.core.errors import Conflict, InvalidInput, LimitReached, NotFound
from esoz_notify.engine import pace
from esoz_notify.engine.factors import FRESH_S, Proof, WrongFactor
from esoz_notify.engine.sessions import NotSignedIn, Session, Waits
from esoz_notify.store.vault import Vault, VaultError, field_aad


@pytest.fixture
async def doors(ledger_dsn: str) -> AsyncIterator[Doors]:
    """An entrance with one doctor."""
    async with some_doors(ledger_dsn) as opened:
        yield opened


async def _enrolled(doors: Doors) -> tuple[pyotp.TOTP, list[str], Session]:
    """A doctor with an app, whose code of a step ago was taken; and the recovery codes."""
    _, session = await doors.sign_in()
    totp = pyotp.TOTP((await doors.entrance.factors.offer_app(session)).secret)
    codes = await doors.entrance.factors.confirm_app(session, _code(doors, totp, -1))
    return totp, codes, session


def _code(doors: Doors, totp: pyotp.TOTP, steps: int) -> str:
    return str(totp.at(for_time=doors.ledger.clock.now(), counter_offset=steps))


async def test_signing_in_in_two_steps(doors: Doors) -> None:
    """A password opens half a session: short, unknown to later sign-ins, and gone once the code gives a whole one."""
    totp, _, _ = await _enrolled(doors)
    sessions, factors = doors.entrance.sessions, doors.entrance.factors
    half = await sessions.sign_in(LOGIN, PASSWORD, HERE)
    session = await sessions.session(half.token)
    assert (session.waits, half.known) == (Waits.SECOND, "")
    short = "SELECT ends_at < ledger_now() + interval '11 minutes' FROM session ORDER BY created_at DESC LIMIT 1"
    assert await doors.rows(short) == [(True,)]
    with pytest.raises(WrongFactor):
        await factors.pass_second(session, Proof(code="000000"), HERE)
    with pytest.raises(WrongFactor):
        await factors.pass_second(session, Proof(password=PASSWORD), HERE)
    whole = await factors.pass_second(session, Proof(code=_code(doors, totp, 0)), HERE)
    assert whole.known
    assert (await sessions.session(whole.token)).waits is None
    assert await doors.rows(short) == [(False,)]
    with pytest.raises(NotSignedIn):
        await sessions.session(half.token)
    assert await doors.rows("SELECT action FROM audit ORDER BY seq DESC LIMIT 3") == [
        ("sign_in",),
        ("second_factor_failed",),
        ("second_factor_failed",),
    ]


async def test_a_code_is_good_once_and_shortly(doors: Doors) -> None:
    """A step's drift either way is taken, two are not; no code is taken twice, nor one older than the last."""
    totp, _, session = await _enrolled(doors)
    prove = doors.entrance.factors.prove
    for steps in (-1, -2, 3, 100):  # the first confirmed the app
        with pytest.raises(WrongFactor):
            await prove(session, Proof(code=_code(doors, totp, steps)))
    code = _code(doors, totp, 1)
    await prove(session, Proof(code=f"{code[:3]} {code[3:]}"))
    for steps in (1, 0):
        with pytest.raises(WrongFactor):
            await prove(session, Proof(code=_code(doors, totp, steps)))


async def test_guessing_codes_is_slowed(doors: Doors) -> None:
    """Whoever knows the password cannot guess codes, not even from new half sessions; a known browser is apart."""
    totp, _, _ = await _enrolled(doors)
    sessions, factors = doors.entrance.sessions, doors.entrance.factors
    known = await factors.pass_second((await doors.sign_in())[1], Proof(code=_code(doors, totp, 0)), HERE)
    for _ in range(pace.FACTOR.free):
        with pytest.raises(WrongFactor):
            await factors.pass_second((await doors.sign_in())[1], Proof(code="000000"), HERE)
    await doors.rows("UPDATE sign_in_try SET tries = tries + 12, last_at = ledger_now() WHERE tries > 1")
    with pytest.raises(LimitReached):
        await factors.pass_second((await doors.sign_in())[1], Proof(code=_code(doors, totp, 1)), HERE)
    mine = type(HERE)(address=HERE.address, device=HERE.device, known=known.known)
    half = await sessions.sign_in(LOGIN, PASSWORD, mine)
    await factors.pass_second(await sessions.session(half.token), Proof(code=_code(doors, totp, 1)), mine)


async def test_recovery_codes(doors: Doors) -> None:
    """Ten come with the first factor, each is good once, kept as a keyed hash of its person's; new ones end the old."""
    _, codes, session = await _enrolled(doors)
    factors = doors.entrance.factors
    assert len({code.replace("-", "") for code in codes}) == 10
    await factors.prove(session, Proof(code=codes[0].lower()))
    with pytest.raises(WrongFactor):
        await factors.prove(session, Proof(code=codes[0]))
    assert (await factors.standing(session)).codes_left == 9
    kept = [bytes(row[0]) for row in await doors.rows("SELECT code_hash FROM recovery_code")]  # type: ignore[call-overload]
    assert all(len(one) == 32 for one in kept)
    assert Vault(KEYS).code_hash(codes[1].replace("-", ""), b"recovery", LOGIN.encode()) in kept
    fresh = await factors.renew_codes(session)
    with pytest.raises(WrongFactor):
        await factors.prove(session, Proof(code=codes[1]))
    await factors.prove(session, Proof(code=fresh[1]))


async def test_the_secret_is_sealed_for_its_person(doors: Doors) -> None:
    """The ledger holds no secret that can be read, nor one that works when it is moved to another person."""
    totp, _, _ = await _enrolled(doors)
    ((sealed,),) = await doors.rows("SELECT secret FROM totp")
    assert isinstance(sealed, bytes)
    assert totp.secret.encode() not in sealed
    assert Vault(KEYS).open(sealed, aad=field_aad("totp", "secret", LOGIN)).decode() == totp.secret
    with pytest.raises(VaultError):
        Vault(KEYS).open(sealed, aad=field_aad("totp", "secret", "other"))


async def test_enrolling(doors: Doors) -> None:
    """What is offered counts for nothing until a right code; then it is offered no more, and asked of old sessions."""
    other, _ = await doors.sign_in()
    _, session = await doors.sign_in()
    factors, sessions = doors.entrance.factors, doors.entrance.sessions
    with pytest.raises(NotFound):
        await factors.confirm_app(session, "000000")
    offer = await factors.offer_app(session)
    assert (await factors.offer_app(session)).secret == offer.secret
    assert offer.uri.startswith("otpauth://totp/")
    with pytest.raises(WrongFactor):
        await factors.confirm_app(session, "000000")
    assert (await sessions.session(other)).waits is None
    code = _code(doors, pyotp.TOTP(offer.secret), 0)
    await factors.confirm_app(session, code)
    with pytest.raises(Conflict):
        await factors.offer_app(session)
    with pytest.raises(Conflict):
        await factors.confirm_app(session, code)
    assert (await sessions.session(other)).waits is Waits.SECOND


async def test_removing_the_last_factor(doors: Doors) -> None:
    """With it the recovery codes go, and a password is enough again, unless a second factor is demanded."""
    _, _, session = await _enrolled(doors)
    factors = doors.entrance.factors
    await factors.remove_app(session)
    assert not await factors.standing(session)
    assert await doors.rows("SELECT count(*) FROM recovery_code") == [(0,)]
    with pytest.raises(NotFound):
        await factors.renew_codes(session)
    assert (await doors.sign_in())[1].waits is None
    await factors.require(LOGIN, required=True, by="cli:olena@host")
    assert (await doors.sign_in())[1].waits is Waits.ENROLMENT
    await factors.require(LOGIN, required=False, by="cli:olena@host")
    assert (await doors.sign_in())[1].waits is None
    with pytest.raises(NotFound):
        await factors.require("nobody", required=True, by="cli:olena@host")


async def test_a_reset_by_the_administrator(doors: Doors) -> None:
    """It takes every factor away, signs the person out, and is in the audit with who did it."""
    await _enrolled(doors)
    token, _ = await doors.sign_in()
    await doors.entrance.factors.reset(LOGIN, by="cli:root@host")
    with pytest.raises(NotSignedIn):
        await doors.entrance.sessions.session(token)
    assert (await doors.sign_in())[1].waits is None
    told = "SELECT actor, subject FROM audit WHERE action = 'second_factor_removed'"
    assert await doors.rows(told) == [("cli:root@host", f"person:{LOGIN}")]


async def test_a_role_that_must_have_one(ledger_dsn: str) -> None:
    """Where the role demands it, a new person's session waits for the enrolment and is whole after it."""
    async with some_doors(ledger_dsn, second_factor=["doctor"]) as doors:
        token, session = await doors.sign_in()
        assert session.waits is Waits.ENROLMENT
        offer = await doors.entrance.factors.offer_app(session)
        assert await doors.entrance.factors.confirm_app(session, _code(doors, pyotp.TOTP(offer.secret), 0))
        assert (await doors.entrance.sessions.session(token)).waits is None


async def test_a_proof_is_good_for_five_minutes(doors: Doors) -> None:
    """Signing in is one; later the password is asked where there is nothing else, and slowed."""
    token, session = await doors.sign_in()
    factors, sessions = doors.entrance.factors, doors.entrance.sessions
    assert factors.is_fresh(session)
    assert timedelta(seconds=FRESH_S) == timedelta(minutes=5)
    await doors.rows("UPDATE session SET fresh_at = ledger_now() - interval '20 minutes'")
    session = await sessions.session(token)
    assert not factors.is_fresh(session)
    with pytest.raises(InvalidInput):
        await factors.prove(session, Proof(password="a wrong one"))
    assert not factors.is_fresh(await sessions.session(token))
    await factors.prove(session, Proof(password=PASSWORD))
    assert factors.is_fresh(await sessions.session(token))
    await doors.rows("UPDATE session SET fresh_at = ledger_now() - interval '20 minutes'")
    with pytest.raises(InvalidInput):
        await factors.prove(session, Proof(code="123456"))
    await doors.rows("UPDATE sign_in_try SET tries = tries + 12, last_at = ledger_now()")
    with pytest.raises(LimitReached):
        await factors.prove(session, Proof(password=PASSWORD))
