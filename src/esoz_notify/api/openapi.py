"""The contract's table as an OpenAPI 3.1 document.

What belongs here: the translation. What does not: the calls (``contract``), the shapes and the examples.
"""

import json
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, get_args, get_origin

import msgspec

from esoz_notify import __version__
from esoz_notify.api import codes_shapes, compat_shapes, examples, fhir_shapes, shapes, webhooks_shapes
from esoz_notify.api.contract import EVENTS_TYPE, OPERATIONS, Answer, Credential, Envelope, Operation, Parameter
from esoz_notify.api.fhir_terms import FHIR_TYPE
from esoz_notify.api.problems import PROBLEM_TYPE
from esoz_notify.api.reading import JSON_TYPE, NDJSON_TYPE
from esoz_notify.engine.callers import SCOPES

_REF = "#/components/schemas/{name}"
_REFUSALS_OF = {
    Credential.BEARER: (401, 403, 429, 500, 503),
    Credential.CLIENT: (429, 500, 503),
    Credential.PROVIDER: (500, 503),
    Credential.NONE: (),
}
_TOKEN_REFUSALS = (400, 401)
_HEADERS_OF_REFUSAL = {
    401: ("WWW-Authenticate", "Which credential is needed."),
    403: ("WWW-Authenticate", "Which scope is needed."),
    429: ("Retry-After", "Seconds."),
    503: ("Retry-After", "Seconds."),
}
_REFUSED: Mapping[Envelope, tuple[Any, str, int]] = {
    Envelope.PROBLEM: (shapes.Problem, PROBLEM_TYPE, 422),
    Envelope.ESOZ: (codes_shapes.EsozProblem, JSON_TYPE, 403),
    Envelope.FHIR: (fhir_shapes.OperationOutcome, FHIR_TYPE, 422),
    Envelope.GOVUK: (compat_shapes.GovukProblem, JSON_TYPE, 400),
    Envelope.TURBOSMS: (compat_shapes.TurboSmsProblem, JSON_TYPE, 401),
}
"""Of each way to tell what went wrong: its shape, its type, and the status that its example has."""
_ABOUT = """\
Has patients informed of what a doctor has signed: by Diia, Viber, SMS or on paper, whichever reaches that person.

JSON in UTF-8, times in UTC, ids are UUIDs. Every refusal is a problem document (RFC 9457) with a stable `code`; its
texts may change. Get a token at `POST /oauth/token`, send `Idempotency-Key` with everything that has somebody informed,
and repeat it with the same key when no answer came. The headers `RateLimit-Policy` and `RateLimit` follow
draft-ietf-httpapi-ratelimit-headers-10.
"""


_EVENT: dict[str, Any] = {
    "operationId": "receive_event",
    "summary": "What becomes of a notification",
    "description": "Sent to the webhooks of its caller, signed as Standard Webhooks has it (docs/webhooks.md). Any 2xx"
    " within 15 s takes it; 410 disables the webhook; everything else is tried again over three days.",
    "parameters": [
        {"name": name, "in": "header", "required": True, "description": what, "schema": {"type": "string"}}
        for name, what in (
            ("webhook-id", "The same at every try: what was seen need not be done twice."),
            ("webhook-timestamp", "Unix seconds of this try."),
            ("webhook-signature", "One or more, with spaces: v1, and base64 of HMAC-SHA256 over id.timestamp.body."),
        )
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {
                "schema": {"$ref": _REF.format(name="CloudEvent")},
                "example": examples.ANSWERS["CloudEvent"],
            }
        },
    },
    "responses": {"2XX": {"description": "Taken."}},
    "security": [],
}


@cache
def document(public_url: str | None = None, *, exact: bool = False) -> dict[str, Any]:
    """The whole document. ``public_url``: where callers reach the API; None leaves it to whoever reads it.

    ``exact``: answers have no member besides those named, which is so in this version only.
    """
    named = [operation.takes for operation in OPERATIONS.values() if _is_named(operation.takes)]
    named.append(fhir_shapes.JsonPatchStep)
    named += [one.shape for operation in OPERATIONS.values() for one in operation.answers if _is_named(one.shape)]
    problems = (shape for shape, _, _ in _REFUSED.values())
    others = (webhooks_shapes.CloudEvent, shapes.TokenProblem, *problems)
    _, components = msgspec.json.schema_components([*dict.fromkeys(named), *others], ref_template=_REF)
    if not exact:
        _open_answers(components)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS.values():
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "ESOZ Notify",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": public_url or "/"}],
        "paths": paths,
        "webhooks": {"event": {"post": _EVENT}},
        "components": {"schemas": components, "securitySchemes": _security_schemes()},
    }
    # Through JSON, so that what is shown and what is sent are the same plain values.
    plain: dict[str, Any] = json.loads(msgspec.json.encode(made))
    return plain


