"""A visitor of the pages over HTTP: keeps cookies as a browser does, and posts the forms that it was shown."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDictProxy
from tests.api.desk import BY_DOCUMENTS, Desk

FIRST, SECOND = "i.first", "i.second"
"""Logins of two operators, where four eyes are needed."""

LOGIN, PASSWORD = "o.koval", "four words are good"
NUMBER = "0000-243P-1X53-EH38"
ON_PAPER_ID = "0198c0de-0000-7000-8000-000000000002"
DATA = {"request_number": NUMBER, "verification_code": "4821"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as it came."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def to(self) -> str:
        """Where it sends on to."""
        return self.headers.get("location", "")


@dataclass(slots=True)
class Visitor:
    """One browser."""

    http: aiohttp.ClientSession
    csrf: str = ""

    async def get(self, path: str) -> Seen:
        """Open a page; the forms on it may be posted then."""
        async with self.http.get(path, allow_redirects=False) as reply:
            seen = Seen(reply.status, reply.headers, await reply.text(errors="replace"))
        if found := re.search(r'name="csrf" value="(\w+)"', seen.text):
            self.csrf = found[1]
        return seen

    async def post(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> Seen:
        """Post a form with the token of the page last opened, unless ``csrf`` is given."""
        form = {"csrf": self.csrf, **fields}
        async with self.http.post(path, data=form, headers=headers, allow_redirects=False) as reply:
            return Seen(reply.status, reply.headers, await reply.text(errors="replace"))

    async def sign_in(self, login: str = LOGIN, password: str = PASSWORD) -> Seen:
        """Sign in, and open the desk."""
        seen = await self.post("/sign-in", login=login, password=password)
        await self.get("/print")
        return seen


@asynccontextmanager
async def a_visitor(desk: Desk) -> AsyncIterator[Visitor]:
    """A browser with no cookies yet."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(desk.base_url, cookie_jar=jar) as http:
        yield Visitor(http)


def address(path: str) -> str:
    """The path of a handler with something that nobody has in each of its places."""
    return re.sub(r"\{\w+:\w+\}", "0198c0de-0000-7000-8000-000000000009", re.sub(r"\{\w+:int\}", "1", path))


async def on_paper(desk: Desk, name: str = "Пацієнт Перший", **more: object) -> str:
    """Have a prescription accepted for a person without a phone; gives its id."""
    await desk.patient(BY_DOCUMENTS, ON_PAPER_ID)
    summary = {"patient_name": name, "medication": "Амоксицилін", "dosage": "тричі на день"}
    asked = {"kind": "prescription_issued", "patient_id": ON_PAPER_ID, "data": DATA, "summary": summary, **more}
    return str((await desk.send(asked))["id"])


async def by_phone(desk: Desk, **more: object) -> str:
    """Have a prescription accepted for a phone; gives its id."""
    asked = {"kind": "prescription_issued", "recipient": {"phone": "+380000000001"}, "data": DATA, **more}
    return str((await desk.send(asked))["id"])


async def do(desk: Desk, statement: str) -> None:
    """Change the ledger behind everybody's back."""
    async with desk.ledger.transaction() as connection:
        await connection.execute(statement.encode())


async def rows(desk: Desk, query: str) -> list[tuple[object, ...]]:
    """Look into the ledger."""
    async with desk.ledger.transaction() as connection:
        return [tuple(row) for row in await (await connection.execute(query.encode())).fetchall()]
