"""CommunicationRequest and Communication over a real port: the same notifications as v1, in R4 and in R4's ways."""

import asyncio
import logging
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.communication import Communication
from fhirclient.models.communicationrequest import CommunicationRequest
from tests.api.desk import ADULT, BY_DOCUMENTS, CODE, PATIENT_ID, PHONE, Desk, Reply, a_desk
from tests.api.fhir_resources import BY_PHONE, IDENTIFIER, NUMBER, PRESCRIPTION, SOLICITED, TYPE, datum, kind, r4

from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.contract import OPERATIONS, Envelope
from esoz_notify.api.rates import RateLimit
from esoz_notify.core.cascade import Due, Event, Replied, Reported
from esoz_notify.core.channel import Channel
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Refused, Unknown
from esoz_notify.core.status import Outcome, Status

REQUESTS, EVENTS = "/fhir/CommunicationRequest", "/fhir/Communication"
GUARDIAN_ID = "0198c0de-0000-7000-8000-000000000003"
REVOKED = [{"op": "replace", "path": "/status", "value": "revoked"}]


async def create(desk: Desk, resource: dict[str, Any] = PRESCRIPTION, /, **headers: Any) -> Reply:
    """Post a resource."""
    return await desk.call("POST", REQUESTS, resource, content_type=TYPE, **headers)


async def made(desk: Desk, resource: dict[str, Any] = PRESCRIPTION, /, **headers: Any) -> dict[str, Any]:
    """Post a resource that is taken."""
    reply = await create(desk, resource, **headers)
    assert reply.status == 201, reply.body
    return r4(reply.json)


async def found(desk: Desk, address: str) -> list[dict[str, Any]]:
    """Everything that a search finds, by its links."""
    resources: list[dict[str, Any]] = []
    while address:
        reply = await desk.call("GET", address.removeprefix(desk.base_url))
        assert reply.status == 200, reply.body
        page = r4(reply.json)
        entries = page.get("entry", [])
        assert all(one["fullUrl"].endswith(f"/{one['resource']['id']}") for one in entries)
        resources += [one["resource"] for one in entries]
        assert len({one["id"] for one in resources}) == len(resources), "no page repeats another"
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return resources


async def ways(desk: Desk, request: dict[str, Any], more: str = "") -> list[dict[str, Any]]:
    """What was tried for a request."""
    return await found(desk, f"{EVENTS}?based-on=CommunicationRequest/{request['id']}{more}")


def issues(reply: Reply) -> list[tuple[str, str, str]]:
    """Of an outcome: type, stable code and place of every issue."""
    assert reply.headers["Content-Type"] == TYPE
    return [
        (one["code"], one["details"]["coding"][0]["code"], (one.get("expression") or one.get("location") or [""])[0])
        for one in r4(reply.json)["issue"]
    ]


async def test_a_request_is_created_read_found_and_withdrawn(desk: Desk) -> None:
    """One and the same notification by both dialects; its data and its phone are in no answer."""
    await desk.patient()
    reply = await create(desk)
    resource = r4(reply.json)
    one = f"{REQUESTS}/{resource['id']}"

    assert (reply.status, reply.headers["Location"]) == (201, f"{desk.base_url}{one}")
    assert (resource["status"], resource["identifier"], resource["subject"]["reference"]) == (
        "active", [IDENTIFIER], f"Patient/{PATIENT_ID}",
    )  # fmt: skip
    assert resource["recipient"] == [{**resource["subject"], "display": "+38000*****01"}]
    assert [one["coding"][0]["code"] for one in resource["medium"]] == ["viber", "sms"]
    assert (await desk.call("GET", one)).json == resource
    v1 = (await desk.call("GET", f"/v1/notifications/{resource['id']}")).json
    assert (v1["kind"], v1["reference"]) == ("prescription_issued", f"{IDENTIFIER['system']}|rx-7")

    token = quote(f"{IDENTIFIER['system']}|rx-7")
    queries = (f"_id={resource['id']}", f"identifier={token}", "status=active,revoked", f"patient={PATIENT_ID}",
               f"subject=Patient/{PATIENT_ID}&status=active&identifier={token}")  # fmt: skip
    for query in queries:
        assert await found(desk, f"{REQUESTS}?{query}") == [resource], query
    for query in (f"_id={uuid4()}", "identifier=rx-7", "identifier=urn:x|rx-7", "status=completed", "status=draft",
                  f"patient={uuid4()}"):  # fmt: skip
        assert await found(desk, f"{REQUESTS}?{query}") == [], query

    if_active = [{"op": "test", "path": "/status", "value": "active"}, *REVOKED]
    for patch in (if_active, REVOKED):
        reply = await desk.call("PATCH", one, patch, content_type=terms.PATCH_TYPE)
        assert (reply.status, r4(reply.json)["status"]) == (200, "revoked")
    late = await desk.call("PATCH", one, if_active, content_type=terms.PATCH_TYPE)
    assert (late.status, issues(late)) == (409, [("conflict", "status_conflict", "")])
    assert (await desk.call("GET", f"/v1/notifications/{resource['id']}")).json["status"] == "cancelled"
    for told in (resource, reply.json):
        assert not any(secret in str(told) for secret in (f"'{CODE}'", NUMBER, PHONE[1:]))


