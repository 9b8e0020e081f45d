"""Texts in the ledger: what the database refuses whatever the program does."""

import re
from importlib import resources
from typing import Any

import psycopg
import pytest

from esoz_notify.core.wording import SEGMENTS_MAX, ViberStep

MIGRATION = "0140_pre_texts.sql"
ROW: dict[str, Any] = {
    "template": "referral_issued.uk",
    "no": 1,
    "sms": "a",
    "sms_segments": 1,
    "viber": "b",
    "diia_title": "c",
    "diia_short": "d",
    "diia_full": "e",
    "why": "shorter",
    "written_by": "olena",
    "written_at": "2026-11-27T09:00:00Z",
}
WRITE = b"""
INSERT INTO text_version
  (template, no, sms, sms_segments, viber, diia_title, diia_short, diia_full, why, written_by, written_at)
VALUES (%(template)s, %(no)s, %(sms)s, %(sms_segments)s, %(viber)s, %(diia_title)s, %(diia_short)s, %(diia_full)s,
  %(why)s, %(written_by)s, %(written_at)s)
"""
PUBLISH = (
    "INSERT INTO text_publication (template, no, written_by, published_by, published_at)"
    " VALUES ('referral_issued.uk', 1, %s, %s, now())"
)
NOTE = (
    "INSERT INTO text_viber_note (template, no, step, template_id, why, noted_by, noted_at)"
    " VALUES ('referral_issued.uk', 1, %s, %s, %s, 'olena', now())"
)


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ({"no": 0}, "text_version_no_check"),
        ({"sms_segments": 0}, "text_version_sms_segments_check"),
        ({"sms_segments": SEGMENTS_MAX + 1}, "text_version_sms_segments_check"),
        ({"sms": " "}, "text_version_says_something"),
        ({"diia_short": ""}, "text_version_says_something"),
        ({"why": " "}, "text_version_says_why"),
    ],
)
def test_versions_that_cannot_be_are_refused(ledger_dsn: str, broken: dict[str, Any], constraint: str) -> None:
    """A version says something in each channel, and why it was written."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(WRITE, {**ROW, **broken})
        assert refused.value.diag.constraint_name == constraint
        connection.execute(WRITE, ROW)


@pytest.mark.parametrize(("written_by", "published_by"), [("olena", "olena"), ("olena", " Olena "), ("ivan", "olena")])
def test_the_ledger_itself_asks_for_two(ledger_dsn: str, written_by: str, published_by: str) -> None:
    """No row says that who wrote it published it, not even one that lies about who wrote; another publishes, once."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(WRITE, ROW)
        with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.ForeignKeyViolation)):
            connection.execute(PUBLISH, [written_by, published_by])
        connection.execute(PUBLISH, ["olena", "taras"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(PUBLISH, ["olena", "ivan"])


@pytest.mark.parametrize(
    ("step", "template_id", "why"),
    [
        ("approved", None, None),
        ("submitted", "tpl-1", None),
        ("rejected", None, None),
        ("submitted", None, "x"),
        ("lost", None, None),
    ],
)
def test_notes_that_cannot_be_are_refused(ledger_dsn: str, step: str, template_id: str | None, why: str | None) -> None:
    """What is approved has its id, what is rejected a reason, and neither has what is the other's."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(WRITE, ROW)
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(NOTE, [step, template_id, why])


@pytest.mark.parametrize("table", ["text_version", "text_publication", "text_viber_note"])
@pytest.mark.parametrize("change", ["UPDATE {} SET no = no", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_said_cannot_be_rewritten(ledger_dsn: str, table: str, change: str) -> None:
    """Versions, publications and notes are append-only for everybody: a message of any day can be read again."""
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        connection.execute(WRITE, ROW)
        connection.execute(PUBLISH, ["olena", "taras"])
        connection.execute(NOTE, ["approved", "tpl-1", None])
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            connection.execute(change.format(table).encode())


def test_steps_of_core_and_ledger_are_the_same() -> None:
    """A step that only one side knows would be refused in production."""
    text = (resources.files("esoz_notify.store") / "migrations_sql" / MIGRATION).read_text()
    (found,) = re.findall(r"CHECK \(step IN \(([^)]+)\)", text)
    assert set(re.findall(r"'(\w+)'", found)) == {one.value for one in ViberStep}
