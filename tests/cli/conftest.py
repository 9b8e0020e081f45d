"""A service that really runs, for commands that ask one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from esoz_notify.settings import environment_for_child


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """``up --lab`` on free ports; gives the folder of its caller's file."""
    folder = tmp_path_factory.mktemp("up")
    command = [sys.executable, "-m", "esoz_notify.cli", "up", "--lab", "--data", str(folder / "demo-data")]
    command += ["--port", "0", "--lab-port", "0"]
    environment = environment_for_child(log_level="WARNING")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        yield folder
        process.terminate()
        process.stdout.read()
