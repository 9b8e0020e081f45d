"""The page of the audit: who reads it, every deed in words, filters in the address, the chain, and the file of rows."""

import csv
import io
import re
from datetime import datetime
from pathlib import Path

import pytest
from tests.api.desk import PHONE, Desk, a_desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import LOGIN, PASSWORD, Seen, Visitor, a_visitor, by_phone, do, rows

from esoz_notify.console import audit
from esoz_notify.console.audit_file import safe
from esoz_notify.console.words import LANGUAGES, WORDS
from esoz_notify.core.audit import Action, Deed
from esoz_notify.core.kyiv import KYIV
from esoz_notify.engine.anchors import Anchors
from esoz_notify.engine.audit import note
from esoz_notify.engine.people import Role

AUDITOR = "a.look"
EVIL = "=cmd|' /C calc'!A0"
_TOUCH = "ALTER TABLE audit DISABLE TRIGGER ALL; UPDATE audit SET why = 'another' WHERE why IS NOT NULL"


async def noted(desk: Desk, actor: str, action: Action, subject: str, why: str | None = None, **details: str) -> None:
    """A deed and nothing else."""
    async with desk.ledger.transaction() as connection:
        deed = Deed(actor=actor, action=action, subject=subject, why=why, details=details)
        await note(connection, deed)


@pytest.fixture
async def auditor(desk: Desk, visitor: Visitor) -> Visitor:
    """A browser in which an auditor has signed in."""
    await desk.people.add(AUDITOR, "Аліна Уважна", "auditor", "mis-1", PASSWORD)
    await visitor.sign_in(AUDITOR)
    await visitor.get("/audit")
    return visitor


def seqs(seen: Seen) -> list[int]:
    """The numbers of rows on a page."""
    return [int(one) for one in re.findall(r"<summary>Рядок (\d+)</summary>", seen.text)]


def test_every_deed_has_words_and_a_place() -> None:
    """Each action stands once in the list to choose from, and is said in both languages."""
    listed = [one for actions in audit.GROUPS.values() for one in actions]
    assert sorted(listed) == sorted(Action)
    for language in LANGUAGES:
        assert {f"look_deed_{one}" for one in Action} <= set(WORDS[language])
        assert {f"look_group_{one}" for one in audit.GROUPS} <= set(WORDS[language])


async def test_a_row_is_read_as_a_sentence(desk: Desk, auditor: Visitor) -> None:
    """Who by name, what in words, why, details in words; links to the notification, the person and the caller."""
    notification = await by_phone(desk)
    await noted(desk, f"person:{LOGIN}", Action.REVEAL_PHONE, f"notification:{notification}", "Пацієнт питає")
    await noted(desk, "cli:olena@host", Action.PERSON_ROLE, f"person:{LOGIN}", before="doctor", role="auditor")
    await noted(desk, "caller:mis-1", Action.CLIENT_ROTATED, "client:mis-1", old_kept_hours="24")
    for before in ("2026-08-29T00:00:00+00:00", "2026-99-99T00:00:00+00:00"):
        await noted(desk, "worker:purge", Action.PURGE, "data_class:content", rows="5", before=before)
    seen = (await auditor.get("/audit")).text
    for said in (
        "Показано номер телефону",
        "«Пацієнт питає»",
        "Оксана Коваль",
        "було: <b>Лікар</b>",
        "роль: <b>Аудитор</b>",
        "старий діє ще, год: <b>24</b>",
        f'href="/notifications/{notification}"',
        f'href="/people/{LOGIN}"',
        'href="/callers/mis-1"',
        "командний рядок",
        "старіші за: <b>29.08.2026 о 03:00</b>",
        "старіші за: <b>2026-99-99T00:00:00+00:00</b>",
        f'href="/audit?actor=person%3A{LOGIN}"',
    ):
        assert said in seen, said
    english = await auditor.get("/language/en?back=/audit")
    assert english.status == 303
    assert "Phone number shown" in (await auditor.get("/audit")).text


async def test_what_somebody_put_there_is_shown_and_does_nothing(desk: Desk, auditor: Visitor) -> None:
    """Rows that are none of ours, with markup and letters that turn the line: shown as they are, harmless."""
    await do(
        desk,
        "INSERT INTO audit VALUES (99, 'infinity', '<b>evil', '<i>act', 'client:../../now', E'a\\u202Eb', 'not json',"
        " decode(repeat('01', 32), 'hex'), decode(repeat('00', 32), 'hex'))",
    )
    seen = (await auditor.get("/audit")).text
    assert ("&lt;b&gt;evil" in seen, "&lt;i&gt;act" in seen, "\\u202e" in seen) == (True, True, True)
    assert ("<b>evil" in seen, "../../now" in re.sub(r"<dd>.*?</dd>", "", seen), "/callers/.." in seen)[::2] == (
        False,
        False,
    )


