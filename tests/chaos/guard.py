"""Ends what a crash test left running when it was itself killed: ``python -m tests.chaos.guard``.

Reads lines ``+PID`` of what was started and ``-PID`` of what has ended; when its stdin closes, kills the rest. The
server and the lab end by themselves then; the logs stay where they are, for whoever asks what happened.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Note processes until the parent is gone."""
    running: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            running.add(pid)
        else:
            running.discard(pid)
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
