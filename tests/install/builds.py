"""A release made of this checkout, and installations of wheels, each made once for all processes of a run of tests.

What belongs here: copying, building, installing. What does not: what must hold of them (the tests).
"""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.architecture import house

UV = Path(sys.executable).parent / "uv"
COMMITTED_AT = "2026-11-27T12:00:00Z"


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process to ask fills by ``make``, while others wait."""
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / f"{name}.made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (root / f"{name}.made").touch()
    return folder


def sources() -> list[Path]:
    """Every file of the checkout that git knows, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=house.ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("there is no repository here, of which a release could be made")
    found = (house.ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(path for path in found if path.is_file())


SOMEBODY = {f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
"""Whom git takes for its user: a new machine has none."""


def git(folder: Path, *words: str) -> str:
    """Run git there as somebody of no machine, at a moment that is always the same."""
    dates = {"GIT_AUTHOR_DATE": COMMITTED_AT, "GIT_COMMITTER_DATE": COMMITTED_AT}
    command = ["git", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", *words]
    environment = {**os.environ, **SOMEBODY, **dates, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def copied(folder: Path) -> None:
    """Put the sources there as a repository of one commit."""
    for path in sources():
        target = folder / path.relative_to(house.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "Everything")


def commit(folder: Path, message: str) -> None:
    """Commit all there is."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)


def release(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/release.sh of a copy with the tools of this environment."""
    command = ["sh", "scripts/release.sh", *words]
    environment = {**os.environ, **SOMEBODY, "PYTHON": sys.executable, "PYTHONPATH": str(folder / "src")}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def dated(folder: Path) -> None:
    """Give the first heading of the changelog its day, as whoever releases does."""
    changelog = folder / "CHANGELOG.md"
    text = changelog.read_text("utf-8")
    changelog.write_text(re.sub(r"(?m)^(## \S+) \(.*\)$", r"\1 (2026-11-27)", text, count=1), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that the wheel is installed in, away from any checkout."""

    home: Path

    def run(self, *words: object, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of its ``bin`` in a folder, without any setting but those named."""
        command = [str(self.home / "bin" / str(words[0])), *map(str, words[1:])]
        return subprocess.run(
            command, cwd=folder, env=bare(folder) | more, capture_output=True, text=True, check=False, timeout=300
        )


def bare(folder: Path) -> dict[str, str]:
    """An environment in which nothing is set that is ours."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}


@contextmanager
def up(program: Installed, folder: Path, *words: str) -> Iterator[dict[str, str]]:
    """``up --lab`` of an installation; gives what ``dev-client.json`` holds. It is stopped in order."""
    command = [str(program.home / "bin" / "esoz-notify"), "up", "--lab", "--data", "data", "--port", "0", *words]
    with subprocess.Popen(
        command, cwd=folder, env=bare(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        told: list[str] = []
        reading = threading.Thread(target=told.extend, args=[process.stderr])
        reading.start()
        try:
            line = process.stdout.readline()
            if not line.startswith("ready "):
                process.wait(60)
                reading.join(60)
                raise AssertionError("".join(told))
            yield json.loads((folder / "data" / "dev-client.json").read_text("utf-8"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()
            reading.join(60)
    assert process.returncode == 0, "".join(told)


def install(home: Path, lock: Path, wheel: Path) -> Installed:
    """Make an environment from a lock alone, and the wheel without what it asks for."""
    if not UV.exists():
        pytest.skip("uv is not installed here, and pip would take minutes")
    environment = {**os.environ, "VIRTUAL_ENV": str(home), "UV_NO_PROGRESS": "1"}
    run_uv(environment, "venv", "--quiet", "--clear", "--python", sys.executable, str(home))
    pip: tuple[str, ...] = ("pip", "install", "--quiet", "--system-certs")
    done = run_uv(environment, *pip, "--require-hashes", "-r", str(lock), check=False)
    if done.returncode:
        pytest.skip(f"the locked packages cannot be had here: {done.stderr[-200:]}")
    run_uv(environment, *pip, "--no-deps", str(wheel))
    return Installed(home)


def run_uv(environment: Mapping[str, str], *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run uv; its output is told when it must succeed and does not."""
    done = subprocess.run([UV, *words], env=dict(environment), check=False, capture_output=True, text=True)
    assert not (check and done.returncode), done.stderr
    return done
