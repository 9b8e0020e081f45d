"""From a resource to the request of v1 that means the same: every element that is read, left or refused."""

from datetime import UTC, datetime
from typing import Any

import pytest
from fhirclient.models.communicationrequest import CommunicationRequest
from tests.api.desk import CODE, PATIENT_ID, PHONE
from tests.api.fhir_resources import BY_PHONE, IDENTIFIER, NUMBER, PRESCRIPTION, datum, r4

from esoz_notify.api import fhir_reading
from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.fhir_reading import NOT_KEPT, REFUSED, read_request
from esoz_notify.core.channel import Channel
from esoz_notify.core.errors import InvalidInput
from esoz_notify.engine.requests import FIELDS, read_order

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PATIENT = {"reference": f"Patient/{PATIENT_ID}"}


def extension(name: str, **value: object) -> dict[str, Any]:
    """An extension of ours."""
    return {"url": f"{terms.EXTENSION}{name}", **value}


def told(change: dict[str, Any], resource: dict[str, Any] = PRESCRIPTION) -> list[tuple[str, str]]:
    """Code and pointer of everything that is wrong with a changed resource."""
    with pytest.raises(InvalidInput) as refused:
        read_request({**resource, **change}, NOW)
    return [(one.code, one.pointer) for one in refused.value.problems]


def test_every_field_of_v1_has_its_element() -> None:
    """A resource that says all that can be said is the whole body of v1."""
    whole = {
        **PRESCRIPTION,
        "recipient": [PATIENT],
        "occurrencePeriod": {"start": "2026-11-27T10:00:00Z", "end": "2026-11-28T10:00:00Z"},
        "extension": [
            extension("inform-with", valueString="m-1"),
            extension("notifications-off", valueBoolean=True),
            extension("region", valueString="r"),
            extension("programme", valueString="p"),
            extension(
                "summary",
                extension=[{"url": "medication", "valueString": "m"}, {"url": "dosage", "valueString": "d"}],
            ),
            extension("print-required", valueBoolean=True),
            {"url": "https://others.example/extension", "valueInteger": 7},
        ],
    }
    asked = read_request(r4(whole), NOW)
    assert asked.request == {
        "kind": "prescription_issued",
        "patient_id": PATIENT_ID,
        "data": {"request_number": NUMBER, "verification_code": CODE},
        "reference": f"{IDENTIFIER['system']}|{IDENTIFIER['value']}",
        "valid_until": "2026-11-28T10:00:00Z",
        "inform_with": "m-1",
        "notifications_off": True,
        "region": "r",
        "programme": "p",
        "summary": {"medication": "m", "dosage": "d"},
    }
    read_order(asked.request, NOW)
    assert set(FIELDS) - asked.request.keys() == {"recipient"}
    paper = read_request({**PRESCRIPTION, "medium": [terms.medium(Channel.PRINT)]}, NOW)
    assert paper.request["inform_with"] == "print"


def test_somebody_inside_the_resource_is_a_recipient() -> None:
    """Phone, tax number and language are read from where R4 has them; name and address are left."""
    person = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "Ніхто"}],
        "telecom": [{"system": "email", "value": "a@b.example"}, {"system": "sms", "value": PHONE}],
        "identifier": [{"system": "urn:x", "value": "1"}, {"system": terms.TAX_ID, "value": "0000000001"}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}}],
    }
    asked = read_request(r4({**BY_PHONE, "contained": [person], "subject": {"reference": "#p"}}), NOW)
    assert asked.request["recipient"] == {"phone": PHONE, "tax_id": "0000000001", "language": "en"}
    assert "patient_id" not in asked.request
    both = read_request({**BY_PHONE, "subject": PATIENT}, NOW)
    with pytest.raises(InvalidInput) as refused:
        read_order(both.request, NOW)
    assert [one.pointer for one in both.refused(refused.value).problems] == ["/subject"]


def test_every_element_of_the_standard_is_read_left_or_refused() -> None:
    """None is forgotten, and none is two of these."""
    standard = {name for _, name, *_ in CommunicationRequest().elementProperties()} | {"resourceType"}
    assert sorted([*fhir_reading._READ, *NOT_KEPT, *REFUSED]) == sorted(standard)


