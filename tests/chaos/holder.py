"""Holds the embedded PostgreSQL for the crash test, as a process of its own: ``python -m tests.chaos.holder FOLDER``.

Prints ``ready {json}`` with ``dsn`` and ``folder``, and stops the server when its stdin closes.
"""

import json
import logging
import os
import sys
from pathlib import Path

from esoz_notify.store import embedded


def main(folder: Path) -> None:
    """Start the server, or take it up after a kill; run until the parent is gone."""
    logging.basicConfig(stream=sys.stderr)
    with embedded.start(folder, log=logging.getLogger("holder").warning) as server:
        sys.stdout.write(f"ready {json.dumps({'dsn': server.dsn, 'folder': str(server.folder)})}\n")
        sys.stdout.flush()
        while os.read(0, 4096):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
