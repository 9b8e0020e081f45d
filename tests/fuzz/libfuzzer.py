"""One run of libFuzzer over one target, watched from outside; and what is worth keeping of what it found.

What belongs here: its command line, its output, the corpus. What does not: how long which target runs (``campaign``).
"""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.inputs import CORPUS, WORDS, kept
from tests.fuzz.targets import Target

CRASHES = Path("build/fuzz")
INPUT_BYTES_MAX = 2_048
INPUT_TIME_MAX_S = 10
MEMORY_MAX_MB = 1_500
FOLDER_BYTES_MAX = 40_000
"""Of one target's corpus: with two dozen of them the repository stays under a megabyte."""

_LINE = re.compile(r"#(\d+)\s+(\w+)\s+cov: (\d+) ft: \d+ corp: (\d+)/\S+ .*?exec/s: (\d+)")
_WRITTEN = re.compile(r"Test unit written to (\S+)")
_TRACE_LINES = 40
_NAME = re.compile(rb"[A-Za-z_]{3,40}")


@dataclass(slots=True)
class Progress:
    """What a run has come to. ``trace``: the end of what it said when it crashed. ``crash``: the input that did it."""

    executions: int = 0
    per_s: int = 0
    inputs: int = 0
    edges_at_start: int = 0
    edges: int = 0
    trace: str = ""
    crash: Path | None = None
    ended: bool = False

    def read(self, line: str) -> None:
        """Take one line of libFuzzer's."""
        if found := _LINE.search(line):
            executions, word, edges, inputs, per_s = found.groups()
            self.executions, self.edges, self.inputs, self.per_s = map(int, (executions, edges, inputs, per_s))
            if word == "INITED":
                self.edges_at_start = self.edges
        elif found := _WRITTEN.search(line):
            self.crash = Path(found[1])


def missing() -> str | None:
    """Why coverage cannot guide here, or None when it can."""
    if importlib.util.find_spec("atheris") is None:
        return "atheris is not installed (it has wheels for Linux on x86_64 and Python 3.11 to 3.13)"
    return None


class Run:
    """A child that fuzzes one target for some seconds. New inputs gather in ``found``, crashes under build/fuzz."""

    def __init__(self, target: Target, seconds: float) -> None:
        self.target = target
        self.progress = Progress()
        self._home = Path(tempfile.mkdtemp(prefix=f"esoz-notify-fuzz-{target.name}-"))
        self.found = self._folder("found")
        seeds = self._folder("seeds")
        for seed in target.seeds:
            (seeds / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
        words = self._home / "words"
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in _words(target)), "ascii")
        CRASHES.mkdir(parents=True, exist_ok=True)
        (CORPUS / target.name).mkdir(exist_ok=True)
        self._folders = [str(seeds), str(CORPUS / target.name)]
        options = [
            f"-max_total_time={max(1, round(seconds))}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={INPUT_TIME_MAX_S}",
            f"-rss_limit_mb={MEMORY_MAX_MB}", f"-artifact_prefix={CRASHES}/{target.name}-", f"-dict={words}",
        ]  # fmt: skip
        self._child = subprocess.Popen(
            [*_GUIDED, target.name, *options, str(self.found), *self._folders],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip

    def watch(self) -> None:
        """Follow the child to its end."""
        said: list[str] = []
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.progress.read(line)
            if not line.startswith(("#", "INFO")):
                said = [*said[-_TRACE_LINES:], line]
        if self._child.wait():
            self.progress.trace = "".join(said)
        self.progress.ended = True

    def keep(self) -> int:
        """Add what was found to the corpus, the smallest first, while there is room; how many it has then.

        libFuzzer finds only what reaches code that nothing kept does, and drops an input when a smaller one does too.
        """
        room = FOLDER_BYTES_MAX - sum(path.stat().st_size for path in kept(self.target))
        for path in sorted(self.found.iterdir(), key=lambda path: path.stat().st_size):
            room -= path.stat().st_size
            if room >= 0:
                shutil.copyfile(path, CORPUS / self.target.name / path.name)
        return len(kept(self.target))

    def stop(self) -> None:
        """End the child, if it still runs, and remove what it worked with."""
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _folder(self, name: str) -> Path:
        folder = self._home / name
        folder.mkdir()
        return folder


_GUIDED = (sys.executable, "-m", "tests.fuzz.guided")


def _words(target: Target) -> Iterator[bytes]:
    """Pieces to put into inputs: those that break readers, and the names that stand in the seeds."""
    yield from (word for word in WORDS if len(word) < INPUT_BYTES_MAX // 32)
    yield from sorted({name for seed in target.seeds for name in _NAME.findall(seed)})


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{octet:02X}" for octet in word)
