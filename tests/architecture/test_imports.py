"""The one way imports flow, as import-linter contracts in pyproject.toml; here they are run, and none is forgotten."""

import ast
import subprocess
import sys
import tomllib

from tests.architecture import house

_RUN = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def test_contracts_hold() -> None:
    """Every import contract of pyproject.toml is kept."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN], cwd=house.ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_is_named_in_a_contract() -> None:
    """A package or module directly under esoz_notify that no contract names would be free to import anything."""
    project = tomllib.loads((house.ROOT / "pyproject.toml").read_text("utf-8"))
    named: set[str] = set()
    for contract in project["tool"]["importlinter"]["contracts"]:
        for entry in (*contract.get("layers", ()), *contract.get("source_modules", ())):
            named |= {module.strip(" ()") for module in entry.split("|")}
    rooms = {path.relative_to(house.SRC).parts[0].removesuffix(".py") for path in house.modules(house.SRC)}
    assert {f"esoz_notify.{room}" for room in rooms if not room.startswith("__")} - named == set()


def test_core_takes_values_only_from_msgspec() -> None:
    """Core makes frozen values by it; reading and writing JSON is for those who speak with somebody."""
    taken = set()
    for path in house.modules(house.SRC / "core"):
        for node in ast.walk(house.tree(path)):
            if isinstance(node, ast.Import):
                taken |= {name.name for name in node.names}
            if isinstance(node, ast.ImportFrom):
                taken |= {f"{node.module}.{name.name}" for name in node.names}
    assert {one for one in taken if one.startswith("msgspec")} == {
        "msgspec.Struct",
        "msgspec.field",
        "msgspec.structs.replace",
    }
