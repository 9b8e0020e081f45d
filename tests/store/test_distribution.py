"""The day the ledger is spread over many servers: what is hot names the notification, so that one server answers it.

Statements are read by PostgreSQL's own parser. Which tables go together and what else changes: docs/postgresql.md.
"""

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pglast
import pytest
from pglast import ast
from pglast.visitors import Visitor

from esoz_notify.store import ledger, receiving, saving, webhook_log

KEYS = {
    "notification": "id",
    **dict.fromkeys(
        ("content", "delivery", "attempt", "history", "poll", "receipt_of", "crisis_notification"), "notification_id"
    ),
}
"""Tables that lie together, by the column that says where."""

HOT = (ledger, receiving, saving, webhook_log)

FAN_OUT = {
    "ledger._CLAIM": "the agenda is by time: each server gives its own due rows, in a worker of its own at the best",
    "ledger._NEXT_DUE": "the earliest of all servers: one index entry of each",
    "ledger._OLDEST_DUE": "the oldest of all servers: one index entry of each",
    "ledger._COUNT_DUE": "bounded counts of all servers are added",
    "receiving._DUE_POLLS": "polls are by provider and time: each server gives its own",
}
"""Hot statements that ask every server, with the reason why they may."""

_VERBS = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b")


def statements(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The statements that a module keeps as constants, as the parser takes them."""
    for name, value in vars(module).items():
        if isinstance(value, str) and _VERBS.match(value):
            yield f"{module.__name__.rpartition('.')[2]}.{name}", re.sub(r"%(\(\w+\))?[bs]", "$1", value)


class _Tables(Visitor):
    """Tables of one level of a statement, and the columns that its conditions compare; not those of levels below."""

    def __init__(self) -> None:
        self.tables: list[tuple[str, str]] = []
        self.compared: set[tuple[str, ...]] = set()
        super().__init__()

    def visit_RangeVar(self, _: object, node: Any) -> None:  # noqa: N802 - the library's name
        self.tables.append((node.relname, node.alias.aliasname if node.alias else node.relname))

    def visit_RangeSubselect(self, *_: object) -> object:  # noqa: N802 - the library's name
        return pglast.visitors.Skip

    def visit_SubLink(self, _: object, node: Any) -> object:  # noqa: N802 - the library's name
        self._compare(node.testexpr)
        return pglast.visitors.Skip

    def visit_WithClause(self, *_: object) -> object:  # noqa: N802 - the library's name
        return pglast.visitors.Skip

    def visit_A_Expr(self, _: object, node: Any) -> None:  # noqa: N802 - the library's name
        if node.name[0].sval == "=":
            self._compare(node.lexpr)
            self._compare(node.rexpr)

    def _compare(self, node: Any) -> None:
        compared: Any = node.args if isinstance(node, ast.RowExpr) else (node,)
        for one in compared:
            if type(one).__name__ == "ColumnRef":
                self.compared.add(tuple(part.sval for part in one.fields if hasattr(part, "sval")))


class _Levels(Visitor):
    """Every level of a statement: itself, what is WITH it, and what is in brackets."""

    def __init__(self) -> None:
        self.unkeyed: list[str] = []
        super().__init__()

    def visit_SelectStmt(self, _: object, node: Any) -> None:  # noqa: N802 - the library's name
        self._demand(node.fromClause, node.whereClause)

    def visit_UpdateStmt(self, _: object, node: Any) -> None:  # noqa: N802 - the library's name
        self._demand(node.relation, node.fromClause, node.whereClause)

    def visit_DeleteStmt(self, _: object, node: Any) -> None:  # noqa: N802 - the library's name
        self._demand(node.relation, node.usingClause, node.whereClause)

    def visit_InsertStmt(self, _: object, node: Any) -> None:  # noqa: N802 - the library's name
        key = KEYS.get(node.relation.relname)
        if key and key not in {column.name for column in node.cols or ()}:
            self.unkeyed.append(node.relation.relname)

    def _demand(self, *parts: Any) -> None:
        level = _Tables()
        for part in parts:
            if part:
                level(part)
        for table, alias in level.tables:
            key = KEYS.get(table)
            if key and not {(key,), (alias, key)} & level.compared:
                self.unkeyed.append(table)


def unkeyed(statement: str) -> list[str]:
    """Tables that a statement goes to without saying which notification's row it wants."""
    levels = _Levels()
    levels(pglast.parse_sql(statement))
    return levels.unkeyed


def test_hot_statements_name_the_notification() -> None:
    """All but those that are known to ask every server; what no longer does so is not excused."""
    found = {name: unkeyed(text) for module in HOT for name, text in statements(module)}
    assert len(found) > 25
    assert {name for name, tables in found.items() if tables} == set(FAN_OUT), found


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("SELECT FROM delivery WHERE lane = 'codes'", ["delivery"]),
        ("SELECT FROM delivery d JOIN attempt a ON a.notification_id = d.notification_id", []),
        ("SELECT FROM delivery d JOIN attempt a ON a.provider = d.lane", ["delivery", "attempt"]),
        (
            "UPDATE content SET code = NULL WHERE notification_id IN (SELECT notification_id FROM delivery)",
            ["delivery"],
        ),
        ("WITH x AS (DELETE FROM poll WHERE tries > 3) SELECT 1", ["poll"]),
        ("INSERT INTO history (seq) VALUES (1)", ["history"]),
        ("SELECT EXISTS (SELECT FROM notification WHERE id = ANY($1))", []),
        ("SELECT FROM notification n, client c WHERE c.id = n.client_id", ["notification"]),
    ],
)
def test_what_is_missing_is_seen(statement: str, tables: list[str]) -> None:
    """The check itself: a table without its key is named, at whatever level of a statement it is."""
    assert unkeyed(statement) == tables