def _open_answers(components: dict[str, Any]) -> None:
    """Let answers grow; bodies of requests stay as they are, because an unknown member of theirs is refused."""
    taken = [operation.takes for operation in OPERATIONS.values() if _is_named(operation.takes)]
    _, strict = msgspec.json.schema_components(list(dict.fromkeys(taken)), ref_template=_REF)
    for name, schema in components.items():
        if name not in strict:
            schema.pop("additionalProperties", None)


def _security_schemes() -> dict[str, Any]:
    flow = {"tokenUrl": "/oauth/token", "scopes": {scope: scope for scope in SCOPES}}
    return {
        "oauth2": {"type": "oauth2", "flows": {"clientCredentials": flow}},
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "client": {"type": "http", "scheme": "basic", "description": "The client's id and secret."},
        "provider": {
            "type": "http",
            "scheme": "basic",
            "description": "As agreed with a provider: this, a bearer token, a signature or a certificate.",
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.what,
        "security": _security(operation),
        "responses": _responses(operation),
    }
    parameters = [*_path_parameters(operation.path), *(_parameter(one) for one in operation.parameters)]
    if parameters:
        made["parameters"] = parameters
    if operation.takes is not None:
        made["requestBody"] = {"required": True, "content": {operation.takes_type: _taken(operation)}}
    return made


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    match operation.credential:
        case Credential.BEARER:
            scopes = [str(operation.scope)]
            return [{"oauth2": scopes}, {"bearer": scopes}]
        case Credential.CLIENT:
            return [{"client": []}, {}]  # or in the form
        case Credential.PROVIDER:
            return [{"provider": []}]
        case Credential.NONE:
            return []


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"},
        }
        for name in names
    ]


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.place,
        "required": one.required,
        "description": one.what,
        "schema": one.schema,
    }


def _taken(operation: Operation) -> dict[str, Any]:
    if operation.takes_type == NDJSON_TYPE:
        first = next(iter(examples.REQUESTS[operation.takes.__name__].values()))
        line = json.dumps(first, ensure_ascii=False)
        return {"schema": {"type": "string", "description": "a NotificationRequest per line"}, "example": line}
    content: dict[str, Any] = {"schema": _schema(operation.takes)}
    given = examples.REQUESTS.get(getattr(operation.takes, "__name__", ""))
    if given is not None:
        content["examples"] = {
            name.replace(" ", "_"): {"summary": name, "value": value} for name, value in given.items()
        }
    return content


def _responses(operation: Operation) -> dict[str, Any]:
    made = {str(one.status): _answer(one) for one in operation.answers}
    for status in sorted({*operation.refusals, *_REFUSALS_OF[operation.credential]}):
        made[str(status)] = _refusal(status, operation.envelope)
    if operation.credential is Credential.CLIENT:
        for status in _TOKEN_REFUSALS:
            made[str(status)] = {
                "description": "RFC 6749 §5.2.",
                "content": {JSON_TYPE: _content(shapes.TokenProblem)},
            }
    return dict(sorted(made.items()))


def _answer(one: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"description": one.what}
    if one.media_types:
        made["content"] = {media_type: _answer_content(media_type, one.shape) for media_type in one.media_types}
    return made


def _answer_content(media_type: str, shape: Any) -> dict[str, Any]:
    if shape is None:
        return {"schema": {"type": "string"}}
    if media_type in {NDJSON_TYPE, EVENTS_TYPE}:
        name = shape.__name__
        example = json.dumps(examples.ANSWERS[name], ensure_ascii=False)
        per = "line" if media_type == NDJSON_TYPE else "data field"
        text = example if media_type == NDJSON_TYPE else f"id: 1\nevent: AttemptStarted\ndata: {example}\n\n"
        return {"schema": {"type": "string", "description": f"one {name} per {per}"}, "example": text}
    return _content(shape)


def _content(shape: Any) -> dict[str, Any]:
    content = {"schema": _schema(shape)}
    example = examples.ANSWERS.get(getattr(shape, "__name__", ""))
    return content if example is None else {**content, "example": example}


def _refusal(status: int, envelope: Envelope) -> dict[str, Any]:
    shape, media_type, shown_at = _REFUSED[envelope]
    content: dict[str, Any] = {"schema": _schema(shape)}
    if status == shown_at:
        content["example"] = examples.ANSWERS[shape.__name__]
    made: dict[str, Any] = {"description": f"{HTTPStatus(status).phrase}.", "content": {media_type: content}}
    header = _HEADERS_OF_REFUSAL.get(status)
    if header is not None:
        made["headers"] = {header[0]: {"description": header[1], "schema": {"type": "string"}}}
    return made


def _schema(shape: Any) -> dict[str, Any]:
    if get_origin(shape) is list:
        return {"type": "array", "items": _schema(get_args(shape)[0])}
    return {"$ref": _REF.format(name=shape.__name__)} if _is_named(shape) else {"type": "object"}


def _is_named(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, msgspec.Struct)
