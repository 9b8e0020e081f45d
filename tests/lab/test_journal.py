"""A killed and restarted lab has not forgotten: what it accepted, showed, and still owes."""

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession
from tests.lab.players import KEY, Caller, Esme, Inbox, bound, eventually, recipient

from esoz_notify.lab.journal import Journal
from esoz_notify.lab.settings import LabSettings
from esoz_notify.lab.world import Lab, run_lab


@pytest.fixture
def journaled(settings: LabSettings, tmp_path: Path) -> LabSettings:
    """A lab with a journal."""
    return replace(settings, journal=tmp_path / "lab" / "journal.ndjson")


async def test_phones_messages_and_submissions_return(journaled: LabSettings, http: ClientSession) -> None:
    """What the interface showed before a restart it shows after it, equal."""
    async with run_lab(journaled) as lab:
        caller = Caller(http, lab)
        await caller.phone("380000000001", viber=True, tax_id="0000000001", latency_ms=[0, 1])
        await caller.viber(message_id="m")
        distribution = await caller.push(recipient(1, resource="r", number="7"))
        async with bound(lab) as esme:
            await esme.submitted()
            await esme.delivered()
        await eventually(
            lambda: caller.get("/phones/380000000001/messages"),
            lambda shown: len(shown) == 3 and sum("read_at" in message for message in shown) == 2,
        )
        paths = ("/phones", "/phones/380000000001/messages", "/submissions")
        before = [await caller.get(path) for path in paths]
    async with run_lab(journaled) as lab:
        caller = Caller(http, lab)
        assert [await caller.get(path) for path in paths] == before
        assert (await caller.viber(message_id="m"))["status"]["id"] == 23
        assert (await caller.pushed(distribution))["recipients"][0]["status"] == "read"


async def test_what_was_on_its_way_arrives_after_a_restart(journaled: LabSettings, http: ClientSession) -> None:
    """Messages accepted but not yet delivered reach their phones by the next lab, once."""
    async with run_lab(journaled) as lab:
        caller = Caller(http, lab)
        await caller.phone("380000000001", tax_id="0000000001", latency_ms=[60_000, 60_000])
        await caller.viber(message_id="m")
        await caller.push(recipient(1, number="7"))
        async with bound(lab) as esme:
            for number in (1, 2):
                await esme.submitted(bytes([5, 0, 3, 9, 2, number]) + b"half ", esm_class=0x40)
        await caller.phone("380000000001", latency_ms=[0, 0])
    async with run_lab(journaled) as lab:
        shown = await Caller(http, lab).messages("380000000001", 3)
    assert sorted(message["channel"] for message in shown) == ["diia", "sms", "viber"]
    assert [message["text"] for message in shown if message["channel"] == "sms"] == ["half half "]


async def test_parts_that_wait_for_each_other_are_remembered(journaled: LabSettings, http: ClientSession) -> None:
    """The first part of a text before a restart and the second after it make one text."""
    for number in (1, 2):
        async with run_lab(journaled) as lab, bound(lab) as esme:
            await esme.submitted(bytes([5, 0, 3, 9, 2, number]) + f"part{number} ".encode(), esm_class=0x40)
            await esme.delivered()
            if number == 2:
                (shown,) = await Caller(http, lab).messages("380000000001")
                assert shown["text"] == "part1 part2 "


async def test_owed_receipts_come_after_a_restart(journaled: LabSettings, http: ClientSession, inbox: Inbox) -> None:
    """Receipts nobody took are sent by the next lab; those taken are not."""
    hooks = {"delivery": {"url": inbox.url()}, "seen": {"url": inbox.url("/seen")}}
    async with run_lab(journaled) as lab, bound(lab) as esme:
        caller = Caller(http, lab)
        await caller.viber(message_id="taken", hooks={"delivery": {"url": inbox.url()}})
        await inbox.wait(1)
        inbox.answers = [500] * 100
        await caller.viber(message_id="owed", hooks=hooks)
        await caller.viber(message_id="polled")
        await inbox.wait(1, "/seen")
        ids = [(await esme.submitted()).message_id for _ in range(2)]
        await esme.delivered()
        await esme.delivered(status=None)
    inbox.calls.clear()
    inbox.answers.clear()
    async with run_lab(journaled) as lab, bound(lab) as esme:
        assert (await esme.delivered()).message_id == ids[1]
        assert {report["messageId"] for report in await inbox.wait(1)} == {"owed"}
        assert {report["messageId"] for report in await inbox.wait(1, "/seen")} == {"owed"}
        assert [report["messageId"] for report in await Caller(http, lab).viber_get("reports")] == ["polled"]


