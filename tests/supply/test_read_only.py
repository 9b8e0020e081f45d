"""The service needs no right and no place to write but its data folder: it runs as nobody, all else read-only."""

import asyncio
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from tests.architecture import house

SCRIPT = house.ROOT / "scripts" / "read-only.sh"
UP = Path(sys.executable).parent / "esoz-notify"
CANNOT = 77
UP_WITHIN_S = 240
OPEN = stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID
"""What no file of ours may be: written by everybody, or run with another's rights."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that nobody owns, below folders that everybody may pass."""
    with tempfile.TemporaryDirectory(prefix="esoz-notify-read-only-") as home:
        Path(home).chmod(0o755)
        made = Path(home, "data")
        made.mkdir()
        yield made


def confined(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command there; skips the test where that cannot be done."""
    done = subprocess.run([SCRIPT, folder, *command], capture_output=True, text=True, check=False)
    if done.returncode == CANNOT:
        pytest.skip(done.stderr.strip())
    return done


def test_nothing_else_can_be_written(folder: Path) -> None:
    """The script does what it says: no right of root's, no group, and not a file outside the folder."""
    places = ("/", "/etc", "/usr", "/var", tempfile.gettempdir(), str(house.ROOT), str(folder.parent))
    probe = f'id -u; grep -E "CapEff|NoNewPrivs" /proc/self/status; touch {folder}/mine; ' + "; ".join(
        f"touch {place}/x 2>/dev/null && echo wrote {place}" for place in places
    )
    told = confined(folder, "sh", "-c", probe).stdout.split()
    assert told == ["65534", "CapEff:", "0" * 16, "NoNewPrivs:", "1"]
    assert (folder / "mine").exists()


async def test_the_service_runs_there(folder: Path) -> None:
    """``up`` with its own PostgreSQL starts, is ready, stops in order, and leaves no file that others may touch."""
    confined(folder, "true")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ESOZ_NOTIFY_")}
    clean["ESOZ_NOTIFY_TEST_UMASK"] = "000"  # it must not need whoever starts it to be careful
    clean["ESOZ_NOTIFY_SMSCS"] = "smpp://nobody:secret@127.0.0.1:1"  # a route needs one, whether it answers or not
    child = await asyncio.create_subprocess_exec(
        SCRIPT, folder, UP, "up", "--data", folder, "--port", "0",
        env=clean, cwd="/", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told: list[str] = []
    try:
        async with asyncio.timeout(UP_WITHIN_S):
            url = await _url(child, told)
            async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as reply:
                assert (reply.status, json.loads(await reply.read())["status"]) == (200, "ready"), told
            child.send_signal(signal.SIGINT)
            assert child.stdout is not None
            told.append((await child.stdout.read()).decode())
            assert await child.wait() == 0, told
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    made = {path: path.lstat() for path in _everything(folder)}
    assert [path for path, told in made.items() if not path.is_symlink() and told.st_mode & OPEN] == []
    assert {told.st_uid for told in made.values()} == {65534}


def _everything(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def _url(child: asyncio.subprocess.Process, told: list[str]) -> str:
    """Where the service says that it listens."""
    assert child.stdout is not None
    async for line in child.stdout:
        told.append(line.decode())
        if found := re.search(r"http://127\.0\.0\.1:\d+", told[-1]):
            return found[0]
    raise AssertionError("".join(told))
