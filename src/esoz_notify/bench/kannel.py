"""Kannel beside ours: its two processes with a file store in the throw-away folder, and a sink for its callbacks.

What belongs here: its configuration, starting it, what is asked of it. What does not: the comparison (``peer``).
"""

import json
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import psutil

from esoz_notify.bench.load import NUMBER, Plan
from esoz_notify.bench.processes import running, strange
from esoz_notify.lab.settings import SmscSettings
from esoz_notify.settings import environment_for_child

PROGRAMS = ("bearerbox", "smsbox")
MISSING = "Kannel is not installed (Debian: apt-get install kannel); nothing was compared"

ASK_LIMIT_S = 10.0
RECEIPTS = 1 | 2
"""dlr-mask: delivered, and not deliverable."""
UCS2 = 2
WARNINGS = "2"
"""What it logs, and worse: the thousands of lines a second that it would log otherwise are no work of its own."""
LOGIN = "bench"

_PATHS = "/usr/local/sbin:/usr/sbin:/sbin"  # where Debian puts it, and where not every PATH leads

CONFIGURATION = """\
group = core
admin-interface = 127.0.0.1
admin-port = {admin_port}
admin-password = {password}
smsbox-interface = 127.0.0.1
smsbox-port = {box_port}
box-allow-ip = 127.0.0.1
box-deny-ip = "*.*.*.*"
store-type = file
store-location = "{store}"
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = lab
host = {smsc_host}
port = {smsc_port}
transceiver-mode = true
smsc-username = {system_id}
smsc-password = {smsc_password}
system-type = ""
max-pending-submits = {window_size}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-interface = 127.0.0.1
sendsms-port = {http_port}

group = sendsms-user
username = {login}
password = {password}
max-messages = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kannel:
    """A running Kannel. ``processes``: its own by name; ``sink``: ours, which its callbacks go to at ``told_at``."""

    processes: Mapping[str, psutil.Process]
    sink: psutil.Process
    http: SplitResult
    told_at: SplitResult
    password: str = field(repr=False)

    def told(self) -> dict[str, Any]:
        """How many messages callbacks told to be delivered, and when the last was."""
        return dict(json.loads(_ask(self.told_at, "/told")))

    def path(self, *, phone: str, sender: str, text: str) -> str:
        """The request that sends ``text`` and has its receipt called back; the number of a request stays open."""
        query = {
            "username": LOGIN,
            "password": self.password,
            "from": sender,
            "to": phone,
            "text": text,
            "charset": "UTF-8",
            "coding": UCS2,
            "dlr-mask": RECEIPTS,
            "dlr-url": f"{self.told_at.geturl()}/{NUMBER}/%d",
        }
        return f"/cgi-bin/sendsms?{urlencode(query, quote_via=quote, safe='{}')}"

    def plan(self, path: str, *, first: int, count_max: int, seconds: float, connections: int) -> Plan:
        """Send numbered messages."""
        return Plan(
            host="",
            port=0,
            method="GET",
            path=path,
            headers={},
            line="",
            first=first,
            count_max=count_max,
            seconds=seconds,
            connections=connections,
            numbered=True,
        )


def installed() -> bool:
    """Whether both of its programs are there."""
    return all(_program(name) for name in PROGRAMS)


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=_PATHS)


@contextmanager
def a_kannel(folder: Path, smsc: tuple[str, int], window_size: int) -> Iterator[Kannel]:
    """A Kannel bound to an SMSC of the lab, as shipped but for its store in ``folder``, the window and its log level.

    Raises NotifyError when it does not get ready.
    """
    home = folder / "kannel"
    home.mkdir()
    account = SmscSettings(name="any")
    password = secrets.token_hex(8)
    admin_port, box_port, http_port = _free_ports(3)
    configuration = home / "kannel.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        CONFIGURATION.format(
            admin_port=admin_port,
            box_port=box_port,
            http_port=http_port,
            login=LOGIN,
            password=password,
            store=home / "store",
            smsc_host=smsc[0],
            smsc_port=smsc[1],
            system_id=account.system_id,
            smsc_password=account.password,
            window_size=window_size,
        ),
        encoding="ascii",
    )

    def status() -> str:
        """What it says of its connections; nothing while it does not listen."""
        with suppress(OSError, HTTPException):
            return _ask(urlsplit(f"http://127.0.0.1:{admin_port}"), f"/status.txt?password={password}")
        return ""

    bearerbox, smsbox = ([_program(name) or name, "-v", WARNINGS, str(configuration)] for name in PROGRAMS)
    with (
        running("sink", ["esoz_notify.bench.sink"], environment_for_child(), home) as sink,
        strange("bearerbox", bearerbox, home, lambda: "(online " in status()) as first,
        strange("smsbox", smsbox, home, lambda: "smsbox:" in status()) as second,
    ):
        yield Kannel(
            processes=dict(zip(PROGRAMS, (first, second), strict=True)),
            sink=sink.process,
            http=urlsplit(f"http://127.0.0.1:{http_port}"),
            told_at=urlsplit(f"http://127.0.0.1:{sink.ready}"),
            password=password,
        )


def _free_ports(count: int) -> list[int]:
    """Ports that were free just now; Kannel cannot choose its own."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _ask(where: SplitResult, path: str) -> str:
    connection = HTTPConnection(str(where.hostname), where.port, timeout=ASK_LIMIT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