async def test_reading_goes_on_after_a_restart(journaled: LabSettings, http: ClientSession, inbox: Inbox) -> None:
    """What was shown but not yet read is read in the next lab, and told."""
    async with run_lab(journaled) as lab:
        caller = Caller(http, lab)
        await caller.phone("380000000001", latency_ms=[60_000, 60_000], viber_latency_ms=[0, 0])
        await caller.viber(message_id="m", hooks={"seen": {"url": inbox.url("/seen")}})
        await caller.messages("380000000001")
        await caller.phone("380000000001", latency_ms=[0, 0])
    async with run_lab(journaled) as lab:
        assert [report["messageId"] for report in await inbox.wait(1, "/seen")] == ["m"]
        (shown,) = await Caller(http, lab).messages("380000000001")
        assert "read_at" in shown


async def test_templates_and_stops_are_remembered(journaled: LabSettings, http: ClientSession) -> None:
    """Templates made by the endpoints stay made, deleted ones deleted; a stopped distribution stays stopped."""
    viber = {"category": "TRANSACTIONAL", "body": [{"language": "uk", "template": "Ваш рецепт готовий"}]}
    diia = {"actionType": "message", "templateType": "attention", "title": "t", "shortText": "s", "fullText": "Текст"}
    async with run_lab(journaled) as lab:
        caller = Caller(http, lab)
        path = "/viber/1/senders/ESOZ/templates"
        made = []
        for _ in range(2):
            async with http.post(caller.viber_url + path, json=viber, headers=KEY) as response:
                made.append((await response.json())["templateId"])
        async with http.delete(f"{caller.viber_url}{path}/{made[0]}", headers=KEY) as response:
            assert response.status == 204
        url = caller.diia_url + "/api/v1/notification/template"
        async with http.post(url, json=diia, headers=await caller.bearer()) as response:
            template = (await response.json())["templateId"]
        await caller.phone("380000000001", tax_id="0000000001", latency_ms=[60_000, 60_000])
        stopped = await caller.push(recipient(1), template=template)
        await eventually(lambda: caller.pushed(stopped, "/status"), lambda told: told["status"] == "in-progress")
        url = f"{caller.diia_url}/api/v1/notification/distribution/push/{stopped}"
        async with http.delete(url, headers=await caller.bearer()) as response:
            assert response.status == 204
        await caller.phone("380000000001", latency_ms=[0, 0])
    async with run_lab(journaled) as lab:
        caller = Caller(http, lab)
        async with http.get(caller.viber_url + path, headers=KEY) as response:
            assert [kept["templateId"] for kept in (await response.json())["templates"]] == [made[1]]
        assert (await caller.pushed(stopped, "/status"))["status"] == "closed"
        await caller.push(recipient(1), template=template)
        assert [shown["text"] for shown in await caller.messages("380000000001")] == ["Текст"]


async def test_taken_port_stops_the_start(journaled: LabSettings) -> None:
    """A lab that cannot have its port says so, and leaves nothing listening."""
    async with run_lab(journaled) as lab:
        with pytest.raises(OSError, match="in use"):
            await Lab(LabSettings(port=lab.ports["lab"])).start()


async def test_forgetting_is_remembered(journaled: LabSettings, http: ClientSession) -> None:
    """What was forgotten does not come back."""
    async with run_lab(journaled) as lab:
        caller = Caller(http, lab)
        await caller.phone("380000000001", sms=False)
        async with http.delete(f"{caller.url}/phones"):
            pass
    async with run_lab(journaled) as lab:
        assert await Caller(http, lab).get("/phones") == []


