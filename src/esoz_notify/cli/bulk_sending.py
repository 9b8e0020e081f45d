"""Hands a checked bulk file to the service, chunk by chunk, and follows what became of it; stopped anywhere it goes on.

What belongs here: chunks, keys, patience. What does not: files beside the file (``bulk_journal``), pictures
(``bulk_shown``), whether a row is right (engine).

A row's key follows from the content of the file and its place in it, so that the same chunk is the same request however
often it is made. The service forgets keys after a day: what may have been sent before that is looked for first.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from esoz_notify.cli.bulk_checking import Call
from esoz_notify.cli.bulk_journal import (
    RESULT_HEAD,
    Journal,
    Result,
    journal_of,
    read_result,
    result_of,
    rewritten,
    write_journal,
)
from esoz_notify.client import NotifyClient, NotifyProblem
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.status import Status
from esoz_notify.engine.bulk_rows import CHUNK, key_of, named

KEYS_TRUSTED_S = 23 * 3600.0
"""The service remembers keys for a day; an hour is left for clocks that differ."""

PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 30.0
PROBED_ROWS = 20
FAULTS_MAX = 5
"""So often a row may come to an error of the service itself before it counts as refused."""

ASKED_AT_ONCE = 8
SWEEP_ROWS = 400
SWEEP_PAUSE_MAX_S = 15.0

ARRIVED = frozenset({Status.DELIVERED, Status.PRINT_REQUIRED, Status.PRINTED})
_AGAIN = frozenset({429, 503})
_AWAY = frozenset({0, 429, 502, 503, 504})
_ACCEPTED = 202
_FAULT = 500

Json = Mapping[str, Any]
Rows = Sequence[tuple[int, Json]]
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Shown(Protocol):
    """Where progress goes."""

    def counted(self, rows: int, accepted: int, refused: int) -> None:
        """So many rows more have been answered; so many of all accepted, so many refused."""

    def came_to(self, done: float, accepted: int, refused: int) -> None:
        """So many of all are over."""

    def waits(self, why: str) -> None:
        """Nothing goes on for a while; an empty text: it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One file on its way. ``rate``: rows a second at most. ``again``: it may have been sent days ago, and shall be."""

    service: NotifyClient
    file: Path
    language: str
    rate: float
    again: bool
    shown: Shown

    @classmethod
    def of(cls, call: Call, service: NotifyClient, shown: Shown) -> Self:
        """That of a call of the command."""
        return cls(
            service=service, file=call.file, language=call.language, rate=call.rate, again=call.again, shown=shown
        )

    async def send(self, bodies: Iterator[tuple[int, dict[str, Any]]], journal: Journal, *, resumed: bool) -> Journal:
        """Hand over every chunk that an earlier run did not. Raises InvalidInput, NotifyProblem."""
        chunks = _chunks(((row, named(journal.digest, row, body)) for row, body in bodies), CHUNK)
        chunks = islice(chunks, journal.chunks, None)
        late = resumed and time.time() - journal.begun_at > KEYS_TRUSTED_S
        result = Result(self.file, journal)
        started, handed = time.monotonic(), 0
        try:
            for number, rows in enumerate(chunks, journal.chunks):
                if number == 0 and not resumed and not self.again:
                    await self._check_it_is_new(rows[:PROBED_ROWS])
                if number == journal.chunks == 0:
                    journal = replace(journal, begun_at=time.time())
                    write_journal(self.file, journal)
                answers = await self._chunk(rows, key_of(journal.digest, number), journal, late=late)
                late = False
                self._check_it_is_the_same(answers, journal)
                journal = self._noted(rows, answers, journal, result)
                self.shown.counted(len(rows), journal.accepted, journal.refused)
                handed += len(rows)
                await asyncio.sleep(max(0.0, handed / self.rate - (time.monotonic() - started)))
            journal = replace(journal, done=True)
            write_journal(self.file, journal)
        finally:
            result.close()
        return journal

    def _noted(self, rows: Rows, answers: Sequence[Json], journal: Journal, result: Result) -> Journal:
        accepted = sum(one["status"] == _ACCEPTED for one in answers)
        lines = [_line(row, answer, self.language) for (row, _), answer in zip(rows, answers, strict=True)]
        journal = replace(
            result.add(lines, journal),
            chunks=journal.chunks + 1,
            accepted=journal.accepted + accepted,
            replayed=journal.replayed + sum(bool(one.get("replayed")) for one in answers),
            refused=journal.refused + len(answers) - accepted,
            begun_at=time.time(),
        )
        write_journal(self.file, journal)
        return journal

    async def _chunk(self, rows: Rows, key: str, journal: Journal, *, late: bool) -> Sequence[Json]:
        """Answers in the order of the rows. ``late``: keys of an earlier try may be forgotten by now."""
        if not late:
            return await self._until_answered([body for _, body in rows], key)
        known = [await self._accepted_since(body, journal.begun_at) for _, body in rows]
        left = [body for (_, body), seen in zip(rows, known, strict=True) if seen is None]
        answers = iter(await self._until_answered(left, f"{key}-late") if left else [])
        return [{"status": _ACCEPTED, "id": seen, "replayed": True} if seen else next(answers) for seen in known]

    async def _until_answered(self, bodies: Sequence[Json], key: str) -> Sequence[Json]:
        """The same call again until each row is accepted or refused: what was accepted stays accepted once."""
        pause_s, faults = PAUSE_FIRST_S, 0
        while True:
            answers = await self.patiently(lambda: self.service.send_many(bodies, idempotency_key=key))
            faults += any(one["status"] >= _FAULT and one["status"] not in _AGAIN for one in answers)
            waiting = [one for one in answers if _is_passing(one) or (one["status"] == _FAULT and faults < FAULTS_MAX)]
            if not waiting:
                return answers
            await self._wait(_code(waiting[0]), pause_s)
            pause_s = min(pause_s * 2, PAUSE_MAX_S)

    async def patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call that may be made again, until the service answers. Raises NotifyProblem for a refusal."""
        pause_s = PAUSE_FIRST_S
        while True:
            try:
                answer = await call()
            except NotifyProblem as problem:
                if problem.status not in _AWAY:
                    raise
                await self._wait(problem.code, max(pause_s, problem.retry_after_s or 0.0))
                pause_s = min(pause_s * 2, PAUSE_MAX_S)
            else:
                self.shown.waits("")
                return answer

    async def _wait(self, why: str, pause_s: float) -> None:
        self.shown.waits(why)
        await asyncio.sleep(pause_s)

    async def _check_it_is_new(self, rows: Rows) -> None:
        """Refuse a file of which rows were accepted so long ago that their keys do not tell any more."""
        for row, body in rows:
            seen = await self._last(body)
            if seen and time.time() - _seconds(seen["created_at"]) > KEYS_TRUSTED_S:
                rule = (
                    f"row {row} of {self.file} was accepted on {seen['created_at']}: the file seems to have been"
                    " sent, and its journal is gone. To send it once more all the same, give --again"
                )
                raise InvalidInput([Problem("/file", "sent_before", rule)], detail=rule)

    def _check_it_is_the_same(self, answers: Sequence[Json], journal: Journal) -> None:
        """Refuse a file whose rows are known to the service as others."""
        if any(_code(one) == "idempotency_key_reused" for one in answers):
            if journal.chunks == 0:
                journal_of(self.file).unlink()  # it says how this run was called, and this run has done nothing
            rule = f"{self.file} was sent before with another kind or other columns; repeat it as it was"
            raise InvalidInput([Problem("/file", "sent_otherwise", rule)], detail=rule)

    async def _accepted_since(self, body: Json, begun_at: float) -> str | None:
        seen = await self._last(body)
        return str(seen["id"]) if seen and _seconds(seen["created_at"]) >= begun_at else None

    async def _last(self, body: Json) -> Json | None:
        """The newest notification of the row's reference and kind."""

        async def find() -> Json | None:
            found: AsyncIterator[Json] = self.service.find(reference=body["reference"], kind=body["kind"], limit=1)
            return await anext(found, None)

        return await self.patiently(find)

    async def follow(self, seconds: float) -> Counter[str]:
        """Ask after every accepted row until all are over or the time is; the result file has what was seen.

        Gives how many ended in which status, those that are not over under an empty one.
        """
        ends = time.monotonic() + seconds
        pause_s = 1.0
        while True:
            ended: Counter[str] = Counter()
            with rewritten(result_of(self.file), RESULT_HEAD) as write:
                for rows in _chunks(read_result(self.file), SWEEP_ROWS):
                    seen = await self._looked(rows)
                    write(seen)
                    ended.update(row[6] for row in seen if row[1])
            self.shown.came_to(ended.total() - ended[""], ended.total() - ended[""], ended[""])
            if not ended[""] or time.monotonic() >= ends:
                return +ended
            await asyncio.sleep(min(pause_s, max(0.0, ends - time.monotonic())))
            pause_s = min(pause_s * 1.5, SWEEP_PAUSE_MAX_S)

    async def _looked(self, rows: Sequence[list[str]]) -> list[list[str]]:
        at_once = asyncio.Semaphore(ASKED_AT_ONCE)

        async def look(row: list[str]) -> list[str]:
            if not row[1] or row[6]:
                return row
            async with at_once:
                view = await self.patiently(lambda: self.service.get(row[1]))
            over = view["terminal"] or view["status"] in ARRIVED
            return [*row[:5], view["delivered_by"] or "", view["status"] if over else ""]

        return list(await asyncio.gather(*map(look, rows)))


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    left = iter(items)
    return iter(lambda: list(islice(left, size)), [])


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _code(answer: Json) -> str:
    return str(answer.get("problem", {}).get("code", ""))


def _is_passing(answer: Json) -> bool:
    return answer["status"] in _AGAIN or _code(answer) == "idempotency_in_flight"


def _line(row: int, answer: Json, language: str) -> tuple[str, ...]:
    """A row of the result."""
    problem = answer.get("problem", {})
    why = problem.get("why", {}).get(language) or problem.get("detail") or problem.get("title") or ""
    if problem.get("invalid"):
        why = "; ".join(f"{one['pointer']}: {one['detail']}" for one in problem["invalid"])
    return (str(row), answer.get("id", ""), str(answer["status"]), str(problem.get("code", "")), why, "", "")
