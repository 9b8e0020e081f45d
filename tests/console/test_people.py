"""The page of people: who sees it, who changes what, and that nobody shuts themselves or everybody out."""

import asyncio
import re

import pytest
from tests.api.desk import Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import LOGIN, PASSWORD, Seen, Visitor, a_visitor, do, rows

from esoz_notify.core.errors import Conflict
from esoz_notify.engine.directory import PAGE_MAX
from esoz_notify.engine.people import Role

OPERATOR, OTHER = "n.nichna", "p.bondar"
STALE = "UPDATE session SET fresh_at = ledger_now() - interval '6 minutes'"
DEEDS = (
    "SELECT action, actor, subject, details FROM audit WHERE actor LIKE 'person:%' AND action <> 'sign_in' ORDER BY seq"
)
MANY = """
INSERT INTO person (login, name, role, client_id, password_hash)
SELECT 'z-' || lpad(no::text, 4, '0'), 'Хтось', 'doctor', 'mis-1', 'x' FROM generate_series(1, 50) no
"""
ROLES = "SELECT login, role, disabled_at IS NULL FROM person ORDER BY login"


@pytest.fixture
async def operator(desk: Desk, visitor: Visitor) -> Visitor:
    """A browser in which an operator has signed in; there is one more operator."""
    for login, name in ((OPERATOR, "Ніна Нічна"), (OTHER, "Петро Бондар")):
        await desk.people.add(login, name, "operator", "mis-1", PASSWORD)
    await visitor.sign_in(OPERATOR)
    await visitor.get("/people")
    return visitor


def shown(seen: Seen) -> str:
    """The secret that a page shows this once."""
    found = re.search(r'class="message code once"[^>]*>([^<]+)<', seen.text)
    assert found, seen.text
    return found[1]


async def test_the_list_says_what_matters(desk: Desk, operator: Visitor) -> None:
    """Name, login, role in words, system, second step, when last here; by role, by login, those who are disabled."""
    await desk.entrance.factors.require(LOGIN, required=True, by="cli:olena@host")
    await desk.people.disable(OTHER)
    page = (await operator.get("/people")).text
    assert [page.count(one) for one in ("Ніна Нічна", "Оксана Коваль", "Петро Бондар")] == [2, 1, 1]
    assert ("вимагаємо, ще немає" in page, "вимкнено" in page, "щойно" in page) == (True, True, True)
    for query, found in (
        ("role=doctor", [LOGIN]),
        ("role=disabled", [OTHER]),
        ("login=N.", [OPERATOR]),
        (f"after={OPERATOR}", [LOGIN, OTHER]),
        ("role=nothing", [OPERATOR, LOGIN, OTHER]),
        ("login=nobody", []),
    ):
        seen = (await operator.get(f"/people?{query}")).text
        assert ("Нікого такого немає" in seen) == (not found)
        assert re.findall(r'<th scope="row"><a href="/people/([^"]+)"', seen) == found


async def test_a_long_list_has_pages(desk: Desk, operator: Visitor) -> None:
    """Each page begins after the last login of the one before; the last has no next."""
    await do(desk, MANY)
    logins: list[str] = []
    path = "/people?role="
    while path:
        seen = (await operator.get(path)).text
        logins += re.findall(r'<th scope="row"><a href="/people/([^"]+)"', seen)
        following = re.search(r'href="(/people\?[^"]+after=[^"]+)"', seen)
        path = following[1].replace("&amp;", "&") if following else ""
    assert len(logins) == len(set(logins)) == PAGE_MAX + 3
    assert logins == sorted(logins)


