"""The demo: starts the whole product and the lab, sends the population, shows each message travel, judges the end.

What belongs here: running cases through the public API and showing them. What does not: the cases (``demo_cases``).
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, cast
from uuid import uuid4

import aiohttp
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from esoz_notify.cli.demo_cases import CASES, POLICIES, SUMMARY, WINDOW_S, Case
from esoz_notify.cli.lab import CALLER_FILE
from esoz_notify.cli.needs import demand_lab
from esoz_notify.client import Attempt, NotifyClient, NotifyProblem, PublicKindName
from esoz_notify.core.errors import NotifyError
from esoz_notify.settings import environment_for_child

SUMMARIES = "summaries"
CASE_LIMIT_S = 40.0
CHANNEL_MARKS = {"diia": "Diia", "viber": "Viber", "sms": "SMS", "print": "paper"}
CHANNEL_COLOURS = {"diia": "bold cyan", "viber": "bold magenta", "sms": "bold yellow", "print": "bold white"}


@dataclass(slots=True)
class Run:
    """What has become of a case so far."""

    case: Case
    status: str = "waiting"
    attempts: list[Attempt] = field(default_factory=list)
    why: str = ""
    faults: list[str] = field(default_factory=list)
    over: bool = False
    key: str = field(default_factory=lambda: uuid4().hex)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels tried, in order; paper counts when it was asked for."""
        if self.status in {"print_required", "printed"}:
            return ("print",)
        return tuple(dict.fromkeys(attempt["channel"] for attempt in self.attempts))

    @property
    def ok(self) -> bool:
        """Whether it ended as expected."""
        return self.over and not self.faults


def demo(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the table.")] = False,
    stay: Annotated[bool, typer.Option("--stay", help="Stay up at the end, for a look around.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder to use and keep; a throw-away one otherwise.")
    ] = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Save the final table as an SVG picture.")] = None,
) -> None:
    """Start everything in a throw-away folder and show how each patient is told.

    There is one of every kind. Exit code 1 when one was not told as expected.

    Example: esoz-notify demo --stay
    """
    del context
    demand_lab()
    console = Console(stderr=as_json, record=picture is not None, width=120 if picture else None)
    started_s = time.monotonic()
    with _folder(data) as folder, _product(folder, console) as client:
        console.print(f"API {client['base_url']}   phone wall {client['lab_url']}", highlight=False)
        runs = asyncio.run(_run_all(client, folder, console))
        ok = all(run.ok for run in runs)
        seconds = time.monotonic() - started_s
        _tell(console, runs, folder, client, seconds)
        if picture is not None:
            picture.write_text(_drawn(console), encoding="utf-8")
        if as_json:
            typer.echo(json.dumps(_report(runs, ok=ok, seconds=seconds), ensure_ascii=False))
        if stay:
            _stay(console, client, folder)
    raise typer.Exit(0 if ok else 1)


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """The folder of this run. Of a throw-away one only the printed summaries are left."""
    folder = data or Path(tempfile.mkdtemp(prefix="esoz-notify-demo-"))
    (folder / SUMMARIES).mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        for path in [] if data else folder.iterdir():
            if path.name != SUMMARIES:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _product(folder: Path, console: Console) -> Iterator[dict[str, Any]]:
    """``up --lab`` as a process of its own on free ports; gives the caller's file."""
    policies = folder / "policies.toml"
    policies.write_text(POLICIES, encoding="utf-8")
    environment = environment_for_child(policies_file=str(policies), log_level="WARNING")
    command = [sys.executable, "-m", "esoz_notify.cli", "up", "--lab", "--data", str(folder)]
    command += ["--port", "0", "--lab-port", "0"]
    with (folder / "product.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
        try:
            with console.status("starting PostgreSQL, the API, a worker and the lab …"):
                assert process.stdout is not None
                line = process.stdout.readline()
            if not line.startswith(b"ready "):
                raise NotifyError(f"the product did not start: {_tail(folder / 'product.log')}")
            client: dict[str, Any] = json.loads((folder / CALLER_FILE).read_text(encoding="utf-8"))
            yield client
        finally:
            process.terminate()
            process.wait()


def _tail(path: Path) -> str:
    return " / ".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])


# --- running ----------------------------------------------------------------------------------------------------------


async def _run_all(client: dict[str, Any], folder: Path, console: Console) -> list[Run]:
    runs = [Run(case) for case in CASES]
    together = [run for run in runs if run.case.fault is None]
    alone = [run for run in runs if run.case.fault is not None]
    notify = NotifyClient(client["base_url"], client["client_id"], client["client_secret"])
    async with notify, aiohttp.ClientSession(client["lab_url"]) as lab, _shown(console, runs):
        await _forget_earlier_runs(lab)
        await asyncio.gather(*(_run_case(run, notify, lab, folder) for run in together))
        for run in alone:
            async with lab.post("/faults", json=run.case.fault) as reply:
                reply.raise_for_status()
            await _run_case(run, notify, lab, folder)
    return runs


