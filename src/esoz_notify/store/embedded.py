"""The life of the embedded PostgreSQL: started by the first process on its folder, shared by all, stopped by the last.

Under ``home/postgres``: ``start.lock`` (one process at a time starts or stops), ``users.lock`` (a shared flock of each
user, which the system drops when that process dies), ``data``, ``run`` (its socket), ``log``. No tables and no queries
here; making the cluster is in ``embedded_cluster.py``, what the machine allows in ``embedded_host.py``.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from psycopg.conninfo import make_conninfo

from esoz_notify.core.errors import ConfigError, Unavailable
from esoz_notify.store.embedded_cluster import (
    DEFAULT_SETTINGS,
    INIT_LIMIT_S,
    SUPERUSER,
    check_settings,
    check_version,
    configure,
    initialise,
    tail,
)
from esoz_notify.store.embedded_host import (
    PORT,
    USE_EXTERNAL,
    Account,
    Binaries,
    Log,
    choose_account,
    choose_place,
    find_binaries,
    make_private,
    prepare_base,
    run_as,
    socket_folder,
    usable_binaries,
)

if sys.platform != "win32":
    import fcntl

__all__ = ["DEFAULT_SETTINGS", "RunningPostgres", "find_binaries", "start"]

READY_LIMIT_S = 120.0
"""How long crash recovery may take before the start gives up; the server goes on recovering."""
LOCK_LIMIT_S = INIT_LIMIT_S + READY_LIMIT_S + 30.0
STOP_LIMIT_S = 60.0
ORPHANS_PATIENCE_S = 3.0
"""Backends of a killed server leave by themselves at their next wait; after this they are asked to."""
ORPHANS_LIMIT_S = 30.0
POLL_S = 0.02
SOCKET_NAMES = (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock")


@dataclass(slots=True, kw_only=True)
class RunningPostgres:
    """A server that answers at ``dsn`` until ``stop``. ``folder``: where its cluster is, mostly ``home/postgres``."""

    dsn: str
    home: Path
    folder: Path
    _users_fd: int | None

    def stop(self) -> bool:
        """Leave the server, and stop it if nobody else uses it; gives whether it was stopped. Idempotent.

        Raises Unavailable when the server takes longer than a minute to stop; it goes on stopping.
        """
        if self._users_fd is None:
            return False
        users_fd, self._users_fd = self._users_fd, None
        try:
            with _locked(self.home / "postgres" / "start.lock"):
                return _is_last(users_fd) and _stop_server(self.folder / "data")
        except FileNotFoundError:
            return False  # the folder was removed under the server, which ends by itself when it notices
        finally:
            os.close(users_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class PidFile:
    """What ``postmaster.pid`` says. ``status``: starting, ready or stopping."""

    pid: int
    socket_folder: str
    status: str


def start(
    home: Path,
    *,
    pg_bin: Path | None = None,
    settings: Mapping[str, str] = DEFAULT_SETTINGS,
    log: Log = lambda _line: None,
) -> RunningPostgres:
    """Start the server of this data folder, or join the one that runs on it; makes the cluster the first time.

    ``home`` is the data folder that the user named; everything of the server is in ``home/postgres``. As root the
    server runs under an ordinary account, and ``home`` itself may be opened to that account for passing through.
    ``settings`` are PostgreSQL's, go over the default ones, and count when the server is started, not when it is
    joined. ``log`` is told of what takes time or differs from the usual.
    Blocks; survives a kill -9 of anybody at any moment.
    Raises ConfigError when the machine or the folder is not fit, Unavailable when recovery outlasts its limit.
    """
    if sys.platform == "win32":
        raise ConfigError("the embedded PostgreSQL does not run on Windows: name an external PostgreSQL by its DSN")
    check_settings(settings)
    home = home.expanduser().resolve()
    programs = find_binaries(pg_bin)
    try:
        base = prepare_base(home)
        with _locked(base / "start.lock"):
            users_fd = _open_lock(base / "users.lock")
            try:
                fcntl.flock(users_fd, fcntl.LOCK_SH)
                place, sockets = _started(base, programs, settings, log)
            except BaseException:
                os.close(users_fd)
                raise
    except OSError as error:
        raise ConfigError(
            f"the embedded PostgreSQL cannot use {error.filename or home}: {error.strerror or error}; "
            f"check the permissions and free space of {home}, name another data folder, {USE_EXTERNAL}"
        ) from error
    dsn = make_conninfo(host=sockets, port=PORT, user=SUPERUSER, dbname="postgres")
    return RunningPostgres(dsn=dsn, home=home, folder=place, _users_fd=users_fd)


def _started(base: Path, programs: Path, settings: Mapping[str, str], log: Log) -> tuple[Path, str]:
    """Give the folder of the cluster and that of its socket, with the server ready; the caller holds ``start.lock``."""
    account = choose_account(_data_of(base))
    place = choose_place(base, account, log)
    data = place / "data"
    sockets = _joined(data, programs)
    if sockets is None:
        binaries = usable_binaries(programs, account, place, log)
        if not data.exists():
            initialise(place, binaries, account, log)
        check_version(data, binaries)
        _clear_remains(data, log)
        sockets, output = _launched(place, binaries, account, settings)
        if sockets is None:
            # It may have been killed while it started: what does not pass by itself fails again at once.
            _clear_remains(data, log)
            sockets, output = _launched(place, binaries, account, settings)
        if sockets is None:
            raise ConfigError(f"PostgreSQL does not start in {place}; the end of its log:\n{output}")
    return place, sockets


def _data_of(base: Path) -> Path:
    link = base / "elsewhere"
    return (link if link.is_symlink() else base) / "data"


def _launched(
    place: Path, binaries: Binaries, account: Account | None, settings: Mapping[str, str]
) -> tuple[str | None, str]:
    """Start the server; give its socket's folder once it is ready, or None, and the end of what it said."""
    data, logs = place / "data", place / "log"
    sockets = socket_folder(place, account)
    make_private(logs, account)
    for name in SOCKET_NAMES:
        (sockets / name).unlink(missing_ok=True)
    configure(data, settings, sockets, logs, account)
    with tempfile.TemporaryFile() as early:
        # Paths go by environment and file, never by pg_ctl's arguments: it hands those to a shell.
        run_as(
            account,
            [binaries.folder / "pg_ctl", "start", "-s", "-w", "-t", f"{READY_LIMIT_S:.0f}"],
            pgdata=data,
            output=early,
            timeout_s=READY_LIMIT_S + 30.0,
        )
        early.seek(0)
        output = f"{tail(early.read())}\n{tail(_newest_log(logs))}"
    # Asked even after a failure: a server that a killed process was starting may have come up before ours.
    return _joined(data, binaries.folder, limit_s=POLL_S), output


