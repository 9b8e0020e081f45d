"""Processes that a bench starts, and what they used: CPU seconds and memory, with everything they started themselves.

What belongs here: starting, stopping, metering. What does not: which processes (``house``).
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from esoz_notify.core.errors import NotifyError
from esoz_notify.settings import environment_for_child

START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
READY_GAP_S = 0.1
LOOK_GAP_S = 1.0
"""Between two looks at memory: one costs the machine some milliseconds."""

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Running:
    """A started process and the line by which it said that it is ready."""

    process: psutil.Process
    ready: str


@contextmanager
def running(name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[Running]:
    """``python -m …`` until the end of the block, started once it has said ``ready …``; its log is ``folder/name.log``.

    Raises NotifyError when it does not get ready.
    """
    with _child(name, [sys.executable, "-m", *arguments], environment, folder) as process:
        line = _first_line(process)
        if not line.startswith("ready"):
            raise NotifyError(f"{name} did not start: {_tail(folder / f'{name}.log')}")
        yield Running(psutil.Process(process.pid), line.removeprefix("ready").strip())


@contextmanager
def strange(name: str, command: Sequence[str], folder: Path, ready: Callable[[], bool]) -> Iterator[psutil.Process]:
    """A program that is not ours until the end of the block, started once ``ready``; its log is ``folder/name.log``.

    Raises NotifyError when it ends or does not get ready.
    """
    with _child(name, command, environment_for_child(), folder) as process:
        ends_s = time.monotonic() + START_LIMIT_S
        while not ready():
            if process.poll() is not None or time.monotonic() > ends_s:
                raise NotifyError(f"{name} did not start: {_tail(folder / f'{name}.log')}")
            time.sleep(READY_GAP_S)
        yield psutil.Process(process.pid)


@contextmanager
def _child(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """In a session of its own, so that a Ctrl-C reaches us alone and we stop what we started in order."""
    with (
        (folder / f"{name}.log").open("wb") as log,
        subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            _stop(process)


def ended(
    name: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    limit_s: float = START_LIMIT_S,
) -> str:
    """Run ``python -m …`` to its end and give its stdout. Raises NotifyError when it fails."""
    path = folder / f"{name}.log"
    with path.open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            timeout=limit_s,
            text=True,
            check=False,
        )
    if done.returncode:
        raise NotifyError(f"{name} failed: {_tail(path)}")
    return done.stdout


def spoken_to(arguments: Sequence[str], told: str, hear: Callable[[str], None]) -> str:
    """Run ``python -m …`` with ``told`` on its stdin, hear each line it says, and give the last. Raises NotifyError."""
    last = ""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(told)
            process.stdin.close()
            for line in process.stdout:
                last = line.strip()
                hear(last)
            complaint = process.stderr.read()
        finally:
            _stop(process)
    if process.returncode:
        raise NotifyError(f"the load broke off: {' / '.join(complaint.splitlines()[-3:])}")
    return last


def _first_line(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    too_late = threading.Timer(START_LIMIT_S, process.kill)
    try:
        # Inside: an interrupt in the moment of its start would leave a timer that the end of the program waits for.
        too_late.start()
        return process.stdout.readline().decode(errors="replace")
    finally:
        too_late.cancel()


def _stop(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def end_forgotten() -> None:
    """Stop children that nobody holds: an interrupt in the moment of a start makes one. The last thing to be done."""
    forgotten = psutil.Process().children(recursive=True)
    for process in forgotten:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(forgotten, timeout=STOP_LIMIT_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _tail(path: Path) -> str:
    return " / ".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])


class Meter:
    """CPU seconds since the start of some process trees, and the most memory they were seen with."""

    def __init__(self, roots: Mapping[str, psutil.Process]) -> None:
        self._roots = dict(roots)
        self._rss_mb = dict.fromkeys(roots, 0.0)
        self._machine_s = _machine_busy_s() - time.process_time()
        self._since_s = self._cpu_s()
        self._looked_s = 0.0
        self.look()

    def look(self) -> None:
        """Take a sample of memory, if the last one is not too fresh."""
        if time.monotonic() - self._looked_s < LOOK_GAP_S:
            return
        self._looked_s = time.monotonic()
        for name, root in self._roots.items():
            self._rss_mb[name] = max(self._rss_mb[name], sum(_memory_mb(one) for one in _family(root)))

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each tree since the start."""
        return {name: used_s - self._since_s[name] for name, used_s in self._cpu_s().items()}

    def others_s(self, ours_s: float) -> float:
        """CPU seconds that the machine spent since the start on others than ``ours_s`` and this process."""
        return max(0.0, _machine_busy_s() - time.process_time() - self._machine_s - ours_s)

    @property
    def rss_mb(self) -> dict[str, float]:
        """The most memory seen, in MB; a page that several processes of a tree share counts once where that is told."""
        return {name: round(mb, 1) for name, mb in self._rss_mb.items()}

    def _cpu_s(self) -> dict[str, float]:
        return {name: sum(_cpu_of(one) for one in _family(root)) for name, root in self._roots.items()}


def _family(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_of(process: psutil.Process) -> float:
    """Of a process and of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory_mb(process: psutil.Process) -> float:
    try:
        memory = process.memory_full_info()
        # Shared pages divided among those who share them: PostgreSQL's buffers would count once per backend else.
        return float(getattr(memory, "pss", memory.rss)) / _MB
    except psutil.AccessDenied:
        return float(process.memory_info().rss) / _MB
    except psutil.NoSuchProcess:
        return 0.0


def _machine_busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
