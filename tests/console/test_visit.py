"""Who may come to the pages: signing in and out, sessions that end, forged forms, and what every page carries."""

import logging
import re
from uuid import uuid4

import aiohttp
import pytest
from tests.api.desk import Desk, a_desk
from tests.console.visitor import LOGIN, PASSWORD, Visitor, a_visitor, do, on_paper, rows

from esoz_notify.console.app import HANDLERS
from esoz_notify.engine.pace import LOGIN as PACE

OPEN = {"/assets/{name:str}", "/language/{chosen:str}", "/sign-in", "/sign-in/oidc", "/sign-in/oidc/back"}


def test_every_page_asks_who_visits() -> None:
    """Only the ways to sign in, the language and the assets are for everybody."""
    found = {path for handler in HANDLERS if handler.opt.get("open") for path in handler.paths}
    assert found == OPEN


async def test_signing_in_and_out(desk: Desk, visitor: Visitor) -> None:
    """Without a session every page sends to the sign-in; with one the desk opens, until one signs out."""
    assert [(seen.status, seen.to) for seen in [await visitor.get("/print")]] == [(303, "/sign-in")]
    signed = await visitor.post("/sign-in", login=f" {LOGIN.upper()} ", password=PASSWORD)
    assert (signed.status, signed.to) == (303, "/")
    cookie = signed.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
    desk_page = await visitor.get("/print")
    assert (desk_page.status, "Оксана Коваль" in desk_page.text) == (200, True)
    assert (await visitor.get("/sign-in")).to == "/"
    left = await visitor.post("/sign-out")
    assert (left.status, left.to) == (303, "/sign-in")
    assert (await visitor.get("/print")).to == "/sign-in"
    assert await rows(desk, "SELECT count(*) FROM session WHERE revoked_at IS NOT NULL") == [(1,)]


async def test_the_ledger_has_no_token_and_no_password(desk: Desk, doctor: Visitor) -> None:
    """Of a session its hash is kept, of a password its Argon2id."""
    token = next(cookie.value for cookie in doctor.http.cookie_jar if cookie.key == "esoz_notify")
    ((kept,),) = await rows(desk, "SELECT token_hash FROM session")
    ((hashed,),) = await rows(desk, "SELECT password_hash FROM person")
    assert isinstance(kept, bytes)
    assert token.encode() not in kept
    assert str(hashed).startswith("$argon2id$")


async def test_a_wrong_password(visitor: Visitor) -> None:
    """A wrong password and an unknown login are told by the same words, and the password is not shown again."""
    wrong = await visitor.post("/sign-in", login=LOGIN, password="not the password")
    unknown = await visitor.post("/sign-in", login="nobody", password="not the password")
    assert (wrong.status, unknown.status) == (403, 403)
    assert "Логін або пароль неправильний." in wrong.text
    assert wrong.text.replace(LOGIN, "nobody") == unknown.text
    assert "not the password" not in wrong.text
    assert "set-cookie" not in wrong.headers


async def test_guessing_is_slowed_and_nobody_is_locked_out(desk: Desk, visitor: Visitor) -> None:
    """After some wrong passwords each try costs a wait, also with the right one; after the wait it opens."""
    for _ in range(PACE.free):
        assert (await visitor.post("/sign-in", login=LOGIN, password="a wrong one")).status == 403
    assert await rows(desk, "SELECT tries FROM sign_in_try ORDER BY 1") == [(PACE.free,), (PACE.free,)]
    # The first wait is a second, and a slow machine may have spent it: some tries later it is a minute.
    await do(desk, "UPDATE sign_in_try SET tries = tries + 10, last_at = ledger_now()")
    slowed = await visitor.post("/sign-in", login=LOGIN, password=PASSWORD)
    assert (slowed.status, "Зачекайте" in slowed.text) == (429, True)
    assert (await visitor.post("/sign-in", login="somebody.else", password="a wrong one")).status == 403
    await do(desk, "UPDATE sign_in_try SET last_at = last_at - interval '61 seconds'")
    assert (await visitor.post("/sign-in", login=LOGIN, password=PASSWORD)).status == 303
    # Somebody else's, and the address's, to which one was given back.
    assert await rows(desk, "SELECT tries FROM sign_in_try ORDER BY 1") == [(1,), (PACE.free + 11,)]


