"""The shapes of the contract as types for the Python client's callers: TypedDicts, a module per module of shapes.

What belongs here: the translation. What does not: any fact of theirs (``esoz_notify.api``).
"""

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from esoz_notify.api import codes_shapes, crisis_shapes, shapes, webhooks_shapes
from esoz_notify.api.contract import OPERATIONS, Envelope

Schema = Mapping[str, Any]

ABOUT: Mapping[ModuleType, str] = {
    shapes: "Notifications, patients, providers and problems",
    codes_shapes: "One-time codes",
    webhooks_shapes: "Webhooks",
    crisis_shapes: "Crisis switches",
}
"""The modules whose structs the client knows."""

TAKEN = (shapes.NotificationRequest, shapes.Search, shapes.PatientDocument, shapes.Problem, webhooks_shapes.CloudEvent)
"""What the client's callers make or are sent, besides the answers."""

_WIDTH = 116
_MOMENT = "Moment"
"""The name of texts that are times: what they look like is said once, beside it."""

_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def pages() -> Mapping[str, Callable[[], str]]:
    """The modules by their names in the checkout."""
    return {f"src/esoz_notify/client/{_name(module)}.py": partial(_module, module) for module in ABOUT}


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


# --- what there is ----------------------------------------------------------------------------------------------------


@cache
def _structs() -> dict[type, ModuleType]:
    """Every struct with the module that it is of."""
    return {
        value: module
        for module in ABOUT
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__
    }


@cache
def _aliases() -> dict[tuple[str, ...], tuple[str, ModuleType]]:
    """Lists of words that have a name, with the module that the name is of."""
    found: dict[tuple[str, ...], tuple[str, ModuleType]] = {}
    for module in ABOUT:
        for name, value in vars(module).items():
            for meta in getattr(value, "__metadata__", ()):
                words = (meta.extra_json_schema or {}).get("enum", ())
                found.setdefault(tuple(map(str, words)), (name, module))
    return found


@cache
def _components() -> dict[str, Any]:
    """Every struct that callers meet, as JSON Schema. ``Event`` is a class of the client's own."""
    answers = (
        answer.shape
        for operation in OPERATIONS.values()
        if operation.scope is not None and operation.envelope is Envelope.PROBLEM
        for answer in operation.answers
        if answer.shape in _structs()
    )
    met = dict.fromkeys(shape for shape in (*answers, *TAKEN) if shape is not shapes.Event)
    _, components = msgspec.json.schema_components(list(met), ref_template="{name}")
    plain: dict[str, Any] = json.loads(msgspec.json.encode(components))
    return plain


@cache
def _homes() -> dict[str, ModuleType]:
    """The module of every name."""
    named = {one.__name__: module for one, module in _structs().items()}
    return {**named, **dict(_aliases().values()), _MOMENT: shapes}


# --- writing it -------------------------------------------------------------------------------------------------------


def _module(module: ModuleType) -> str:
    own = {name: schema for name, schema in _components().items() if _homes()[name] is module}
    classes = "\n\n".join(_class(name, own[name]) for name in _each_after_its_parts(own))
    aliases = [
        f"{alias} = Literal[{_words(words)}]"
        for words, (alias, home) in _aliases().items()
        if home is module and any(_mentions("\n".join(_drawn(one)), alias) for one in _components().values())
    ]
    moment = [f'{_MOMENT} = str\n"""{_moment_told()}."""\n'] if _homes()[_MOMENT] is module else []
    code = "\n".join([*moment, *aliases, "", classes])
    return _formatted(
        f'"""{ABOUT[module]}: types of bodies and answers, for callers of the client.\n\n'
        f"Written by scripts/generate_docs.py from ``{module.__name__}``: change that and run it again.\n"
        f'"""\n\n{_imports(module, code)}\n\n{code}'
    )


def _imports(module: ModuleType, code: str) -> str:
    typing = [name for name in ("Literal", "NotRequired", "TypedDict") if _mentions(code, name)]
    lines = [f"from typing import {', '.join(typing)}\n"]
    for other in sorted(ABOUT, key=_name):
        names = sorted(name for name, home in _homes().items() if home is other and _mentions(code, name))
        if other is not module and names:
            lines.append(f"from esoz_notify.client.{_name(other)} import {', '.join(names)}")
    return "\n".join(lines).strip()


def _mentions(code: str, name: str) -> bool:
    """Whether the name stands in the code, and not only in a sentence."""
    return re.search(rf"(^|[:\[|=(]) ?{name}\b", code) is not None


def _each_after_its_parts(own: Mapping[str, Schema]) -> list[str]:
    done: list[str] = []

    def come(name: str) -> None:
        for part in own:
            if part not in done and part != name and f'"$ref": "{part}"' in json.dumps(own[name]):
                come(part)
        if name not in done:
            done.append(name)

    for name in own:
        come(name)
    return done


def _class(name: str, schema: Schema) -> str:
    return "\n".join([f"class {name}(TypedDict):", f'    """{schema["description"]}"""\n', *_drawn(schema), ""])


def _drawn(schema: Schema) -> Iterator[str]:
    required = frozenset(schema.get("required", ()))
    for member, its in schema["properties"].items():
        kind = _type(its)
        yield f"    {member}: {kind if member in required else f'NotRequired[{kind}]'}"
        if (told := its.get("description")) and told != _moment_told():
            yield from _sentence(f"{told[0].upper()}{told[1:]}.")


@cache
def _moment_told() -> str:
    (meta,) = (one for one in shapes.Moment.__metadata__ if one.description)
    return str(meta.description)


def _sentence(text: str) -> Iterator[str]:
    lines = textwrap.wrap(text, width=_WIDTH, initial_indent='    """', subsequent_indent="    ")
    yield from lines[:-1]
    yield f'{lines[-1]}"""'


def _type(schema: Schema) -> str:
    match schema:
        case {"$ref": name}:
            return str(name)
        case {"anyOf": kinds}:
            return " | ".join(dict.fromkeys(map(_type, kinds)))
        case {"format": "date-time"}:
            return _MOMENT
        case {"enum": words}:
            named = _aliases().get(tuple(words))
            return named[0] if named else f"Literal[{_words(words)}]"
        case {"type": "array", "items": item}:
            return f"list[{_type(item)}]"
        case {"type": "object", "additionalProperties": value}:
            return f"dict[str, {_type(value)}]"
        case _:
            return _PLAIN[schema["type"]]


def _words(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _formatted(code: str) -> str:
    """As the house's formatter has it."""
    ruff = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "shapes.py", "-"]
    root = Path(__file__).parents[1]
    return subprocess.run(ruff, input=code, capture_output=True, text=True, check=True, cwd=root).stdout
