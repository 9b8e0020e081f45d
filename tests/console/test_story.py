"""One notification's story: told and drawn as it was, shown for a reason, acted upon by those who may; all noted."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.api.desk import CODE, KEYS, PHONE, PRICES, Desk
from tests.console.accessible import findings
from tests.console.stories import Told, told, viber_in_vain_then_sms
from tests.console.test_browser import Browser, a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import PASSWORD, Visitor, a_visitor, by_phone, do, on_paper, rows

from esoz_notify.console import story_chart, story_told
from esoz_notify.console.story_chart import NARROW, WIDE, Scale
from esoz_notify.console.words import WORDS
from esoz_notify.core.cascade import CancelAsked, Due, Replied
from esoz_notify.core.delivery import Fact
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Accepted, Refused
from esoz_notify.core.story import Late
from esoz_notify.engine.people import Role
from esoz_notify.engine.stories import ACTED, LOOKED, Stories, Story
from esoz_notify.render.texts import builtin_texts
from esoz_notify.store import reading
from esoz_notify.store.reading import Stored
from esoz_notify.store.vault import Vault

OPERATOR = "n.nichna"
STALE = "UPDATE session SET fresh_at = ledger_now() - interval '6 minutes'"
DEEDS = "SELECT action, actor, subject, why FROM audit WHERE subject LIKE 'notification:%' ORDER BY seq"
AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


async def somebody(desk: Desk, visitor: Visitor, role: str = "operator", client_id: str = "mis-1") -> Visitor:
    """Have a person of a role signed in; gives the browser, with a form's token."""
    await desk.people.add(OPERATOR, "Ніна Нічна", role, client_id, PASSWORD)
    await visitor.sign_in(OPERATOR)
    return visitor


async def story_of(desk: Desk, notification_id: str) -> Story:
    """The story as the engine gives it to an operator."""
    person = next(one for one in await desk.people.list() if one.login == OPERATOR)
    engine = Stories(desk.ledger, Vault(KEYS), desk.service, lambda _: builtin_texts(), PRICES)
    return await engine.open(person, UUID(notification_id))


async def raw_of(desk: Desk, one: Told, no: int) -> str:
    """The address at which the first receipt about an attempt is shown as it came."""
    found = await rows(
        desk,
        f"SELECT id FROM receipt_of WHERE notification_id = '{one.id}' AND attempt_no = {no} ORDER BY id",  # noqa: S608
    )
    return f"/notifications/{one.id}/receipts/{found[0][0]}"


def test_every_fact_and_deed_has_words() -> None:
    """A sentence for each fact that a history can hold, each way to be late and each deed; in both languages."""
    facts = {f"look_fact_{one.__name__}" for one in Fact.__args__} - {"look_fact_PartReported"}
    others = {f"look_late_{one}" for one in Late} | {f"look_did_{one}" for one in (*LOOKED, *ACTED)}
    for words in WORDS.values():
        assert {key for key in words if key.startswith("look_fact_")} == facts
        assert others <= set(words)


@pytest.mark.parametrize(
    ("seconds", "uk", "en"),
    [
        (0, "0 с", "0 s"),
        (20.06, "20,1 с", "20.1 s"),
        (60, "1 хв", "1 min"),
        (125, "2 хв 5 с", "2 min 5 s"),
        (7265, "2 год 1 хв", "2 h 1 min"),
        (90_000, "1 дн 1 год", "1 d 1 h"),
    ],
)
def test_stretches_of_time(seconds: float, uk: str, en: str) -> None:
    """To the tenth of a second below a minute, then two units."""
    assert (story_told.elapsed(seconds, "uk"), story_told.elapsed(seconds, "en")) == (uk, en)


def test_the_day_is_told_when_it_is_another() -> None:
    """A time in Kyiv to the tenth of a second."""
    assert story_told.precise(AT + timedelta(seconds=1.29), AT, "uk") == "14:00:01,2"
    assert story_told.precise(AT + timedelta(hours=10), AT, "en") == "27.11 00:00:00.0"


