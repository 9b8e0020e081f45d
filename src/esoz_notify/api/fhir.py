"""The calls of FHIR R4: CommunicationRequest and Communication for those whose systems speak that standard.

What belongs here: calls and answers. What does not: the mapping (``fhir_reading``, ``fhir_searches``,
``fhir_resources``, ``fhir_terms``), refusals (``fhir_outcome``), and every rule, which is v1's; see docs/fhir.md.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from esoz_notify.api import fhir_reading, fhir_resources, fhir_searches, reading
from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.contract import OPERATIONS
from esoz_notify.api.edge import Asking, caller, check_body, edge, operation_of
from esoz_notify.api.fhir_capabilities import capability_statement
from esoz_notify.api.fhir_reading import Asked
from esoz_notify.api.reading import JSON_TYPE, BadQuery, BadRequest, NotAcceptable, SeveralFound
from esoz_notify.api.recording import TRACEPARENT
from esoz_notify.api.routing import answers
from esoz_notify.core.errors import InvalidInput, NotFound, Problem, RefusedTransition
from esoz_notify.core.limits import PAGE_SIZE, PAGE_SIZE_MAX
from esoz_notify.core.status import Status

_FORMATS = frozenset({"json", JSON_TYPE, terms.FHIR_TYPE, "text/json"})
_COMMUNICATION = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[0-9a-z]{1,10}", re.ASCII)

Json = dict[str, Any]


@answers("fhir_metadata")
async def metadata(request: Asking) -> Response[bytes]:
    """Say what may be asked for."""
    _query(request)
    return _answer(capability_statement(_issuer(request)))


@answers("fhir_create_request")
async def create_request(request: Asking) -> Response[bytes]:
    """Accept one, unless it is there."""
    _query(request)
    check_body(request, terms.FHIR_TYPE, JSON_TYPE)
    asked = fhir_reading.read_request(reading.json_object(await request.body()), edge(request).access.now())
    condition = request.headers.get("if-none-exist")
    there = None if condition is None else await _there(request, fhir_searches.check_condition(condition, asked))
    if there is not None:
        return _answer(fhir_resources.communication_request(there), headers=_location(request, there))
    key = _key(request, asked)
    try:
        accepted, replayed = await edge(request).service.accept(
            caller(request), asked.request, key, traceparent=request.scope["state"][TRACEPARENT]
        )
    except InvalidInput as error:
        raise asked.refused(error) from None
    view = await edge(request).service.get(caller(request), UUID(accepted["id"]))
    headers = _location(request, view) | ({"idempotent-replayed": "true"} if replayed else {})
    return _answer(fhir_resources.communication_request(view), 201, headers)


async def _there(request: Asking, reference: str) -> Json | None:
    """The caller's own request with this reference. Raises SeveralFound."""
    own = replace(caller(request), sees_all=False)
    found, _ = await edge(request).service.page(own, {"reference": reference}, before=None, count_max=2)
    if len(found) > 1:
        raise SeveralFound("several of your requests have this identifier; look for them and choose")
    return found[0] if found else None


def _key(request: Asking, asked: Asked) -> str:
    given = request.headers.getall("idempotency-key", [])
    if not given and asked.key is not None:
        return asked.key
    try:
        return reading.idempotency_key(given)
    except BadRequest as error:
        if given:
            raise
        rule = "give the resource an identifier of your own, or send the header Idempotency-Key"
        raise BadRequest(rule, code=error.code) from None


@answers("fhir_search_requests")
async def search_requests(request: Asking) -> Response[bytes]:
    """One page of requests."""
    asked = _query(request)
    problems: list[Problem] = []
    wanted, count_max = _wanted(asked, problems), _count(asked, problems)
    before = _id(asked, "cursor", "must be that of a link named next", problems)
    one = _id(asked, "_id", "must be a UUID", problems)
    if one is not None and len(asked.keys() - {"_id", "_format", "_count"}):
        problems.append(Problem("/query/_id", "not_supported", "says all there is to say; give it alone"))
    if problems:
        raise BadQuery(problems)
    cursor = None
    if one is not None:
        view = await _seen(request, one)
        found = [view] if view else []
    else:
        found, cursor = await edge(request).service.page(caller(request), wanted, before=before, count_max=count_max)
    resources = [fhir_resources.communication_request(view) for view in found]
    return _page(request, asked, resources, str(cursor) if cursor else None)


