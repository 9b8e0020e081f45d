"""The doctor's page over HTTP: what is found, what it says, and what each button does."""

from uuid import UUID

import pytest
from tests.api.desk import Desk
from tests.api.test_crisis import switched_on
from tests.console.visitor import LOGIN, NUMBER, ON_PAPER_ID, PASSWORD, Visitor, by_phone, on_paper, rows

from esoz_notify.core.cascade import CancelAsked, Due, Replied
from esoz_notify.core.receipts import Reason
from esoz_notify.core.results import Refused


async def test_found_by_every_name(desk: Desk, doctor: Visitor) -> None:
    """By number however it is spelled, patient id, notification id and the system's reference; one leads straight."""
    notification = await on_paper(desk, reference="visit-17")
    spelled = (NUMBER, "0000 243p 1x53 eh38", "0000243Р1Х53ЕН38", ON_PAPER_ID, notification, "visit-17", " visit-17 ")
    for wanted in spelled:
        assert (await doctor.post("/print", wanted=wanted)).to == f"/print/{notification}"
    await on_paper(desk, name="Пацієнт Другий")
    several = await doctor.post("/print", wanted=NUMBER)
    assert (several.status, "Знайдено: 2" in several.text) == (200, True)
    assert several.text.index("Пацієнт Другий") < several.text.index("Пацієнт Перший")
    assert "Нічого не знайдено" in (await doctor.post("/print", wanted="0000-243P-1X53-EH39")).text
    for wrong in ("", "   ", "x" * 101):
        assert (await doctor.post("/print", wanted=wrong)).status == 422


async def test_another_systems_notification_is_not_found(desk: Desk, doctor: Visitor) -> None:
    """Neither found, opened, printed nor resent, and not told from what does not exist."""
    notification = await on_paper(desk)
    await desk.access.callers.create("mis-2", "Another system", ["notifications:read"])
    await desk.people.add("other", "Інший Лікар", "doctor", "mis-2", PASSWORD)
    await doctor.post("/sign-out")
    await doctor.sign_in("other")
    for wanted in (NUMBER, notification, ON_PAPER_ID):
        assert "Нічого не знайдено" in (await doctor.post("/print", wanted=wanted)).text
    assert notification not in (await doctor.get("/print")).text
    missing = "0198c0de-0000-7000-8000-00000000000f"
    for path in ("", "/state", "/sheets/1", "/sheets/1/html", "/sheets/1/pdf"):
        seen, unknown = [await doctor.get(f"/print/{one}{path}") for one in (notification, missing)]
        assert (seen.status, seen.text) == (404, unknown.text)
    for path in ("/sheets", "/resend"):
        assert (await doctor.post(f"/print/{notification}{path}")).status == 404
    assert await rows(desk, "SELECT count(*) FROM print_trail") == [(0,)]


async def test_a_crisis_is_told_where_people_look(desk: Desk, doctor: Visitor) -> None:
    """While a switch is in force the desk says so in the reader's language, also on a page that was open before."""
    assert "Кризовий режим" not in (await doctor.get("/print")).text
    await switched_on(desk)
    for path in ("/print", "/print/waiting"):
        assert "Кризовий режим: повідомлення можуть не доходити." in (await doctor.get(path)).text
    await doctor.get("/language/en?back=/print")
    assert "Crisis mode: messages may not arrive." in (await doctor.get("/print")).text


async def test_names_stay_text(desk: Desk, doctor: Visitor) -> None:
    """Markup in a patient's name, a reference or a search is shown as it was written."""
    evil = "<script>alert(1)</script>\"'><img src=x>"
    notification = await on_paper(desk, name=evil, reference="<b>r</b>")
    for path in ("/print", "/print/waiting", f"/print/{notification}"):
        seen = await doctor.get(path)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in seen.text
        assert "<script>alert" not in seen.text
        assert "<img src=x" not in seen.text
    assert "<b>r</b>" not in (await doctor.get(f"/print/{notification}")).text
    found = await doctor.post("/print", wanted=evil)
    assert "<script>alert" not in found.text


