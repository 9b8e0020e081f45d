"""PostgreSQL hosts: etcd and Patroni on each, their settings, what they say of the cluster, and their sudden ends.

What belongs here: the three database hosts. What does not: the service (``house``), when each is hurt (``events``).
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tests.cluster.network import NETWORK, Host

SCOPE = "esoz-notify"
PG_PORT, REST_PORT, ETCD_PORT, ETCD_PEER_PORT = 5432, 8008, 2379, 2380
DISK_MB = 640
STOP_LIMIT_S = 40.0
ASK_LIMIT_S = 2.0
LAG_MAX = 1024 * 1024

TTL_S, LOOP_WAIT_S, RETRY_TIMEOUT_S, START_LIMIT_S = 20, 2, 5, 10
"""Patroni's; why these, is told in docs/failover.md."""

DYNAMIC: dict[str, Any] = {
    "ttl": TTL_S,
    "loop_wait": LOOP_WAIT_S,
    "retry_timeout": RETRY_TIMEOUT_S,
    "master_start_timeout": START_LIMIT_S,
    "master_stop_timeout": START_LIMIT_S,
    "synchronous_mode": True,
    "synchronous_mode_strict": True,
    "maximum_lag_on_failover": 16 * 1024 * 1024,
    "postgresql": {
        "use_pg_rewind": True,
        "remove_data_directory_on_rewind_failure": True,
        "remove_data_directory_on_diverged_timelines": True,
        "use_slots": True,
        "parameters": {
            "max_connections": 200,
            "shared_buffers": "64MB",
            "max_wal_size": "192MB",
            "min_wal_size": "64MB",
            "wal_keep_size": "64MB",
            "max_slot_wal_keep_size": "128MB",
            "wal_log_hints": "on",
            "jit": "off",
            "wal_sender_timeout": "10s",
            "wal_receiver_timeout": "10s",
            "wal_retrieve_retry_interval": "500ms",
            # A host of ours that is cut off holds locks until the server notices.
            "tcp_keepalives_idle": 5,
            "tcp_keepalives_interval": 2,
            "tcp_keepalives_count": 3,
            "tcp_user_timeout": "10s",
            "client_connection_check_interval": "5s",
            "idle_in_transaction_session_timeout": "15s",
        },
    },
}


@dataclass(frozen=True, slots=True)
class Member:
    """One member as Patroni's leader tells it. ``role``: leader, sync_standby or replica.

    ``timeline``: which history it is on; ``lag``: octets behind the leader, None when nobody knows. A standby that is
    still starting calls itself running too, and has neither.
    """

    name: str
    role: str
    state: str
    timeline: int | None
    lag: int | None

    def follows(self, leader: "Member") -> bool:
        """Whether it works and has, or is about to have, what the leader has."""
        works = self.state in {"running", "streaming"} and self.timeline == leader.timeline
        return works and self.lag is not None and self.lag < LAG_MAX


