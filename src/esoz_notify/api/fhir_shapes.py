"""The shapes of FHIR resources as the published contract describes them: of R4's elements, those we read or answer.

What does not belong here: the rows (``fhir_contract``), what elements mean (docs/fhir.md). Other elements may be in a
resource, so no shape here is closed.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.shapes import one_of

_Object = dict[str, Any]
_Objects = list[_Object] | UnsetType


class CommunicationRequest(msgspec.Struct, kw_only=True):
    """What somebody must learn: a notification."""

    resourceType: Annotated[str, one_of(terms.REQUEST)]  # noqa: N815 - the standard's name
    status: Annotated[str, one_of(*terms.ALL_REQUEST_STATUSES)]
    id: str | UnsetType = UNSET
    identifier: Annotated[_Objects, Meta(description="your own id: the reference")] = UNSET
    category: Annotated[_Objects, Meta(description=f"the kind, a code of {terms.KIND}")] = UNSET
    subject: Annotated[_Object | UnsetType, Meta(description="Patient/ and the id it was stored under")] = UNSET
    recipient: _Objects = UNSET
    contained: Annotated[_Objects, Meta(description="a recipient who is no patient of the register")] = UNSET
    medium: _Objects = UNSET
    payload: Annotated[
        _Objects, Meta(description=f"data of the kind: contentReference.identifier, system {terms.DATA}name")
    ] = UNSET
    occurrencePeriod: Annotated[  # noqa: N815
        _Object | UnsetType, Meta(description="end: nothing is sent after it")
    ] = UNSET
    extension: _Objects = UNSET


class Communication(msgspec.Struct, kw_only=True):
    """One way to a person that was tried, left out, or goes by paper."""

    resourceType: Annotated[str, one_of(terms.EVENT)]  # noqa: N815
    id: str
    status: Annotated[str, one_of(*terms.ALL_EVENT_STATUSES)]
    basedOn: list[_Object]  # noqa: N815
    statusReason: _Object | UnsetType = UNSET  # noqa: N815
    medium: list[_Object]
    sent: str | UnsetType = UNSET
    received: Annotated[str | UnsetType, Meta(description="when it was proved to be on the person's device")] = UNSET


class Bundle(msgspec.Struct, kw_only=True):
    """A page of what was found."""

    resourceType: Annotated[str, one_of("Bundle")]  # noqa: N815
    type: Annotated[str, one_of("searchset")]
    link: Annotated[list[_Object], Meta(description="next leads to the page after, if there is one")]
    entry: Annotated[_Objects, Meta(description="left out when nothing was found")] = UNSET


class CapabilityStatement(msgspec.Struct, kw_only=True):
    """What may be asked for here."""

    resourceType: Annotated[str, one_of("CapabilityStatement")]  # noqa: N815
    fhirVersion: Annotated[str, one_of(terms.FHIR_VERSION)]  # noqa: N815
    rest: list[_Object]


class OperationOutcome(msgspec.Struct, kw_only=True):
    """Why it was refused, an issue for every broken rule. ``details.coding`` has the stable code."""

    resourceType: Annotated[str, one_of("OperationOutcome")]  # noqa: N815
    issue: Annotated[list[_Object], Meta(min_length=1)]


class JsonPatchStep(msgspec.Struct, kw_only=True):
    """A step of RFC 6902."""

    op: Annotated[str, one_of("test", "replace")]
    path: Annotated[str, one_of("/status")]
    value: Annotated[str, one_of("active", "revoked")]
