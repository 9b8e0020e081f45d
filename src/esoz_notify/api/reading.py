"""From the bytes of a request to plain values, with a clear refusal for everything that is not what it must be.

What belongs here: JSON, NDJSON, forms, headers and query values. What does not: what the values mean (engine).
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from esoz_notify.core.errors import InvalidInput, NotifyError, Problem
from esoz_notify.core.limits import BODY_BYTES_MAX, IDEMPOTENCY_KEY_LENGTH_MAX, PAGE_SIZE, PAGE_SIZE_MAX

JSON_TYPE = "application/json"
NDJSON_TYPE = "application/x-ndjson"
FORM_TYPE = "application/x-www-form-urlencoded"
DEPTH_MAX = 16
"""Objects and arrays inside each other; the deepest body of the contract has four."""

_BYTE_OF_FAULT = re.compile(r"\(byte ([0-9]+)\)")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_TOKEN_KEY = re.compile(r"[A-Za-z0-9!#$%&'*+./:=@^_`|~-]+", re.ASCII)
_STRING_KEY = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"', re.ASCII)


class BadRequest(NotifyError):
    """The request itself is not well-formed; nothing of its meaning was looked at."""

    code = "bad_request"


class WrongType(NotifyError):
    """The body is of a type that this call does not read."""

    code = "unsupported_media_type"


class TooLarge(NotifyError):
    """The body is larger than this call takes."""

    code = "too_large"


class NotAcceptable(NotifyError):
    """None of the types that the caller accepts can be made."""

    code = "not_acceptable"


class SeveralFound(NotifyError):
    """What was to be made unless it is there already is there more than once."""

    code = "several_found"


class MalformedJson(BadRequest):
    """Not JSON as RFC 8259 has it. Says where, never what stands there."""

    code = "malformed_json"


class BadQuery(InvalidInput):
    """Values in the query break rules; every problem is named."""

    code = "invalid_query"


def check_type(content_type: str | None, *wanted: str) -> None:
    """Check a Content-Type header. Raises WrongType when it is none of those wanted."""
    if content_type in wanted:
        return
    given, _, parameters = (content_type or "").partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if given.strip().lower() not in wanted or (charset and charset[1].lower() not in {"utf-8", "us-ascii"}):
        raise WrongType(f"send the body as Content-Type: {' or '.join(wanted)}, in UTF-8")


def json_object(body: bytes) -> dict[str, Any]:
    """Decode one JSON object. Raises MalformedJson, or InvalidInput when it is other JSON than an object."""
    document = _decoded(body)
    if not isinstance(document, dict):
        raise InvalidInput([Problem("", "type", "the body must be a JSON object")])
    return document


def json_array(body: bytes) -> list[Any]:
    """Decode one JSON array. Raises as ``json_object``."""
    document = _decoded(body)
    if not isinstance(document, list):
        raise InvalidInput([Problem("", "type", "the body must be a JSON array")])
    return document


def json_lines(body: bytes) -> Sequence[bytes]:
    """Lines of NDJSON; the end of the last one is optional, an empty line counts as a line."""
    lines = body.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    return lines


def json_line(line: bytes) -> dict[str, Any]:
    """Decode one line of NDJSON. Raises as ``json_object``, and TooLarge."""
    if len(line) > BODY_BYTES_MAX:
        raise TooLarge(f"a line may have {BODY_BYTES_MAX} bytes at most")
    return json_object(line)


def form(body: bytes) -> dict[str, str]:
    """Decode a form; a name given twice is refused (RFC 6749 §3.2). Raises BadRequest."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise BadRequest("the form cannot be read") from None
    values = dict(pairs)
    if len(values) < len(pairs):
        raise BadRequest("a form field is given twice")
    return values


def idempotency_key(values: Sequence[str]) -> str:
    """The key of an Idempotency-Key header: a quoted string (draft-ietf-httpapi-idempotency-key-header-07) or bare.

    Both spellings of one key are the same key. Raises BadRequest.
    """
    if not values:
        raise BadRequest(
            "send the header Idempotency-Key with a value of your own for this request, such as a UUID;"
            " repeat the request with the same value when no answer came",
            code="idempotency_key_missing",
        )
    given = values[0].strip()
    quoted = _STRING_KEY.fullmatch(given)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given
    is_well_formed = quoted is not None or _TOKEN_KEY.fullmatch(given) is not None
    if len(values) > 1 or not is_well_formed or not 0 < len(key) <= IDEMPOTENCY_KEY_LENGTH_MAX:
        raise BadRequest(
            f"Idempotency-Key must be one value of 1 to {IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters,"
            " bare or in double quotes",
            code="idempotency_key_invalid",
        )
    return key


