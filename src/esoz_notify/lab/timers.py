"""The lab's clock, chance and timers: wall time, numbers from a seed, and timers that die with the lab."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import TypeVarTuple, Unpack

Args = TypeVarTuple("Args")


def now() -> float:
    """Wall time in seconds since the epoch: what a restarted lab can still compare with."""
    return time.time()


def rfc3339(at: float) -> str:
    """``2026-11-23T10:00:00.123Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seeded(seed: int) -> Random:
    """Chance that the same seed repeats."""
    return Random(seed)  # noqa: S311  it plays the world and guards nothing


class Timers:
    """Loop timers that do nothing once ``close`` was called, so that a stopped lab leaves no ghost behind."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def later(self, delay_s: float, call: Callable[[Unpack[Args]], object], *args: *Args) -> asyncio.TimerHandle:
        """Call after ``delay_s`` (at once in the next loop turn when 0 or less)."""
        return self._loop.call_later(max(delay_s, 0.0), self._run, call, args)

    def _run(self, call: Callable[..., object], args: tuple[object, ...]) -> None:
        if not self._closed:
            call(*args)

    def close(self) -> None:
        """Silence every timer that is still to come."""
        self._closed = True
