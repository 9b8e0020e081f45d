"""The product under load: embedded PostgreSQL, one API, one worker and the lab, each a process, in a throw-away folder.

What belongs here: starting them, asking the lab, sending load. What does not: what is sent in which scenario.
"""

import json
import platform
import shutil
import tempfile
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit
from uuid import UUID

import psutil

from esoz_notify.bench.load import Plan, plan_json
from esoz_notify.bench.processes import Meter, ended, running, spoken_to
from esoz_notify.core.errors import NotifyError
from esoz_notify.lab.settings import LabSettings, SmscSettings
from esoz_notify.settings import environment_for_child
from esoz_notify.store import embedded
from esoz_notify.store.counting import Counter, Spread, Waiting, counting, drop_database, make_database

Tell = Callable[[str, float | None], None]
"""Is told what is being done and how far it is, 0 to 1; None when nobody knows."""

CALLER = "bench"
COMMAND = "esoz_notify.cli"
TEMPLATE = "bench_template"
REQUESTS_PER_MIN = 1_000_000_000
WINDOW_SIZE = 50
LOOK_S = 0.25
LAB_LIMIT_S = 60.0
COMMAND_LIMIT_S = 300.0
DRAIN_LIMIT_S = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What scenarios share: a PostgreSQL with a migrated template ledger, keys, and a caller known to it."""

    folder: Path
    server: embedded.RunningPostgres
    secret: str
    templates: Mapping[str, str]

    @property
    def postmaster(self) -> psutil.Process:
        """The server's first process."""
        return psutil.Process(int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0]))


@contextmanager
def a_site(templates: Mapping[str, str], tell: Tell) -> Iterator[Site]:
    """A site in a folder that is removed afterwards. ``templates``: bodies of the Viber templates by name."""
    tell("making a ledger", None)
    folder = Path(tempfile.mkdtemp(prefix="esoz-notify-bench-"))
    try:
        with embedded.start(folder) as server:
            environment = _environment(folder, make_database(server.dsn, TEMPLATE))
            ended("migrate", [COMMAND, "migrate"], environment, folder)
            create = [
                COMMAND,
                "clients",
                "create",
                CALLER,
                "--name",
                "Bench",
                "--scope",
                "notifications:write",
                "--scope",
                "summaries:print",
                "--json",
            ]
            secret = json.loads(ended("clients", create, environment, folder))["client_secret"]
            yield Site(folder=folder, server=server, secret=secret, templates=templates)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, dsn: str, **more: str) -> dict[str, str]:
    return environment_for_child(data=str(folder), dsn=dsn, log_level="WARNING", **more)


@dataclass(slots=True, kw_only=True)
class Sent:
    """What the generator reports of a plan. ``started_at``: before its first request."""

    statuses: dict[str, int]
    lines: int
    accepted: int
    seconds: float
    accept_ms: Spread | None
    cpu_s: float
    started_at: datetime
    answers: Path

    def ids(self) -> Iterator[tuple[UUID, datetime]]:
        """Each accepted notification and when it was asked for."""
        return ((UUID(one), at) for one, at in self._answered())

    def first_at(self) -> datetime:
        """When the first of those accepted was asked for; ``started_at`` when none was."""
        return min((at for _, at in self._answered()), default=self.started_at)

    def _answered(self) -> Iterator[tuple[str, datetime]]:
        for line in self.answers.read_text(encoding="ascii").splitlines():
            one, at = line.split("\t")
            yield one, datetime.fromtimestamp(float(at), UTC)


