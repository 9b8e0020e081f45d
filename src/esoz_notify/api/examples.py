"""Examples of bodies and answers for the published contract. All of it is made up; tests hold them against the shapes.

What does not belong here: examples of the command line (docs).
"""

from typing import Any

from esoz_notify.api import codes_examples as codes
from esoz_notify.api import compat_examples as compat
from esoz_notify.api import crisis_examples as crisis
from esoz_notify.api import fhir_examples as fhir
from esoz_notify.api import webhooks_examples as webhooks

_ID = "0198c0de-0000-7000-8000-0000000000aa"
_PATIENT_ID = "0198c0de-0000-7000-8000-000000000001"
_TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.the-token-itself"  # noqa: S105 - an example of a token's looks
_SECRET = "esoz_sk_the-secret-itself"  # noqa: S105 - an example of a secret's looks

_REQUEST: dict[str, Any] = {
    "kind": "prescription_issued",
    "patient_id": _PATIENT_ID,
    "data": {"request_number": "0000-243P-1X53-EH38", "verification_code": "1234"},
    "summary": {"medication": "Амоксицилін 500 мг, капсули", "dosage": "по 1 капсулі тричі на день, 7 днів"},
    "reference": "rx-2026-000001",
    "valid_until": "2026-12-31T10:00:00Z",
}
_INLINE: dict[str, Any] = {
    "kind": "confirmation_code",
    "recipient": {"phone": "+380000000001"},
    "data": {"verification_code": "1234"},
}
_ACCEPTED: dict[str, Any] = {
    "id": _ID,
    "status": "accepted",
    "kind": "prescription_issued",
    "recipient": {
        "method": "OTP",
        "relation": "self",
        "phone": "+38000*****01",
        "method_id": "5b0c7a52-6a0c-5d0e-9f5e-0c7b1a4e2d11",
        "why": {
            "code": "own_phone",
            "uk": "Пацієнта повідомляємо на його власний номер.",
            "en": "The patient is informed on their own phone.",
        },
        "notes": [],
    },
    "route": ["viber", "sms"],
    "skipped": [
        {
            "channel": "diia",
            "code": "diia_without_tax_id",
            "uk": "Дія знаходить людину за податковим номером, а він невідомий.",
            "en": "Diia finds people by tax number, and this person's is not known.",
        }
    ],
    "policy": "2025-09-10",
    "reference": "rx-2026-000001",
    "valid_until": "2026-12-31T10:00:00.000Z",
    "print_required": False,
    "crisis": None,
    "links": {
        "self": f"/v1/notifications/{_ID}",
        "events": f"/v1/notifications/{_ID}/events",
        "summary": f"/v1/notifications/{_ID}/summary",
    },
}
_NOTIFICATION: dict[str, Any] = {
    **_ACCEPTED,
    "status": "delivered",
    "reason": None,
    "created_at": "2026-11-23T10:00:00.000Z",
    "ended_at": "2026-11-23T10:00:03.120Z",
    "delivered_by": "viber",
    "print_offered": False,
    "terminal": True,
    "patient_id": _PATIENT_ID,
    "attempts": [
        {
            "no": 0,
            "channel": "viber",
            "provider": "viber-main",
            "client_reference": f"{_ID}.0",
            "outcome": "delivered",
            "reason": None,
            "detail": None,
            "calls": 1,
            "started_at": "2026-11-23T10:00:00.040Z",
            "submitted_at": "2026-11-23T10:00:00.220Z",
            "ended_at": "2026-11-23T10:00:03.120Z",
            "receipts": [{"part": 0, "state": "delivered", "reason": None}],
        }
    ],
}
_PROBLEM: dict[str, Any] = {
    "type": "urn:esoz-notify:problem:invalid_input",
    "title": "The values break rules",
    "status": 422,
    "code": "invalid_input",
    "detail": "1 problem found; see invalid",
    "instance": "/v1/notifications",
    "invalid": [
        {
            "pointer": "/recipient/phone",
            "code": "format",
            "detail": "must match ^\\+380[0-9]{9}$: plus, country code, nine digits",
        }
    ],
}
_PATIENT: dict[str, Any] = {
    "birth_date": "1990-05-17",
    "authentication_methods": [{"type": "OTP", "phone_number": "+380000000001"}],
    "confidants": [],
    "language": "uk",
}
_STORED_PATIENT: dict[str, Any] = {
    "id": _PATIENT_ID,
    "birth_date": "1990-05-17",
    "language": "uk",
    "authentication_methods": [
        {
            "id": "5b0c7a52-6a0c-5d0e-9f5e-0c7b1a4e2d11",
            "type": "OTP",
            "phone_number": "+38000*****01",
            "is_active": True,
        }
    ],
    "confidants": [],
}
_ROUTE: dict[str, Any] = {
    "informed": True,
    "status": "accepted",
    "recipient": _ACCEPTED["recipient"],
    "route": ["viber", "sms"],
    "steps": [{"channel": "viber", "window_s": 20.0}, {"channel": "sms", "window_s": None}],
    "skipped": _ACCEPTED["skipped"],
    "policy": "2025-09-10",
    "print_required": False,
    "crisis": None,
}
_PROVIDER: dict[str, Any] = {
    "name": "carrier-a",
    "state": "held",
    "since": "2026-11-23T09:58:11.020Z",
    "reason": "start",
    "held_by": "console-1",
    "held_why": "their maintenance until noon",
    "held_since": "2026-11-23T10:00:00.000Z",
    "slow": False,
    "receipts_stopped": False,
}