def test_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    """A line that a kill tore in two is dropped, and the next append starts on a line of its own."""
    path = tmp_path / "journal.ndjson"
    path.write_bytes(b'["phone",{"n":1}]\n["phone",{"n"')
    assert list(Journal(path).load()) == [("phone", {"n": 1})]
    assert path.read_bytes() == b'["phone",{"n":1}]\n'


def test_lines_of_one_turn_are_one_flush(tmp_path: Path) -> None:
    """Lines are on disk by the end of the loop's turn, and after closing nothing is written."""
    path = tmp_path / "deep" / "journal.ndjson"

    async def write() -> bytes:
        journal = Journal(path)
        journal.open()
        journal.append("a", {"n": 1})
        journal.append("b", {"n": 2})
        await asyncio.sleep(0)
        written = path.read_bytes()
        journal.close()
        journal.append("c", {"n": 3})
        return written

    assert asyncio.run(write()) == b'["a",{"n":1}]\n["b",{"n":2}]\n' == path.read_bytes()


PROGRAM = """
import sys
from pathlib import Path
from esoz_notify.lab import process
from esoz_notify.lab.settings import LabSettings
process.main(LabSettings(journal=Path(sys.argv[1]), latency_ms=(0, 0), stop_on_stdin_eof=sys.argv[2] == "eof"))
"""


class LabProcess:
    """The lab as a process; ``urls`` from its ready line."""

    def __init__(self, journal: Path, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(journal), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        word, _, urls = self.process.stdout.readline().decode().partition(" ")
        assert word == "ready"
        self.urls = json.loads(urls)

    def ended(self) -> int:
        """The exit code, within ten seconds."""
        code = self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code


async def test_killed_process_has_not_forgotten(tmp_path: Path, http: ClientSession) -> None:
    """SIGKILL right after an acceptance: the next process knows the submission; its SMSC serves, and an outage ends."""
    lab = await asyncio.to_thread(LabProcess, tmp_path / "j", "signal")
    url = lab.urls["viber_url"] + "/viber/2/messages"
    message = {"sender": "ESOZ", "destinations": [{"to": "380000000001", "messageId": "m"}]}
    body = {"messages": [message | {"content": {"type": "TEXT", "text": "hello"}}]}
    async with http.post(url, json=body, headers={"Authorization": "App lab-viber-key"}) as response:
        assert response.status == 200
    lab.process.kill()
    assert await asyncio.to_thread(lab.ended) == -signal.SIGKILL
    lab = await asyncio.to_thread(LabProcess, tmp_path / "j", "signal")
    esme = Esme(*await asyncio.open_connection(*lab.urls["smsc"]["smsc-a"]))
    assert await esme.bind() == 0
    async with http.get(lab.urls["lab_url"] + "/submissions") as response:
        assert [row["client_reference"] for row in await response.json()] == ["m"]
    order = {"provider": "smsc-a", "fault": "outage", "for_s": 0.2}
    async with http.post(lab.urls["lab_url"] + "/faults", json=order) as response:
        assert response.status == 201
    assert await esme.raw() == b""
    await esme.close()

    async def bound_again() -> bool:
        with suppress(OSError):
            esme = Esme(*await asyncio.open_connection(*lab.urls["smsc"]["smsc-a"]))
            status = await esme.bind()
            await esme.close()
            return status == 0
        return False

    assert await eventually(bound_again, bool)
    lab.process.terminate()
    assert await asyncio.to_thread(lab.ended) == 0


async def test_process_ends_with_its_parent(tmp_path: Path) -> None:
    """When told to watch stdin, the process ends as its other end closes."""
    lab = await asyncio.to_thread(LabProcess, tmp_path / "j", "eof")
    assert sorted(lab.urls) == ["diia_url", "further", "lab_url", "smsc", "viber_url"]
    assert lab.process.stdin is not None
    lab.process.stdin.close()
    assert await asyncio.to_thread(lab.ended) == 0
