"""Files of many notifications on pages: checked, let go by whom the rules want, sent once whatever dies, erased."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from tests.api.desk import KEYS, PRICES, Desk
from tests.console.accessible import findings
from tests.console.test_browser import a_browser
from tests.console.visitor import FIRST, PASSWORD, SECOND, Visitor, a_visitor, rows

from esoz_notify.core.errors import InvalidInput
from esoz_notify.core.limits import BULK_ALONE_MAX, BULK_BYTES_MAX
from esoz_notify.engine.bulk import Bulk
from esoz_notify.engine.bulk_rows import CHUNK
from esoz_notify.engine.bulk_work import BulkWork
from esoz_notify.render.texts import builtin_texts
from esoz_notify.store.vault import Vault

ALPHABET = "0123456789ABCEHIKMOPTX"
NOBODY = "0198c0de-0000-7000-8000-00000000ffff"
DEADLINE_S = 120


@asynccontextmanager
async def at_work(desk: Desk) -> AsyncIterator[None]:
    """A process that works on files, for as long as this."""
    work = BulkWork(desk.ledger, Vault(KEYS), desk.service, lambda _: builtin_texts(), PRICES)
    task = asyncio.create_task(work.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def content(count: int, more: str = "") -> bytes:
    """A file as a spreadsheet saves it."""
    numbers = ("".join(ALPHABET[row // 22**place % 22] for place in range(4)) for row in range(count))
    lines = (f"Направлення створено;+38000000{row:04};0123-4567-89AB-{number};" for row, number in enumerate(numbers))
    return ("Вид;Телефон;Номер;Пацієнт\r\n" + "\r\n".join(lines) + f"\r\n{more}").encode("cp1251")


async def bring(visitor: Visitor, data: bytes, **fields: str) -> tuple[int, str]:
    """Send the form as a browser does; the status, and where it leads."""
    await visitor.get("/bulk")
    form = aiohttp.FormData(quote_fields=False)
    for name, value in {"csrf": visitor.csrf, "kind": "", **fields}.items():
        form.add_field(name, value)
    form.add_field("file", data, filename="C:\\список.csv", content_type="text/csv")
    async with visitor.http.post("/bulk", data=form, allow_redirects=False) as reply:
        return reply.status, reply.headers.get("location", await reply.text())


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that the work does."""
    async with asyncio.timeout(DEADLINE_S):
        while not await look():
            await asyncio.sleep(0.05)


async def state_of(desk: Desk) -> str:
    """Of the newest file."""
    return str((await rows(desk, "SELECT state FROM bulk_file ORDER BY id DESC LIMIT 1"))[0][0])


async def becomes(desk: Desk, state: str) -> None:
    """Wait until the newest file is so far."""

    async def look() -> bool:
        return await state_of(desk) == state

    await until(look)


