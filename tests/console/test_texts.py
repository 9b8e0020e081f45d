"""The pages of texts: one person writes, another publishes, everybody sees what changed; auditors look."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.api.desk import Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import PASSWORD, Visitor, a_visitor, rows

from esoz_notify.console.wording_diff import Piece, pieces
from esoz_notify.render.texts import builtin_texts
from esoz_notify.render.wording import words_of

NAME = "prescription_issued.uk"
PATH = f"/texts/{NAME}"
FIRST, SECOND = "i.first", "i.second"
SMS = "Рецепт {request_number}. В аптеці назвіть код {verification_code}"
VIBER = "Рецепт уже є.\r\nНомер: {request_number}\r\nКод: {verification_code}\r\nНазвіть їх в аптеці."


@pytest.fixture
async def operators(desk: Desk) -> AsyncIterator[tuple[Visitor, Visitor]]:
    """The browsers of two operators."""
    async with AsyncExitStack() as stack:
        both = []
        for login in (FIRST, SECOND):
            await desk.people.add(login, f"Оператор {login}", "operator", "mis-1", PASSWORD)
            one = await stack.enter_async_context(a_visitor(desk))
            await one.sign_in(login)
            await one.get(PATH)
            both.append(one)
        yield both[0], both[1]


def form(**more: str) -> Any:
    """The form of the file's words in which somebody changed ``more``."""
    own = words_of(builtin_texts().templates[NAME])
    given = {name: str(getattr(own, name)) for name in type(own).__slots__}
    return {**given, "why": "коротше", "seen_no": "0", **more}


async def publish(operators: tuple[Visitor, Visitor], no: int = 1, **more: str) -> None:
    """One writes, the other publishes."""
    first, second = operators
    assert (await first.post(PATH, **form(seen_no=str(no - 1), **more))).to == f"{PATH}?saved"
    assert (await second.post(f"{PATH}/{no}/publish")).to == f"{PATH}?published"


async def test_one_writes_and_another_publishes(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """Who wrote it cannot publish; the other sees what changes, and from then on it is what is said."""
    first, second = operators
    assert "Цей текст ще не змінювали" in (await first.get(PATH)).text
    assert (await first.post(PATH, **form(sms=SMS))).to == f"{PATH}?saved"
    own = (await first.get(f"{PATH}?saved")).text
    assert "Чернетку збережено" in own
    assert "опублікувати її має інша людина" in own
    assert f"{PATH}/1/publish" not in own
    refused = await first.post(f"{PATH}/1/publish")
    assert (refused.status, "не та людина, що писала" in refused.text) == (409, True)

    seen = (await second.get(PATH)).text
    assert "Чекає публікації: Версія 1" in seen
    assert '<del><span class="unseen">було: </span>Код для аптеки:</del>' in seen
    assert '<ins><span class="unseen">стало: </span>В аптеці назвіть код</ins>' in seen
    assert (await second.post(f"{PATH}/1/publish")).to == f"{PATH}?published"
    after = (await second.get(f"{PATH}?published")).text
    assert "За кілька секунд новий текст діятиме всюди" in after
    assert "Опублікував i.second" in after
    assert SMS in (await first.get("/texts?kind=prescription_issued&language=uk")).text
    assert await rows(desk, "SELECT written_by, published_by FROM text_publication") == [(FIRST, SECOND)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"sms": SMS.replace("request_number", "number")}, "Немає таких даних: {number}. Можна вставити лише:"),
        ({"sms": SMS.replace("request_number", "number")}, "Бракує {request_number}: без цього людина"),
        ({"sms": SMS + " [увага]"}, "Є символ, якого не покаже кнопковий телефон"),
        ({"sms": SMS + ", будь ласка, поспішайте"}, "а дозволено 1. Скоротіть."),
        ({"sms_segments": "12"}, "Вкажіть від 1 до 10 частин."),
        ({"viber": "я" * 2000}, "а дозволено 875. Скоротіть."),
        ({"viber": "{request_number} {verification_code}"}, "не приймає текст, що закінчується вставкою"),
        ({"viber": "{request_number} { {verification_code} тут"}, "Вставка пишеться як {назва} без пробілів."),
        ({"diia_title": "я" * 61}, "Тут 61 символів, а дозволено 60."),
        ({"diia_short": "{request_number}"}, "видно на заблокованому телефоні"),
        ({"diia_full": " "}, "Порожньо. Напишіть текст."),
        ({"diia_title": "a\x07"}, "Є невидимий символ"),
        ({"why": " "}, "навіщо це змінюєте"),
        ({"sms": SMS, "why": "подзвоніть 0501234567"}, "У причині не може бути телефону"),
        ({}, "Слова такі самі, як у найновішій версії."),
    ],
)
async def test_a_wrong_text_is_told_and_kept(
    desk: Desk, operators: tuple[Visitor, Visitor], wrong: dict[str, str], told: str
) -> None:
    """What is wrong is said by its field in words, what was typed stays, and nothing is written."""
    seen = await operators[0].post(PATH, **form(**wrong))
    assert seen.status in {409, 422}
    assert told in seen.text
    for key in wrong.keys() if "why" not in wrong else ():
        assert f'id="wrong-{key}-1"' in seen.text
        assert f'aria-describedby="wrong-{key}-1' in seen.text
    assert await rows(desk, "SELECT count(*) FROM text_version") == [(0,)]


