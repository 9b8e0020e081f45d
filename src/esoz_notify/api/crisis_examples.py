"""Examples of the crisis switch's bodies and answers. All of it is made up; tests hold them against the shapes.

What does not belong here: examples of the rest (``examples``).
"""

from typing import Any

_PROPOSAL: dict[str, Any] = {
    "scope": "operator",
    "values": ["+38000", "+38001"],
    "starts_at": None,
    "ends_at": "2026-12-05T16:00:00Z",
    "reason": "The operator's network is down since this morning",
}
_CRISIS: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-0000000000dd",
    "state": "in_force",
    "scope": "operator",
    "values": ["+38000", "+38001"],
    "starts_at": "2026-11-23T10:00:00.000Z",
    "ends_at": "2026-12-05T16:00:00.000Z",
    "reason": "The operator's network is down since this morning",
    "proposed_by": "console-1",
    "proposed_at": "2026-11-23T10:00:00.000Z",
    "confirmed_by": "console-2",
    "confirmed_at": "2026-11-23T10:01:30.000Z",
    "withdrawn_by": None,
    "withdrawn_at": None,
    "withdrawn_why": None,
}

REQUESTS: dict[str, dict[str, Any]] = {
    "CrisisProposal": {
        "an operator is down": _PROPOSAL,
        "nothing gets through": {
            "scope": "everything",
            "ends_at": "2026-11-24",
            "reason": "Neither Viber nor any operator takes messages",
        },
    }
}
"""Examples of request bodies by the name of their shape."""

ANSWERS: dict[str, Any] = {
    "Crisis": _CRISIS,
    "CrisisOverview": {
        "banner": {
            "uk": "Кризовий режим: повідомлення можуть не доходити. Друкуйте довідку, код на ній. Для номерів +38000,"
            " +38001 до 05.12.2026 18:00 (за Києвом).",
            "en": "Crisis mode: messages may not arrive. Print the summary, it has the code. For numbers +38000,"
            " +38001 until 05.12.2026 18:00 (Kyiv time).",
        },
        "in_force": [_CRISIS],
        "coming": [],
        "proposed": [],
        "past": [],
    },
    "CrisisReport": {
        "crisis": _CRISIS,
        "at": "2026-11-24T09:00:00.000Z",
        "issued": 1400,
        "printed": 1310,
        "by_kind_and_status": [
            {"kind": "prescription_issued", "status": "delivered", "count": 300, "printed": 250},
            {"kind": "prescription_issued", "status": "in_delivery", "count": 1100, "printed": 1060},
        ],
    },
}
"""Examples of answers by the name of their shape."""
