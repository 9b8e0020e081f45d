"""The wheel is the same wherever it is built, holds all that it needs and no more, and runs from the lock alone."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.architecture import house

from esoz_notify import __version__

BUILT_AT = "1700000000"
NEEDED = {
    *{".css", ".html", ".j2", ".js", ".md", ".py", ".sql", ".svg", ".toml", ".ttf", ".txt", ".typ", ".typed", ".woff2"}
}
"""Kinds of files that the package may hold; a new one is looked at before it is added here."""

DRAW = """
import sys
from datetime import UTC, datetime
from esoz_notify.core.paper import CodeFate
from esoz_notify.render import summary, texts
from esoz_notify.store.migrations import migration_files
assert migration_files() and texts.builtin_texts().templates
one = summary.Summary(
    document_id="0198c0de-0000-7000-8000-000000000001", kind="prescription_issued", number="0000-243P-1X53-EH38",
    code="4821", code_fate=CodeFate.PRINTED,
    valid_until=datetime(2026, 12, 1, tzinfo=UTC), issued_at=datetime(2026, 11, 1, tzinfo=UTC),
    details=summary.read_summary("prescription_issued", {"medication": "Амоксицилін", "dosage": "x"}),
)
assert "Амоксицилін" in summary.html([one])
sys.stdout.write(summary.pdf([[one]])[:5].decode())
"""


def build(home: Path, umask: int) -> Path:
    """Copy the sources that git knows, or would, to a folder of their own and build there; gives the wheel."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "src", "pyproject.toml", "README.md",
         "LICENSE", "NOTICE", "scripts/wheel.sh"],
        cwd=house.ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (house.ROOT / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(house.ROOT / name, home / name)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": BUILT_AT, "PYTHON": sys.executable}
    subprocess.run(
        ["sh", "scripts/wheel.sh", str(home / "out")], cwd=home, check=True, env=environment, umask=umask,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return next((home / "out").glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    return build(tmp_path_factory.mktemp("first"), 0o022)


def test_it_is_the_same_wherever_it_is_built(wheel: Path, tmp_path: Path) -> None:
    """Another folder, another umask: the same octets."""
    again = build(tmp_path / "somewhere" / "else", 0o077)
    assert again.name == wheel.name
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, again))
    assert first == second


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Every file of the package is in it, and no test, key, ledger or environment."""
    with zipfile.ZipFile(wheel) as archive:
        members = archive.infolist()
    names = {one.filename for one in members}
    metadata = f"esoz_notify-{__version__}.dist-info/"
    package = {
        path.relative_to(house.ROOT / "src").as_posix()
        for path in house.files()
        if house.SRC in path.parents and path.suffix != ".pyc"
    }
    assert {name for name in names if not name.startswith(metadata)} == package
    assert {Path(name).suffix for name in package} <= NEEDED
    assert not [one.filename for one in members if one.external_attr >> 16 & 0o6022], (
        "no setuid, no world-writable file"
    )


def test_it_runs_from_the_lock_alone(wheel: Path, tmp_path: Path) -> None:
    """In a fresh environment, away from the checkout: it tells its version, finds nothing wrong, draws a summary."""
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("uv is not installed here, and pip would take minutes")
    home, environment = tmp_path / "venv", {**os.environ, "VIRTUAL_ENV": str(tmp_path / "venv"), "UV_NO_PROGRESS": "1"}
    lock = house.ROOT / "requirements" / "runtime.txt"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, home], check=True, env=environment)
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--system-certs"]
    done = subprocess.run([*install, "--require-hashes", "-r", lock], env=environment, check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"the locked packages cannot be had here: {done.stderr.decode()[-200:]}")
    subprocess.run([*install, "--no-deps", wheel], check=True, env=environment)
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ESOZ_NOTIFY_DATA": str(tmp_path / "data")}

    def run(*command: str) -> str:
        told = subprocess.run(
            [home / "bin" / command[0], *command[1:]],
            cwd=tmp_path,
            env=clean,
            check=False,
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    assert run("esoz-notify", "--version").strip() == __version__
    run("esoz-notify", "doctor", "--lab")
    assert "%PDF-" in run("python", "-I", "-c", DRAW)
