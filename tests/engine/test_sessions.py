"""Sessions, against a real ledger."""

import dataclasses

import pytest
from tests.engine.doors import HERE, LOGIN, PASSWORD, some_doors

from esoz_notify.core.errors import InvalidInput, NotFound
from esoz_notify.engine.sessions import NotSignedIn, Origin


@pytest.mark.parametrize("token", [None, "", "x", "\udc80", "0" * 10_000])
async def test_no_session(ledger_dsn: str, token: str | None) -> None:
    """What is no token of ours opens no session."""
    async with some_doors(ledger_dsn) as doors:
        with pytest.raises(NotSignedIn):
            await doors.entrance.sessions.session(token)


async def test_where_one_is_signed_in(ledger_dsn: str) -> None:
    """Each session is told by browser and network, with the last part of the address cut off; one or all are ended."""
    async with some_doors(ledger_dsn) as doors:
        sessions = doors.entrance.sessions
        first, here = await doors.sign_in()
        second, _ = await doors.sign_in(Origin(address="2001:db8:1:2:3:4:5:6", device="Safari · iPhone"))
        third, _ = await doors.sign_in(Origin(address="no address"))
        told = [(one.device, one.network) for one in await sessions.list(here.person)]
        assert sorted(told) == [("", ""), ("Firefox · Linux", "203.0.113.0/24"), ("Safari · iPhone", "2001:db8:1::/48")]
        await doors.entrance.people.add("other", "Інша", "doctor", "mis-1", PASSWORD)
        stranger = dataclasses.replace(here, person=dataclasses.replace(here.person, login="other"))
        with pytest.raises(NotFound):
            await sessions.end(stranger, here.id)
        await sessions.end(here, here.id)
        with pytest.raises(NotSignedIn):
            await sessions.session(first)
        assert len(await sessions.list(here.person)) == 2
        await sessions.end_all(stranger)
        assert (await sessions.session(second)).person.login == LOGIN
        await sessions.end_all(here)
        for token in (second, third):
            with pytest.raises(NotSignedIn):
                await sessions.session(token)


async def test_a_browser_is_known_to_several(ledger_dsn: str) -> None:
    """Who share a browser are each known in it, the last five; nothing that it keeps tells who they are."""
    async with some_doors(ledger_dsn) as doors:
        people, sessions = doors.entrance.people, doors.entrance.sessions
        known = ""
        logins = [f"doctor.{number}" for number in range(6)]
        for login in logins:
            await people.add(login, "Лікар", "doctor", "mis-1", PASSWORD)
            known = (await sessions.sign_in(login, PASSWORD, dataclasses.replace(HERE, known=known))).known
        assert [sessions._known_as(known, login) is not None for login in logins] == [False, *[True] * 5]
        assert "doctor" not in known
        again = (await sessions.sign_in(logins[3], PASSWORD, dataclasses.replace(HERE, known=known))).known
        assert sorted(again.split("~")) == sorted(known.split("~"))


async def test_changing_ones_password(ledger_dsn: str) -> None:
    """It asks the old one, keeps the rules, and ends every session but the one where it is done."""
    async with some_doors(ledger_dsn) as doors:
        people, sessions = doors.entrance.people, doors.entrance.sessions
        token, here = await doors.sign_in()
        other, _ = await doors.sign_in()
        for old, new, pointer in (
            ("a wrong one", "another four words", "/old_password"),
            (PASSWORD, "short", "/password"),
        ):
            with pytest.raises(InvalidInput) as refused:
                await people.change_password(here.person, old, new, here=here.id)
            assert refused.value.problems[0].pointer == pointer
        assert (await sessions.session(other)).person.login == LOGIN
        await people.change_password(here.person, PASSWORD, "another four words", here=here.id)
        assert (await sessions.session(token)).person.login == LOGIN
        with pytest.raises(NotSignedIn):
            await sessions.session(other)
        assert await people.has_password(LOGIN, "another four words")
