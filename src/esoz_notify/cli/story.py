"""Notifications and routes as pictures on a terminal, from the API's own JSON.

What belongs here: tables and colours. What does not: calls (``ask``) and words (``render``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from esoz_notify.core.kyiv import KYIV
from esoz_notify.core.receipts import Reason
from esoz_notify.core.status import Outcome, Status
from esoz_notify.render.decisions import channel_name, told
from esoz_notify.render.labels import OUTCOME_LABELS, REASON_LABELS, STATUS_LABELS, Colour, Label

Json = Mapping[str, Any]

STYLES: Mapping[Colour, str] = {
    Colour.GREY: "dim",
    Colour.BLUE: "cyan",
    Colour.GREEN: "green",
    Colour.AMBER: "yellow",
    Colour.RED: "red",
}

_HEADINGS = {
    "uk": ("Спроба", "Канал", "Оператор", "Розпочато", "Результат", "Причина"),
    "en": ("Try", "Channel", "Provider", "Started", "Outcome", "Reason"),
}
_WORDS = {
    "uk": {
        "decisions": "Рішення",
        "valid": "діє до",
        "route": "Маршрут",
        "skipped": "Без каналу",
        "nobody": "Повідомити нікого не можна",
        "step": "Крок",
        "channel": "Канал",
        "window": "Скільки чекаємо на підтвердження",
        "to_the_end": "до кінця строку дії",
        "policy": "політика",
        "notes": "До відома",
        "on_paper": "Людину сповіщають на папері",
    },
    "en": {
        "decisions": "Decisions",
        "valid": "valid until",
        "route": "Route",
        "skipped": "Without",
        "nobody": "Nobody can be informed",
        "step": "Step",
        "channel": "Channel",
        "window": "Proof is waited for",
        "to_the_end": "until the validity ends",
        "policy": "policy",
        "notes": "Please note",
        "on_paper": "The person is informed on paper",
    },
}


def story(view: Json, language: str) -> RenderableType:
    """All about one notification: status, who is informed and why, attempts, decisions."""
    words = _WORDS[language]
    label = STATUS_LABELS[Status(view["status"])]
    head = Text.assemble(
        (label.words(language).label, f"bold {STYLES[label.colour]}"),
        ("  " + label.words(language).explanation, "dim"),
    )
    parts: list[RenderableType] = [head, _recipient(view, language)]
    if view["attempts"]:
        parts.append(_attempts(view, language))
    if view.get("decisions"):
        parts += [Text(words["decisions"], "bold"), _decisions(view, language)]
    title = f"{view['kind']}  {view['id']}"
    return Panel(
        Group(*parts), title=title, title_align="left", subtitle=f"{words['valid']} {_time(view['valid_until'])}"
    )


def answer(view: Json, language: str) -> RenderableType:
    """What was answered to a notification that has just been accepted."""
    label = STATUS_LABELS[Status(view["status"])]
    lines = [
        Text.assemble((label.words(language).label, f"bold {STYLES[label.colour]}"), f"  {view['id']}"),
        _recipient(view, language),
        Text(f"{_WORDS[language]['route']}: {_chain(view['route'], language)}"),
    ]
    return Group(*lines)


def route(view: Json, language: str) -> RenderableType:
    """A dry run: a sentence, then the steps and those left out with their reasons."""
    words = _WORDS[language]
    if not view["route"]:
        return Text.assemble((f"{words['nobody']}: ", "bold red"), _said(view["why"], language))
    sentence = _recipient(view, language)
    if not view["informed"]:
        return Group(sentence, Text(words["on_paper"], "bold yellow"), _notes(view, language))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in (words["step"], words["channel"], words["window"]):
        table.add_column(heading)
    for number, step in enumerate(view["steps"], start=1):
        window_s = step["window_s"]
        waiting = f"{window_s:g} s" if window_s is not None else words["to_the_end"]
        table.add_row(str(number), channel_name(step["channel"], language), waiting)
    parts: list[RenderableType] = [sentence, table]
    parts += [
        Text(f"{words['skipped']} {channel_name(one['channel'], language)}: {_said(one, language)}", "dim")
        for one in view["skipped"]
    ]
    return Group(*parts, _notes(view, language), Text(f"{words['policy']} {view['policy']}", "dim"))


def problem(document: Json, language: str) -> RenderableType:
    """A refusal, with every broken rule and the fix."""
    lines = [Text(str(document.get("detail") or document.get("title")), "bold red")]
    if isinstance(document.get("why"), dict):
        lines.append(Text(_said(document["why"], language)))
    for one in document.get("invalid", ()):
        lines.append(Text(f"  {one['pointer']}: {one['detail']}"))  # noqa: PERF401 - the lines read better so
    return Group(*lines)


def _recipient(view: Json, language: str) -> Text:
    recipient = view["recipient"]
    return Text.assemble(_said(recipient["why"], language), (f"  {recipient['phone'] or ''}".rstrip(), "bold"))


def _notes(view: Json, language: str) -> RenderableType:
    notes = view["recipient"]["notes"]
    lines = [Text(f"{_WORDS[language]['notes']}: {_said(note, language)}", "dim") for note in notes]
    return Group(*lines)


def _attempts(view: Json, language: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in _HEADINGS[language]:
        table.add_column(heading)
    for one in view["attempts"]:
        outcome = OUTCOME_LABELS[Outcome(one["outcome"])]
        reason = REASON_LABELS[Reason(one["reason"])].words(language).label if one["reason"] else ""
        table.add_row(
            str(one["no"] + 1),
            channel_name(one["channel"], language),
            Text(one["provider"]),
            _time(one["started_at"]),
            _shown(outcome, language),
            reason,
        )
    return table


def _shown(label: Label, language: str) -> Text:
    return Text(label.words(language).label, STYLES[label.colour])


def _decisions(view: Json, language: str) -> Table:
    table = Table.grid(padding=(0, 2))
    for one in view["decisions"]:
        table.add_row(Text(_time(one["at"]), "dim"), Text(told(one, language)))
    return table


def _chain(channels: list[str], language: str) -> str:
    return " → ".join(channel_name(channel, language) for channel in channels)


def _said(explanation: Json, language: str) -> str:
    return str(explanation[language])


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(KYIV):%d.%m %H:%M:%S}"
