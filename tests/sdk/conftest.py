"""A service that really runs, with its lab, for programs that are its callers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from esoz_notify.settings import environment_for_child


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """``up --lab`` on free ports, whose webhooks may be on this machine; gives what its caller's file says."""
    folder = tmp_path_factory.mktemp("up")
    command = [sys.executable, "-m", "esoz_notify.cli", "up", "--lab", "--data", str(folder)]
    command += ["--port", "0", "--lab-port", "0"]
    environment = environment_for_child(log_level="WARNING", webhooks_to_loopback="yes")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        yield json.loads((folder / "dev-client.json").read_text("utf-8"))
        process.terminate()
        process.stdout.read()