ATTEMPTS: dict[str, tuple[tuple[Event, ...], str, str | None, str | None]] = {
    "submitting": ((Due(),), "in-progress", None, None),
    "submitted": ((Due(), Replied(0, Accepted(("m",)))), "in-progress", None, None),
    "delivered": (
        (Due(), Replied(0, Accepted(("m",))), Reported(0, 0, ReceiptState.DELIVERED)), "completed", None, None,
    ),
    "unknown": ((Due(), Replied(0, Unknown(Reason.NO_ANSWER))), "unknown", "no_answer", "system-error"),
    "failed": (
        (Due(), Replied(0, Refused(Reason.BLOCKED_BY_USER))), "not-done", "blocked_by_user", "patient-objection",
    ),
}  # fmt: skip


async def test_every_attempt_is_a_communication(desk: Desk) -> None:
    """Its status and reason are the standard's and ours; only a proof has a time at which it was received."""
    await desk.patient()
    for outcome, (events, status, reason, standard) in ATTEMPTS.items():
        request = await made(desk, {**PRESCRIPTION, "identifier": [{"value": outcome}]})
        assert await ways(desk, request) == []
        await desk.move(request["id"], *events)
        first = r4((await ways(desk, request))[0])

        assert (first["id"], first["status"]) == (f"{request['id']}.0", status), outcome
        assert first["extension"][0] == {"url": f"{terms.EXTENSION}outcome", "valueCode": outcome}
        assert first["basedOn"] == [{"reference": f"CommunicationRequest/{request['id']}"}]
        assert first["medium"] == [terms.medium(Channel.VIBER)]
        codes = [one["code"] for one in first.get("statusReason", {}).get("coding", [])]
        assert codes == ([reason, standard] if reason else []), outcome
        assert ("received" in first) == (outcome == "delivered")
        assert ("sent" in first) == (outcome in {"submitted", "delivered"})
        assert (await desk.call("GET", f"{EVENTS}/{first['id']}")).json == first
        now = (await desk.call("GET", f"{REQUESTS}/{request['id']}")).json
        assert now["status"] == ("completed" if outcome == "delivered" else "active")


async def test_paper_is_a_communication_that_somebody_prepares(desk: Desk) -> None:
    """What is to be printed is in preparation, and completed when the summary was fetched; chosen by medium."""
    await desk.patient(BY_DOCUMENTS)
    request = await made(desk, {**PRESCRIPTION, "medium": [terms.medium(Channel.PRINT)]})
    (sheet,) = await ways(desk, request)
    assert (request["status"], request["medium"]) == ("active", [terms.medium(Channel.PRINT)])
    assert {one["url"].removeprefix(terms.EXTENSION) for one in request["extension"]} == {
        "why-recipient", "print-required",
    }  # fmt: skip
    assert (r4(sheet)["id"], sheet["status"]) == (f"{request['id']}.print", "preparation")

    await desk.call("GET", f"/v1/notifications/{request['id']}/summary", accept="text/plain")
    (sheet,) = await ways(desk, request)
    assert (r4(sheet)["status"], "sent" in sheet, "received" in sheet) == ("completed", True, False)
    assert (await desk.call("GET", f"{REQUESTS}/{request['id']}")).json["status"] == "completed"

    other = await made(desk, {**PRESCRIPTION, "identifier": [{"value": "2"}], "medium": [terms.medium(Channel.PRINT)]})
    await desk.call("PATCH", f"{REQUESTS}/{other['id']}", REVOKED, content_type=terms.PATCH_TYPE)
    (sheet,) = await ways(desk, other)
    assert (r4(sheet)["status"], sheet["statusReason"]["coding"][0]["code"]) == ("not-done", "cancelled")


