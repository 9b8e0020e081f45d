"""The manual page esoz-notify(1), from the command line's own tree: commands, options, examples, settings.

What belongs here: roff. What does not: any word of help (the commands' own). Not click-man: it reads click's classes,
and typer has carried classes of its own since it carries click.
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from typer import Context
from typer.main import get_command

from esoz_notify import __version__
from esoz_notify.cli.main import COMMANDS, EPILOG, application, loaded
from esoz_notify.settings import PREFIX, Settings
from esoz_notify.settings_file import DEFAULT_FILE

NOTICE = r".\" Written by scripts/generate_docs.py from the code: change the code and run it again."


def manual() -> str:
    """The whole page."""
    top = get_command(application())
    summary = str(top.help)
    name = summary.rstrip(".")
    lines = [
        NOTICE,
        f'.TH ESOZ\\-NOTIFY 1 "" "esoz\\-notify {__version__}" "ESOZ Notify"',
        ".SH NAME",
        rf"esoz\-notify \- {_text(name[0].lower() + name[1:])}",
        ".SH SYNOPSIS",
        r".B esoz\-notify",
        r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        _text(f"{summary} {EPILOG}."),
        ".SH OPTIONS",
        *_parameters(top),
    ]
    panel = ""
    for name, one in COMMANDS.items():
        if one.panel != panel:
            panel = one.panel
            lines.append(f'.SH "{_text(panel.upper())}"')
        lines += _command(("esoz-notify", name), loaded(name))
    return "\n".join([*lines, *_rest()]) + "\n"


def _rest() -> Iterator[str]:
    yield '.SH "EXIT STATUS"'
    for code, what in (("0", "done"), ("1", "the work failed"), ("2", "the call was wrong"), ("130", "Ctrl-C")):
        yield from (".TP", f".B {code}", _text(what))
    yield ".SH ENVIRONMENT"
    for field in fields(Settings):
        default = field.metadata["default"]
        said = f"{field.metadata['what']} Default: {default}." if default else field.metadata["what"]
        yield from (".TP", f".B {_text(PREFIX + field.name.upper())}", _text(said))
    yield from (".SH FILES", ".TP", f".I {_text(str(DEFAULT_FILE))}", _text("Settings, under the environment (TOML)."))
    yield from (".TP", r".I ~/.local/share/esoz\-notify", "Ledger and keys, where no other folder is named.")


def _command(words: tuple[str, ...], command: Any) -> Iterator[str]:
    """A command with its options, or a group with its commands."""
    yield f'.SS "{_text(" ".join(words))}"'
    for paragraph in re.split(r"\n\s*\n", command.help or ""):
        yield from _paragraph(" ".join(paragraph.split()))
    children = getattr(command, "commands", {})
    yield from () if children else _parameters(command)
    for name, child in children.items():
        yield from _command((*words, name), child)


def _paragraph(text: str) -> Iterator[str]:
    title, colon, example = text.partition(": ")
    if colon and title == "Example":
        yield from (".PP", ".EX", _text(example), ".EE")
    else:
        yield from (".PP", _text(text))


def _parameters(command: Any) -> Iterator[str]:
    context = Context(command)
    for one in command.get_params(context):
        if getattr(one, "hidden", False):
            continue
        value = "" if getattr(one, "is_flag", False) else rf" \fI{_text(one.metavar or one.display_type(context))}\fR"
        names = ", ".join(rf"\fB{_text(name)}\fR" for name in one.opts if name.startswith("-"))
        yield from (".TP", f"{names}{value}".strip(), _text(_said(one)))


def _said(one: Any) -> str:
    """What an option is for, its default and whether it must be given."""
    said = one.help or ""
    if one.required:
        return f"{said} Required.".strip()
    shown = one.default not in {None, False, ""} and not callable(one.default)
    return f"{said} Default: {getattr(one.default, 'value', one.default)}." if shown else said


def _text(text: str) -> str:
    """Text as roff takes it literally."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq").replace("'", r"\(aq")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
