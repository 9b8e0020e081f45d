"""Writes the pages that are drawn from the code's own tables; with --check, exits 1 naming those that are stale.

What belongs here: layout of the pages in PAGES. What does not: any fact of theirs.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

from docs_layout import DOCS, life, mark, page, table
from docs_providers import providers

from esoz_notify.core.cascade import TABLE, Event
from esoz_notify.core.delivery import Fact
from esoz_notify.core.kinds import KINDS, Field, Kind, PolicyColumn
from esoz_notify.core.numbers import GROUPED, NumberFormat
from esoz_notify.core.paper import COMMON_DETAILS, DATE_DETAILS, DETAIL_LENGTH_MAX, DETAILS_LENGTH_MAX, PAPER_DETAILS
from esoz_notify.core.receipts import NEGATIVE, POSITIVE, REASONS, Fault, Reason, ReceiptState
from esoz_notify.core.sms_text import count
from esoz_notify.core.status import LIVE, PROOFS, STATUSES, Outcome, Status, is_terminal
from esoz_notify.core.verification import ADVICE, PURPOSES, TOLD
from esoz_notify.core.windows import Act, windows
from esoz_notify.render.decisions import BECAUSE, FACTS, RECEIPTS
from esoz_notify.render.labels import OUTCOME_LABELS, REASON_LABELS, STATUS_LABELS
from esoz_notify.render.texts import Template, builtin_texts
from esoz_notify.settings import PREFIX, Settings

LONGEST: Mapping[NumberFormat, str] = {
    NumberFormat.PRESCRIPTION: "0000-243P-1X53-EH38",
    NumberFormat.REQUISITION: "0123-4567-89AB-CEIK",
    NumberFormat.DECLARATION: "0000-AEHK-MPTX",
    NumberFormat.DEVICE_REQUEST: "AX64-654T-X654-AX65",
    NumberFormat.CODE: "48210000",
    NumberFormat.DATE: "22.11.2026",
}
"""A value of each format, as long as it can be."""

ACTS: Mapping[Act, str] = {
    Act.SEND: "a code sent, or sent again",
    Act.WRONG: "a code told wrongly, at any verification",
    Act.IN_VAIN: "a code asked for that can reach nobody",
    Act.TEXT: "the same text sent by `POST /sms/send`",
}
FORMATS: Mapping[NumberFormat, str] = {
    NumberFormat.CODE: "4 to 8 digits, kept as they are",
    NumberFormat.DATE: "`YYYY-MM-DD`, an existing day",
}
FAULTS: Mapping[Fault, str] = {
    Fault.PERSON: "the person or the number: no provider of the channel will do better, so the next channel starts",
    Fault.PROVIDER: "this provider: another of the channel is tried at once",
    Fault.MESSAGE: "what was sent: another provider is asked once, and a person of ours must look",
    Fault.TIME: "the moment: worth another try later",
}


def main() -> int:
    """Write or check every page; 1 when a checked one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    checking = parser.parse_args().check
    stale = [name for name, draw in PAGES.items() if _read(DOCS / name) != draw()]
    for name in stale:
        if not checking:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        said = f"docs/{name} is stale: run scripts/generate_docs.py" if checking else f"docs/{name} written"
        sys.stdout.write(f"{said}\n")
    return 1 if checking and stale else 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


# --- states -----------------------------------------------------------------------------------------------------------