def _wanted(asked: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    if "identifier" in asked:
        reference = fhir_searches.read_token(asked["identifier"])
        if reference is None:
            problems.append(Problem("/query/identifier", "format", "must be system|value, or a value without a system"))
        else:
            wanted["reference"] = reference
    if "status" in asked:
        chosen = _statuses(asked["status"], terms.ALL_REQUEST_STATUSES, problems)
        # Of those of the standard's that no notification has it is empty, which finds none.
        wanted["statuses"] = ",".join(one for one in Status if terms.REQUEST_STATUSES[one] in chosen)
    for name in ("subject", "patient"):
        if name in asked:
            patient = fhir_searches.patient_of(asked[name])
            if patient is None or wanted.setdefault("patient", str(patient)) != str(patient):
                problems.append(Problem(f"/query/{name}", "format", "must be Patient/ and the id of one patient"))
    return wanted


@answers("fhir_get_request")
async def get_request(request: Asking, notification_id: FromPath[UUID]) -> Response[bytes]:
    """One request."""
    _query(request)
    view = await edge(request).service.get(caller(request), notification_id)
    return _answer(fhir_resources.communication_request(view))


@answers("fhir_revoke_request")
async def revoke_request(request: Asking, notification_id: FromPath[UUID]) -> Response[bytes]:
    """Withdraw it."""
    _query(request)
    check_body(request, terms.PATCH_TYPE)
    if fhir_searches.read_patch(reading.json_array(await request.body())):
        view = await edge(request).service.get(caller(request), notification_id)
        if terms.REQUEST_STATUSES[Status(view["status"])] != "active":
            raise RefusedTransition("the patch tests that the request is active, and it is not")
    view = await edge(request).service.cancel(caller(request), notification_id)
    return _answer(fhir_resources.communication_request(view))


@answers("fhir_search_communications")
async def search_communications(request: Asking) -> Response[bytes]:
    """One page of what was tried for a request."""
    asked = _query(request)
    problems: list[Problem] = []
    count_max = _count(asked, problems)
    based_on = fhir_searches.request_of(asked.get("based-on", ""))
    if based_on is None:
        code = "format" if "based-on" in asked else "required"
        problems.append(Problem("/query/based-on", code, "must be CommunicationRequest/ and the id of one request"))
    chosen: tuple[str, ...] = terms.ALL_EVENT_STATUSES
    if "status" in asked:
        chosen = _statuses(asked["status"], terms.ALL_EVENT_STATUSES, problems)
    if problems or based_on is None:
        raise BadQuery(problems)
    view = await _seen(request, based_on)
    all_of_it = fhir_resources.communications(view) if view else []
    ids = [one["id"] for one in all_of_it]
    if "cursor" in asked and asked["cursor"] not in ids:
        raise BadQuery([Problem("/query/cursor", "format", "must be that of a link named next")])
    first = ids.index(asked["cursor"]) + 1 if "cursor" in asked else 0
    found = [one for one in all_of_it[first:] if one["status"] in chosen]
    more = len(found) > count_max
    return _page(request, asked, found[:count_max], found[count_max - 1]["id"] if more else None)


@answers("fhir_get_communication")
async def get_communication(request: Asking, communication: FromPath[str]) -> Response[bytes]:
    """One way that was tried."""
    _query(request)
    known = _COMMUNICATION.fullmatch(communication)
    view = await _seen(request, UUID(known[1])) if known else None
    found = [one for one in fhir_resources.communications(view) if one["id"] == communication] if view else []
    if not found:
        raise NotFound("no such communication", code="communication_unknown")
    return _answer(found[0])


async def _seen(request: Asking, notification_id: UUID) -> Json | None:
    """A notification that the caller may see; None when there is none."""
    try:
        return await edge(request).service.get(caller(request), notification_id)
    except NotFound:
        return None


# --- queries and answers ----------------------------------------------------------------------------------------------


def _query(request: Asking) -> dict[str, str]:
    """The query, once it is sure that the answer may be JSON. Raises NotAcceptable, BadQuery."""
    operation = operation_of(request)
    assert operation is not None, "only calls of the contract come here"
    given = request.query_params.dict()
    # A plus that was not written as %2B arrives as a space.
    formats = [one.partition(";")[0].strip().lower().replace(" ", "+") for one in given.get("_format", []) if one]
    if not formats:
        reading.preferred(request.headers.get("accept"), (terms.FHIR_TYPE, JSON_TYPE))
    elif not _FORMATS.issuperset(formats):
        raise NotAcceptable(f"this is made as {terms.FHIR_TYPE}")
    return reading.query(given, [one.name for one in operation.parameters if one.place == "query"])


def _statuses(text: str, known: tuple[str, ...], problems: list[Problem]) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(known):
        problems.append(Problem("/query/status", "unknown_code", f"must be some of: {', '.join(known)}"))
    return chosen


def _count(asked: Mapping[str, str], problems: list[Problem]) -> int:
    """How many a page has at most. More than there may be is not wrong: fewer are answered, as the standard allows."""
    text = asked.get("_count", str(PAGE_SIZE))
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text, re.ASCII):
        problems.append(Problem("/query/_count", "range", "must be a number from 1 up"))
        return PAGE_SIZE
    return min(int(text), PAGE_SIZE_MAX)


def _id(asked: Mapping[str, str], name: str, rule: str, problems: list[Problem]) -> UUID | None:
    try:
        return UUID(asked[name]) if name in asked else None
    except ValueError:
        problems.append(Problem(f"/query/{name}", "format", rule))
        return None


def _issuer(request: Asking) -> str:
    return edge(request).public_url or str(request.base_url).rstrip("/")


def _location(request: Asking, view: Mapping[str, Any]) -> dict[str, str]:
    path = OPERATIONS["fhir_get_request"].path.format(notification_id=view["id"])
    return {"location": f"{_issuer(request)}{path}"}


def _page(request: Asking, asked: Mapping[str, str], found: list[Json], cursor: str | None) -> Response[bytes]:
    operation = operation_of(request)
    assert operation is not None, "only calls of the contract come here"
    place = operation.path.rpartition("/")[2]
    return _answer(fhir_resources.bundle(f"{_issuer(request)}{terms.PLACE}", place, asked, found, cursor))


def _answer(resource: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    return Response(msgspec.json.encode(resource), status_code=status, media_type=terms.FHIR_TYPE, headers=headers)
