"""Nothing personal is readable where the product leaves data: ledger, files, WAL, every log, span and number."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from tests.engine.collector import a_collector
from tests.faults.whole import CREDENTIAL
from tests.security.leaks import SHORT, encodings, phone_spellings, search

from esoz_notify.core.kinds import KINDS, PUBLIC_KINDS
from esoz_notify.core.numbers import NumberFormat
from esoz_notify.settings import environment_for_child
from esoz_notify.store import embedded

POLICIES = """
[[policy]]
version = "leaks"
from = 2025-01-01
codes = [{ channel = "viber", window_s = 1 }, { channel = "sms" }]
documents = [{ channel = "diia", window_s = 1 }, { channel = "viber", window_s = 1 }, { channel = "sms" }]
rest = [{ channel = "viber", window_s = 1 }, { channel = "sms" }]
"""
NUMBERS = {
    NumberFormat.PRESCRIPTION: "0000-7X39-4H81-EK5M",
    NumberFormat.REQUISITION: "7X39-4H81-EK5M-A2P6",
    NumberFormat.DEVICE_REQUEST: "7X39-4H81-EK5M-A2P6",
}
SURNAME, NAME, PATRONYMIC = "Таємниченківська", "Прихована", "Невидимівна"
ALIAS = "тіткаСекретниця"
DRUG, DOSAGE = "Утаємниколін", "потай тричі на день"
PURPOSE = "угода-непоказна"
BODY = "Повідомлення, якого ніхто чужий не бачить: 73948216"
CANARY = "+380007399999"


def phone(number: int) -> str:
    """A number of a range assigned to nobody, with few zeros, so that chance does not find it."""
    return f"+380007394{number:03d}"


@pytest.fixture(name="server")
def make_server(tmp_path: Path) -> Iterator[embedded.RunningPostgres]:
    """The server that the product joins. Its WAL has pages as they are: compressed ones would hide things from grep."""
    server = embedded.start(tmp_path / "data", settings={"wal_compression": "off"})
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)  # where its account can run it, which may be elsewhere


@dataclass
class Secrets:
    """What was personal, by a name that may be shown."""

    known: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, text: str) -> str:
        self.known[name] = text
        return text


@dataclass
class Play:
    """A product and a lab as processes, and a caller of every scope."""

    folder: Path
    http: aiohttp.ClientSession
    lab: aiohttp.ClientSession
    token: str
    secrets: Secrets

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Ask the API; gives status and, when it is JSON, the body."""
        sent = {"authorization": f"Bearer {self.token}", "idempotency-key": str(uuid.uuid4()), **headers}
        sent["traceparent"] = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
        async with self.http.request(method, path, json=body, headers=sent) as reply:
            raw = await reply.read()
            return reply.status, json.loads(raw) if "json" in reply.content_type else raw

    async def send(self, kind: str, **asked: Any) -> str:
        """Have a notification accepted; gives its id."""
        status, answer = await self.call("POST", "/v1/notifications", {"kind": kind, **asked})
        assert status == 202, answer
        return str(answer["id"])

    async def over(self, ids: list[str]) -> None:
        """Wait until all have ended or wait for paper."""
        async with asyncio.timeout(40):
            for one in ids:
                while True:
                    _, view = await self.call("GET", f"/v1/notifications/{one}")
                    if view["terminal"] or view["status"] == "print_required":
                        break
                    await asyncio.sleep(0.1)

    async def texts(self, number: int) -> list[str]:
        """What a handset shows."""
        async with self.lab.get(f"/phones/{phone(number)}/messages") as reply:
            return [message["text"] for message in await reply.json()] if reply.ok else []

    async def behave(self, number: int, **behaviour: Any) -> None:
        """Make a handset behave."""
        async with self.lab.put(f"/phones/{phone(number)}", json=behaviour) as reply:
            reply.raise_for_status()


