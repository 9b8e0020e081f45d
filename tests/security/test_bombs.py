"""Requests made to take memory or time: each is bounded, told apart from others, and hurts nobody else.

The service runs in a process of its own; every test looks at its memory, its log, and at whether others are answered.
"""

import gzip
import itertools
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.engine.product import PRESCRIPTION
from tests.faults.whole import CREDENTIAL
from tests.security.victim import PATIENCE_S, Victim, a_victim

from esoz_notify.store.embedded import RunningPostgres

GIB = 2**30
PIECE = b"x" * 65536
LET_THROUGH_MAX = 48 * 2**20
"""Bytes of a gigabyte that may be sent before the refusal: the largest body that any call takes, and what is on its
way."""
SINGLE, BATCH, CALLBACK = "/v1/notifications", "/v1/notifications/batch", "/callbacks/infobip"
ASKED = {"kind": "prescription_issued", "recipient": {"phone": "+380000000001"}, "data": PRESCRIPTION}


@pytest.fixture(name="victim", scope="module")
def make_victim(
    pg_server: RunningPostgres, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Victim]:
    """One service for all attacks: it must live through them one after the other."""
    name = f"ledger_{uuid4().hex}"
    ledger, template = sql.Identifier(name), sql.Identifier(template_database)
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(ledger, template))
    with a_victim(make_conninfo(pg_server.dsn, dbname=name), tmp_path_factory.mktemp("victim")) as victim:
        yield victim
    with psycopg.connect(pg_server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(ledger))


