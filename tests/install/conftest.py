"""A release of this checkout, and its wheel installed from the lock, for all tests of the folder."""

from pathlib import Path

import pytest
from tests.install.builds import Installed, commit, copied, dated, install, release, shared


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout of which a release was made: ``dist`` is in it."""

    def make(folder: Path) -> None:
        copied(folder)
        dated(folder)
        commit(folder, "Release")
        done = release(folder, "--tag")
        assert done.returncode == 0, done.stderr

    return shared(tmp_path_factory, "released", make)


@pytest.fixture(scope="session")
def wheel(released: Path) -> Path:
    """The wheel of the release."""
    return next((released / "dist").glob("*.whl"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, released: Path, wheel: Path) -> Installed:
    """The wheel in a fresh environment, with what the lock names."""
    lock = released / "requirements" / "runtime.txt"
    return Installed(shared(tmp_path_factory, "installed", lambda home: (install(home, lock, wheel), None)[1]))
