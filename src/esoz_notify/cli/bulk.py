"""The command ``bulk``: many notifications from a file, checked whole, tried dry, sent once whatever stops it.

What belongs here: options, the order of the steps, exit codes. What does not: checking (``bulk_checking``), sending
(``bulk_sending``), files beside the file (``bulk_journal``), pictures (``bulk_shown``).
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from esoz_notify.cli import bulk_shown, story
from esoz_notify.cli.ask import CALL_WAS_WRONG
from esoz_notify.cli.bulk_checking import Call, Checked, checked, tell_faults
from esoz_notify.cli.bulk_journal import Journal, read_journal, result_of
from esoz_notify.cli.bulk_sending import ARRIVED, Sending
from esoz_notify.cli.options import (
    LANGUAGES,
    ClientFileOption,
    ClientIdOption,
    ClientSecretOption,
    Credentials,
    JsonOption,
    UrlOption,
    among,
    check_language,
    find_credentials,
    read_pairs,
)
from esoz_notify.client import NotifyClient, NotifyProblem
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.engine.bulk_file import ENCODINGS, Survey, opened
from esoz_notify.engine.bulk_rows import KINDS_IN_BULK, Body, Reading, bodies
from esoz_notify.engine.bulk_trial import Tally
from esoz_notify.settings import Settings

Report = dict[str, Any]

RATE = 500
RATE_MAX = 10_000
FOLLOWED_S = 86_400.0
_REFUSED = 422
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}

KindOption = Annotated[
    str | None, typer.Option("--kind", autocompletion=among(KINDS_IN_BULK), help="Kind of the rows that name none.")
]
EncodingOption = Annotated[
    str | None, typer.Option("--encoding", autocompletion=among(ENCODINGS), help="utf-8 or cp1251; found by itself.")
]
SeparatorOption = Annotated[
    str | None,
    typer.Option("--separator", autocompletion=among(_SEPARATORS), help="comma, semicolon or tab; found by itself."),
]
WordsOption = Annotated[
    str,
    typer.Option("--language", "--lang", metavar="uk|en", autocompletion=among(LANGUAGES), help="Language of words."),
]


def bulk(  # noqa: PLR0913 - options of a command line
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or NDJSON, also as gz; docs/bulk.md has the form.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, and tell channels, cost and time; send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
    kind: KindOption = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="What a column is; - is not read. May be repeated."),
    ] = None,
    encoding: EncodingOption = None,
    separator: SeparatorOption = None,
    rate: Annotated[int, typer.Option("--rate", min=1, max=RATE_MAX, help="Rows a second at most.")] = RATE,
    wait: Annotated[bool, typer.Option("--wait", help="Then follow all of them to their end.")] = False,
    seconds: Annotated[float, typer.Option("--for", metavar="SECONDS", min=1, help="How long to follow.")] = FOLLOWED_S,
    again: Annotated[
        bool, typer.Option("--again", help="Send although the file seems to have been sent days ago.")
    ] = False,
    language: WordsOption = "uk",
    as_json: JsonOption = False,
    url: UrlOption = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    client: ClientFileOption = None,
) -> None:
    """Have many people informed, by a file: each row once, whatever stops it.

    However often the command is stopped and repeated. The whole file is checked first; when anything is wrong nothing
    is sent, and FILE.errors.csv tells each row, column and how to mend it. FILE.result.csv has what became of each row,
    FILE.bulk.json where a stop left off.

    Exit code 0 when all was done, 1 when rows failed (or with --wait did not arrive), 2 when the call was wrong.

    Example: esoz-notify bulk rows.csv --dry-run

    Example: esoz-notify bulk rows.csv --kind referral_issued --map "Тел. пацієнта=phone" --map "Примітки=-"

    Example: esoz-notify bulk rows.ndjson.gz --yes --rate 200 --wait --language en
    """
    names = read_pairs("map", columns or [])
    _check(kind, encoding, separator, asks=not (dry_run or yes))
    call = Call(
        file=file,
        how=Reading(kind=kind, names=names),
        encoding=encoding,
        separator=_SEPARATORS[separator] if separator else None,
        rate=rate,
        dry_run=dry_run,
        yes=yes,
        again=again,
        follow_s=seconds if wait else None,
        language=check_language(language),
        as_json=as_json,
    )
    credentials = find_credentials(url, client_id, client_secret, client)
    settings: Settings = context.obj
    with _source(file) as source:
        code, report = _work(call, credentials, settings, source)
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    raise typer.Exit(code)


def _check(kind: str | None, encoding: str | None, separator: str | None, *, asks: bool) -> None:
    problems = []
    if kind is not None and kind not in KINDS_IN_BULK:
        problems.append(Problem("/kind", "unknown_kind", f"--kind must be one of {', '.join(KINDS_IN_BULK)}"))
    if encoding is not None and encoding not in ENCODINGS:
        problems.append(Problem("/encoding", "unknown", f"--encoding must be one of {', '.join(ENCODINGS)}"))
    if separator is not None and separator not in _SEPARATORS:
        problems.append(Problem("/separator", "unknown", f"--separator must be one of {', '.join(_SEPARATORS)}"))
    if asks and not sys.stdin.isatty():
        problems.append(Problem("/yes", "nobody_to_ask", "nobody is there to be asked: give --yes, or --dry-run"))
    if problems:
        raise InvalidInput(problems, detail="; ".join(one.detail for one in problems))


def _source(file: Path) -> BinaryIO:
    try:
        return opened(file)
    except OSError as error:
        rule = f"{file} cannot be read: {error.strerror or error}"
        raise InvalidInput([Problem("/file", "unreadable", rule)], detail=rule) from None


def _work(call: Call, credentials: Credentials, settings: Settings, source: BinaryIO) -> tuple[int, Report]:
    """Check, plan, ask and send; the exit code and the report."""
    found = checked(call, source)
    report: Report = {"file": str(call.file), "rows": found.tally.count, "faults": found.fault_count, "sent": False}
    if found.seen is not None:
        report |= _read(found.seen)
    if found.fault_count:
        tell_faults(call, found)
        return (1 if found.is_whole else 2), report | {"errors_file": str(call.errors_file)}
    call.errors_file.unlink(missing_ok=True)
    run = _Run(call=call, credentials=credentials, prices=settings.prices, source=source, found=found)
    try:
        code = asyncio.run(run.work(report))
    except NotifyProblem as problem:
        call.say(story.problem(problem.document, call.language))
        return (2 if problem.status in CALL_WAS_WRONG else 1), report | {"problem": problem.document}
    except KeyboardInterrupt:
        call.say(bulk_shown.WORDS[call.language]["stopped"])
        raise
    return code, report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The second half: a file that is right, on its way to the service."""

    call: Call
    credentials: Credentials
    prices: Mapping[Channel, Decimal]
    source: BinaryIO
    found: Checked

    async def work(self, report: Report) -> int:
        """Plan, ask, send, follow; fills the report. The exit code."""
        call, words = self.call, bulk_shown.WORDS[self.call.language]
        journal, resumed = read_journal(call.file, Journal(digest=self._seen.digest, asked=self._asked()))
        login = self.credentials
        async with NotifyClient(login.base_url, login.client_id, login.client_secret) as service:
            report |= await _planned(service, self.found.tally, self.prices, call.rate)
            call.say(bulk_shown.plan(report, call.language))
            if call.dry_run:
                call.say(words["nothing"])
                return 0
            if journal.done:
                call.say(words["done_before"])
            elif call.yes or typer.confirm(words["ask"].format(count=self.found.tally.count), err=True):
                journal = await self._sent(service, journal, resumed=resumed)
            else:
                return 0
            report |= _told(journal, call)
            call.say(words["done"].format(**report))
            counts = await self._followed(service, journal) if call.follow_s is not None else {}
        if counts:
            report["ended"] = {status or "not_over": count for status, count in counts.items()}
            call.say(bulk_shown.ended(counts, call.language))
        return int(journal.refused > 0 or any(status not in ARRIVED for status in counts))

    @property
    def _seen(self) -> Survey:
        assert self.found.seen is not None, "what cannot be read is not sent"
        return self.found.seen

    def _asked(self) -> Report:
        """What the rows mean besides the file: a second run must mean the same."""
        return {
            "service": self.credentials.base_url,
            "client": self.credentials.client_id,
            "kind": self.call.how.kind,
            "map": dict(self.call.how.names),
            "encoding": self._seen.encoding,
            "separator": self._seen.separator,
        }

    async def _sent(self, service: NotifyClient, journal: Journal, *, resumed: bool) -> Journal:
        self.source.seek(0)
        with self._bar("sending", self.found.tally.count, ("accepted", "refused_rows")) as bar:
            bar.came_to(journal.accepted + journal.refused, journal.accepted, journal.refused)
            sending = Sending.of(self.call, service, bar)
            return await sending.send(bodies(self.source, self._seen, self.call.how), journal, resumed=resumed)

    async def _followed(self, service: NotifyClient, journal: Journal) -> Mapping[str, int]:
        with self._bar("following", journal.accepted, ("over", "open")) as bar:
            return await Sending.of(self.call, service, bar).follow(self.call.follow_s or 0.0)

    def _bar(self, name: str, total: int, counts: tuple[str, str]) -> bulk_shown.Bar:
        return bulk_shown.Bar(self.call.console, self.call.language, name, total, counts)


