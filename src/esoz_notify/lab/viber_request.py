"""Reads Infobip's bodies of ``POST /viber/2/messages`` and of template creation, and says what breaks their rules.

Source: Infobip OpenAPI 3.210.0, schemas ViberRequest and TemplateRequest.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from esoz_notify.lab.viber_messages import VALIDITY_MAX_S

Violation = dict[str, str]
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_UNIT_S = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}
_NEEDED = {
    "TEXT": ("text",),
    "TEMPLATE": ("templateId",),
    "IMAGE": ("mediaUrl",),
    "FILE": ("fileName", "mediaUrl"),
    "VIDEO": ("mediaUrl", "mediaDuration", "thumbnailUrl"),
    "LIST": ("text", "options"),
    "CAROUSEL": ("text", "cards"),
}
_TEXT_MAX = 1000
_ID_MAX = 200
_BULK_ID_MAX = 100
_CALLBACK_DATA_MAX = 4000
_PARAMETERS_MAX = 8


def violations(body: object) -> list[Violation]:
    """Every rule the send request breaks; empty when it may be accepted."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages:
        return [_violation("messages", "must be a non-empty array")]
    return [found for index, message in enumerate(messages) for found in _message(message, f"messages[{index}]")]


def _violation(path: str, rule: str) -> Violation:
    return {"property": path, "violation": rule}


def _message(message: object, path: str) -> Iterator[Violation]:
    if not isinstance(message, dict):
        yield _violation(path, "must be an object")
        return
    if not _is_text(message.get("sender")):
        yield _violation(f"{path}.sender", "must not be blank")
    yield from _destinations(message.get("destinations"), f"{path}.destinations")
    yield from _content(message.get("content"), f"{path}.content")
    yield from _options(message.get("options", {}), f"{path}.options")
    yield from _webhooks(message.get("webhooks", {}), f"{path}.webhooks")


def _destinations(destinations: object, path: str) -> Iterator[Violation]:
    if not isinstance(destinations, list) or not destinations:
        yield _violation(path, "must be a non-empty array")
        return
    for index, destination in enumerate(destinations):
        if not isinstance(destination, dict) or not _is_text(destination.get("to")):
            yield _violation(f"{path}[{index}].to", "must not be blank")
        elif "messageId" in destination and not _is_text(destination["messageId"], _ID_MAX):
            yield _violation(f"{path}[{index}].messageId", f"size must be between 1 and {_ID_MAX}")


def _content(content: object, path: str) -> Iterator[Violation]:
    kind = content.get("type") if isinstance(content, dict) else None
    if not isinstance(content, dict) or kind not in _NEEDED:
        yield _violation(f"{path}.type", f"must be one of {', '.join(_NEEDED)}")
        return
    for name in _NEEDED[kind]:
        if not content.get(name):
            yield _violation(f"{path}.{name}", "must not be empty")
    if "text" in content and not _is_text(content["text"], _TEXT_MAX):
        yield _violation(f"{path}.text", f"size must be between 1 and {_TEXT_MAX}")
    parameters = content.get("parameters", {})
    if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
        yield _violation(f"{path}.parameters", "must be an object of strings")


def _options(options: object, path: str) -> Iterator[Violation]:
    if not isinstance(options, dict):
        yield _violation(path, "must be an object")
        return
    period = options.get("validityPeriod")
    if period is not None:
        amount = period.get("amount") if isinstance(period, dict) else None
        if not isinstance(amount, int) or isinstance(amount, bool) or amount < 1:
            yield _violation(f"{path}.validityPeriod.amount", "must be a positive integer")
        elif period.get("timeUnit", "MINUTES") not in _UNIT_S:
            yield _violation(f"{path}.validityPeriod.timeUnit", f"must be one of {', '.join(_UNIT_S)}")
    if options.get("label", "TRANSACTIONAL") not in {"TRANSACTIONAL", "PROMOTIONAL"}:
        yield _violation(f"{path}.label", "must be one of PROMOTIONAL, TRANSACTIONAL")


def _webhooks(webhooks: object, path: str) -> Iterator[Violation]:
    if not isinstance(webhooks, dict):
        yield _violation(path, "must be an object")
        return
    for name in ("delivery", "seen"):
        hook = webhooks.get(name, {})
        url = hook.get("url") if isinstance(hook, dict) else ""
        if url is not None and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
            yield _violation(f"{path}.{name}.url", "must be a URL")
    if "callbackData" in webhooks and not _is_text(webhooks["callbackData"], _CALLBACK_DATA_MAX):
        yield _violation(f"{path}.callbackData", f"size must be between 1 and {_CALLBACK_DATA_MAX}")


def _is_text(value: object, max_chars: int = _TEXT_MAX) -> bool:
    return isinstance(value, str) and 0 < len(value) <= max_chars


def validity_s(options: Mapping[str, Any]) -> float:
    """Seconds the message may wait for its phone; what exceeds 48 h is cut to it, as is what is not said."""
    period = options.get("validityPeriod")
    if period is None:
        return VALIDITY_MAX_S
    return float(min(period["amount"] * _UNIT_S[period.get("timeUnit", "MINUTES")], VALIDITY_MAX_S))


def bulk_id(body: Mapping[str, Any]) -> str | None:
    """The caller's own bulkId, if it gave a usable one."""
    given = (body.get("options") or {}).get("schedule", {}).get("bulkId")
    return given if _is_text(given, _BULK_ID_MAX) else None


def shown_text(content: Mapping[str, Any]) -> str:
    """What a phone shows of content that is no template."""
    return str(content.get("text") or content.get("fileName") or content.get("mediaUrl"))


def placeholders(template: str) -> list[str]:
    """Names of ``{{name}}`` in a template's body."""
    return _PLACEHOLDER.findall(template)


def fill(template: str, parameters: Mapping[str, str]) -> str | None:
    """The body with its placeholders filled; None when a parameter is missing or unknown to the template."""
    if set(placeholders(template)) != set(parameters):
        return None
    return _PLACEHOLDER.sub(lambda match: parameters[match[1]], template)


def template_violations(body: object) -> list[Violation]:
    """Every rule a template creation breaks."""
    if not isinstance(body, dict):
        return [_violation("", "must be an object")]
    found = []
    if body.get("category") not in {"OTP", "TRANSACTIONAL"}:
        found.append(_violation("category", "must be one of OTP, TRANSACTIONAL"))
    match body.get("body"):
        case [{"language": str(), "template": str(text)}] if 0 < len(text) <= _TEXT_MAX:
            found.extend(_template_text(text, body))
        case _:
            found.append(_violation("body", f"must be one object of language and template (1 to {_TEXT_MAX})"))
    return found


def _template_text(text: str, body: Mapping[str, Any]) -> Iterator[Violation]:
    params = body.get("params", [])
    names = [param.get("name") for param in params if isinstance(param, dict)]
    if len(params) > _PARAMETERS_MAX or set(names) != set(placeholders(text)):
        yield _violation(
            "params", f"must name every placeholder of the template and no other, {_PARAMETERS_MAX} at most"
        )
    if text.rstrip(" .!?").endswith("}}"):
        yield _violation("body[0].template", "the last word must not be a placeholder")
    if body.get("category") == "OTP" and "pin" not in names:
        yield _violation("body[0].template", "an OTP template needs {{pin}}")
