"""Resources for tests of /fhir, all made up, and the SMART project's R4 models as the judge of what we answer."""

from typing import Any

from fhirclient.models.fhirelementfactory import FHIRElementFactory
from tests.api.desk import CODE, PATIENT_ID, PHONE

from esoz_notify.api import fhir_terms as terms

TYPE = terms.FHIR_TYPE
IDENTIFIER = {"system": "https://mis.example/prescriptions", "value": "rx-7"}
NUMBER = "0000-243P-1X53-EH38"


def datum(name: str, value: object) -> dict[str, Any]:
    """A datum of a kind."""
    return {"contentReference": {"identifier": {"system": f"{terms.DATA}{name}", "value": value}}}


def kind(name: str) -> list[dict[str, Any]]:
    """A kind as category."""
    return [{"coding": [{"system": terms.KIND, "code": name}]}]


PRESCRIPTION: dict[str, Any] = {
    "resourceType": "CommunicationRequest",
    "identifier": [IDENTIFIER],
    "status": "active",
    "category": kind("prescription_issued"),
    "subject": {"reference": f"Patient/{PATIENT_ID}"},
    "payload": [datum("request_number", NUMBER), datum("verification_code", CODE)],
}
BY_PHONE: dict[str, Any] = {
    "resourceType": "CommunicationRequest",
    "status": "active",
    "category": kind("confirmation_code"),
    "contained": [{"resourceType": "Patient", "id": "p", "telecom": [{"system": "phone", "value": PHONE}]}],
    "recipient": [{"reference": "#p"}],
    "payload": [datum("verification_code", CODE)],
}
SOLICITED: dict[str, Any] = {
    "resourceType": "CommunicationRequest",
    "id": "asked-for",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A payer asks</div>'},
    "contained": [
        {"resourceType": "Organization", "id": "clinic", "identifier": [{"system": "urn:x:clinics", "value": "17"}]},
        {"resourceType": "Organization", "id": "payer", "identifier": [{"system": "urn:x:payers", "value": "3"}]},
    ],
    "identifier": [{"system": "urn:x:requests", "value": "21"}],
    "groupIdentifier": {"value": "group 4"},
    "status": "active",
    "category": [{"coding": [{"system": "urn:x:messages", "code": "AskedForDocument"}]}],
    "priority": "routine",
    "medium": [
        {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "code": "WRITTEN"}],
            "text": "on paper",
        }
    ],
    "subject": {"reference": "Patient/17"},
    "encounter": {"reference": "Encounter/9"},
    "payload": [{"contentString": "Send the report of the accident"}],
    "occurrenceDateTime": "2026-06-10T11:01:10-08:00",
    "authoredOn": "2026-06-10T11:01:10-08:00",
    "requester": {"reference": "Practitioner/12"},
    "recipient": [{"reference": "#clinic"}],
    "sender": {"reference": "#payer"},
}
"""Of the shape of the standard's own example: everything that it has of ours to refuse or to leave."""


def r4(resource: dict[str, Any]) -> dict[str, Any]:
    """The same resource, once the models have read it as R4, with nothing that they do not know. Raises otherwise."""
    model = FHIRElementFactory.instantiate(resource["resourceType"], resource)
    assert model.as_json() == resource
    return resource