def test_what_changes_nothing_is_left() -> None:
    """Elements that say nothing of who is told what make no difference, and neither do their own extensions."""
    left = dict.fromkeys(NOT_KEPT, "anything") | {"_status": {"id": "s"}, "doNotPerform": False}
    assert read_request({**PRESCRIPTION, **left}, NOW).request == read_request(PRESCRIPTION, NOW).request


def test_what_would_change_the_meaning_is_refused() -> None:
    """Every such element is named, with what to do instead."""
    for name in REFUSED:
        assert told({name: "anything"}) == [("not_supported", f"/{name}")]
    assert told({"doNotPerform": True}) == [("not_supported", "/doNotPerform")]
    assert told({"resourceType": "Communication"}) == [("not_supported", "/resourceType")]
    assert told({"status": "draft"}) == [("unknown_code", "/status")]
    assert told({"colour": 1}) == [("unknown_element", "/colour")]
    assert told({"payload": [{"contentString": "x"}]}) == [("free_text", "/payload/0/contentString")]
    assert told({"medium": [terms.medium(Channel.SMS)]}) == [("not_supported", "/medium")]
    for start in ("2027-01-01T00:00:00Z", "2026-11-27", 7):
        assert told({"occurrencePeriod": {"start": start}}) == [("not_supported", "/occurrencePeriod/start")], start


WRONG: tuple[tuple[dict[str, Any], list[tuple[str, str]]], ...] = (
    ({"identifier": [IDENTIFIER, IDENTIFIER]}, [("not_supported", "/identifier/1")]),
    ({"identifier": [{"system": "no uri", "value": "7"}]}, [("format", "/identifier/0")]),
    ({"identifier": {}}, [("type", "/identifier")]),
    ({"category": [*PRESCRIPTION["category"], *PRESCRIPTION["category"]]},
     [("given_twice", "/category/1/coding/0/code")]),
    ({"category": ["x"]}, [("type", "/category/0"), ("required", "/category")]),
    ({"subject": {"reference": "Patient/7"}}, [("format", "/subject/reference")]),
    ({"subject": 7}, [("type", "/subject"), ("format", "/subject/reference")]),
    ({"recipient": [{"reference": "Patient/0198c0de-0000-7000-8000-000000000002"}]},
     [("format", "/subject/reference")]),
    ({"recipient": [{"reference": "Practitioner/1"}]}, [("format", "/recipient/0/reference")]),
    ({"payload": [datum("request_number", NUMBER)] * 2}, [("given_twice", "/payload/1/contentReference")]),
    ({"payload": [{"contentReference": {"reference": "Task/1"}}]},
     [("required", "/payload/0/contentReference/identifier"),
      ("unknown_code", "/payload/0/contentReference/identifier/system")]),
    ({"payload": [{}]}, [("required", "/payload/0")]),
    ({"payload": [7, 7, 7]}, [("type", "/payload/0")]),
    ({"extension": [extension("region")]}, [("required", "/extension/0")]),
    ({"extension": [extension("colour")]}, [("unknown_code", "/extension/0/url")]),
    ({"extension": [extension("summary", extension=[{"url": 1}])]}, [("format", "/extension/0/extension/0/url")]),
    ({"extension": [extension("inform-with", valueString="print")], "medium": [terms.medium(Channel.PRINT)]},
     [("given_twice", "/extension/0/valueString")]),
)  # fmt: skip


@pytest.mark.parametrize(("change", "problems"), WRONG)
def test_what_cannot_be_read_is_named(change: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    """Every fault has its place in the resource."""
    assert told(change) == problems


def test_nobody_and_two_persons_are_refused() -> None:
    """One person is informed by one request."""
    nobody = {name: value for name, value in PRESCRIPTION.items() if name != "subject"}
    assert told({}, nobody) == [("required", "/subject")]
    (one,) = BY_PHONE["contained"]
    two = {"contained": [one, {**one, "id": "q"}], "recipient": [{"reference": "#p"}, {"reference": "#q"}]}
    assert told(two, BY_PHONE) == [("given_twice", "/recipient/1")]