async def test_whoever_is_told_for_a_child_is_a_related_person(desk: Desk) -> None:
    """The guardian stands inside the resource, with the phone as v1 masks it; the subject stays the child."""
    await desk.patient(ADULT, GUARDIAN_ID)
    link = {"type": "THIRD_PERSON", "value": GUARDIAN_ID}
    confidant = {"person_id": GUARDIAN_ID, "is_active": True, "verification_status": "VERIFIED"}
    await desk.patient({"birth_date": "2020-01-01", "authentication_methods": [link], "confidants": [confidant]})
    request = await made(desk)
    await desk.start(request["id"])
    (tried,) = await ways(desk, request)

    for resource in (request, r4(tried)):
        assert resource["recipient"] == [{"reference": "#recipient"}]
        assert resource["subject"]["reference"] == f"Patient/{PATIENT_ID}"
        (person,) = resource["contained"]
        assert (person["resourceType"], person["patient"]) == ("RelatedPerson", resource["subject"])
        assert person["telecom"] == [{"system": "phone", "value": "+38000*****01"}]
        assert person.keys() == {"resourceType", "id", "patient", "relationship", "telecom"}
        assert GUARDIAN_ID not in str(resource)


async def test_a_phone_of_the_callers_choice(desk: Desk) -> None:
    """Somebody who is in no register is a contained Patient, in the request as in the answer, there masked."""
    request = await made(desk, BY_PHONE, idempotency_key="k")
    assert request["contained"] == [
        {"resourceType": "Patient", "id": "recipient", "telecom": [{"system": "phone", "value": "+38000*****01"}]}
    ]
    assert "subject" not in request
    v1 = (await desk.call("GET", f"/v1/notifications/{request['id']}")).json
    assert (v1["recipient"]["phone"], v1["skipped"]) == ("+38000*****01", [])


async def test_what_is_sent_twice_is_made_once(desk: Desk) -> None:
    """By the header, by the identifier when there is none, and by If-None-Exist, which forgives another content."""
    await desk.patient()
    by_key = [await create(desk, {**PRESCRIPTION, "identifier": []}, idempotency_key="k") for _ in range(2)]
    by_identifier = [await create(desk) for _ in range(2)]
    for first, again in (by_key, by_identifier):
        assert (first.status, again.status, again.json) == (201, 201, first.json)
        assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    other = {**PRESCRIPTION, "category": kind("prescription_blocked"), "payload": PRESCRIPTION["payload"][:1]}
    assert issues(await create(desk, other)) == [("business-rule", "idempotency_key_reused", "")]
    missing = await create(desk, {**PRESCRIPTION, "identifier": []})
    assert (missing.status, issues(missing)) == (400, [("invalid", "idempotency_key_missing", "")])

    condition = f"identifier={quote(IDENTIFIER['system'])}%7Crx-7"
    there = await create(desk, other, if_none_exist=condition)
    assert (there.status, there.json) == (200, by_identifier[0].json)
    assert there.headers["Location"] == by_identifier[0].headers["Location"]
    fresh = {**PRESCRIPTION, "identifier": [{"value": "new 1"}]}
    news = [await create(desk, fresh, if_none_exist="identifier=%7Cnew%201") for _ in range(2)]
    assert [one.status for one in news] == [201, 200]
    for wrong in ("identifier=%7Cother", "status=active", "identifier=a&identifier=b", "", "identifier"):
        refused = await create(desk, fresh, if_none_exist=wrong)
        assert (refused.status, refused.code) == (400, "condition_not_supported"), wrong

    await create(desk, fresh, idempotency_key="again")
    several = await create(desk, fresh, if_none_exist="identifier=%7Cnew%201")
    assert (several.status, issues(several)) == (412, [("multiple-matches", "several_found", "")])


