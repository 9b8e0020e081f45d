"""What the tests of faults share: servers of their own, for those that hurt one or want many ledgers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from esoz_notify.store import embedded
from esoz_notify.store.migrations import migrate


@dataclass
class OwnServer:
    """A PostgreSQL of one test, with a migrated ledger in it, that the test may hurt."""

    home: Path
    running: embedded.RunningPostgres

    @property
    def dsn(self) -> str:
        """Of the ledger."""
        return self.running.dsn

    def kill(self) -> None:
        """End the server as a power cut does, and wait until nobody answers."""
        pid = int((self.running.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        psutil.Process(pid).wait(30)

    def start(self) -> None:
        """Start it again in its old place."""
        self.running.stop()
        self.running = embedded.start(self.home, settings=SETTINGS)

    def tell(self, *statements: str) -> None:
        """Run statements as the server's administrator, each by itself."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


SETTINGS = {"shared_buffers": "16MB", "max_connections": "200"}


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A server of the test's own, made anew: half a second."""
    home = Path(tempfile.mkdtemp(prefix="esoz-notify-faults-")).resolve()
    server = OwnServer(home, embedded.start(home, settings=SETTINGS))
    try:
        migrate(server.dsn)
        yield server
    finally:
        server.running.stop()
        shutil.rmtree(home)


@pytest.fixture
def new_ledger(own_server: OwnServer) -> Callable[[], str]:
    """Makes an empty ledger each time it is called and gives its DSN: for many houses at once on one server."""

    def make() -> str:
        name = f"ledger_{uuid4().hex}"
        own_server.tell(f"CREATE DATABASE {name} TEMPLATE template0")
        dsn = make_conninfo(own_server.dsn, dbname=name)
        migrate(dsn)
        return dsn

    return make


@pytest.fixture
def small_server() -> Iterator[OwnServer]:
    """A server of the test's own on a file system of its own with little space. Needs root and the right to mount."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a file system with little space can be mounted by root on Linux only")
    home = Path(tempfile.mkdtemp(prefix="esoz-notify-faults-")).resolve()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m,mode=755", "tmpfs", home], capture_output=True, check=False
    )
    try:
        if mounted.returncode:
            pytest.skip(f"this root may not mount: {mounted.stderr.decode().strip()}")
        server = OwnServer(home, embedded.start(home, settings=SETTINGS))
        try:
            migrate(server.dsn)
            yield server
        finally:
            server.running.stop()
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", home], check=True)
        home.rmdir()