def states() -> str:
    """Statuses, outcomes, transitions, reasons, and the facts of the history."""
    return page(
        "States of a notification",
        "What each word means that the API, the console and the ledger use, and how one status becomes another. "
        "Everything here is a table in `core/`.",
        "## Statuses",
        table(
            ("status", "Ukrainian", "terminal", "print offered", "resend", "who moves it in and out"),
            ((f"`{one}`", STATUS_LABELS[one].uk.label, *map(mark, _row_of(one)), STATUSES[one].what) for one in Status),
        ),
        "## From status to status",
        _diagram(),
        "The same as a table; what is not in it is refused and changes nothing.",
        table(
            ("in status", "happens", "leads to"),
            (
                (f"`{status}`", event.__name__, ", ".join(f"`{one}`" for one in Status if one in row.leads_to))
                for (status, event), row in TABLE.items()
            ),
        ),
        table(("event", "what it is"), ((event.__name__, _first_line(event)) for event in get_args(Event))),
        "## Outcomes of an attempt",
        table(
            ("outcome", "Ukrainian", "is", "meaning"),
            (
                (f"`{one}`", OUTCOME_LABELS[one].uk.label, _nature(one), OUTCOME_LABELS[one].en.explanation)
                for one in Outcome
            ),
        ),
        "## Receipts",
        "Receipts about one part merge by rank: the higher word stays, in whatever order they come.",
        table(
            ("rank", "receipt", "Ukrainian", "is"),
            ((str(one.value), f"`{one.name.lower()}`", RECEIPTS[one][0], _proof(one)) for one in ReceiptState),
        ),
        "## Reasons",
        table(
            ("reason", "Ukrainian", "whose fault", "alarm", "meaning"),
            (
                (
                    f"`{one}`",
                    REASON_LABELS[one].uk.label,
                    REASONS[one].fault.value,
                    mark(REASONS[one].alarm),
                    REASON_LABELS[one].en.explanation,
                )
                for one in Reason
            ),
        ),
        table(("whose fault", "what follows"), ((fault.value, FAULTS[fault]) for fault in Fault)),
        "## Facts of the history",
        "The history of a notification is its facts in order; replaying them gives its state.",
        table(
            ("fact", "holds", "what happened", "shown as"),
            ((f"`{one.__name__}`", _members(one), _first_line(one), FACTS[one.__name__][0]) for one in get_args(Fact)),
        ),
        "A fact that was decided says why:",
        table(("because", "Ukrainian", "English"), ((f"`{one}`", *words) for one, words in BECAUSE.items())),
    )


def _row_of(status: Status) -> tuple[bool, bool, bool]:
    meaning = STATUSES[status]
    return meaning.terminal, meaning.offers_print, meaning.may_resend


def _diagram() -> str:
    edges: dict[tuple[Status, Status], list[str]] = {}
    for (status, event), row in TABLE.items():
        for target in Status:
            if target in row.leads_to and target is not status:
                edges.setdefault((status, target), []).append(event.__name__)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> accepted", "    [*] --> print_required"]
    lines += [f"    {start} --> {end}: {', '.join(events)}" for (start, end), events in edges.items()]
    lines += [f"    {status} --> [*]" for status in Status if is_terminal(status)]
    return "\n".join([*lines, "```"])


def _nature(outcome: Outcome) -> str:
    if outcome in PROOFS:
        return "proof"
    return "open" if outcome in LIVE else "failure"


def _proof(state: ReceiptState) -> str:
    if state in POSITIVE:
        return "proof"
    return "failure" if state in NEGATIVE else "intermediate"


def _members(fact: type[Fact]) -> str:
    return ", ".join(f"`{field.name}`" for field in fields(fact) if field.name != "at")


def _first_line(thing: type) -> str:
    return re.split(r"\n\s*\n", inspect.getdoc(thing) or "")[0].replace("\n", " ").replace("``", "`")


# --- settings ---------------------------------------------------------------------------------------------------------


def settings() -> str:
    """Every setting by its name in the environment."""
    rows = (
        (
            f"`{PREFIX}{field.name.upper()}`",
            f"`{field.metadata['default']}`" if field.metadata["default"] else "empty",
            mark(field.metadata["secret"]),
            field.metadata["what"],
        )
        for field in fields(Settings)
    )
    return page(
        "Settings",
        "Read once at the start, from the environment alone. A name that begins so and is not here stops the start, "
        "and so does a value that breaks its rule: every command then says which. A secret is never logged or shown.",
        table(("name", "default", "secret", "what"), rows),
    )


# --- kinds ------------------------------------------------------------------------------------------------------------


