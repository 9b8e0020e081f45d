"""The lab as a process of its own: one ready line, then until a signal or until the parent has died."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable

from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.world import run_lab


def main(settings: LabSettings) -> None:
    """Run until SIGTERM, SIGINT or, if so set, the end of stdin. Prints ``ready {json}`` once listening."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))


async def _run(settings: LabSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.stop_on_stdin_eof:
        _watch_stdin(lambda: loop.call_soon_threadsafe(stop.set))
    async with run_lab(settings) as lab:
        sys.stdout.write(f"ready {json.dumps(lab.urls())}\n")
        sys.stdout.flush()
        await stop.wait()


def _watch_stdin(ended: Callable[[], object]) -> None:
    """Tell when stdin ends, whatever kind of file it is; a thread, because a loop cannot wait for every kind."""

    def read() -> None:
        # Not through sys.stdin, whose lock a daemon thread must not hold when the interpreter ends.
        while os.read(0, 4096):
            pass
        ended()

    threading.Thread(target=read, name="lab-stdin", daemon=True).start()
