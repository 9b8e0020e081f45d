"""What ``bulk`` shows on a terminal: what is wrong with a file, what sending it comes to, how it goes on.

What belongs here: tables, bars and their words. What does not: finding and sending.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from esoz_notify.console.numerals import local
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.status import Status
from esoz_notify.engine.bulk_file import Form, Survey
from esoz_notify.render.bulk_faults import Fault, told
from esoz_notify.render.decisions import channel_name
from esoz_notify.render.labels import STATUS_LABELS

Json = Mapping[str, Any]

WORDS = {
    "uk": {
        "row": "Рядок",
        "column": "Стовпець",
        "what": "Що не так",
        "mend": "Як виправити",
        "faults": "Помилок: {count}. Нічого не надіслано. Усі помилки: {file}",
        "faults_cut": " (перші {kept})",
        "read": "Файл: {form}, кодування {encoding}{found}",
        "separator": ", розділювач {separator}",
        "found": " (визначено за вмістом)",
        "rows": "Сповіщень",
        "kind": "Вид",
        "first": "Спершу каналом",
        "refused": "нікого не сповістити",
        "cost": "Вартість, грн",
        "cost_told": "від {least} (усе дійде першим каналом) до {most} (усе піде через SMS)",
        "takes": "Передавання",
        "takes_told": "{time} за {rate} рядків на секунду",
        "by_sample": "Канали пацієнтів — за вибіркою з файла",
        "nothing": "Пробний запуск: нічого не надіслано.",
        "ask": "Надіслати {count} сповіщень?",
        "checking": "перевірка",
        "sending": "надсилання",
        "following": "доставка",
        "accepted": "прийнято",
        "refused_rows": "відмов",
        "checked": "правильних",
        "faults_found": "помилок",
        "over": "завершено",
        "open": "тривають",
        "waits": "чекаємо на сервіс: {why}",
        "done": "Прийнято {accepted}, відмов {refused}. Результат: {result_file}",
        "done_before": "Цей файл уже надіслано.",
        "ended": "Чим завершилося",
        "not_over": "ще тривають",
        "stopped": "Зупинено. Повторіть ту саму команду, і вона продовжить; двічі нічого не надійде.",
    },
    "en": {
        "row": "Row",
        "column": "Column",
        "what": "What is wrong",
        "mend": "How to mend it",
        "faults": "Faults: {count}. Nothing was sent. All of them: {file}",
        "faults_cut": " (the first {kept})",
        "read": "File: {form}, encoding {encoding}{found}",
        "separator": ", separator {separator}",
        "found": " (found by its content)",
        "rows": "Notifications",
        "kind": "Kind",
        "first": "First by channel",
        "refused": "nobody can be informed",
        "cost": "Cost, UAH",
        "cost_told": "from {least} (all arrive by the first channel) to {most} (all go by SMS)",
        "takes": "Handing over",
        "takes_told": "{time} at {rate} rows a second",
        "by_sample": "Channels of patients are by a sample of the file",
        "nothing": "Dry run: nothing was sent.",
        "ask": "Send {count} notifications?",
        "checking": "checking",
        "sending": "sending",
        "following": "delivery",
        "accepted": "accepted",
        "refused_rows": "refused",
        "checked": "right",
        "faults_found": "faults",
        "over": "over",
        "open": "going on",
        "waits": "waiting for the service: {why}",
        "done": "Accepted {accepted}, refused {refused}. Result: {result_file}",
        "done_before": "This file was sent already.",
        "ended": "How they ended",
        "not_over": "still going on",
        "stopped": "Stopped. Repeat the same command and it goes on; nothing is sent twice.",
    },
}
_SEPARATORS = {"\t": "Tab"}
_MINUTE_S, _HOUR_S = 60, 3600


def faults(found: Sequence[Fault], language: str) -> RenderableType:
    """The first faults as a table."""
    words = WORDS[language]
    table = Table(box=SIMPLE_HEAD)
    for name in ("row", "column", "what", "mend"):
        table.add_column(words[name], overflow="fold")
    for fault in found:
        table.add_row("" if fault.row is None else str(fault.row), fault.column, *told(fault, language))
    return table


def plan(report: Json, language: str) -> RenderableType:
    """What sending comes to."""
    words = WORDS[language]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row(words["rows"], str(report["rows"]))
    for kind, count in report["kinds"].items():
        title = KINDS[kind].title_uk if language == "uk" else KINDS[kind].title_en
        table.add_row("", f"{title}: {count}")
    channels = [f"{channel_name(one, language)}: {count}" for one, count in report["channels"].items()]
    channels += [f"{words['refused']}: {report['nobody']}"] if report["nobody"] else []
    table.add_row(words["first"], ", ".join(channels))
    costs = {name: local(sum_told, language) for name, sum_told in report["cost_uah"].items()}
    table.add_row(words["cost"], words["cost_told"].format(**costs))
    takes = words["takes_told"].format(time=duration(report["seconds"]), rate=report["rate"])
    table.add_row(words["takes"], takes)
    if report["by_sample"]:
        table.add_row("", words["by_sample"])
    return table


def read(seen: Survey, language: str) -> str:
    """How the file is read."""
    words = WORDS[language]
    line = words["read"].format(
        form=seen.form.upper(), encoding=seen.encoding.upper(), found=words["found"] if seen.was_found else ""
    )
    if seen.form is Form.NDJSON:
        return line
    return line + words["separator"].format(separator=_SEPARATORS.get(seen.separator, seen.separator))


def ended(counts: Mapping[str, int], language: str) -> str:
    """How many ended in which status."""
    words = WORDS[language]
    named = [
        f"{STATUS_LABELS[Status(status)].words(language).label if status else words['not_over']}: {count}"
        for status, count in counts.items()
    ]
    return f"{words['ended']}: {', '.join(named)}"


def duration(seconds: float) -> str:
    """A stretch of time as h:mm:ss, or m:ss."""
    whole = int(seconds + 0.999)
    hours, minutes = whole // _HOUR_S, whole % _HOUR_S // _MINUTE_S
    return f"{hours}:{minutes:02}:{whole % _MINUTE_S:02}" if hours else f"{minutes}:{whole % _MINUTE_S:02}"


class Bar:
    """Progress with rate, the time that is left, and two counts. Context manager."""

    def __init__(self, console: Console, language: str, name: str, total: float, counts: tuple[str, str]) -> None:
        self._words = WORDS[language]
        self._names = tuple(self._words[one] for one in counts)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[counts]}"),
            TextColumn("[yellow]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(self._words[name], total=total, rate="", counts="", note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def counted(self, rows: float, accepted: int, refused: int) -> None:
        """So much more is done."""
        self._progress.update(self._task, advance=rows, counts=self._told(accepted, refused))
        speed = self._progress.tasks[0].speed
        if speed:
            self._progress.update(self._task, rate=f"{speed:.0f}/s")

    def came_to(self, done: float, accepted: int, refused: int) -> None:
        """So much of all is done."""
        self._progress.update(self._task, completed=done, counts=self._told(accepted, refused))

    def waits(self, why: str) -> None:
        """Nothing goes on for a while, or it goes on again."""
        self._progress.update(self._task, note=self._words["waits"].format(why=why) if why else "")

    def _told(self, first: int, second: int) -> str:
        return f"{self._names[0]} {first}, {self._names[1]} {second}"