REQUESTS: dict[str, dict[str, Any]] = {
    "NotificationRequest": {"a stored patient": _REQUEST, "a phone that the caller chose": _INLINE},
    "PatientDocument": {"an adult with a phone": _PATIENT},
    "Search": {"of a phone": {"phone": "+380000000001", "limit": 10}},
    "GivenReason": {"maintenance": {"reason": "their maintenance until noon"}},
    "TokenRequest": {
        "the secret in the form": {
            "grant_type": "client_credentials",
            "client_id": "mis-1",
            "client_secret": _SECRET,
            "scope": "notifications:write notifications:read",
        }
    },
    **codes.REQUESTS,
    **compat.REQUESTS,
    **crisis.REQUESTS,
    **fhir.REQUESTS,
    **webhooks.REQUESTS,
}
"""Examples of request bodies by the name of their shape."""

ANSWERS: dict[str, Any] = {
    "Accepted": _ACCEPTED,
    "Notification": _NOTIFICATION,
    "Page": {"data": [_NOTIFICATION], "next_cursor": None},
    "Route": _ROUTE,
    "StoredPatient": _STORED_PATIENT,
    "Provider": _PROVIDER,
    "Providers": {"data": [_PROVIDER]},
    "ProviderHistory": {
        "data": [
            {
                "at": "2026-11-23T10:00:00.000Z",
                "change": "held",
                "reason": "their maintenance until noon",
                "by": "console-1",
            },
            {
                "at": "2026-11-22T17:20:31.410Z",
                "change": "closed",
                "reason": "probes_passed",
                "by": None,
            },
        ]
    },
    "BatchResult": {"line": 1, "status": 202, "id": _ID, "replayed": False, "notification": _ACCEPTED},
    "Problem": _PROBLEM,
    "Token": {
        "access_token": _TOKEN,
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "notifications:write notifications:read",
    },
    "TokenProblem": {"error": "invalid_client", "error_description": "the client is unknown or its secret is wrong"},
    "Readiness": {"status": "ready", "checks": {"ledger": {"ok": True, "state": "ok"}}},
    "Alive": {"status": "ok"},
    "Event": {
        "seq": 1,
        "at": "2026-11-23T10:00:00.040Z",
        "fact": "AttemptStarted",
        "no": 0,
        "channel": "viber",
        "status": "in_delivery",
        "delivered_by": None,
    },
    **codes.ANSWERS,
    **compat.ANSWERS,
    **crisis.ANSWERS,
    **fhir.ANSWERS,
    **webhooks.ANSWERS,
}
"""Examples of answers by the name of their shape."""
