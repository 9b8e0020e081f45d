"""What headers, searches and patches of FHIR mean: the identifiers, references and changes that they name.

What does not belong here: resources (``fhir_reading``), doing what is asked (``fhir``).
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from esoz_notify.api.fhir_reading import PATIENT, Asked, read_identifier
from esoz_notify.api.reading import BadRequest
from esoz_notify.core.errors import InvalidInput, Problem

_REQUEST = re.compile(
    r"(?:(?:.*/)?CommunicationRequest/)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})", re.ASCII
)
_IF_NONE_EXIST = "send If-None-Exist: identifier=system|value with the identifier of the resource, percent-encoded"
_WITHDRAW = {"op": "replace", "path": "/status", "value": "revoked"}
_TEST = {"op": "test", "path": "/status", "value": "active"}
_PATCH_RULE = (
    'the one change that may be made is [{"op": "replace", "path": "/status", "value": "revoked"}],'
    " with a test of /status for active before it or without"
)


def check_condition(header: str, asked: Asked) -> str:
    """The reference that an If-None-Exist header looks for. Raises BadRequest when it is not the resource's own."""
    try:
        ((name, text),) = parse_qsl(header.lstrip("?"), strict_parsing=True)
    except ValueError:
        name = text = ""
    reference = read_token(text)
    if name != "identifier" or reference is None or reference != asked.request.get("reference"):
        raise BadRequest(_IF_NONE_EXIST, code="condition_not_supported")
    return reference


def read_token(text: str) -> str | None:
    """The reference that a search for ``system|value``, ``|value`` or ``value`` looks for; None: none can be meant."""
    system, bar, value = text.partition("|")
    return read_identifier(system or None, value) if bar else read_identifier(None, text)


def patient_of(text: str) -> UUID | None:
    """The patient that a search for ``Patient/{id}`` or a bare id means; None: it means none."""
    found = PATIENT.fullmatch(text if "/" in text else f"Patient/{text}")
    return UUID(found[1]) if found else None


def request_of(text: str) -> UUID | None:
    """The request that a search for ``CommunicationRequest/{id}`` or a bare id means; None: it means none."""
    found = _REQUEST.fullmatch(text)
    return UUID(found[1]) if found else None


def read_patch(patch: Sequence[Any]) -> bool:
    """Whether a request must be active to be withdrawn by a JSON patch. Raises InvalidInput for any other patch."""
    if list(patch) not in ([_WITHDRAW], [_TEST, _WITHDRAW]):
        raise InvalidInput([Problem("", "not_supported", _PATCH_RULE)])
    return len(patch) > 1
