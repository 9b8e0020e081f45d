"""Making and configuring the embedded PostgreSQL's cluster, never half.

The settings that durability and secrecy rest on are here. Running the server is in ``embedded.py``.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from esoz_notify.core.errors import ConfigError
from esoz_notify.store.embedded_host import PORT, Account, Binaries, Log, run_as

INIT_LIMIT_S = 120.0
LOG_TAIL_LINES = 12
SUPERUSER = "postgres"
CONFIG = "esoz-notify.conf"
BUILTIN_LOCALE_SINCE = 17

DEFAULT_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "shared_buffers": "128MB",
        "max_connections": "100",
        "max_wal_size": "2GB",
        "jit": "off",
    }
)
"""What suits a small machine; a caller may give others."""

OWN_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_permissions": "0700",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "logging_collector": "on",
        "log_filename": "postgresql-%a.log",  # a week of files, each day's emptied when its turn comes again
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        # Personal data must not get into the log: no statements, no parameters, no DETAIL (which quotes rows), and no
        # ERROR lines of sessions (which quote values); the program that ran the statement is told them anyway.
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_min_duration_sample": "-1",
        "log_transaction_sample_rate": "0",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_min_error_statement": "panic",
        "log_min_messages": "log",
        "log_error_verbosity": "terse",
    }
)
"""What durability and secrecy rest on; a caller may not change it."""
OWN_SETTING_NAMES = frozenset(OWN_SETTINGS) | {"unix_socket_directories", "log_directory", "data_directory"}


def check_settings(settings: Mapping[str, str]) -> None:
    """Refuse settings that are ours to set, and what is no name of a setting. Raises ConfigError with all of them."""
    own = sorted(OWN_SETTING_NAMES & {name.lower() for name in settings})
    if own:
        raise ConfigError(
            f"settings of the embedded PostgreSQL that may not be changed: {', '.join(own)}; leave them out"
        )
    wrong = sorted(name for name in settings if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name))
    if wrong:
        raise ConfigError(f"not names of PostgreSQL settings: {', '.join(map(repr, wrong))}")


def initialise(place: Path, binaries: Binaries, account: Account | None, log: Log) -> None:
    """Make the cluster beside its place and move it there whole, so that a half-made one is never taken for one."""
    for remains in place.glob("data.new-*"):
        shutil.rmtree(remains, ignore_errors=True)
    log(f"making the ledger's PostgreSQL {binaries.version} in {place}")
    fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=place))
    if account is not None:
        os.chown(fresh, account.uid, account.gid)
    # The builtin provider sorts and folds alike on every system.
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if binaries.major >= BUILTIN_LOCALE_SINCE
        else ["--locale=C.UTF-8"]
    )
    # The socket's folder lets in only the server's account (and root), so that whoever gets there is trusted.
    access = ["--auth-local=trust", "--auth-host=reject"]
    command: list[str | Path] = [binaries.folder / "initdb", "-D", fresh, "-U", SUPERUSER, *locale, *access]
    done = run_as(account, [*command, "--encoding=UTF8", "--data-checksums"], timeout_s=INIT_LIMIT_S)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise ConfigError(f"PostgreSQL could not make its cluster in {place}:\n{tail(done.stdout)}")
    main = fresh / "postgresql.conf"
    _write(main, f"{main.read_text()}\ninclude_if_exists = '{CONFIG}'\n", account)
    fresh.rename(place / "data")
    _sync_folder(place)


def check_version(data: Path, binaries: Binaries) -> None:
    """Refuse a cluster that these programs cannot open. Raises ConfigError."""
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ConfigError(
            f"the folder {data} is not a PostgreSQL cluster: move it away, or name another data folder"
        ) from None
    if made_by != str(binaries.major):
        raise ConfigError(
            f"the cluster {data} was made by PostgreSQL {made_by} and the programs in {binaries.folder} are "
            f"{binaries.version}: name the folder of PostgreSQL {made_by}'s programs, or dump and restore it with them"
        )


def configure(data: Path, settings: Mapping[str, str], sockets: Path, logs: Path, account: Account | None) -> None:
    """Write the server's settings for its next start: the default ones, the caller's over them, ours over both."""
    folders = {"unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"', "log_directory": str(logs)}
    _write(data / CONFIG, _config_text({**DEFAULT_SETTINGS, **settings, **OWN_SETTINGS, **folders}), account)


def _config_text(settings: Mapping[str, str]) -> str:
    lines = ["# Written by esoz-notify at every start; ALTER SYSTEM is the place for changes of your own."]
    for name, value in settings.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str, account: Account | None) -> None:
    """Replace a file whole. A link that the account may have put in its place is replaced, not followed."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(fd)
        if account is not None:
            os.fchown(fd, account.uid, account.gid)
    Path(name).rename(path)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def tail(output: bytes) -> str:
    """Give the last lines of a log, for an error message."""
    return "\n".join(output.decode(errors="replace").strip().splitlines()[-LOG_TAIL_LINES:])
