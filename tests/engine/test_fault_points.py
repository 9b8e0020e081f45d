"""Fault points: each stands at one place of the engine, does nothing unless armed, and then kills the process."""

import ast
import signal
import subprocess
import sys
from collections import Counter

import pytest
from tests.architecture import house

from esoz_notify.core.errors import InvalidInput
from esoz_notify.engine import fault_points
from esoz_notify.engine.fault_points import POINTS, arm, hit


def _passed() -> Counter[str]:
    """Names given to ``fault_points.hit`` anywhere in the product."""
    calls = (
        node
        for path in house.modules(house.SRC)
        for node in ast.walk(house.tree(path))
        if isinstance(node, ast.Call) and house.dotted(node.func) == "fault_points.hit"
    )
    return Counter(ast.literal_eval(call.args[0]) for call in calls)


def _run(order: str, *names: str) -> "subprocess.CompletedProcess[bytes]":
    """A process that is armed so, passes these points, and ends with 0 if it lives."""
    lines = [f"from {fault_points.__name__} import arm, hit", f"arm({order!r})", *(f"hit({name!r})" for name in names)]
    return subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False, timeout=60, capture_output=True)


def test_each_point_stands_at_one_place() -> None:
    """Every name is passed at exactly one place of the code, and no other name is."""
    assert _passed() == Counter(dict.fromkeys(POINTS, 1))


def test_nothing_happens_unless_armed() -> None:
    """In production every point is passed and nothing follows."""
    arm(None)
    for name in POINTS:
        hit(name)


def test_an_armed_process_is_killed_at_the_hit_that_was_ordered() -> None:
    """NAME:3 lets two hits and every other point pass and kills at the third; NAME alone kills at the first."""
    first, other = list(POINTS)[:2]

    assert _run(f"{first}:3", first, other, other, other, first).returncode == 0
    assert _run(f"{first}:3", first, other, first, first).returncode == -signal.SIGKILL
    assert _run(first, other, first).returncode == -signal.SIGKILL


@pytest.mark.parametrize("order", ["nowhere:1", "", ":1", "in_drain:0", "in_drain:-1", "in_drain:x", "in_drain:1:2"])
def test_an_order_that_cannot_be_kept_is_refused(order: str) -> None:
    """A misspelt point would never kill, and a test that waits for it would prove nothing."""
    with pytest.raises(InvalidInput, match="--fault-point must be NAME:N"):
        arm(order)