async def test_strangers_do_not_slow_a_known_browser(desk: Desk, doctor: Visitor) -> None:
    """Whoever signed in here before comes in while strangers hammer the login and the address.

    Another login's cookie, or a forged one, is worth nothing.
    """
    await doctor.post("/sign-out")
    async with a_visitor(desk) as stranger:
        for _ in range(PACE.free):
            await stranger.post("/sign-in", login=LOGIN, password="a wrong one")
        await do(desk, "UPDATE sign_in_try SET tries = 100, last_at = ledger_now()")
        assert (await stranger.post("/sign-in", login=LOGIN, password=PASSWORD)).status == 429
        known = next(one.value for one in doctor.http.cookie_jar if one.key == "esoz_notify_known")
        mark, _, seal = known.partition(".")
        for forged in ("x" + known, f"{mark}.{'0' * 32}", f"{'0' * 32}.{seal}", "~", ".", mark):
            cookie = {"Cookie": f"esoz_notify_known={forged}"}
            assert (await stranger.post("/sign-in", headers=cookie, login=LOGIN, password=PASSWORD)).status == 429
    assert (await doctor.post("/sign-in", login="somebody.else", password=PASSWORD)).status == 429
    assert (await doctor.post("/sign-in", login=LOGIN, password=PASSWORD)).status == 303


async def test_a_known_browser_is_slowed_too(desk: Desk, doctor: Visitor) -> None:
    """A cookie that was stolen buys no more guesses than anybody has."""
    for _ in range(PACE.free):
        assert (await doctor.post("/sign-in", login=LOGIN, password="a wrong one")).status == 403
    await do(desk, "UPDATE sign_in_try SET tries = tries + 10, last_at = ledger_now()")
    assert (await doctor.post("/sign-in", login=LOGIN, password=PASSWORD)).status == 429


async def test_one_address_is_slowed(desk: Desk, visitor: Visitor) -> None:
    """Whoever tries many logins from one address waits, whichever the login; right passwords give tries back."""
    for number in range(3):
        await visitor.post("/sign-in", login=f"somebody.{number}", password="a wrong one")
    await visitor.post("/sign-in", login=LOGIN, password=PASSWORD)
    assert await rows(desk, "SELECT tries FROM sign_in_try ORDER BY 1") == [(1,), (1,), (1,), (3,)]
    await do(desk, "UPDATE sign_in_try SET tries = 60, last_at = ledger_now() WHERE tries = 3")
    async with a_visitor(desk) as other:
        assert (await other.post("/sign-in", login="somebody.new", password="a wrong one")).status == 429


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE session SET ends_at = ledger_now() - interval '1 second'",
        "UPDATE session SET seen_at = ledger_now() - interval '61 minutes'",
        "UPDATE session SET revoked_at = ledger_now()",
        "UPDATE person SET disabled_at = ledger_now()",
    ],
)
async def test_a_session_that_is_over(desk: Desk, doctor: Visitor, end: str) -> None:
    """A session that ended, was revoked, or whose person was disabled opens nothing and does nothing."""
    notification = await on_paper(desk)
    assert (await doctor.get("/print")).status == 200
    await do(desk, end)
    assert (await doctor.get("/print")).to == "/sign-in"
    assert (await doctor.get("/print/waiting")).to == "/sign-in"
    assert (await doctor.post(f"/print/{notification}/sheets")).to == "/sign-in"
    assert await rows(desk, "SELECT count(*) FROM print_trail") == [(0,)]


async def test_a_page_that_looks_by_itself_is_nobody(desk: Desk, doctor: Visitor) -> None:
    """Only what a person does keeps a session alive, not the parts that a page fetches again and again."""
    notification = await on_paper(desk)
    seen = "SELECT seen_at < ledger_now() - interval '30 minutes' FROM session"
    await do(desk, "UPDATE session SET seen_at = ledger_now() - interval '40 minutes'")
    for path in ("/print/waiting", f"/print/{notification}/state", "/print?again"):
        assert (await doctor.get(path)).status == 200
    assert await rows(desk, seen) == [(True,)]
    assert (await doctor.get("/print")).status == 200
    assert await rows(desk, seen) == [(False,)]


async def test_another_password_ends_sessions(desk: Desk, doctor: Visitor) -> None:
    """A new password and a disabling sign the person out everywhere."""
    await desk.people.set_password(LOGIN, "another four words")
    assert (await doctor.get("/print")).to == "/sign-in"
    assert (await doctor.sign_in(password="another four words")).to == "/"
    await desk.people.disable(LOGIN)
    assert (await doctor.get("/print")).to == "/sign-in"
    assert (await doctor.sign_in(password="another four words")).status == 403


async def test_forged_forms(desk: Desk, doctor: Visitor) -> None:
    """A form without the session's token, with another session's, or from another site does nothing."""
    notification = await on_paper(desk)
    path = f"/print/{notification}/sheets"
    async with a_visitor(desk) as other:
        await other.sign_in()
        assert other.csrf != doctor.csrf
        for forged in ("", "0" * 64, other.csrf):
            assert (await doctor.post(path, csrf=forged)).status == 403
    for origin in ("https://elsewhere.example", "http://[", "null", "x" * 1000):
        assert (await doctor.post(path, headers={"Origin": origin})).status == 403
    assert (await doctor.post(path, headers={"Sec-Fetch-Site": "cross-site"})).status == 403
    signing = {"login": LOGIN, "password": PASSWORD}
    assert (await doctor.post("/sign-in", headers={"Sec-Fetch-Site": "cross-site"}, **signing)).status == 403
    assert await rows(desk, "SELECT count(*) FROM print_trail") == [(0,)]
    assert (await doctor.post(path, headers={"Origin": desk.base_url})).status == 303