def test_the_scale_is_true() -> None:
    """Twice as long is twice as wide; what came far later stands beyond the break, in its order."""
    scale = Scale(AT, [AT + timedelta(seconds=one) for one in (5, 20, 40)], WIDE)
    begin, middle, end = (scale.x(AT + timedelta(seconds=one)) for one in (0, 20, 40))
    assert middle - begin == pytest.approx(end - middle, abs=0.2)
    assert (scale.later, begin, end < scale.right) == ([], story_chart.MARGIN, True)
    broken = Scale(AT, [AT + timedelta(seconds=one) for one in (5, 40, 7200, 9000)], NARROW)
    places = [broken.x(AT + timedelta(seconds=one)) for one in (40, 7200, 9000, 10_000)]
    assert places == sorted(set(places))
    assert places[0] <= broken.linear_right < places[1] < places[3] <= broken.right
    assert Scale(AT, [AT], WIDE).x(AT) == story_chart.MARGIN


@pytest.mark.parametrize("length_s", [0.5, 9, 40, 3000, 86_400, 30 * 86_400])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_axis_is_never_crowded(length_s: float, width: int) -> None:
    """From half a second to a month there are as many ticks as have room, and more than one."""
    scale = Scale(AT, [AT + timedelta(seconds=length_s)], width)
    ticks = list(story_chart._ticks(scale, "uk", story_chart.TICKS_MAX[width]))
    assert 2 <= len(ticks) <= story_chart.TICKS_MAX[width] + 1
    assert len({one.word for one in ticks}) == len(ticks)


async def test_it_is_told_and_drawn(desk: Desk, visitor: Visitor) -> None:
    """Why an SMS came and not a Viber message: each step, attempt and receipt in full sentences and to scale."""
    await somebody(desk, visitor)
    one = await viber_in_vain_then_sms(desk, await by_phone(desk))
    page = (await visitor.get(f"/notifications/{one.id}")).text
    for said in (
        "SMS, доставлено",
        "Номер телефону вказала система, що надіслала запит.",
        "+38000*****01",
        "Спроба 1. Повідомлення йде через Viber, провайдер carrier: перший крок маршруту. Підтвердження чекаємо 20 с.",
        "Viber: далі не чекаємо, підтвердження не надійшло за відведений час.",
        "через 20,3 с",
        "Спроба 2, SMS. Провайдер carrier повідомив: доставлено.",
        "Пізно: уже пішов наступний канал.",
        "Це нічого не змінило.",
        "DELIVERED_TO_HANDSET",
        f"{one.id}.1",
        "Номер рецепта: ••••-••••-••••-••••",
        "Коштувало разом</dt><dd>0,83 грн",
        "Якби лише SMS</dt><dd>0,45 грн",
    ):
        assert said in page, said
    for personal in (PHONE, "243P"):
        assert personal not in page
    # As a word: any four digits may stand within an id or a token.
    assert not re.search(rf"(?<![\w-]){CODE}(?![\w-])", page)
    order = [page.index(one) for one in ("Спроба 2, SMS. Провайдер", "Доставлено: є підтвердження", "Пізно: уже")]
    assert order == sorted(order)

    story = await story_of(desk, one.id)
    viber, sms = story_chart.chart(story, "uk", WIDE).lanes
    assert viber.band.width / (sms.lines[0].x - viber.lines[0].x) == pytest.approx(20 / 20.1, rel=0.01)
    shapes = [[mark.shape for mark in lane.marks] for lane in (viber, sms)]
    assert shapes == [["call", "taken", "late proof", "late proof"], ["call", "taken", "proof"]]
    assert [mark.word for mark in viber.marks][2:] == ["пізно", ""], "one word does not lie over the other"
    assert viber.marks[2].x > viber.band.x + viber.band.width
    assert [mark.word for mark in story_chart.chart(story, "en", NARROW).ticks][:2] == ["0", "10 s"]


