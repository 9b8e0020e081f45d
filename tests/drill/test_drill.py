"""The drill itself: a fault of the real product rings its alarm in a real Prometheus, and mending it silences it."""

from pathlib import Path

import pytest
from tests.cli.commands import run

from esoz_notify.drill.alarms import ALARMS
from esoz_notify.drill.prometheus import MISSING, is_there


def test_the_ledger_s_alarm_rings_and_stops(tmp_path: Path) -> None:
    """A database that takes no connections wakes somebody; the report says when, and that it was over."""
    if not is_there():
        pytest.skip(MISSING)
    done = run("drill", "LedgerAway", "AcceptFailing", "--json", folder=tmp_path)

    assert done.code == 0, done.err
    rings = done.json["alarms"]
    assert [ring["alarm"] for ring in rings] == ["LedgerAway", "AcceptFailing"]
    assert all(ring["fired_after_s"] > 0 and ring["cleared_after_s"] > 0 for ring in rings)
    assert rings[0]["runbook"] == "docs/runbooks/LedgerAway.md"


def test_the_list_needs_nothing(tmp_path: Path) -> None:
    """--list names every alarm and starts nothing; an unknown alarm is refused with those that there are."""
    listed = run("drill", "--list", "--json", folder=tmp_path)
    assert [row["alarm"] for row in listed.json] == [alarm.name for alarm in ALARMS]

    strange = run("drill", "Nothing", folder=tmp_path)
    assert strange.code != 0
    assert "no alarm Nothing" in strange.err
    assert "LedgerAway" in strange.err
