"""The page that finds: everything by one box, lists by filters in their addresses, pages, and a list as a file."""

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from uuid import UUID

import pytest
from tests.api.desk import PHONE, Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.test_browser import pytestmark as in_a_browser
from tests.console.visitor import NUMBER, ON_PAPER_ID, PASSWORD, Visitor, a_visitor, by_phone, do, on_paper, rows

from esoz_notify.console.spreadsheets import BOM
from esoz_notify.engine import exporting, finding

OPERATOR, CLERK = "n.nichna", "s.support"


async def signed_in(desk: Desk, visitor: Visitor, role: str = "operator", login: str = OPERATOR) -> Visitor:
    """Somebody who runs the service, on the page."""
    await desk.people.add(login, "Ніна Нічна", role, "mis-1", PASSWORD)
    await visitor.sign_in(login)
    await visitor.get("/find")
    return visitor


async def of_another_system(desk: Desk, notification_id: str) -> None:
    """Make a notification one of a second system, behind everybody's back."""
    await do(desk, "INSERT INTO client (id, name, scopes) VALUES ('mis-2', 'Друга МІС', '{}') ON CONFLICT DO NOTHING")
    await do(desk, "ALTER TABLE notification DISABLE TRIGGER notification_insert_only")
    async with desk.ledger.transaction() as connection:
        await connection.execute("UPDATE notification SET client_id = 'mis-2' WHERE id = %s", [notification_id])
    await do(desk, "ALTER TABLE notification ENABLE TRIGGER notification_insert_only")


def ids(text: str) -> list[str]:
    """The notifications that a page lists, in its order."""
    return re.findall(r'href="/notifications/([0-9a-f-]{36})"', text)


def link(text: str, word: str) -> str:
    """Where a link of that word goes."""
    found = re.search(rf'href="([^"]+)"[^>]*>{word}</a>', text)
    assert found, word
    return found[1].replace("&amp;", "&")


async def test_one_box_finds_by_everything(desk: Desk, visitor: Visitor) -> None:
    """By id, number, patient, reference and phone in their spellings; one alone is opened, of whichever system."""
    one = await by_phone(desk, reference="rx-1")
    await of_another_system(desk, one)
    await signed_in(desk, visitor, "support", CLERK)
    for typed in (one, one.upper(), f" {one} ", "rx-1", NUMBER, NUMBER.lower(), NUMBER.replace("-", ""), PHONE):
        assert (await visitor.post("/find", wanted=typed)).to == f"/notifications/{one}", typed
    for typed in ("0000000001", "380000000001", "000 000 00 01", "+38 (000) 000-00-01", "80000000001"):
        assert (await visitor.post("/find", wanted=typed)).to == f"/notifications/{one}", typed
    paper = await on_paper(desk)
    assert (await visitor.post("/find", wanted=ON_PAPER_ID)).to == f"/notifications/{paper}"
    both = await visitor.post("/find", wanted=NUMBER)
    assert (both.status, ids(both.text)) == (200, [paper, one]), "newest first"
    assert "Знайдено: 2" in both.text
    assert "Друга МІС" in both.text


async def test_what_is_not_found_says_so(visitor: Visitor, desk: Desk) -> None:
    """Nothing found, nothing typed and far too much are told apart, beside the box and with what was typed."""
    await signed_in(desk, visitor)
    nothing = await visitor.post("/find", wanted="0671234567 <b>")
    assert nothing.status == 200
    assert "Нічого не знайдено" in nothing.text
    assert 'value="0671234567 &lt;b&gt;"' in nothing.text
    for typed in ("", "   ", "x" * 201):
        refused = await visitor.post("/find", wanted=typed)
        assert refused.status == 422
        assert "Введіть, що шукати: від 1 до 200 символів." in refused.text
        assert 'aria-invalid="true"' in refused.text


