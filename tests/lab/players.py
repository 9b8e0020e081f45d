"""The callers of a lab in its tests: an ESME over a raw socket with a foreign codec, a webhook, an HTTP client."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import smpp34
from aiohttp import ClientSession, web

from esoz_notify.lab.world import Lab

KEY = {"Authorization": "App lab-viber-key"}
BIND_TRANSCEIVER = 0x9
SUBMIT_SM = 0x4
DELIVER_SM = 0x5
RESPONSE = 0x80000000
_WAIT_S = 5.0
_PASSWORD = "labpass"


T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]], holds: Callable[[T], object]) -> T:
    """The first answer that holds; fails after five seconds."""
    async with asyncio.timeout(_WAIT_S):
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            await asyncio.sleep(0.01)


@dataclass
class Pdu:
    """A PDU that came from the SMSC."""

    command: int
    status: int
    sequence: int
    body: bytes
    frame: bytes = field(repr=False)

    @property
    def message_id(self) -> str:
        """Of a submit_sm_resp."""
        return self.body.split(b"\0")[0].decode()

    @property
    def receipt(self) -> "Receipt":
        """Of a deliver_sm, decoded by the foreign codec."""
        decoded = smpp34.decode(self.frame)
        assert isinstance(decoded, smpp34.DeliverSm)
        tlvs = {tlv.tag: bytes(tlv.value) for tlv in decoded.tlvs}
        text = bytes(decoded.short_message).decode("ascii")
        assert decoded.esm_class & 0x3C == 0x04
        return Receipt(text=text, message_id=tlvs[0x1E].rstrip(b"\0").decode(), state=tlvs[0x427][0], pdu=decoded)


@dataclass
class Receipt:
    """What a receipt says, in text and in TLVs."""

    text: str
    message_id: str
    state: int
    pdu: smpp34.DeliverSm


class Esme:
    """A client of the SMSC that does nothing by itself: it answers no receipt and no enquire_link unless told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sequence = 0
        self.backlog: list[Pdu] = []

    @classmethod
    async def connect(cls, lab: Lab, smsc: str = "smsc-a", **tls: Any) -> "Esme":
        """A connection that is not bound yet."""
        return cls(*await asyncio.open_connection("127.0.0.1", lab.ports[smsc], **tls))

    async def bind(self, system_id: str = "esoz", password: str = _PASSWORD, kind: int = BIND_TRANSCEIVER) -> int:
        """Bind; the status of the answer."""
        texts = b"".join(text.encode() + b"\0" for text in (system_id, password, ""))
        return (await self.ask(kind, texts + b"\x34\0\0\0")).status

    def send(self, command: int, body: bytes = b"", status: int = 0, sequence: int | None = None) -> int:
        """Write one PDU; its sequence number."""
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        self._writer.write(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)
        return sequence

    def write(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._writer.write(data)

    async def ask(self, command: int, body: bytes = b"") -> Pdu:
        """Write a request and wait for its answer."""
        return await self.answer(self.send(command, body))

    def submit(self, text: bytes = b"hello", to: str = "380000000001", **fields: Any) -> int:
        """Write a submit_sm; its sequence number."""
        self._sequence += 1
        fields = {"dest_addr_ton": 1, "dest_addr_npi": 1, "registered_delivery": 1, "source_addr_ton": 5} | fields
        source = fields.pop("source_addr", "ESOZ")
        message = smpp34.SubmitSm(source, to, text, sequence_number=self._sequence, **fields)
        self._writer.write(message.encode())
        return self._sequence

    async def submitted(self, text: bytes = b"hello", to: str = "380000000001", **fields: Any) -> Pdu:
        """Write a submit_sm and wait for its answer."""
        return await self.answer(self.submit(text, to, **fields))

    async def read(self) -> Pdu:
        """The next PDU; raises IncompleteReadError when the SMSC has gone."""
        async with asyncio.timeout(_WAIT_S):
            head = await self._reader.readexactly(16)
            length, command, status, sequence = struct.unpack(">IIII", head)
            body = await self._reader.readexactly(length - 16)
        return Pdu(command, status, sequence, body, head + body)

    async def raw(self) -> bytes:
        """Everything until the SMSC closes."""
        async with asyncio.timeout(_WAIT_S):
            return await self._reader.read()

    async def answer(self, sequence: int) -> Pdu:
        """The response of this sequence number; whatever comes before it waits in ``backlog``."""
        while True:
            pdu = await self.read()
            if pdu.command & RESPONSE and pdu.sequence == sequence:
                return pdu
            self.backlog.append(pdu)

    async def delivered(self, *, status: int | None = 0) -> Receipt:
        """The next receipt, acknowledged with ``status`` (None: not at all)."""
        pdu = self.backlog.pop(0) if self.backlog else await self.read()
        assert pdu.command == DELIVER_SM
        if status is not None:
            self.send(DELIVER_SM | RESPONSE, b"\0", status, pdu.sequence)
        return pdu.receipt

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


@asynccontextmanager
async def bound(lab: Lab, smsc: str = "smsc-a", **tls: Any) -> AsyncIterator[Esme]:
    """A bound transceiver."""
    esme = await Esme.connect(lab, smsc, **tls)
    try:
        assert await esme.bind() == 0
        yield esme
    finally:
        await esme.close()


class Inbox:
    """A webhook: keeps every call, and answers with the next of ``answers`` (200 when there is none)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.answers: list[int] = []
        self.port = 0

    def url(self, path: str = "/delivery") -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.Response:
        """Take one call."""
        self.calls.append((request.path, await request.json(), dict(request.headers)))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    def results(self, path: str = "/delivery") -> list[dict[str, Any]]:
        """Every report that came to this path, doubles included."""
        return [result for at, body, _ in self.calls if at == path for result in body["results"]]

    async def wait(self, count: int, path: str = "/delivery") -> list[dict[str, Any]]:
        """At least ``count`` reports."""

        async def ask() -> list[dict[str, Any]]:
            return self.results(path)

        return await eventually(ask, lambda found: len(found) >= count)


class Caller:
    """An HTTP client of a lab that knows its paths."""

    def __init__(self, http: ClientSession, lab: Lab) -> None:
        self.http = http
        self.lab = lab
        self.url = str(lab.urls()["lab_url"])
        self.viber_url = str(lab.urls()["viber_url"])
        self.diia_url = str(lab.urls()["diia_url"])

    async def phone(self, msisdn: str, **fields: object) -> None:
        """Make or change a phone."""
        async with self.http.put(f"{self.url}/phones/{msisdn}", json=fields) as response:
            assert response.status in {200, 201}, await response.text()

    async def fault(self, provider: str, fault: str, **fields: object) -> list[dict[str, Any]]:
        """Let a fault loose."""
        body = {"provider": provider, "fault": fault} | fields
        async with self.http.post(f"{self.url}/faults", json=body) as response:
            assert response.status == 201, await response.text()
            rules: list[dict[str, Any]] = await response.json()
            return rules

    async def heal(self) -> None:
        """No faults any more."""
        async with self.http.delete(f"{self.url}/faults") as response:
            assert response.status == 204

    async def get(self, path: str) -> Any:
        """JSON of a path of the lab's own interface."""
        async with self.http.get(self.url + path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def messages(self, msisdn: str, count: int = 1) -> list[dict[str, Any]]:
        """What the phone shows, once that is at least ``count`` messages."""
        found: list[dict[str, Any]] = await eventually(
            lambda: self.get(f"/phones/{msisdn}/messages"), lambda shown: len(shown) >= count
        )
        return found

    async def viber(self, to: str = "380000000001", message_id: str | None = None, **parts: Any) -> dict[str, Any]:
        """Send one Viber message; the answer's only entry."""
        async with self.http.post(
            f"{self.viber_url}/viber/2/messages", json=viber_body(to, message_id, **parts), headers=KEY
        ) as response:
            assert response.status == 200, await response.text()
            answer: dict[str, Any] = (await response.json())["messages"][0]
            return answer

    async def viber_get(self, path: str) -> list[dict[str, Any]]:
        """``results`` of the aggregator's reports or logs."""
        async with self.http.get(f"{self.viber_url}/viber/2/{path}", headers=KEY) as response:
            assert response.status == 200, await response.text()
            results: list[dict[str, Any]] = (await response.json())["results"]
            return results

    async def bearer(self) -> dict[str, str]:
        """The header of a partner who has authenticated."""
        async with self.http.post(
            f"{self.diia_url}/api/v2/auth/partner", json={"bearerToken": "lab-diia-partner"}
        ) as response:
            return {"Authorization": f"Bearer {(await response.json())['token']}"}

    async def push(self, *recipients: dict[str, Any], template: str = "note") -> str:
        """Create a distribution; its id."""
        async with self.http.post(
            f"{self.diia_url}/api/v1/notification/distribution/push",
            json={"templateId": template, "recipients": recipients},
            headers=await self.bearer(),
        ) as response:
            assert response.status == 200, await response.text()
            return str((await response.json())["distributionId"])

    async def pushed(self, distribution: str, tail: str = "") -> Any:
        """JSON of the distribution's results, or of its status with ``tail``."""
        url = f"{self.diia_url}/api/v1/notification/distribution/push/{distribution}{tail}"
        async with self.http.get(url, headers=await self.bearer()) as response:
            assert response.status == 200, await response.text()
            return await response.json()


def viber_body(
    to: str = "380000000001",
    message_id: str | None = None,
    *,
    content: dict[str, Any] | None = None,
    hooks: dict[str, Any] | None = None,
    validity_s: int | None = None,
) -> dict[str, Any]:
    """The body of a send request for one destination."""
    destination = {"to": to} | ({} if message_id is None else {"messageId": message_id})
    message: dict[str, Any] = {
        "sender": "ESOZ",
        "destinations": [destination],
        "content": content or {"type": "TEXT", "text": "hello"},
    }
    if hooks is not None:
        message["webhooks"] = hooks
    if validity_s is not None:
        message["options"] = {"validityPeriod": {"amount": validity_s, "timeUnit": "SECONDS"}}
    return {"messages": [message]}


def recipient(number: int = 1, /, *, resource: str | None = None, **parameters: str) -> dict[str, Any]:
    """A recipient of a Diia push with the fictitious tax number ``number``."""
    made: dict[str, Any] = {"rnokpp": f"{number:010}", "id": f"person-{number}"}
    made["parameters"] = [{"key": key, "value": value} for key, value in parameters.items()]
    return made if resource is None else made | {"resourceId": resource}