class PostgresHost:
    """One database host; its disk is a tmpfs of ``DISK_MB``."""

    def __init__(self, host: Host, others: Sequence[Host], folder: Path, programs: Path, account: str) -> None:
        self.host = host
        self.disk = folder / host.name
        self._members = [host, *others]
        self._programs = programs
        self._account = account
        self._log = folder / f"{host.name}.log"
        self._etcd: subprocess.Popen[bytes] | None = None
        self._patroni: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Mount the disk and write the settings."""
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", self.disk], check=True)
        for name in ("", "etcd", "run"):
            (self.disk / name).mkdir(exist_ok=True)
            shutil.chown(self.disk / name, self._account, self._account)
        self._config.write_text(json.dumps(self._settings()), encoding="utf-8")

    def close(self) -> None:
        """End everything on it and let go of its disk."""
        self.kill(but_etcd=False)
        subprocess.run(["umount", "--lazy", self.disk], check=False)

    def start(self) -> None:
        """Start what does not run."""
        if self._etcd is None:
            self._etcd = self._spawn(self._etcd_command())
        if self._patroni is None:
            self._patroni = self._spawn(["patroni", str(self._config)])

    def kill(self, *, but_etcd: bool = True) -> None:
        """SIGKILL Patroni, PostgreSQL and every process of theirs; etcd stays unless it is to go too."""
        keep = self._etcd.pid if self._etcd is not None and but_etcd else 0
        for pid in self.host.pids():
            if pid != keep:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self._patroni is not None:
            self._patroni.wait()
        self._patroni = None

    async def stop(self) -> None:
        """Stop everything in good order: Patroni hands the lead over, then etcd."""
        for process in (self._patroni, self._etcd):
            if process is not None:
                process.terminate()
                try:
                    await asyncio.to_thread(process.wait, STOP_LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    await asyncio.to_thread(process.wait)
        self._patroni = self._etcd = None

    def fill(self) -> Path:
        """Leave no space on the disk; gives the file to remove."""
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(1 << 16)):
                pass
        return ballast

    async def cluster(self, http: aiohttp.ClientSession) -> list[Member]:
        """The members as this host sees them; empty when it does not answer."""
        try:
            async with http.get(f"http://{self.host.address}:{REST_PORT}/cluster") as reply:
                told = await reply.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return []
        return [_member(one) for one in told.get("members", ())]

    async def leads(self, http: aiohttp.ClientSession) -> bool:
        """Whether it is the primary and holds the lock."""
        try:
            async with http.get(f"http://{self.host.address}:{REST_PORT}/primary") as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    @property
    def _config(self) -> Path:
        return self.disk / "patroni.json"

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self.host.inside(command, account=self._account),
                cwd="/",
                env={"PATH": os.environ["PATH"], "HOME": str(self.disk), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _etcd_command(self) -> list[str]:
        address = self.host.address
        cluster = ",".join(f"{one.name}=http://{one.address}:{ETCD_PEER_PORT}" for one in sorted_hosts(self._members))
        return [
            "etcd",
            *("--name", self.host.name),
            *("--data-dir", str(self.disk / "etcd")),
            *("--listen-client-urls", f"http://{address}:{ETCD_PORT}"),
            *("--advertise-client-urls", f"http://{address}:{ETCD_PORT}"),
            *("--listen-peer-urls", f"http://{address}:{ETCD_PEER_PORT}"),
            *("--initial-advertise-peer-urls", f"http://{address}:{ETCD_PEER_PORT}"),
            *("--initial-cluster", cluster),
            *("--initial-cluster-token", SCOPE),
            *("--heartbeat-interval", "200", "--election-timeout", "2000"),
            "--pre-vote",  # a host that comes back after a cut does not depose the leader of the others
            "--enable-v2",
            *("--logger", "zap", "--log-level", "warn"),
        ]

    def _settings(self) -> dict[str, Any]:
        address = self.host.address
        etcds = ",".join(f"{one.address}:{ETCD_PORT}" for one in self._members)  # its own first
        return {
            "scope": SCOPE,
            "name": self.host.name,
            "restapi": {"listen": f"{address}:{REST_PORT}", "connect_address": f"{address}:{REST_PORT}"},
            # Not etcd3: that of Patroni 3.0.2 takes the lock back without asking whose it is (docs/failover.md).
            "etcd": {"hosts": etcds},
            "log": {"level": "INFO"},
            "bootstrap": {"dcs": DYNAMIC, "initdb": [{"encoding": "UTF8"}, {"locale": "C"}]},
            "postgresql": {
                "listen": f"{address}:{PG_PORT}",
                "connect_address": f"{address}:{PG_PORT}",
                "bin_dir": str(self._programs),
                "data_dir": str(self.disk / "data"),
                "pgpass": str(self.disk / "pgpass"),
                "use_unix_socket": True,
                "parameters": {"unix_socket_directories": str(self.disk / "run"), "timezone": "UTC"},
                "pg_hba": [
                    "local all all trust",
                    f"host all all {NETWORK}.0/24 trust",
                    f"host replication all {NETWORK}.0/24 trust",
                ],
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator"},
                    "rewind": {"username": "postgres"},
                },
            },
        }


def _member(told: Mapping[str, Any]) -> Member:
    lag = told.get("lag")
    return Member(
        name=told["name"],
        role=told["role"],
        state=told["state"],
        timeline=told.get("timeline"),
        lag=lag if isinstance(lag, int) else None,
    )


def sorted_hosts(hosts: Sequence[Host]) -> list[Host]:
    """In one order for all, as etcd wants its list."""
    return sorted(hosts, key=lambda host: host.name)