async def test_somebody_is_let_in(desk: Desk, operator: Visitor) -> None:
    """After a fresh proof; the password is shown on this page once, by it the person comes in, and the trail has it."""
    form = {"login": "s.nova", "name": "Соня Нова", "role": "support", "client_id": "mis-1"}
    await do(desk, STALE)
    asked = await operator.post("/people", headers=None, **form)
    assert ("Підтвердьте, що це ви" in asked.text, 'name="name" value="Соня Нова"' in asked.text) == (True, True)
    assert ("s.nova", "support", True) not in await rows(desk, ROLES)
    made = await operator.post("/people", headers=None, **form, proof_password=PASSWORD)
    assert (made.status, made.headers["cache-control"]) == (200, "no-store")
    password = shown(made)
    for path in ("/people", "/people/s.nova"):
        assert password not in (await operator.get(path)).text
    async with a_visitor(desk) as other:
        assert (await other.sign_in("s.nova", password)).status == 303
        assert (await other.get("/print")).status == 200
    assert await rows(desk, DEEDS) == [
        ("person_added", f"person:{OPERATOR}", "person:s.nova", '{"role":"support","system":"mis-1"}')
    ]


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        ({"login": "О"}, 422, "Логін: від 3 символів"),
        ({"login": "380000000001"}, 422, "Логін: від 3 символів"),
        ({"login": LOGIN}, 409, "Такий логін уже є"),
        ({"name": " "}, 422, "Напишіть ім"),
        ({"role": "king"}, 422, "Оберіть роль"),
        ({"client_id": "mis-9"}, 422, "Оберіть медичну систему"),
    ],
)
async def test_a_mistake_is_said_beside_what_was_typed(
    desk: Desk, operator: Visitor, wrong: dict[str, str], status: int, said: str
) -> None:
    """Nobody is made; what was typed is still there."""
    form = {"login": "s.nova", "name": "Соня Нова", "role": "support", "client_id": "mis-1", **wrong}
    seen = await operator.post("/people", headers=None, **form)
    assert (seen.status, said in seen.text, 'value="s' in seen.text or 'value="Соня' in seen.text) == (
        status,
        True,
        True,
    )
    assert await rows(desk, DEEDS) == []


async def test_everything_of_a_person_can_be_changed(desk: Desk, operator: Visitor) -> None:
    """Role, demand, reset, sessions, access, and access again by a new password; each is noted, and counts at once."""
    at = f"/people/{LOGIN}"
    async with a_visitor(desk) as doctor:
        await doctor.sign_in()
        assert (await doctor.get("/people")).status == 403
        assert (await operator.post(f"{at}/role", role="auditor")).to == f"{at}?done=done"
        assert (await doctor.get("/people")).status == 200
        assert "Зроблено" in (await operator.get(f"{at}?done=done")).text
        await operator.post(f"{at}/sessions/end")
        assert (await doctor.get("/people")).to == "/sign-in"
    for demanded in ("yes", "yes", "no"):
        await operator.post(f"{at}/second", demanded=demanded)
    await operator.post(f"{at}/second/reset")
    for _ in range(2):
        assert (await operator.post(f"{at}/disable")).status == 303
    page = (await operator.get(at)).text
    assert ("Увімкнути з новим паролем" in page, "Вимкнути доступ" in page) == (True, False)
    password = shown(await operator.post(f"{at}/password"))
    async with a_visitor(desk) as doctor:
        assert (await doctor.sign_in(LOGIN, password)).status == 303
    deeds = [(row[0], row[3]) for row in await rows(desk, DEEDS)]
    assert deeds == [
        ("person_role", '{"before":"doctor","role":"auditor"}'),
        ("session_revoked", '{"which":"all"}'),
        ("second_factor_demanded", '{"demanded":"yes"}'),
        ("second_factor_demanded", '{"demanded":"no"}'),
        ("second_factor_removed", '{"kind":"all"}'),
        ("person_disabled", "{}"),
        ("password_changed", '{"enabled":"yes"}'),
    ]


async def test_every_change_asks_for_a_proof(desk: Desk, operator: Visitor) -> None:
    """A session that somebody left open changes nobody's access, not even with a wrong password."""
    await do(desk, STALE)
    before = await rows(desk, ROLES)
    for what in ("role", "disable", "second", "second/reset", "sessions/end", "password"):
        seen = await operator.post(f"/people/{LOGIN}/{what}", role="auditor", demanded="yes")
        assert (seen.status, "Підтвердьте, що це ви" in seen.text) == (200, True), what
    wrong = await operator.post(f"/people/{LOGIN}/disable", proof_password="a wrong one")
    assert (wrong.status, "Пароль неправильний" in wrong.text) == (422, True)
    assert (await rows(desk, ROLES), await rows(desk, DEEDS)) == (before, [])


