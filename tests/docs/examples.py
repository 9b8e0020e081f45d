"""Reads examples that are not run: data by the reader that they are for, commands by looking up each of their words.

What belongs here: one function for each kind, which gives what is wrong. What does not: which block is of which kind.
"""

import configparser
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pglast
import typer.main
import yaml
from jsonschema import Draft202012Validator, ValidationError
from tests.architecture import house
from tests.docs.blocks import Block, commands
from tests.docs.fates import OUTSIDE
from typer.core import TyperGroup

from esoz_notify.api.openapi import document
from esoz_notify.channels.dialogue import Adapter
from esoz_notify.cli.main import COMMANDS, application, loaded
from esoz_notify.core.channel import Channel
from esoz_notify.core.policy import load_policies
from esoz_notify.core.toml import read_toml
from esoz_notify.provider_file import read_providers
from esoz_notify.setting_values import read_issuers
from esoz_notify.settings import read_settings
from esoz_notify.wiring_providers import further

LEFT_OUT = "…"
_VARIABLES = re.compile(r"^([A-Z_]+) \?=|\$\(([A-Z_]+)\)", re.MULTILINE)


# --- data -------------------------------------------------------------------------------------------------------------


def json_faults(block: Block) -> Iterator[str]:
    """What is wrong with JSON: not JSON, no shape named, or not of its shape. ``…`` stands for what is left out."""
    shape = block.said("shape")
    schemas = document()["components"]["schemas"]
    if shape is None or (shape != "none" and shape not in schemas):
        yield "says no shape that the API has: write ```json shape=Problem, or shape=none when it is not ours"
        return
    try:
        values = _values(block.text)
    except ValueError as error:
        yield f"is no JSON: {error}"
        return
    for value in values if shape != "none" else ():
        yield from _against(shape, value)


def _values(text: str) -> list[Any]:
    """One value, or one a line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def _against(shape: str, value: Any) -> Iterator[str]:
    schema = {"$ref": f"#/components/schemas/{shape}", "components": document(exact=True)["components"]}
    for error in Draft202012Validator(schema).iter_errors(value):
        for one in _leaves(error):
            if not _is_left_out(one):
                yield f"is no {shape}: {one.json_path}: {one.message[:200]}"


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """What an error comes down to: of several ways, the one that fits best."""
    if not error.context:
        yield error
        return
    ways: dict[Any, list[ValidationError]] = {}
    for one in error.context:
        ways.setdefault(one.schema_path[0], []).extend(_leaves(one))
    yield from min(ways.values(), key=lambda way: sum(not _is_left_out(one) for one in way))


def _is_left_out(error: ValidationError) -> bool:
    """Whether the page says itself that it left something out there."""
    found = error.instance
    if isinstance(found, dict) and LEFT_OUT in found:
        if error.validator == "additionalProperties":
            return bool(found.keys() - error.schema.get("properties", {}).keys() == {LEFT_OUT})
        return bool(error.validator == "required")
    return isinstance(found, str) and LEFT_OUT in found


def _providers(path: Path) -> list[Adapter]:
    return [further(one) for one in read_providers(str(path))]


def _policies(path: Path) -> object:
    return load_policies(path.read_text("utf-8"), source="page", providers=dict.fromkeys(Channel, ("one",)))


def _settings(path: Path) -> object:
    return read_settings({}, config=path)


TOML_READERS: Mapping[str, Callable[[Path], object]] = {
    "provider": _providers,
    "issuer": lambda path: read_issuers(str(path)),
    "policy": _policies,
}
"""By the name of a file's tables; any other file is one of settings."""


def toml_faults(block: Block, folder: Path) -> Iterator[str]:
    """What the reader of such a file says."""
    path = folder / "example.toml"
    path.write_text(block.text, encoding="utf-8")
    path.chmod(0o600)
    try:
        first = next(iter(read_toml(block.text)), "")
        TOML_READERS.get(first, _settings)(path)
    except Exception as error:
        yield f"is not taken: {error}"