async def test_for_another_person_nothing_is_theirs(operators: tuple[Visitor, Visitor]) -> None:
    """Texts for a close person do not say 'your', and a text without such a sibling does not say it either."""
    first = operators[0]
    for name, told in (
        (f"{NAME}.for_other", "Повідомлення отримає інша людина"),
        ("prescription_blocked.uk", "окремого тексту для близької людини немає"),
    ):
        own = words_of(builtin_texts().templates[name])
        given: Any = {key: str(getattr(own, key)) for key in type(own).__slots__}
        seen = await first.post(f"/texts/{name}", **{**given, "diia_title": "Ваш рецепт", "why": "x", "seen_no": "0"})
        assert (seen.status, told in seen.text) == (422, True)


async def test_what_another_wrote_meanwhile_is_seen_first(operators: tuple[Visitor, Visitor]) -> None:
    """The second to keep a text is told of the first, keeps what was typed, and may keep it after that."""
    first, second = operators
    await first.post(PATH, **form(sms=SMS))
    seen = await second.post(PATH, **form(viber=VIBER))
    assert (seen.status, "інша людина записала нову версію" in seen.text) == (409, True)
    assert "Рецепт уже є." in seen.text
    assert 'name="seen_no" value="1"' in seen.text
    assert (await second.post(PATH, **form(viber=VIBER, seen_no="1"))).to == f"{PATH}?saved"
    late = await second.post(f"{PATH}/1/publish")
    assert (late.status, "Є новіша версія" in late.text) == (409, True)