def traceparent(value: str | None) -> str | None:
    """A W3C trace context of version 00 or later, or None: a wrong one is ignored, as that standard asks (§4.3)."""
    return value if value is not None and _TRACEPARENT.fullmatch(value) else None


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """Choose among media types by an Accept header (RFC 9110 §12.5.1); the first offered wins when equal.

    Raises NotAcceptable.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [_range(part) for part in accept.split(",")]
    quality, best = max(
        ((_quality(media_type, ranges), -place) for place, media_type in enumerate(offered)), default=(0.0, 0)
    )
    if quality <= 0:
        raise NotAcceptable(f"this is made as {' or '.join(offered)}")
    return offered[-best]


def query(given: Mapping[str, Sequence[str]], known: Collection[str]) -> dict[str, str]:
    """Query values by name, each given once. Raises BadQuery for a name that this call does not know."""
    problems = [
        Problem(f"/query/{name}", "unknown_parameter", f"this call knows: {', '.join(known)}")
        for name in given
        if name not in known
    ]
    problems += [Problem(f"/query/{name}", "given_twice", "give it once") for name in given if len(given[name]) > 1]
    if problems:
        raise BadQuery(problems)
    return {name: values[0] for name, values in given.items() if values[0]}


def page_size(text: str | None, problems: list[Problem]) -> int:
    """How many a page has at most, of a query's ``limit``; what is wrong with it is added to ``problems``."""
    text = str(PAGE_SIZE) if text is None else text
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_SIZE_MAX))
    if not is_number or not 1 <= int(text) <= PAGE_SIZE_MAX:
        problems.append(Problem("/query/limit", "range", f"must be 1 to {PAGE_SIZE_MAX}"))
        return PAGE_SIZE
    return int(text)


def _decoded(body: bytes) -> object:
    try:
        document = msgspec.json.decode(body)
    except UnicodeDecodeError:
        raise MalformedJson("the body is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError:
        raise MalformedJson("a number in the body is out of range") from None
    except msgspec.DecodeError as error:
        place = _BYTE_OF_FAULT.search(str(error))
        where = f"at byte {place[1]}" if place else "it ends too early or holds half of a surrogate pair"
        raise MalformedJson(f"the body is not JSON: {where}") from None
    member_count = _member_count(document, DEPTH_MAX - 1)
    # Every member has a colon; only more colons than members make the slow look for doubled names worth while.
    if body.count(b":") > member_count:
        json.loads(body, object_pairs_hook=_without_doubles)
    return document


def _member_count(value: object, depth_left: int) -> int:
    if depth_left < 0:
        raise _too_deep()
    if isinstance(value, dict):
        return len(value) + sum(_member_count(one, depth_left - 1) for one in value.values() if type(one) in _NESTS)
    if isinstance(value, list):
        return sum(_member_count(one, depth_left - 1) for one in value if type(one) in _NESTS)
    return 0


_NESTS = (dict, list)


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise MalformedJson("an object in the body names a member twice; which one is meant cannot be known")
    return members


def _too_deep() -> MalformedJson:
    return MalformedJson(f"the body nests deeper than {DEPTH_MAX} levels")


def _range(part: str) -> tuple[str, float]:
    """A media range and its quality; one that cannot be read has none."""
    media_type, *parameters = (one.strip().lower() for one in part.split(";"))
    quality = next((one[2:].strip() for one in parameters if one.startswith("q=")), "1")
    return media_type, float(quality) if re.fullmatch(r"[01](\.[0-9]{0,3})?", quality) else 0.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """What the most exact range that covers the type says of it."""
    kind = media_type.partition("/")[0]
    for wanted in (media_type, f"{kind}/*", "*/*"):
        for given, quality in ranges:
            if given == wanted:
                return quality
    return 0.0
