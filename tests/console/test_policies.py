"""The pages of policies: one operator prepares, is told every mistake, another publishes; it counts from its day on."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.api.desk import Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import FIRST, PASSWORD, SECOND, Visitor, a_visitor, rows
from tests.engine.yesterday import yesterday

from esoz_notify.core.kyiv import kyiv_date

AUDITOR = "a.auditor"
ID = r"[0-9a-f-]{36}"


def in_days(count: int) -> date:
    """A Kyiv calendar day from today on."""
    return kyiv_date(datetime.now(UTC)) + timedelta(days=count)


def form(**more: str) -> Any:
    """A draft as the form sends it: of three columns, the rows that are filled in."""
    routes = {
        "codes": [("viber", "30"), ("sms", "")],
        "documents": [("viber", "90"), ("sms", "")],
        "rest": [("sms", "")],
    }
    cells = {
        f"{column}_{place}_{name}": value
        for column, steps in routes.items()
        for place, step in enumerate(steps)
        for name, value in zip(("channel", "window"), step, strict=True)
    }
    about = {"version": "ours-1", "from": in_days(2).isoformat(), "reason": "Viber відповідає повільніше"}
    return {**about, **cells, **more}


async def prepared(one: Visitor, **more: str) -> str:
    """The path of a draft that was saved."""
    seen = await one.post("/policies/new", **form(**more))
    assert (seen.status, re.fullmatch(rf"/policies/{ID}", seen.to) is not None) == (303, True), seen.text
    return seen.to


async def test_one_prepares_another_publishes(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """Who prepared it needs another, who sees the difference and publishes; cards say from when."""
    first, second = operators
    empty = (await first.get("/policies")).text
    assert all(told in empty for told in ("Діє зараз", "Змін не заплановано.", "Чернеток немає.", "якщо за 20 с"))
    assert 'value="viber" selected' in (await first.get("/policies/new")).text
    path = await prepared(first)

    own = (await first.get(path)).text
    assert "Потрібна інша людина" in own
    assert f"{path}/publish" not in own
    refused = await first.post(f"{path}/publish", checked="yes", compared_with="test")
    assert (refused.status, "Потрібна інша людина" in refused.text) == (409, True)

    seen = (await second.get(path)).text
    assert "Viber: чекаємо 30 с замість 20 с" in seen
    assert "Решта</dt><dd>без змін" in seen
    unticked = await second.post(f"{path}/publish", compared_with="test")
    assert (unticked.status, "Поставте позначку" in unticked.text) == (422, True)
    assert (await second.post(f"{path}/publish", checked="yes", compared_with="test")).to == path

    after = (await first.get("/policies")).text
    assert f"Почне діяти {in_days(2):%d.%m.%Y} о 00:00 за Києвом" in after
    assert f"до {in_days(1):%d.%m.%Y} включно" in after
    assert await rows(desk, "SELECT action, why FROM audit WHERE action LIKE 'policy%' ORDER BY seq") == [
        ("policy_drafted", "Viber відповідає повільніше"),
        ("policy_published", None),
    ]


async def test_a_coming_policy_is_taken_back_with_a_reason(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """Any operator may, before its day; without a reason, or with a phone in it, nobody; then the plan is as before."""
    first, second = operators
    path = await prepared(first)
    await second.get(path)
    await second.post(f"{path}/publish", checked="yes", compared_with="test")
    for why in (" ", "x" * 201, "дзвонив 0501234567"):
        assert (await second.post(f"{path}/withdraw", why=why)).status == 422
    assert (await first.post(f"{path}/withdraw", why="Дія ще не готова")).to == path
    gone = (await first.get(path)).text
    assert all(told in gone for told in ("Відкликано", "Дія ще не готова"))
    assert f"{path}/withdraw" not in gone
    late = await second.post(f"{path}/publish", checked="yes", compared_with="test")
    assert (late.status, "Цю чернетку відкликано" in late.text) == (409, True)
    assert "Змін не заплановано." in (await first.get("/policies")).text


WRONG: list[tuple[dict[str, str], str]] = [
    ({"codes_1_channel": "", "codes_0_window": ""}, "Останній канал має доходити до всіх"),
    ({"codes_0_window": "0"}, "від 1 до 86400"),
    ({"codes_0_window": "151"}, "Вікна забирають 151 с із 300 с чинності"),
    ({"codes_0_channel": "sms"}, "Цей канал уже є вище"),
    ({"codes_0_channel": "pigeon"}, "Оберіть канал для цих секунд"),
    ({"codes_1_window": "5"}, "Після останнього каналу нічого нема"),
    ({"rest_0_channel": ""}, "Оберіть хоча б один канал"),
    ({"from": "2020-01-01"}, "найраніше"),
    ({"from": "soon"}, "Оберіть дату."),
    ({"version": "test"}, "Назву test вже має інша"),
    ({"version": "щось"}, "латинськими літерами"),
    ({"reason": " "}, "Скажіть чому"),
    ({"reason": "бо +380501234567 просив"}, "Без телефонів"),
]


async def test_a_wrong_draft_is_told_and_kept(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """What is wrong is said beside its field, everything typed stays, and nothing is saved."""
    for wrong, told in WRONG:
        seen = await operators[0].post("/policies/new", **form(**wrong))
        assert (seen.status, told in seen.text, "aria-invalid" in seen.text) == (422, True, True), wrong
        kept = {**form(), **wrong}
        assert f'name="documents_0_window" value="{kept["documents_0_window"]}"' in seen.text
        assert f'name="from" type="date" value="{kept["from"]}"' in seen.text
    assert await rows(desk, "SELECT count(*) FROM policy_draft") == [(0,)]


async def test_a_draft_starts_from_another(operators: tuple[Visitor, Visitor]) -> None:
    """The form copies the policy asked for, and suggests a name that nobody has."""
    await prepared(operators[0], version=in_days(1).isoformat(), codes_0_window="44")
    shown = (await operators[1].get(f"/policies/new?like={in_days(1).isoformat()}")).text
    assert 'name="codes_0_window" value="44"' in shown
    assert f'name="version" value="{in_days(1).isoformat()}-2"' in shown
    assert 'name="codes_0_window" value="20"' in (await operators[1].get("/policies/new?like=none")).text


async def test_what_changed_meanwhile_is_looked_at_again(operators: tuple[Visitor, Visitor]) -> None:
    """A difference that another publication has made untrue is not published; nor are two of one day."""
    first, second = operators
    early, late, same = (
        await prepared(first, version="a", **{"from": in_days(2).isoformat()}),
        await prepared(first, version="b", **{"from": in_days(5).isoformat()}),
        await prepared(first, version="c", **{"from": in_days(2).isoformat()}),
    )
    await second.get(late)
    assert (await second.post(f"{early}/publish", checked="yes", compared_with="test")).status == 303
    stale = await second.post(f"{late}/publish", checked="yes", compared_with="test")
    assert (stale.status, "щойно змінилося" in stale.text) == (409, True)
    assert 'name="compared_with" value="a"' in stale.text
    taken = await second.post(f"{same}/publish", checked="yes", compared_with="test")
    assert (taken.status, "Того дня починається інша" in taken.text) == (409, True)
    assert (await second.post(f"{late}/publish", checked="yes", compared_with="a")).status == 303


async def test_auditors_look_and_doctors_do_not(
    desk: Desk, operators: tuple[Visitor, Visitor], doctor: Visitor
) -> None:
    """An auditor sees cards, differences and trials and can do nothing; a doctor sees none of it."""
    path = await prepared(operators[0])
    await desk.people.add(AUDITOR, "Ада Аудит", "auditor", "mis-1", PASSWORD)
    async with a_visitor(desk) as auditor:
        await auditor.sign_in(AUDITOR)
        shown = (await auditor.get("/policies")).text
        assert "Ви переглядаєте як аудитор" in shown
        assert "/policies/new" not in shown
        assert '<form method="post" action="/policies' not in (await auditor.get(path)).text
        assert (await auditor.get(f"{path}/trial")).status == 200
        for visitor in (auditor, doctor):
            assert (await visitor.get("/policies/new")).status == 403
            for act in ("/policies/new", f"{path}/publish", f"{path}/withdraw"):
                assert (await visitor.post(act, **form(), why="x", checked="yes")).status == 403
    assert [(await doctor.get(one)).status for one in ("/policies", path, f"{path}/trial")] == [403, 403, 403]


async def test_what_is_not_there_is_said(operators: tuple[Visitor, Visitor]) -> None:
    """An unknown draft is told in words at every address of it."""
    at = "/policies/0198c0de-0000-7000-8000-00000000000f"
    for seen in [await operators[0].get(at), await operators[0].get(f"{at}/trial")]:
        assert (seen.status, "Такої політики немає." in seen.text) == (404, True)
    for act in ("publish", "withdraw"):
        seen = await operators[0].post(f"{at}/{act}", why="x", checked="yes")
        assert (seen.status, "Такої політики немає." in seen.text) == (404, True)


@in_a_browser[0]
@in_a_browser[1]
async def test_from_a_mistake_to_a_coming_policy(desk: Desk) -> None:
    """Prepared with a mistake, mended, tried on yesterday, published by a second person: the card says from when."""
    for login in (FIRST, SECOND):
        await desk.people.add(login, f"Оператор {login}", "operator", "mis-1", PASSWORD)
    async with desk.ledger.transaction() as connection:
        await yesterday(connection, datetime.now(UTC), 200)
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.enter(FIRST)
        await page.goto("/policies")
        await page.get_by_role("link", name="Підготувати нову").click()
        await page.get_by_label("З якого дня").fill(in_days(3).isoformat())
        await page.get_by_label("Навіщо ця зміна").fill("Viber відповідає повільніше")
        window = page.get_by_label("Коди підтвердження, крок 1: Чекати, с")
        await window.fill("200")
        await page.keyboard.press("Enter")
        await page.get_by_text("Вікна забирають 200 с із 300 с").wait_for()
        assert await page.get_by_label("Навіщо ця зміна").input_value() == "Viber відповідає повільніше"
        await window.fill("60")
        await page.keyboard.press("Enter")
        await page.get_by_text("Потрібна інша людина").wait_for()
        at = page.url.removeprefix(desk.base_url)
        await page.get_by_role("link", name="Спробувати на вчорашніх рішеннях").click()
        await page.get_by_text("За хвилину дізналося б").wait_for()
        await page.get_by_text("Замало даних").first.wait_for()
        assert await findings(browser, f"{at}/trial") == []
        assert await findings(browser, "/policies/new") == []
        await page.get_by_role("button", name="Вийти").click()

        await browser.enter(SECOND)
        await page.goto(at)
        await page.get_by_text("Viber: чекаємо 60 с замість 20 с").wait_for()
        assert await findings(browser, at) == []
        await page.get_by_label("Я перевірив або перевірила").focus()
        await page.keyboard.press("Space")
        await page.keyboard.press("Enter")
        await page.get_by_text("Опубліковано").first.wait_for()
        await page.goto("/policies")
        await page.get_by_text(f"Почне діяти {in_days(3):%d.%m.%Y} о 00:00 за Києвом").wait_for()
        # Browsers write a refused form down; nothing else.
        assert [one for one in browser.complaints if "422" not in one] == []