async def _forget_earlier_runs(lab: aiohttp.ClientSession) -> None:
    for path in ("/phones", "/faults"):
        async with lab.delete(path) as reply:
            reply.raise_for_status()


@asynccontextmanager
async def _shown(console: Console, runs: list[Run]) -> AsyncIterator[None]:
    """The live table, redrawn while cases run."""
    with Live(_table(runs), console=console, refresh_per_second=8, transient=True) as live:

        async def redraw() -> None:
            while True:
                live.update(_table(runs))
                await asyncio.sleep(0.15)

        task = asyncio.create_task(redraw())
        try:
            yield
        finally:
            task.cancel()


async def _run_case(run: Run, notify: NotifyClient, lab: aiohttp.ClientSession, folder: Path) -> None:
    try:
        async with asyncio.timeout(CASE_LIMIT_S):
            await _prepare(run.case, notify, lab)
            await _send_and_follow(run, notify, folder)
            await _judge(run, lab)
    except TimeoutError:
        run.faults.append(f"not over after {CASE_LIMIT_S:.0f} s")
    except (NotifyProblem, aiohttp.ClientError) as error:
        run.faults.append(f"{type(error).__name__}: {error}")
    run.over = True


async def _prepare(case: Case, notify: NotifyClient, lab: aiohttp.ClientSession) -> None:
    for number, behaviour in case.phones.items():
        async with lab.put(f"/phones/{number}", json=behaviour) as reply:
            reply.raise_for_status()
    for record in (*case.others, case.patient):
        await notify.put_patient(record["id"], record)


async def _send_and_follow(run: Run, notify: NotifyClient, folder: Path) -> None:
    case, kind = run.case, cast("PublicKindName", run.case.kind)
    valid_until = datetime.now(UTC) + timedelta(seconds=case.validity_s) if case.validity_s else None
    asked: dict[str, Any] = {
        "patient_id": case.patient["id"],
        "inform_with": case.inform_with,
        "summary": SUMMARY if case.prints else None,
        "reference": case.name,
        "valid_until": valid_until,
        "idempotency_key": f"{run.key}-{case.name}",
    }
    try:
        answer = await notify.send(kind, dict(case.data), **asked)
    except NotifyProblem as problem:
        run.status, run.why = "refused", problem.document.get("why", {}).get("uk", problem.document["detail"])
        if problem.document.get("code") != case.reason:
            run.faults.append(f"refused for {problem.document.get('code')}")
        return
    if case.repeat:
        again = await notify.send(kind, dict(case.data), **asked)
        if again["id"] != answer["id"]:
            run.faults.append("the second request made a second notification")
    run.status, run.why = answer["status"], answer["recipient"]["why"]["uk"]
    if case.prints:
        pdf = await notify.summary(answer["id"], "pdf")
        (folder / SUMMARIES / f"{case.name}.pdf").write_bytes(pdf)
        if not pdf.startswith(b"%PDF"):
            run.faults.append("the summary is no PDF")
    await _follow(run, notify, answer["id"])


async def _follow(run: Run, notify: NotifyClient, notification_id: str) -> None:
    """Look until it is over; for a late receipt, until the first attempt is corrected too."""
    while True:
        view = await notify.get(notification_id)
        run.status, run.attempts = view["status"], view["attempts"]
        first = run.attempts[0]["outcome"] if run.attempts else None
        late_is_in = not run.case.late or first in {"delivered", "read"}
        if view["terminal"] and late_is_in:
            return
        await asyncio.sleep(0.15)


async def _judge(run: Run, lab: aiohttp.ClientSession) -> None:
    """Compare with what was expected, and with what the handsets really show."""
    case = run.case
    if (run.status, run.channels) != (case.status, case.channels):
        run.faults.append(f"expected {case.expected}")
    if case.within_s is not None and len(run.attempts) > 1 and _gap_s(run.attempts) > case.within_s:
        run.faults.append(f"the second channel started after {_gap_s(run.attempts):.1f} s")
    if case.provider is not None and run.attempts and run.attempts[-1]["provider"] != case.provider:
        run.faults.append(f"sent by {run.attempts[-1]['provider']}, not {case.provider}")
    if case.parts is not None and run.attempts and len(run.attempts[-1]["receipts"]) != case.parts:
        run.faults.append(f"{len(run.attempts[-1]['receipts'])} parts, not {case.parts}")
    await _judge_handsets(run, lab)


