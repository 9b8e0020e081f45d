"""From a CommunicationRequest as a caller sends it to the request of v1 that means the same.

What belongs here: which element is which field, what is taken and not kept, what is refused, and where in the resource
a field's fault is. What does not: the rules about values, which are v1's own (engine). docs/fhir.md has the tables.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from esoz_notify.api import fhir_terms as terms
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput, Problem
from esoz_notify.core.kinds import PUBLIC_KINDS
from esoz_notify.core.limits import REFERENCE_LENGTH_MAX
from esoz_notify.core.patient import PRINT_CHOICE

NOT_KEPT = frozenset({
    "id", "meta", "language", "text", "authoredOn", "requester", "sender", "groupIdentifier", "encounter", "about",
    "basedOn", "reasonCode", "reasonReference", "note", "priority", "statusReason",
})  # fmt: skip
"""Elements that change nothing of who is told what: taken, and neither kept nor answered."""
REFUSED: Mapping[str, str] = {
    "implicitRules": "rules made elsewhere are not followed here; leave it out",
    "modifierExtension": "no modifier is understood here; leave it out",
    "replaces": "to replace a request, revoke it and create another",
    "occurrenceDateTime": "it is sent at once; until when it is worth sending goes into occurrencePeriod.end",
}
_READ = frozenset({
    "resourceType", "status", "identifier", "category", "subject", "recipient", "contained", "payload", "medium",
    "occurrencePeriod", "extension", "doNotPerform",
})  # fmt: skip

_TEXT, _FLAG = "valueString", "valueBoolean"
_SETTINGS: Mapping[str, tuple[str, str]] = {
    "inform-with": ("inform_with", _TEXT),
    "notifications-off": ("notifications_off", _FLAG),
    "region": ("region", _TEXT),
    "programme": ("programme", _TEXT),
}
"""Extensions: the field that each is, and the element that has its value."""
_SUMMARY = "summary"
_ANSWERED = frozenset({"why-recipient", "print-required"})
"""Extensions of our answers, taken so that an answer may be sent again."""

_NO_TEXT = (
    "texts are the service's own, by kind; send the data of the kind, each as contentReference.identifier with the"
    f" system {terms.DATA} and its name"
)
PATIENT = re.compile(r"(?:.*/)?Patient/([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})", re.ASCII)
"""A reference to a patient of the register, here or elsewhere."""
_SYSTEM = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s|]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a resource asks for. ``request``: the body of ``POST /v1/notifications``.

    ``places``: where in the resource each field of it came from, as JSON pointers by JSON pointers.
    """

    request: Mapping[str, Any] = field(repr=False)
    places: Mapping[str, str] = field(repr=False)

    @property
    def key(self) -> str | None:
        """The idempotency key that the resource's identifier stands for."""
        reference = self.request.get("reference")
        return f"fhir:{hashlib.sha256(reference.encode()).hexdigest()}" if reference else None

    def refused(self, error: InvalidInput) -> InvalidInput:
        """What v1 says of the request, said of the resource."""
        return InvalidInput([_placed(one, self.places) for one in error.problems])


@dataclass(slots=True)
class _Notes:
    """What reading has come to so far."""

    request: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, pointer: str, code: str, detail: str) -> None:
        self.problems.append(Problem(pointer, code, detail))

    def put(self, name: str, value: object, place: str) -> None:
        """Remember a field; one that is said twice is a problem."""
        if name in self.request:
            self.add(place, "given_twice", f"{name} is said twice; say it once")
        else:
            self.request[name] = value
            self.places[f"/{name}"] = place


def read_request(resource: Mapping[str, Any], now: datetime) -> Asked:
    """Read a CommunicationRequest. Raises InvalidInput with every problem of its shape.

    The values are v1's to judge: what it says of them, ``Asked.refused`` says of the resource.
    """
    notes = _Notes()
    if resource.get("resourceType") != terms.REQUEST:
        rule = f"must be {terms.REQUEST}: no other resource is created here"
        raise InvalidInput([Problem("/resourceType", "not_supported", rule)])
    _check_elements(resource, notes)
    _read_identifier(resource, notes)
    _read_kind(resource, notes)
    _read_people(resource, notes)
    _read_payload(resource, notes)
    _read_medium(resource, notes)
    _read_occurrence(resource, notes, now)
    _read_extensions(resource, notes)
    if notes.problems:
        raise InvalidInput(notes.problems)
    return Asked(request=notes.request, places=notes.places)


def _check_elements(resource: Mapping[str, Any], notes: _Notes) -> None:
    for name, value in resource.items():
        element = name.removeprefix("_")
        if element in REFUSED:
            notes.add(f"/{name}", "not_supported", REFUSED[element])
        elif element not in _READ and element not in NOT_KEPT:
            notes.add(f"/{name}", "unknown_element", f"is no element of {terms.REQUEST} in FHIR {terms.FHIR_VERSION}")
        elif name == "doNotPerform" and value is not False:
            notes.add("/doNotPerform", "not_supported", "is false here: to ask that nothing is sent, send nothing")
    if resource.get("status") != "active":
        rule = "must be active: drafts are yours to keep, and to withdraw a request it is patched to revoked"
        notes.add("/status", "unknown_code" if "status" in resource else "required", rule)


