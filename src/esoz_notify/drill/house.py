"""What a drill burns: PostgreSQL, the lab, an API and a worker as processes in a throw-away folder, and some load.

What belongs here: starting and stopping them. What does not: what is broken (``faults``), who watches (``prometheus``).
"""

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import psutil

from esoz_notify.bench.processes import Running, ended, running
from esoz_notify.core.errors import NotifyError
from esoz_notify.drill.load import Load
from esoz_notify.drill.receiver import Receiver, a_receiver
from esoz_notify.lab.settings import LabSettings, SmscSettings
from esoz_notify.settings import environment_for_child
from esoz_notify.store import embedded
from esoz_notify.store.counting import allow_connections, make_database

COMMAND = "esoz_notify.cli"
DATABASE = "drill"
CALLER = "drill"
PROBED = "+380000000099"
PROBE_EVERY_S = 3
CALL_LIMIT_S = 20.0

POLICIES = """
[[policy]]
version = "drill"
from = 2025-01-01
codes = [{ channel = "viber", window_s = 10 }, { channel = "sms" }]
documents = [{ channel = "viber", window_s = 10 }, { channel = "sms" }]
rest = [{ channel = "viber", window_s = 10 }, { channel = "sms" }]
"""


@dataclass(slots=True, kw_only=True)
class House:
    """The processes. ``targets``: where their numbers are told."""

    folder: Path
    server: embedded.RunningPostgres
    environment: Mapping[str, str]
    lab_url: str
    api_url: str
    metrics_port: int
    receiver: Receiver
    _worker: ExitStack = field(default_factory=ExitStack)
    _process: psutil.Process | None = None

    @property
    def targets(self) -> list[str]:
        """Host and port of each process that tells numbers."""
        return [urlsplit(self.api_url).netloc, f"127.0.0.1:{self.metrics_port}"]

    def start_worker(self) -> None:
        """Start a worker."""
        told = {"ESOZ_NOTIFY_PUBLIC_URL": self.api_url, "ESOZ_NOTIFY_METRICS_LISTEN": f"127.0.0.1:{self.metrics_port}"}
        words = [COMMAND, "worker"]
        started = self._worker.enter_context(running("worker", words, {**self.environment, **told}, self.folder))
        self._process = started.process

    def stop_worker(self) -> None:
        """Stop it, as a host that is taken down does."""
        self._worker.close()

    def freeze_worker(self) -> None:
        """Have it stand still in the middle of what it does."""
        assert self._process is not None
        self._process.suspend()

    def thaw_worker(self) -> None:
        """Have it go on."""
        assert self._process is not None
        self._process.resume()

    def break_provider(self, provider: str, fault: str, **more: float) -> None:
        """Let a fault loose in the lab, until ``mend``."""
        _ask(self.lab_url, "POST", "/faults", {"provider": provider, "fault": fault, **more})

    def mend(self) -> None:
        """Back to a healthy world outside."""
        _ask(self.lab_url, "DELETE", "/faults")

    def close_ledger(self) -> None:
        """Have the ledger take no connections, and drop those that there are."""
        allow_connections(self.server.dsn, DATABASE, allowed=False)

    def open_ledger(self) -> None:
        """Have it take them again."""
        allow_connections(self.server.dsn, DATABASE, allowed=True)


