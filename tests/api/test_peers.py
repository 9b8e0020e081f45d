"""Whose certificate a request comes with when a proxy tells it: from the addresses of the settings, and no other."""

import base64
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from tests.api.certificates import authority
from tests.api.desk import Desk, a_desk
from tests.api.test_tls import FORM, thumbprint

from esoz_notify.api.peers import PEER, Peers, Proxy

HERE = Proxy(header="client-cert", networks=(ip_network("127.0.0.0/8"), ip_network("::1")))
ELSEWHERE = Proxy(header="client-cert", networks=(ip_network("10.0.0.5/32"),))


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str, str]:
    """As RFC 9440 tells it, as PEM with URL escapes, and its thumbprint."""
    issued = authority(tmp_path, "theirs").issue("first")
    pem = issued.certificate.read_text()
    return f":{base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()}:", quote(pem), thumbprint(issued)


def scope(*told: str, client: Any = ("127.0.0.1", 5), peer: str | None = None) -> dict[str, Any]:
    headers = [(b"client-cert", one.encode("latin-1")) for one in told]
    return {"headers": headers, "client": client, "extensions": {"tls": {PEER: peer}} if peer else {}}


def test_a_proxy_is_believed_by_its_address(certificate: tuple[str, str, str]) -> None:
    """Both spellings are read; from any other address, and without the setting, the header is nothing."""
    rfc, pem, thumb = certificate
    for told in (rfc, pem):
        assert Peers(proxy=HERE).certificate(scope(told)) == thumb
        assert Peers(proxy=HERE).certificate(scope(told, client=("::ffff:127.0.0.1", 5))) == thumb
        for client in (("192.0.2.1", 5), ("not an address", 5), None):
            assert Peers(proxy=HERE).certificate(scope(told, client=client)) is None
        assert Peers(proxy=ELSEWHERE).certificate(scope(told)) is None
        assert Peers().certificate(scope(told)) is None


def test_what_a_proxy_does_not_tell_rightly_is_none(certificate: tuple[str, str, str]) -> None:
    """Nothing, rubbish, and a header that came twice, as when the caller's own was passed on beside the proxy's."""
    rfc, pem, _ = certificate
    for told in ([], [""], [":"], ["::"], [":%%:"], ["x"], [pem[:200]], [rfc, rfc], [f"{rfc}, {rfc}"], ["a" * 20_000]):
        assert Peers(proxy=HERE).certificate(scope(*told)) is None, told


def test_a_proxys_own_certificate_is_not_its_callers(certificate: tuple[str, str, str]) -> None:
    """On a proxy's connection only its header counts; on any other the certificate of the connection itself."""
    own = "ab" * 32
    assert Peers(asked=True, proxy=HERE).certificate(scope(peer=own)) is None
    assert Peers(asked=True, proxy=HERE).certificate(scope(certificate[0], peer=own)) == certificate[2]
    shown = Peers(asked=True, proxy=ELSEWHERE).certificate(scope(certificate[0], peer=own))
    assert shown == base64.urlsafe_b64encode(bytes.fromhex(own)).rstrip(b"=").decode()


async def _token(desk: Desk, told: str) -> dict[str, Any]:
    headers = {"authorization": aiohttp.encode_basic_auth("mis-1", desk.secret), "client-cert": told}
    async with desk.http.post("/oauth/token", data=FORM, headers=headers) as reply:
        return {"status": reply.status, **await reply.json()}


async def test_a_token_bound_through_a_proxy(ledger_dsn: str, certificate: tuple[str, str, str]) -> None:
    """A caller behind a trusted proxy gets a bound token and uses it there; without the header it opens nothing."""
    async with a_desk(ledger_dsn, peers=Peers(proxy=HERE)) as desk:
        await desk.access.callers.bind("mis-1")
        bound = (await _token(desk, certificate[0]))["access_token"]
        opened = await desk.call("GET", "/v1/notifications", token=bound, client_cert=certificate[1])
        refused = await desk.call("GET", "/v1/notifications", token=bound)

        assert (opened.status, refused.status, refused.code) == (200, 401, "invalid_token")


async def test_a_header_from_an_address_that_is_not_the_proxys(
    ledger_dsn: str, certificate: tuple[str, str, str]
) -> None:
    """A bound caller that writes the header itself gets no token."""
    async with a_desk(ledger_dsn, peers=Peers(proxy=ELSEWHERE)) as desk:
        await desk.access.callers.bind("mis-1")

        assert (await _token(desk, certificate[0]))["status"] == 400
