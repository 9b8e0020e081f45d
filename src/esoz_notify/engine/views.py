"""Notifications as callers are shown them: the shapes of the public contract, with nothing personal in clear.

What belongs here: from the ledger's values to JSON objects. What does not: HTTP (api), who may see what (service).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from esoz_notify.core.attempt_keys import attempt_key
from esoz_notify.core.channel import Channel
from esoz_notify.core.delivery import Attempt, Delivery, Fact
from esoz_notify.core.history import to_record
from esoz_notify.core.status import PROOFS, STATUSES, Status, is_terminal
from esoz_notify.store.reading import Stored

Json = dict[str, Any]


def answer(stored: Stored) -> Json:
    """The 202 answer; a replay shows the status that was answered first."""
    return {
        "id": str(stored.id),
        "status": stored.first_status,
        "kind": stored.kind,
        "recipient": recipient(stored.recipient),
        "route": [step.channel.value for step in stored.state.steps],
        "skipped": stored.recipient["skipped"],
        "policy": stored.policy,
        "reference": stored.reference,
        "valid_until": rfc3339(stored.state.valid_until),
        "print_required": stored.first_status == Status.PRINT_REQUIRED or _crisis(stored.recipient) is not None,
        "crisis": _crisis(stored.recipient),
        "links": _links(stored),
    }


def notification(stored: Stored, facts: Iterable[tuple[int, Fact]] | None = None) -> Json:
    """Everything about one notification; ``decisions`` only when its history is given."""
    state = stored.state
    in_crisis = _crisis(stored.recipient) is not None and state.status not in {Status.CANCELLED, Status.PRINTED}
    view: Json = {
        **answer(stored),
        "status": state.status.value,
        "reason": state.reason.value if state.reason else None,
        "created_at": rfc3339(stored.created_at),
        "ended_at": rfc3339(state.ended_at) if state.ended_at else None,
        "delivered_by": delivered_by(state),
        "print_offered": STATUSES[state.status].offers_print or in_crisis,
        "print_required": state.status is Status.PRINT_REQUIRED or in_crisis,
        "terminal": is_terminal(state.status),
        "patient_id": str(stored.patient_id) if stored.patient_id else None,
        "attempts": [_attempt(stored, one) for one in state.attempts],
    }
    if facts is not None:
        view["decisions"] = [decision(seq, fact) for seq, fact in facts]
    return view


def decision(seq: int, fact: Fact) -> Json:
    """One fact of the history."""
    name, record = to_record(fact)
    return {"seq": seq, "at": rfc3339(fact.at), "fact": name, **record}


def delivered_by(state: Delivery) -> str | None:
    """The channel of the first attempt with proof; the same in whatever order the proofs came."""
    proved = [one for one in state.attempts if one.outcome in PROOFS]
    if state.status is Status.PRINTED:
        return Channel.PRINT.value
    return proved[0].channel.value if proved else None


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds and Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def recipient(record: Json) -> Json:
    """Who is informed and why, without what only the ledger needs."""
    return {name: record[name] for name in ("method", "relation", "phone", "method_id", "why", "notes")}


def _crisis(record: Json) -> Json | None:
    # What was accepted before there was such a switch has no member of that name.
    crisis: Json | None = record.get("crisis")
    return crisis


def _attempt(stored: Stored, one: Attempt) -> Json:
    return {
        "no": one.no,
        "channel": one.channel.value,
        "provider": one.provider,
        "client_reference": attempt_key(stored.id, one.no),
        "outcome": one.outcome.value,
        "reason": one.reason.value if one.reason else None,
        "detail": one.detail or None,
        "calls": one.calls,
        "started_at": rfc3339(one.started_at),
        "submitted_at": rfc3339(one.submitted_at) if one.submitted_at else None,
        "ended_at": rfc3339(one.ended_at) if one.ended_at else None,
        "receipts": [
            {"part": number, "state": part.state.name.lower(), "reason": part.reason.value if part.reason else None}
            for number, part in enumerate(one.parts)
        ],
    }


def _links(stored: Stored) -> Json:
    itself = f"/v1/notifications/{stored.id}"
    return {"self": itself, "events": f"{itself}/events", "summary": f"{itself}/summary"}