async def test_nobody_changes_their_own_access(desk: Desk, operator: Visitor) -> None:
    """Neither role nor access; the page offers the account instead."""
    at = f"/people/{OPERATOR}"
    page = (await operator.get(at)).text
    assert ("Це ви." in page, f'action="{at}/disable"' in page) == (True, False)
    for what in ("role", "disable"):
        seen = await operator.post(f"{at}/{what}", role="doctor")
        assert (seen.status, "інший оператор" in seen.text) == (409, True)
    assert (OPERATOR, "operator", True) in await rows(desk, ROLES)
    assert await rows(desk, DEEDS) == []


async def test_one_operator_remains(desk: Desk, operator: Visitor) -> None:
    """The last who may come in is neither disabled nor given another role, also from the command line."""
    await desk.people.disable(OTHER)
    for change in (desk.people.disable(OPERATOR), desk.people.change_role(OPERATOR, "auditor", by="cli:olena@host")):
        with pytest.raises(Conflict, match="last operator"):
            await change
    # Who is disabled counts for nobody, and so may be changed.
    assert (await operator.post(f"/people/{OTHER}/role", role="auditor")).status == 303
    await desk.people.change_role(LOGIN, "operator")
    await desk.people.disable(OPERATOR)
    assert (LOGIN, "operator", True) in await rows(desk, ROLES)


async def test_two_operators_do_not_remove_each_other(desk: Desk, operator: Visitor) -> None:
    """Of two changes at once, each of which would leave one, the second is refused; whichever kinds they are."""
    for first, second in (("disable", "disable"), ("disable", "role"), ("role", "role")):
        work = {
            "disable": lambda login, by: desk.people.disable(login, by=f"person:{by}"),
            "role": lambda login, by: desk.people.change_role(login, "auditor", by=f"person:{by}"),
        }
        done = await asyncio.gather(work[first](OPERATOR, OTHER), work[second](OTHER, OPERATOR), return_exceptions=True)
        assert [type(one) for one in done if one is not None] == [Conflict], (first, second)
        left = [row for row in await rows(desk, ROLES) if row[1:] == ("operator", True)]
        assert len(left) == 1
        await do(desk, "UPDATE person SET role = 'operator', disabled_at = NULL WHERE role <> 'doctor'")


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATOR}))
async def test_only_operators_change(desk: Desk, visitor: Visitor, role: Role) -> None:
    """Auditors look, and are offered no form; the others see nothing of it. Nobody who is not there is found."""
    await desk.people.add("a.look", "Хтось", role.value, "mis-1", PASSWORD)
    await visitor.sign_in("a.look")
    looks = role is Role.AUDITOR
    for path in ("/people", f"/people/{LOGIN}"):
        seen = await visitor.get(path)
        assert seen.status == (200 if looks else 403)
        assert 'action="/people' not in seen.text.replace('method="get" action="/people"', "")
    await visitor.get("/account")
    for what in ("", *(f"/{LOGIN}/{one}" for one in ("role", "disable", "second", "second/reset", "password"))):
        assert (await visitor.post(f"/people{what}", role="auditor", demanded="yes")).status == 403
    assert (await visitor.get("/people/nobody")).status == (404 if looks else 403)
    assert await rows(desk, DEEDS) == []


@in_a_browser[1]
@pytest.mark.browser
async def test_an_operator_lets_somebody_in(desk: Desk) -> None:
    """By the keyboard: unfold, fill, press; the password is there; the new person's role is changed by a list."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.enter(OPERATOR)
        await page.get_by_role("link", name="Люди").click()
        await page.get_by_text("Додати людину").first.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("s.nova")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Соня Нова")
        await page.get_by_role("radio", name="Підтримка").check()
        await page.get_by_label("Медична система").focus()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Новий пароль").wait_for()
        await page.get_by_role("link", name="Збережено").click()
        await page.get_by_label("Роль").select_option("auditor")
        await page.get_by_role("button", name="Змінити роль").click()
        await page.get_by_text("Зроблено і записано").wait_for()
        assert await findings(browser, "/people/s.nova") == []
        assert browser.complaints == []
    assert ("s.nova", "auditor", True) in await rows(desk, ROLES)
