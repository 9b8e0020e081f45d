"""Fuzzes from the command line: ``python -m tests.fuzz MINUTES [TARGET …]``, or ``replay TARGET FILE`` for one input.

Ends with 1 when a promise was broken: the input is in build/fuzz, and how to play it again is printed.
"""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from tests.fuzz import libfuzzer
from tests.fuzz.campaign import Campaign
from tests.fuzz.targets import TARGETS

USAGE = "usage: python -m tests.fuzz MINUTES [TARGET …] | replay TARGET FILE; targets: api, {}\n"
API = "api"
API_SHARE = 0.2
"""Of the time: requests over HTTP are a thousand times dearer than calls of a function."""


def replay(name: str, file: str) -> int:
    """Play one input; what it breaks comes as a traceback."""
    TARGETS[name].play(Path(file).read_bytes())
    sys.stdout.write(f"{name}: well\n")
    return 0


def fuzz(minutes: float, names: list[str], console: Console) -> int:
    """Fuzz the API and then the targets; the exit code."""
    targets = [TARGETS[name] for name in names if name != API]
    api_minutes = minutes if not targets else minutes * API_SHARE if API in names else 0.0
    failed = bool(api_minutes) and _api(api_minutes, console)
    if why := libfuzzer.missing():
        console.print(f"skipped: coverage-guided fuzzing of {len(targets)} targets, because {why}")
        return int(failed)
    if targets:
        campaign = Campaign(targets, minutes - api_minutes, console)
        console.print(f"{campaign.run():,} inputs were tried")
        for run in campaign.crashed:
            failed = True
            console.print(f"\n{run.target.name}: a promise is broken", style="red")
            console.print(run.progress.trace, markup=False, highlight=False)
            if run.progress.crash is not None:
                console.print(f"replay: .venv/bin/python -m tests.fuzz replay {run.target.name} {run.progress.crash}")
    return int(failed)


def _api(minutes: float, console: Console) -> bool:
    """Whether the API failed. Its tests are pytest's, because they need its ledger."""
    console.print(f"the API, {minutes:.1f} min")
    environment = {**os.environ, "ESOZ_NOTIFY_TEST_FUZZ_S": str(max(1, round(minutes * 60)))}
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-n0", "-s", "tests/fuzz/test_api.py"]
    return subprocess.run(command, env=environment, check=False).returncode != 0


def main(arguments: list[str]) -> int:
    """Do what is asked; the exit code."""
    match arguments:
        case ["replay", name, file] if name in TARGETS:
            return replay(name, file)
        case [minutes, *names] if _is_number(minutes) and set(names) <= {API, *TARGETS}:
            return fuzz(float(minutes), names or [API, *TARGETS], Console())
    sys.stderr.write(USAGE.format(", ".join(TARGETS)))
    return 2


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and float(text) > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
