"""The contract that every provider keeps over the wire, each against its twin in the lab: one row, the same rules.

What belongs here: what a call comes to and what a receipt says, by real sockets and the real callback. What does not:
what a notification makes of it (``test_provider_faults``), and a dialogue's odd answers (``tests/channels``).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from tests.engine.product import PRESCRIPTION, phone
from tests.faults.provider_rows import HTTP_SMS, LAB, NOTHING_KNOWN, ROWS, Row, same, turbosms
from tests.faults.whole import CREDENTIAL, Whole, a_whole

from esoz_notify.channels.dialogue import OutboundMessage, Receipt
from esoz_notify.core.attempt_keys import attempt_key
from esoz_notify.core.channel import Channel
from esoz_notify.core.phone import Phone
from esoz_notify.core.receipts import Reason, ReceiptState
from esoz_notify.core.results import Accepted, Recovery, Result, TryLater, Unknown
from esoz_notify.engine import gateway
from esoz_notify.engine.providers import Provider
from esoz_notify.lab.faults import REASONS
from esoz_notify.render.texts import builtin_texts

PATIENCE_S = 20.0
PUSHING = [row for row in ROWS if row.pushes]
BY_HTTP = [row for row in ROWS if row.name != "smsc-a"]


class Bench:
    """One provider of a running product, called past the cascade: each result and each receipt is seen by itself."""

    def __init__(self, whole: Whole, row: Row) -> None:
        self.whole = whole
        self.row = row
        self.number = 0

    @property
    def provider(self) -> Provider:
        (found,) = [one for one in self.whole.product.providers if one.name == self.row.name]
        return found

    async def message(self, **behaviour: object) -> OutboundMessage:
        """A message to a handset of its own."""
        self.number += 1
        tax_id = f"{self.number:010d}"
        given = {"reads": False, "latency_ms": [5, 20], "tax_id": tax_id} | behaviour
        await self.whole.phone(self.number, **given)
        said = builtin_texts().message("prescription_issued", self.row.channel, "uk", PRESCRIPTION)
        return OutboundMessage(
            key=attempt_key(uuid4(), 0),
            phone=Phone(phone(self.number)),
            tax_id=tax_id,
            kind="prescription_issued",
            template=said.template,
            parameters=said.parameters,
            text=said.text,
            language="uk",
            validity_s=900.0,
        )

    async def send(self, message: OutboundMessage) -> Result:
        (result,) = await self.provider.send([message])
        return result

    async def fault(self, fault: str, **more: object) -> None:
        await self.whole.fault(provider=self.row.side, fault=fault, **{"for_s": None, **more})

    async def shown(self, message: OutboundMessage, count: int) -> int:
        """How many messages the handset shows, once that is ``count``, and a moment later."""
        assert message.phone is not None
        number = int(message.phone.digits[-4:])
        async with asyncio.timeout(PATIENCE_S):
            while len(await self.whole.shown(number)) < count:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        return len(await self.whole.shown(number))

    async def receipts(
        self, result: Result, state: ReceiptState, reason: Reason | None = None, *, count: int = 1
    ) -> Sequence[Any]:
        """Wait for so many receipts of a state about a message; gives those that are kept."""
        assert isinstance(result, Accepted)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await self.whole.sql(
                    "SELECT state, reason FROM receipt_inbox WHERE (provider, provider_message_id) = (%s, %s)",
                    self.row.name,
                    result.message_ids[0],
                )
                found = [row for row in rows if row == (state, reason)]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.02)

    async def ask(self, result: Result) -> Receipt:
        """Poll until the provider says something final of a message."""
        assert isinstance(result, Accepted)
        assert self.provider.adapter is not None
        assert self.provider.adapter.poll is not None
        ways, worker = self.provider.adapter.poll, self.whole.product.worker
        assert worker is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                kept = worker._gateway.kept(self.row.name)
                said = await worker._gateway.converse(self.row.name, ways(result.message_ids, kept))
                for one in said:
                    if isinstance(one, Receipt) and one.state > ReceiptState.SUBMITTED:
                        return one
                await asyncio.sleep(0.05)


@asynccontextmanager
async def a_bench(row: Row, dsn: str, folder: Path) -> AsyncIterator[Bench]:
    async with a_whole(dsn, folder, further=row.table) as whole:
        bench = Bench(whole, row)
        if row.panel:
            url = f"{whole.product.settings.public_url}/callbacks/{row.name}"
            async with whole.lab.put(row.panel, json={"webhook": url, **row.panel_more}) as reply:
                reply.raise_for_status()
        async with asyncio.timeout(PATIENCE_S):
            while not bench.provider.is_up():
                await asyncio.sleep(0.02)
        yield bench


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call without an answer is given up after a second instead of ten; an SMSC is waited for as ever."""
    monkeypatch.setattr(gateway, "PROVIDER_TIMEOUT_S", 1.0)


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_calls(row: Row, ledger_dsn: str, tmp_path: Path) -> None:
    """Taken, refused for each reason, told to wait, out of reach, and answered with garbage: each is what it is."""
    async with a_bench(row, ledger_dsn, tmp_path) as bench:
        results = [await bench.send(await bench.message()) for _ in range(3)]
        assert len({one.message_ids for one in results if isinstance(one, Accepted)}) == 3, results

        for reason, wanted in row.refused.items():
            await bench.fault("refuse", reason=reason)
            result = await bench.send(await bench.message())
            assert same(result, wanted), f"{reason}: {result}"
            await bench.whole.heal()

        await bench.fault("throttle")
        result = await bench.send(await bench.message())
        assert same(result, TryLater(Reason.THROTTLED)), result
        await bench.whole.heal()

        if row.name != "smsc-a":  # garbage ends the session there, with ten seconds until that is known
            await bench.fault("garbage")
            for _ in range(2):
                assert isinstance(await bench.send(await bench.message()), Unknown | TryLater)
            await bench.whole.heal()

        await bench.fault("outage")
        assert same(await bench.send(await bench.message()), TryLater(Reason.UNREACHABLE))


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_a_lost_answer(row: Row, ledger_dsn: str, tmp_path: Path) -> None:
    """Unknown; and a second call with the key shows the message once exactly where that is declared."""
    async with a_bench(row, ledger_dsn, tmp_path) as bench:
        message = await bench.message()
        await bench.fault("timeout_after_accept")
        assert same(await bench.send(message), NOTHING_KNOWN)
        await bench.whole.heal()

        assert isinstance(await bench.send(message), Accepted)
        assert await bench.shown(message, row.shown_twice) == row.shown_twice
        can = bench.provider.capabilities
        assert (can.recovery is Recovery.SAME_KEY) is (row.shown_twice == 1)


