"""What the Containerfile promises, read from its text; scripts/image.sh builds and runs it."""

import json
import re

import pytest
from tests.architecture import house

from esoz_notify.cli.main import COMMANDS
from esoz_notify.settings import PREFIX, read_settings

TEXT = (house.ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
BUILT, LAST = TEXT.split("\nFROM scratch\n")


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_no_shell_is_asked(word: str) -> None:
    """What it starts is a list, and the last stage runs nothing while it is built: there is no shell to do it."""
    (told,) = re.findall(rf"^{word} (.*)$", LAST, flags=re.MULTILINE)
    assert isinstance(json.loads(told), list)
    assert not re.search(r"^(RUN|SHELL|ADD|HEALTHCHECK)\b", LAST, flags=re.MULTILINE)


def test_it_runs_as_nobody_in_particular() -> None:
    """By number, so that Kubernetes can see that it is not root; what it starts is a command of ours."""
    (user,) = re.findall(r"^USER (.*)$", LAST, flags=re.MULTILINE)
    assert user == "65532:65532"
    (command,) = re.findall(r"^CMD (.*)$", LAST, flags=re.MULTILINE)
    assert json.loads(command)[0] in COMMANDS


def test_only_what_is_locked_goes_in() -> None:
    """Every package by its hash, none built from sources, and our own without asking anybody."""
    installs = [line for line in BUILT.splitlines() if "-r requirements/" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line and "--only-binary :all:" in line for line in installs)
    assert "--no-index" in BUILT
    assert "--no-deps --no-build-isolation" in BUILT


def test_its_settings_are_settings() -> None:
    """What the image says in its environment is taken by the service."""
    given = dict(re.findall(rf"^\s*(?:ENV )?({PREFIX}\w+)=(\S+)", LAST, flags=re.MULTILINE))
    assert read_settings(given).host == "0.0.0.0"
