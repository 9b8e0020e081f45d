"""systemd's own tools find nothing wrong with the units, and little that a broken-in process could reach."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.architecture import house

from esoz_notify.api.server import GRACE_S
from esoz_notify.cli.main import COMMANDS
from esoz_notify.engine import webhook_sending, worker

UNITS = house.ROOT / "deploy" / "systemd"
SERVICES = ("esoz-notify-api@8080.service", "esoz-notify-worker@1.service", "esoz-notify-migrate@pre.service")
EXPOSURE_MAX = 12
"""Of 100, where systemd calls 10 to 40 "OK": what is left is the network, which the service is for."""


def told(root: Path, *words: str) -> tuple[int, str]:
    """What systemd-analyze says of units below a root of their own."""
    done = subprocess.run(
        ["systemd-analyze", *words, f"--root={root}"], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with our units where an operator puts them, systemd's own targets, and a program to start."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    shutil.copytree(UNITS, tmp_path / "etc" / "systemd" / "system")
    own = tmp_path / "usr" / "lib" / "systemd" / "system"
    own.mkdir(parents=True)
    for target in Path("/lib/systemd/system").glob("*.target"):
        shutil.copy(target, own, follow_symlinks=False)
    program = tmp_path / "opt" / "esoz-notify" / "venv" / "bin" / "esoz-notify"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/true\n")
    program.chmod(0o755)
    return tmp_path


def test_systemd_finds_nothing_wrong(root: Path) -> None:
    """Neither in a unit nor in what is common to all, the secrets of providers put in place; and it does look."""
    common = root / "etc" / "systemd" / "system" / "esoz-notify-.service.d"
    (common / "providers.conf.example").rename(common / "providers.conf")
    assert told(root, "verify", *SERVICES, "esoz-notify.target") == (0, "")

    (common / "wrong.conf").write_text("[Service]\nProtectSystm=strict\n")
    assert "ProtectSystm" in told(root, "verify", SERVICES[0])[1]


@pytest.mark.parametrize("service", SERVICES)
def test_little_is_exposed(root: Path, service: str) -> None:
    """By systemd's count, and only with the file that all of them share: without it the same look fails."""
    look = ("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", "--no-pager", service)
    code, said = told(root, *look)
    assert code == 0, said[-2000:]

    shutil.rmtree(root / "etc" / "systemd" / "system" / "esoz-notify-.service.d")
    assert told(root, *look)[0] != 0


def test_units_start_what_there_is_and_give_it_time_to_stop() -> None:
    """Commands of ours, as a user of its own; stopped not before a drain may have ended."""
    needed_s = {"api": GRACE_S, "worker": worker.DRAIN_S + webhook_sending.DRAIN_S}
    units = {path.name: path.read_text(encoding="utf-8") for path in UNITS.glob("*@.service")}
    assert len(units) == len(SERVICES)
    for name, text in units.items():
        (command,) = re.findall(r"^ExecStart=/opt/esoz-notify/venv/bin/esoz-notify (\S+)", text, flags=re.MULTILINE)
        assert command in COMMANDS, name
        assert re.search(r"^DynamicUser=yes$", text, flags=re.MULTILINE), name
        if command in needed_s:
            (limit_s,) = re.findall(r"^TimeoutStopSec=(\d+)$", text, flags=re.MULTILINE)
            assert int(limit_s) >= 2 * needed_s[command], name
