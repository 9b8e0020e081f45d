"""The packages of npm that our tests run: each pinned by its octets, whoever serves it, and running nothing."""

import json
import re
from typing import Any

from tests.architecture import house

CLIENT = house.ROOT / "clients" / "typescript"
SETTINGS = {"omit-lockfile-registry-resolved=true", "ignore-scripts=true"}


def _read(name: str) -> Any:
    return json.loads((CLIENT / name).read_text("utf-8"))


def test_every_package_is_pinned_by_its_octets_and_not_by_an_address() -> None:
    """The lock has a SHA-512 of each package, and nowhere where it came from; no package's scripts are run."""
    lock = _read("package-lock.json")
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert {name for name, one in packages.items() if not one.get("integrity", "").startswith("sha512-")} == set()
    assert {name for name, one in packages.items() if "resolved" in one} == set()
    assert set((CLIENT / ".npmrc").read_text("utf-8").split()) >= SETTINGS


def test_the_client_itself_needs_none() -> None:
    """Whoever uses it gets no other package with it; those for work are of exact versions."""
    package = _read("package.json")
    assert {"dependencies", "peerDependencies", "optionalDependencies"} & set(package) == set()
    assert [one for one in package["devDependencies"].values() if not re.fullmatch(r"\d+\.\d+\.\d+", one)] == []
    assert package["version"] == _read("package-lock.json")["version"]