def gigabyte() -> Iterator[bytes]:
    """A gigabyte in pieces."""
    return itertools.repeat(PIECE, GIB // len(PIECE))


def chunks() -> Iterator[bytes]:
    """A gigabyte in chunks of a chunked body."""
    return itertools.repeat(b"%x\r\n%s\r\n" % (len(PIECE), PIECE), GIB // len(PIECE))


BODIES = [
    (SINGLE, "application/json", 413),
    (f"{SINGLE}/", "application/json", 413),
    (BATCH, "application/x-ndjson", 413),
    ("/v1/verifications", "application/json", 413),
    ("/verifications", "application/json", 413),
    ("/message/send.json", "application/json", 413),
    ("/v2/notifications/sms", "application/json", 413),
    ("/oauth/token", "application/x-www-form-urlencoded", 413),
    ("/sign-in", "application/x-www-form-urlencoded", 413),
    ("/sign-in", "multipart/form-data; boundary=b", 403),
    (CALLBACK, "application/json", 413),
    ("/no/such/path", "application/json", 404),
]


def of(victim: Victim, path: str, content_type: str, headers: str) -> bytes:
    """The head of a request with the credential that its path takes."""
    head = victim.head("POST", path, headers, content_type)
    return head.replace(f"Bearer {victim.token}".encode(), CREDENTIAL.encode()) if path == CALLBACK else head


@pytest.mark.parametrize(("path", "content_type", "status"), BODIES)
@pytest.mark.parametrize("way", ["announced", "chunked"])
def test_a_body_of_a_gigabyte_is_refused_in_time(
    victim: Victim, path: str, content_type: str, status: int, way: str
) -> None:
    """However it comes and whoever reads it: refused with the limit, and the rest of it is not taken."""
    length = f"content-length: {GIB}\r\n" if way == "announced" else "transfer-encoding: chunked\r\n"
    with victim.bounded(growth_max=160 * 2**20):
        said = victim.throw(of(victim, path, content_type, length), then=gigabyte() if way == "announced" else chunks())

    assert said.status == status
    assert said.sent < LET_THROUGH_MAX


def test_what_comes_after_the_refusal_is_cut(victim: Victim) -> None:
    """Who goes on sending after the answer is cut off, and is not read to the end for free."""
    head = of(victim, SINGLE, "application/json", f"content-length: {GIB}\r\n")
    with victim.bounded(), socket.create_connection(("127.0.0.1", victim.port), timeout=PATIENCE_S) as thrower:
        sent = 0
        thrower.sendall(head)
        with suppress(ConnectionError):
            for piece in gigabyte():
                thrower.sendall(piece)
                sent += len(piece)

    assert sent < LET_THROUGH_MAX


HEADS: dict[str, Callable[[], Iterator[bytes]]] = {
    "100,000 headers": lambda: (b"x-%d: y\r\n" % number for number in range(100_000)),
    "a header of a megabyte": lambda: iter([b"x: ", b"y" * 2**20, b"\r\n\r\n"]),
    "a header without an end": lambda: itertools.chain([b"x: "], gigabyte()),
    "a header name without an end": gigabyte,
    "101 headers": lambda: iter([b"x: y\r\n" * 101 + b"\r\n"]),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_head_has_bounds(victim: Victim, what: str) -> None:
    """Too many headers, and too long ones, are refused as what they are, long before they are in memory."""
    with victim.bounded():
        said = victim.throw(b"GET /healthz HTTP/1.1\r\nhost: victim.test\r\n", then=HEADS[what]())

    assert (said.status, said.problem["code"]) == (431, "headers_too_large")
    assert said.sent < 8 * 2**20


def test_a_path_has_bounds(victim: Victim) -> None:
    """A request line without an end is refused too."""
    with victim.bounded():
        said = victim.throw(b"GET /", then=gigabyte())

    assert (said.status, said.problem["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("what", ["trailers", "one trailer", "chunk extension"])
def test_what_stands_around_a_body_has_bounds(victim: Victim, what: str) -> None:
    """Trailers and extensions of chunks bring nothing: without an end, they are no way around the bounds."""
    pieces: dict[str, tuple[bytes, Iterator[bytes]]] = {
        "trailers": (b"0\r\n", itertools.repeat(b"x: y\r\n" * 5000, 20_000)),
        "one trailer": (b"0\r\nx: ", gigabyte()),
        "chunk extension": (b"1;x=", gigabyte()),
    }
    begin, then = pieces[what]
    head = victim.head("POST", "/v1/notifications", "transfer-encoding: chunked\r\n")
    with victim.bounded():
        said = victim.throw(head, begin, then=then)

    assert said.status in {0, 431}
    assert said.sent < 8 * 2**20


def test_a_trailer_is_no_header(victim: Victim) -> None:
    """What comes after a body is too late to let anybody in."""
    chunked = "POST /v1/notifications HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
    with victim.bounded():
        said = victim.throw(f"{chunked}authorization: Bearer {victim.token}\r\n\r\n".encode())

    assert (said.status, said.problem["code"]) == (401, "token_missing")


def test_pipelined_requests_have_bounds(victim: Victim) -> None:
    """A connection with thousands of requests at once is closed, and not answered request by request."""
    many = 5_000
    answers = b""
    with (
        victim.bounded(),
        socket.create_connection(("127.0.0.1", victim.port), timeout=PATIENCE_S) as thrower,
        suppress(ConnectionError),
    ):
        thrower.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * many)
        while answers.count(b"HTTP/1.1 200") < many and (data := thrower.recv(1 << 16)):
            answers += data

    assert answers.count(b"HTTP/1.1 200") < many


def noted(**changes: object) -> bytes:
    """A request to notify, changed."""
    return json.dumps(ASKED | changes).encode()


def phoned(phone: str) -> bytes:
    """A request to notify this phone, spelled as given."""
    return json.dumps(ASKED | {"recipient": {"phone": phone}}, ensure_ascii=False).encode()


def numbered(number: str) -> bytes:
    """A request to notify of a prescription of this number, spelled as given."""
    return json.dumps(ASKED | {"data": {**PRESCRIPTION, "number": number}}, ensure_ascii=False).encode()


JSON_BOMBS: dict[str, tuple[bytes, int]] = {
    "30,000 arrays": (b"[" * 30_000, 400),
    "30,000 arrays, closed": (b"[" * 30_000 + b"]" * 30_000, 400),
    "10,000 objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
    "100,000 arrays": (b"[" * 100_000 + b"]" * 100_000, 413),
    "a name twice": (b'{"kind": "prescription_issued", "kind": "confirmation_code"}', 400),
    "a name twice, escaped": (b'{"kind": "prescription_issued", "k\\u0069nd": "confirmation_code"}', 400),
    "1e999999": (b'{"kind": 1e999999}', 400),
    "-1e999999": (b'{"kind": -1e999999}', 400),
    "4,000 digits": (b'{"kind": ' + b"9" * 4_000 + b"}", 422),
    "60,000 digits": (b'{"kind": ' + b"9" * 60_000 + b"}", 400),
    "NaN": (b'{"kind": NaN}', 400),
    "not UTF-8": (b'{"kind": "\xff\xfe"}', 400),
    "UTF-8 of a surrogate": (b'{"kind": "\xed\xa0\x80"}', 400),
    "overlong UTF-8": (b'{"kind": "\xc0\xaf"}', 400),
    "half a surrogate pair": (b'{"kind": "\\ud800"}', 400),
    "a low surrogate": (b'{"kind": "\\udc00x"}', 400),
    "NUL": (b'{"kind": "\x00"}', 400),
    "NUL, escaped": (noted(kind="\x00"), 422),
    "NUL in a phone": (phoned("+38000000000\x00"), 422),
    "NUL in a reference": (noted(reference="a\x00b"), 422),
    "NUL in a name": (noted(**{"\x00": 1}), 422),
    "full-width digits": (phoned("+３８００００００００００１"), 422),
    "Arabic digits": (phoned("+٣٨٠٠٠٠٠٠٠٠٠١"), 422),
    "Cyrillic О in a phone": (phoned("+38000000000О"), 422),
    "mathematical digits": (phoned("+𝟑𝟖𝟎𝟎𝟎𝟎𝟎𝟎𝟎𝟎𝟎𝟏"), 422),
    "Cyrillic Х in a number": (numbered("0000-243P-1Х53-EH38"), 422),
    "full-width number": (numbered("００００-243P-1X53-EH38"), 422),
    "text the other way round": (noted(reference="\u202e"), 422),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400),
    "UTF-16": ('{"kind": "x"}'.encode("utf-16"), 400),
}


@pytest.mark.parametrize("what", JSON_BOMBS)
def test_json_that_is_meant_to_hurt_is_refused(victim: Victim, what: str) -> None:
    """Depth, sizes, encodings and letters that look like others: a clear refusal, the same by either way in."""
    body, status = JSON_BOMBS[what]
    with victim.bounded():
        said = [victim.post(path, body) for path in (SINGLE, f"{SINGLE}/")]

    assert [one.status for one in said] == [status, status], said[0].body
    assert all(one.problem["status"] == status for one in said)


@pytest.mark.parametrize("what", JSON_BOMBS)
def test_a_provider_that_hurts_is_kept_and_not_obeyed(victim: Victim, what: str) -> None:
    """The same from a provider: kept raw as unreadable, so that it is not sent again for ever."""
    body, _ = JSON_BOMBS[what]
    head = of(victim, CALLBACK, "application/json", f"content-length: {len(body)}\r\n")
    with victim.bounded():
        assert victim.throw(head, body).status == 200


@pytest.mark.parametrize("path", [SINGLE, BATCH, "/v1/verifications", "/oauth/token"])
def test_packed_bodies_are_not_unpacked(victim: Victim, path: str) -> None:
    """A gigabyte packed into a megabyte stays packed."""
    packed = gzip.compress(bytes(16 * 2**20), 9)
    content_type = {BATCH: "application/x-ndjson", "/oauth/token": "application/x-www-form-urlencoded"}
    head = victim.head(
        "POST",
        path,
        f"content-encoding: gzip\r\ncontent-length: {len(packed)}\r\n",
        content_type.get(path, "application/json"),
    )
    with victim.bounded():
        said = victim.throw(head, packed)

    assert said.status in {400, 415}


def test_a_line_without_an_end_is_refused(victim: Victim) -> None:
    """A batch of one line as long as a batch may be costs one refusal."""
    line = b'{"kind": "' + b"x" * (20 * 2**20) + b'"}'
    head = victim.head("POST", BATCH, f"content-length: {len(line)}\r\n", "application/x-ndjson")
    with victim.bounded(growth_max=160 * 2**20):
        said = victim.throw(head, line)

    assert said.status == 200 or said.problem["status"] == 413
    assert b"too_large" in said.body


PARTS, PLAIN = "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"
FORMS: dict[str, tuple[str, bytes]] = {
    "many small parts": (PARTS, b"--b\r\ncontent-disposition: form-data; name=x\r\n\r\n\r\n" * 170 + b"--b--\r\n"),
    "a part without an end": (PARTS, b"--b\r\ncontent-disposition: form-data; name=login\r\n\r\n" + b"x" * 9_000),
    "a file": (PARTS, b'--b\r\ncontent-disposition: form-data; name="login"; filename="x"\r\n\r\nx\r\n--b--\r\n'),
    "headers of a part": (PARTS, b"--b\r\n" + b"x: y\r\n" * 1_500 + b"\r\n\r\n--b--\r\n"),
    "nothing but borders": (PARTS, b"--b\r\n" * 1_600),
    "a charset of a part": (
        PARTS,
        b"--b\r\ncontent-disposition: form-data; name=login\r\ncontent-type: a/b; charset=rot13\r\n\r\nx\r\n--b--\r\n",
    ),
    "a part not in UTF-8": (
        PARTS,
        b"--b\r\ncontent-disposition: form-data; name=login\r\n\r\n\xff\xfe\r\n--b--\r\n",
    ),
    "many fields": (PLAIN, b"a=b&" * 2_400),
    "not UTF-8": (PLAIN, b"login=\xff\xfe&password=x"),
    "not UTF-8, escaped": (PLAIN, b"login=%ff%fe&password=%ed%a0%80"),
    "NUL": (PLAIN, b"login=%00&password=%00"),
    "another charset": (f"{PLAIN}; charset=rot13", b"login=a&password=b"),
    "no text": ("application/json", b"{"),
}


@pytest.mark.parametrize("what", FORMS)
def test_forms_that_are_meant_to_hurt_are_refused(victim: Victim, what: str) -> None:
    """A page's form in parts is small, however it is made up, and a wrong one is no fault of ours."""
    content_type, body = FORMS[what]
    head = victim.head("POST", "/sign-in", f"content-length: {len(body)}\r\n", content_type)
    with victim.bounded():
        said = victim.throw(head, body)

    assert 400 <= said.status < 500


@pytest.mark.parametrize(
    "query", ["reference=%00", "reference=%ff", "reference=%ed%a0%80", "phone=%00", "limit=" + "9" * 5000, "&" * 30_000]
)
def test_queries_that_are_meant_to_hurt_are_refused(victim: Victim, query: str) -> None:
    """What is no text is no value either."""
    with victim.bounded():
        said = victim.throw(victim.head("GET", f"{SINGLE}?{query}", ""))

    assert said.status in {200, 400, 422}


POST = b"POST /v1/notifications HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n\x00: y\r\n\r\n",
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nxxxxxx",
        POST + b"content-length: " + b"9" * 400 + b"\r\n\r\n",
        POST + b"content-length: -1\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ],
    ids=["tls", "version", "path", "nul", "both", "two", "400 digits", "minus", "chunk"],
)
def test_octets_that_are_no_request_are_told_so(victim: Victim, octets: bytes) -> None:
    """What the parser does not take, and what two parsers could read differently, is a problem document and the end."""
    with victim.bounded():
        said = victim.throw(octets)

    assert 400 <= said.status < 500
    assert said.problem["status"] == said.status


def test_whole_requests_are_still_answered_after_all_that(victim: Victim, tmp_path: Path) -> None:
    """The service that went through it does its work."""
    assert victim.post(SINGLE, noted()).status == 202
