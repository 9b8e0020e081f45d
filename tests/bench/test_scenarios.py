"""A smoke run of the bench: everything that was accepted arrives once, and the report has its shape. Never a time."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from esoz_notify.bench import churn as churn_scenario
from esoz_notify.bench.house import Site, a_site
from esoz_notify.bench.pages import ASKS
from esoz_notify.bench.parts import Options
from esoz_notify.bench.scenarios import QUICK, SCENARIOS, SLOW
from esoz_notify.cli.bench import known_scenarios, read_rows
from esoz_notify.core.errors import InvalidInput
from esoz_notify.installation import read_texts
from esoz_notify.settings import environment_for_child, read_settings

SMALL = Options(seconds=0.5, rate_per_s=60, bulk=300, rows=(0, 200), waiting=300, lives=2_000)
SPREAD = {"p50", "p95", "p99"}
SMOKE = ("growth", "waiting", "batch", "codes-under-bulk", "receipts", "fallback", "rest", "print", "pages")
"""The others are made of the same parts as these; ``peer`` has tests of its own."""
PROMISED = {
    *("scenario", "notifications", "lifecycles_per_s", "accept_ms", "handover_ms", "delivered_ms", "cpu_s_per_1000"),
    *("rss_mb", "lost", "doubled", "machine"),
}

COMMAND = (
    "import typer; from esoz_notify.cli.bench import bench; from esoz_notify.settings import read_settings;"
    "app = typer.Typer(); app.command()(bench); app(obj=read_settings({}))"
)


def quiet(_what: str, _share: float | None) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A PostgreSQL of the bench's own."""
    with a_site(read_texts(read_settings({})).viber_templates(), quiet) as made:
        yield made


@pytest.mark.parametrize("name", SMOKE)
def test_nothing_is_lost_or_doubled(site: Site, name: str) -> None:
    """A scenario delivers what was accepted, once, over a durable ledger, and says so as one JSON object."""
    result = json.loads(json.dumps(SCENARIOS[name](site, SMALL, quiet).as_json()))
    assert (result["lost"], result["doubled"], result["refused"]) == (0, 0, 0)
    assert result["scenario"] == name
    assert set(result) >= PROMISED
    assert {"cores", "python", "postgres"} <= set(result["machine"])
    assert (result["machine"]["fsync"], result["machine"]["synchronous_commit"]) == ("on", "on")
    assert {"api", "postgres"} <= set(result["rss_mb"])
    if name == "rest":
        assert set(result["cpu_percent_of_a_core"]) == {"api", "worker", "postgres", "total"}
        return
    assert result["notifications"] > 0
    assert set(result["accept_ms"]) == SPREAD
    if name not in {"batch", "print"}:
        assert set(result["handover_ms"]) == set(result["handover_from_request_ms"]) == SPREAD
        assert sum(result["channels"].values()) >= result["notifications"]
    if name not in {"codes-under-bulk", "print", "pages"}:
        assert set(result["cpu_s_per_1000"]) == {"api", "worker", "postgres", "total"}
    if name == "growth":
        assert result["lifecycles_per_s"] > 0
        assert [step["rows"] for step in result["growth"]] == [0, 200]
        assert result["growth"][0]["ratio"] == 1.0
        assert result["growth"][-1]["ratio"] == result["ratio"]
        assert result["channels"] == {"sms": (result["notifications"] + 1) // 2, "viber": result["notifications"]}
    if name == "waiting":
        assert result["waiting"] == 300
        assert result["channels"] == {"viber": result["notifications"]}
    if name == "fallback":
        assert set(result["fallback_ms"]) == SPREAD
        assert result["channels"] == {"sms": result["notifications"]} | {"viber": result["notifications"]}
    if name == "print":
        assert all(set(times) == SPREAD for times in result["summary_ms"].values())
        assert result["run"]["summaries"] == result["notifications"]
    if name == "pages":
        assert set(result["page_ms"]) == set(ASKS)
        assert all(set(times) == SPREAD for times in result["page_ms"].values())
        assert set(result["handover_alone_ms"]) == set(result["export"]["handover_ms"]) == SPREAD
        assert result["export"]["lines"] > result["rows"] == 200
    if name == "receipts":
        assert set(result["receipt_applied_ms"]) == SPREAD


def test_lives_in_the_ledger_are_whole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each life of ``churn`` is delivered, its code erased, and nothing is left on any agenda; sizes are looked at."""
    monkeypatch.setattr(churn_scenario, "VALID_S", 3.0)
    result = json.loads(json.dumps(SCENARIOS["churn"](site, SMALL, quiet).as_json()))
    assert (result["notifications"], result["lost"], result["doubled"]) == (2_000, 0, 0)
    assert (result["steps"][-1]["lives"], result["plain"][-1]["lives"]) == (2_000, 200)
    for steps in (result["steps"], result["plain"]):
        assert {"delivery", "attempt", "content", "idempotency"} <= set(steps[-1]["tables"])
    assert result["steps"][-1]["tables"]["delivery"]["mb"] > result["plain"][-1]["tables"]["delivery"]["mb"]


def test_unknown_scenarios_are_all_named() -> None:
    """A name that does not exist is refused with those that do; a name given twice runs once."""
    with pytest.raises(InvalidInput, match=r"no scenario speed, swim; there are lifecycle, "):
        known_scenarios(["swim", "rest", "speed"])
    assert known_scenarios(["rest", "steady", "rest"]) == ["rest", "steady"]
    assert set(QUICK) | set(SLOW) == set(SCENARIOS)


@pytest.mark.parametrize("text", ["", "a", "0,-1", "1000,0", "5,5", "0,20000001", "1,,2"])
def test_rows_must_rise(text: str) -> None:
    """Numbers of rows are rising whole numbers within bounds; anything else is refused with the rule."""
    assert read_rows("0, 1000,10000000") == (0, 1000, 10_000_000)
    with pytest.raises(InvalidInput, match="--rows takes rising whole numbers up to 20,000,000"):
        read_rows(text)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary ones that PostgreSQL's account may pass through, as it may not through pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="esoz-notify-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_leaves_nothing_behind_when_interrupted(temporary: Path) -> None:
    """An interrupt in the middle stops every process that was started and removes the folder."""
    environment = {**environment_for_child(), "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", COMMAND, "rest", "--seconds", "60"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        ends_s = time.monotonic() + 60
        started: list[psutil.Process] = []
        while len(started) < 3 and process.poll() is None and time.monotonic() < ends_s:
            time.sleep(0.1)
            if list(temporary.glob("*/worker.log")):
                started = psutil.Process(process.pid).children(recursive=True)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert len(started) >= 3, "lab, API and worker"
    gone, alive = psutil.wait_procs(started, timeout=30)
    assert (len(gone), alive) == (len(started), [])
    assert list(temporary.iterdir()) == []
