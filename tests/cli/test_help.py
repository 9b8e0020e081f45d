"""Help: every command says in one sentence what it is for, and shows examples that work."""

import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.commands import run
from typer import Context
from typer.main import get_command

from esoz_notify.cli.main import COMMANDS, EPILOG, application, loaded

WIDTH = 80
LISTED_MAX = 78
"""What a sentence may take in the list of a terminal of 80 columns, so that each command stays on one line or two."""

EXAMPLE = re.compile(r"^\s*Example: (esoz-notify .*)$", re.MULTILINE)
ROOM = {"policies.toml": "", "rows.csv": "", "jwks.json": "[]"}
"""Files that examples name; some commands want to see theirs."""


TELL = """
import sys
from esoz_notify.cli.main import main
try:
    main()
finally:
    sys.stderr.write(" ".join(["loaded", *sys.modules]))
"""


def leaves(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words."""
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
    for name, child in (children or {}).items():
        yield from leaves((*words, name), child)


ALL = [leaf for name in COMMANDS for leaf in leaves((name,), loaded(name))]


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_example_parses(words: tuple[str, ...], command: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """There is one, it begins with the command itself, and all its options and values are taken."""
    monkeypatch.chdir(tmp_path)
    for name, text in ROOM.items():
        Path(name).write_text(text, encoding="utf-8")
    examples = EXAMPLE.findall(command.help)
    assert examples, f"{' '.join(words)} has no line that begins with Example: esoz-notify"
    for example in examples:
        given = shlex.split(re.split(r" [|>] ", example)[0])[1:]
        assert tuple(given[: len(words)]) == words, example
        with command.make_context(" ".join(words), given[len(words) :]):
            pass


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_option_says_what_it_is_for(words: tuple[str, ...], command: Any) -> None:
    """The first paragraph is one sentence or two; each option that is shown has its own."""
    first = re.split(r"\n\s*\n", command.help)[0]
    assert first.endswith("."), words
    assert len(first) <= 2 * LISTED_MAX, first
    silent = [
        one.name for one in command.get_params(Context(command)) if not (getattr(one, "hidden", False) or one.help)
    ]
    assert silent == [], words


def test_the_list_says_what_commands_say() -> None:
    """What stands in the list, which loads no command, is the sentence that the command's own help begins with."""
    for name, one in COMMANDS.items():
        first = re.split(r"\n\s*\n", str(loaded(name).help))[0].replace("\n", " ")
        assert (name, one.what) == (name, first)
        assert len(one.what) <= LISTED_MAX, one.what


def test_help_fits_a_terminal(tmp_path: Path) -> None:
    """No line is wider than 80 columns, panels stand in the order of the table, exit codes are told."""
    shown = plain(["--help"], tmp_path)
    assert max(map(len, shown.splitlines())) <= WIDTH
    panels = list(dict.fromkeys(one.panel for one in COMMANDS.values()))
    found = [line.strip("╭─╮ ") for line in shown.splitlines() if line.startswith("╭")]
    assert [one for one in found if one in panels] == panels
    assert EPILOG.split(". ")[0] in " ".join(shown.split())


def plain(words: list[str], folder: Path) -> str:
    """What is written into a pipe, on a terminal of 80 columns."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": str(WIDTH)}
    command = [sys.executable, "-m", "esoz_notify.cli", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def on_terminal(words: list[str], folder: Path, **more: str) -> str:
    """What is written on a terminal."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "esoz_notify.cli", *words]
    with subprocess.Popen(command, cwd=folder, env=environment | more, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        shown = b""
        while True:
            try:
                read = os.read(ours, 65536)
            except OSError:  # how Linux tells that the other side has closed
                break
            if not read:
                break
            shown += read
    os.close(ours)
    return shown.decode()


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    """Colours on a terminal, none under NO_COLOR, and nothing but text in a pipe."""
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert coloured.search(on_terminal(["route", "--help"], tmp_path))
    assert not coloured.search(on_terminal(["route", "--help"], tmp_path, NO_COLOR="1"))
    assert "\x1b" not in plain(["route", "--help"], tmp_path)


def test_a_mistyped_command_is_told_the_near_one(tmp_path: Path) -> None:
    """At the top and inside a group; the exit code says that the call was wrong."""
    for words, near in ((["clinets"], "clients"), (["clients", "craete"], "create")):
        done = run(*words, folder=tmp_path)
        assert done.code == 2
        assert f"Did you mean '{near}'" in done.err


def test_only_what_is_called_is_loaded(tmp_path: Path) -> None:
    """Neither help, nor the version, nor another command loads what a command needs."""
    command = [sys.executable, "-c", TELL]
    needed = {"esoz_notify.cli.ask", "esoz_notify.cli.bench", "psycopg", "litestar", "aiohttp"}
    for words, told in (
        (["--help"], set()),
        (["--version"], set()),
        (["clinets"], set()),
        (["route", "--help"], {"esoz_notify.cli.ask", "aiohttp"}),
    ):
        done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        modules = set(done.stderr.rpartition("loaded ")[2].split())
        assert (words, modules & needed) == (words, told)


def test_the_same_tree_from_everywhere() -> None:
    """What lists commands before they are loaded knows each of them, and loading one leaves the others alone."""
    top: Any = get_command(application())
    assert list(top.commands) == list(COMMANDS)


def test_a_wrong_setting_stops_every_command(tmp_path: Path) -> None:
    """The sentence names the setting; the exit code says that the call was wrong."""
    done = run("doctor", folder=tmp_path, port="eighty")
    assert (done.code, done.out) == (2, "")
    assert "ESOZ_NOTIFY_PORT" in done.err
