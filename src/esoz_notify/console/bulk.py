"""Pages of files of many notifications: bringing one, what checking found, letting it go, progress, the result.

What belongs here: from forms to the engine and back to pages. What does not: the rules and the work (engine).
"""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from esoz_notify.console import menu
from esoz_notify.console.bringing import FORM_BYTES_MAX, Brought
from esoz_notify.console.drawing import HEADERS, page
from esoz_notify.console.numerals import local, money
from esoz_notify.console.operating import demand_runs, runs
from esoz_notify.console.spreadsheets import BOM
from esoz_notify.console.streaming import stream
from esoz_notify.console.told import channel_name
from esoz_notify.console.visit import Visit, check_token, language, room, see, sentence, status_of
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import Conflict, InvalidInput
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.limits import BULK_ALONE_MAX, BULK_BYTES_MAX, BULK_ROWS_MAX
from esoz_notify.engine.bulk import Bulk, FileRow
from esoz_notify.engine.bulk_rows import KINDS_IN_BULK
from esoz_notify.engine.people import Person
from esoz_notify.render.bulk_faults import Fault, told

Deed = Callable[[Bulk, Person, UUID], Awaitable[None]]
Report = Mapping[str, Any]

_PATH = "/bulk"
_ONE = "/bulk/{file_id:uuid}"
BAR_WIDTH = 1_000
COLOURS = {
    "arriving": "grey",
    "checking": "blue",
    "refused": "red",
    "ready": "amber",
    "sending": "blue",
    "stopped": "amber",
    "done": "green",
    "dropped": "grey",
}
_HEAD = ("row", "id", "status", "code", "why", "channel", "final")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A file as pages show it. ``width``: of what is done, of ``BAR_WIDTH``."""

    file: FileRow
    colour: str
    done: int
    rows: str
    width: int


@get(_PATH)
async def show_files(request: Visit) -> Response[bytes]:
    """The last files, and the form that brings one."""
    menu.demand(request.user.person, _PATH)
    return await _list(request)


@post(_PATH, brings=True, request_max_body_size=BULK_BYTES_MAX + FORM_BYTES_MAX)
async def bring(request: Visit) -> Response[bytes]:
    """Take a file in while it arrives; the form's token comes before the file."""
    demand_runs(request, _PATH)
    form = Brought(request)
    try:
        await form.begin()
        check_token(request.user, form.fields.get("csrf", ""))
        kind = form.fields.get("kind", "")
        file_id = await room(request).bulk.bring(request.user.person, form.name, kind, form.content())
    except InvalidInput as error:
        return await _list(request, status_of(error), alert=sentence(request, error))
    return see(f"{_PATH}/{file_id}")


@get(_ONE)
async def show_file(request: Visit, file_id: FromPath[UUID]) -> Response[bytes]:
    """One file."""
    return await _one(request, file_id, "bulk_file")


@get(f"{_ONE}/live")
async def show_live(request: Visit, file_id: FromPath[UUID]) -> Response[bytes]:
    """What changes on it."""
    return await _one(request, file_id, "bulk_live")


@get(f"{_ONE}/stream", looks=True)
async def stream_file(request: Visit, file_id: FromPath[UUID]) -> Stream:
    """The same, pushed as often as it changes."""
    menu.demand(request.user.person, _PATH)

    async def draw() -> bytes:
        return (await _one(request, file_id, "bulk_live")).content

    return stream(request, draw)


@post(f"{_ONE}/start")
async def start(request: Visit, file_id: FromPath[UUID]) -> Response[bytes]:
    """Let it go, or go on."""
    return await _do(request, file_id, Bulk.start)


@post(f"{_ONE}/stop")
async def stop(request: Visit, file_id: FromPath[UUID]) -> Response[bytes]:
    """Stop it."""
    return await _do(request, file_id, Bulk.stop)


@post(f"{_ONE}/drop")
async def drop(request: Visit, file_id: FromPath[UUID]) -> Response[bytes]:
    """Give it up."""
    return await _do(request, file_id, Bulk.drop)


