"""On a system without POSIX's own modules the client and the command line load, and what cannot run there says so."""

import subprocess
import sys
from pathlib import Path

WINDOWS = r"""
import asyncio, importlib, os, pkgutil, signal, sys

HIDDEN = {"fcntl", "grp", "pwd", "resource", "termios", "uvloop"}
GONE = ("chown", "fchmod", "fchown", "fork", "geteuid", "getuid", "killpg")

def every():
    import esoz_notify
    for one in pkgutil.walk_packages(esoz_notify.__path__, "esoz_notify."):
        if not one.name.endswith("__main__") and one.name not in NOT_HERE:
            yield one.name

NOT_HERE = {"esoz_notify.engine.tracing"}  # an extra
for name in list(every()):  # the libraries, as this system has them
    importlib.import_module(name)

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in [one for one in sys.modules if one.split(".")[0] in HIDDEN | {"esoz_notify"}]:
    del sys.modules[name]
sys.meta_path.insert(0, Hidden())
sys.platform = "win32"  # os.name stays: pathlib goes by it
for name in GONE:
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL"):
    delattr(signal, name)

for name in every():
    importlib.import_module(name)

from esoz_notify.cli.main import COMMANDS, loaded, main
from esoz_notify.client import NotifyClient
for name in COMMANDS:
    loaded(name)
assert NotifyClient
for words in (["up", "--lab"], ["route", "referral_issued", "--phone", "+380000000001"]):
    sys.argv = ["esoz-notify", *words]
    try:
        main()
    except SystemExit as end:
        sys.stderr.write(f"exit {end.code}\n")
"""


def test_everything_loads_and_what_cannot_run_says_so(tmp_path: Path) -> None:
    """Every module and all options load; ``up`` ends with one sentence, and what only asks a service runs."""
    command = [sys.executable, "-c", WINDOWS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    up, first, route, second = done.stderr.splitlines()
    assert up.startswith("esoz-notify: this command does not run on win32")
    assert "docs/install.md" in up
    assert "give --url" in route
    assert (first, second) == ("exit 2", "exit 2")