def _told(journal: Journal, call: Call) -> Report:
    return {
        "sent": True,
        "accepted": journal.accepted,
        "replayed": journal.replayed,
        "refused": journal.refused,
        "result_file": str(result_of(call.file)),
    }


def _read(seen: Survey) -> Report:
    return {
        "sha256": seen.digest,
        "bytes": seen.size_bytes,
        "form": seen.form.value,
        "encoding": seen.encoding,
        "encoding_found": seen.was_found,
        "separator": seen.separator,
    }


async def _planned(service: NotifyClient, tally: Tally, prices: Mapping[Channel, Decimal], rate: int) -> Report:
    """What sending comes to, by the routes that the service gives now."""

    async def ask(body: Body) -> Mapping[str, Any]:
        asked: dict[str, Any] = dict(body)
        try:
            return await service.route(asked.pop("kind"), asked.pop("data", {}), **asked)
        except NotifyProblem as problem:
            if problem.status != _REFUSED:
                raise
            return {"route": []}  # as a patient that nobody has stored: that row will be refused

    estimate = await tally.estimate(ask, prices)
    return {
        "kinds": dict(tally.kinds),
        "channels": {channel.value: count for channel, count in estimate.first.items()},
        "nobody": estimate.refused,
        "cost_uah": {"least": f"{estimate.least:.2f}", "most": f"{estimate.most:.2f}"},
        "by_sample": estimate.by_sample,
        "rate": rate,
        "seconds": round(tally.count / rate, 1),
    }
