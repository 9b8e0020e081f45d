"""The pages of the API's calls and shapes, drawn from the OpenAPI document that the service serves.

What belongs here: laying out that document, a page for each of its groups. What does not: any fact of the contract.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from docs_layout import page, table

from esoz_notify.api.openapi import document

SHAPES = "shapes.md"
_JSON = ("application/json", "application/problem+json", "application/cloudevents+json")


def reference() -> Mapping[str, Callable[[], str]]:
    """Every page of the reference by its file's name."""
    pages: dict[str, Callable[[], str]] = {"README.md": _list, SHAPES: _shapes}
    return pages | {_file(group): partial(_group, group, calls) for group, calls in _groups().items()}


def _groups() -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """Calls by their group, each with method and path."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document()["paths"].items():
        for method, call in methods.items():
            groups.setdefault(call["tags"][0], []).append((method.upper(), path, call))
    return groups


def _file(group: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-") + ".md"


def _anchor(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _list() -> str:
    rows = (
        (f"`{method} {path}`", f"[{call['summary']}]({_file(group)}#{_anchor(call['summary'])})", _needs(call))
        for group, calls in _groups().items()
        for method, path, call in calls
    )
    return page(
        "Calls of the API",
        "Every call, in its page with its parameters, bodies, examples and answers; bodies are described in "
        f"[Shapes]({SHAPES}). How they are meant to be used: [The API](../api.md). A running service has the same at "
        "`/docs`, and for programs at `/openapi.json`.",
        table(("call", "what it does", "needs"), rows),
    )


def _group(group: str, calls: list[tuple[str, str, dict[str, Any]]]) -> str:
    parts: list[str] = []
    for method, path, call in calls:
        parts += [f"## {call['summary']}", f"`{method} {path}`" + _told_needs(call), call["description"]]
        parts += _parameters(call)
        for media_type, content in call.get("requestBody", {}).get("content", {}).items():
            parts += [f"Body: `{media_type}`{_linked(content)}", *_examples(media_type, content)]
        parts += [table(("answer", "what", "body"), _answers(call)), *_answer_example(call)]
    return page(group if group.isupper() else group[0].upper() + group[1:], *parts)


def _told_needs(call: dict[str, Any]) -> str:
    needs = _needs(call)
    return f" · needs {needs}" if needs else ""


def _needs(call: dict[str, Any]) -> str:
    first = call["security"][0] if call["security"] else {}
    if "oauth2" in first:
        return f"scope `{first['oauth2'][0]}`"
    return {"client": "the client's secret", "provider": "the provider's credential"}.get(next(iter(first), ""), "")


def _parameters(call: dict[str, Any]) -> Iterator[str]:
    rows = [
        (f"`{one['name']}`", one["in"], "yes" if one.get("required") else "", _type(one["schema"]), _said(one))
        for one in call.get("parameters", ())
    ]
    if rows:
        yield table(("parameter", "in", "needed", "type", "what"), rows)


def _examples(media_type: str, content: dict[str, Any]) -> Iterator[str]:
    if media_type in _JSON:
        for one in content.get("examples", {}).values():
            yield f"{one['summary'][0].upper()}{one['summary'][1:]}:"
            yield _fenced(one["value"], content)


def _answers(call: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, one in call["responses"].items():
        bodies = (f"`{media_type}`{_linked(content)}" for media_type, content in one.get("content", {}).items())
        yield f"`{status}`", _said(one), "; ".join(bodies)


def _answer_example(call: dict[str, Any]) -> Iterator[str]:
    """The first good answer, where there is an example of it."""
    for status, one in call["responses"].items():
        for media_type, content in one.get("content", {}).items():
            if status.startswith("2") and media_type in _JSON and "example" in content:
                yield f"An answer `{status}`:"
                yield _fenced(content["example"], content)
                return


def _fenced(value: object, content: dict[str, Any]) -> str:
    shape = _shape(content)
    words = f"json shape={shape}" if shape else "json shape=none"
    return f"```{words}\n{json.dumps(value, ensure_ascii=False, indent=2)}\n```"


def _linked(content: dict[str, Any]) -> str:
    shape = _shape(content)
    return f" [{shape}]({SHAPES}#{shape.lower()})" if shape else ""


def _shape(content: dict[str, Any]) -> str:
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]


def _shapes() -> str:
    parts: list[str] = []
    for name, schema in sorted(document()["components"]["schemas"].items()):
        parts += [f"## {name}", *_described(schema)]
    return page(
        "Shapes",
        "Bodies of requests and answers. Unknown members of a request are refused; members of answers may be added.",
        *parts,
    )


def _described(schema: dict[str, Any]) -> Iterator[str]:
    if said := _said(schema):
        yield said
    needed = set(schema.get("required", ()))
    rows = [
        (f"`{name}`", "yes" if name in needed else "", _type(one), _said(one))
        for name, one in schema.get("properties", {}).items()
    ]
    yield table(("member", "needed", "type", "what"), rows) if rows else f"{_type(schema)}."


def _said(one: dict[str, Any]) -> str:
    return " ".join(str(one.get("description", "")).replace("``", "`").split())


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}]({SHAPES}#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(one) if one is None else one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}{_bounds(schema)}"
    return f"{_plain(schema)}{_bounds(schema)}"


def _plain(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "anything")
    names = [one for one in (kind if isinstance(kind, list) else [kind]) if isinstance(one, str)]
    return " or ".join(names) + (f", {schema['format']}" if "format" in schema else "")


_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "minimum": "from {}",
    "maximum": "to {}",
    "exclusiveMinimum": "above {}",
    "pattern": "`{}`",
    "default": "else `{}`",
}


def _bounds(schema: dict[str, Any]) -> str:
    """The rules of a schema that are told; an empty default is none."""
    rules = {name: schema[name] for name in _BOUNDS if schema.get(name) not in (None, "", [], {})}
    told = [said.format(json.dumps(rules[name]) if name == "default" else rules[name])
            for name, said in _BOUNDS.items() if name in rules]  # fmt: skip
    return "".join(f", {one}" for one in told)