class House:
    """A running product of one scenario. ``processes``: those to be metered, by name."""

    def __init__(self, site: Site, dsn: str, ledger: Counter, stack: ExitStack, *, sms_only: bool) -> None:
        self._site = site
        self._sms_only = sms_only
        self._dsn = dsn
        self._stack = stack
        self._processes: dict[str, psutil.Process] = {"postgres": site.postmaster}
        self._numbers = count(1)
        self.ledger = ledger
        self.others = 0
        """Notifications in the ledger that are not of the measured load."""
        self._lab, lab_urls = self._start_lab()
        self.smscs: dict[str, tuple[str, int]] = {name: (host, port) for name, (host, port) in lab_urls["smsc"].items()}
        """Where the lab's SMSCs listen, by name."""
        ours = dict([next(iter(self.smscs.items()))]) if sms_only else self.smscs
        self._settings = _providers(site, lab_urls, ours) | (_sms_policy(site) if sms_only else {})
        self._apis: list[SplitResult] = []
        self._workers = 0
        self.start_api()

    def _start_lab(self) -> tuple[SplitResult, dict[str, Any]]:
        told = {"templates": dict(self._site.templates), "ack_at_once": self._sms_only}
        words = ["esoz_notify.bench.world", json.dumps(told)]
        lab = self._stack.enter_context(running("lab", words, environment_for_child(), self._site.folder))
        self._processes["lab"] = lab.process
        urls: dict[str, Any] = json.loads(lab.ready)
        return urlsplit(urls["lab_url"]), urls

    def _start(self, name: str, *words: str, **more: str) -> str:
        environment = _environment(self._site.folder, self._dsn, **self._settings, **more)
        started = self._stack.enter_context(running(name, [COMMAND, *words], environment, self._site.folder))
        self._processes[name] = started.process
        return started.ready

    def start_api(self) -> None:
        """Start an API, or one more: load is shared evenly among all of them."""
        name = _numbered("api", len(self._apis) + 1)
        self._apis.append(urlsplit(self._start(name, "api", "--host", "127.0.0.1", "--port", "0")))

    def start_worker(self) -> None:
        """Start a worker, or one more; providers call back to the first API."""
        self._workers += 1
        self._start(_numbered("worker", self._workers), "worker", public_url=self.api.geturl())

    @property
    def api(self) -> SplitResult:
        """Where the first API is."""
        return self._apis[0]

    @property
    def caller(self) -> tuple[str, str]:
        """Id and secret of our caller."""
        return CALLER, self._site.secret

    def command(self, name: str, *words: str) -> dict[str, Any]:
        """Run a command on the ledger to its end and give its JSON. Raises NotifyError when it fails."""
        environment = _environment(self._site.folder, self._dsn)
        words = (COMMAND, name, *words)
        said: dict[str, Any] = json.loads(ended(name, words, environment, self._site.folder, COMMAND_LIMIT_S))
        return said

    def watch(self, name: str, process: psutil.Process) -> None:
        """Have meters look at one more process from now on."""
        self._processes[name] = process

    def meter(self) -> Meter:
        """A meter of every process, from now on."""
        return Meter(self._processes)

    def send(self, plan: Plan, what: str, tell: Tell, meter: Meter | None = None) -> Sent:
        """Have a separate process send a plan to each API, as our caller: of several each has its share."""
        whole = replace(plan, caller=self.caller)
        if len(self._apis) == 1:
            return self.send_to(self.api, whole, what, tell, meter)
        shares = [_share(whole, number, len(self._apis)) for number in range(len(self._apis))]
        with ThreadPoolExecutor(len(shares)) as threads:
            # One meter is for one thread: the first share's looks are looks at everything.
            going = [
                threads.submit(self.send_to, where, share, what, tell, None if number else meter)
                for number, (where, share) in enumerate(zip(self._apis, shares, strict=True))
            ]
            return self._together([one.result() for one in going])

    def _together(self, several: list[Sent]) -> Sent:
        """What several generators sent at the same time. ``accept_ms`` is None: percentiles cannot be joined."""
        path = self._site.folder / f"answers-{next(self._numbers)}.tsv"
        path.write_text("".join(one.answers.read_text(encoding="ascii") for one in several), encoding="ascii")
        statuses: Tally[str] = Tally()
        for one in several:
            statuses.update(one.statuses)
        return Sent(
            statuses=dict(statuses),
            lines=sum(one.lines for one in several),
            accepted=sum(one.accepted for one in several),
            seconds=max(one.seconds for one in several),
            accept_ms=None,
            cpu_s=sum(one.cpu_s for one in several),
            started_at=min(one.started_at for one in several),
            answers=path,
        )

    def send_to(self, where: SplitResult, plan: Plan, what: str, tell: Tell, meter: Meter | None = None) -> Sent:
        """Have a separate process send a plan to a server."""
        path = self._site.folder / f"answers-{next(self._numbers)}.tsv"
        planned = replace(plan, host=str(where.hostname), port=int(where.port or 80), answers=str(path))
        started_at = datetime.now(UTC)
        report = _run_load(planned, what, tell, meter)
        return Sent(started_at=started_at, answers=path, **report)

    def send_to_lab(self, plan: Plan, what: str, tell: Tell) -> None:
        """Have the same process arrange the lab. Raises NotifyError when the lab refuses."""
        report = _run_load(
            replace(plan, host=str(self._lab.hostname), port=int(self._lab.port or 80)), what, tell, None
        )
        refused = {status for status in report["statuses"] if not status.startswith("2")}
        if refused:
            raise NotifyError(f"the lab refused {what}: {', '.join(sorted(refused))}")

    def ask_lab(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call to the lab's own interface; its JSON, or None without a body."""
        connection = HTTPConnection(str(self._lab.hostname), self._lab.port, timeout=LAB_LIMIT_S)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"content-type": "application/json"} if body else {})
            reply = connection.getresponse()
            answer = reply.read()
            if reply.status not in range(200, 300):
                raise NotifyError(f"the lab refused {method} {path}: status {reply.status}")
            return json.loads(answer) if answer else None
        finally:
            connection.close()

    def wait(
        self, what: str, tell: Tell, done: Callable[[], float], *, limit_s: float, meter: Meter | None = None
    ) -> None:
        """Look until ``done`` gives 1; at most ``limit_s``: then what is left is lost, and reported so."""
        ends_s = time.monotonic() + limit_s
        share = 0.0
        while share < 1 and time.monotonic() < ends_s:
            if meter is not None:
                meter.look()
            share = done()
            tell(what, share)
            if share < 1:
                time.sleep(LOOK_S)

    def drain(self, lines: int, tell: Tell, meter: Meter | None = None, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Wait until nothing is open any more."""

        def done() -> float:
            waiting: Waiting = self.ledger.waiting()
            left = waiting.codes + waiting.documents
            return 1.0 if waiting.nothing else min(0.999, max(0.0, 1 - left / max(1, lines)))

        self.wait("delivering", tell, done, limit_s=limit_s, meter=meter)

    def drain_known(self, tell: Tell, meter: Meter | None = None, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Wait until nothing of what the ledger's counter knows is open any more."""
        self.wait("delivering", tell, self.ledger.known_ended, limit_s=limit_s, meter=meter)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _share(plan: Plan, number: int, among: int) -> Plan:
    """What one of several generators sends of a plan: of three, every third line."""
    return replace(
        plan,
        first=plan.first + number * plan.step,
        step=plan.step * among,
        count_max=plan.count_max // among,
        connections=max(1, plan.connections // among),
        rate_per_s=None if plan.rate_per_s is None else plan.rate_per_s / among,
    )


def _run_load(plan: Plan, what: str, tell: Tell, meter: Meter | None) -> dict[str, Any]:
    total = plan.count_max if plan.rate_per_s is None else min(plan.count_max, int(plan.rate_per_s * plan.seconds))
    began_s = time.monotonic()

    def hear(line: str) -> None:
        word, _, number = line.partition(" ")
        if word == "sent":
            share = max(int(number) / max(1, total), (time.monotonic() - began_s) / plan.seconds)
            tell(what, min(1.0, share))
            if meter is not None:
                meter.look()

    report: dict[str, Any] = json.loads(spoken_to(["esoz_notify.bench.load"], plan_json(plan), hear))
    return report


@contextmanager
def a_house(
    site: Site, name: str, tell: Tell, *, preload: Callable[[Counter], int] | None = None, sms_only: bool = False
) -> Iterator[House]:
    """A product without a worker, over a ledger of its own.

    ``preload`` fills the ledger beforehand, and says with how many. ``sms_only``: by policy everything goes by SMS,
    over the first SMSC only; SMSCs acknowledge at once what they read.
    """
    tell("starting", None)
    database = f"bench_{name.replace('-', '_')}"
    dsn = make_database(site.server.dsn, database, TEMPLATE)
    with ExitStack() as stack:
        stack.callback(drop_database, site.server.dsn, database)
        ledger = stack.enter_context(counting(dsn))
        others = 0 if preload is None else preload(ledger)
        house = House(site, dsn, ledger, stack, sms_only=sms_only)
        house.others = others
        yield house


def _providers(site: Site, urls: Mapping[str, Any], smscs: Mapping[str, tuple[str, int]]) -> dict[str, str]:
    """Settings of the product's processes whose providers are the lab's."""
    lab, smsc = LabSettings(), SmscSettings(name="any")
    login = f"{quote(smsc.system_id)}:{quote(smsc.password)}"
    templates = site.folder / "viber-templates.toml"
    templates.write_text("".join(f'"{name}" = "{name}"\n' for name in site.templates), encoding="utf-8")
    return {
        "viber_url": urls["viber_url"],
        "viber_api_key": lab.viber_api_key,
        "viber_templates": str(templates),
        "viber_callback_credentials": lab.callback_credential,
        "diia_url": urls["diia_url"],
        "diia_partner_token": lab.diia_partner_token,
        "smscs": " ".join(
            f"smpp://{login}@{host}:{port}?name={name}&window={WINDOW_SIZE}" for name, (host, port) in smscs.items()
        ),
        "requests_per_min": str(REQUESTS_PER_MIN),
    }


def _sms_policy(site: Site) -> dict[str, str]:
    """A policy by which everything goes by SMS."""
    path = site.folder / "policies.toml"
    columns = "".join(f'{column} = [{{ channel = "sms" }}]\n' for column in ("codes", "documents", "rest"))
    path.write_text(f'[[policy]]\nversion = "bench"\nfrom = 2018-01-01\n{columns}', encoding="utf-8")
    return {"policies_file": str(path)}


def machine(ledger: Counter) -> dict[str, Any]:
    """What the figures were taken on."""
    facts = ledger.server()
    return {
        "cores": len(psutil.Process().cpu_affinity())
        if hasattr(psutil.Process, "cpu_affinity")
        else psutil.cpu_count(),
        "python": platform.python_version(),
        "postgres": facts.version,
        "fsync": facts.fsync,
        "synchronous_commit": facts.synchronous_commit,
    }