async def test_what_the_doctor_reads_first(desk: Desk, doctor: Visitor) -> None:
    """How the patient is informed and whether it arrived, at each stage of the way."""
    paper, phone = await on_paper(desk), await by_phone(desk)
    assert "Немає телефону: надрукуйте" in (await doctor.get(f"/print/{paper}")).text
    assert "Прийнято" in (await doctor.get(f"/print/{phone}/state")).text
    await desk.start(phone)
    assert "Viber, передано" in (await doctor.get(f"/print/{phone}/state")).text
    await desk.deliver(await by_phone(desk, reference="arrives"))
    arrived = await doctor.post("/print", wanted="arrives")
    seen = await doctor.get(f"{arrived.to}/state")
    assert "Viber, доставлено" in seen.text
    assert "тому" in seen.text or "щойно" in seen.text
    await doctor.get("/language/en")
    assert "Viber, delivered" in (await doctor.get(f"{arrived.to}/state")).text
    assert "No phone: print" in (await doctor.get(f"/print/{paper}/state")).text


async def test_what_reached_nobody_offers_itself(desk: Desk, doctor: Visitor) -> None:
    """Print required and undelivered are offered on top by themselves, until they are printed."""
    assert "друкувати зараз нічого" in (await doctor.get("/print")).text
    paper, phone = await on_paper(desk), await by_phone(desk)
    assert phone not in (await doctor.get("/print/waiting")).text
    refused = Refused(Reason.INVALID_NUMBER)
    await desk.move(phone, Due(), Replied(0, refused), Due(), Replied(1, refused))
    waiting = (await doctor.get("/print/waiting")).text
    assert "Не доставлено: надрукуйте" in waiting
    assert waiting.index(phone) < waiting.index(paper)
    for one in (paper, phone):
        assert (await doctor.post(f"/print/{one}/sheets")).status == 303
    assert "друкувати зараз нічого" in (await doctor.get("/print/waiting")).text
    assert "Не доставлено; надруковано" in (await doctor.get(f"/print/{phone}")).text


async def test_each_print_is_in_the_trail(desk: Desk, doctor: Visitor) -> None:
    """Who, when and, from the second on, why; without a reason there is no reprint; the trail cannot be changed."""
    notification = await on_paper(desk)
    path = f"/print/{notification}"
    printed = await doctor.post(f"{path}/sheets")
    assert (printed.status, printed.to) == (303, f"{path}/sheets/1")
    sheet = await doctor.get(f"{printed.to}/html")
    assert all(part in sheet.text for part in (">4821<", "Амоксицилін", "Пацієнт Перший"))
    assert (await doctor.get(f"{printed.to}/pdf")).headers["content-type"] == "application/pdf"
    assert (await desk.call("GET", f"/v1/notifications/{notification}")).json["status"] == "printed"
    refused = await doctor.post(f"{path}/sheets", why="other", other="  ")
    assert (refused.status, "Назвіть причину" in refused.text) == (422, True)
    assert (await doctor.post(f"{path}/sheets", why="other", other="x" * 201)).status == 422
    assert (await doctor.post(f"{path}/sheets", why="why_lost")).to == f"{path}/sheets/2"
    assert (await doctor.post(f"{path}/sheets", why="other", other="Інший  шрифт")).to == f"{path}/sheets/3"
    assert await rows(desk, "SELECT no, login, client_id, why FROM print_trail ORDER BY no") == [
        (1, LOGIN, "mis-1", None),
        (2, LOGIN, "mis-1", "Пацієнт загубив довідку"),
        (3, LOGIN, "mis-1", "Інший шрифт"),
    ]
    shown = (await doctor.get(path)).text
    assert all(part in shown for part in ("Оксана Коваль", "Пацієнт загубив довідку", "Інший шрифт"))
    told = "SELECT action, subject, why, details FROM audit WHERE actor = 'person:o.koval' AND action LIKE '%print'"
    assert await rows(desk, f"{told} ORDER BY seq") == [
        (action, f"notification:{notification}", why, f'{{"no":"{no}","system":"mis-1"}}')
        for no, action, why in (
            (1, "print", None),
            (2, "reprint", "Пацієнт загубив довідку"),
            (3, "reprint", "Інший шрифт"),
        )
    ]
    phoned = await doctor.post(f"{path}/sheets", why="other", other="call +38 (000) 000-00-01")
    assert phoned.status == 422, "the audit holds no phones, so neither does the trail"
    for change in ("UPDATE print_trail SET why = 'x'", "DELETE FROM print_trail", "TRUNCATE print_trail"):
        with pytest.raises(Exception, match="append-only"):
            await rows(desk, change)


