"""Texts of messages in the ledger: what was written, what was published, and what was noted of Viber's moderation.

What belongs here: its SQL. What does not: who may publish and what is in force (``core.wording``, ``render.wording``).
People write a few of these a month, so what is published is read whole.
"""

from collections.abc import Sequence
from typing import Any

from esoz_notify.core.crisis import Signature
from esoz_notify.core.wording import Version, ViberNote, ViberStep, Words
from esoz_notify.store.ledger import Connection

_LOCK_ID = 7_234_140
_COLUMNS = (
    "v.template, v.no, v.sms, v.sms_segments, v.viber, v.diia_title, v.diia_short, v.diia_full, v.why, v.written_by,"
    " v.written_at, p.published_by, p.published_at"
)
_FROM = "text_version v LEFT JOIN text_publication p ON p.template = v.template AND p.no = v.no"
_NOTE = "template, no, step, template_id, why, noted_by, noted_at"


async def one_writer(connection: Connection) -> None:
    """Wait until no other transaction writes, publishes or notes: numbers are then in the order of commits."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])


async def news(connection: Connection) -> tuple[int, int]:
    """Numbers that grow with every publication and every note."""
    cursor = await connection.execute(
        "SELECT (SELECT coalesce(max(seq), 0) FROM text_publication),"
        " (SELECT coalesce(max(seq), 0) FROM text_viber_note)"
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def in_use(connection: Connection) -> list[Version]:
    """Every version that was published, or of which something was noted."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE p.no IS NOT NULL"
        " OR EXISTS (SELECT FROM text_viber_note n WHERE n.template = v.template AND n.no = v.no)"
        " ORDER BY v.template, v.no"
    )
    return [_version(row) for row in await cursor.fetchall()]


async def notes(connection: Connection) -> list[ViberNote]:
    """Everything that was noted, in that order."""
    cursor = await connection.execute(f"SELECT {_NOTE} FROM text_viber_note ORDER BY seq")
    return [_note(row) for row in await cursor.fetchall()]


async def newest(connection: Connection, templates: Sequence[str]) -> list[Version]:
    """The newest version of each of these templates that has one."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM unnest(%s::text[]) AS wanted (template) CROSS JOIN LATERAL"
        " (SELECT max(no) AS no FROM text_version t WHERE t.template = wanted.template) AS last"
        " JOIN text_version v ON v.template = wanted.template AND v.no = last.no"
        " LEFT JOIN text_publication p ON p.template = v.template AND p.no = v.no",
        [list(templates)],
    )
    return [_version(row) for row in await cursor.fetchall()]


async def history(connection: Connection, template: str, count_max: int) -> list[Version]:
    """The last versions of a template, the newest first."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE v.template = %s ORDER BY v.no DESC LIMIT %s", [template, count_max]
    )
    return [_version(row) for row in await cursor.fetchall()]


async def version(connection: Connection, template: str, no: int) -> Version | None:
    """One version."""
    cursor = await connection.execute(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE v.template = %s AND v.no = %s", [template, no]
    )
    row = await cursor.fetchone()
    return _version(row) if row else None


async def write(connection: Connection, one: Version) -> None:
    """Record a version."""
    words = one.words
    await connection.execute(
        "INSERT INTO text_version (template, no, sms, sms_segments, viber, diia_title, diia_short, diia_full, why,"
        " written_by, written_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [one.template, one.no, words.sms, words.sms_segments, words.viber, words.diia_title, words.diia_short,
         words.diia_full, one.why, one.written.by, one.written.at],
    )  # fmt: skip


async def publish(connection: Connection, one: Version) -> None:
    """Record the publication of a version."""
    assert one.published is not None
    await connection.execute(
        "INSERT INTO text_publication (template, no, written_by, published_by, published_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        [one.template, one.no, one.written.by, one.published.by, one.published.at],
    )


async def note(connection: Connection, one: ViberNote) -> None:
    """Record a step of a Viber body."""
    await connection.execute(
        "INSERT INTO text_viber_note (template, no, step, template_id, why, noted_by, noted_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [one.template, one.no, one.step.value, one.template_id, one.why, one.noted.by, one.noted.at],
    )


def _version(row: tuple[Any, ...]) -> Version:
    return Version(
        template=row[0],
        no=row[1],
        words=Words(
            sms=row[2], sms_segments=row[3], viber=row[4], diia_title=row[5], diia_short=row[6], diia_full=row[7]
        ),
        why=row[8],
        written=Signature(row[9], row[10]),
        published=Signature(row[11], row[12]) if row[11] is not None else None,
    )


def _note(row: tuple[Any, ...]) -> ViberNote:
    return ViberNote(
        template=row[0],
        no=row[1],
        step=ViberStep(row[2]),
        template_id=row[3],
        why=row[4],
        noted=Signature(row[5], row[6]),
    )