@contextmanager
def a_house(templates: Mapping[str, str]) -> Iterator[House]:
    """Everything at work, in a folder that is removed afterwards. ``templates``: of Viber, by name."""
    folder = Path(tempfile.mkdtemp(prefix="esoz-notify-drill-"))
    try:
        with ExitStack() as stack:
            server = stack.enter_context(embedded.start(folder))
            base = {"data": str(folder), "dsn": make_database(server.dsn, DATABASE), "log_level": "WARNING"}
            ended("migrate", [COMMAND, "migrate"], environment_for_child(**base), folder)
            lab = stack.enter_context(
                running("lab", [COMMAND, "lab", "--port", "0", "--stop-on-stdin-eof"], environment_for_child(), folder)
            )
            urls = json.loads(lab.ready)
            environment = environment_for_child(**base, **_settings(folder, urls, templates))
            secret = _secret(environment, folder)
            api = stack.enter_context(
                running("api", [COMMAND, "api", "--host", "127.0.0.1", "--port", "0"], environment, folder)
            )
            house = House(
                folder=folder,
                server=server,
                environment=environment,
                lab_url=urls["lab_url"],
                api_url=_address(api),
                metrics_port=_free_port(),
                receiver=stack.enter_context(a_receiver()),
            )
            stack.callback(house.stop_worker)
            house.start_worker()
            _hang_webhook(house, secret)
            stack.enter_context(_loaded(house, secret))
            yield house
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path, urls: Mapping[str, Any], templates: Mapping[str, str]) -> dict[str, str]:
    """Settings whose providers are the lab's, with probes of each."""
    lab, smsc = LabSettings(), SmscSettings(name="any")
    (folder / "policies.toml").write_text(POLICIES, encoding="utf-8")
    names = "".join(f'"{name}" = "{name}"\n' for name in templates)
    (folder / "viber-templates.toml").write_text(names, encoding="utf-8")
    login = f"{quote(smsc.system_id)}:{quote(smsc.password)}"
    return {
        "policies_file": str(folder / "policies.toml"),
        "viber_url": urls["viber_url"],
        "viber_api_key": lab.viber_api_key,
        "viber_templates": str(folder / "viber-templates.toml"),
        "viber_callback_credentials": lab.callback_credential,
        "smscs": " ".join(f"smpp://{login}@{host}:{port}?name={name}" for name, (host, port) in urls["smsc"].items()),
        "webhooks_to_loopback": "yes",
        "probes": PROBED,
        "probe_every_s": str(PROBE_EVERY_S),
        "probe_limit_s": str(PROBE_EVERY_S),
    }


def _secret(environment: Mapping[str, str], folder: Path) -> str:
    scopes = [word for scope in ("notifications:write", "webhooks:manage") for word in ("--scope", scope)]
    create = [COMMAND, "clients", "create", CALLER, "--name", "Drill", *scopes, "--json"]
    secret: str = json.loads(ended("clients", create, environment, folder))["client_secret"]
    return secret


def _address(api: Running) -> str:
    return api.ready.split()[0]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def _token(house: House, secret: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": CALLER, "client_secret": secret}
    token: str = _ask(house.api_url, "POST", "/oauth/token", form=urlencode(form))["access_token"]
    return token


def _hang_webhook(house: House, secret: str) -> None:
    """Have the caller told of everything, as callers are."""
    _ask(house.api_url, "POST", "/v1/webhooks", {"url": house.receiver.url}, token=_token(house, secret))


@contextmanager
def _loaded(house: House, secret: str) -> Iterator[None]:
    """A trickle of codes and documents."""
    stop = threading.Event()
    load = Load(house.api_url, lambda: _token(house, secret))
    thread = threading.Thread(target=load.run, args=(stop,), name="load", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(CALL_LIMIT_S)


def _ask(  # noqa: PLR0913 - what one call is made of
    base_url: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, form: str = "", token: str = ""
) -> Any:
    """One call; its JSON, or None without one. Raises NotifyError when it is refused or nobody answers."""
    where = urlsplit(base_url)
    connection = HTTPConnection(str(where.hostname), where.port, timeout=CALL_LIMIT_S)
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    headers = {"content-type": kind, **({"authorization": f"Bearer {token}"} if token else {})}
    try:
        connection.request(method, path, form or (json.dumps(body) if body is not None else None), headers)
        reply = connection.getresponse()
        answer = reply.read()
    except (OSError, HTTPException) as error:
        raise NotifyError(f"the drill could not ask {path}: {type(error).__name__}") from error
    finally:
        connection.close()
    if reply.status not in range(200, 300):
        raise NotifyError(f"the drill was refused {method} {path}: status {reply.status}")
    return json.loads(answer) if answer else None