async def test_filters_combine_and_stay_in_links(desk: Desk, visitor: Visitor) -> None:
    """Each filter leaves what it says, together what fits all; links, the form and the file keep them."""
    told, waits, paper = await by_phone(desk), await by_phone(desk), await on_paper(desk)
    code = str((await desk.send())["id"])
    await desk.deliver(told)
    await desk.start(code)
    await of_another_system(desk, waits)
    await signed_in(desk, visitor)
    assert ids((await visitor.get("/find")).text) == [code, paper, waits, told]
    expected = {
        "status=delivered": [told],
        "status=paper": [paper],
        "status=print_required": [paper],
        "status=open": [code, waits],
        "kind=confirmation_code": [code],
        "channel=viber": [code, told],
        "channel=sms": [],
        "channel=print": [paper],
        "system=mis-2": [waits],
        "system=mis-1&status=paper": [paper],
        "lane=codes": [code],
        "took=minute": [],
        "status=&kind=&from=": [code, paper, waits, told],
        "status=delivered&channel=viber&lane=documents&system=mis-1&kind=prescription_issued": [told],
        "status=delivered&channel=sms": [],
        "from=2020-01-01T00:00&to=2020-01-02T00:00": [],
        "from=2020-01-01T00:00": [code, paper, waits, told],
    }
    seen = {query: ids((await visitor.get(f"/find?{query}")).text) for query in expected}
    assert seen == expected
    page = (await visitor.get("/find?status=paper&from=2020-01-01T00:00")).text
    assert '<option value="paper" selected>' in page
    assert 'value="2020-01-01T00:00"' in page
    assert "back=%2Ffind%3Fstatus%3Dpaper%26from%3D2020-01-01T00%253A00".replace("%2F", "/") in page
    assert '<input type="hidden" name="status" value="paper">' in page, "the file is of the same list"


async def test_what_takes_long(desk: Desk, visitor: Visitor) -> None:
    """Over a minute are those that were or still are under way for longer; those withdrawn or on paper are not."""
    late, open_ = await by_phone(desk), await by_phone(desk)
    cancelled, paper = await by_phone(desk), await on_paper(desk)
    await desk.deliver(late)
    await desk.call("POST", f"/v1/notifications/{cancelled}/cancel")
    await do(desk, "UPDATE delivery SET accepted_at = accepted_at - interval '61 seconds'")
    await by_phone(desk)
    await signed_in(desk, visitor)
    page = (await visitor.get("/find?took=minute")).text
    assert ids(page) == [open_, late]
    assert paper not in page
    assert "вже 1 хв" in page


async def test_wrong_filters_are_told_beside_them(desk: Desk, visitor: Visitor) -> None:
    """Every wrong filter has its own sentence in its place, what was typed stays, and no list is shown."""
    await by_phone(desk)
    await signed_in(desk, visitor)
    wrong = "status=gone&kind=x&channel=fax&system=mis-9&lane=fast&took=hour&from=yesterday&to=2026-11-26T21:00Z"
    page = await visitor.get(f"/find?{wrong}")
    assert page.status == 422
    names = ("status", "kind", "channel", "system", "lane", "took", "from", "to")
    assert [name for name in names if f'id="wrong-{name}"' not in page.text] == []
    assert ids(page.text) == []
    assert 'value="yesterday"' in page.text
    for query in ("from=2026-11-26T21:00&to=2026-11-26T21:00", "to=1969-01-01T00:00", "from=9999-12-31T23:59"):
        assert (await visitor.get(f"/find?{query}")).status == 422
    cursor = await visitor.get("/find?before=first&status=paper")
    assert (cursor.status, "Посилання на сторінку" in cursor.text) == (422, True)