def kinds() -> str:
    """Kinds of notification, their data and their SMS."""
    parts: list[str] = []
    for kind in KINDS.values():
        parts += [f"## {kind.name}", _about(kind), table(_FIELD_HEADINGS, map(_field_row, kind.fields))]
        parts += [table(("text", "SMS", "parts at most"), map(_text_row, _texts_of(kind)))]
    columns = ", ".join(f"`{column}`" for column in PolicyColumn)
    return page(
        "Kinds of notification",
        f"A kind says which data a caller gives, how long the message is worth delivering, and which column of the "
        f"routing policy it follows ({columns}; `esoz-notify policy show` has the routes). Viber and Diia say the same "
        f"in more words: `render/texts.toml`.",
        table(
            ("kind", "Ukrainian", "English", "lane", "policy column", "validity", "on paper"),
            (
                (
                    f"[{kind.name}](#{kind.name})",
                    kind.title_uk,
                    kind.title_en,
                    kind.lane.value,
                    kind.column.value,
                    life(kind.validity_s),
                    life(kind.paper_validity_s),
                )
                for kind in KINDS.values()
            ),
        ),
        "## Details of the printed summary",
        f"What `summary` must have whenever it is given, and what it may have. On any page: {_named(COMMON_DETAILS)}. "
        f"Each is one line of at most {DETAIL_LENGTH_MAX} characters, all together at most {DETAILS_LENGTH_MAX}; "
        f"{_named(sorted(DATE_DETAILS))} are days (`YYYY-MM-DD`, or a time with its zone).",
        table(
            ("kind", "must have", "may have"),
            ((f"`{kind}`", _named(row.must), _named(row.may)) for kind, row in PAPER_DETAILS.items()),
        ),
        *parts,
    )


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_FIELD_HEADINGS = ("datum", "needed", "also known as", "rule")


def _about(kind: Kind) -> str:
    said = f"{kind.title_uk} ({kind.title_en}); worth delivering for {life(kind.validity_s)} unless the caller says."
    return f"{said} It may carry a code, which is erased when its validity is over." if kind.carries_code else said


def _field_row(field: Field) -> tuple[str, ...]:
    aliases = ", ".join(f"`{alias}`" for alias in field.aliases)
    return f"`{field.name}`", "yes" if field.required else "no", aliases, _rule(field)


def _rule(field: Field) -> str:
    if field.format is None:
        return f"text of at most {field.length_max} characters, one line"
    if field.format in FORMATS:
        return FORMATS[field.format]
    symbols = GROUPED[field.format]
    return f"{symbols.length} of `{symbols.alphabet}` in groups of four, such as `{LONGEST[field.format]}`"


def _texts_of(kind: Kind) -> list[Template]:
    found = builtin_texts().templates
    return [template for name, template in found.items() if name.split(".")[0] == kind.name]


def _text_row(template: Template) -> tuple[str, ...]:
    longest = {
        field.name: LONGEST[field.format] if field.format else "Щ" * field.length_max for field in template.fields
    }
    name = template.name.partition(".")[2]
    return f"`{name}`", template.sms, str(count(template.sms.format_map(longest)).segment_count)


# --- codes ------------------------------------------------------------------------------------------------------------


def codes() -> str:
    """Purposes of one-time codes, what a check comes to, and how often codes may be sent."""
    return page(
        "Tables of one-time codes",
        "What [docs/verifications.md](verifications.md) speaks of, drawn from `core/verification.py` and "
        "`core/windows.py`.",
        "## Purposes",
        table(
            ("purpose", "confirms", "the message says", "in English", "digits", "life", "attempts"),
            (
                (
                    f"`{row.name}`",
                    f"`{party}`",
                    words.uk,
                    words.en,
                    str(row.code_length),
                    life(row.life_s),
                    str(row.attempts_max),
                )
                for row in PURPOSES.values()
                for party, words in row.words.items()
            ),
        ),
        "## What a check is refused with",
        table(("code", "English", "Ukrainian"), ((f"`{row.code}`", row.en, row.uk) for row in TOLD.values())),
        "## What to do",
        table(("advice", "English", "Ukrainian"), ((f"`{row.code}`", row.en, row.uk) for row in ADVICE.values())),
        "## How often",
        "Sliding windows: at most so many acts within any stretch of that length. The numbers of a caller follow "
        "`ESOZ_NOTIFY_CODES_PER_CALLER`.",
        table(
            ("act", "for each", "at most", "within"),
            ((ACTS[one.act], one.whose.value, str(one.count_max), life(one.window_s)) for one in windows()),
        ),
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "states.md": states,
    "settings.md": settings,
    "kinds.md": kinds,
    "codes.md": codes,
    "providers/README.md": providers,
}

if __name__ == "__main__":
    sys.exit(main())