async def test_filters_stand_in_the_address(desk: Desk, auditor: Visitor) -> None:
    """Each narrows, several narrow more, and they are still in the form; the chosen time is marked."""
    for number in range(3):
        await noted(desk, f"person:{LOGIN}", Action.PRINT, f"notification:{number}")
    await noted(desk, "cli:olena@host", Action.PRINT, "notification:1")
    seen = await auditor.get(f"/audit?actor={LOGIN}&action=print&subject=notification:1")
    assert len(seqs(seen)) == 1
    assert (f'value="{LOGIN}"' in seen.text, '<option value="print" selected>' in seen.text) == (True, True)
    today = datetime.now(KYIV).strftime("%Y-%m-%d")
    assert len(seqs(await auditor.get(f"/audit?from={today}T00:00&action=print"))) == 4
    assert seqs(await auditor.get("/audit?to=2020-01-01T00:00")) == []
    assert seqs(await auditor.get("/audit?before=nothing&action=print")) != []


@pytest.mark.parametrize("query", ["actor=%2B380000000001", "from=yesterday", "action=nothing", "subject=a+b:c"])
async def test_what_cannot_be_asked_is_said(auditor: Visitor, query: str) -> None:
    """Beside what was typed, with a way to do it right; nothing is shown that was not asked for."""
    seen = await auditor.get(f"/audit?{query}")
    assert (seen.status, 'role="alert"' in seen.text, seqs(seen)) == (422, True, [])


async def test_words_go_by_post(desk: Desk, auditor: Visitor) -> None:
    """Found in any case of letters, with the other filters; the words stand in no address of the page."""
    await noted(desk, f"person:{LOGIN}", Action.REPRINT, "notification:1", "Зіпсований друк")
    await noted(desk, "cli:olena@host", Action.REPRINT, "notification:2", "зіпсований аркуш")
    seen = await auditor.post("/audit", words="ЗІПСОВАНИЙ")
    assert len(seqs(seen)) == 2
    assert len(seqs(await auditor.post("/audit", words="зіпсований", actor=LOGIN))) == 1
    assert "ЗІПСОВАНИЙ" not in "".join(re.findall(r'href="[^"]*"', seen.text))
    personal = await auditor.post("/audit", words=PHONE)
    assert (personal.status, "без телефонів" in personal.text) == (422, True)


async def test_pages_go_on_to_the_first_row(desk: Desk, auditor: Visitor) -> None:
    """Older and older, each row once, also for words; then there is nothing further."""
    async with desk.ledger.transaction() as connection:
        for number in range(120):
            await note(
                connection,
                Deed(actor="cli:olena@host", action=Action.REPRINT, subject=f"notification:{number}", why="Друк"),
            )
    path, got = "/audit?action=reprint", list[int]()
    while path:
        seen = await auditor.get(path)
        got += seqs(seen)
        following = re.search(r'class="button main" href="([^"]+)"', seen.text)
        path = following[1].replace("&amp;", "&") if following else ""
    assert len(got) == len(set(got)) == 120
    assert got == sorted(got, reverse=True)
    seen, count = await auditor.post("/audit", words="друк"), 0
    while following := re.search(r'name="before" value="(\d+)"', seen.text):
        count += len(seqs(seen))
        seen = await auditor.post("/audit", words="друк", before=following[1])
    assert count + len(seqs(seen)) == 120


async def test_the_chain(ledger_dsn: str, tmp_path: Path) -> None:
    """Its anchor and key, whether it is old, and what a verification looked at and found."""
    async with a_desk(ledger_dsn, audit_key=tmp_path / "audit-key.pem") as desk, a_visitor(desk) as visitor:
        await desk.people.add(AUDITOR, "Аліна Уважна", "auditor", "mis-1", PASSWORD)
        await noted(desk, "cli:olena@host", Action.REPRINT, "notification:1", "Друк")
        await visitor.sign_in(AUDITOR)
        assert "Жодного якоря ще немає" in (await visitor.get("/audit")).text
        made = await Anchors(desk.ledger, tmp_path / "audit-key.pem", tmp_path / "copies.jsonl").make()
        assert made is not None
        page = (await visitor.get("/audit")).text
        assert ("Підпис правильний" in page, made.key_id in page, "Якір застарів" in page) == (True, True, False)
        good = await visitor.post("/audit/check")
        assert "нічого не змінено. Пройдено якорів: 1. Це всі рядки, які є." in good.text
        await do(desk, "ALTER TABLE audit_anchor DISABLE TRIGGER ALL")
        await do(desk, "UPDATE audit_anchor SET at = at - interval '3 days'")
        page = (await visitor.get("/audit")).text
        assert ("Підпис неправильний" in page, "Негайно повідомте" in page) == (True, True)
        await do(desk, _TOUCH)
        bad = await visitor.post("/audit/check")
        assert (bad.status, "Аудит змінено. Перший неправильний рядок: " in bad.text) == (200, True)
        assert "it is not what was written" in bad.text