async def test_of_others_nothing_is_found_or_changed(desk: Desk) -> None:
    """Another caller's request is not there, in searches and by id, and stands in nobody's way."""
    await desk.patient()
    request = await made(desk)
    await desk.start(request["id"])
    secret = await desk.access.callers.create("mis-2", "Another", ["notifications:read", "notifications:write"])
    theirs = (await desk.access.issue("mis-2", secret)).access_token
    for address in (f"{REQUESTS}?_id={request['id']}", f"{EVENTS}?based-on={request['id']}", REQUESTS):
        assert "entry" not in (await desk.call("GET", address, token=theirs)).json
    for address in (f"{REQUESTS}/{request['id']}", f"{EVENTS}/{request['id']}.0"):
        refused = await desk.call("GET", address, token=theirs)
        assert (refused.status, issues(refused)[0][0]) == (404, "not-found")
    condition = f"identifier={quote(IDENTIFIER['system'])}%7Crx-7"
    sees_all = await desk.call("POST", REQUESTS, PRESCRIPTION, token=theirs, if_none_exist=condition)
    assert sees_all.status == 201
    assert (await create(desk, if_none_exist=condition)).json["id"] == request["id"], "though it sees both"


async def test_pages_follow_each_other(desk: Desk) -> None:
    """By the links named next every resource is found once, however short the pages are."""
    await desk.patient()
    requests = [await made(desk, {**PRESCRIPTION, "identifier": [{"value": str(n)}]}) for n in range(3)]
    pages = f"{REQUESTS}?patient={PATIENT_ID}&_count="
    assert [one["id"] for one in await found(desk, f"{pages}2")] == [one["id"] for one in requests[::-1]]
    assert len((await desk.call("GET", f"{pages}2")).json["entry"]) == 2
    assert len((await desk.call("GET", f"{pages}999999")).json["entry"]) == 3

    await desk.move(requests[0]["id"], Due(), Replied(0, Refused(Reason.NOT_ON_CHANNEL)), Due())
    all_of_it = await ways(desk, requests[0])
    assert [one["status"] for one in all_of_it] == ["not-done", "in-progress"]
    assert await ways(desk, requests[0], "&_count=1") == all_of_it
    assert await ways(desk, requests[0], "&status=in-progress,completed&_count=1") == all_of_it[1:]


async def test_refusals_are_outcomes_that_name_their_elements(desk: Desk) -> None:
    """Whatever is wrong is told at the element where it is, with the code that v1 has for it, and none of its value."""
    await desk.patient()
    wrong: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
        "no kind": ({"category": []}, [("required", "required", "category")]),
        "a kind that is none": (
            {"category": kind("party")}, [("code-invalid", "unknown_kind", "category[0].coding[0].code")],
        ),
        "no number": ({"payload": []}, [("required", "missing", "payload")]),
        "a wrong number": (
            {"payload": [datum("verification_code", CODE), datum("request_number", PHONE)]},
            [("value", "wrong_symbol", "payload[1].content.identifier.value")],
        ),
        "what is over": (
            {"occurrencePeriod": {"end": "2020-01-01T00:00:00Z"}}, [("value", "past", "occurrence.end")],
        ),
        "a stranger": (
            {"subject": {"reference": f"Patient/{uuid4()}"}}, [("value", "patient_unknown", "subject.reference")],
        ),
        "a name of the caller's own": ({PHONE: 1}, [("structure", "unknown_element", "")]),
        "a detail that there is none of": (
            {"extension": [{"url": f"{terms.EXTENSION}summary", "extension": [{"url": "mood", "valueString": "x"}]}]},
            [
                ("required", "missing", "extension[0]"), ("required", "missing", "extension[0]"),
                ("structure", "unknown_field", "extension[0].extension[0].value"),
            ],
        ),
    }  # fmt: skip
    for what, (change, told) in wrong.items():
        reply = await create(desk, {**PRESCRIPTION, **change})
        places = [(kind, code, f"CommunicationRequest.{at}".rstrip(".")) for kind, code, at in told]
        assert (reply.status, issues(reply)) == (422, places), what
        assert PHONE[5:].encode() not in reply.body, what

    await desk.patient({**ADULT, "authentication_methods": []})
    nobody = await create(desk)
    assert [one[1] for one in issues(nobody)] == ["no_authentication_method", "print_offered"]
    assert nobody.json["issue"][0]["details"]["text"] == "Пацієнт не має методу автентифікації."
    both = f"_id={uuid4()}&status=active"
    for query in ("_count=0", "_count=x", "status=open", "identifier=%7C", "subject=x", "cursor=1", "_sort=_id", both):
        reply = await desk.call("GET", f"{REQUESTS}?{query}")
        assert (reply.status, issues(reply)[0][2]) == (400, f"http.{query.partition('=')[0]}"), query
    assert issues(await desk.call("GET", EVENTS)) == [("required", "required", "http.based-on")]
    assert issues(await desk.call("GET", f"{EVENTS}?based-on={uuid4()}&cursor=x"))[0][2] == "http.cursor"


