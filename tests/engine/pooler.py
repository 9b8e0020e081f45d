"""A PgBouncer in front of a test's ledger, in the mode that lends a server's connection for one transaction only."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

PORT = "6543"
POOL_SIZE = 3
"""Connections to the server that all of a product share: fewer than its loops."""


def program() -> str:
    """Where PgBouncer is; skips the test when it is nowhere."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("Debian's package pgbouncer is missing: sh scripts/pgbouncer.sh")
    return found


@contextmanager
def pooled(dsn: str, folder: Path) -> Iterator[str]:
    """The DSN of the same database through a PgBouncer of this test's own, which is ended afterwards."""
    given = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    owner = Path(given["host"]).stat()  # the server lets in its own account only, and PgBouncer never runs as root
    database = f"host={given['host']} port={given['port']} dbname={given['dbname']} user={given['user']}"
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\npooled = {database}\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = {POOL_SIZE}\n"
        f"max_client_conn = 100\nlisten_port = {PORT}\nunix_socket_dir = {folder}\nauth_type = any\n"
        f"logfile = {folder / 'pgbouncer.log'}\npidfile = {folder / 'pgbouncer.pid'}\nserver_lifetime = 5\n"
    )
    os.chown(folder, owner.st_uid, owner.st_gid)
    command = [program(), "-q", str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:
        command[1:1] = ["-u", pwd.getpwuid(owner.st_uid).pw_name]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    through = make_conninfo(host=str(folder), port=PORT, user=given["user"], dbname="pooled")
    try:
        _await_answer(through, folder)
        yield through
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)


def _await_answer(dsn: str, folder: Path) -> None:
    limit = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            log = folder / "pgbouncer.log"
            assert time.monotonic() < limit, log.read_text() if log.exists() else "no log"
            time.sleep(0.05)
        else:
            return