async def test_the_file_of_rows(desk: Desk, auditor: Visitor) -> None:
    """The filtered rows, no cell a formula, hashes to compare; that it was taken is the newest row afterwards."""
    await noted(desk, f"person:{LOGIN}", Action.REPRINT, "notification:1", EVIL, no="2")
    await noted(desk, f"person:{LOGIN}", Action.PRINT, "notification:1")
    seen = await auditor.post("/audit/export", action="reprint", actor=LOGIN, words="CMD")
    assert (seen.status, seen.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert re.fullmatch(r'attachment; filename="audit-[\d-]+\.csv"', seen.headers["content-disposition"])
    assert seen.headers["cache-control"] == "no-store"
    head, *lines = csv.reader(io.StringIO(seen.text.removeprefix("\ufeff")), delimiter=";")
    assert (head[0], head[-1], len(lines)) == ("seq", "hash", 1)
    line = dict(zip(head, lines[0], strict=True))
    assert (line["why"], line["meaning"]) == (f"'{EVIL}", "Довідку надруковано ще раз")
    ((hashed,),) = await rows(desk, "SELECT encode(hash, 'hex') FROM audit WHERE action = 'reprint'")
    assert line["hash"] == hashed
    ((actor, details),) = await rows(desk, "SELECT actor, details FROM audit WHERE action = 'export'")
    asked = '{"action":"reprint","actor":"person:o.koval","words":"CMD"}'
    assert (actor, details) == (f"person:{AUDITOR}", asked)
    wrong = await auditor.post("/audit/export", actor=PHONE)
    assert (wrong.status, len(await rows(desk, "SELECT FROM audit WHERE action = 'export'"))) == (422, 1)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    """Whatever a spreadsheet would calculate is a text."""
    assert safe(cell).startswith("'")
    assert safe("Пацієнт питає") == "Пацієнт питає"


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATOR, Role.AUDITOR}))
async def test_others_see_nothing_of_it(desk: Desk, visitor: Visitor, role: Role) -> None:
    """Neither the page nor the file nor a verification; and no row says that they took one."""
    await desk.people.add("somebody", "Хтось", role.value, "mis-1", PASSWORD)
    await visitor.sign_in("somebody")
    assert (await visitor.get("/audit")).status == 403
    for path in ("/audit", "/audit/check", "/audit/export"):
        assert (await visitor.post(path)).status == 403
    assert await rows(desk, "SELECT FROM audit WHERE action = 'export'") == []


@in_a_browser[1]
@pytest.mark.browser
async def test_an_auditor_finds_who_saw_a_phone(desk: Desk) -> None:
    """Filter by what was done, look at the row as it is written, verify, and take the rows out; by the keyboard."""
    await desk.people.add(AUDITOR, "Аліна Уважна", "auditor", "mis-1", PASSWORD)
    await noted(desk, f"person:{LOGIN}", Action.REVEAL_PHONE, "notification:1", "Пацієнт питає")
    await noted(desk, f"person:{LOGIN}", Action.PRINT, "notification:2", no="1")
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.enter(AUDITOR)
        await page.get_by_role("link", name="Аудит").click()
        await page.get_by_label("Що зроблено").select_option(label="Показано номер телефону")
        await page.get_by_role("button", name="Показати").focus()
        await page.keyboard.press("Enter")
        await page.get_by_text("«Пацієнт питає»").wait_for()
        assert await page.locator(".deeds details").count() == 1
        await page.locator(".deeds summary").focus()
        await page.keyboard.press("Enter")
        await page.get_by_text("Як записано").wait_for()
        async with page.expect_download() as taken:
            await page.get_by_role("button", name="Завантажити CSV").click()
        text = (await (await taken.value).path()).read_text("utf-8-sig")
        assert ("Пацієнт питає" in text, "notification:2" in text) == (True, False)
        await page.get_by_role("button", name="Перевірити").click()
        await page.get_by_text("нічого не змінено").wait_for()
        assert await findings(browser, "/audit?action=reveal_phone") == []
        assert browser.complaints == []
