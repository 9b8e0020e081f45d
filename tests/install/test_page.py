"""What docs/install.md says to type is typed, as it stands there."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from tests.architecture import house
from tests.install.builds import UV

from esoz_notify import __version__

BLOCK = re.compile(r"^## (?P<under>.*?)$|^```sh\n(?P<typed>.*?)^```$", re.MULTILINE | re.DOTALL)
NO_ANSWER = ("error sending request", "failed to fetch", "connection refused", "timed out", "dns error")
"""How uv says that there is no package index here."""


def blocks() -> dict[str, list[str]]:
    """What is typed, by the heading that it stands under; before the first it is Installing."""
    found: dict[str, list[str]] = {}
    under = "Installing"
    for one in BLOCK.finditer((house.ROOT / "docs" / "install.md").read_text("utf-8")):
        under = one["under"] or under
        if one["typed"]:
            found.setdefault(under, []).append(one["typed"])
    return found


@pytest.fixture
def place(released: Path, tmp_path: Path) -> Path:
    """A folder with a release in it."""
    if not UV.exists():
        pytest.skip("uv is not installed here")
    for name in ("dist", "requirements"):
        (tmp_path / name).symlink_to(released / name)
    return tmp_path


@cache
def kept() -> str:
    """Where uv keeps what it has fetched already, whoever's home it is told."""
    return subprocess.run([UV, "cache", "dir"], check=True, capture_output=True, text=True).stdout.strip()


def typed(text: str, place: Path) -> str:
    """Type it in bash as somebody whose home that folder is; gives what was shown."""
    environment = {
        "PATH": f"{place / '.local' / 'bin'}:{place / 'tools'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(place),
        "LC_ALL": "C.UTF-8",
        "UV_CACHE_DIR": kept(),
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_", "PYENV_"))},
    }
    (place / "tools").mkdir(exist_ok=True)
    for name in ("pipx", "uv"):
        if not (place / "tools" / name).exists():
            (place / "tools" / name).symlink_to(UV.parent / name)
    done = subprocess.run(
        ["bash", "-euc", text + "true"], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode and any(word in done.stderr.lower() for word in NO_ANSWER):
        pytest.skip(f"no package index answers here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_of_the_page_is_typed_here() -> None:
    """A new one needs a line in a test below."""
    told = {under: len(texts) for under, texts in blocks().items()}
    assert told == {"Installing": 1, "pipx": 1, "From the lock, with hashes": 1, "Completion and manual": 2}


def test_the_sums_and_pipx(place: Path) -> None:
    """The release is whole; ``pipx run`` and ``install`` work, and bring the command, completion and the manual."""
    page = blocks()
    assert "esoz_notify" in typed(page["Installing"][0], place)
    shown = typed(page["pipx"][0], place)
    assert __version__ in shown.splitlines()
    assert "nothing must be mended" in shown
    assert "bash completion installed" in typed(page["Completion and manual"][0], place)
    assert (place / ".local" / "share" / "man" / "man1" / "esoz-notify.1").exists()


def test_the_lock_alone(place: Path) -> None:
    """A fresh environment from the lock alone, its command, and its manual page by its file."""
    page = blocks()
    assert typed(page["From the lock, with hashes"][0], place).splitlines()[-1] == __version__
    manual = place / "venv" / "share" / "man" / "man1" / "esoz-notify.1"
    assert manual.exists()
    if any(Path(folder, "man").exists() for folder in ("/usr/bin", "/usr/local/bin")):
        assert "EXIT STATUS" in typed(page["Completion and manual"][1], place)
