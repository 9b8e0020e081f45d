"""How much work an input takes, counted and not timed: lines of ours that ran, and octets that were held at once."""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_run(act: Callable[[], None]) -> int:
    """Lines of Python that run while ``act`` does."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


def octets_held(act: Callable[[], None]) -> int:
    """The most memory that Python held for ``act``, beyond what was held before."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
