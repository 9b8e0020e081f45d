"""A known vulnerability of what is locked fails the build, unless it is written down why it may wait and until when."""

import importlib.util
import sys
from datetime import date
from types import ModuleType
from typing import Any

import pytest
from tests.architecture import house

TODAY = date(2026, 11, 26)
ROW = """
[[ignored]]
id = "GHSA-aaaa-bbbb-cccc"
package = "one"
until = 2027-01-31
reason = "Only its server is concerned; we use its client."
"""


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("audit", house.ROOT / "scripts" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module  # its dataclasses look for their module by its name
    spec.loader.exec_module(module)
    return module


def report(*ids: str) -> dict[str, Any]:
    """What pip-audit says of one package that it knows, with these vulnerabilities, and of one that it does not."""
    vulns = [{"id": "PYSEC-1", "aliases": list(ids), "fix_versions": ["2"]}] if ids else []
    return {
        "dependencies": [
            {"name": "one", "version": "1", "vulns": vulns},
            {"name": "other", "skip_reason": "not found"},
        ]
    }


def test_a_vulnerability_is_left_until_the_table_holds_it(audit: ModuleType) -> None:
    """By any of its ids, and only for the package of the row."""
    found, unknown, asked = audit.read_found(report("GHSA-aaaa-bbbb-cccc"))
    assert (len(found), unknown, asked) == (1, ["other"], 1)

    rows = audit.read_ignored(ROW, TODAY)
    assert audit.left(found, []) == found
    assert audit.left(found, rows) == []
    assert audit.left(found, audit.read_ignored(ROW.replace('"one"', '"two"'), TODAY)) == found


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("2027-01-31", "2026-11-26"), "mend it or decide again"),
        (("2027-01-31", '"2027-01-31"'), "without quotes"),
        (('reason = "Only its server is concerned; we use its client."', ""), "must have exactly"),
        (("Only its server is concerned; we use its client.", "later"), "say in the reason"),
    ],
    ids=["its day has come", "a day in quotes", "no reason", "a reason that is none"],
)
def test_a_row_has_a_reason_and_a_day(audit: ModuleType, changed: tuple[str, str], told: str) -> None:
    """What waits without a reason, or longer than was said, fails."""
    with pytest.raises(ValueError, match=told):
        audit.read_ignored(ROW.replace(*changed), TODAY)


def test_the_table_of_this_checkout_can_be_read(audit: ModuleType) -> None:
    """Whatever it holds keeps the rules of rows."""
    audit.read_ignored(audit.IGNORED.read_text("utf-8"), date.min)


def test_the_exit_code_tells(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 for a vulnerability, 0 for none, and 0 with a word where nobody answers."""
    answers: dict[str, Any] = {"now": report("GHSA-aaaa-bbbb-cccc")}
    monkeypatch.setattr(audit, "_ask", lambda _: answers["now"])
    codes = [audit.main([])]
    for answer in (report(), None, {"dependencies": [{"name": "other", "skip_reason": "not found"}]}):
        answers["now"] = answer
        codes.append(audit.main([]))

    assert codes == [1, 0, 0, 0]
    assert capsys.readouterr().out.count("SKIPPED, nobody here tells") == 2
