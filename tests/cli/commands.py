"""Runs the real command as a user does: a process of its own, with exactly the settings that a test names."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output."""
        return json.loads(self.out)


def run(*words: object, folder: Path, **settings: str) -> Done:
    """Run ``esoz-notify words`` in a folder; settings by their names in small letters."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ESOZ_NOTIFY_")}
    environment = inherited | {f"ESOZ_NOTIFY_{name.upper()}": value for name, value in settings.items()}
    environment |= {"HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}
    command = [sys.executable, "-m", "esoz_notify.cli", *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return Done(done.returncode, done.stdout, done.stderr)
