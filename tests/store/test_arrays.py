"""Arrays that are packed here are what psycopg would have sent, value by value."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from esoz_notify.store.arrays import packed

MOMENTS = st.integers(-(10**15), 10**16).map(lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.uuids(),
    "text": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    "bytea": st.binary(max_size=40),
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "timestamptz": MOMENTS,
    "interval": st.timedeltas(min_value=timedelta(days=-40_000), max_value=timedelta(days=40_000)),
    "jsonb": st.dictionaries(st.sampled_from(["why", "uk", "en"]), st.none() | st.integers(0, 9) | st.just("Код ґ'\"")),
}


class Word(StrEnum):
    """A text that is a member of an enumeration."""

    GIVEN = "given"


@pytest.mark.parametrize("kind", VALUES)
def test_arrays_come_back_as_they_were(ledger_dsn: str, kind: str) -> None:
    """Every value of every type, NULL and no rows at all included, is in the ledger what it was here."""
    statement = f"SELECT one FROM unnest(%b::{kind}[]) WITH ORDINALITY AS t(one, no) ORDER BY no"  # noqa: S608

    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @drawn(st.lists(st.none() | VALUES[kind], max_size=6))
        def comes_back(column: list[Any]) -> None:
            cursor = connection.execute(statement, packed(statement, [(one,) for one in column]))
            assert [row[0] for row in cursor.fetchall()] == column

        comes_back()


def test_what_stands_for_a_value_is_the_value(ledger_dsn: str) -> None:
    """A member of an enumeration is its text, and a time of another zone is the same moment."""
    statement = "SELECT * FROM unnest(%b::text[], %b::timestamptz[])"
    moment = datetime(2026, 11, 27, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))

    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        (row,) = connection.execute(statement, packed(statement, [(Word.GIVEN, moment)])).fetchall()

    assert row == ("given", moment)


def test_tables_and_single_arrays_are_told_apart(ledger_dsn: str) -> None:
    """Rows of each table go to its columns, and an array outside of any table is given as its values."""
    statement = """
    SELECT a.id, a.no, b.word FROM unnest(%b::uuid[], %b::int[]) AS a(id, no)
    JOIN unnest(
      %b::int[], %b::text[]) AS b(no, word) USING (no) WHERE a.id = ANY(%b::uuid[])
    """
    ids = [UUID(int=number) for number in range(3)]
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        rows = [(one, no) for no, one in enumerate(ids)]
        found = connection.execute(statement, packed(statement, rows, [(0, "zero"), (2, "two")], ids[1:])).fetchall()
        none = connection.execute(statement, packed(statement, rows, [], [])).fetchall()

    assert (found, none) == ([(ids[2], 2, "two")], [])


def test_rows_and_parameters_must_fit() -> None:
    """A value too few, a table too few, or a parameter that is no array is a mistake of the program."""
    statement = "SELECT * FROM unnest(%b::uuid[], %b::text[])"
    for given in ([[(UUID(int=1),)]], [[(UUID(int=1), "a", "b")]], []):
        with pytest.raises(ValueError, match="argument"):
            packed(statement, *given)
    with pytest.raises(AssertionError, match="every parameter"):
        packed(f"{statement} WHERE %s", [], [])
