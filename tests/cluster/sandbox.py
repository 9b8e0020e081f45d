"""The closed room in which the cluster is built: network, mounts and processes of its own, gone with its first process.

What belongs here: entering the room, and what the machine lacks for it. What does not: what is built inside
(``network``, ``house``). Nothing outside is touched but one folder for logs, so nothing outside has to be cleaned up:
when the first process of the room ends, by itself, by Ctrl-C or by a kill, the system ends every other and drops its
networks and file systems.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
WALLS = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
PROGRAMS = {
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "etcd": "etcd-server",
    "patroni": "patroni",
}
"""Each program that is needed, and the Debian package that has it."""

DEBIAN_PYTHON = "/usr/bin/python3"
"""What Debian's Patroni runs on."""
FOLDER_PREFIX = "esoz-cluster-"
_INSIDE = "TESTS_CLUSTER_INSIDE"


def lacking() -> str:
    """Why the room cannot be had on this machine; empty when it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces and mounts need root"
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if missing:
        return f"Debian's {', '.join(missing)} is missing: apt-get install --no-install-recommends {' '.join(missing)}"
    if subprocess.run([DEBIAN_PYTHON, "-c", "import etcd"], capture_output=True, check=False).returncode:
        return "Debian's python3-etcd is missing: apt-get install --no-install-recommends python3-etcd"
    tried = subprocess.run([*WALLS, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"this root may make no namespaces (CAP_SYS_ADMIN): {tried.stderr.strip()}"
    return ""


def is_inside() -> bool:
    """Whether this process is in the room already."""
    return _INSIDE in os.environ


def enter(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by the room, with ``python -m module`` in it. Does not return."""
    command = [*WALLS, sys.executable, "-m", "tests.cluster.sandbox", module, *arguments]
    os.chdir(ROOT)
    os.execvpe(command[0], command, os.environ | {_INSIDE: str(os.getpid())})  # noqa: S606 - no shell is wanted


def clear_leftovers() -> None:
    """Remove what is left of runs that were killed: their folders of logs. Whose first process lives is left alone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        if not _is_alive(folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]):
            shutil.rmtree(folder, ignore_errors=True)


def make_folder() -> Path:
    """The folder of this run, named by the room's process as it is seen from outside."""
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.environ[_INSIDE]}-"))


def _is_alive(pid: str) -> bool:
    try:
        return b"tests.cluster" in Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return False


def _first(command: Sequence[str]) -> int:
    """The first process of the room: runs one program, and buries whatever dies without a parent meanwhile.

    Without it a killed server would stay as a zombie, which PostgreSQL takes for a living server.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the program too
    child = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child.pid, signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_first([sys.executable, "-m", *sys.argv[1:]]))