async def test_a_file_is_checked_let_go_and_sent(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """The plan comes first; each row is sent once; the result tells refusals; the content goes; deeds are noted."""
    first, _ = operators
    assert "Файлів ще не було." in (await first.get("/bulk")).text
    async with at_work(desk):
        status, path = await bring(first, content(3, f"referral_issued;;0123-4567-89AB-CEIK;{NOBODY}\r\n"))
        assert status == 303
        await becomes(desk, "ready")
        assert await rows(desk, "SELECT count(*) FROM notification") == [(0,)]
        plan = (await first.get(path)).text
        assert "список.csv" in plan
        assert all(word in plan for word in ("<b>3</b> Viber", "<b>1</b> нікого", "1,14 – 1,35", "CP1251", "«;»"))
        sealed = await rows(desk, "SELECT content FROM bulk_piece")
        assert sealed
        assert not any(b"+38000" in str(one).encode() for (one,) in sealed)
        assert (await first.post(f"{path}/start")).to == path
        await becomes(desk, "done")
    assert await rows(desk, "SELECT accepted, refused FROM bulk_file") == [(3, 1)]
    assert await rows(desk, "SELECT count(*) FROM notification") == [(3,)]
    assert await rows(desk, "SELECT count(*) FROM bulk_piece") == [(0,)]
    assert "Прийнято" in (await first.get(path)).text
    result = (await first.post(f"{path}/result")).text.lstrip("\ufeff").splitlines()
    assert result[0] == "row;id;status;code;why;channel;final"
    assert [line.split(";")[0:3:2] for line in result[1:]] == [["2", "202"], ["3", "202"], ["4", "202"], ["5", "422"]]
    assert result[1].endswith(";accepted")
    assert (await first.post(f"{path}/start")).status == 409
    noted = await rows(desk, "SELECT action FROM audit WHERE subject LIKE 'bulk:%' ORDER BY seq")
    assert [one for (one,) in noted] == ["bulk_brought", "bulk_started", "export"]


async def test_what_is_wrong_is_told_and_the_content_goes(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """Rows and columns in a clerk's words; a second file of the same content is refused, whoever brings it."""
    first, second = operators
    async with at_work(desk):
        _, path = await bring(first, content(1, "рецепт;123;;\r\n"))
        await becomes(desk, "refused")
        told = (await first.get(path)).text
        assert all(word in told for word in ("Помилок: 2", "Такого виду сповіщень немає.", "Телефон"))
        assert await rows(desk, "SELECT count(*) FROM bulk_piece") == [(0,)]
        assert (await first.post(f"{path}/drop")).status == 409
        _, given_up = await bring(first, content(2))
        await becomes(desk, "ready")
        assert (await first.post(f"{given_up}/drop")).to == given_up
        assert await rows(desk, "SELECT count(*) FROM bulk_piece") == [(0,)]
        await bring(first, content(2))
        await becomes(desk, "ready")
        _, again = await bring(second, content(2))
        await becomes(desk, "refused")
        assert "Файл із таким самим вмістом уже є" in (await second.get(again)).text
        _, of_kind = await bring(second, b"phone;request_number\n0670000001;0123-4567-89AB-CEIK\n",
                                 kind="referral_recalled")  # fmt: skip
        await becomes(desk, "ready")
        assert "Направлення відкликано" in (await second.get(of_kind)).text


async def test_many_rows_take_two_people_and_survive_a_death(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """Who brought many rows does not let them go; a process that dies leaves off where the next one goes on."""
    first, second = operators
    count = BULK_ALONE_MAX + CHUNK + 1
    async with at_work(desk):
        _, path = await bring(first, content(count))
        await becomes(desk, "ready")
        assert "має інша людина" in (await first.get(path)).text
        own = await first.post(f"{path}/start")
        assert (own.status, await state_of(desk)) == (409, "ready")
        await second.get(path)
        assert (await second.post(f"{path}/start")).to == path

        async def some_sent() -> bool:
            return await rows(desk, "SELECT chunks >= 1 FROM bulk_file") == [(True,)]

        await until(some_sent)
    # It died with rows accepted that nobody noted: the chunk is made undone, and the lease is over.
    await rows(desk, "DELETE FROM bulk_answer WHERE chunk = (SELECT max(chunk) FROM bulk_answer) RETURNING 1")
    await rows(desk, "UPDATE bulk_file SET chunks = chunks - 1, accepted = accepted - 200, leased_until = ledger_now()"
                     " RETURNING 1")  # fmt: skip
    await second.post(f"{path}/stop")
    async with at_work(desk):
        assert await state_of(desk) == "stopped"
        assert (await first.post(f"{path}/start")).to == path
        await becomes(desk, "done")
    assert await rows(desk, "SELECT accepted, refused, started_by FROM bulk_file") == [(count, 0, SECOND)]
    assert await rows(desk, "SELECT count(*) FROM notification") == [(count,)]


async def test_keys_that_are_forgotten_double_nothing(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """A file that is taken up a day later: the rows of the open chunk are found by their reference."""
    first, _ = operators
    async with at_work(desk):
        _, path = await bring(first, content(5))
        await becomes(desk, "ready")
        await first.get(path)
        await first.post(f"{path}/start")
        await becomes(desk, "done")
    await bring(first, content(5))
    # As if the first one had died within its only chunk two days ago: what is known of it goes to the second one.
    await rows(desk, "DELETE FROM bulk_answer RETURNING 1")
    await rows(desk, "DELETE FROM idempotency RETURNING 1")
    await rows(desk, "UPDATE bulk_file SET state = 'dropped' WHERE state = 'done' RETURNING 1")
    changed = """
        UPDATE bulk_file SET state = 'sending', digest = old.digest, report = old.report, row_count = old.row_count,
               started_by = old.started_by, started_at = old.started_at, leased_until = ledger_now() - interval '2 days'
        FROM (SELECT * FROM bulk_file WHERE state = 'dropped') old WHERE bulk_file.state = 'checking' RETURNING 1"""
    assert await rows(desk, changed) == [(1,)]
    async with at_work(desk):
        await becomes(desk, "done")
    assert await rows(desk, "SELECT count(*) FROM notification") == [(5,)]


async def test_what_is_no_file_is_refused(desk: Desk, operators: tuple[Visitor, Visitor]) -> None:
    """A forged form, none, an empty or too large file, an unknown kind; nothing of them is kept."""
    first, _ = operators
    assert (await bring(first, b"kind", csrf="0" * 64))[0] == 403
    status, told = await bring(first, b"")
    assert (status, "Оберіть файл" in told) == (422, True)
    status, told = await bring(first, b"x", kind="confirmation_code")
    assert (status, "Оберіть вид" in told) == (422, True)
    assert (await first.post("/bulk", kind="")).status == 403
    headers = {"content-type": "multipart/form-data; boundary=x"}
    for body, expected in ((b"--x\r\nnothing", 422), (b"--x--\r\n", 403)):
        async with first.http.post("/bulk", data=body, headers=headers) as reply:
            assert reply.status == expected

    async def large() -> AsyncIterator[bytes]:
        yield bytes(BULK_BYTES_MAX + 1)

    person = next(one for one in await desk.people.list() if one.login == FIRST)
    with pytest.raises(InvalidInput, match="bytes at most"):
        await Bulk(desk.ledger, Vault(KEYS)).bring(person, "a.csv", "", large())
    assert await rows(desk, "SELECT count(*) FROM bulk_piece") == [(0,)]
    assert (await first.get(f"/bulk/{NOBODY}")).status == 404


async def test_an_auditor_looks_only(desk: Desk) -> None:
    """No form, and none is taken."""
    await desk.people.add("a.auditor", "Аудитор", "auditor", "mis-1", PASSWORD)
    async with a_visitor(desk) as auditor:
        await auditor.sign_in("a.auditor")
        shown = (await auditor.get("/bulk")).text
        assert ("multipart" in shown, "переглядає файли" in shown) == (False, True)
        auditor.csrf = auditor.csrf or "0" * 64
        assert (await bring(auditor, content(1)))[0] == 403


@pytest.mark.browser
async def test_an_operator_sends_a_file(desk: Desk) -> None:
    """Choose, check, read the plan, send, watch it be done, all without a reload; every state keeps to WCAG 2.2 AA."""
    await desk.people.add(FIRST, "Оператор", "operator", "mis-1", PASSWORD)
    async with at_work(desk), a_browser(desk) as browser:
        page = browser.page
        await browser.enter(FIRST)
        await page.goto("/bulk")
        assert await findings(browser, "/bulk") == []
        path = ""
        for data, heading in ((content(2, "рецепт;1;2;\r\n"), "Як виправити"), (content(450), "Що буде надіслано")):
            await page.goto("/bulk")
            chosen = {"name": "список.csv", "mimeType": "text/csv", "buffer": data}
            await page.get_by_label("Файл", exact=True).set_input_files(chosen)  # type: ignore[arg-type]
            await page.get_by_role("button", name="Перевірити").press("Enter")
            await page.get_by_text(heading).first.wait_for()
            assert await browser.fits()
            path = re.sub(r"^https?://[^/]+", "", page.url)
            assert await findings(browser, path) == []
        await page.goto(path)
        await page.get_by_role("button", name="Надіслати 450").press("Enter")
        await page.get_by_role("button", name="Завантажити результат").wait_for()
        await page.get_by_role("heading", name="Зроблено 450 з 450").wait_for(timeout=60_000)
        assert await findings(browser, path) == []
        assert browser.complaints == []
