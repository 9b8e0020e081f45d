"""Diia's push service in words: error envelopes, body checks, bearer tokens. Pure; the service itself is diia.py.

Sources: the platform document "Diia notifications API" (epam/edp-ddm-architecture, 1.9.7) and the error envelope of
diia-open-source/be-gateway-service (2024-07-23).
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

RECIPIENTS_MAX = 10_000
_KEY = re.compile(r"\{([^{}]+)\}")
_RNOKPP = re.compile(r"^[0-9]{10}$", re.ASCII)
_LENGTHS = {"actionType": 100, "templateType": 100, "title": 60, "shortText": 200, "fullText": 2048}
SCOPE_TITLES = {
    "createTemplate": "Create Template",
    "createDistribution": "Create Distribution",
    "distributionStatus": "Distribution Status",
    "distributionResults": "Distribution Results",
    "deleteDistribution": "Delete Distribution",
}

Fault = dict[str, object]


def error(code: int, message: str, name: str = "Error") -> dict[str, object]:
    """The envelope of everything but a validation error; the HTTP status is ``code``."""
    return {"name": name, "message": message, "code": code, "data": {}}


def validation_error(faults: list[Fault]) -> dict[str, object]:
    """The 422 envelope with each field at fault."""
    return {
        "name": "ValidationError",
        "message": "Parameters validation error!",
        "code": 422,
        "type": "VALIDATION_ERROR",
        "data": faults,
    }


def _fault(field: str, kind: str, expected: object, actual: object) -> Fault:
    message = f"The '{field}' field is wrong: {kind}."
    return {"type": kind, "expected": expected, "actual": actual, "field": field, "message": message}


def template_faults(body: object) -> list[Fault]:
    """Every rule that a template creation breaks."""
    if not isinstance(body, dict):
        return [_fault("body", "object", "object", type(body).__name__)]
    found = []
    for name, most in _LENGTHS.items():
        value = body.get(name)
        if not isinstance(value, str) or not value:
            found.append(_fault(name, "required", "string", type(value).__name__))
        elif len(value) > most:
            found.append(_fault(name, "stringMax", most, len(value)))
    life = body.get("timeToLiveInSec", 1)
    if not isinstance(life, int) or isinstance(life, bool) or life < 1:
        found.append(_fault("timeToLiveInSec", "number", "positive integer", type(life).__name__))
    found.extend(
        _fault(name, "boolean", "boolean", type(body[name]).__name__)
        for name in ("removePrevious", "needAuth")
        if not isinstance(body.get(name, True), bool)
    )
    return found


def distribution_faults(body: object) -> list[Fault]:
    """Every rule that a distribution breaks; a parameter that the template lacks is found out later, per recipient."""
    if not isinstance(body, dict):
        return [_fault("body", "object", "object", type(body).__name__)]
    found = []
    if not isinstance(body.get("templateId"), str):
        found.append(_fault("templateId", "required", "string", type(body.get("templateId")).__name__))
    recipients = body.get("recipients")
    if not isinstance(recipients, list) or not recipients:
        found.append(_fault("recipients", "arrayMin", 1, 0))
    elif len(recipients) > RECIPIENTS_MAX:
        found.append(_fault("recipients", "arrayMax", RECIPIENTS_MAX, len(recipients)))
    else:
        found.extend(
            fault for index, recipient in enumerate(recipients) for fault in _recipient_faults(recipient, index)
        )
    return found


def _recipient_faults(recipient: object, index: int) -> Iterator[Fault]:
    path = f"recipients[{index}]"
    if not isinstance(recipient, dict):
        yield _fault(path, "object", "object", type(recipient).__name__)
        return
    if not isinstance(recipient.get("rnokpp"), str) or not _RNOKPP.fullmatch(recipient["rnokpp"]):
        yield _fault(f"{path}.rnokpp", "stringPattern", "10 digits", type(recipient.get("rnokpp")).__name__)
    if not isinstance(recipient.get("id"), str) or not recipient["id"]:
        yield _fault(f"{path}.id", "required", "string", type(recipient.get("id")).__name__)
    for parameter in recipient.get("parameters", []):
        match parameter:
            case {"key": str(), "value": str()}:
                continue
        yield _fault(f"{path}.parameters", "object", "key and value", type(parameter).__name__)


def fill(text: str, parameters: Mapping[str, str]) -> str | None:
    """The text with ``{key}`` filled; None when a parameter is missing."""
    if not set(_KEY.findall(text)) <= set(parameters):
        return None
    return _KEY.sub(lambda match: parameters[match[1]], text)


def parameters_of(recipient: Mapping[str, Any]) -> dict[str, str]:
    """The recipient's parameters as a mapping."""
    return {parameter["key"]: parameter["value"] for parameter in recipient.get("parameters", [])}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def issue_token(secret: str, *, issued_at: int, life_s: float) -> str:
    """A bearer in JWT form, so that a caller may read its ``exp``; good on a restarted lab too."""
    head = _base64url(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = _base64url(json.dumps({"iat": issued_at, "exp": issued_at + life_s, "sub": "partner"}).encode())
    return f"{head}.{claims}.{_signature(secret, f'{head}.{claims}')}"


def _signature(secret: str, signed: str) -> str:
    return _base64url(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def token_is_good(token: str, secret: str, *, at: float) -> bool:
    """Whether the lab issued this bearer and it has not expired."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(secret, signed).encode(), signature.encode()):
        return False
    claims = signed.rpartition(".")[2]
    payload = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return bool(at < payload["exp"])
