"""Starting, stopping and metering of processes."""

import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from esoz_notify.bench.processes import Meter, ended, running, spoken_to, strange
from esoz_notify.core.errors import NotifyError
from esoz_notify.settings import environment_for_child


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``python -m ours`` runs a program that does as its arguments say."""
    (tmp_path / "ours.py").write_text(
        "import sys, time\n"
        "word = sys.argv[1]\n"
        "print('ready to', word, flush=True) if word != 'fail' else sys.exit('no port is free')\n"
        "if word == 'work':\n"
        "    until = time.process_time() + 0.3\n"
        "    while time.process_time() < until: pass\n"
        "    print('done', flush=True)\n"
        "time.sleep(60 if word in {'wait', 'work'} else 0)\n"
    )
    return {**environment_for_child(), "PYTHONPATH": str(tmp_path)}


def test_runs_as_long_as_the_block(program: dict[str, str], tmp_path: Path) -> None:
    """What was started is ready within the block and gone after it."""
    with running("ours", ["ours", "wait"], program, tmp_path) as started:
        assert started.ready == "to wait"
        assert started.process.is_running()
    assert not psutil.pid_exists(started.process.pid)


def test_an_interrupt_in_any_moment_leaves_no_timer(
    program: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of a start ends with the start, else the end of the program would wait a minute for it."""
    timers: list[threading.Timer] = []

    class Interrupted(threading.Timer):
        def start(self) -> None:
            timers.append(self)
            super().start()
            raise KeyboardInterrupt

    monkeypatch.setattr(threading, "Timer", Interrupted)
    with pytest.raises(KeyboardInterrupt), running("ours", ["ours", "wait"], program, tmp_path):
        pass
    timers[0].join(10)
    assert not timers[0].is_alive()


def test_children_that_nobody_holds_are_ended() -> None:
    """What an interrupt in the moment of a start left running is stopped at the end."""
    script = (
        "import psutil, subprocess\n"
        "from esoz_notify.bench.processes import end_forgotten\n"
        "subprocess.Popen(['sleep', '60'])\n"
        "end_forgotten()\n"
        "print(len(psutil.Process().children()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "0\n"


def test_what_does_not_start_says_why(program: dict[str, str], tmp_path: Path) -> None:
    """A process that ends before it is ready is an error with the end of its log."""
    with (
        pytest.raises(NotifyError, match="ours did not start: no port is free"),
        running("ours", ["ours", "fail"], program, tmp_path),
    ):
        pass
    with pytest.raises(NotifyError, match="ours failed: no port is free"):
        ended("ours", ["ours", "fail"], program, tmp_path)
    assert ended("ours", ["ours", "end"], program, tmp_path) == "ready to end\n"


def test_strange_programs_are_ready_when_they_answer(tmp_path: Path) -> None:
    """A program that says nothing is ready when it is seen to be, gone after the block, and an error if it ends."""
    seen = iter([False, False, True])
    with strange("sleep", ["sleep", "60"], tmp_path, lambda: next(seen)) as process:
        assert process.is_running()
        assert list(seen) == []
    assert not psutil.pid_exists(process.pid)
    with (
        pytest.raises(NotifyError, match="sh did not start: no such store"),
        strange("sh", ["sh", "-c", "echo no such store >&2; exit 1"], tmp_path, lambda: False),
    ):
        pass


def test_a_broken_load_is_an_error() -> None:
    """A generator that cannot read its plan is told of with what it complained about."""
    with pytest.raises(NotifyError, match="the load broke off"):
        spoken_to(["esoz_notify.bench.load"], "no plan", lambda _line: None)


def test_meter_counts_what_is_used_after_its_start(program: dict[str, str], tmp_path: Path) -> None:
    """CPU is counted from the meter's start; memory is what was seen."""
    with running("ours", ["ours", "work"], program, tmp_path) as started:
        meter = Meter({"ours": started.process})
        began_s = sum(started.process.cpu_times()[:2])
        while sum(started.process.cpu_times()[:2]) < began_s + 0.2:
            pass
        assert meter.cpu_s()["ours"] >= 0.19
        assert meter.rss_mb["ours"] > 1
