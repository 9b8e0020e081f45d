"""Asks whether what the lock holds has known vulnerabilities; scripts/audit.py, or with other locks as arguments.

Ends with 1 for a vulnerability that is not in requirements/ignored-vulnerabilities.toml, and for a row of that table
whose day has come. Where nobody can be asked (no network, or a mirror without that service) it says so and ends with 0.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
IGNORED = ROOT / "requirements" / "ignored-vulnerabilities.toml"
LOCKS = tuple(ROOT / "requirements" / name for name in ("dev.txt", "clients.txt", "build.txt", "uv.txt"))
"""What is served is a part of dev.txt."""

REASON_LENGTH_MIN = 20
ASK_TIMEOUT_S = 10
_PINNED = re.compile(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ignored:
    """One row of the table."""

    id: str
    package: str
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """One known vulnerability. ``names``: its id and every other id of the same."""

    package: str
    version: str
    names: frozenset[str]
    fixed_in: tuple[str, ...]


def read_ignored(text: str, today: date) -> list[Ignored]:
    """Rows of the table. Raises ValueError naming the row that breaks a rule, also when its day has come."""
    rows = []
    for number, row in enumerate(tomllib.loads(text).get("ignored", []), start=1):
        kinds = {"id": str, "package": str, "until": date, "reason": str}
        if {name: type(value) for name, value in row.items()} != kinds:
            raise ValueError(f"row {number} must have exactly id, package, until (a date without quotes) and reason")
        if len(row["reason"].strip()) < REASON_LENGTH_MIN:
            raise ValueError(f"row {number}: say in the reason why {row['id']} may wait")
        if row["until"] <= today:
            raise ValueError(f"row {number}: {row['id']} was to wait until {row['until']}; mend it or decide again")
        rows.append(Ignored(**row))
    return rows


def read_found(report: dict[str, Any]) -> tuple[list[Found], list[str], int]:
    """Vulnerabilities, packages that could not be asked about, and how many could."""
    found, unknown, asked = [], [], 0
    for package in report["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
            continue
        asked += 1
        for one in package["vulns"]:
            names = frozenset({one["id"], *one.get("aliases", ())})
            found.append(Found(package["name"], package["version"], names, tuple(one.get("fix_versions", ()))))
    return found, unknown, asked


def left(found: list[Found], ignored: list[Ignored]) -> list[Found]:
    """Those that no row of the table lets wait."""
    waiting = {(row.package, row.id) for row in ignored}
    return [one for one in found if not any((one.package, name) in waiting for name in one.names)]


def _ask(lock: Path) -> dict[str, Any] | None:
    """The report about a lock; None when nobody answered."""
    command = [
        sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(lock),
        "--format", "json", "--progress-spinner", "off", "--timeout", str(ASK_TIMEOUT_S),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return report


def _can_ask(lock: Path) -> bool:
    """Ask about one package first: a mirror that knows of no vulnerabilities would be asked in vain for all of them."""
    first = _PINNED.search(lock.read_text("utf-8"))
    assert first is not None
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder, "one.txt")
        one.write_text(first[0], "utf-8")
        report = _ask(one)
    return report is not None and read_found(report)[2] > 0


def main(arguments: list[str]) -> int:
    """Audit the locks; the exit code."""
    try:
        ignored = read_ignored(IGNORED.read_text("utf-8"), datetime.now(UTC).date())
    except ValueError as error:
        sys.stdout.write(f"audit: {IGNORED.name}: {error}\n")
        return 1
    locks = [Path(argument) for argument in arguments] or LOCKS
    if not _can_ask(locks[0]):
        sys.stdout.write(
            "audit: SKIPPED, nobody here tells of vulnerabilities (no network, or a mirror without them)\n"
        )
        return 0
    failed = False
    for lock in locks:
        report = _ask(lock)
        if report is None:
            sys.stdout.write(f"audit: SKIPPED {lock.name}, no answer came\n")
            continue
        found, unknown, asked = read_found(report)
        for one in left(found, ignored):
            failed = True
            fix = f"; fixed in {', '.join(one.fixed_in)}" if one.fixed_in else ""
            sys.stdout.write(f"audit: {one.package} {one.version} has {'/'.join(sorted(one.names))}{fix}\n")
        not_asked = f", nothing is known of {', '.join(unknown)}" if unknown else ""
        sys.stdout.write(f"audit: {lock.name}: {asked} packages asked about, {len(found)} found{not_asked}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
