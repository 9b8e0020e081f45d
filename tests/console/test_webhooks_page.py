"""The page of one caller's webhooks: operators look and act, auditors look, nobody else comes."""

import re
from typing import Any

import pytest
from tests.api.desk import Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import PASSWORD, Seen, Visitor, a_visitor, do, rows

from esoz_notify.core.cascade import CancelAsked

PAGE = "/callers/mis-1/webhooks"
# What a sender would have written down of two events.
TOLD = """
UPDATE webhook_delivery SET tries = 2, tried_at = ledger_now(), answered_ms = 87, due_at = NULL,
  state = CASE WHEN event_id = first.id THEN 'failed' ELSE 'delivered' END,
  status = CASE WHEN event_id <> first.id THEN 204 END,
  fault = CASE WHEN event_id = first.id THEN 'timed_out' END
FROM (SELECT id FROM webhook_event ORDER BY id LIMIT 1) AS first
"""
ROLES = (("operator", 200, True), ("auditor", 200, False), ("doctor", 403, False), ("support", 403, False))


async def told(desk: Desk) -> dict[str, Any]:
    """A webhook that took one event and did not take another."""
    made = await desk.call("POST", "/v1/webhooks", {"url": "https://mis.example/webhooks?token=theirs"})
    for _ in range(2):
        await desk.move((await desk.send())["id"], CancelAsked())
    await do(desk, TOLD)
    webhook: dict[str, Any] = made.json
    return webhook


async def seen_by(desk: Desk, role: str) -> Seen:
    """The page as somebody of a role sees it."""
    login = f"u.{role}"
    await desk.people.add(login, "Хтось", role, "mis-1", PASSWORD)
    async with a_visitor(desk) as visitor:
        await visitor.post("/sign-in", login=login, password=PASSWORD)
        return await visitor.get(PAGE)


async def operator(desk: Desk, visitor: Visitor) -> None:
    await desk.people.add("i.operator", "Оператор", "operator", "mis-1", PASSWORD)
    await visitor.post("/sign-in", login="i.operator", password=PASSWORD)


async def test_who_may_look(desk: Desk) -> None:
    """Operators and auditors; only the former are offered to act. The query of an address is never there."""
    await told(desk)
    for role, status, acts in ROLES:
        seen = await seen_by(desk, role)
        assert (seen.status, "/replay/" in seen.text, "Вимкнути" in seen.text) == (status, acts, acts), role
        assert ("https://mis.example/webhooks" in seen.text) == (status == 200)
        assert "theirs" not in seen.text


async def test_an_event_is_told_again_and_the_webhook_switched_off(desk: Desk) -> None:
    """Both in the operator's name, in the audit; what is switched off offers nothing more."""
    webhook = await told(desk)
    async with a_visitor(desk) as visitor:
        await operator(desk, visitor)
        page = (await visitor.get(PAGE)).text
        assert "не відповіла за 15 с" in page
        replays = re.findall(r'action="(\S+/replay/\S+)"', page)
        assert len(replays) == 2
        assert (await visitor.post(replays[0])).to == PAGE
        log = (await desk.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries?state=waiting")).json["data"]
        assert [one["tries"] for one in log] == [0]

        off = f"{PAGE}/{webhook['id']}/off"
        empty = await visitor.post(off, why=" ")
        assert (empty.status, "Напишіть причину" in empty.text) == (422, True)
        personal = await visitor.post(off, why="просив +380000000001")
        assert (personal.status, "не може бути телефону" in personal.text) == (422, True)
        assert (await visitor.post(off, why="сипле помилками")).to == PAGE
        after = (await visitor.get(PAGE)).text
        assert "вимкнув оператор" in after
        assert "/replay/" not in after
        refused = await visitor.post(replays[0])
        assert (refused.status, "спершу система має його увімкнути" in refused.text) == (409, True)

    assert (await desk.call("GET", f"/v1/webhooks/{webhook['id']}")).json["disabled_why"] == "operator"
    assert await rows(
        desk, "SELECT action, actor, why FROM audit WHERE actor LIKE 'person:%' AND action LIKE 'webhook%'"
    ) == [
        ("webhook_replayed", "person:i.operator", None),
        ("webhook_disabled", "person:i.operator", "сипле помилками"),
    ]


@pytest.mark.parametrize("path", ["/callers/Not-An-Id/webhooks", "/callers/%D1%96/webhooks"])
async def test_what_can_be_no_caller_is_not_found(desk: Desk, path: str) -> None:
    """And a caller without webhooks has an empty page."""
    async with a_visitor(desk) as visitor:
        await operator(desk, visitor)
        assert (await visitor.get(path)).status == 404
        assert "Ця система не має вебхуків" in (await visitor.get(PAGE)).text


@in_a_browser[1]
@pytest.mark.browser
async def test_it_is_for_everybody(desk: Desk) -> None:
    """Empty, told, and switched off by keyboard: nothing that axe finds, and nothing that a browser complains of."""
    await desk.people.add("i.operator", "Ніна Нічна", "operator", "mis-1", PASSWORD)
    async with a_browser(desk) as browser:
        await browser.enter("i.operator")
        assert await findings(browser, PAGE) == []
        await told(desk)
        assert await findings(browser, PAGE) == []
        await browser.page.goto(PAGE)
        await browser.page.get_by_label("Чому вимикаєте").fill("сипле помилками")
        await browser.page.keyboard.press("Enter")
        await browser.page.get_by_text("вимкнув оператор").wait_for()
        assert await findings(browser, PAGE) == []
        assert browser.complaints == []
