"""A real Prometheus that watches the drill: scrapes twice a second and tells which alarms ring.

What belongs here: its files, its process, its answers. What does not: alarms.
"""

import json
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esoz_notify.bench.processes import strange
from esoz_notify.core.errors import NotifyError
from esoz_notify.drill.alarms import JOB

PROGRAM = "prometheus"
MISSING = "prometheus is missing: install Debian's package prometheus (apt-get install prometheus)"
SCRAPE = "500ms"
LOOKBACK = "3s"
_LIMIT_S = 10.0


def is_there() -> bool:
    """Whether this machine has it."""
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True, slots=True)
class Watcher:
    """The running one. ``url``: of its own API."""

    url: str

    def ringing(self) -> set[str]:
        """Names of the alarms that ring now. Raises NotifyError when it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/alerts", timeout=_LIMIT_S) as reply:  # noqa: S310 - ours
                alerts = json.load(reply)["data"]["alerts"]
        except (OSError, ValueError) as error:
            raise NotifyError(f"prometheus does not answer: {type(error).__name__}") from error
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


@contextmanager
def a_watcher(folder: Path, targets: Sequence[str], rules: str) -> Iterator[Watcher]:
    """Prometheus over these targets and rules while the context lasts. Raises NotifyError when it cannot be had."""
    if not is_there():
        raise NotifyError(MISSING)
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    (folder / "prometheus.yaml").write_text(_configuration(targets), encoding="utf-8")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        PROGRAM,
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--query.lookback-delta={LOOKBACK}",
        "--enable-feature=exemplar-storage",
    ]
    with strange(PROGRAM, command, folder, lambda: _is_ready(url)):
        yield Watcher(url)


def _configuration(targets: Sequence[str]) -> str:
    """JSON, which is YAML too."""
    return json.dumps(
        {
            "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": list(targets)}]}],
        }
    )


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=_LIMIT_S) as reply:  # noqa: S310 - ours
            return bool(reply.status == 200)  # noqa: PLR2004 - HTTP's own word for it
    except (OSError, urllib.error.URLError):
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
