"""Notifications as FHIR R4 resources: pure functions of what v1 shows of them, so that nothing more is ever told.

What belongs here: a CommunicationRequest of a notification, a Communication of each way that was or will be tried, and
bundles of them. What does not: which code stands for which (``fhir_terms``), reading resources (``fhir_reading``).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from esoz_notify.api import fhir_terms as terms
from esoz_notify.core.channel import Channel
from esoz_notify.core.kinds import KINDS
from esoz_notify.core.receipts import Reason
from esoz_notify.core.recipient import Relation
from esoz_notify.core.status import PROOFS, Outcome, Status

Json = dict[str, Any]

_CONTAINED = "recipient"
"""Id of the person inside a resource whom no patient of the register stands for."""


def communication_request(view: Mapping[str, Any]) -> Json:
    """The resource of a notification. ``view``: as ``GET /v1/notifications/{id}`` answers, with or without decisions.

    Its data are not in it: v1 never answers them either, and among them may be a code.
    """
    extensions = [_extension("why-recipient", "valueCodeableConcept", _told(view["recipient"]["why"]))]
    if view["print_required"]:
        extensions.append(_extension("print-required", "valueBoolean", True))
    return _without_empty(
        {
            "resourceType": terms.REQUEST,
            "id": view["id"],
            "contained": _contained(view),
            "extension": extensions,
            "identifier": [identifier] if (identifier := written_identifier(view["reference"])) else [],
            "status": terms.REQUEST_STATUSES[Status(view["status"])],
            "statusReason": _status_reason(view),
            "category": [_kind(view)],
            "medium": [terms.medium(Channel(one)) for one in view["route"]],
            "subject": _patient(view),
            "occurrencePeriod": {"start": view["created_at"], "end": view["valid_until"]},
            "authoredOn": view["created_at"],
            "recipient": [_recipient(view)],
        }
    )


def communications(view: Mapping[str, Any]) -> list[Json]:
    """A resource of each way, in an order that later ones only add to: left out, attempted, on paper."""
    made = [
        _communication(view, skipped["channel"], skipped["channel"], terms.SKIPPED, statusReason=_told(skipped))
        for skipped in view["skipped"]
    ]
    made += [_attempted(view, attempt) for attempt in view["attempts"]]
    return made + list(_on_paper(view))


def bundle(base: str, place: str, asked: Mapping[str, str], found: Sequence[Json], cursor: str | None) -> Json:
    """A page of what was found. ``base``: of all resources; ``asked``: the query; ``cursor``: None when it is all."""
    links = [{"relation": "self", "url": _link(base, place, asked)}]
    if cursor is not None:
        links.append({"relation": "next", "url": _link(base, place, {**asked, "cursor": cursor})})
    entries = [
        {"fullUrl": f"{base}/{place}/{one['id']}", "resource": one, "search": {"mode": "match"}} for one in found
    ]
    return _without_empty({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})


def written_identifier(reference: str | None) -> Json | None:
    """A caller's reference as an identifier; one that begins with the name of a system is taken apart there."""
    if reference is None:
        return None
    system, bar, value = reference.partition("|")
    return {"system": system, "value": value} if bar and ":" in system and value else {"value": reference}


def _link(base: str, place: str, asked: Mapping[str, str]) -> str:
    return f"{base}/{place}?{urlencode(asked)}" if asked else f"{base}/{place}"


def _attempted(view: Mapping[str, Any], attempt: Mapping[str, Any]) -> Json:
    outcome = Outcome(attempt["outcome"])
    status = terms.EVENT_STATUSES[outcome]
    reason = attempt["reason"] or (Reason.UNKNOWN.value if status == terms.SKIPPED else None)
    return _communication(
        view,
        str(attempt["no"]),
        attempt["channel"],
        status,
        extension=[
            _extension("outcome", "valueCode", outcome.value),
            _extension("provider", "valueString", attempt["provider"]),
        ],
        identifier=[{"system": terms.ATTEMPT, "value": attempt["client_reference"]}],
        statusReason=terms.not_done(reason) if reason and outcome not in PROOFS else None,
        sent=attempt["submitted_at"],
        received=attempt["ended_at"] if outcome in PROOFS else None,
    )


def _on_paper(view: Mapping[str, Any]) -> Iterator[Json]:
    """The sheet, of a notification that goes by paper alone."""
    if view["route"] != [Channel.PRINT.value]:
        return
    status = Status(view["status"])
    yield _communication(
        view,
        Channel.PRINT.value,
        Channel.PRINT.value,
        terms.PAPER_STATUSES[status],
        statusReason=_status_reason(view) if terms.PAPER_STATUSES[status] == terms.SKIPPED else None,
        sent=view["ended_at"] if status is Status.PRINTED else None,
    )


def _communication(view: Mapping[str, Any], suffix: str, channel: str, status: str, **more: Any) -> Json:
    return _without_empty(
        {
            "resourceType": terms.EVENT,
            "id": f"{view['id']}.{suffix}",
            "contained": _contained(view),
            "basedOn": [{"reference": f"{terms.REQUEST}/{view['id']}"}],
            "status": status,
            "category": [_kind(view)],
            "medium": [terms.medium(Channel(channel))],
            "subject": _patient(view),
            "recipient": [_recipient(view)],
            **more,
        }
    )


def _kind(view: Mapping[str, Any]) -> Json:
    kind = KINDS[view["kind"]]
    return terms.concept(terms.KIND, kind.name, kind.title_en, kind.title_uk)


def _status_reason(view: Mapping[str, Any]) -> Json:
    """Our own status, which says more than the standard's, and why if it ended badly."""
    made = terms.concept(terms.STATUS, view["status"])
    if view["reason"]:
        made["coding"] += terms.not_done(view["reason"])["coding"]
    return made


def _told(explanation: Mapping[str, Any]) -> Json:
    return terms.concept(terms.WHY, explanation["code"], explanation["en"], explanation["uk"])


def _patient(view: Mapping[str, Any]) -> Json | None:
    """The patient, who is in the register and not here."""
    return {"reference": f"Patient/{view['patient_id']}", "type": "Patient"} if view["patient_id"] else None


def _is_patient(view: Mapping[str, Any]) -> bool:
    return view["patient_id"] is not None and view["recipient"]["relation"] == Relation.SELF


def _recipient(view: Mapping[str, Any]) -> Json:
    """Whom the message goes to, with the phone as v1 masks it."""
    phone = view["recipient"]["phone"]
    if _is_patient(view):
        return {**(_patient(view) or {}), **({"display": phone} if phone else {})}
    return {"reference": f"#{_CONTAINED}"}


def _contained(view: Mapping[str, Any]) -> list[Json]:
    if _is_patient(view):
        return []
    phone = view["recipient"]["phone"]
    person: Json = {"resourceType": "Patient", "id": _CONTAINED}
    if view["recipient"]["relation"] == Relation.THIRD_PERSON:
        relation = terms.concept(terms.RELATION, Relation.THIRD_PERSON)
        person |= {"resourceType": "RelatedPerson", "patient": _patient(view), "relationship": [relation]}
    return [{**person, "telecom": [{"system": "phone", "value": phone}]} if phone else person]


def _extension(name: str, kind: str, value: object) -> Json:
    return {"url": f"{terms.EXTENSION}{name}", kind: value}


def _without_empty(resource: Json) -> Json:
    """As the standard has it: no element is null, and no array empty."""
    return {name: value for name, value in resource.items() if value is not None and value != []}