async def test_every_page_is_strict(doctor: Visitor) -> None:
    """Nothing inline runs or styles, nothing frames the page, nothing is kept by caches."""
    for path in ("/print", "/print/waiting", "/sign-in", "/print/0198c0de-0000-7000-8000-000000000009"):
        seen = await doctor.get(path)
        policy = seen.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert seen.headers["cache-control"] == "no-store"
        assert seen.headers["x-content-type-options"] == "nosniff"
        assert " style=" not in seen.text


async def test_language_at_one_click(visitor: Visitor) -> None:
    """English is remembered; back leads to pages of ours only."""
    assert '<html lang="uk">' in (await visitor.get("/sign-in")).text
    chosen = await visitor.get("/language/en?back=/sign-in")
    assert (chosen.status, chosen.to) == (303, "/sign-in")
    assert '<html lang="en">' in (await visitor.get("/sign-in")).text
    for back in ("//elsewhere.example", "https://elsewhere.example", "/print/../oauth/token", "/print//x"):
        assert (await visitor.get(f"/language/uk?back={back}")).to == "/"
    assert (await visitor.get("/language/fr?back=/sign-in")).to == "/sign-in"
    assert '<html lang="uk">' in (await visitor.get("/sign-in")).text


async def test_strangers_paths(doctor: Visitor) -> None:
    """What is no page is said so on a page; the API's answers stay the API's."""
    assert (await doctor.get("/print/nothing")).status == 404
    assert (await doctor.get("/assets/../pages.py")).status == 404
    assert (await doctor.get("/assets/none.css")).status == 404
    assert (await doctor.get("/assets/console.css")).headers["content-type"] == "text/css; charset=utf-8"
    assert (await doctor.post("/print", wanted="x" * 20_000)).status == 413
    assert (await doctor.get("/nothing")).headers["content-type"] == "application/problem+json"


async def test_logs_name_nobody(desk: Desk, visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """Neither logins, passwords, numbers nor names are in the log."""
    with caplog.at_level(logging.DEBUG):
        notification = await on_paper(desk, name="Пацієнт Таємний")
        await visitor.sign_in()
        await visitor.post("/print", wanted="0000-243P-1X53-EH38")
        await visitor.get(f"/print/{notification}")
        await visitor.post("/sign-in", login=LOGIN, password="a wrong password")
    assert "GET /print/{notification_id:uuid} 200" in caplog.text
    for secret in (LOGIN, PASSWORD, "a wrong password", "0000-243P", "Таємний", notification, "4821"):
        assert secret not in caplog.text


async def test_every_form_is_checked(desk: Desk, doctor: Visitor) -> None:
    """No page that takes a form, of any there are, takes one without the session's token."""
    paths = [min(one.paths) for one in HANDLERS if "POST" in one.http_methods and not one.opt.get("open")]
    assert len(paths) >= 10
    for path in paths:
        given = re.sub(r"\{\w+:int\}", "1", re.sub(r"\{\w+:uuid\}", str(uuid4()), path))
        seen = await doctor.post(given, csrf="0" * 64)
        assert (path, seen.status, "Форма застаріла" in seen.text) == (path, 403, True)


async def test_cookies_of_https(ledger_dsn: str) -> None:
    """Reached by https, cookies go by nothing else and from this host alone, and the browser is told to stay there."""
    async with a_desk(ledger_dsn, secure=True) as secured, aiohttp.ClientSession(secured.base_url) as http:
        await secured.people.add(LOGIN, "Оксана Коваль", "doctor", "mis-1", PASSWORD)
        for path in ("/sign-in", "/print/nothing", "/assets/none.css", "/print"):
            async with http.get(path, allow_redirects=False) as reply:
                assert reply.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
        form = {"login": LOGIN, "password": PASSWORD}
        async with http.post("/sign-in", data=form, allow_redirects=False) as reply:
            cookies = reply.headers.getall("set-cookie")
    assert [one.partition("=")[0] for one in cookies] == ["__Host-esoz_notify", "__Host-esoz_notify_known"]
    for one in cookies:
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= set(one.lower().split("; "))
        assert "domain" not in one.lower()


async def test_no_promise_of_https_where_there_is_none(visitor: Visitor) -> None:
    """Reached by http, the browser is told nothing of https."""
    assert "strict-transport-security" not in (await visitor.get("/sign-in")).headers
