"""The page of callers: what it says of their ways in, who changes what, secrets shown once, and how much they send."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.api.desk import PHONE, Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import PASSWORD, Seen, Visitor, do, rows

from esoz_notify.console.volumes import HEIGHT, WIDTH, by_day, by_hour
from esoz_notify.console.words import LANGUAGES, WORDS
from esoz_notify.engine.access import InvalidClient
from esoz_notify.engine.callers import SCOPES
from esoz_notify.engine.clientele import PAGE_MAX, Care, Hour
from esoz_notify.engine.people import Role

OPERATOR = "n.nichna"
AT = datetime(2026, 11, 26, 12, 20, tzinfo=UTC)
STALE = "UPDATE session SET fresh_at = ledger_now() - interval '6 minutes'"
DEEDS = """
SELECT action, subject, why, details FROM audit WHERE actor = 'person:n.nichna' AND action <> 'sign_in' ORDER BY seq
"""
MANY = """
INSERT INTO client (id, name, scopes) SELECT 'z-' || lpad(no::text, 4, '0'), 'x', '{}' FROM generate_series(1, 101) no
"""
SENT = """
INSERT INTO caller_hour
SELECT 'mis-1', date_trunc('hour', ledger_now()) - no * interval '1 hour', 100, 70, 10, 5, 5, 10
FROM generate_series(1, 300) no
"""


@pytest.fixture
async def operator(desk: Desk, visitor: Visitor) -> Visitor:
    """A browser in which an operator has signed in."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await visitor.sign_in(OPERATOR)
    await visitor.get("/callers")
    return visitor


def shown(seen: Seen) -> str:
    """The secret that a page shows this once."""
    found = re.search(r'class="message code once"[^>]*>([^<]+)<', seen.text)
    assert found, seen.text
    return found[1]


def hour(at: datetime, **counts: int) -> Hour:
    names = ("delivered", "paper", "undelivered", "withdrawn", "under_way")
    return Hour(hour=at, accepted=sum(counts.values()), **{name: counts.get(name, 0) for name in names})


def test_bars_fit_their_box() -> None:
    """The highest is the whole height, parts stand on each other, days are those of Kyiv, quiet ones draw nothing."""
    hours = [
        hour(AT - timedelta(days=1, minutes=20), delivered=1),
        hour(AT.replace(hour=10, minute=0), delivered=6, undelivered=2),
        hour(AT.replace(hour=12, minute=0), delivered=3, paper=1),
        hour(AT.replace(day=25, hour=22, minute=0), under_way=4),
    ]
    day = by_hour(hours, AT, "uk")
    assert (len(day.bars), day.top, day.total) == (24, 8, 16)
    assert [(piece.part, piece.y, piece.height) for piece in day.bars[21].pieces] == [
        ("delivered", 40.0, 120.0),
        ("undelivered", 0.0, 40.0),
    ]
    assert day.bars[21].title == "26.11 12:00: 8 (доставлено 6, не доставлено 2)"
    assert (day.bars[0].pieces, day.ends) == ([], "26.11 14:00")
    assert max(one.x + one.width for one in day.bars) <= WIDTH
    weeks = by_day(hours, AT, "en")
    assert [sum(piece.height for piece in one.pieces) for one in weeks.bars[-3:]] == [0.0, HEIGHT / 16, HEIGHT]
    assert weeks.bars[-1].title == "26.11: 16 (delivered 9, on paper 1, still under way 4, undelivered 2)"
    assert by_hour([], AT, "uk").total == 0


def test_everything_has_words() -> None:
    """Every scope and everything that somebody should see to, in both languages."""
    for language in LANGUAGES:
        assert {f"look_may_{one}" for one in SCOPES} <= set(WORDS[language])
        assert {f"look_care_{one}" for one in Care} <= set(WORDS[language])


async def test_the_list_says_what_matters(desk: Desk, operator: Visitor) -> None:
    """Names, scopes, ages of secrets, limits, how many in a day; and what needs somebody, of each kind."""
    create = desk.access.callers.create
    for client_id in ("mis-old", "mis-two", "mis-soon", "mis-off", "mis-none"):
        await create(client_id, f"Система {client_id}", ["notifications:write"])
    await do(desk, "UPDATE client_secret SET created_at = now() - interval '200 days' WHERE client_id = 'mis-old'")
    await desk.access.callers.rotate("mis-two", keep_old_hours=24 * 7)
    await desk.access.callers.rotate("mis-soon", keep_old_hours=24)
    await desk.access.callers.disable("mis-off")
    await do(desk, "DELETE FROM client_secret WHERE client_id = 'mis-none'")
    await do(desk, "UPDATE client SET requests_per_min = 77 WHERE id = 'mis-old'")
    await do(desk, SENT)
    page = (await operator.get("/callers")).text
    found = {one[0]: one[1] for one in re.findall(r'<a href="/callers/([^"]+)">(.*?)</tr>', page, re.DOTALL)}
    assert list(found) == ["mis-1", "mis-none", "mis-off", "mis-old", "mis-soon", "mis-two"]
    for client_id, said in (
        ("mis-1", f"усе ({len(SCOPES)})"),
        ("mis-1", ">2300<" if ">2300<" in found["mis-1"] else ">2400<"),
        ("mis-none", "Не має чим зайти"),
        ("mis-off", "вимкнено"),
        ("mis-old", "Секрету понад пів року"),
        ("mis-old", "77<span"),
        ("mis-soon", "Попередній секрет скоро завершиться"),
        ("mis-two", "Діють два секрети"),
        ("mis-two", f"1 з {len(SCOPES)}"),
    ):
        assert said in found[client_id], (client_id, said)
    assert "badge amber" not in found["mis-1"] + found["mis-off"]


