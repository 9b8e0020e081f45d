"""Writes the pages that are drawn from the code's own tables; with --check, exits 1 naming those that are stale.

What belongs here: layout of the pages in PAGES, and of the example of the configuration file. What does not: any fact
of theirs, and the types of the Python client (``client_shapes``).
"""

import argparse
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args

import docs_pictures
from client_shapes import pages as client_shapes
from docs_api import reference
from docs_layout import life, mark, page, table
from docs_man import manual
from docs_providers import providers

from esoz_notify.core.cascade import TABLE, Event
from esoz_notify.core.delivery import Fact
from esoz_notify.core.kinds import KINDS, Field, Kind, PolicyColumn
from esoz_notify.core.numbers import GROUPED, NumberFormat
from esoz_notify.core.paper import COMMON_DETAILS, DATE_DETAILS, DETAIL_LENGTH_MAX, DETAILS_LENGTH_MAX, PAPER_DETAILS
from esoz_notify.core.receipts import NEGATIVE, POSITIVE, REASONS, Fault, Reason, ReceiptState
from esoz_notify.core.sms_text import count
from esoz_notify.core.status import LIVE, PROOFS, STATUSES, Outcome, Status
from esoz_notify.core.verification import ADVICE, PURPOSES, TOLD
from esoz_notify.core.windows import Act, windows
from esoz_notify.drill.alarms import ALARMS, rules
from esoz_notify.drill.dashboard import dashboard
from esoz_notify.engine.metric_table import CLOSED, METRICS, NAMED, OTHER, PROCESS_METRICS, Metric
from esoz_notify.render.decisions import BECAUSE, FACTS, RECEIPTS
from esoz_notify.render.labels import OUTCOME_LABELS, REASON_LABELS, STATUS_LABELS
from esoz_notify.render.texts import Template, builtin_texts
from esoz_notify.settings import PREFIX, Settings
from esoz_notify.settings_file import DEFAULT_FILE

ROOT = Path(__file__).parents[1]
DEPLOY = "../deploy/observability"
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
    docs = {f"docs/{name}": draw for name, draw in PAGES.items()}
    pages = {**docs, CONFIG_EXAMPLE: config_example, **client_shapes()}
    stale = [name for name, page in pages.items() if _read(ROOT / name) != page()]
    for name in stale:
        if not checking:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(pages[name](), encoding="utf-8")
        said = f"{name} is stale: run scripts/generate_docs.py" if checking else f"{name} written"
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
        "![Statuses and the ways between them](img/states.svg)",
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


def _nature(outcome: Outcome) -> str:
    if outcome in PROOFS:
        return "proof"
    return "open" if outcome in LIVE else "failure"


def _proof(state: ReceiptState) -> str:
    if state in POSITIVE:
        return "proof"
    return "failure" if state in NEGATIVE else "intermediate"


def _members(fact: type[Fact]) -> str:
    return ", ".join(f"`{field}`" for field in fact.__struct_fields__ if field != "at")


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
        f"Read once at the start: from the environment, under it from one TOML file (`--config FILE`, else "
        f"`ESOZ_NOTIFY_CONFIG`, else `{DEFAULT_FILE}` when it is there). What neither has is as in the table. A name "
        "that is not here stops the start, and so does a value that breaks its rule: every command then says which, "
        "where it stands, and which name is the nearest. `esoz-notify doctor` tells which file was read. A secret is "
        "never logged or shown.",
        "In the file the names are those of the table without their beginning and in small letters "
        f"(`port = 8080`); a list stands for its words with spaces between, a table for words NAME=VALUE, `true` for "
        f"`yes`. All of them with their defaults: [{CONFIG_EXAMPLE}](../{CONFIG_EXAMPLE}).",
        "A secret may be in a file of its own, as systemd, Kubernetes and compose hand them over: "
        + ", ".join(f"`{PREFIX}{field.name.upper()}_FILE`" for field in fields(Settings) if _has_file(field.name))
        + ", or the same in the TOML file (`dsn_file = …`). Such a file is read at the start; a line's end after the "
        "secret is left out. The environment's own text or file goes over both of the TOML file's; two in one place "
        "are refused. The keys document has its own rules: [docs/security-at-rest.md](security-at-rest.md).",
        table(("name", "default", "secret", "what"), rows),
    )


