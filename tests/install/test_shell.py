"""What a shell has of an installation: completion of commands, options and values, and the manual page."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.install.builds import Installed, bare

ASK = r"""
set -eu
. ~/.bash_completions/esoz-notify.sh
complete -p esoz-notify
while read -r line; do
    eval "COMP_WORDS=($line)"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _esoz_notify_completion esoz-notify
    echo "$line -> ${COMPREPLY[*]}"
done
"""

ANSWERS = {
    "esoz-notify cl": "clients",
    "esoz-notify clients cr": "create",
    "esoz-notify send --ph": "--phone",
    "esoz-notify send conf": "confirmation_code",
    "esoz-notify route --lang ''": "uk en",
    "esoz-notify bench lifecycle stea": "steady",
    "esoz-notify drill ProcessG": "ProcessGone",
    "esoz-notify migrate --only po": "post",
    "esoz-notify operators role o.koval au": "auditor",
    "esoz-notify policy check ''": "",  # nothing of ours: the shell then offers its files
}


def test_bash_completes(installed: Installed, tmp_path: Path) -> None:
    """``--install-completion`` in bash; then bash itself asks, and files are left to it."""
    environment = bare(tmp_path) | {"PATH": f"{installed.home / 'bin'}:/usr/bin:/bin"}
    install = ["bash", "-c", "esoz-notify --install-completion; true"]  # true: so that bash stays, and is seen
    done = subprocess.run(install, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "bash completion installed in" in done.stdout, done.stdout + done.stderr
    asked = "".join(f"{line}\n" for line in ANSWERS)
    done = subprocess.run(
        ["bash", "-c", ASK], cwd=tmp_path, env=environment, input=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    registered, *answers = done.stdout.splitlines()
    assert "-o default" in registered
    assert [" ".join(one.split()) for one in answers] == [
        f"{line} -> {answer}".rstrip() for line, answer in ANSWERS.items()
    ]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered(installed: Installed, tmp_path: Path, shell: str) -> None:
    """The command answers as the script of that shell asks, with the sentence of each command."""
    asked = {"_ESOZ_NOTIFY_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "esoz-notify cl"}
    done = installed.run("esoz-notify", folder=tmp_path, _TYPER_COMPLETE_FISH_ACTION="get-args", **asked)
    assert "clients" in done.stdout
    assert "Callers of the API" in done.stdout
    assert "operators" not in done.stdout


def test_the_manual_is_good_roff(installed: Installed) -> None:
    """``man`` draws it without a warning, and it names every kind of section that people look for."""
    if shutil.which("man") is None:
        pytest.skip("man-db is not installed (Debian: apt-get install man-db)")
    page = installed.home / "share" / "man" / "man1" / "esoz-notify.1"
    command = ["man", "--warnings", "-E", "UTF-8", "-P", "cat", "-l", str(page)]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}, capture_output=True, check=True
    )
    assert done.stderr == b""
    shown = done.stdout.decode()
    for heading in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
        assert f"\n{heading}\n" in shown
    assert "esoz-notify clients create mis-1" in shown
