"""Summaries to draw: one of each document type as a clinic would send it, and what is hard to lay out."""

from dataclasses import replace
from datetime import UTC, datetime

from esoz_notify.core.paper import CodeFate
from esoz_notify.render.summary import Form, Paper, Summary, Variant, read_summary

FORMS = [Form(paper, variant) for paper in Paper for variant in Variant]


def form_name(form: Form) -> str:
    return f"{form.paper}-{form.variant}"


WHO = {
    "patient_name": "Ґалаґан Є. Ї.",
    "patient_age": "67",
    "doctor": "Щербак-Їжакевич О. М.",
    "doctor_phone": "+380000000012",
    "facility": "КНП «Центр первинної допомоги № 2»",
    "division": "Амбулаторія № 5",
    "facility_address": "м. Зразкове, вул. Зразкова, 9",
    "facility_phone": "+380 (00) 000-00-13",
}
DETAILS: dict[str, dict[str, str]] = {
    "prescription_issued": {
        "medication": "Амлодипін, таблетки по 5 мг",
        "dosage": "По 1 таблетці вранці щодня, запивати водою",
        "quantity": "30 таблеток",
        "programme": "Доступні ліки",
        "created_at": "2026-11-21",
        "dispense_valid_to": "2026-12-21",
    },
    "referral_issued": {
        "service": "Електрокардіографія, 12 відведень",
        "valid_to": "2027-11-21",
        "what_to_bring": "Результати попередніх обстежень.",
    },
    "device_request_issued": {"device": "Тест-смужки для глюкометра", "quantity": "50 штук"},
    "care_plan_created": {"title": "Відновлення після інсульту", "started_at": "2026-11-22", "ended_at": "2027-02-22"},
    "conclusion_issued": {"conclusion": "Тимчасова непрацездатність", "started_at": "2026-11-22"},
}
"""The five document types."""

_NUMBERS = {"prescription_issued": "0000-243P-1X53-EH38", "device_request_issued": "CEIK-OPTX-ABCE-HIKM"}


def sample(kind: str, *, code: str | None = None) -> Summary:
    """A document of a type; those that can carry a code carry one unless they are told otherwise."""
    return Summary(
        document_id="0198c0de-0000-7000-8000-000000000001",
        kind=kind,
        number=_NUMBERS.get(kind, "0123-4567-89AB-CEIK"),
        code=code,
        code_fate=CodeFate.PRINTED if code else CodeFate.NONE,
        valid_until=datetime(2026, 11, 23, 10, tzinfo=UTC),
        issued_at=datetime(2026, 11, 22, 8, 5, tzinfo=UTC),
        details=read_summary(kind, {**DETAILS.get(kind, {}), **WHO}),
    )


PRESCRIPTION = sample("prescription_issued", code="4071")
TYPES = [PRESCRIPTION, *(sample(kind) for kind in DETAILS if kind != "prescription_issued")]
LOST = replace(PRESCRIPTION, code=None, code_fate=CodeFate.BY_PHONE)
VISIT = [PRESCRIPTION, replace(sample("referral_issued"), document_id="0198c0de-0000-7000-8000-000000000002")]

SENTENCE = "Приймати по одній таблетці тричі на день після їжі, запиваючи склянкою води; ґанок, єдність, їжак. "
LONG = (SENTENCE * 5)[:400].strip()


def crowded(value: str) -> Summary:
    """As much as one page may hold, each value as long as it may be, with the widest number and the longest code."""
    names = ("medication", "dosage", "notes", "doctor", "facility", "facility_address")
    details = read_summary("prescription_issued", dict.fromkeys(names, value))
    return replace(PRESCRIPTION, number="MMMM-MMMM-MMMM-MMMM", code="40717071", details=details)


CROWDED = {"sentences": crowded(LONG), "wide": crowded("Щ" * 400), "one word": crowded("ю" * 400)}
