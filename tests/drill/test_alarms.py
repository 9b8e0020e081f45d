"""Alarms, dashboard, runbooks and numbers name each other, and Prometheus' own tool agrees with the rules."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.architecture import house

from esoz_notify.api.contract import OPERATIONS
from esoz_notify.drill.alarms import ACCEPTING, ALARMS, SHORT, Alarm, expression, rules
from esoz_notify.drill.dashboard import PANELS
from esoz_notify.drill.faults import FAULTS
from esoz_notify.engine.metric_table import CLOSED, METRICS, PROCESS_METRICS, Type

OBSERVABILITY = house.ROOT / "deploy" / "observability"
RUNBOOKS = house.ROOT / "docs" / "runbooks"
OF_RUNBOOKS = (
    "## Українською", "**Що відчувають пацієнти.**", "**Куди дивитись.**", "**Що робити.**", "**Як знати, що минуло.**",
    "## English", "**What patients feel.**", "**What to look at.**", "**What to do.**", "**How to know it is over.**",
)  # fmt: skip
ROWS = {row.sample: row for row in (*METRICS.values(), *PROCESS_METRICS.values())}
EXPRESSIONS = {
    **{alarm.name: expression(alarm) for alarm in ALARMS},
    **{f"{panel.title}: {called}": expr for panel in PANELS for expr, called in panel.lines},
}


def promtool(*words: object, folder: Path = OBSERVABILITY) -> None:
    """Have Prometheus' own tool look; skipped where it cannot be had."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing: install Debian's package prometheus")
    done = subprocess.run(
        ["promtool", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_name_what_is_told(name: str) -> None:
    """Every number, label and closed value that an alarm or a panel asks for is in the table of metrics."""
    asked = re.findall(r"\b((?:esoz_notify|process)_\w+)(?:\{([^}]*)\})?", EXPRESSIONS[name])
    for sample, matchers in asked:
        row = ROWS.get(sample) or ROWS.get(re.sub(r"_(bucket|count|sum)$", "", sample))
        assert row is not None, f"{sample} is not told"
        for label, value in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', matchers):
            if label == "le":
                assert value in {str(float(bound)) for bound in row.bounds_s}, "not as it is printed"
            else:
                assert label in row.labels, f"{sample} has no label {label}"
                assert label not in CLOSED or set(value.split("|")) <= CLOSED[label]
    assert asked or "up{" in EXPRESSIONS[name]


def test_each_alarm_has_a_runbook_and_a_drill_and_back() -> None:
    """No alarm without what to do and a fault that rings it; no runbook and no fault of an alarm that is gone."""
    names = {alarm.name for alarm in ALARMS}

    assert len(names) == len(ALARMS)
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == names | {"README"}
    assert {alarm.fault for alarm in ALARMS} == FAULTS.keys()
    for alarm in ALARMS:
        text = (house.ROOT / alarm.runbook).read_text("utf-8")
        places = [text.find(one) for one in OF_RUNBOOKS]
        assert -1 not in places, f"{alarm.name}: {OF_RUNBOOKS[places.index(-1)]}"
        assert places == sorted(places)


def test_the_tool_takes_the_rules(tmp_path: Path) -> None:
    """Promtool parses the rules as they are deployed, as the drill has them, and every panel's expression."""
    (tmp_path / "short.yaml").write_text(rules(pace=SHORT), "utf-8")
    panels = [Alarm(name=f"Panel{number}", expr=expr, for_s=0, severity=ALARMS[0].severity, fault="", uk="", en="")
              for number, expr in enumerate(EXPRESSIONS.values())]  # fmt: skip
    (tmp_path / "panels.yaml").write_text(rules(panels), "utf-8")
    promtool("check", "rules", OBSERVABILITY / "esoz-notify.rules.yaml", "short.yaml", "panels.yaml", folder=tmp_path)


def test_the_tool_s_own_tests_pass() -> None:
    """Promtool plays series to the deployed rules: each alarm rings by what it is for, and is silent otherwise."""
    told = (OBSERVABILITY / "esoz-notify.rules.test.yaml").read_text("utf-8")
    rung = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts: \[[&{]", told))

    assert rung == {alarm.name for alarm in ALARMS}
    promtool("test", "rules", "esoz-notify.rules.test.yaml")


def test_the_drill_s_rules_are_the_same_with_short_times() -> None:
    """Only times differ: windows, how long it must hold, and ages; each is within what a drill can wait for."""

    def timeless(text: str) -> str:
        return re.sub(r"(\[|for: )\d+(ms|[smh])|> (4 \* )?\d+\b(?!\.)", "#", text)

    short = rules(pace=SHORT)
    assert timeless(short) == timeless(rules())
    windows = [float(one) for one in re.findall(r"\[(\d+)s\]", short)]
    assert windows
    assert max(windows) <= SHORT.window_s[1]
    assert not re.search(r"\[\d+[mh]\]", short)
    assert all(row.type is Type.HISTOGRAM for row in METRICS.values() if row.bounds_s)


def test_acceptance_is_watched_in_every_dialect() -> None:
    """Whoever writes by any dialect is heard when we fail them: each such route counts, but those that only read."""
    writes = {"notifications:write", "verifications:write", "otp:write", "govuk:write", "turbosms:write"}
    only_read = {"govuk_preview_template", "turbosms_status", "turbosms_ping"}
    posts = {one.name: one.path for one in OPERATIONS.values() if one.method == "POST" and one.scope in writes}
    assert only_read < posts.keys()
    assert {name for name, path in posts.items() if not re.fullmatch(ACCEPTING, path)} == only_read