def _read_identifier(resource: Mapping[str, Any], notes: _Notes) -> None:
    several = list(_objects(resource.get("identifier"), "/identifier", notes))
    for place, _ in several[1:]:
        notes.add(place, "not_supported", "one identifier is kept: send the one that you will look for")
    for place, one in several[:1]:
        reference = read_identifier(one.get("system"), one.get("value"))
        if reference is None:
            rule = f"must have a value and, if any, a system that is a URI; {REFERENCE_LENGTH_MAX} characters together"
            notes.add(place, "format", rule)
        else:
            notes.put("reference", reference, f"{place}/value")


def read_identifier(system: object, value: object) -> str | None:
    """The caller's reference that an identifier stands for; None when it is not one of ours to keep."""
    if not isinstance(value, str) or not value or not isinstance(system, str | None):
        return None
    if system is None:
        return value if value.isprintable() and len(value) <= REFERENCE_LENGTH_MAX else None
    whole = f"{system}|{value}"
    is_good = _SYSTEM.fullmatch(system) and whole.isprintable() and len(whole) <= REFERENCE_LENGTH_MAX
    return whole if is_good else None


def _read_kind(resource: Mapping[str, Any], notes: _Notes) -> None:
    for place, coding in _codings(resource.get("category"), "/category", terms.KIND, notes):
        notes.put("kind", coding.get("code"), f"{place}/code")
    if "kind" not in notes.request:
        notes.add(
            "/category", "required",
            f"one coding must have the system {terms.KIND} and as its code one of: {', '.join(PUBLIC_KINDS)}",
        )  # fmt: skip


def _read_people(resource: Mapping[str, Any], notes: _Notes) -> None:
    """Who is informed: a patient of the register, or somebody inside the resource with a phone."""
    inside = {
        f"#{one['id']}": (place, one)
        for place, one in _objects(resource.get("contained"), "/contained", notes)
        if isinstance(one.get("id"), str)
    }
    references = list(_objects(resource.get("recipient"), "/recipient", notes))
    if "subject" in resource:
        references.append(("/subject", _object(resource["subject"], "/subject", notes)))
    for place, reference in references:
        _read_person(place, reference.get("reference"), inside, notes)
    if not references:
        notes.add("/subject", "required", "say who is informed: subject is Patient/ and the id it was stored under")


def _read_person(
    place: str, reference: object, inside: Mapping[str, tuple[str, Mapping[str, Any]]], notes: _Notes
) -> None:
    found = PATIENT.fullmatch(reference) if isinstance(reference, str) else None
    there, person = inside.get(reference, ("", {})) if isinstance(reference, str) else ("", {})
    if found is not None:
        if notes.request.get("patient_id", found[1]) != found[1]:
            notes.add(f"{place}/reference", "format", "subject and recipient are two patients; one is informed a time")
        notes.request["patient_id"] = found[1]
        notes.places["/patient_id"] = f"{place}/reference"
    elif person.get("resourceType") == "Patient":
        if notes.places.get("/recipient", there) != there:
            notes.add(place, "given_twice", "one person is informed by one request")
        notes.request["recipient"] = _read_contained(there, person, notes)
        notes.places["/recipient"] = there
    else:
        rule = (
            "must be Patient/ and the UUID that the patient was stored under, or # and the id of a contained Patient"
            " with a phone; who is told for a patient is decided from the patient's authentication methods"
        )
        notes.add(f"{place}/reference", "format", rule)


def _read_contained(place: str, person: Mapping[str, Any], notes: _Notes) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for at, telecom in _objects(person.get("telecom"), f"{place}/telecom", notes):
        if telecom.get("system") in ("phone", "sms") and "phone" not in made:
            made["phone"] = telecom.get("value")
            notes.places["/recipient/phone"] = f"{at}/value"
    notes.places.setdefault("/recipient/phone", f"{place}/telecom")
    for at, identifier in _objects(person.get("identifier"), f"{place}/identifier", notes):
        if identifier.get("system") == terms.TAX_ID:
            made["tax_id"] = identifier.get("value")
            notes.places["/recipient/tax_id"] = f"{at}/value"
    for at, spoken in _objects(person.get("communication"), f"{place}/communication", notes):
        language = _object(spoken.get("language"), f"{at}/language", notes)
        for where, coding in _objects(language.get("coding"), f"{at}/language/coding", notes):
            made.setdefault("language", coding.get("code"))
            notes.places.setdefault("/recipient/language", f"{where}/code")
    return made


