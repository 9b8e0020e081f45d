"""Getting a token: OAuth 2.0 client credentials in that standard's own words (RFC 6749, 7523, 8414, 8705).

What belongs here: its form and its answers. What does not: checking secrets and making tokens (``engine.access``).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

import msgspec
from litestar import Response

from esoz_notify.api import reading
from esoz_notify.api.contract import OPERATIONS
from esoz_notify.api.edge import Asking, answer, edge
from esoz_notify.api.reading import FORM_TYPE, JSON_TYPE, BadRequest, WrongType
from esoz_notify.api.routing import answers
from esoz_notify.engine.access import CertificateNeeded, InvalidClient, InvalidScope, Token
from esoz_notify.engine.assertions import ASSERTION_TYPE, WrongAssertion
from esoz_notify.engine.callers import SCOPES
from esoz_notify.engine.public_keys import ALGORITHMS

_GRANT = "client_credentials"
_TOKEN_PATH = OPERATIONS["issue_token"].path
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


@answers("issue_token")
async def issue_token(request: Asking) -> Response[bytes]:
    """Give a token for a secret or for an assertion."""
    try:
        reading.check_type(request.headers.get("content-type"), FORM_TYPE)
        form = reading.form(await request.body())
        shown = _shown(request.headers.get("authorization"), form)
        grant_type = form.get("grant_type")
        if grant_type != _GRANT:
            error = "unsupported_grant_type" if grant_type else "invalid_request"
            return _refused(400, error, f"send grant_type={_GRANT}")
        token = await _token(request, shown, form.get("scope"))
    except (BadRequest, WrongType, CertificateNeeded) as wrong:
        return _refused(400, "invalid_request", wrong.detail)
    except InvalidScope as wrong:
        return _refused(400, "invalid_scope", wrong.detail)
    except (InvalidClient, WrongAssertion) as wrong:
        challenge = {"www-authenticate": 'Basic realm="esoz-notify", charset="UTF-8"'}
        return _refused(401, "invalid_client", wrong.detail, challenge)
    given = {
        "access_token": token.access_token,
        "token_type": "Bearer",
        "expires_in": token.expires_in_s,
        "scope": " ".join(token.scopes),
    }
    return answer(given, headers={"cache-control": "no-store", "pragma": "no-cache"})


async def _token(request: Asking, shown: "_Secret | _Assertion", scope: str | None) -> Token:
    here = edge(request)
    certificate = here.peers.certificate(request.scope)
    if isinstance(shown, _Secret):
        return await here.access.issue(shown.client_id, shown.secret, scope, certificate)
    audiences = _audiences(request)
    return await here.access.issue_for_assertion(shown.token, audiences, scope, certificate, client_id=shown.client_id)


def _audiences(request: Asking) -> frozenset[str]:
    """What we are called in an assertion: the issuer or the token endpoint.

    Without ``public_url`` it is the address that was connected to, never the header Host: whoever was shown an
    assertion could send it on to us with that header.
    """
    issuer = edge(request).public_url
    if issuer is not None:
        issuers = [issuer]
    else:
        scheme, (host, port) = request.scope["scheme"], request.scope["server"] or ("", 0)
        names = [f"[{host}]" if ":" in host else host] + (["localhost"] if host in _LOOPBACK else [])
        issuers = [f"{scheme}://{name}:{port}" for name in names]
    return frozenset(name for one in issuers for name in (one, f"{one}{_TOKEN_PATH}"))


class _Secret(NamedTuple):
    client_id: str
    secret: str


class _Assertion(NamedTuple):
    token: str
    client_id: str | None


def _shown(header: str | None, form: Mapping[str, str]) -> _Secret | _Assertion:
    """What the client shows: one thing, in one way (RFC 6749 §2.3). Raises BadRequest, InvalidClient."""
    if "client_assertion" in form or "client_assertion_type" in form:
        if header is not None or "client_secret" in form:
            raise BadRequest("show one credential: a secret or an assertion")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise BadRequest(f"with client_assertion, client_assertion_type must be {ASSERTION_TYPE}")
        return _Assertion(form.get("client_assertion", ""), form.get("client_id"))
    if header is None:
        if "client_id" not in form or "client_secret" not in form:
            raise InvalidClient("show client_id and client_secret, by HTTP Basic or in the form, or a client_assertion")
        return _Secret(form["client_id"], form["client_secret"])
    if "client_secret" in form:
        raise BadRequest("show the secret once: by HTTP Basic or in the form")
    client_id, secret = _basic(header)
    return _Secret(unquote_plus(client_id), unquote_plus(secret))


def _basic(header: str) -> tuple[str, str]:
    """User and password of HTTP Basic (RFC 7617). Raises InvalidClient for anything else."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    user, colon, password = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise InvalidClient("the header Authorization must be HTTP Basic with an id and a secret")
    return user, password


def _refused(status: int, error: str, what: str, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    body = msgspec.json.encode({"error": error, "error_description": what})
    return Response(
        body,
        status_code=status,
        media_type=JSON_TYPE,
        headers={**(headers or {}), "cache-control": "no-store", "pragma": "no-cache"},
    )


@answers("authorization_server")
async def authorization_server(request: Asking) -> Response[bytes]:
    """Tell where and how to get a token."""
    here = edge(request)
    issuer = here.public_url or str(request.base_url).rstrip("/")
    return answer(
        {
            "issuer": issuer,
            "token_endpoint": f"{issuer}{_TOKEN_PATH}",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "tls_client_certificate_bound_access_tokens": here.peers.can_tell,
            "grant_types_supported": [_GRANT],
            "response_types_supported": [],
            "scopes_supported": list(SCOPES),
            "service_documentation": f"{issuer}/docs",
        }
    )
