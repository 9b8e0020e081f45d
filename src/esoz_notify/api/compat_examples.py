"""Examples of bodies and answers in other services' dialects, by the name of their shape."""

from typing import Any

_ID = "0198c0de-0000-7000-8000-0000000000aa"
_BASE = "https://notify.example"
_AT = "2026-11-23T10:00:00.000Z"
_TEMPLATE_ID = "14f533e5-9540-55f9-a550-592f8fc4f268"
_NAMED = {"id": _TEMPLATE_ID, "version": 0, "uri": f"{_BASE}/v2/template/{_TEMPLATE_ID}"}
_WORDS = "Ваш код eHealth: ((verification_code)). Діє 5 хв. Чужим не кажіть"
_NOTIFICATION: dict[str, Any] = {
    "id": _ID,
    "reference": "visit-1",
    "phone_number": "+38000*****01",
    "type": "sms",
    "status": "delivered",
    "template": _NAMED,
    "body": _WORDS,
    "created_at": _AT,
    "sent_at": "2026-11-23T10:00:00.220Z",
    "completed_at": "2026-11-23T10:00:03.120Z",
    "email_address": None,
    **{f"line_{number}": None for number in range(1, 7)},
    "postcode": None,
    "postage": None,
    "subject": None,
    "created_by_name": None,
    "scheduled_for": None,
}
_TEMPLATE: dict[str, Any] = {
    "id": _TEMPLATE_ID,
    "type": "sms",
    "version": 0,
    "name": "confirmation_code",
    "body": _WORDS,
    "personalisation": {"verification_code": {"required": True}, "purpose": {"required": False}},
    "subject": None,
    "created_at": None,
    "updated_at": None,
    "created_by": None,
    "letter_contact_block": None,
}

REQUESTS: dict[str, dict[str, Any]] = {
    "GovukSms": {
        "a code": {
            "phone_number": "+380000000001",
            "template_id": _TEMPLATE_ID,
            "personalisation": {"verification_code": "4821"},
            "reference": "visit-1",
        }
    },
    "GovukPersonalisation": {"a code": {"personalisation": {"verification_code": "4821"}}},
    "TurboSmsSending": {
        "Viber, else SMS": {
            "recipients": ["380000000001"],
            "viber": {"sender": "Clinic", "text": "Запис на 10:00 підтверджено", "ttl": 60},
            "sms": {"sender": "Clinic", "text": "Запис на 10:00 підтверджено"},
            "sequence_id": "visit-1",
        }
    },
    "TurboSmsIds": {"one message": {"messages": [_ID]}},
}

_CODED = {"response_code": 0, "response_status": "OK"}

ANSWERS: dict[str, Any] = {
    "GovukSent": {
        "id": _ID,
        "reference": "visit-1",
        "content": {"body": _WORDS, "from_number": None},
        "uri": f"{_BASE}/v2/notifications/{_ID}",
        "template": _NAMED,
        "scheduled_for": None,
    },
    "GovukNotification": _NOTIFICATION,
    "GovukNotifications": {"notifications": [_NOTIFICATION], "links": {"current": f"{_BASE}/v2/notifications"}},
    "GovukTemplate": _TEMPLATE,
    "GovukTemplates": {"templates": [_TEMPLATE]},
    "GovukPreview": {
        "id": _TEMPLATE_ID,
        "type": "sms",
        "version": 0,
        "body": "Ваш код eHealth: 4821. Діє 5 хв. Чужим не кажіть",
        "subject": None,
    },
    "GovukProblem": {
        "status_code": 400,
        "errors": [
            {
                "error": "ValidationError",
                "message": "phone_number: must match ^\\+380[0-9]{9}$: plus, country code, nine digits",
            }
        ],
    },
    "TurboSmsSent": {
        "response_code": 800,
        "response_status": "SUCCESS_MESSAGE_ACCEPTED",
        "response_result": [{"phone": "380000000001", "message_id": _ID, **_CODED}],
    },
    "TurboSmsStatuses": {
        **_CODED,
        "response_result": [
            {
                "message_id": _ID,
                **_CODED,
                "recipient": "+38000*****01",
                "sent": "2026-11-23 12:00:00",
                "updated": "2026-11-23 12:00:03",
                "status": "Delivered",
                "type": "viber",
            }
        ],
    },
    "TurboSmsProblem": {
        "response_code": 301,
        "response_status": "INVALID_TOKEN",
        "response_result": None,
        "response_detail": "the API key is not good, or the token was not signed by it just now",
    },
}
