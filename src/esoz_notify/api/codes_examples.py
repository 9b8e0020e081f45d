"""Examples of one-time codes' bodies and answers. All of it is made up; tests hold them against the shapes.

What does not belong here: examples of the rest (``examples``).
"""

from typing import Any

_ID = "0198c0de-0000-7000-8000-0000000000bb"
_PHONE = "+380000000001"
_META: dict[str, Any] = {
    "code": 200,
    "url": "https://notify.example/verifications",
    "type": "object",
    "request_id": "0198c0de-0000-7000-8000-0000000000cc",
}
_VERIFICATION: dict[str, Any] = {
    "id": _ID,
    "purpose": "declaration",
    "entity_id": "declaration-request-1",
    "confirms": "patient",
    "status": "pending",
    "attempts_left": 3,
    "created_at": "2026-11-23T10:00:00.000Z",
    "expires_at": "2026-11-23T10:05:00.040Z",
    "verified_at": None,
    "next": None,
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
    "delivery": {"status": "delivered", "route": ["viber", "sms"], "delivered_by": "viber"},
    "advice": None,
    "links": {
        "self": f"/v1/verifications/{_ID}",
        "check": f"/v1/verifications/{_ID}/check",
        "resend": f"/v1/verifications/{_ID}/resend",
        "events": f"/v1/verifications/{_ID}/events",
        "summary": f"/v1/notifications/{_ID}/summary",
    },
}

REQUESTS: dict[str, dict[str, Any]] = {
    "VerificationRequest": {
        "a stored patient": {
            "purpose": "declaration",
            "entity_id": "declaration-request-1",
            "patient_id": "0198c0de-0000-7000-8000-000000000001",
            "doctor_id": "employee-17",
        },
        "a phone that the caller chose": {
            "purpose": "phone_number",
            "entity_id": "person-request-1",
            "recipient": {"phone": _PHONE},
        },
    },
    "CodeCheck": {"what the person told": {"code": "4821"}},
    "EsozPhoneVerificationRequest": {"a phone": {"phone_number": _PHONE}},
    "EsozCode": {"a number": {"code": 4821}},
    "EsozText": {
        "a prescription": {
            "phone_number": _PHONE,
            "body": "Ваш рецепт: 0000-243P-1X53-EH38. Код підтвердження: 4821",
            "type": "medication_request",
        }
    },
    "EsozFactor": {"have a code sent": {"factor": _PHONE, "type": "SMS", "content_hash": "9e107d9d372bb6826bd81d35"}},
}

ANSWERS: dict[str, Any] = {
    "Verification": _VERIFICATION,
    "VerificationAlarms": {
        "data": [{"at": "2026-11-23T10:00:00.000Z", "client_id": "mis-1", "verification_id": _ID, "unrequested": 5}]
    },
    "EsozProblem": {
        "meta": {**_META, "code": 403},
        "error": {"type": "forbidden", "message": "Invalid verification code"},
    },
    "EsozPhoneVerificationAnswer": {
        "meta": {**_META, "code": 201},
        "data": {"id": _ID, "status": "new", "code_expired_at": "2026-11-23T10:05:00.000Z", "active": True},
    },
    "EsozVerifiedPhoneAnswer": {"meta": _META, "data": {"phone_number": _PHONE}},
    "EsozSentTextAnswer": {
        "meta": _META,
        "data": {
            "id": _ID,
            "phone_number": _PHONE,
            "body": "Ваш рецепт: 0000-243P-1X53-EH38. Код підтвердження: 4821",
            "type": "medication_request",
        },
    },
    "EsozFactorAnswer": {
        "meta": _META,
        "data": {"result": "OTP sent"},
        "urgent": {
            "next_step": "REQUEST_OTP",
            "authentication_method_current": {"type": "OTP", "number": "+38000*****01"},
        },
    },
}
