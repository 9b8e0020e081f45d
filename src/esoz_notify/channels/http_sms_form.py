"""The description of an SMS gateway that is reached by HTTP: its fields, their rules, and reading them.

What belongs here: from a table of a file to a checked value. What does not: what is done by it (``http_sms``). Nothing
of a description is ever run: it holds texts with places in them, paths of members, and tables of words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esoz_notify.core.errors import ConfigError
from esoz_notify.core.receipts import NEGATIVE, Reason, ReceiptState

FORMATS = ("json", "form", "query")
RESULTS = ("accepted", "refused", "later", "unknown")
PLACES = ("phone", "text", "key", "validity_s")
"""What a call that sends may hold in braces."""
POLL_PLACES = ("id",)

_PLACE = re.compile(r"\{([a-z_]+)\}")
_DEPTH_MAX = 8
VALIDITY_MAX_S = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """One call. ``fields``: a tree of texts for JSON, texts alone for a form or a query."""

    method: str
    path: str
    format: str = "json"
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRule:
    """What an answer means that has one of ``statuses`` (any, if empty) and, at ``member``, one of ``words``."""

    result: str
    reason: Reason = Reason.UNKNOWN
    statuses: frozenset[int] = frozenset()
    member: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportForm:
    """Where reports stand: ``rows`` leads to a list of them, or the whole is one; ``id`` and ``status`` in each."""

    format: str = "json"
    rows: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSmsAccount:
    """One account at one gateway. ``repeat_known``: it knows a repeat by our key, so the same call cannot double.

    ``id``: where an answer has the message's id. ``states``: by its words in small letters. ``report``: of its
    callbacks; ``poll`` and ``polled``: the call that asks, and what it answers; None where it has none.
    """

    name: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    send: CallForm
    id: tuple[str, ...]
    answers: tuple[AnswerRule, ...] = ()
    states: Mapping[str, tuple[ReceiptState, Reason | None]] = field(default_factory=dict)
    report: ReportForm | None = None
    poll: CallForm | None = None
    polled: ReportForm | None = None
    poll_after_s: tuple[float, ...] = ()
    repeat_known: bool = False
    unicode: bool = True
    validity_min_s: float = 0.0
    validity_max_s: float = 0.0


def read_account(name: str, table: Mapping[str, Any]) -> HttpSmsAccount:
    """The account that a table describes. Raises ConfigError naming the provider and every field that is wrong."""
    faults: list[str] = []
    top = _Reader(table, "", faults)
    headers = top.texts("headers", places=("key",), printable=True)
    send = top.call("send", PLACES)
    rules = tuple(_rule(one) for one in top.tables("answer"))
    states = _states(top)
    report, poll = top.sub("report"), top.sub("poll")
    account = HttpSmsAccount(
        name=name,
        headers=headers,
        send=send,
        id=top.path("id", needed=True),
        answers=rules,
        states=states,
        report=None if report is None else _report(report),
        poll_after_s=() if poll is None else poll.times("after_s"),
        polled=None if poll is None else _polled(poll),
        poll=None if poll is None else poll.rest_as_call(POLL_PLACES),
        repeat_known=top.flag("repeat_known", default=False),
        unicode=top.flag("unicode", default=True),
        validity_min_s=top.number("validity_min_s"),
        validity_max_s=top.number("validity_max_s"),
    )
    top.end()
    faults += _relations(account)
    if faults:
        raise ConfigError(f"provider {name}: " + "; ".join(faults))
    return account


def _relations(account: HttpSmsAccount) -> Iterator[str]:
    """What holds between the fields."""
    named = set(places_of(account.send.fields)) | set(places_of(account.send.path))
    if not {"phone", "text"} <= named:
        yield "send: {phone} and {text} must stand somewhere in fields or path"
    known = "key" in named | {place for value in account.headers.values() for place in places_of(value)}
    if account.repeat_known and not known:
        yield "repeat_known: true needs {key} in send or in headers"
    if ("validity_s" in named) is not bool(account.validity_max_s):
        yield "validity_max_s: must be given exactly if {validity_s} stands in send"
    if account.validity_min_s > account.validity_max_s:
        yield "validity_min_s: must not be more than validity_max_s"
    if account.poll is not None and "id" not in {*places_of(account.poll.fields), *places_of(account.poll.path)}:
        yield "poll: {id} must stand somewhere in fields or path"
    if (account.report or account.poll) and not account.states:
        yield "states: is needed to read reports"


def places_of(value: object) -> list[str]:
    """The places that stand in a tree of texts."""
    if isinstance(value, str):
        return _PLACE.findall(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [place for one in inner for place in places_of(one)]


def put(text: str, values: Mapping[str, str]) -> str:
    """A text with its places filled, in one pass: what is put in is never read for places."""
    return _PLACE.sub(lambda found: values[found[1]], text)


def _rule(table: "_Reader") -> AnswerRule:
    result, reason = table.text("result", RESULTS), table.text("reason", tuple(Reason), needed=False)
    rule = AnswerRule(
        result=result,
        reason=Reason(reason) if reason else Reason.UNKNOWN,
        statuses=frozenset(int(one) for one in table.words("status") if one.isdecimal()),
        member=table.path("member"),
        words=table.words("is"),
    )
    if not rule.statuses and not rule.member:
        table.fault("status", "needs a number or a list of them, or else member")
    if bool(rule.member) is not bool(rule.words):
        table.fault("is", "needs the words at member, and member where they are")
    if bool(reason) is not (result in {"refused", "later"}):
        table.fault("reason", "is needed for refused and later, and for no other")
    table.end()
    return rule


def _states(top: "_Reader") -> Mapping[str, tuple[ReceiptState, Reason | None]]:
    found: dict[str, tuple[ReceiptState, Reason | None]] = {}
    for word, value in top.texts("states").items():
        said, _, reason = value.partition(" ")
        state = ReceiptState.__members__.get(said.upper())
        is_bad = state in NEGATIVE
        if state is None or bool(reason) is not is_bad or (reason and reason not in set(Reason)):
            rule = "must be accepted, submitted, delivered or seen, or expired, undeliverable or rejected and a reason"
            top.fault(f"states.{word}", f'{rule}, as "undeliverable absent"')
        else:
            found[word.lower()] = (state, Reason(reason) if reason else None)
    return found


def _report(table: "_Reader") -> ReportForm:
    form = ReportForm(
        format=table.text("format", ("json", "form"), needed=False) or "json",
        rows=table.path("rows"),
        id=table.path("id", needed=True),
        status=table.path("status", needed=True),
    )
    table.end()
    return form


def _polled(table: "_Reader") -> ReportForm:
    """What the answer to a poll holds; the rest of its table is the call."""
    return ReportForm(status=table.path("status", needed=True))


class _Reader:
    """Takes fields out of one table; what breaks a rule is added to ``faults`` under its full name."""

    def __init__(self, table: Mapping[str, Any], within: str, faults: list[str]) -> None:
        self._table = dict(table)
        self._within = within
        self._faults = faults

    def fault(self, name: str, rule: str) -> None:
        self._faults.append(f"{self._within}{name}: {rule}")

    def end(self) -> None:
        """Nothing may be left."""
        for name in self._table:
            self.fault(name, "is no field here")

    def text(self, name: str, among: Sequence[str] = (), *, needed: bool = True) -> str:
        value = self._table.pop(name, "")
        if not isinstance(value, str) or (needed and not value) or (value and among and value not in among):
            self.fault(name, f"must be {'one of ' + ', '.join(among) if among else 'a text'}")
            return among[0] if among else ""
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._table.pop(name, default)
        if not isinstance(value, bool):
            self.fault(name, "must be true or false")
        return value is True

    def number(self, name: str) -> float:
        value = self._table.pop(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= VALIDITY_MAX_S:
            self.fault(name, f"must be seconds, 0 to {VALIDITY_MAX_S}")
            return 0.0
        return float(value)

    def times(self, name: str) -> tuple[float, ...]:
        value = self._table.pop(name, None)
        if not isinstance(value, list) or not value or not all(type(one) in {int, float} and one >= 1 for one in value):
            self.fault(name, "must be a list of seconds from 1 up, as [15, 60, 300]")
            return (1.0,)
        return tuple(float(one) for one in value)

    def words(self, name: str) -> frozenset[str]:
        """One word or number, or a list of them, as texts in small letters."""
        value = self._table.pop(name, [])
        several = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str | int) for one in several):
            self.fault(name, "must be a text or a number, or a list of them")
            return frozenset()
        return frozenset(said(one) for one in several)

    def path(self, name: str, *, needed: bool = False) -> tuple[str, ...]:
        """Names of members and numbers of elements with dots between."""
        value = self._table.pop(name, "")
        if not isinstance(value, str) or (needed and not value) or (value and not all(value.split("."))):
            self.fault(name, "must be names of members with dots between, as messages.0.id")
            return ()
        return tuple(value.split(".")) if value else ()

    def texts(self, name: str, places: Sequence[str] = (), *, printable: bool = False) -> dict[str, str]:
        value = self._table.pop(name, {})
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            self.fault(name, "must be a table of texts")
            return {}
        if printable and not all(f"{key}{one}".isascii() and f"{key}{one}".isprintable() for key, one in value.items()):
            self.fault(name, "must be printable ASCII")
        if printable:
            self._check_places(name, value, places)
        return value

    def tables(self, name: str) -> list["_Reader"]:
        value = self._table.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.fault(name, f"must be tables [[provider.{name}]]")
            return []
        return [_Reader(one, f"{name} {no}: ", self._faults) for no, one in enumerate(value, start=1)]

    def sub(self, name: str) -> "_Reader | None":
        value = self._table.pop(name, None)
        if value is not None and not isinstance(value, dict):
            self.fault(name, f"must be a table [provider.{name}]")
        return _Reader(value, f"{name}.", self._faults) if isinstance(value, dict) else None

    def call(self, name: str, places: Sequence[str]) -> CallForm:
        found = self.sub(name)
        if found is None:
            self.fault(name, f"is missing: a table [provider.{name}]")
            return CallForm(method="POST", path="/")
        return found.rest_as_call(places)

    def rest_as_call(self, places: Sequence[str]) -> CallForm:
        """What is left of the table, as a call."""
        method, path = self.text("method", ("POST", "GET", "PUT")), self.text("path")
        form = self.text("format", FORMATS, needed=False) or ("query" if method == "GET" else "json")
        fields = self._table.pop("fields", {})
        self.end()
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or set(" ?#") & set(path):
            self.fault("path", "must begin with / and be printable ASCII without spaces, ? and #")
        if not isinstance(fields, dict) or not _is_tree(fields, flat=form != "json"):
            rule = "a table of texts, numbers, lists and tables" if form == "json" else "a table of texts"
            self.fault("fields", f"must be {rule} at most {_DEPTH_MAX} deep")
            fields = {}
        if form != "query" and method == "GET":
            self.fault("format", "must be query where the method is GET")
        self._check_places("fields", fields, places)
        self._check_places("path", path, places)
        return CallForm(method=method, path=path, format=form, fields=fields)

    def _check_places(self, name: str, value: object, places: Sequence[str]) -> None:
        for place in sorted(set(places_of(value)) - set(places)):
            self.fault(name, f"{{{place}}} is no place; there are {', '.join(f'{{{one}}}' for one in places)}")


def said(value: object) -> str:
    """A word or a number of a provider, as words of descriptions are compared."""
    return str(value).lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _is_tree(value: object, *, flat: bool, depth: int = 0) -> bool:
    if isinstance(value, str) or (not flat and isinstance(value, bool | int | float)):
        return True
    if depth == _DEPTH_MAX or (flat and depth):
        return False
    inner = list(value.values()) if isinstance(value, dict) else value
    return isinstance(inner, list) and all(_is_tree(one, flat=flat, depth=depth + 1) for one in inner)
