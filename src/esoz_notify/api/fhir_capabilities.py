"""The CapabilityStatement, made from the rows of the contract, so that it names what there is and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from esoz_notify import __version__
from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.contract import OPERATIONS, Envelope, Operation

_CHANGED = "2026-11-27"
"""When what this statement says changed last."""
_SECURITY_SERVICES = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_SEARCH_PARAMETERS: Mapping[str, str] = {
    "_id": "token",
    "identifier": "token",
    "status": "token",
    "subject": "reference",
    "patient": "reference",
    "based-on": "reference",
}
"""What is searched by, and its type; the other parameters are about the answer."""
_ABOUT = {
    terms.REQUEST: "A notification: who must learn what. Its data are never answered.",
    terms.EVENT: "A way to the person of a notification: tried, left out, or by paper.",
}


def capability_statement(issuer: str) -> dict[str, Any]:
    """The statement. ``issuer``: where callers reach the whole API, without a slash at the end."""
    base = f"{issuer}{terms.PLACE}"
    token = f"{issuer}{OPERATIONS['issue_token'].path}"
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _CHANGED,
        "kind": "instance",
        "software": {"name": "ESOZ Notify", "version": __version__},
        "implementation": {"description": "Notifications to patients of the health system", "url": base},
        "fhirVersion": terms.FHIR_VERSION,
        "format": ["json", terms.FHIR_TYPE],
        "patchFormat": [terms.PATCH_TYPE],
        "rest": [{"mode": "server", "security": _security(issuer, token), "resource": list(_resources())}],
    }


def _security(issuer: str, token: str) -> dict[str, Any]:
    """OAuth, with where tokens are given.

    SMART's extension oauth-uris is not used: it demands an address where people give their consent, and there is none.
    """
    return {
        "extension": [{"url": f"{terms.EXTENSION}token", "valueUri": token}],
        "service": [{"coding": [{"system": _SECURITY_SERVICES, "code": "OAuth"}]}],
        "description": f"OAuth 2.0 client credentials at {token}; metadata (RFC 8414) at"
        f" {issuer}{OPERATIONS['authorization_server'].path}.",
    }


def _resources() -> Iterator[dict[str, Any]]:
    rows = [one for one in OPERATIONS.values() if one.envelope is Envelope.FHIR and one.scope is not None]
    for name in dict.fromkeys(one.path.split("/")[2] for one in rows):
        own = [one for one in rows if one.path.split("/")[2] == name]
        searched = [
            {"name": parameter.name, "type": _SEARCH_PARAMETERS[parameter.name], "documentation": parameter.what}
            for row in own
            for parameter in row.parameters
            if parameter.name in _SEARCH_PARAMETERS
        ]
        resource: dict[str, Any] = {
            "type": name,
            "documentation": _ABOUT[name],
            "interaction": [{"code": _interaction(one), "documentation": f"Needs {one.scope}."} for one in own],
            "versioning": "no-version",
        }
        if any(_interaction(one) == "create" for one in own):
            resource["conditionalCreate"] = True
        yield {**resource, "searchParam": searched}


def _interaction(row: Operation) -> str:
    if row.method == "GET":
        return "read" if row.path.endswith("}") else "search-type"
    return {"POST": "create", "PATCH": "patch"}[row.method]