async def test_what_else_may_happen(desk: Desk, visitor: Visitor) -> None:
    """A refusal, a plan, the end of validity on the picture, paper, nothing yet, erased content: all have a page."""
    await somebody(desk, visitor)
    refused = await told(desk, await by_phone(desk))
    await refused.move(0.1, Due(), Replied(0, Refused(Reason.NOT_ON_CHANNEL)), Replied(1, Refused(Reason.BALANCE)))
    page = (await visitor.get(f"/notifications/{refused.id}")).text
    assert "не прийняв повідомлення (Немає в цьому каналі)" in page
    assert "Наступна дія не раніше" in page
    await refused.move(90_000, Due())
    assert "Строк минув" in (await visitor.get(f"/notifications/{refused.id}/live")).text
    drawn = story_chart.chart(await story_of(desk, refused.id), "uk", WIDE)
    assert (drawn.break_x is not None, drawn.over_x is not None, drawn.beyond) == (True, True, "1 дн 1 год")

    paper, fresh = await on_paper(desk), await by_phone(desk)
    page = (await visitor.get(f"/notifications/{paper}")).text
    assert ("Повідомлення на телефон немає" in page, "Потрібно надрукувати" in page) == (True, True)
    assert (await visitor.post(f"/print/{paper}/sheets")).status == 303
    page = (await visitor.get(f"/notifications/{paper}")).text
    assert "Ніна Нічна: надрукував довідку" in page
    page = (await visitor.get(f"/notifications/{fresh}")).text
    assert ("На телефон нічого не надсилали." in page, "ще не дійшло" in page) == (True, True)
    await do(desk, f"DELETE FROM content WHERE notification_id = '{fresh}'")  # noqa: S608
    page = (await visitor.get(f"/notifications/{fresh}")).text
    assert ("Номер рецепта: ••••" in page, "0,45 грн" in page) == (True, True)
    assert (await visitor.get(f"/notifications/{UUID(int=1)}")).status == 404