async def test_a_long_list_has_pages(desk: Desk, operator: Visitor) -> None:
    """Each page begins after the last id of the one before; the last has no next."""
    await do(desk, MANY)
    first = (await operator.get("/callers")).text
    following = re.search(r'href="(/callers\?after=[^"]+)"', first)
    assert following
    second = (await operator.get(following[1])).text
    ids = [re.findall(r'<th scope="row"><a href="/callers/([^"]+)"', page) for page in (first, second)]
    assert [len(one) for one in ids] == [PAGE_MAX, 2]
    assert (sorted(ids[0] + ids[1]) == ids[0] + ids[1], "after=" in second) == (True, False)


async def test_a_system_is_added(desk: Desk, operator: Visitor) -> None:
    """After a fresh proof, with what was chosen; the secret is shown this once, and lets it in."""
    form = {"id": "mis-2", "name": "Лікарня 2", "notifications:write": "yes", "webhooks:manage": "yes"}
    await do(desk, STALE)
    asked = await operator.post("/callers", headers=None, **form)
    assert ("Підтвердьте, що це ви" in asked.text, 'name="notifications:write" value="yes"' in asked.text) == (
        True,
        True,
    )
    made = await operator.post("/callers", headers=None, proof_password=PASSWORD, **form)
    assert (made.status, made.headers["cache-control"]) == (200, "no-store")
    secret = shown(made)
    issued = await desk.access.issue("mis-2", secret, None)
    assert issued.scopes == ("notifications:write", "webhooks:manage")
    for path in ("/callers", "/callers/mis-2", "/audit"):
        assert secret not in (await operator.get(path)).text
    assert await rows(desk, DEEDS) == [("client_created", "client:mis-2", None, '{"scopes":"2"}')]


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        ({"id": "M"}, 422, "Ідентифікатор: від 3 символів"),
        ({"id": "380000000001"}, 422, "Ідентифікатор: від 3 символів"),
        ({"id": "mis-1"}, 409, "Така система вже є"),
        ({"name": ""}, 422, "Напишіть, чия це система"),
        ({"notifications:write": ""}, 422, "Оберіть хоча б одне"),
    ],
)
async def test_a_mistake_is_said_beside_what_was_typed(
    desk: Desk, operator: Visitor, wrong: dict[str, str], status: int, said: str
) -> None:
    """Nothing is made; what was typed is still there."""
    form = {"id": "mis-2", "name": "Лікарня 2", "notifications:write": "yes", **wrong}
    seen = await operator.post("/callers", headers=None, **form)
    kept = f'value="{form["name"]}"' in seen.text and f'value="{form["id"]}"' in seen.text
    assert (seen.status, said in seen.text, kept) == (status, True, True)
    assert await rows(desk, DEEDS) == []


async def test_secrets_change_over(desk: Desk, operator: Visitor) -> None:
    """A new one beside the one before, which is then ended before its time; both with a reason in the audit."""
    at = "/callers/mis-1"
    secret = shown(await operator.post(f"{at}/rotate", keep_old="72", why="Планова заміна"))
    page = (await operator.get(at)).text
    assert ("попередній" in page, "діє до" in page, secret in page) == (True, True, False)
    await desk.access.issue("mis-1", desk.secret, None)
    assert (await operator.post(f"{at}/end-old", why="Система перейшла")).to == f"{at}?done=done"
    with pytest.raises(InvalidClient):
        await desk.access.issue("mis-1", desk.secret, None)
    await desk.access.issue("mis-1", secret, None)
    again = await operator.post(f"{at}/end-old", why="Система перейшла")
    assert (again.status, "Попереднього секрету" in again.text) == (409, True)
    assert await rows(desk, DEEDS) == [
        ("client_rotated", "client:mis-1", "Планова заміна", '{"old_kept_hours":"72"}'),
        ("client_rotated", "client:mis-1", "Система перейшла", '{"old":"ended"}'),
    ]