@post(f"{_ONE}/result")
async def take_result(request: Visit, file_id: FromPath[UUID]) -> Stream:
    """The result as a file, with statuses as they are now; that it was taken is noted."""
    menu.demand(request.user.person, _PATH)
    bulk = room(request).bulk
    await bulk.note_result(request.user.person, file_id)
    headers = {**HEADERS, "content-disposition": f'attachment; filename="bulk-{file_id}.csv"'}
    lines = _lines(bulk, file_id, language(request))
    return Stream(lines, media_type="text/csv", headers=headers, status_code=200)


HANDLERS = (show_files, bring, show_file, show_live, stream_file, start, stop, drop, take_result)


async def _lines(bulk: Bulk, file_id: UUID, lang: str) -> AsyncIterator[bytes]:
    yield BOM.encode() + _line(_HEAD)
    async for line in bulk.result(file_id, lang):
        yield _line(line)


def _line(cells: tuple[str, ...]) -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=";").writerow(cells)
    return written.getvalue().encode()


async def _do(request: Visit, file_id: UUID, deed: Deed) -> Response[bytes]:
    demand_runs(request, _PATH)
    try:
        await deed(room(request).bulk, request.user.person, file_id)
    except Conflict as error:
        return await _one(request, file_id, "bulk_file", status_of(error), alert=sentence(request, error))
    return see(f"{_PATH}/{file_id}")


async def _list(request: Visit, status: int = 200, *, alert: str = "") -> Response[bytes]:
    lang = language(request)
    return page(
        "bulk",
        lang,
        status,
        session=request.user,
        path=_PATH,
        banner=room(request).desk.banner(),
        acts=runs(request.user.person),
        files=[_shown(one, lang) for one in await room(request).bulk.newest()],
        kinds=[(name, _title(name, lang)) for name in KINDS_IN_BULK],
        megabytes=BULK_BYTES_MAX // (1024 * 1024),
        rows_max=_count(BULK_ROWS_MAX, lang),
        alert=alert,
    )


async def _one(request: Visit, file_id: UUID, template: str, status: int = 200, *, alert: str = "") -> Response[bytes]:
    menu.demand(request.user.person, _PATH)
    lang, person = language(request), request.user.person
    file = await room(request).bulk.one(file_id)
    report = file.report or {}
    needs_other = file.row_count > BULK_ALONE_MAX and file.started_by is None and file.brought_by == person.login
    return page(
        template,
        lang,
        status,
        session=request.user,
        path=f"{_PATH}/{file_id}",
        banner=room(request).desk.banner(),
        acts=runs(person),
        needs_other=needs_other,
        alone_max=_count(BULK_ALONE_MAX, lang),
        shown=_shown(file, lang),
        one=file,
        bar_width=BAR_WIDTH,
        plan=_plan(report, lang) if "kinds" in report else None,
        faults=[(row, column, *told(Fault(row, column, code, rule), lang)) for row, column, code, rule in
                report.get("faults", ())],
        fault_count=report.get("fault_count", 0),
        alert=alert,
    )  # fmt: skip


def _plan(report: Report, lang: str) -> dict[str, object]:
    """What sending comes to, in words of a language."""
    return {
        "kinds": [(_title(name, lang), _count(count, lang)) for name, count in report["kinds"].items()],
        "channels": [
            (channel_name(Channel(name), lang), _count(count, lang)) for name, count in report["channels"].items()
        ],
        "nobody": report["nobody"],
        "least": money(Decimal(report["least"]), lang),
        "most": money(Decimal(report["most"]), lang),
        "by_sample": report["by_sample"],
        "minutes": max(1, round(report["seconds"] / 60)),
        "seen": report["seen"],
    }


def _shown(file: FileRow, lang: str) -> Shown:
    done = file.accepted + file.refused
    return Shown(
        file=file,
        colour=COLOURS[file.state],
        done=done,
        rows=_count(file.row_count, lang),
        width=BAR_WIDTH * done // file.row_count if file.row_count else 0,
    )


def _title(name: str, lang: str) -> str:
    return KINDS[name].title_en if lang == "en" else KINDS[name].title_uk


def _count(number: int, lang: str) -> str:
    return local(f"{number:,}", lang)
