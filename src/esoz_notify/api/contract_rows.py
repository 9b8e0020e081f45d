"""What a row of the table of calls is made of.

What does not belong here: any row (``contract``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from esoz_notify.api.reading import JSON_TYPE
from esoz_notify.core.limits import BODY_BYTES_MAX
from esoz_notify.engine.callers import SCOPES

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
PDF_TYPE, HTML_TYPE, TEXT_TYPE = "application/pdf", "text/html", "text/plain"
EVENTS_TYPE = "text/event-stream"
METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Envelope(StrEnum):
    """How a call tells what went wrong."""

    PROBLEM = "problem"
    ESOZ = "esoz"
    FHIR = "fhir"
    GOVUK = "govuk"
    TURBOSMS = "turbosms"


DIALECTS = frozenset({Envelope.GOVUK, Envelope.TURBOSMS})
"""Those of other services: their calls take API keys besides tokens."""


class Credential(StrEnum):
    """What a caller shows; the value is the name of the security scheme in the OpenAPI."""

    BEARER = "oauth2"
    CLIENT = "client"
    PROVIDER = "provider"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A header or query value. ``schema``: JSON Schema."""

    name: str
    place: Literal["header", "query"]
    what: str
    schema: dict[str, Any]
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One good answer. ``shape`` None: no JSON."""

    status: int
    what: str
    shape: Any = None
    media_types: tuple[str, ...] = (JSON_TYPE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call. ``scope``: what a bearer token must allow, None for the calls that take another credential or none.

    ``refusals``: statuses of refusals besides those that every call of its credential can have.
    """

    name: str
    method: Method
    path: str
    credential: Credential
    scope: str | None
    group: str
    summary: str
    what: str
    answers: tuple[Answer, ...]
    takes: Any = None
    takes_type: str = JSON_TYPE
    body_bytes_max: int = BODY_BYTES_MAX
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()
    envelope: Envelope = Envelope.PROBLEM

    def __post_init__(self) -> None:
        """Refuse a row that leaves open who may call. Raises ValueError."""
        by_token = self.credential is Credential.BEARER
        if self.scope not in SCOPES if by_token else self.scope is not None:
            raise ValueError(f"{self.name}: a call by bearer token needs a scope of SCOPES, any other has none")


def by_token(  # noqa: PLR0913, PLR0917 - a row of the table below, read as a row
    name: str, method: Method, path: str, scope: str, group: str, summary: str, what: str, *,
    answers: tuple[Answer, ...], takes: Any = None, takes_type: str = JSON_TYPE, body_bytes_max: int = BODY_BYTES_MAX,
    parameters: tuple[Parameter, ...] = (), refusals: tuple[int, ...] = (), envelope: Envelope = Envelope.PROBLEM,
) -> Operation:  # fmt: skip
    """The row of a call that takes a bearer token."""
    return Operation(
        name=name, method=method, path=path, credential=Credential.BEARER, scope=scope, group=group, summary=summary,
        what=what, answers=answers, takes=takes, takes_type=takes_type, body_bytes_max=body_bytes_max,
        parameters=parameters, refusals=refusals, envelope=envelope,
    )  # fmt: skip


def asked(name: str, what: str, **schema: Any) -> Parameter:
    """A query value; text unless a schema is given."""
    return Parameter(name=name, place="query", what=what, schema=schema or {"type": "string"})