async def test_what_happens_while_it_is_read(desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is overtaken by the cascade tells what it had read, and the rest at the next look."""
    await somebody(desk, visitor)
    notification = await by_phone(desk)
    async with desk.ledger.transaction() as connection:
        before = await reading.one(connection, UUID(notification))
    await viber_in_vain_then_sms(desk, notification)

    async def overtaken(*_: object) -> Stored | None:
        return before

    with monkeypatch.context() as patch:
        patch.setattr(reading, "one", overtaken)
        page = await visitor.get(f"/notifications/{notification}")
    assert (page.status, "Спроба" in page.text) == (200, False)
    assert "Спроба 2" in (await visitor.get(f"/notifications/{notification}/live")).text


@pytest.mark.parametrize(
    ("role", "reads", "resends", "cancels"),
    [
        (Role.OPERATOR, True, True, True),
        (Role.SUPPORT, True, True, False),
        (Role.AUDITOR, True, False, False),
        (Role.DOCTOR, False, False, False),
    ],
)
async def test_every_role(
    desk: Desk, visitor: Visitor, role: str, *, reads: bool, resends: bool, cancels: bool
) -> None:
    """Who runs the service looks; operators and support send again; operators withdraw; others are refused."""
    await somebody(desk, visitor, role)
    one = await viber_in_vain_then_sms(desk, await by_phone(desk))
    path, other = f"/notifications/{one.id}", await by_phone(desk)
    for part in (path, f"{path}/live"):
        assert (await visitor.get(part)).status == (200 if reads else 403)
    raw = await raw_of(desk, one, 1)
    assert (await visitor.get(raw)).status == (200 if cancels else 403)
    await visitor.get("/print")
    shown = (await visitor.get(path)).text + (await visitor.get(f"/notifications/{other}")).text
    assert ('/resend"' in shown, '/cancel"' in shown, "/receipts/" in shown) == (resends, cancels, cancels)
    assert (await visitor.post(f"{path}/resend")).status == (303 if resends else 403)
    assert (await visitor.post(f"/notifications/{other}/cancel", cancel_why="Помилка")).status == (
        303 if cancels else 403
    )
    assert (await visitor.post(raw, reveal_why="Скарга")).status == (200 if cancels else 403)
    if role == Role.DOCTOR:
        assert (await visitor.post(f"{path}/reveal", what="phone", reveal_why="Скарга")).status == 403
    count = resends + 2 * cancels
    assert len(await rows(desk, DEEDS)) == count


async def test_of_any_medical_system(desk: Desk, visitor: Visitor) -> None:
    """Who runs the service is shown another system's phone for a reason; a doctor of another system finds nothing."""
    await desk.access.callers.create("mis-2", "Another system", ["notifications:read"])
    await somebody(desk, visitor, "support", "mis-2")
    await desk.people.add("d.other", "Дарина Інша", "doctor", "mis-2", PASSWORD)
    notification = await by_phone(desk)
    path = f"/notifications/{notification}"
    page = (await visitor.get(path)).text
    assert (f"/print/{notification}" in page, "mis-1" in page) == (False, True)
    assert (await visitor.post(f"/print/{notification}/reveal", what="phone", reveal_why="Скарга")).status == 404
    assert await rows(desk, DEEDS) == [], "the doctor's page is of the own system, and what it does not show is no deed"
    shown = await visitor.post(f"{path}/reveal", what="phone", reveal_why="Мати питає")
    assert (shown.status, PHONE in shown.text, "Ніна Нічна: бачив номер телефону" in shown.text) == (200, True, True)
    subject = f"notification:{notification}"
    assert await rows(desk, DEEDS) == [("reveal_phone", f"person:{OPERATOR}", subject, "Мати питає")]
    async with a_visitor(desk) as doctor:
        await doctor.sign_in("d.other")
        assert (await doctor.post(f"/print/{notification}/reveal", what="phone", reveal_why="Скарга")).status == 404
        assert (await doctor.get(path)).status == 403
    assert len(await rows(desk, DEEDS)) == 1


async def test_revealing_asks_why_and_who(desk: Desk, visitor: Visitor) -> None:
    """No reason is told on the page; an old proof is asked for again, and the page says what was asked for."""
    await somebody(desk, visitor)
    path = f"/notifications/{await by_phone(desk)}"
    await visitor.get(path)
    nothing = await visitor.post(f"{path}/reveal", what="phone", reveal_why=" ")
    assert (nothing.status, "Назвіть причину" in nothing.text) == (422, True)
    await do(desk, STALE)
    asked = await visitor.post(f"{path}/reveal", what="text", reveal_why="Скарга")
    assert (f'action="{path}/reveal"' in asked.text, 'name="what" value="text"' in asked.text) == (True, True)
    shown = await visitor.post(f"{path}/reveal", what="text", reveal_why="Скарга", proof_password=PASSWORD)
    assert ("243P" in shown.text, CODE in shown.text) == (True, False)


async def test_a_receipt_as_it_came(desk: Desk, visitor: Visitor) -> None:
    """For a reason and a proof an operator reads the provider's own bytes: of this message alone, without the code."""
    await somebody(desk, visitor)
    one = await viber_in_vain_then_sms(desk, await by_phone(desk))
    by_viber, by_sms = await raw_of(desk, one, 0), await raw_of(desk, one, 1)
    assert by_viber in (await visitor.get(f"/notifications/{one.id}")).text
    assert "380000000001" not in (await visitor.get(by_viber)).text
    await do(desk, STALE)
    assert (await visitor.post(by_viber, reveal_why="")).status == 422
    asked = await visitor.post(by_viber, reveal_why="Звірка")
    assert ("Підтвердьте, що це ви" in asked.text, "380000000001" in asked.text) == (True, False)
    seen = await visitor.post(by_viber, reveal_why="Звірка", proof_password=PASSWORD)
    assert ("380000000001" in seen.text, "380000000099" in seen.text) == (True, False)
    assert "Записів про інші повідомлення в цьому виклику: 1." in seen.text
    seen = await visitor.post(by_sms, reveal_why="Звірка")
    assert ("stat:DELIVRD" in seen.text, CODE in seen.text) == (True, False)
    subject, actor = f"notification:{one.id}", f"person:{OPERATOR}"
    assert await rows(desk, DEEDS) == [("reveal_receipt", actor, subject, "Звірка")] * 2
    assert "Ніна Нічна: бачив квитанцію дослівно" in (await visitor.get(f"/notifications/{one.id}")).text
    elsewhere = by_sms.replace(one.id, await by_phone(desk))
    assert (await visitor.get(elsewhere)).status == 404
    await do(desk, "ALTER TABLE receipt DISABLE TRIGGER USER")
    await do(desk, "DELETE FROM receipt")
    gone = await visitor.post(by_sms, reveal_why="Звірка")
    assert (gone.status, "строк зберігання минув" in gone.text) == (404, True)


async def test_acting_is_noted(desk: Desk, visitor: Visitor) -> None:
    """A cancel needs a reason; history and audit tell an operator's from a system's; a repeat is refused in words."""
    await somebody(desk, visitor)
    one = await told(desk, await by_phone(desk))
    path = f"/notifications/{one.id}"
    await one.move(0.2, Due(), Replied(0, Accepted((f"{one.id}.0",))))
    await visitor.get(path)
    for why, said in (("", "Скажіть, чому скасовуєте"), (f"Дзвонив з {PHONE}", "не може бути телефону")):
        refused = await visitor.post(f"{path}/cancel", cancel_why=why)
        assert (refused.status, said in refused.text) == (422, True)
    sent = await visitor.post(f"{path}/resend")
    assert (sent.to, "піде наступним каналом" in (await visitor.get(sent.to)).text) == (f"{path}?resent", True)
    over = await visitor.post(f"{path}/cancel", cancel_why="Хибний рецепт")
    page = (await visitor.get(over.to)).text
    for said in (
        "Скасовано. Причину записано в аудит.",
        "Скасовано: так вирішив оператор сервісу.",
        "SMS: надсилаємо ще раз, попросили надіслати ще раз.",
        "Ніна Нічна: скасував",
        "Хибний рецепт",
    ):
        assert said in page, said
    subject, actor = f"notification:{one.id}", f"person:{OPERATOR}"
    assert await rows(desk, DEEDS) == [
        ("resend", actor, subject, None),
        ("cancel", actor, subject, "Хибний рецепт"),
    ]
    refused = await visitor.post(f"{path}/resend")
    assert (refused.status, "цього зробити не можна" in refused.text) == (409, True)
    by_system = await by_phone(desk)
    await desk.move(by_system, CancelAsked())
    assert "Скасовано: так вирішила система, що подала." in (await visitor.get(f"/notifications/{by_system}")).text


async def _reveal(browser: Browser, path: str) -> None:
    page = browser.page
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.goto(path)
    await page.get_by_text("Показати номер або текст").press("Enter")
    await page.get_by_label("Навіщо?").fill("Мати питає")
    await page.get_by_role("button", name="Номер телефону").press("Enter")
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_text(PHONE).wait_for()
    await page.get_by_text("бачив номер телефону").wait_for()


async def _read_receipt(browser: Browser) -> None:
    page = browser.page
    raw = page.get_by_role("link", name=re.compile("Квитанція дослівно")).last
    address = await raw.get_attribute("href")
    assert address is not None
    await raw.click()
    await page.get_by_label("Навіщо?").fill("Звірка")
    await page.keyboard.press("Enter")
    await page.get_by_text("DELIVERED_TO_HANDSET").wait_for()
    assert await findings(browser, address) == []


async def _act(browser: Browser) -> None:
    page = browser.page
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.get_by_role("link", name="Назад до історії").click()
    await page.locator(".doing summary", has_text="Надіслати ще раз").press("Enter")
    await page.get_by_role("button", name="Так, надіслати").press("Enter")
    await page.get_by_text("Прийнято: сповіщення піде наступним каналом.").wait_for()
    await page.locator(".doing summary", has_text="Скасувати").press("Enter")
    await page.get_by_label("Чому скасовуєте?").fill("Хибний рецепт")
    await page.keyboard.press("Enter")
    await page.get_by_text("Скасовано: так вирішив оператор сервісу.").wait_for()


@in_a_browser[1]
@pytest.mark.browser
async def test_a_clerk_finds_out_why(desk: Desk) -> None:
    """In a browser: a running cascade is followed live; the late receipt is marked; phone, receipt and acts work."""
    await desk.people.add(OPERATOR, "Ніна Нічна", "operator", "mis-1", PASSWORD)
    notification = await by_phone(desk)
    path = f"/notifications/{notification}"
    async with a_browser(desk, viewport={"width": 1440, "height": 900}) as browser:
        page = browser.page
        await browser.enter(OPERATOR)
        await page.goto(path)
        await page.get_by_text("На телефон нічого не надсилали.").wait_for()
        await page.get_by_text("Наживо", exact=True).wait_for()
        await viber_in_vain_then_sms(desk, notification)
        await page.locator(".state").get_by_text("SMS, доставлено").wait_for()
        late = page.locator(".wide-tape .mark.late")
        assert await late.count() == 2
        assert await late.first.locator("text").text_content() == "пізно"
        band = await page.locator(".wide-tape .lane.viber .band").bounding_box()
        mark = await late.first.bounding_box()
        assert band is not None
        assert mark is not None
        assert mark["x"] > band["x"] + band["width"], "the late receipt is drawn after its window"
        assert await findings(browser, path) == []

        await do(desk, STALE)
        await _reveal(browser, path)
        await _read_receipt(browser)
        await _act(browser)
        assert browser.complaints == []
    assert [row[0] for row in await rows(desk, DEEDS)] == ["reveal_phone", "reveal_receipt", "resend", "cancel"]
