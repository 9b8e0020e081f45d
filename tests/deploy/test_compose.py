"""The compose file: compose itself reads it, each of our containers may do nothing, and the lab's settings are good."""

import json
import subprocess
from typing import Any

import pytest
from tests.architecture import house

from esoz_notify import __version__
from esoz_notify.cli.main import COMMANDS
from esoz_notify.settings import read_settings

DEPLOY = house.ROOT / "deploy"
COMPOSE = house.ROOT / ".venv" / "deploy" / "docker-compose"


def composed(*profiles: str) -> dict[str, Any]:
    """The services as compose understands them."""
    if not COMPOSE.exists():
        pytest.skip("docker-compose is not here: sh scripts/deploy_tools.sh")
    words = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [COMPOSE, "-f", DEPLOY / "compose.yaml", *words, "config", "--format", "json"],
        capture_output=True, text=True, check=False, timeout=60, env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def test_compose_takes_it() -> None:
    """It reads the file without a warning; the lab is there only when it is asked for."""
    assert set(composed()) == {"postgres", "migrate", "api", "worker"}
    assert set(composed("lab")) == {"postgres", "migrate", "api", "worker", "lab"}


def test_ours_may_do_nothing() -> None:
    """No rights, a read-only root, the image of this version; the database is reached from inside alone."""
    services = composed("lab")
    database = services.pop("postgres")
    assert list(database["networks"]) == ["inside"]
    assert "ports" not in database
    for name, one in services.items():
        assert (one["read_only"], one["user"], one["cap_drop"]) == (True, "65532:65532", ["ALL"]), name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["image"] == f"esoz-notify:{__version__}", name
        assert one["command"][0] in COMMANDS, name
        assert all(port["host_ip"] == "127.0.0.1" for port in one.get("ports", [])), name
    assert services["api"]["healthcheck"]["test"][0] == "CMD", "there is no shell to ask by"


def test_nothing_starts_before_what_it_needs() -> None:
    """Migrations wait for the database, API and workers for the migrations."""
    services = composed()
    needs = {
        name: {(on, how["condition"]) for on, how in one.get("depends_on", {}).items()}
        for name, one in services.items()
    }
    done = {("migrate", "service_completed_successfully")}
    assert needs == {
        "postgres": set(), "migrate": {("postgres", "service_healthy")}, "api": done, "worker": done,
    }  # fmt: skip


def test_the_labs_settings_are_good() -> None:
    """The service takes them, and they lead to the lab's ports."""
    settings = read_settings({}, DEPLOY / "lab.toml")
    command = composed("lab")["lab"]["command"]
    assert {str(one.port) for one in settings.smscs} == {
        command[command.index(option) + 1] for option in ("--smsc-a-port", "--smsc-b-port")
    }