def _has_file(name: str) -> bool:
    """Whether a setting may be in a file of its own."""
    known = {field.name: field.metadata["secret"] for field in fields(Settings)}
    return known[name] and f"{name}_file" not in known


def config_example() -> str:
    """The configuration file with every setting, all of them commented out."""
    parts = [
        """\
# Settings of ESOZ Notify. Written by scripts/generate_docs.py from the code: take a copy, and the mark from the lines
# that you change. Each line has its default. docs/settings.md says how this file and the environment go together."""
    ]
    for field in fields(Settings):
        if field.name == "config":
            continue
        default = field.metadata["default"]
        number = default.isdecimal()
        lines = textwrap.wrap(field.metadata["what"], width=116, break_long_words=False, break_on_hyphens=False)
        lines += ["Secret: better in a file of its own, named by the second line."] if _has_file(field.name) else []
        lines = [f"# {line}" for line in lines] + [f"#{field.name} = {default if number else json.dumps(default)}"]
        lines += [f'#{field.name}_file = ""'] if _has_file(field.name) else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


# --- metrics ----------------------------------------------------------------------------------------------------------


def metrics() -> str:
    """Every metric and every label."""
    named = [(f"`{label}`", what) for label, what in NAMED.items()]
    closed = [
        (f"`{label}`", ", ".join(f"`{one}`" if one else "empty" for one in sorted(CLOSED[label]))) for label in CLOSED
    ]
    return page(
        "Metrics",
        "What every process tells at `/metrics` in OpenMetrics 1.0 (a worker: at `ESOZ_NOTIFY_METRICS_LISTEN`). "
        "Histograms of times carry exemplars: the id of a trace whose caller keeps it. Nothing here is about a person. "
        "What waits in the ledger is told by every process alike: take the `max` over processes, not the sum.",
        table(_METRIC_HEADINGS, map(_metric_row, (*METRICS.values(), *PROCESS_METRICS.values()))),
        "## Labels",
        f"A value that is not among these is told as `{OTHER}`: no caller and no provider can make new lines.",
        table(("label", "values"), [*closed, *named]),
    )


_METRIC_HEADINGS = ("name", "type", "unit", "labels", "told by", "what")


def _metric_row(row: Metric) -> tuple[str, ...]:
    bounds = f" Buckets: {', '.join(f'{one:g}' for one in row.bounds_s)}." if row.bounds_s else ""
    labels = ", ".join(f"`{label}`" for label in row.labels)
    return f"`{row.sample}`", row.type.value, row.unit, labels, row.told_by.value, row.what + bounds


# --- alarms -----------------------------------------------------------------------------------------------------------


def alarms() -> str:
    """The alarms as a file of rules."""
    return f"# Written by scripts/generate_docs.py from src/esoz_notify/drill/alarms.py.\n{rules()}"


def runbooks() -> str:
    """The list of alarms."""
    rows = (
        (f"[{one.name}]({one.name}.md)", one.severity.value, f"{one.uk}. {one.en}.", f"`{one.fault}`") for one in ALARMS
    )
    return page(
        "Alarms",
        "Each has a page here and a drill: `esoz-notify drill NAME` makes it ring. The rules are "
        "`deploy/observability/esoz-notify.rules.yaml`.",
        table(("alarm", "wakes", "what it says", "fault of the drill"), rows),
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


CONFIG_EXAMPLE = "deploy/config.example.toml"
PAGES: Mapping[str, Callable[[], str]] = {
    "states.md": states,
    "settings.md": settings,
    "kinds.md": kinds,
    "codes.md": codes,
    "metrics.md": metrics,
    "runbooks/README.md": runbooks,
    f"{DEPLOY}/esoz-notify.rules.yaml": alarms,
    f"{DEPLOY}/esoz-notify.dashboard.json": dashboard,
    "providers/README.md": providers,
    "man/esoz-notify.1": manual,
    "img/concepts.svg": docs_pictures.concepts,
    "img/states.svg": docs_pictures.states,
    **{f"reference/{name}": draw for name, draw in reference().items()},
}

if __name__ == "__main__":
    sys.exit(main())