def _joined(data: Path, programs: Path, *, limit_s: float = READY_LIMIT_S) -> str | None:
    """Give the socket's folder of the server that runs on this cluster once it is ready; None when none runs.

    Raises Unavailable when it is not ready in time.
    """
    deadline = time.monotonic() + limit_s
    while found := _live_server(data, programs):
        if found.status == "ready":
            return found.socket_folder
        if time.monotonic() > deadline:
            raise Unavailable(
                f"PostgreSQL in {data} is still {found.status} after {READY_LIMIT_S:.0f} s, as after a crash with much "
                f"to recover; it goes on: start again later, its log is in {data.parent / 'log'}"
            )
        time.sleep(POLL_S)
    return None


def _live_server(data: Path, programs: Path) -> PidFile | None:
    found = _pid_file(data)
    if found is None:
        return None
    if _is_server(found.pid, data):
        return found
    # Not among the processes we see; but in another container that shares this folder it may be alive and answer.
    ready = run_as(None, [programs / "pg_isready", "-q", "-h", found.socket_folder, "-p", PORT, "-t", "5"])
    return found if ready.returncode in (0, 1) else None


def _pid_file(data: Path) -> PidFile | None:
    """Read ``postmaster.pid``, whose lines 1, 5 and 8 are pid, socket folder and status (PostgreSQL's pidfile.h)."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        pid = abs(int(lines[0]))
    except (FileNotFoundError, ValueError, IndexError):
        return None
    lines += [""] * (8 - len(lines))
    return PidFile(pid=pid, socket_folder=lines[4], status=lines[7].strip() or "starting")


def _is_server(pid: int, data: Path) -> bool:
    """Whether this process is a PostgreSQL in this cluster, and not one that got a dead server's pid."""
    try:
        return _runs_in(psutil.Process(pid), data)
    except psutil.NoSuchProcess:
        return False


def _runs_in(process: psutil.Process, data: Path) -> bool:
    try:
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and Path(process.exe()).name == "postgres"
            and data.samefile(process.cwd())
        )
    except (psutil.Error, OSError):
        # Gone meanwhile, or another user's, whom our server would not run as.
        return False


def _clear_remains(data: Path, log: Log) -> None:
    """After a crash: wait for the killed server's backends to leave, then drop its pid file, which may name a stranger.

    PostgreSQL itself takes any living process with that number, a zombie too, for the server.
    """
    since = time.monotonic()
    asked = False
    while orphans := [p for p in psutil.process_iter(["name"]) if p.info["name"] == "postgres" and _runs_in(p, data)]:
        waited_s = time.monotonic() - since
        if waited_s > ORPHANS_LIMIT_S:
            pids = ", ".join(str(orphan.pid) for orphan in orphans)
            raise Unavailable(
                f"processes of a killed PostgreSQL still work in {data}: {pids}; end them and start again"
            )
        if waited_s > ORPHANS_PATIENCE_S and not asked:
            asked = True
            for orphan in orphans:
                with suppress(psutil.NoSuchProcess):
                    orphan.terminate()
        time.sleep(POLL_S)
    stale = data / "postmaster.pid"
    if stale.exists():
        log(f"the server in {data} had ended without stopping; it recovers now")
        stale.unlink()


def _stop_server(data: Path) -> bool:
    """End the server as ``pg_ctl -m fast`` does: sessions are cut, what they committed stays. False if none runs."""
    found = _pid_file(data)
    if found is None or not _is_server(found.pid, data):
        return False
    with suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_LIMIT_S
    while _is_server(found.pid, data):
        if time.monotonic() > deadline:
            raise Unavailable(f"PostgreSQL in {data} did not stop within {STOP_LIMIT_S:.0f} s; it goes on stopping")
        time.sleep(POLL_S)
    return True


def _open_lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the system drops if we die. Raises Unavailable when its holder does not let go in time."""
    fd = _open_lock(path)
    try:
        deadline = time.monotonic() + LOCK_LIMIT_S
        while not _try_exclusive(fd):
            if time.monotonic() > deadline:
                raise Unavailable(f"another process holds {path} for over {LOCK_LIMIT_S:.0f} s; see what it waits for")
            time.sleep(POLL_S)
        yield
    finally:
        os.close(fd)


def _try_exclusive(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_last(users_fd: int) -> bool:
    # Changing a shared lock into an exclusive one lets go of it first: harmless, for we leave and hold start.lock.
    return _try_exclusive(users_fd)


def _newest_log(logs: Path) -> bytes:
    files = sorted(logs.glob("*.log"), key=lambda path: path.stat().st_mtime)
    return files[-1].read_bytes() if files else b""