def _read_payload(resource: Mapping[str, Any], notes: _Notes) -> None:
    data: dict[str, Any] = {}
    for place, one in _objects(resource.get("payload"), "/payload", notes):
        texts = [name for name in ("contentString", "contentAttachment") if name in one]
        notes.problems += [Problem(f"{place}/{name}", "free_text", _NO_TEXT) for name in texts]
        if "contentReference" not in one:
            if not texts:
                notes.add(place, "required", "must have contentReference")
            continue
        at = f"{place}/contentReference"
        identifier = _object(_object(one["contentReference"], at, notes).get("identifier"), f"{at}/identifier", notes)
        system = identifier.get("system")
        if not isinstance(system, str) or not system.startswith(terms.DATA):
            notes.add(f"{at}/identifier/system", "unknown_code", f"must be {terms.DATA} and the name of a datum")
            continue
        name = system.removeprefix(terms.DATA)
        if name in data:
            notes.add(at, "given_twice", "this datum is given twice; give it once")
        data[name] = identifier.get("value")
        notes.places[f"/data/{name}"] = f"{at}/identifier/value"
    notes.request["data"] = data
    notes.places["/data"] = "/payload"


def _read_medium(resource: Mapping[str, Any], notes: _Notes) -> None:
    """Paper may be chosen; which of the others is used is the policy's."""
    media = list(_objects(resource.get("medium"), "/medium", notes))
    codings = list(_codings([one for _, one in media], "/medium", terms.CHANNEL, notes)) if media else []
    if [coding.get("code") for _, coding in codings] == [Channel.PRINT.value] and len(media) == 1:
        notes.put("inform_with", PRINT_CHOICE, "/medium")
    elif media:
        rule = f"may only be print of {terms.CHANNEL}: the policy chooses among the other ways; leave it out"
        notes.add("/medium", "not_supported", rule)


def _read_occurrence(resource: Mapping[str, Any], notes: _Notes, now: datetime) -> None:
    if "occurrencePeriod" not in resource:
        return
    at = "/occurrencePeriod"
    period = _object(resource["occurrencePeriod"], at, notes)
    if "end" in period:
        notes.put("valid_until", period["end"], f"{at}/end")
    if "start" not in period:
        return
    try:
        start = datetime.fromisoformat(period["start"])
        is_over = start <= now
    except (TypeError, ValueError):
        is_over = False
    if not is_over:
        notes.add(f"{at}/start", "not_supported", "must be a time with its zone that has come: it is sent at once")


def _read_extensions(resource: Mapping[str, Any], notes: _Notes) -> None:
    for place, one in _objects(resource.get("extension"), "/extension", notes):
        url = one.get("url")
        if not isinstance(url, str) or not url.startswith(terms.EXTENSION):
            continue  # as the standard has it, an extension that nobody knows changes nothing
        name = url.removeprefix(terms.EXTENSION)
        if name in _SETTINGS:
            setting, element = _SETTINGS[name]
            if element not in one:
                notes.add(place, "required", f"must have {element}")
            else:
                notes.put(setting, one[element], f"{place}/{element}")
        elif name == _SUMMARY:
            _read_summary(place, one, notes)
        elif name not in _ANSWERED:
            known = ", ".join([*_SETTINGS, _SUMMARY])
            notes.add(f"{place}/url", "unknown_code", f"ours are {terms.EXTENSION} and one of: {known}")


def _read_summary(place: str, extension: Mapping[str, Any], notes: _Notes) -> None:
    details: dict[str, Any] = {}
    for at, one in _objects(extension.get("extension"), f"{place}/extension", notes):
        name = one.get("url")
        if not isinstance(name, str) or name in details:
            notes.add(f"{at}/url", "format", "must be the name of a detail, each once")
            continue
        details[name] = one.get(_TEXT)
        notes.places[f"/summary/{name}"] = f"{at}/{_TEXT}"
    notes.put("summary", details, place)


# --- places -----------------------------------------------------------------------------------------------------------


def _placed(problem: Problem, places: Mapping[str, str]) -> Problem:
    """A problem of a field, at the element where the field came from or would have to be."""
    if problem.code == "one_of":
        detail = "give either a patient as subject, or as recipient a contained Patient with a phone"
        return replace(problem, pointer="/subject", detail=detail)
    if problem.pointer in places:
        return replace(problem, pointer=places[problem.pointer])
    if problem.pointer.startswith("/data/"):
        detail = f"{problem.detail}; in payload.contentReference.identifier the system of a datum is {terms.DATA}name"
        return replace(problem, pointer=places["/data"], detail=detail)
    parent = problem.pointer.rpartition("/")[0]
    return _placed(replace(problem, pointer=parent), places) if parent else replace(problem, pointer="")


# --- elements ---------------------------------------------------------------------------------------------------------


def _object(value: object, place: str, notes: _Notes) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    notes.add(place, "type" if value is not None else "required", "must be an object")
    return {}


def _objects(value: object, place: str, notes: _Notes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each object of an array, with its place; of what is none, the first is a problem and ends it."""
    if value is None:
        return
    if not isinstance(value, list):
        notes.add(place, "type", "must be an array")
        return
    for number, one in enumerate(value):
        if not isinstance(one, dict):
            notes.add(f"{place}/{number}", "type", "must be an object")
            return
        yield f"{place}/{number}", one


def _codings(value: object, place: str, system: str, notes: _Notes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each coding of a system in an array of CodeableConcepts, with its place."""
    for at, one in _objects(value, place, notes):
        for where, coding in _objects(one.get("coding"), f"{at}/coding", notes):
            if coding.get("system") == system:
                yield where, coding