def yaml_faults(block: Block) -> Iterator[str]:
    """What the reader of YAML says."""
    try:
        list(yaml.safe_load_all(block.text))
    except yaml.YAMLError as error:
        yield f"is no YAML: {error}"


def ini_faults(block: Block) -> Iterator[str]:
    """What a reader of settings in lines says; PostgreSQL's have no sections."""
    try:
        configparser.ConfigParser(interpolation=None).read_string(
            block.text if block.text.startswith("[") else f"[postgresql]\n{block.text}"
        )
    except configparser.Error as error:
        yield f"cannot be read: {error}"


def sql_faults(block: Block) -> Iterator[str]:
    """What PostgreSQL's parser says."""
    try:
        pglast.parse_sql(block.text)
    except pglast.parser.ParseError as error:
        yield f"is no SQL: {error}"


# --- commands ---------------------------------------------------------------------------------------------------------


def command_faults(script: str) -> Iterator[str]:
    """What in commands that are not run does not exist: options, targets, scripts, files of ours, programs."""
    for words in commands(script):
        name = words[0].rpartition("/")[2]
        if name == "esoz-notify":
            yield from notify_faults(words[1:], whole=True)
        elif name == "make":
            yield from make_faults(words[1:])
        elif not _is_ours(words[0]) and name not in {"sh", "python", *OUTSIDE}:
            yield f"{words[0]!r} is a program that nobody knows: say whose it is in OUTSIDE of tests/docs/fates.py"
        yield from (f"there is no {word}" for word in _files(words) if not (house.ROOT / word).exists())
        if name == "python" and words[1:3] == ["-m", "esoz_notify.cli"]:
            yield from notify_faults(words[3:], whole=True)


def _files(words: list[str]) -> Iterator[str]:
    """Words that look like a file of the checkout, and modules of tests that are run."""
    for word in words:
        if re.fullmatch(r"(scripts|deploy|requirements|tests|docs|src)/[\w./-]*\w", word):
            yield word
    if words[1:2] == ["-m"] and words[2].startswith("tests."):
        yield words[2].replace(".", "/")


def _is_ours(word: str) -> bool:
    return word.startswith("scripts/") or (word.startswith("./") and shutil.which(word) is not None)


@cache
def _makefile() -> tuple[frozenset[str], frozenset[str]]:
    """Targets and variables of the Makefile."""
    text = (house.ROOT / "Makefile").read_text("utf-8")
    targets = frozenset(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    return targets, frozenset(one or other for one, other in _VARIABLES.findall(text)) | {"PYTHON"}


def make_faults(words: list[str]) -> Iterator[str]:
    """Targets and variables that the Makefile does not have."""
    targets, variables = _makefile()
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in (variables if equals else targets):
            yield f"the Makefile has no {word}"


@cache
def _root() -> Any:
    top: Any = typer.main.get_command(application())
    top.commands |= {name: loaded(name) for name in COMMANDS}
    return top


def notify_faults(words: list[str], *, whole: bool) -> Iterator[str]:
    """What ``esoz-notify WORDS`` has that does not exist. ``whole``: it must have everything that it needs, too."""
    command = _root()
    rest = list(words)
    while isinstance(command, TyperGroup):
        while rest and rest[0].startswith("-"):
            rest = rest[2:] if rest[0] == "--config" else rest[1:]
        if not rest:
            return
        found = command.commands.get(rest[0])
        if found is None:
            yield f"esoz-notify has no {' '.join(words[: len(words) - len(rest) + 1])}"
            return
        command, rest = found, rest[1:]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    unknown = [word for word in rest if re.match(r"-[-a-z]", word) and word.partition("=")[0] not in options]
    yield from (f"esoz-notify {command.name} has no {word}" for word in unknown)
    if whole and not unknown:
        try:
            command.make_context(command.name, list(rest))
        except Exception as error:
            if "does not exist" not in str(error):  # a file that the reader has and the tests have not
                yield f"esoz-notify {' '.join(words)}: {error}"