async def test_pages_go_both_ways(desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older, newer and newest by the id as the cursor: nothing twice or left out, filters kept, new ones in time."""
    monkeypatch.setattr(finding, "PAGE_MAX", 2)
    sent = [await by_phone(desk) for _ in range(5)][::-1]
    await on_paper(desk)
    await signed_in(desk, visitor)
    first = await visitor.get("/find?kind=prescription_issued&status=open")
    second = await visitor.get(link(first.text, "Старіші"))
    third = await visitor.get(link(second.text, "Старіші"))
    assert [ids(one.text) for one in (first, second, third)] == [sent[:2], sent[2:4], sent[4:]]
    assert "Старіші</a>" not in third.text
    assert "status=open" in link(third.text, "Новіші")
    back = await visitor.get(link(third.text, "Новіші"))
    assert ids(back.text) == sent[2:4]
    newest = await by_phone(desk)
    front = await visitor.get(link(back.text, "Новіші"))
    assert ids(front.text) == sent[:2], "the next two, not the newest"
    assert ids((await visitor.get(link(front.text, "Новіші"))).text) == [newest]
    assert ids((await visitor.get(link(front.text, "Найновіші"))).text) == [newest, sent[0]]
    beyond = await visitor.get(f"/find?after={UUID(int=2**128 - 1)}")
    assert (ids(beyond.text), "Таких сповіщень немає" in beyond.text) == ([], True)


@pytest.mark.parametrize("query", ["status=delivered", "system=mis-1&status=delivered", "kind=referral_issued"])
async def test_a_search_stops_and_goes_on(
    desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """So many are looked at for a page and no more; the page says so, and a link goes on from there to the end."""
    monkeypatch.setattr(finding, "LOOKED_MAX", 2)
    oldest = await by_phone(desk, kind="referral_issued", data={"request_number": "3747-P9A1-1TC0-E9ME"})
    await desk.deliver(oldest)
    for _ in range(4):
        await by_phone(desk)
    await signed_in(desk, visitor)
    page = await visitor.get(f"/find?{query}")
    for _ in range(2):
        assert (ids(page.text), "далі ще не шукали" in page.text) == ([], True)
        page = await visitor.get(link(page.text, "Шукати далі"))
    assert ids(page.text) == [oldest]
    upwards = await visitor.get(f"/find?status=print_required&lane=codes&after={oldest}")
    assert "далі ще не шукали" not in upwards.text, "of paper there is none to be looked at"
    upwards = await visitor.get(f"/find?lane=codes&after={oldest}")
    assert link(upwards.text, "Шукати далі") == link(upwards.text, "Новіші")


async def test_only_those_who_run_the_service_come_in(desk: Desk, doctor: Visitor) -> None:
    """A doctor sees neither the list, nor a search, nor a file; and the engine itself refuses."""
    one = await by_phone(desk)
    seen = [await doctor.get("/find"), await doctor.post("/find", wanted=one), await doctor.post("/find/export")]
    assert [page.status for page in seen] == [403] * 3
    assert all(one not in page.text for page in seen)


async def test_nothing_personal_on_the_page(desk: Desk, visitor: Visitor) -> None:
    """Phones are masked; names, numbers of documents and codes are not there at all, in the file neither."""
    await by_phone(desk)
    await on_paper(desk)
    await signed_in(desk, visitor)
    for text in ((await visitor.get("/find")).text, (await visitor.post("/find/export")).text):
        assert "38000*****01" in text
        for personal in (PHONE, PHONE[1:], "Пацієнт", NUMBER, "243P", "4821"):
            assert personal not in text


def table(text: str) -> list[list[str]]:
    """The lines of a file."""
    assert text.startswith(BOM)
    assert text.count("\n") == text.count("\r\n"), "RFC 4180: lines end in CR LF"
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline=""), strict=True))


async def test_a_list_as_a_file(desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the filtered list, newest first, in batches; harmless to spreadsheets; noted with its filters."""
    monkeypatch.setattr(exporting, "BATCH", 2)
    monkeypatch.setattr(exporting, "LOOKED_MAX", 3)
    references = ["=1+1", "+38", "-2", "@x", 'he said "no", twice', "звичайна", "\u0394"]
    sent = [await by_phone(desk, reference=one) for one in references]
    for _ in range(4):
        await desk.send()
    await desk.deliver(sent[0])
    await signed_in(desk, visitor, "auditor", "a.auditor")
    filters = {"kind": "prescription_issued", "from": "2020-01-01T00:00"}
    seen = await visitor.post("/find/export", headers=None, **filters)
    assert seen.status == 200
    assert seen.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="spovishchennia-[\d-]+\.csv"', seen.headers["content-disposition"])
    head, *lines = table(seen.text)
    assert head[0] == "Ідентифікатор"
    assert [one[0] for one in lines] == sent[::-1]
    assert {len(one) for one in lines} == {len(head)}
    guarded = [f"'{one}" if one[0] in "=+-@" else one for one in references]
    assert [one[4] for one in lines] == guarded[::-1]
    assert lines[-1][5:8] == ["Доставлено", "Viber", "38000*****01"]
    noted = "SELECT actor, subject, details FROM audit WHERE action = 'export'"
    details = '{"from":"2020-01-01T00:00","kind":"prescription_issued"}'
    assert await rows(desk, noted) == [("person:a.auditor", "ledger:notifications", details)]
    wrong = await visitor.post("/find/export", kind="letter")
    assert (wrong.status, 'id="wrong-kind"' in wrong.text) == (422, True)
    assert len(await rows(desk, noted)) == 1


@pytest.mark.parametrize("bounds", [(3, 9, 3), (9, 1, 2), (4, 9, 4)])
async def test_a_file_has_an_end(
    desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, bounds: tuple[int, int, int]
) -> None:
    """Rows and work for one file are bounded, and the file itself says that it is not whole."""
    rows_max, looks_max, told = bounds
    monkeypatch.setattr(exporting, "EXPORTED_MAX", rows_max)
    monkeypatch.setattr(exporting, "LOOKS_MAX", looks_max)
    monkeypatch.setattr(exporting, "BATCH", 2)
    for _ in range(5):
        await by_phone(desk)
    await signed_in(desk, visitor)
    _, *lines, last = table((await visitor.post("/find/export")).text)
    assert len(lines) == told
    assert (last[0], set(last[1:])) == (
        "Файл не повний: досягнуто межі. Звузьте фільтри, щоб отримати решту.",
        {""},
    )


async def test_one_export_at_a_time_and_no_transaction_held(
    desk: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow reader holds no transaction, only the same person's next export; when it leaves, all is free."""
    monkeypatch.setattr(exporting, "BATCH", 1)
    monkeypatch.setattr(exporting, "PAUSE_S", 600.0)
    await by_phone(desk)
    await by_phone(desk)
    await signed_in(desk, visitor)
    form = {"csrf": visitor.csrf}
    async with visitor.http.post("/find/export", data=form) as reading:
        assert reading.status == 200
        assert (await reading.content.readany()).startswith(BOM.encode()), "it begins at once"
        locks = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
        assert len(await rows(desk, locks)) == 1
        busy = await visitor.post("/find/export")
        assert busy.status == 409
        assert "Ваше попереднє завантаження ще триває" in busy.text
        async with a_visitor(desk) as other:
            await signed_in(desk, other, "support", CLERK)
            async with other.http.post("/find/export", data={"csrf": other.csrf}) as second:
                assert second.status == 200, "another person's runs beside it"
        held = "SELECT state FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
        await until(desk, held, [("idle",)])
        reading.close()
    await until(desk, locks, [])
    monkeypatch.setattr(exporting, "PAUSE_S", 0.0)
    assert (await visitor.post("/find/export")).status == 200


async def until(desk: Desk, query: str, expected: Sequence[object]) -> None:
    """Wait until the ledger answers so."""
    async with asyncio.timeout(60):
        while await rows(desk, query) != list(expected):
            await asyncio.sleep(0.05)


@in_a_browser[1]
@pytest.mark.browser
async def test_a_clerk_on_the_telephone(desk: Desk) -> None:
    """By the keyboard: find by a phone, look at what waits for paper, take it away; for everybody, on both widths."""
    await desk.people.add(CLERK, "Софія Слухаюча", "support", "mis-1", PASSWORD)
    await desk.deliver(await by_phone(desk))
    await by_phone(desk)
    await on_paper(desk)
    async with a_browser(desk) as browser:
        page = browser.page
        await browser.enter(CLERK)
        await page.get_by_role("link", name="Пошук").click()
        await page.get_by_role("heading", name="Пошук").wait_for()
        await page.keyboard.type("000 000-00-01")
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Знайдено: 2").wait_for()
        assert "000-00-01" not in page.url
        assert await browser.fits()
        await page.get_by_role("link", name="До всіх сповіщень").click()
        await page.get_by_role("link", name="Потрібен папір").click()
        await page.locator("#filters summary").press("Enter")
        await page.get_by_label("Стан", exact=True).select_option("Потрібно надрукувати")
        await page.get_by_role("button", name="Показати").press("Enter")
        await page.wait_for_url("**/find?status=print_required*")
        assert await page.get_by_role("row").count() == 2
        async with page.expect_download() as loading:
            await page.get_by_role("button", name="Завантажити CSV").press("Enter")
        lines = table((await (await loading.value).path()).read_bytes().decode())
        assert [one[5] for one in lines[1:]] == ["Потрібно надрукувати"]
        for path in ("/find?kind=prescription_issued", "/find?to=soon"):
            assert await findings(browser, path) == []
        errors = [one for one in browser.complaints if "422" not in one]
        assert errors == []
