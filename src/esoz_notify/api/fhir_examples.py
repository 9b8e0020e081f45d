"""Examples of FHIR resources for the published contract. All of it is made up."""

from typing import Any

from esoz_notify.api import fhir_terms as terms

_ID = "0198c0de-0000-7000-8000-0000000000aa"
_PATIENT = "Patient/0198c0de-0000-7000-8000-000000000001"
_IDENTIFIER = {"system": "https://mis.example/prescriptions", "value": "rx-2026-000001"}
_CATEGORY = [{"coding": [{"system": terms.KIND, "code": "prescription_issued"}]}]
_MADE: dict[str, Any] = {
    "resourceType": terms.REQUEST,
    "id": _ID,
    "identifier": [_IDENTIFIER],
    "status": "active",
    "statusReason": terms.concept(terms.STATUS, "accepted"),
    "category": _CATEGORY,
    "medium": [{"coding": [{"system": terms.CHANNEL, "code": "viber"}]}],
    "subject": {"reference": _PATIENT, "type": "Patient"},
    "occurrencePeriod": {"start": "2026-11-23T10:00:00.000Z", "end": "2026-12-23T10:00:00.000Z"},
    "authoredOn": "2026-11-23T10:00:00.000Z",
    "recipient": [{"reference": _PATIENT, "type": "Patient", "display": "+38000*****01"}],
}
_TRIED: dict[str, Any] = {
    "resourceType": terms.EVENT,
    "id": f"{_ID}.0",
    "basedOn": [{"reference": f"{terms.REQUEST}/{_ID}"}],
    "status": "completed",
    "medium": [{"coding": [{"system": terms.CHANNEL, "code": "viber"}]}],
    "sent": "2026-11-23T10:00:00.220Z",
    "received": "2026-11-23T10:00:03.120Z",
}


def _datum(name: str, value: str) -> dict[str, Any]:
    return {"contentReference": {"identifier": {"system": f"{terms.DATA}{name}", "value": value}}}


REQUESTS: dict[str, dict[str, Any]] = {
    terms.REQUEST: {
        "a patient of the register": {
            "resourceType": terms.REQUEST,
            "identifier": [_IDENTIFIER],
            "status": "active",
            "category": _CATEGORY,
            "subject": {"reference": _PATIENT},
            "payload": [_datum("request_number", "0000-243P-1X53-EH38"), _datum("verification_code", "1234")],
        }
    },
}
"""Examples of request bodies by the name of their shape."""

ANSWERS: dict[str, Any] = {
    terms.REQUEST: _MADE,
    terms.EVENT: _TRIED,
    "Bundle": {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": f"https://notify.example/fhir/Communication?based-on={_ID}"}],
        "entry": [
            {
                "fullUrl": f"https://notify.example/fhir/Communication/{_ID}.0",
                "resource": _TRIED,
                "search": {"mode": "match"},
            }
        ],
    },
    "OperationOutcome": {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "value",
                "details": {
                    "coding": [{"system": terms.PROBLEM, "code": "wrong_characters"}],
                    "text": "must be a number of a prescription",
                },
                "expression": [f"{terms.REQUEST}.payload[0].content.identifier.value"],
            }
        ],
    },
}
"""Examples of answers by the name of their shape."""
