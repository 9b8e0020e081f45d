"""One running service with the lab, as `make run` starts it, for every page whose examples are run."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.docs.session import House

from esoz_notify.settings import environment_for_child
from esoz_notify.store import embedded


@pytest.fixture(scope="session")
def running_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """``up --lab`` on free ports; its folder is `demo-data` to whoever stands in a folder of ``House.seen_from``."""
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "esoz_notify.cli", "up", "--lab", "--data", str(folder / "demo-data")]
    command += ["--port", "0", "--lab-port", "0"]
    environment = environment_for_child(log_level="WARNING", webhooks_to_loopback="yes")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        # Joined here once: each command of a page would else join and leave the service's PostgreSQL by itself.
        with embedded.start(folder / "demo-data") as server:
            yield House(folder / "demo-data", folder, server.dsn)
        process.terminate()
        process.stdout.read()