@pytest.mark.parametrize("row", PUSHING, ids=str)
async def test_receipts(row: Row, ledger_dsn: str, tmp_path: Path) -> None:
    """Early, late, twice and in another order they all come in, and each says what became of its own message."""
    async with a_bench(row, ledger_dsn, tmp_path) as bench:
        await bench.fault("receipt_before_reply")
        early = await bench.send(await bench.message())
        await bench.receipts(early, ReceiptState.DELIVERED)
        await bench.whole.heal()

        late = await bench.send(await bench.message(latency_ms=[500, 600]))
        told = "SELECT 1 FROM receipt_inbox WHERE provider_message_id = %s AND state >= %s"
        assert not await bench.whole.sql(told, _id(late), ReceiptState.DELIVERED)
        await bench.receipts(late, ReceiptState.DELIVERED)

        await bench.fault("receipt_twice")
        twice = await bench.send(await bench.message())
        assert len(await bench.receipts(twice, ReceiptState.DELIVERED, count=row.doubles)) == row.doubles
        await bench.whole.heal()

        await bench.fault("receipts_reordered")
        mixed = [await bench.send(await bench.message()) for _ in range(3)]
        for one in mixed:
            await bench.receipts(one, ReceiptState.DELIVERED)
        await bench.whole.heal()

        for word, (state, reason) in row.reported.items():
            await bench.fault("refuse", reason=word)
            await bench.receipts(await bench.send(await bench.message()), state, reason)
            await bench.whole.heal()


@pytest.mark.parametrize("row", [row for row in BY_HTTP if row.polls], ids=str)
async def test_polls(row: Row, ledger_dsn: str, tmp_path: Path) -> None:
    """Who is asked says the same as who reports."""
    async with a_bench(replace(row, panel=""), ledger_dsn, tmp_path) as bench:
        proofs = {ReceiptState.DELIVERED, ReceiptState.SEEN}
        assert (await bench.ask(await bench.send(await bench.message(reads=True)))).state in proofs
        word, (state, reason) = next(iter(row.reported.items()))
        await bench.fault("refuse", reason=word)
        said = await bench.ask(await bench.send(await bench.message()))
        assert (said.state, said.reason) == (state, reason)


@pytest.mark.parametrize("row", [row for row in BY_HTTP if row.pushes], ids=str)
async def test_callbacks_of_others(row: Row, ledger_dsn: str, tmp_path: Path) -> None:
    """Without the credential or with a forged proof nothing is kept; garbage of the provider's own is kept and told."""
    async with a_bench(row, ledger_dsn, tmp_path) as bench:
        url = f"{bench.whole.product.settings.public_url}/callbacks/{row.name}"
        forged = b'{"id": "e-1", "signature": "%s", "type": "DLR_VIBER_API", "data": {}}' % (b"a" * 40)
        async with aiohttp.ClientSession() as http:
            for headers in ({}, {"authorization": "Basic d3Jvbmc6d3Jvbmc="}):
                for body in (forged, b"", b"\xff\x00"):
                    async with http.post(url, data=body, headers=headers) as reply:
                        assert reply.status == 401, body
            assert await bench.whole.sql("SELECT count(*) FROM receipt") == [(0,)]
            if not row.signs:  # else garbage bears no signature
                async with http.post(url, data=b"\xff\x00", headers={"authorization": CREDENTIAL}) as reply:
                    assert reply.status == 200
                assert await bench.whole.sql("SELECT count(*) FROM receipt WHERE problem IS NOT NULL") == [(1,)]


