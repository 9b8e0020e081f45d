"""TLS of the API's own listener: its certificate, also when it is renewed, and whose certificates clients may show.

What belongs here: the context. What does not: TLS towards providers, serving, what a client's
certificate is good for (api, ``access``).
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from esoz_notify.core.errors import ConfigError

log = logging.getLogger(__name__)

RENEWED_LOOK_S = 30.0
"""How often the files are looked at; a renewed certificate is shown within this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files. ``certificate`` with its chain. ``client_ca``: whose certificates clients may show; None asks none."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def stamp(self) -> tuple[tuple[int, int], ...]:
        """What changes when a file does. Raises OSError."""
        found = [path.stat() for path in (self.certificate, self.key, self.client_ca) if path is not None]
        return tuple((one.st_mtime_ns, one.st_ino) for one in found)


class Tls:
    """A context that goes on with renewed files. Raises ConfigError when the files are not good to begin with."""

    def __init__(self, files: TlsFiles, *, look_s: float = RENEWED_LOOK_S) -> None:
        self._files = files
        self._look_s = look_s
        try:
            self._stamp = files.stamp()
            self._current = _context(files)
            self.context = _context(files)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"TLS cannot be served with {_named(files)}: {error}; check the files") from error
        # Called in every handshake, with a name or without one: each new connection goes by the newest files.
        self.context.sni_callback = self._choose

    async def watch(self) -> None:
        """Look for renewed files until cancelled. Files that are not good change nothing."""
        while True:
            await asyncio.sleep(self._look_s)
            try:
                stamp = self._files.stamp()
                if stamp == self._stamp:
                    continue
                self._current = _context(self._files)
            except (OSError, ssl.SSLError) as error:
                log.error("the renewed certificate is not good, the old one goes on: %s", error)  # noqa: TRY400
                continue
            self._stamp = stamp
            log.info("a renewed certificate is shown from now on")

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:  # noqa: ARG002
        connection.context = self._current


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A session that is taken up again would not show its certificate to an authority that has been changed since.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.load_cert_chain(files.certificate, files.key)
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _named(files: TlsFiles) -> str:
    return ", ".join(str(path) for path in (files.certificate, files.key, files.client_ca) if path is not None)
