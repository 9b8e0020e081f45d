"""The drill itself: a fault of the real product rings its alarm in a real Prometheus, and mending it silences it."""

from pathlib import Path

import pytest
from tests.cli.commands import run

from esoz_notify.core.errors import InvalidInput
from esoz_notify.drill.alarms import ALARMS
from esoz_notify.drill.prometheus import MISSING, is_there
from esoz_notify.drill.run import chosen


def test_the_ledger_s_alarm_rings_and_stops(tmp_path: Path) -> None:
    """A database that takes no connections wakes somebody; the report says when, and that it was over."""
    if not is_there():
        pytest.skip(MISSING)
    done = run("drill", "LedgerAway", "--json", folder=tmp_path)

    assert done.code == 0, done.err
    (ring,) = done.json["alarms"]
    assert (ring["alarm"], ring["runbook"], ring["ok"]) == ("LedgerAway", "docs/runbooks/LedgerAway.md", True)
    assert ring["fired_after_s"] > 0
    assert ring["cleared_after_s"] > 0


def test_the_list_needs_nothing(tmp_path: Path) -> None:
    """--list names every alarm and starts nothing."""
    listed = run("drill", "--list", "--json", folder=tmp_path)
    assert [row["alarm"] for row in listed.json] == [alarm.name for alarm in ALARMS]


def test_an_unknown_alarm_is_refused() -> None:
    """It is said which there are; without a name all are meant."""
    with pytest.raises(InvalidInput, match=r"no alarm Nothing; there are .*LedgerAway"):
        chosen(["LedgerAway", "Nothing"])
    assert chosen([]) == list(ALARMS)
