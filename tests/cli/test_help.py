"""Help: every command says what it does and shows an example."""

from pathlib import Path

import pytest
from tests.cli.commands import run
from typer.testing import CliRunner

from esoz_notify.cli.main import COMMANDS, application

EXAMPLES = (
    ("send",),
    ("watch",),
    ("route",),
    ("bulk",),
    ("policy", "show"),
    ("policy", "check"),
    ("clients", "list"),
    ("clients", "create"),
    ("clients", "rotate"),
    ("clients", "end-old"),
    ("clients", "keys"),
    ("clients", "limit"),
    ("clients", "bind"),
    ("clients", "disable"),
    ("operators", "role"),
    ("keys", "list"),
    ("keys", "new"),
    ("keys", "rotate"),
    ("keys", "retire"),
    ("purge",),
    ("restored",),
    ("doctor",),
    ("up",),
    ("lab",),
    ("demo",),
    ("summaries",),
)


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_every_command_has_an_example(words: tuple[str, ...]) -> None:
    """The example begins with the command itself, so that it can be copied."""
    shown = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}).invoke(
        application(words), [*words, "--help"]
    )
    assert shown.exit_code == 0
    assert f"Example: esoz-notify {' '.join(words)}" in shown.output


def test_only_what_is_called_is_loaded() -> None:
    """Of a command that is named nothing else is there; without one, or with one that does not exist, all are."""
    for words, told in ((["clients", "list"], {"clients"}), (["--help"], set(COMMANDS)), (["clinets"], set(COMMANDS))):
        shown = application(words)
        names = {one.name for one in shown.registered_commands} | {one.name for one in shown.registered_groups}
        assert (words, names) == (words, told)
    assert not application(["--version"]).registered_commands


def test_a_wrong_setting_stops_every_command(tmp_path: Path) -> None:
    """The sentence names the setting; the exit code says that the call was wrong."""
    done = run("doctor", folder=tmp_path, port="eighty")
    assert (done.code, done.out) == (2, "")
    assert "ESOZ_NOTIFY_PORT" in done.err
