"""A streaming replica of the run's PostgreSQL, made by its own pg_basebackup."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from esoz_notify.store.embedded import RunningPostgres, find_binaries
from esoz_notify.store.embedded_host import choose_account, make_private, run_as, usable_binaries

PORT = "5433"
LIMIT_S = 120.0


@contextmanager
def standby(server: RunningPostgres, dbname: str) -> Iterator[str]:
    """The DSN of a database in a replica of this test's own; it is stopped afterwards, its files go with the run's."""
    primary = conninfo_to_dict(server.dsn)
    account = choose_account(server.folder / "data")
    programs = usable_binaries(find_binaries(None), account, server.folder, lambda _line: None).folder
    base = server.folder / "standby"
    make_private(base, account)
    data = base / "data"
    way = ["-h", str(primary["host"]), "-p", str(primary["port"]), "-U", str(primary["user"])]
    made = run_as(
        account, [programs / "pg_basebackup", "-D", data, *way, "-R", "-X", "stream", "-c", "fast"], timeout_s=LIMIT_S
    )
    assert made.returncode == 0, made.stdout
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write(f"unix_socket_directories = '{base}'\nport = {PORT}\nlogging_collector = off\n")
    started = run_as(
        account, [programs / "pg_ctl", "start", "-w", "-l", base / "log", "-D", data], output=-3, timeout_s=LIMIT_S
    )
    assert started.returncode == 0, (base / "log").read_text()
    try:
        yield make_conninfo(host=str(base), port=PORT, user=str(primary["user"]), dbname=dbname)
    finally:
        run_as(account, [programs / "pg_ctl", "stop", "-m", "immediate", "-D", data], timeout_s=LIMIT_S)
