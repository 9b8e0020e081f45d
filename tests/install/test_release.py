"""A release is made of what is committed and agrees with itself: the archive is the checkout, the wheel the package."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tests.install.builds import commit, copied, dated, git, release

from esoz_notify import __version__

NEEDED = {".css", ".html", ".j2", ".js", ".md", ".py", ".sql", ".svg", ".toml", ".ttf", ".txt", ".typ", ".woff2"}
"""Kinds of files that the package may hold; a new one is looked at before it is added here."""

MIGRATION = "src/esoz_notify/store/migrations_sql/0001_pre_ledger.sql"
NAME = f"esoz_notify-{__version__}"


def known(folder: Path) -> set[str]:
    """Every file that git knows there."""
    return set(git(folder, "ls-files", "-z").split("\0")) - {""}


def test_it_is_refused_until_all_is_ready(tmp_path: Path) -> None:
    """Each thing that is wrong is told, and nothing is made: heading, versions, changes, the tag, an old migration."""
    copied(tmp_path)
    git(tmp_path, "tag", "v0.0.1")
    (tmp_path / MIGRATION).write_text("SELECT 1;", encoding="utf-8")
    commit(tmp_path, "An old migration is changed")
    compose = tmp_path / "deploy" / "compose.yaml"
    compose.write_text(compose.read_text("utf-8").replace(__version__, "0.0.9"), encoding="utf-8")
    git(tmp_path, "tag", f"v{__version__}", "HEAD^")
    done = release(tmp_path, "--tag")
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line for line in told if "CHANGELOG.md begins with" in line and "(YYYY-MM-DD)" in line]
    assert f"release: deploy/compose.yaml does not say  esoz-notify:{__version__}}}" in told
    assert "release: there are changes that are not committed" in told
    assert f"release: the tag v{__version__} is there already: raise the version" in told
    assert [line for line in told if "migrations of v" in line and MIGRATION in line]
    assert not (tmp_path / "dist").exists()


def test_the_archive_is_the_checkout(released: Path) -> None:
    """Every file that git knows and no other: who has it can build and test; the sums are of what is there."""
    with tarfile.open(released / "dist" / f"{NAME}.tar.gz") as archive:
        held = {one.name.removeprefix(f"{NAME}/") for one in archive.getmembers() if one.isfile()}
    assert held - {"PKG-INFO"} == known(released)
    sums = dict(line.split()[::-1] for line in (released / "dist" / "SHA256SUMS").read_text().splitlines())
    assert {name.removeprefix(NAME).removeprefix(f"esoz-notify-{__version__}") for name in sums} == {
        "-py3-none-any.whl", ".tar.gz", ".cdx.json",
    }  # fmt: skip
    for name, digest in sums.items():
        assert hashlib.sha256((released / "dist" / name).read_bytes()).hexdigest() == digest


def test_it_is_tagged(released: Path) -> None:
    """The tag is annotated and at the commit that was built."""
    assert git(released, "describe", "HEAD").strip() == f"v{__version__}"


def test_the_wheel_is_the_same_wherever_it_is_built(wheel: Path, tmp_path: Path) -> None:
    """Another folder, another umask, from the checkout and not from the archive: the same octets."""
    copied(tmp_path)
    dated(tmp_path)
    subprocess.run(
        ["sh", "scripts/wheel.sh", str(tmp_path / "out")],
        cwd=tmp_path,
        check=True,
        umask=0o077,
        stdout=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHON": sys.executable},
    )
    again = tmp_path / "out" / wheel.name
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, again))
    assert first == second


def test_the_wheel_holds_the_package_and_nothing_else(released: Path, wheel: Path) -> None:
    """Every file of the package and the manual page are in it, and no test, key, ledger or environment."""
    with zipfile.ZipFile(wheel) as archive:
        members = archive.infolist()
    names = {one.filename for one in members}
    package = {name.removeprefix("src/") for name in known(released) if name.startswith("src/")}
    package.add(f"{NAME}.data/data/share/man/man1/esoz-notify.1")
    assert {name for name in names if not name.startswith(f"{NAME}.dist-info/")} == package
    assert {Path(name).suffix for name in package} - NEEDED == {".1", ".typed"}
    assert "esoz_notify/py.typed" in names, "callers have their calls of the client checked"
    assert not [one.filename for one in members if one.external_attr >> 16 & 0o6022], (
        "no setuid, no world-writable file"
    )