async def test_viber_keeps_the_former_text_until_it_is_approved(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """Submitted, rejected with a reason, approved with an id: each is noted by whom, and told on both pages."""
    first, second = operators
    await publish(operators, viber=VIBER)
    listed = (await first.get("/texts?kind=prescription_issued")).text
    assert "у Viber ще попередній текст" in listed
    assert "Viber: треба подати" in listed
    assert "Номер: {{request_number}}" in (await first.get(PATH)).text
    more: Any
    for step, more, told in (
        ("submitted", {}, "Viber: на розгляді"),
        ("rejected", {"why": "схоже на рекламу"}, "схоже на рекламу"),
        ("approved", {"template_id": "tpl-7"}, "tpl-7"),
    ):
        assert (await second.post(f"{PATH}/1/viber", step=step, **more)).to == f"{PATH}?noted"
        seen = (await second.get(f"{PATH}?noted")).text
        assert told in seen
        assert "Записав <b>i.second</b>" in seen
    assert "у Viber ще попередній текст" not in (await first.get("/texts")).text
    wrong: Any = (
        {"step": "approved"},
        {"step": "rejected"},
        {"step": "x"},
        {"step": "approved", "template_id": "care_plan_created.uk"},
    )
    for given in wrong:
        assert (await second.post(f"{PATH}/1/viber", **given)).status in {409, 422}
    assert await rows(desk, "SELECT step FROM text_viber_note ORDER BY seq") == [
        ("submitted",),
        ("rejected",),
        ("approved",),
    ]


async def test_a_draft_hides_no_approval_that_is_awaited(operators: tuple[Visitor, Visitor]) -> None:
    """While a newer Viber text is a draft, what Viber says of the one in force can still be noted."""
    first, _ = operators
    await publish(operators, viber=VIBER)
    await first.post(PATH, **form(viber=VIBER.replace("уже є", "готовий"), seen_no="1"))
    seen = (await first.get(PATH)).text
    assert re.findall(r"Текст для подання: Версія (\d)", seen) == ["2", "1"]
    assert (await first.post(f"{PATH}/1/viber", step="approved", template_id="tpl-1")).to == f"{PATH}?noted"
    assert "tpl-1" in (await first.get(PATH)).text


async def test_an_earlier_version_is_taken_again(operators: tuple[Visitor, Visitor]) -> None:
    """Its words stand in the form, to be kept as a new version; what is not there takes nothing."""
    first, _ = operators
    await publish(operators, sms=SMS)
    await publish(operators, no=2, sms=SMS.replace("назвіть", "покажіть"))
    assert f"\n{SMS}</textarea>" in (await first.get(f"{PATH}?take=1")).text
    assert "\nВаш рецепт: {request_number}. Код для аптеки:" in (await first.get(f"{PATH}?take=0")).text
    for asked in ("7", "x", "-1", "9" * 30, "٢"):
        assert "покажіть код {verification_code}</textarea>" in (await first.get(f"{PATH}?take={asked}")).text
    assert (await first.post(PATH, **form(sms=SMS, seen_no="2", why="повертаємо"))).to == f"{PATH}?saved"


async def test_the_preview_counts_and_shows(operators: tuple[Visitor, Visitor]) -> None:
    """A part for the script, the whole page without one; with data of nobody, also of a text that breaks rules."""
    first = operators[0]
    part = await first.post(f"{PATH}/preview", **form(sms=SMS))
    assert "<html" not in part.text
    assert "Рецепт 0000-243P-1X53-EH38. В аптеці назвіть код 4821" in part.text
    assert "53 символи, 1 частина" in part.text
    assert "<td>0,45</td>" in part.text
    whole = await first.post(f"{PATH}/preview", **form(sms=SMS * 4, why="ще думаю", whole="1"))
    assert (whole.status, "<html" in whole.text, 'value="ще думаю"' in whole.text) == (200, True, True)
    assert "а дозволено 1. Скоротіть." in whole.text
    long = await first.post(f"{PATH}/preview", **form(sms="{verification_code}" * 400, diia_full="я" * 4000))
    assert "Скоротіть." in long.text


async def test_auditors_look_and_others_do_not(desk: Desk, operators: tuple[Visitor, Visitor], doctor: Visitor) -> None:
    """An auditor sees texts and history and no form; a doctor sees nothing; neither may do anything."""
    await publish(operators, viber=VIBER)
    await operators[0].post(PATH, **form(sms=SMS, seen_no="1"))
    await desk.people.add("a.looker", "Аудитор", "auditor", "mis-1", PASSWORD)
    async with a_visitor(desk) as auditor:
        await auditor.sign_in("a.looker")
        assert (await auditor.get("/texts")).status == 200
        seen = await auditor.get(PATH)
        assert "Опублікував i.second" in seen.text
        assert "<textarea" not in seen.text
        assert re.findall(r'action="(/texts[^"]*)"', seen.text) == []
        for visitor in (auditor, doctor):
            for path in (PATH, f"{PATH}/preview", f"{PATH}/2/publish", f"{PATH}/1/viber"):
                assert (await visitor.post(path, **form())).status == 403
        assert (await doctor.get("/texts")).status == 403
        assert (await doctor.get(PATH)).status == 403
    assert await rows(desk, "SELECT count(*) FROM text_publication") == [(1,)]


async def test_what_is_not_there_is_said(operators: tuple[Visitor, Visitor]) -> None:
    """A template, a version and a kind that do not exist."""
    first = operators[0]
    assert (await first.get("/texts/lost.uk")).status == 404
    for path in ("/texts/lost.uk", "/texts/lost.uk/preview", f"{PATH}/9/publish", f"{PATH}/9/viber"):
        assert (await first.post(path, **form())).status == 404
    assert "Таких текстів немає." in (await first.get("/texts?kind=lost")).text
    english = (await first.get("/texts?language=en")).text
    assert "англійською, без коду" in english
    assert "українською, без коду" not in english


def test_a_change_is_told_word_by_word() -> None:
    """Words that stayed are said once; what is gone stands before what is new; a placeholder is one word."""
    assert pieces("Ваш код {code} діє", "Ваш новий код {number}") == [
        Piece("same", "Ваш"),
        Piece("new", " новий"),
        Piece("same", " код "),
        Piece("gone", "{code} діє"),
        Piece("new", "{number}"),
    ]
    assert pieces("рецепт. Код для аптеки: {code}", "рецепт. В аптеці назвіть код {code}") == [
        Piece("same", "рецепт. "),
        Piece("gone", "Код для аптеки:"),
        Piece("new", "В аптеці назвіть код"),
        Piece("same", " {code}"),
    ]
    assert pieces("один два", "раз два") == [Piece("gone", "один"), Piece("new", "раз"), Piece("same", " два")]
    assert pieces("один два", "один") == [Piece("same", "один"), Piece("gone", " два")]
    assert pieces("те саме", "те саме") == [Piece("same", "те саме")]


@pytest.mark.browser
@in_a_browser[1]
async def test_a_text_is_mended_and_published_in_a_browser(desk: Desk) -> None:
    """A wrong placeholder is told and mended, the counter follows the typing, a second person publishes it."""
    for login in (FIRST, SECOND):
        await desk.people.add(login, "Оператор", "operator", "mis-1", PASSWORD)
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.enter(FIRST)
        await page.goto("/texts?kind=prescription_issued")
        await page.get_by_role("link", name="українською, основний текст").press("Enter")
        await page.get_by_label("SMS", exact=True).fill(SMS.replace("request_number", "number"))
        await page.locator("#text-preview").get_by_text("Немає таких даних: {number}").wait_for()
        await page.get_by_label("Навіщо змінюємо").fill("зрозуміліше")
        await page.keyboard.press("Enter")
        await page.locator("#wrong-sms-1").wait_for()
        await page.get_by_label("SMS", exact=True).fill(SMS)
        await page.locator("#sms-count", has_text="Звичайні дані: 53 символи, 1 частина.").wait_for()
        await page.get_by_label("SMS", exact=True).press("End")
        await page.keyboard.type(" прямо тут")
        await page.locator("#sms-count", has_text="Звичайні дані: 63 символи, 1 частина.").wait_for()
        await page.get_by_text("Усі правила дотримано.").wait_for()
        await page.get_by_label("Viber", exact=True).fill(VIBER)
        await page.get_by_role("button", name="Зберегти чернетку").press("Enter")
        await page.get_by_text("Чернетку збережено").wait_for()
        await page.get_by_role("button", name="Вийти").click()

        await browser.enter(SECOND)
        assert await findings(browser, PATH) == []
        await page.get_by_role("button", name="Опублікувати").press("Enter")
        await page.get_by_text("Опубліковано. За кілька секунд").wait_for()
        await page.locator("#changes-1 ins").first.wait_for()
        assert "прямо тут" in await page.locator("#changes-1").inner_text()
        # Browsers complain of every page that says what is wrong with a form.
        assert [one for one in browser.complaints if "422" not in one] == []