def _gap_s(attempts: list[Attempt]) -> float:
    first, second = (datetime.fromisoformat(one["started_at"]) for one in attempts[:2])
    return (second - first).total_seconds()


async def _judge_handsets(run: Run, lab: aiohttp.ClientSession) -> None:
    case = run.case
    own = [method.get("phone_number") for method in case.patient["authentication_methods"]]
    for number in {*filter(None, own), *case.phones, *filter(None, [case.reached])}:
        async with lab.get(f"/phones/{number}/messages") as reply:
            messages = await reply.json() if reply.ok else []
        shown = [message["channel"] for message in messages]
        if number == case.reached and not set(shown) & set(case.channels):
            run.faults.append("the handset shows nothing")
        if number != case.reached and shown:
            run.faults.append("a handset shows what it should not")
        if number == case.reached and not case.late and len(shown) != len(set(shown)):
            run.faults.append("the handset shows it twice")


# --- showing ----------------------------------------------------------------------------------------------------------


def _table(runs: list[Run]) -> Table:
    table = Table(expand=True, header_style="bold", pad_edge=False, box=SIMPLE_HEAD)
    table.add_column("Пацієнт і подія / patient and event", ratio=5, no_wrap=True)
    table.add_column("Очікувалось / expected", ratio=4, no_wrap=True)
    table.add_column("Сталося / happened", ratio=6, no_wrap=True)
    table.add_column("", width=2)
    for run in runs:
        table.add_row(run.case.title_uk, Text(run.case.expected, "dim"), _happened(run), _mark(run))
    return table


def _happened(run: Run) -> Text:
    """The status, and each attempt in its channel's colour: proved, refused with its reason, or still open."""
    text = Text(f"{run.status} ", "bold" if run.over else "dim")
    if run.channels == ("print",):
        text.append(CHANNEL_MARKS["print"], CHANNEL_COLOURS["print"])
    for number, attempt in enumerate(run.attempts):
        proved = attempt["outcome"] in {"delivered", "read"}
        text.append(" → " if number else "", "dim")
        text.append(CHANNEL_MARKS[attempt["channel"]], CHANNEL_COLOURS[attempt["channel"]])
        text.append(" ✓" if proved else f" {attempt['reason'] or '…'}", "green" if proved else "dim")
    return text


def _mark(run: Run) -> Text:
    if not run.over:
        return Text("…", "dim")
    return Text("✓", "bold green") if run.ok else Text("✗", "bold red")


def _tell(console: Console, runs: list[Run], folder: Path, client: dict[str, Any], seconds: float) -> None:
    """What each patient got and why, and where to look."""
    console.print(_table(runs))
    reasons: dict[str, list[str]] = {}
    for run in runs:
        reasons.setdefault(run.why, []).append(run.case.title_uk)
    told = Table.grid(padding=(0, 2))
    told.add_column(ratio=2)
    told.add_column(ratio=3, style="dim")
    for why, titles in reasons.items():
        told.add_row(why, "; ".join(titles))
    console.print(Panel(told, title="Кого повідомлено і чому / who was informed and why", title_align="left"))
    for run in runs:
        for fault in run.faults:
            console.print(f"[red]✗ {run.case.name}: {fault}[/]", highlight=False)
    good = sum(run.ok for run in runs)
    console.print(f"[bold]{good} of {len(runs)} ended as expected[/] in {seconds:.0f} s", highlight=False)
    console.print(f"windows were cut to {WINDOW_S} s for the demo; the real ones: esoz-notify policy show")
    console.print(f"printed summaries: {folder / SUMMARIES}", highlight=False, soft_wrap=True)
    console.print(f"phone wall: {client['lab_url']} (stays up with --stay)", highlight=False, soft_wrap=True)


def _drawn(console: Console) -> str:
    """What was printed as an SVG picture that asks nobody for fonts."""
    svg = console.export_svg(title="esoz-notify demo", clear=False)
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def _report(runs: list[Run], *, ok: bool, seconds: float) -> dict[str, Any]:
    cases = [
        {
            "case": run.case.name,
            "expected": run.case.expected,
            "status": run.status,
            "channels": list(run.channels),
            "ok": run.ok,
            "faults": run.faults,
        }
        for run in runs
    ]
    return {"cases": cases, "ok": ok, "seconds": round(seconds, 1)}


def _stay(console: Console, client: dict[str, Any], folder: Path) -> None:
    console.print(f"staying up: phone wall {client['lab_url']}, caller {folder / CALLER_FILE}; Ctrl-C ends it")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("stopping")