async def test_paper_from_the_system_counts(desk: Desk, doctor: Visitor) -> None:
    """What the medical system has printed by itself needs a reason here too."""
    notification = await on_paper(desk)
    await desk.call("GET", f"/v1/notifications/{notification}/summary")
    assert (await doctor.post(f"/print/{notification}/sheets")).status == 422
    assert (await doctor.post(f"/print/{notification}/sheets", why="why_printer")).status == 303


async def test_a_sheet_is_its_printers_for_a_while(desk: Desk, doctor: Visitor) -> None:
    """Only who noted the print gets the sheet, and only for some minutes: opening it later would be no print noted."""
    notification = await on_paper(desk)
    path = (await doctor.post(f"/print/{notification}/sheets")).to
    assert (await doctor.get(f"/print/{notification}/sheets/2/html")).status == 404
    await desk.people.add("colleague", "Колега", "doctor", "mis-1", PASSWORD)
    await doctor.post("/sign-out")
    await doctor.sign_in("colleague")
    assert (await doctor.get(f"{path}/html")).status == 404
    old = "INSERT INTO print_trail (notification_id, no, login, client_id, at, why) VALUES"
    values = f"('{notification}', 2, 'colleague', 'mis-1', ledger_now() - interval '11 minutes', 'x') RETURNING no"
    assert await rows(desk, f"{old} {values}") == [(2,)]
    late = await doctor.get(f"/print/{notification}/sheets/2/html")
    assert (late.status, "Час цього друку минув" in late.text) == (404, True)


async def test_resend_by_the_next_channel(desk: Desk, doctor: Visitor) -> None:
    """The button names the channel; what cannot be sent again says why on the page."""
    phone = await by_phone(desk)
    assert (await doctor.post(f"/print/{phone}/resend")).status == 409
    await desk.start(phone)
    assert "Надіслати ще раз: SMS" in (await doctor.get(f"/print/{phone}")).text
    sent = await doctor.post(f"/print/{phone}/resend")
    assert (sent.status, sent.to) == (303, f"/print/{phone}?resent")
    assert "піде наступним каналом" in (await doctor.get(sent.to)).text
    assert "SMS: зараз надішлемо" in (await doctor.get(f"/print/{phone}/state")).text
    await desk.move(phone, Due())
    view = (await desk.call("GET", f"/v1/notifications/{phone}")).json
    assert [one["channel"] for one in view["attempts"]] == ["viber", "sms"]
    told = "SELECT actor, subject, details FROM audit WHERE action = 'resend'"
    assert await rows(desk, told) == [(f"person:{LOGIN}", f"notification:{phone}", '{"system":"mis-1"}')]
    while (again := await doctor.post(f"/print/{phone}/resend")).status == 303:
        pass
    assert (again.status, "Зачекайте" in again.text) == (429, True)


async def test_withdrawn_is_not_printed(desk: Desk, doctor: Visitor) -> None:
    """Paper of a withdrawn notification would be untrue: no button, and a refusal for a page that was open."""
    notification = await on_paper(desk)
    await desk.move(notification, CancelAsked())
    assert "/sheets" not in (await doctor.get(f"/print/{notification}")).text
    refused = await doctor.post(f"/print/{notification}/sheets")
    assert (refused.status, "Сповіщення скасовано" in refused.text) == (409, True)


async def test_an_auditor_only_looks(desk: Desk, doctor: Visitor) -> None:
    """An auditor sees no button and is refused what the buttons do."""
    notification = await on_paper(desk)
    await desk.people.add("auditor", "Аудитор", "auditor", "mis-1", PASSWORD)
    await doctor.post("/sign-out")
    await doctor.sign_in("auditor")
    page = await doctor.get(f"/print/{notification}")
    assert ("Ви переглядаєте як аудитор" in page.text, "/sheets" in page.text) == (True, False)
    for path in ("/sheets", "/resend"):
        assert (await doctor.post(f"/print/{UUID(notification)}{path}")).status == 403
