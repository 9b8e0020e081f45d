"""Passkeys in a real browser, by the authenticator that Chromium plays, and every way to bring back a bad one."""

import json
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page
from tests.api.desk import Desk
from tests.console.test_browser import Browser, a_browser, pytestmark
from tests.console.visitor import LOGIN, PASSWORD, do, rows

from esoz_notify.engine.passkeys import site_of

__all__ = ["pytestmark"]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def localhost(desk: Desk) -> str:
    """The desk by the name that its passkeys are bound to."""
    return desk.base_url.replace("127.0.0.1", "localhost")


async def authenticator(page: Page) -> tuple[CDPSession, str]:
    """Have Chromium play one."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return session, str(made["authenticatorId"])


async def add_passkey(browser: Browser) -> None:
    """Add a passkey on the account's page."""
    page = browser.page
    await page.goto("/account")
    await page.get_by_role("button", name="Додати ключ доступу").click()
    await page.get_by_role("button", name="Створити ключ доступу").click()
    await page.get_by_role("heading", name="Коди відновлення").wait_for()
    await page.get_by_role("link", name="Коди збережено").click()
    await page.get_by_text("Ключ доступу: ").wait_for()


async def to_the_second_step(browser: Browser) -> None:
    """Sign out and in again, up to the second step."""
    page = browser.page
    await page.get_by_role("button", name="Вийти", exact=True).click()
    await page.get_by_label("Логін").fill(LOGIN)
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Другий крок входу").wait_for()


async def _signed(page: Page, changed: dict[str, Any]) -> str:
    """What the browser signs, with what it is asked changed."""
    signed: str = await page.evaluate(
        """async (changed) => {
          const asked = {...JSON.parse(document.querySelector("[data-passkey]").dataset.options), ...changed};
          const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
          return JSON.stringify(await navigator.credentials.get({publicKey}));
        }""",
        changed,
    )
    return signed


async def _post(page: Page, credential: str) -> int:
    """Post a signature as the page's form would; gives the status."""
    status: int = await page.evaluate(
        """async (credential) => {
          const form = new FormData(document.querySelector("[data-passkey]").form);
          form.set("proof_credential", credential);
          const body = new URLSearchParams(form);
          return (await fetch("/sign-in/second", {method: "POST", body, redirect: "manual"})).status;
        }""",
        credential,
    )
    return status


async def test_a_passkey_from_first_to_last(desk: Desk) -> None:
    """Made on the account's page, it is the second step; it proves to be there, and is taken away."""
    async with a_browser(desk, base_url=localhost(desk)) as browser:
        page = browser.page
        await authenticator(page)
        await browser.sign_in()
        await add_passkey(browser)
        await to_the_second_step(browser)
        await page.get_by_role("button", name="Скористатися ключем доступу").click()
        await page.get_by_role("heading", name="Потрібно надрукувати").wait_for()
        ((count, used),) = await rows(desk, "SELECT sign_count, used_at IS NOT NULL FROM passkey")
        assert (int(str(count)) >= 1, used) == (True, True)
        await do(desk, "UPDATE session SET fresh_at = ledger_now() - interval '6 minutes'")
        await page.goto("/account")
        await page.get_by_role("button", name="Прибрати").click()
        await page.get_by_role("button", name="Скористатися ключем доступу").click()
        await page.get_by_text("Прибрано.").wait_for()
        assert browser.complaints == []
        assert browser.hosts == {localhost(desk).removeprefix("http://")}
    assert await rows(desk, "SELECT (SELECT count(*) FROM passkey), (SELECT count(*) FROM recovery_code)") == [(0, 0)]


async def test_bad_signatures(desk: Desk) -> None:
    """Refused: of another challenge, without the person verified, by a copy of the key, twice, or for another site."""
    async with a_browser(desk, base_url=localhost(desk)) as browser:
        page = browser.page
        session, key = await authenticator(page)
        await browser.sign_in()
        await add_passkey(browser)
        await to_the_second_step(browser)
        assert await _post(page, await _signed(page, {"challenge": "AAAAAAAAAAAAAAAAAAAAAA"})) == 403
        await page.reload()
        verified = {"authenticatorId": key, "isUserVerified": False}
        await session.send("WebAuthn.setUserVerified", verified)
        await page.get_by_role("button", name="Скористатися ключем доступу").click()
        await page.get_by_text("Переглядач не дав ключа доступу").wait_for()
        assert await _post(page, await _signed(page, {"userVerification": "discouraged"})) == 403
        await session.send("WebAuthn.setUserVerified", {**verified, "isUserVerified": True})
        await page.reload()
        await do(desk, "UPDATE passkey SET sign_count = 1000")
        assert await _post(page, await _signed(page, {})) == 403
        await do(desk, "UPDATE passkey SET sign_count = 1")
        for bad in ("{}", "[]", "not JSON", '{"id": "AAAA"}', json.dumps({"id": 5})):
            await page.reload()
            assert await _post(page, bad) == 403
        await page.reload()
        good = await _signed(page, {})
        for one in ("{}", good):  # what was asked is taken by the first answer, good or bad
            assert await _post(page, one) == 403
        await page.reload()
        assert await _post(page, await _signed(page, {})) == 0  # a redirect, of which scripts are told no more
        await page.goto("/print")
        await page.get_by_role("heading", name="Потрібно надрукувати").wait_for()
    assert await rows(desk, "SELECT count(*) FROM audit WHERE action = 'second_factor_failed'") == [(10,)]


@pytest.mark.parametrize(
    ("public_url", "rp_id"),
    [
        ("https://notify.example", "notify.example"),
        ("https://notify.example:8443/", "notify.example"),
        ("http://localhost:8080", "localhost"),
        ("http://notify.example", None),
        ("https://10.0.0.1", None),
        ("https://[2001:db8::1]", None),
        ("", None),
        (None, None),
    ],
)
def test_where_there_are_passkeys(public_url: str | None, rp_id: str | None) -> None:
    """Only where people come by a name and https, or to their own machine."""
    site = site_of(public_url)
    assert (site.rp_id if site else None) == rp_id
    assert site is None or site.origin == (public_url or "").rstrip("/")