@contextmanager
def a_process(folder: Path, traces_url: str) -> Iterator[dict[str, Any]]:
    """``up --lab`` as it is run, saying all that it can say; gives the developer's caller."""
    (folder / "logs").mkdir()
    (folder / "policies.toml").write_text(POLICIES, encoding="utf-8")
    data = folder / "data"
    environment = environment_for_child(
        policies_file=str(folder / "policies.toml"), log_level="DEBUG", log_format="json", traces_url=traces_url
    )
    command = [sys.executable, "-m", "esoz_notify.cli", "up", "--lab", "--data", str(data)]
    with (folder / "logs" / "up.err").open("wb") as err, (folder / "logs" / "up.out").open("wb") as out:
        process = subprocess.Popen(
            [*command, "--port", "0", "--lab-port", "0"], env=environment, stdout=subprocess.PIPE, stderr=err
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            out.write(line)
            assert line.startswith(b"ready "), (folder / "logs" / "up.err").read_text()[-2000:]
            yield json.loads((data / "dev-client.json").read_text())
        finally:
            process.terminate()
            out.write(process.communicate(timeout=60)[0])


@asynccontextmanager
async def a_play(folder: Path) -> AsyncIterator[Play]:
    """The product, played by all of the below."""
    with a_collector() as collector, a_process(folder, collector.url) as client:
        form = {name: client[name] for name in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
        async with (
            aiohttp.ClientSession(client["base_url"]) as http,
            aiohttp.ClientSession(client["lab_url"]) as lab,
        ):
            async with http.post("/oauth/token", data=form) as reply:
                token = (await reply.json())["access_token"]
            yield Play(folder, http, lab, token, Secrets())
            async with http.get("/metrics") as reply:
                (folder / "logs" / "metrics.txt").write_bytes(await reply.read())
            async with asyncio.timeout(30):
                while "receipt" not in {span.name for span in collector.spans}:
                    await asyncio.sleep(0.1)
        (folder / "logs" / "spans.bin").write_bytes(b"".join(collector.raw))


def data_of(kind: str, play: Play, number: int) -> dict[str, str]:
    """Data of a kind, all of it unique."""
    data = {}
    for one in KINDS[kind].fields:
        if one.format in NUMBERS:
            data[one.name] = play.secrets(f"number {one.format}", NUMBERS[one.format])
        elif one.format is NumberFormat.CODE:
            data[one.name] = play.secrets(f"code of {kind}", f"73948{number:03d}")
        elif one.format is None:
            data[one.name] = play.secrets("purpose", PURPOSE)
    return data


def person(play: Play, number: int, *methods: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    """A patient's record as ESOZ gives it, with names; its id."""
    names = {"last_name": SURNAME, "first_name": NAME, "second_name": PATRONYMIC}
    for name, text in names.items():
        play.secrets(name, text)
    tax_id = play.secrets(f"tax number {number}", f"7394825{number:03d}")
    record = {"birth_date": "1980-02-03", "gender": "FEMALE", "tax_id": tax_id, **names}
    return str(uuid.UUID(int=0x7394 << 100 | number)), {**record, "authentication_methods": list(methods), **more}


def otp(play: Play, number: int) -> dict[str, Any]:
    """By one's own phone."""
    own = play.secrets(f"phone {number}", phone(number))
    return {"id": str(uuid.uuid4()), "type": "OTP", "phone_number": own, "is_active": True}


async def every_kind_by_every_channel(play: Play) -> None:
    """Each kind to a stored patient and to a phone; by Diia, Viber, SMS; also what never arrives."""
    await play.behave(1, diia=True, tax_id="7394825001")
    await play.behave(2, viber=False, sms=True)
    await play.behave(3, viber=False, sms_absent=True)
    ids = []
    for number in (1, 2, 3):
        patient_id, record = person(play, number, otp(play, number))
        status, _ = await play.call("PUT", f"/v1/patients/{patient_id}", record)
        assert status in {200, 201}
        for kind in PUBLIC_KINDS:
            data = data_of(kind, play, number)
            ids.append(await play.send(kind, patient_id=patient_id, data=data))
        await play.call("GET", f"/v1/patients/{patient_id}")
    for order, kind in enumerate(PUBLIC_KINDS, start=10):
        to = play.secrets(f"phone {order}", phone(order))
        ids.append(await play.send(kind, recipient={"phone": to}, data=data_of(kind, play, order)))
    unreachable = phone(3)
    await play.call("GET", f"/v1/notifications?phone={unreachable.replace('+', '%2B')}")
    await play.over([one for one in ids if one not in ids[2 * len(PUBLIC_KINDS) : 3 * len(PUBLIC_KINDS)]])
    for number in (1, 2, *range(10, 10 + len(PUBLIC_KINDS))):
        for order, text in enumerate(await play.texts(number)):
            play.secrets(f"text {order} to {number}", text)


async def paper(play: Play) -> None:
    """A patient without a phone, a child told through an aunt; the summary in each form."""
    by_documents = {"id": str(uuid.uuid4()), "type": "OFFLINE", "is_active": True}
    patient_id, record = person(play, 40, by_documents)
    await play.call("PUT", f"/v1/patients/{patient_id}", record)
    summary = {"patient_name": f"{SURNAME} {NAME}", "medication": DRUG, "dosage": DOSAGE}
    for name, text in (("drug", DRUG), ("dosage", DOSAGE)):
        play.secrets(name, text)
    data = data_of("prescription_issued", play, 40)
    sent = await play.send("prescription_issued", patient_id=patient_id, data=data, summary=summary)
    for accept in ("application/pdf", "text/html", "text/plain"):
        status, _ = await play.call("GET", f"/v1/notifications/{sent}/summary", None, accept=accept)
        assert status == 200
    aunt_id, aunt = person(play, 41, otp(play, 41))
    await play.call("PUT", f"/v1/patients/{aunt_id}", aunt)
    through = {"id": str(uuid.uuid4()), "type": "THIRD_PERSON", "value": aunt_id, "alias": play.secrets("alias", ALIAS)}
    relation = {"person_id": aunt_id, "is_active": True, "verification_status": "VERIFIED"}
    child_id, child = person(play, 42, through | {"is_active": True}, confidant_person_relationships=[relation])
    await play.call("PUT", f"/v1/patients/{child_id}", child)
    await play.send("referral_issued", patient_id=child_id, data=data_of("referral_issued", play, 42))


async def codes(play: Play) -> None:
    """A verification with a wrong and the right code, and the calls that components of ESOZ make today."""
    to = play.secrets("phone 50", phone(50))
    asked = {"purpose": "declaration", "entity_id": "request-1", "recipient": {"phone": to}}
    status, made = await play.call("POST", "/v1/verifications", asked)
    assert status == 201, made
    await play.call("POST", f"/v1/verifications/{made['id']}/check", {"code": "0000"})
    other = play.secrets("phone 51", phone(51))
    status, _ = await play.call("POST", "/verifications", {"phone_number": other})
    assert status == 201
    await play.call("PATCH", f"/verifications/{other}/actions/complete", {"code": "1"})
    await play.call("GET", f"/verifications/{other}")
    status, answer = await play.call("POST", "/sms/send", {"phone_number": other, "body": BODY, "type": "factor"})
    assert status == 200, answer
    play.secrets("text of a component", BODY)
    sending = {"recipients": [other[1:], f"{other}0"], "sms": {"text": f"{BODY} і ще"}, "sequence_id": "leaks"}
    status, answer = await play.call("POST", "/message/send.json", sending)
    assert (status, answer["response_code"]) == (200, 802), answer
    await play.call("POST", "/message/status.json", {"messages": [answer["response_result"][0]["message_id"], other]})
    personalisation = {"verification_code": play.secrets("code of govuk", "73948999")}
    asked_by_govuk = {"phone_number": other, "template_id": "confirmation_code", "personalisation": personalisation}
    status, answer = await play.call("POST", "/v2/notifications/sms", asked_by_govuk)
    assert status == 201, answer
    assert (await play.call("POST", "/v2/notifications/sms", {**asked_by_govuk, "template_id": other}))[0] == 400
    async with asyncio.timeout(30):
        while not all([await play.texts(50), len(await play.texts(51)) > 3]):
            await asyncio.sleep(0.1)
    for number in (50, 51):
        for order, text in enumerate(await play.texts(number)):
            play.secrets(f"text {order} to {number}", text)


async def by_fhir(play: Play) -> None:
    """A resource with everything personal that R4 has room for: what is not needed is not kept, and a wrong one."""
    to = play.secrets("phone 55", phone(55))
    data = data_of("prescription_issued", play, 55)
    person = {"resourceType": "Patient", "id": "p", "name": [{"family": SURNAME}]}
    asked = {
        "resourceType": "CommunicationRequest",
        "status": "active",
        "category": [{"coding": [{"system": "urn:esoz-notify:kind", "code": "prescription_issued"}]}],
        "contained": [person | {"telecom": [{"system": "phone", "value": to}]}],
        "recipient": [{"reference": "#p", "display": f"{SURNAME} {NAME}"}],
        "note": [{"text": DRUG}],
        "payload": [
            {"contentReference": {"identifier": {"system": f"urn:esoz-notify:data:{name}", "value": value}}}
            for name, value in data.items()
        ],
    }
    status, made = await play.call("POST", "/fhir/CommunicationRequest", asked)
    assert status == 201, made
    await play.over([made["id"]])
    assert (await play.call("GET", f"/fhir/Communication?based-on={made['id']}"))[0] == 200
    wrong = {**asked, to: to, "payload": [{"contentString": f"{to} {DRUG}"}]}
    assert (await play.call("POST", "/fhir/CommunicationRequest", wrong))[0] == 422
    for order, text in enumerate(await play.texts(55)):
        play.secrets(f"text {order} to 55", text)


async def mistakes(play: Play) -> None:
    """Personal data in every wrong place: paths, queries, bodies that are no JSON, callbacks that cannot be read."""
    to = play.secrets("phone 60", phone(60))
    coded = to.replace("+", "%2B")
    for path in (f"/v1/notifications?phone={coded}&limit=9x", f"/v1/nothing/{to}", f"/{to}?to={coded}", f"/v1/{coded}"):
        assert (await play.call("GET", path))[0] >= 400
    assert (await play.call("POST", "/v1/notifications", {"kind": to, "recipient": {"phone": f"{to}x"}}))[0] == 422
    headers = {"authorization": f"Bearer {play.token}", "content-type": "application/json"}
    for body in (f'{{"phone": "{to}"', f"[{to}]", '{"phone": "' + to + '\\ud800"}'):
        async with play.http.post("/v1/notifications", data=body.encode(), headers=headers) as reply:
            assert reply.status >= 400
    for report in (to.encode(), json.dumps({"results": [{"to": to, "messageId": to}]}).encode()):
        async with play.http.post("/callbacks/infobip", data=report, headers={"authorization": CREDENTIAL}) as reply:
            await reply.read()
    async with play.http.post("/oauth/token", data={"client_id": to, "client_secret": to}) as reply:
        assert reply.status >= 400


def dump(dsn: str, to: Path) -> None:
    """The whole ledger as text, as a backup has it."""
    program = embedded.find_binaries(None) / "pg_dump"
    with to.open("wb") as file:
        subprocess.run([str(program), dsn], stdout=file, check=True, env={**os.environ, "LC_ALL": "C"})


def heaps(*folders: Path) -> list[Path]:
    """Every file that the product left; not the lab's journal, which is the memory of the phones themselves."""
    files = {path for one in folders for path in one.rglob("*") if path.is_file() and path.name != "lab.ndjson"}
    return sorted(path for path in files if path.stat().st_size)


async def test_nothing_personal_is_readable_in_what_is_left(server: embedded.RunningPostgres) -> None:
    """After every kind, channel and call, no secret is in dump, files, WAL or logs; one that is planted is found."""
    home = server.home.parent
    async with a_play(home) as play:
        await asyncio.gather(every_kind_by_every_channel(play), paper(play), codes(play), by_fhir(play), mistakes(play))
        await asyncio.to_thread(dump, server.dsn, home / "dump.sql")
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("INSERT INTO client (id, name, scopes) VALUES ('canary', %s, '{}')", [CANARY])
        await asyncio.to_thread(dump, server.dsn, home / "canary.sql")
    server.stop()
    lines = [json.loads(line) for line in (home / "logs" / "up.err").read_text(encoding="utf-8").splitlines()]
    assert all({"time", "level", "logger", "event", "message"} <= line.keys() for line in lines)
    assert any(line["event"] == "request" and len(line.get("trace_id", "")) == 32 for line in lines)
    with (home / "logs" / "up.err").open("a", encoding="utf-8") as log:
        assert log.tell() > 1000, "it said nothing, so that nothing was looked at"
        log.write(CANARY)
    secrets = play.secrets.known
    assert len(secrets) > 60
    found = await asyncio.to_thread(search, secrets | {"canary": CANARY}, heaps(home, server.folder))
    assert [one for one in found if one[0] != "canary"] == []
    planted = [Path(path) for name, path in found if name == "canary"]
    assert {"canary.sql", "up.err"} <= {path.name for path in planted}
    assert {"pg_wal", "base"} <= {part for path in planted for part in path.parts}


@pytest.mark.parametrize("text", ["+380007394001", "Таємниченківська", "код 7394 8216 для Вас"])
def test_the_search_finds_what_is_planted(tmp_path: Path, text: str) -> None:
    """Each spelling of a phone, name or text in each encoding is found amid other bytes; without it nothing is."""
    noise = os.urandom(1000) + b"+38000*****01" + bytes(100)
    spellings = phone_spellings(text) if text.startswith("+") else [text, text.upper()]
    everything = sorted({coded for one in spellings for coded in encodings(one) if len(coded) >= SHORT})
    for number, planted in enumerate(everything[:: 1 + len(everything) // 25]):
        heap = tmp_path / f"{number}.bin"
        heap.write_bytes(noise + b"ab" + planted + b"\nyz" + noise)
        assert search({"planted": text}, [heap]) == [("planted", str(heap))], planted
        heap.write_bytes(noise)
        assert search({"planted": text}, [heap]) == []