async def test_refusals_of_http_are_outcomes_too(ledger_dsn: str) -> None:
    """401, 403, 404, 405, 406, 413, 415, 429 and 503, whichever part of the API they come from."""
    async with a_desk(ledger_dsn, rate_limit=RateLimit(quota=40, window_s=300)) as desk:
        one = f"{REQUESTS}/{uuid4()}"
        read = await desk.token("notifications:read")
        xml = "application/fhir+xml"
        refused = {
            (401, "login"): await desk.call("GET", REQUESTS, token=None),
            (403, "forbidden"): await desk.call("POST", REQUESTS, PRESCRIPTION, token=read),
            (404, "not-found"): await desk.call("GET", one),
            (405, "not-supported"): await desk.call("PUT", one, {}),
            (406, "not-supported"): await desk.call("GET", one, accept=xml),
            (413, "too-long"): await desk.call("POST", REQUESTS, raw=b" " * 70_000),
            (415, "not-supported"): await desk.call("POST", REQUESTS, raw=b"<a/>", content_type=xml),
            (400, "invalid"): await desk.call("POST", REQUESTS, raw=b"{"),
            (422, "structure"): await desk.call("POST", REQUESTS, raw=b"[]"),
            (422, "not-supported"): await desk.call("PATCH", one, [], content_type=terms.PATCH_TYPE),
        }
        for (status, kind_of_issue), reply in refused.items():
            assert (reply.status, issues(reply)[0][0]) == (status, kind_of_issue)
        assert refused[401, "login"].headers["WWW-Authenticate"].startswith("Bearer")
        for path in ("/fhir", "/fhir/Patient/1", "/fhir/CommunicationRequest/1", f"{EVENTS}/1"):
            assert issues(await desk.call("GET", path))[0][0] == "not-found", path
        for wanted in ("xml", "ttl", quote(xml)):
            assert (await desk.call("GET", f"{REQUESTS}?_format={wanted}")).status == 406, wanted
        for wanted in ("json", "application/fhir+json", quote("application/fhir+json")):
            assert (await desk.call("GET", f"{REQUESTS}?_format={wanted}", accept=xml)).status == 200, wanted
        await desk.ledger.close()
        away = await desk.call("GET", REQUESTS)
        assert (away.status, issues(away)[0][0]) == (503, "transient")
        while (last := await desk.call("GET", REQUESTS)).status != 429:
            pass
        assert (issues(last)[0][:2], "Retry-After" in last.headers) == (("throttled", "rate_limited"), True)


