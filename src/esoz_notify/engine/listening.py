"""Ports that this process listens on, taken before a server is built on them so that a taken one is told plainly."""

import errno
import os
import socket
from typing import TypeAlias

from esoz_notify.core.errors import ConfigError

Listening: TypeAlias = socket.socket
"""A port that was taken."""

_BACKLOG = 2048


def listen(host: str, port: int) -> Listening:
    """Take a TCP port; 0 takes any free one. Raises ConfigError naming the address and the fix."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio has small writes leave at once; else each answer in two writes waits 40 ms.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two programs share the port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen(_BACKLOG)
        taken.setblocking(False)
    except (OSError, OverflowError) as error:
        taken.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {_reason(error)}") from error
    return taken


def bound_to(taken: Listening) -> tuple[str, int]:
    """Address and port by which this machine reaches a socket: its own loopback when it listens on every address."""
    host, port = taken.getsockname()[:2]
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - named here, not listened on
    return loopback.get(host, host), port


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return "a port is 0 to 65535; choose another"
    if error.errno == errno.EADDRINUSE:
        return "another program listens there; stop it, or choose another port (0 takes any free one)"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "this user may not take that port; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine has no such address; use 127.0.0.1 for this machine only, or 0.0.0.0 for every address"
    return f"{error.strerror or error}; choose another address"
