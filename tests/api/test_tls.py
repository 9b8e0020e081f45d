"""TLS of the API's listener and tokens that hang on a certificate, over real connections."""

import asyncio
import base64
import hashlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import uvloop
from tests.api.certificates import Authority, Issued, authority
from tests.api.desk import KEYS, Desk, a_desk

from esoz_notify.api.peers import Peers
from esoz_notify.core.errors import ConfigError
from esoz_notify.engine.listener_tls import Tls, TlsFiles

FORM = {"grant_type": "client_credentials"}


class House:
    """The API over TLS, with callers' certificates by an authority of its own."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.theirs = authority(folder, "ours"), authority(folder, "theirs")
        self.server = self.ours.issue("server")
        self.files = TlsFiles(certificate=self.server.certificate, key=self.server.key, client_ca=self.theirs.path)
        self.first, self.second = self.theirs.issue("first"), self.theirs.issue("second")

    @asynccontextmanager
    async def opened(self, dsn: str, **options: Any) -> AsyncIterator[Desk]:
        given = {"https": True, "peers": Peers(asked=True), **options}
        async with a_desk(dsn, KEYS, tls=Tls(self.files, look_s=0.01), **given) as desk:
            yield desk

    def browser(self, desk: Desk, shown: Issued | None = None) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self.ours.trusting(shown))
        return aiohttp.ClientSession(desk.base_url, connector=connector)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def thumbprint(issued: Issued) -> str:
    der = ssl.PEM_cert_to_DER_cert(issued.certificate.read_text())
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


async def got(http: aiohttp.ClientSession, desk: Desk) -> dict[str, Any]:
    login = {"authorization": aiohttp.encode_basic_auth("mis-1", desk.secret)}
    async with http.post("/oauth/token", data=FORM, headers=login) as reply:
        return {"status": reply.status, **await reply.json()}


async def opens(http: aiohttp.ClientSession, token: str, path: str = "/v1/notifications") -> int:
    async with http.get(path, headers={"authorization": f"Bearer {token}"}) as reply:
        return reply.status


async def test_the_api_speaks_tls(house: House, ledger_dsn: str) -> None:
    """By https with the certificate of the settings; plain HTTP and versions before 1.2 get no answer."""
    async with house.opened(ledger_dsn) as desk, house.browser(desk) as http:
        assert desk.base_url.startswith("https://127.0.0.1:")
        assert (await got(http, desk))["status"] == 200
        async with http.get("/.well-known/oauth-authorization-server") as reply:
            told = await reply.json()
        assert told["token_endpoint"] == f"{desk.base_url}/oauth/token"
        assert told["tls_client_certificate_bound_access_tokens"] is True
        async with aiohttp.ClientSession() as plain:
            with pytest.raises(aiohttp.ClientError):
                await plain.get(desk.base_url.replace("https", "http") + "/healthz")
        old = house.ours.trusting()
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", desk.server.port, ssl=old)


async def test_browsers_are_told_to_stay_with_https(house: House, ledger_dsn: str) -> None:
    """Every answer says so, calls and pages alike."""
    async with house.opened(ledger_dsn) as desk, house.browser(desk) as http:
        for path in ("/healthz", "/nowhere", "/sign-in", "/assets/console.css"):
            async with http.get(path) as reply:
                assert reply.headers.get("strict-transport-security") == "max-age=31536000", path


@pytest.mark.parametrize(("public_url", "told"), [(None, None), ("https://notify.test", "max-age=31536000")])
async def test_so_they_are_behind_a_proxys_tls(ledger_dsn: str, public_url: str | None, told: str | None) -> None:
    """Where the API is reached by https they are told too; where it is not, nothing is promised."""
    async with a_desk(ledger_dsn, public_url=public_url) as desk, desk.http.get("/sign-in") as reply:
        assert reply.headers.get("strict-transport-security") == told


async def test_a_bound_token_is_good_with_its_certificate_only(house: House, ledger_dsn: str) -> None:
    """On a connection without it or with another: 401, at the calls past the router too. Unbound callers need none."""
    async with (
        house.opened(ledger_dsn) as desk,
        house.browser(desk) as none,
        house.browser(desk, house.first) as first,
        house.browser(desk, house.second) as second,
    ):
        free = (await got(first, desk))["access_token"]
        assert [await opens(one, free) for one in (none, first, second)] == [200, 200, 200]
        await desk.access.callers.bind("mis-1")
        refused = await got(none, desk)
        assert (refused["status"], refused["error"]) == (400, "invalid_request")
        assert "certificate" in refused["error_description"]
        bound = (await got(first, desk))["access_token"]
        claims = jwt.decode(bound, options={"verify_signature": False})
        assert claims["cnf"] == {"x5t#S256": thumbprint(house.first)}
        assert [await opens(one, bound) for one in (first, second, none)] == [200, 401, 401]
        hot = {"authorization": f"Bearer {bound}", "idempotency-key": "k", "content-type": "application/json"}
        for one, status in ((first, 422), (second, 401), (none, 401)):
            async with one.post("/v1/notifications", data=b"{}", headers=hot) as reply:
                assert reply.status == status


async def test_a_certificate_of_a_stranger_is_no_certificate(house: House, ledger_dsn: str, tmp_path: Path) -> None:
    """What another authority issued is refused in the handshake; a header from anywhere is not believed."""
    stranger = authority(tmp_path, "stranger").issue("first")
    async with house.opened(ledger_dsn) as desk, house.browser(desk, house.first) as first, house.browser(desk) as none:
        await desk.access.callers.bind("mis-1")
        bound = (await got(first, desk))["access_token"]
        async with house.browser(desk, stranger) as http:
            with pytest.raises(aiohttp.ClientError):
                await http.get("/healthz")
        der = ssl.PEM_cert_to_DER_cert(house.first.certificate.read_text())
        lie = {"authorization": f"Bearer {bound}", "client-cert": f":{base64.b64encode(der).decode()}:"}
        async with none.get("/v1/notifications", headers=lie) as reply:
            assert reply.status == 401


def shown_by(port: int, trusted: Authority, name: str | None) -> bytes:
    """The certificate that a server shows, asked by a name or by an address."""
    context = trusted.trusting()
    context.check_hostname = name is not None
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.settimeout(10)
        with context.wrap_socket(raw, server_hostname=name) as made:
            return made.getpeercert(binary_form=True) or b""


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("name", ["localhost", None])
def test_a_renewed_certificate_is_shown_without_a_restart(
    house: House, ledger_dsn: str, loop: Any, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """New files are taken up, also for callers that name no host; half-written ones change nothing."""

    async def renewed() -> None:
        async with house.opened(ledger_dsn) as desk:
            port = desk.server.port
            before = await asyncio.to_thread(shown_by, port, house.ours, name)
            house.server.certificate.write_text("half a certi")
            while not caplog.records:
                await asyncio.sleep(0.01)
            assert await asyncio.to_thread(shown_by, port, house.ours, name) == before
            house.ours.issue("server")
            new = ssl.PEM_cert_to_DER_cert(house.server.certificate.read_text())
            async with asyncio.timeout(30):
                while await asyncio.to_thread(shown_by, port, house.ours, name) != new:
                    await asyncio.sleep(0.01)
            assert before != new

    with (
        caplog.at_level(logging.ERROR, logger="esoz_notify.engine.listener_tls"),
        asyncio.Runner(loop_factory=loop) as runner,
    ):
        runner.run(renewed())


def test_files_that_are_not_good_stop_the_start(house: House, tmp_path: Path) -> None:
    """A file that is missing, and a key of another certificate, are named."""
    for files in (
        TlsFiles(certificate=tmp_path / "none.pem", key=house.server.key),
        TlsFiles(certificate=house.server.certificate, key=house.first.key),
        TlsFiles(certificate=house.server.certificate, key=house.server.key, client_ca=house.server.key),
    ):
        with pytest.raises(ConfigError, match=r"TLS cannot be served with .*check the files"):
            Tls(files)
