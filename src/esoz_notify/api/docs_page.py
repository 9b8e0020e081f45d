"""The contract as one page for people: drawn from the OpenAPI document, fetching nothing from anywhere.

What belongs here: choosing what the page shows. What does not: the contract (``contract``) and its look (the template).
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

DOCS_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_TEMPLATE = Path(__file__).parent / "docs.html.j2"


def docs_page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    calls = [
        _call(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    groups = dict.fromkeys(call["group"] for call in calls)
    return _template().render(
        info=document["info"],
        about=document["info"]["description"].replace("`", ""),
        groups={group: [call for call in calls if call["group"] == group] for group in groups},
        schemas={name: _pretty(schema) for name, schema in document["components"]["schemas"].items()},
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(_TEMPLATE.read_text("utf-8"))


def _call(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    return {
        "name": operation["operationId"],
        "group": operation["tags"][0],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "what": operation["description"],
        "needs": _needs(operation["security"]),
        "parameters": [one for one in operation.get("parameters", []) if one["in"] != "path"],
        "bodies": [(media_type, _shape(content), _examples(content)) for media_type, content in body.items()],
        "answers": [
            (status, one["description"], [(kind, _shape(content)) for kind, content in one.get("content", {}).items()])
            for status, one in operation["responses"].items()
        ],
    }


def _needs(security: list[dict[str, list[str]]]) -> str:
    first = security[0] if security else {}
    if "oauth2" in first:
        return f"scope {first['oauth2'][0]}"
    return {"client": "the client's secret", "provider": "the provider's credential"}.get(next(iter(first), ""), "")


def _shape(content: dict[str, Any]) -> str | None:
    """Name of the shape of some content, if it has one on this page."""
    name: str | None = content.get("schema", {}).get("$ref")
    return name.rpartition("/")[2] if name else None


def _examples(content: dict[str, Any]) -> list[tuple[str, str]]:
    if "example" in content:
        return [("one line of it", content["example"])]
    return [(one["summary"], _pretty(one["value"])) for one in content.get("examples", {}).values()]


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
