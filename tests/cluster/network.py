"""Hosts as network namespaces on one bridge, and cuts between them.

What belongs here: addresses, cables, cuts. What does not: what runs on a host (``servers``, ``house``).
"""

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

NETWORK = "10.77.0"
BRIDGE = f"{NETWORK}.1"
"""Where the load generator and the conductor are."""
NAMESPACES = Path("/run/netns")
_NOBODY = "02:00:00:00:00:99"
"""No interface has it: what is sent there is lost without a word, as by a cut cable."""


@dataclass(frozen=True, slots=True)
class Host:
    """One machine. ``name`` is also that of its namespace."""

    name: str
    address: str

    def inside(self, command: Sequence[str], *, account: str = "") -> list[str]:
        """A command as it is to be run on this host; its pid is that of the command itself."""
        entered = ["nsenter", f"--net={NAMESPACES / self.name}"]
        if account:
            entered += ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups"]
        return [*entered, *command]

    def pids(self) -> list[int]:
        """Everything that runs on this host."""
        return [int(pid) for pid in _run("ip", "netns", "pids", self.name).split()]


def build(hosts: Iterable[Host]) -> None:
    """Make the bridge and every host on it. The room's own network is the bridge's, and empty before."""
    NAMESPACES.mkdir(exist_ok=True)
    _run("mount", "-t", "tmpfs", "tmpfs", str(NAMESPACES))
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "br0", "type", "bridge")
    _run("ip", "address", "add", f"{BRIDGE}/24", "dev", "br0")
    _run("ip", "link", "set", "br0", "up")
    for host in hosts:
        _run("ip", "netns", "add", host.name)
        _run("ip", "link", "add", f"v-{host.name}", "type", "veth", "peer", "name", "eth0", "netns", host.name)
        _run("ip", "link", "set", f"v-{host.name}", "master", "br0", "up")
        _run("ip", "-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
        _run("ip", "-n", host.name, "link", "set", "eth0", "up")
        _run("ip", "-n", host.name, "link", "set", "lo", "up")


def cut(one: Host, others: Iterable[Host]) -> None:
    """Nothing passes between ``one`` and the others from now on, in either direction; nobody is told."""
    for other in others:
        for here, there in ((one, other), (other, one)):
            where = (there.address, "lladdr", _NOBODY, "dev", "eth0", "nud", "permanent")
            _run("ip", "-n", here.name, "neighbour", "replace", *where)


def heal(one: Host, others: Iterable[Host]) -> None:
    """Undo ``cut``."""
    for other in others:
        for here, there in ((one, other), (other, one)):
            _run("ip", "-n", here.name, "neighbour", "del", there.address, "dev", "eth0")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
