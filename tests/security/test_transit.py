"""TLS to providers: the right certificate works, and every wrong one is refused with its fault, by SMPP and by HTTP."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.engine.test_smpp_link import Kept, account, running, until
from tests.faults.whole import without_worker
from tests.security.certificates import DAY, Authority, authority, self_signed, serving

from esoz_notify.channels.dialogue import HttpCall, HttpReply, NoReply
from esoz_notify.channels.json_reading import ask
from esoz_notify.engine.gateway import Endpoint, Gateway
from esoz_notify.engine.outgoing import tls_context
from esoz_notify.engine.smpp_link import SmppLink
from esoz_notify.lab.settings import SMSC_A, LabSettings, SmscSettings
from esoz_notify.lab.world import run_lab

TOMORROW, YESTERDAY = datetime.now(UTC) + DAY, datetime.now(UTC) - DAY
WRONG = {
    "expired": "certificate has expired",
    "of another host": "IP address mismatch",
    "self-signed": "self-signed certificate",
    "by an unknown authority": "unable to get local issuer certificate",
}
"""What is wrong, and what is said of it."""


def certificate(what: str, trusted: Authority) -> Path:
    """A certificate with its key, right or wrong."""
    match what:
        case "expired":
            return trusted.issue("old", until=YESTERDAY)
        case "of another host":
            return trusted.issue("other", until=TOMORROW, host="127.0.0.2")
        case "self-signed":
            return self_signed(trusted.folder)
        case "by an unknown authority":
            return authority(trusted.folder, "stranger").issue("new", until=TOMORROW)
    return trusted.issue("right", until=TOMORROW)


def old_tls(path: Path) -> ssl.SSLContext:
    """A server that speaks nothing newer than TLS 1.1."""
    context = serving(path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is what is wanted
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@asynccontextmanager
async def linked(server: ssl.SSLContext, client: ssl.SSLContext) -> AsyncIterator[SmppLink]:
    """A link to the lab's SMSC over TLS."""
    async with run_lab(LabSettings(smscs=(SmscSettings(name=SMSC_A, password="secret", ssl_context=server),))) as lab:
        _, port = lab.urls()["smsc"][SMSC_A]  # type: ignore[index]  # a mapping by name
        link = SmppLink(account(port), on_receipt=Kept().on_receipt, ssl_context=client)
        async with running(link):
            yield link


async def test_smpp_with_the_right_certificate(tmp_path: Path) -> None:
    """An SMSC whose certificate is by the authority that was named is bound to, and over TLS."""
    trusted = authority(tmp_path, "trusted")
    async with linked(serving(certificate("right", trusted)), tls_context(trusted.path)) as link:
        await until(lambda: link.is_up)
        assert link._connection is not None
        assert link._connection._transport is not None
        assert link._connection._transport.get_extra_info("ssl_object").version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.parametrize("what", WRONG)
async def test_smpp_with_a_wrong_certificate(what: str, tmp_path: Path) -> None:
    """Any other is refused before the password is sent, and why is on the health page."""
    trusted = authority(tmp_path, "trusted")
    async with linked(serving(certificate(what, trusted)), tls_context(trusted.path)) as link:
        await until(lambda: bool(link.last_error))
        assert WRONG[what] in link.last_error
        assert not link.is_up


async def test_smpp_by_an_old_tls(tmp_path: Path) -> None:
    """An SMSC that speaks nothing newer than TLS 1.1 is not spoken to."""
    trusted = authority(tmp_path, "trusted")
    assert tls_context().minimum_version is ssl.TLSVersion.TLSv1_2  # whatever the system's OpenSSL would take
    async with linked(old_tls(certificate("right", trusted)), tls_context(trusted.path)) as link:
        await until(lambda: bool(link.last_error))
        assert not link.is_up


@asynccontextmanager
async def https(context: ssl.SSLContext) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A provider by HTTPS, and what it was sent."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


async def call(dsn: str, folder: Path, endpoint: Endpoint) -> HttpReply | NoReply:
    """What the gateway makes of one call."""
    async with without_worker(dsn, folder) as product:
        gateway = Gateway(product.ledger, product.service._vault, {"provider": endpoint})
        await gateway.open()
        try:
            return await gateway.converse("provider", ask(HttpCall(label="ask", method="GET", path="/")))
        finally:
            await gateway.close()


async def test_https_with_the_right_certificate(ledger_dsn: str, tmp_path: Path) -> None:
    """A provider whose certificate is by the authority that was named is called."""
    trusted = authority(tmp_path, "trusted")
    async with https(serving(certificate("right", trusted))) as (url, heard):
        reply = await call(ledger_dsn, tmp_path, Endpoint(base_url=url, ca_file=trusted.path))
    assert isinstance(reply, HttpReply)
    assert (reply.status, len(heard)) == (200, 1)


@pytest.mark.parametrize("what", [*WRONG, "right, and nobody named its authority", "old TLS"])
async def test_https_with_a_wrong_certificate(what: str, ledger_dsn: str, tmp_path: Path) -> None:
    """Any other is refused before a key is sent; the call certainly did not leave."""
    trusted = authority(tmp_path, "trusted")
    path = certificate(what, trusted)
    named = None if what.startswith("right") else trusted.path
    async with https(old_tls(path) if what == "old TLS" else serving(path)) as (url, heard):
        reply = await call(ledger_dsn, tmp_path, Endpoint(base_url=url, ca_file=named))
    assert isinstance(reply, NoReply)
    assert WRONG.get(what, "") in reply.detail
    assert (reply.sent, heard) == (False, [])