async def test_a_limit_and_an_end(desk: Desk, operator: Visitor) -> None:
    """A limit of its own and back; disabled at once, and enabled by a new secret; each with its reason."""
    at = "/callers/mis-1"
    for typed, said in (("600", "свій ліміт"), ("", "як у налаштуваннях")):
        assert (await operator.post(f"{at}/limit", per_min=typed, why="Домовились")).status == 303
        assert said in (await operator.get(f"{at}?done=done")).text
    for typed in ("0", "багато", "-5", "99999999"):
        wrong = await operator.post(f"{at}/limit", per_min=typed, why="Домовились")
        assert (wrong.status, "Ліміт — ціле число" in wrong.text, f'value="{typed}"' in wrong.text) == (422, True, True)
    assert (await operator.post(f"{at}/disable", why="Секрет у мережі")).status == 303
    with pytest.raises(InvalidClient):
        await desk.access.issue("mis-1", desk.secret, None)
    page = (await operator.get(at)).text
    assert ("Увімкнути з новим секретом" in page, "Вимкнути систему" in page) == (True, False)
    secret = shown(await operator.post(f"{at}/rotate", keep_old="0", why="Розібралися"))
    await desk.access.issue("mis-1", secret, None)
    assert [(row[0], row[2], row[3]) for row in await rows(desk, DEEDS)] == [
        ("client_limited", "Домовились", '{"per_min":"600"}'),
        ("client_limited", "Домовились", '{"per_min":"default"}'),
        ("client_disabled", "Секрет у мережі", "{}"),
        ("client_rotated", "Розібралися", '{"old_kept_hours":"0"}'),
    ]


async def test_every_change_has_a_reason_and_a_proof(desk: Desk, operator: Visitor) -> None:
    """Without a reason, with one that may not be noted, without a proof: nothing is changed."""
    for what in ("rotate", "end-old", "limit", "disable"):
        given = {"keep_old": "24", "per_min": "5"}
        for why, said in (("", "Скажіть, чому"), (f"Дзвонив {PHONE}", "не може бути телефону")):
            seen = await operator.post(f"/callers/mis-1/{what}", headers=None, why=why, **given)
            if what == "end-old" and why:
                assert seen.status == 409
                continue
            assert (seen.status, said in seen.text) == (422, True), (what, why)
    wrong = await operator.post("/callers/mis-1/rotate", keep_old="9999", why="Планова заміна")
    assert (wrong.status, "Оберіть зі списку" in wrong.text) == (422, True)
    await do(desk, STALE)
    for what in ("rotate", "end-old", "limit", "disable"):
        seen = await operator.post(f"/callers/mis-1/{what}", why="Планова заміна")
        assert (seen.status, "Підтвердьте, що це ви" in seen.text) == (200, True)
    assert await rows(desk, DEEDS) == []
    await desk.access.issue("mis-1", desk.secret, None)


async def test_a_caller_is_shown_with_its_volumes(desk: Desk, operator: Visitor) -> None:
    """Two charts and what they sum to; before anything was counted, a calm sentence. An unknown one is not found."""
    assert (await operator.get("/callers/mis-1")).text.count("нічого не надсилала") == 2
    await do(desk, SENT)
    page = (await operator.get("/callers/mis-1")).text
    assert len(re.findall(r'<rect class="delivered"', page)) >= 23 + 13
    assert "прийнято 2300" in page
    assert (await operator.get("/callers/mis-9")).status == 404
    assert (await operator.post("/callers/mis-9/disable", why="Планово")).status == 404


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATOR}))
async def test_only_operators_change(desk: Desk, visitor: Visitor, role: Role) -> None:
    """Auditors look, and are offered no form; the others see nothing of it."""
    await desk.people.add("a.look", "Хтось", role.value, "mis-1", PASSWORD)
    await visitor.sign_in("a.look")
    for path in ("/callers", "/callers/mis-1"):
        seen = await visitor.get(path)
        assert seen.status == (200 if role is Role.AUDITOR else 403)
        assert 'action="/callers' not in seen.text
    await visitor.get("/account")
    for what in ("", *(f"/mis-1/{one}" for one in ("rotate", "end-old", "limit", "disable"))):
        seen = await visitor.post(f"/callers{what}", why="Планова заміна", keep_old="0", id="mis-2", name="x")
        assert seen.status == 403
    await desk.access.issue("mis-1", desk.secret, None)


@in_a_browser[1]
@pytest.mark.browser
async def test_an_operator_adds_a_system(desk: Desk) -> None:
    """By the keyboard: unfold, fill, tick, press; the secret is there; the page with volumes is for everybody."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    await do(desk, SENT)
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.enter(OPERATOR)
        await page.get_by_role("link", name="Системи").click()
        await page.get_by_text("Додати систему").first.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("mis-2")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Лікарня 2")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await page.get_by_role("button", name="Додати систему").click()
        await page.get_by_role("heading", name="Новий секрет").wait_for()
        assert (await page.locator(".once").inner_text()).startswith("esoz_sk_")
        await page.get_by_role("link", name="Збережено").click()
        await page.get_by_text("надсилати сповіщення").wait_for()
        assert await findings(browser, "/callers/mis-1") == []
        assert browser.complaints == []