async def test_a_signed_event_is_taken_once_and_with_every_proof(ledger_dsn: str, tmp_path: Path) -> None:
    """Where a login was agreed beside the signature both must fit; another event under a used id changes nothing."""
    (row,) = [row for row in ROWS if row.name == "turbo-sms"]
    table = f'{row.table}callback_credentials = ["{LAB.callback_credential}"]\n'
    async with a_bench(replace(row, table=table), ledger_dsn, tmp_path) as bench:
        url = f"{bench.whole.product.settings.public_url}/callbacks/{row.name}"
        proof = hashlib.sha1(f"{LAB.turbosms_signature_key}e-1".encode()).hexdigest()  # noqa: S324 - the provider's

        async def call(signature: str, message_id: str, **headers: str) -> int:
            data = {"message_id": message_id, "status": "DELIVRD"}
            body = {"id": "e-1", "signature": signature, "type": "DLR_SMS_API", "data": data}
            async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as reply:
                return reply.status

        assert await call(proof, "m-1") == 401
        assert await call("a" * 40, "m-1", authorization=CREDENTIAL) == 401
        assert await call(proof, "m-1", authorization=CREDENTIAL) == 200
        assert await call(proof, "m-2", authorization=CREDENTIAL) == 200
        assert await bench.whole.sql("SELECT provider_message_id FROM receipt_inbox") == [("m-1",)]


def test_the_rows_hold_every_reason() -> None:
    """No word of a twin's for a refusal is missing in its row, but for those that are about other calls."""
    other = {"smsc-a": {"bind"}, "viber": {"template_arguments", "spam"}, "diia": {"template", "scope"}}
    for row in ROWS:
        assert set(REASONS[row.side]) - {*row.refused, *row.reported} == other.get(row.side, set()), row.name


# --- several providers of a channel -----------------------------------------------------------------------------------


def _did(view: Any) -> str:
    return " ".join(f"{one['provider']}={one['outcome']}" for one in view["attempts"])


async def test_several_providers_of_a_channel(ledger_dsn: str, tmp_path: Path) -> None:
    """Two of Viber, and SMS by SMPP and by HTTP: the next takes what the preferred does not, at once."""
    tables = turbosms(Channel.VIBER) + HTTP_SMS
    async with a_whole(ledger_dsn, tmp_path, further=tables, window_s=12) as whole:
        code: dict[str, Any] = {"kind": "confirmation_code", "data": {"verification_code": "5193"}}
        for number in range(1, 6):
            await whole.phone(number, reads=False, viber=number not in {3, 5}, latency_ms=[5, 20])
        base = whole.product.settings.public_url
        for side, name in (("turbosms", "turbo-viber"), ("http-sms", "gate")):
            async with whole.lab.put(f"/panel/{side}", json={"webhook": f"{base}/callbacks/{name}"}) as reply:
                reply.raise_for_status()

        preferred = await whole.until(await whole.send(1, "a", **code))
        assert _did(preferred) == "infobip=delivered"

        await whole.fault(provider="viber", fault="throttle")
        other = await whole.until(await whole.send(2, "b", **code))
        assert _did(other) == "infobip=failed turbo-viber=delivered"
        await whole.heal()

        # Neither Viber has these phones; the SMSCs are preferred, and then they are away and the gateway is not.
        by_smpp = await whole.until(await whole.send(5, "e", **code))
        assert _did(by_smpp).endswith(" smsc-a=delivered"), _did(by_smpp)
        await whole.fault(provider="sms", fault="outage")
        by_http = await whole.until(await whole.send(3, "c", **code))
        assert _did(by_http).endswith("gate=delivered"), _did(by_http)
        await whole.heal()

        # A lost answer is asked for again where it was lost, although another Viber is there.
        await whole.fault(provider="viber", fault="timeout_after_accept", for_s=1.5)
        await whole.fault(provider="viber", fault="never_receipt", for_s=1.5)
        again = await whole.until(await whole.send(4, "d", **code), limit_s=30)
        assert "turbo-viber" not in _did(again), _did(again)
        assert [one["provider"] for one in await whole.submissions("viber") if one["msisdn"] == phone(4)] == ["viber"]


def _id(result: Result) -> str:
    assert isinstance(result, Accepted)
    return result.message_ids[0]