async def test_an_unforeseen_fault_tells_only_where_it_is_in_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 is an outcome with the id under which it is in the log, which has no phone and no code."""
    caplog.set_level(logging.DEBUG)
    await made(desk, BY_PHONE, idempotency_key="a")

    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(PHONE)

    monkeypatch.setattr(desk.service, "accept", breaks)
    reply = await create(desk, BY_PHONE, idempotency_key="b")
    (issue,) = r4(reply.json)["issue"]
    assert (reply.status, issue["severity"], issue["code"]) == (500, "fatal", "exception")
    assert issue["diagnostics"].removeprefix("urn:uuid:") in caplog.text
    assert PHONE[1:] not in caplog.text
    assert f"'{CODE}'" not in caplog.text


async def test_the_statement_names_what_there_is(desk: Desk) -> None:
    """Every row of the contract is an interaction, with its searches; where tokens are given is told."""
    statement = r4((await desk.call("GET", "/fhir/metadata", token=None)).json)
    (rest,) = statement["rest"]
    offered = {one["type"]: {each["code"] for each in one["interaction"]} for one in rest["resource"]}
    searched = {one["type"]: {each["name"] for each in one["searchParam"]} for one in rest["resource"]}

    assert (statement["fhirVersion"], statement["implementation"]["url"]) == ("4.0.1", f"{desk.base_url}/fhir")
    assert offered == {
        "CommunicationRequest": {"create", "search-type", "read", "patch"}, "Communication": {"search-type", "read"},
    }  # fmt: skip
    assert sum(map(len, offered.values())) + 1 == sum(one.envelope is Envelope.FHIR for one in OPERATIONS.values())
    assert searched["Communication"] == {"based-on", "status"}
    assert searched["CommunicationRequest"] == {"_id", "identifier", "status", "subject", "patient"}
    assert rest["security"]["service"][0]["coding"][0]["code"] == "OAuth"
    assert f"{desk.base_url}/oauth/token" in str(rest["security"])


async def test_a_client_that_others_wrote_works(desk: Desk) -> None:
    """The SMART project's own client creates, reads and searches, and finds nothing that is not R4."""
    await desk.patient()
    token = await desk.token()

    def work() -> tuple[str, str, list[str]]:
        server = FHIRClient(settings={"app_id": "mis-1", "api_base": f"{desk.base_url}/fhir"}).server
        with server.session as session:
            session.headers["Authorization"] = f"Bearer {token}"
            assert server.capabilityStatement.fhirVersion == "4.0.1"
            created = CommunicationRequest(PRESCRIPTION).create(server)
            read = CommunicationRequest.read(created["id"], server)
            asyncio.run_coroutine_threadsafe(desk.start(read.id), loop).result(30)
            by = CommunicationRequest.where({"identifier": f"{IDENTIFIER['system']}|rx-7"})
            tried = Communication.where({"based-on": read.relativePath(), "_count": "1"})
            (again,) = by.perform_resources_iter(server)
            return read.id, again.status, [one.status for one in tried.perform_resources_iter(server)]

    loop = asyncio.get_running_loop()
    notification_id, status, tried = await asyncio.to_thread(work)
    assert (str(UUID(notification_id)), status, tried) == (notification_id, "active", ["in-progress"])


async def test_the_standards_own_shapes_are_read(desk: Desk) -> None:
    """A resource of the official example's shape is told all that is not ours; with what is ours it is taken."""
    await desk.patient()
    refused = await create(desk, r4(SOLICITED))
    assert (refused.status, {one[2].removeprefix("CommunicationRequest.") for one in issues(refused)}) == (
        422,
        {"category", "medium", "subject.reference", "recipient[0].reference", "payload[0].content", "occurrence"},
    )
    ours = {
        **SOLICITED,
        "category": [*SOLICITED["category"], *PRESCRIPTION["category"]],
        "subject": PRESCRIPTION["subject"],
        "payload": PRESCRIPTION["payload"],
    }
    for name in ("medium", "occurrenceDateTime", "recipient"):
        del ours[name]
    taken = await made(desk, r4(ours))
    assert taken["identifier"] == SOLICITED["identifier"]
    assert not {"text", "requester", "sender", "groupIdentifier", "encounter", "priority"} & taken.keys()


def test_every_word_of_ours_has_one_of_the_standards() -> None:
    """No status, outcome, reason or channel lacks its code, and every code is of the standard's value set."""
    assert set(terms.REQUEST_STATUSES) == set(Status)
    assert set(terms.EVENT_STATUSES) == set(Outcome)
    assert set(terms.NOT_DONE_REASONS) == set(Reason)
    assert set(terms.MODES) == set(Channel)
    assert set(terms.REQUEST_STATUSES.values()) <= set(terms.ALL_REQUEST_STATUSES)
    assert {*terms.EVENT_STATUSES.values(), *terms.PAPER_STATUSES.values()} <= set(terms.ALL_EVENT_STATUSES)
