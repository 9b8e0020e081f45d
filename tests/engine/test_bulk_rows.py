"""Rows mean what a clerk meant; what is wrong is told by row, by the file's own column, and how to mend it."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from esoz_notify.core.channel import Channel
from esoz_notify.engine.bulk_file import BadFile, survey
from esoz_notify.engine.bulk_rows import Body, Reading, Row, bodies, rows
from esoz_notify.engine.bulk_trial import SAMPLES_MAX, Tally
from esoz_notify.render.bulk_faults import WORDS, Fault, told
from esoz_notify.render.texts import builtin_texts

NOW = datetime(2026, 11, 27, tzinfo=UTC)
NUMBER = "0123-4567-89AB-CEIK"
PLAIN = Reading(kind=None, names={})
PATIENT = "0198c0de-0000-7000-8000-000000000001"
PRICES = {Channel.DIIA: Decimal(0), Channel.VIBER: Decimal("0.38"), Channel.SMS: Decimal("0.45")}


def _rows(text: str, how: Reading = PLAIN) -> list[Row | list[Fault]]:
    file = io.BytesIO(text.encode())
    seen = survey(file)
    file.seek(0)
    return list(rows(file, seen, how, NOW))


def _faults(text: str, how: Reading = PLAIN) -> list[tuple[int | None, str, str]]:
    found = [one for row in _rows(text, how) if isinstance(row, list) for one in row]
    return [(one.row, one.column, one.code) for one in found]


def _bodies(text: str, how: Reading = PLAIN) -> list[Body]:
    """Of rows that are right; sending reads them again, and must read the same."""
    checked = [row.body for row in _rows(text, how) if isinstance(row, Row)]
    file = io.BytesIO(text.encode())
    seen = survey(file)
    file.seek(0)
    assert [body for _, body in bodies(file, seen, how)] == checked
    return checked


def test_a_row_as_a_clerk_writes_it() -> None:
    """Ukrainian headings, titles of kinds, phones, days and yes as people write them."""
    head = "Вид;Номер  телефону;ІПН;Мова;Номер направлення;Дійсно до;Без повідомлень;summary.service;summary.valid_to;Х"
    line = f"направлення створено;(067) 000-00-01;1234567890;UA;{NUMBER};05.12.2026;ні;МРТ;31.12.2026;будь-що"
    assert _bodies(f"{head}\n{line}\n", Reading(kind=None, names={"Х": "-"})) == [
        {
            "kind": "referral_issued",
            "recipient": {"phone": "+380670000001", "tax_id": "1234567890", "language": "uk"},
            "data": {"request_number": NUMBER},
            "summary": {"service": "МРТ", "valid_to": "2026-12-31"},
            "valid_until": "2026-12-05T21:59:59.999999+00:00",
            "notifications_off": False,
        }
    ]


def test_one_kind_for_all_and_names_of_ones_own() -> None:
    """``--kind`` is of rows that name none, ``--map`` goes before the table of names; a time is of Kyiv."""
    how = Reading(kind="referral_issued", names={"A": "patient_id", "B": "data.request_number"})
    text = f"A,B,valid_until,kind\n{PATIENT},{NUMBER},05.12.2026 18:30,\n{PATIENT},{NUMBER},,referral_recalled\n"
    first, second = _bodies(text, how)
    assert (first["kind"], first["patient_id"], first["valid_until"]) == (
        "referral_issued", PATIENT, "2026-12-05T18:30:00+02:00",
    )  # fmt: skip
    assert second["kind"] == "referral_recalled"
    line = {"recipient": {"phone": "+380000000001"}, "data": {"request_number": NUMBER}}
    assert _bodies(json.dumps(line), Reading(kind="referral_issued", names={})) == [{"kind": "referral_issued", **line}]


def test_every_fault_of_a_row_is_told() -> None:
    """Each with the column as the file calls it, and with words that say what to do; values are never repeated."""
    text = (
        "Вид;Телефон;ІПН;Мова;Номер;Дійсно до;Без повідомлень;Програма\n"
        f"виписка;3,80672E+11;12;fr;{NUMBER};2026;може;\n"
        f"confirmation_code;067 000 00 01;;;{NUMBER};;;\n"
        f"referral_issued;06700000;;;{NUMBER[:-1]};01.01.2026;;\n"
        f"referral_issued;;;;0123-4567-89AB-CEIQ;01.01.2027;;\n"
        f"referral_issued;670000001;;;;;;{'а' * 300}\n"
        f"referral_issued;067 000 00 01;;;{NUMBER};;;;зайве\n"
    )
    assert _faults(text) == [
        (2, "Вид", "kind_unknown_kind"),
        (2, "ІПН", "tax_id_format"),
        (2, "Мова", "language_enum"),
        (2, "Телефон", "phone_spreadsheet"),
        (2, "Дійсно до", "valid_until_format"),
        (2, "Без повідомлень", "flag"),
        (3, "Вид", "kind_code"),
        (4, "Номер", "wrong_length"),
        (4, "Телефон", "phone_format"),
        (4, "Дійсно до", "valid_until_past"),
        (5, "Номер", "wrong_symbol"),
        (5, "patient_id", "patient_id_one_of"),
        (5, "Дійсно до", "valid_until_too_far"),
        (6, "Номер", "missing"),
        (6, "Телефон", "phone_spreadsheet"),
        (6, "Програма", "format"),
        (7, "", "cells_many"),
    ]
    unknown = Fault(2, "Вид", "kind_unknown_kind", "referral_issued")
    assert told(unknown, "uk") == ("Такого виду сповіщень немає.", "Впишіть один із видів: Направлення створено.")
    assert told(unknown, "en") == ("There is no such kind.", "Give one of: referral_issued.")
    assert _faults('{"kind": "referral_issued", "recipient": "x", "0671234567": 1}\n{"data": {"a\\nb": "1"}}') == [
        (1, "", "unknown_field"),
        (1, "request_number", "missing"),
        (1, "recipient", "type"),
        (1, "phone", "phone_format"),
        (2, "kind", "kind_required"),
        (2, "patient_id", "patient_id_one_of"),
    ]


@pytest.mark.parametrize(
    ("head", "how", "code"),
    [
        ("kind;phone;колір", PLAIN, "column_unknown"),
        ("kind;phone;summary.x;Summary.X", PLAIN, "column_twice"),
        ("phone;request_number", PLAIN, "column_missing"),
        ("kind;request_number", PLAIN, "column_missing"),
        ("kind;phone", Reading(kind=None, names={"телефон": "phone"}), "map_unused"),
        ('{"kind": "a"}', Reading(kind=None, names={"a": "phone"}), "map_unused"),
        ("sep=;", PLAIN, "empty_file"),
    ],
)
def test_columns_that_cannot_be_meant(head: str, how: Reading, code: str) -> None:
    """The file is refused before its rows are looked at."""
    with pytest.raises(BadFile) as refused:
        _rows(f"{head}\n", how)
    assert refused.value.fault.code == code


def test_every_fault_has_words() -> None:
    """Four sentences each, that fill with what a fault carries; a code that is not in the table has general ones."""
    for code in (*WORDS, "never_heard_of"):
        fault = Fault(2, "A", code, "the-rule")
        sentences = [*told(fault, "uk"), *told(fault, "en")]
        assert all(one.endswith(".") and "{rule}" not in one for one in sentences), code
        assert sentences[0] != sentences[2]


async def test_what_sending_comes_to() -> None:
    """Counts by kind and first channel; money between all arriving by the first and all going by SMS."""
    tally = Tally(builtin_texts())
    lines: list[dict[str, Any]] = [{"recipient": {"phone": "+380000000001"}} for _ in range(3)]
    lines += [{"recipient": {"phone": "+380000000001", "tax_id": "1234567890"}}]
    lines += [{"patient_id": PATIENT} for _ in range(4 * SAMPLES_MAX)]
    text = "\n".join(json.dumps(one | {"kind": "referral_issued", "data": {"request_number": NUMBER}}) for one in lines)
    for row in _rows(text):
        assert isinstance(row, Row)
        tally.add(row)
    asked: list[Body] = []

    async def ask(body: Body) -> dict[str, Any]:
        asked.append(body)
        recipient = body.get("recipient")
        if recipient is None:
            return {"route": [["print"], ["viber", "sms"], []][len(asked) % 3]}
        assert isinstance(recipient, dict)
        return {"route": ["diia", "sms"] if "tax_id" in recipient else ["viber", "sms"]}

    found = await tally.estimate(ask, PRICES)
    assert len(asked) <= 2 + SAMPLES_MAX
    assert found.by_sample
    assert found.first[Channel.DIIA] == 1
    assert sum(found.first.values()) + found.refused == len(lines) == tally.count
    assert found.first[Channel.PRINT] > 0 < found.refused
    told_count = found.first[Channel.VIBER] + found.first[Channel.DIIA]
    assert found.least == found.first[Channel.VIBER] * PRICES[Channel.VIBER]
    assert found.most == told_count * PRICES[Channel.SMS]
