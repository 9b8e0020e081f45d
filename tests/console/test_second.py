"""The second step of signing in over HTTP: enrolling, passing, recovery codes, and what half a session may do."""

import re

import pyotp
from tests.api.desk import Desk, a_desk
from tests.console.visitor import LOGIN, PASSWORD, Visitor, a_visitor, do, rows

from esoz_notify.console.app import HANDLERS

_SECRET = re.compile(r'class="code secret">([A-Z2-7 ]+)<')


async def enrol(desk: Desk, visitor: Visitor) -> tuple[pyotp.TOTP, list[str]]:
    """Add an app on the page, and let its next code be the first that is good."""
    await visitor.get("/account")
    shown = await visitor.post("/account/app")
    totp = pyotp.TOTP(_SECRET.findall(shown.text)[0].replace(" ", ""))
    done = await visitor.post("/account/app/confirm", code=totp.at(desk.ledger.clock.now()))
    await do(desk, "UPDATE totp SET last_step = 0")
    return totp, re.findall(r'<li class="code">([A-Z0-9-]+)</li>', done.text)


async def test_from_enrolment_to_the_second_step(desk: Desk, doctor: Visitor) -> None:
    """The secret and its QR code are made here; after the first code recovery codes are shown this once."""
    totp, codes = await enrol(desk, doctor)
    assert len(codes) == 10
    assert not [code for code in codes if code in (await doctor.get("/account")).text]
    async with a_visitor(desk) as other:
        half = await other.post("/sign-in", login=LOGIN, password=PASSWORD)
        assert half.to == "/"
        assert [one.key for one in other.http.cookie_jar] == ["esoz_notify"]
        assert (await other.get("/print")).to == "/sign-in/second"
        assert "Другий крок входу" in (await other.get("/sign-in/second")).text
        wrong = await other.post("/sign-in/second", proof_code="000000")
        assert (wrong.status, "не підійшов" in wrong.text) == (403, True)
        before = next(one.value for one in other.http.cookie_jar if one.key == "esoz_notify")
        passed = await other.post("/sign-in/second", proof_code=totp.at(desk.ledger.clock.now()))
        assert passed.to == "/"
        assert before != next(one.value for one in other.http.cookie_jar if one.key == "esoz_notify")
        assert (await other.get("/print")).status == 200
        assert (await other.get("/sign-in/second")).to == "/"
    async with a_visitor(desk) as third:
        await third.post("/sign-in", login=LOGIN, password=PASSWORD)
        await third.get("/sign-in/second")
        assert (await third.post("/sign-in/second", proof_code=codes[3].lower())).to == "/"


async def test_half_a_session_opens_nothing(desk: Desk, doctor: Visitor) -> None:
    """Of all pages there are, a password alone opens those that ask for the second factor, and leaving."""
    await enrol(desk, doctor)
    async with a_visitor(desk) as half:
        await half.post("/sign-in", login=LOGIN, password=PASSWORD)
        await half.get("/sign-in/second")
        for handler in HANDLERS:
            path = re.sub(r"\{\w+:int\}", "1", min(handler.paths))
            path = re.sub(r"\{\w+:\w+\}", "0198c0de-0000-7000-8000-000000000009", path)
            if handler.opt.get("open") or path in {"/sign-in/second", "/sign-out"}:
                continue
            seen = await (half.post(path) if "POST" in handler.http_methods else half.get(path))
            assert (path, seen.status, seen.to) == (path, 303, "/sign-in/second")
    assert await rows(desk, "SELECT count(*) FROM totp") == [(1,)]


async def test_who_must_have_one_enrols_first(ledger_dsn: str) -> None:
    """Where the role demands a second factor nothing opens before there is one."""
    async with a_desk(ledger_dsn, doors={"second_factor": ["operator"]}) as desk, a_visitor(desk) as visitor:
        await desk.people.add("operator", "Оператор", "operator", "mis-1", PASSWORD)
        await visitor.post("/sign-in", login="operator", password=PASSWORD)
        for path in ("/print", "/crisis", "/account"):
            assert (await visitor.get(path)).to == "/account/second"
        assert "Додайте другий крок" in (await visitor.get("/account/second")).text
        shown = await visitor.post("/account/app")
        totp = pyotp.TOTP(_SECRET.findall(shown.text)[0].replace(" ", ""))
        assert (await visitor.post("/account/app/confirm", code="000000")).status == 403
        assert (await visitor.post("/account/app/confirm", code=totp.at(desk.ledger.clock.now()))).status == 200
        assert (await visitor.get("/crisis")).status == 200
        assert (await visitor.get("/account/second")).to == "/account"


async def test_factors_change_after_a_proof_only(desk: Desk, doctor: Visitor) -> None:
    """Whoever finds an open page adds and removes nothing: a fresh proof is asked, and then it goes on."""
    await doctor.get("/account")
    stale = "UPDATE session SET fresh_at = ledger_now() - interval '6 minutes'"
    await do(desk, stale)
    for path in ("/account/app", "/account/app/confirm", "/account/app/remove", "/account/passkeys", "/account/codes"):
        asked = await doctor.post(path)
        assert (asked.status, "Підтвердьте, що це ви" in asked.text, "secret" in asked.text) == (200, True, False)
    assert (await doctor.post("/account/app", proof_password="a wrong one")).status == 422
    assert _SECRET.search((await doctor.post("/account/app", proof_password=PASSWORD)).text)
    totp, _ = await enrol(desk, doctor)
    await do(desk, stale)
    assert (await doctor.post("/account/app/remove", proof_password=PASSWORD)).status == 403
    now = totp.at(desk.ledger.clock.now())
    assert (await doctor.post("/account/app/remove", proof_code=now)).to == "/account?done=removed"
    assert await rows(desk, "SELECT count(*) FROM totp") == [(0,)]
