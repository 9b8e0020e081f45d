"""Every Python example of docs/sdk.md is well typed and does what it says, against the service with its lab."""

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.architecture import house
from tests.sdk.lossy import losing
from tests.sdk.page import examples

from esoz_notify.client import NotifyClient
from esoz_notify.webhook_client import WebhookClient

PATIENT_ID = "0198c0de-0000-7000-8000-00000000000c"
TYPES_LIMIT_S = 300
LIMIT_S = 240
"""Generous: nothing here takes more than seconds."""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, ModuleType]:
    """The examples as modules that can be called."""
    names = written(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return {name: import_module(f"sdk_{name}") for name in names}


def written(folder: Path) -> list[str]:
    """Write the examples, each as a module of its own; gives their names."""
    found = examples("python")
    for name, code in found.items():
        (folder / f"sdk_{name}.py").write_text(code, encoding="utf-8")
    return list(found)


def test_they_are_well_typed(tmp_path: Path) -> None:
    """Each passes mypy --strict as it stands, by the types that the package ships, and is formatted as our code is."""
    written(tmp_path)
    for command in ("mypy --strict", "ruff format --check --config pyproject.toml"):
        done = subprocess.run(
            [sys.executable, "-m", *command.split(), tmp_path],
            cwd=house.ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=TYPES_LIMIT_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Stage:
    """What the examples are given."""

    modules: Mapping[str, ModuleType]
    login: tuple[str, str, str]
    notify: WebhookClient
    lab: aiohttp.ClientSession
    folder: Path


@asynccontextmanager
async def a_stage(modules: Mapping[str, ModuleType], service: Mapping[str, Any], folder: Path) -> AsyncIterator[Stage]:
    login = (service["base_url"], service["client_id"], service["client_secret"])
    async with WebhookClient(*login) as notify, aiohttp.ClientSession(service["lab_url"]) as lab:
        yield Stage(modules, login, notify, lab, folder)


async def first(stage: Stage, example: ModuleType) -> None:
    """The first one is a whole program."""
    environment = dict(zip(("NOTIFY_URL", "NOTIFY_ID", "NOTIFY_SECRET"), stage.login, strict=True))
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(example.__file__), env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await program.communicate()
    assert (program.returncode, out.decode()) == (0, "delivered viber\n")


async def patient(stage: Stage, example: ModuleType) -> None:
    """A patient is stored, and the route is told."""
    assert (await example.ask(stage.notify, PATIENT_ID))["route"] == ["viber", "sms"]
    assert (await stage.notify.get_patient(PATIENT_ID))["birth_date"] == "1990-05-17"


async def repeated(stage: Stage, example: ModuleType) -> None:
    """An answer is lost on the way, and the program does all of it again: one notification, one message."""
    said = (PATIENT_ID, "rx-1", "0000-243P-1X53-EH38")
    async with losing(stage.login[0]) as loss, NotifyClient(loss.url, *stage.login[1:]) as notify:
        one = await example.tell_of_prescription(notify, *said)
    other = await example.tell_of_prescription(stage.notify, *said)
    assert (loss.lost, one) == (1, other)
    assert [one["id"] async for one in stage.notify.find(reference="rx-1")] == [one]


async def file(stage: Stage, example: ModuleType) -> None:
    """Good lines are sent once, though the file is sent twice; the bad one is told by its line."""
    path = stage.folder / "orders.csv"
    rows = [f"+38000000004{number},0123-4567-89AB-CEIK,file-{number}" for number in (1, 2)]
    rows.insert(1, "+380000000049,no-number,file-bad")
    path.write_text("\n".join(["phone,number,referral", *rows, ""]), encoding="utf-8")
    for _ in range(2):
        assert await example.send_file(stage.notify, path) == ["2: invalid_input"]
    for reference in ("file-1", "file-2"):
        (sent,) = [one async for one in stage.notify.find(reference=reference)]
        assert (await stage.notify.wait(sent["id"], LIMIT_S))["status"] == "delivered"


async def pages(stage: Stage, example: ModuleType) -> None:
    """What was delivered under a reference is counted."""
    assert await example.count_delivered(stage.notify, "file-1") == 1
    assert await example.count_delivered(stage.notify, "nobody's") == 0


async def followed(stage: Stage, example: ModuleType) -> None:
    """Facts come until the end."""
    data = {"request_number": "0123-4567-89AB-CEIK"}
    sent = await stage.notify.send("referral_issued", data, recipient={"phone": "+380000000003"})
    names = await example.follow(stage.notify, sent["id"])
    assert (names[-1], "AttemptStarted" in names) == ("end", True)


async def code(stage: Stage, example: ModuleType) -> None:
    """The code that the phone shows confirms; three wrong ones do not."""
    phones = ("+380000000004", "+380000000005")
    assert await example.confirm(stage.notify, "request-1", phones[0], _reader(stage.lab, phones[0]))

    async def guess() -> str:
        shown = await _reader(stage.lab, phones[1])()
        return f"{(int(shown) + 1) % 10 ** len(shown):0{len(shown)}d}"

    assert not await example.confirm(stage.notify, "request-2", phones[1], guess)


def _reader(lab: aiohttp.ClientSession, phone: str) -> Callable[[], Awaitable[str]]:
    """Somebody who reads the code on the phone."""

    async def told() -> str:
        async with lab.get(f"/phones/{phone}/messages") as reply:
            found = re.search(r"\b\d{4,8}\b", (await reply.json())[-1]["text"])
        assert found is not None
        return found[0]

    return told


async def summary(stage: Stage, example: ModuleType) -> None:
    """A sheet is on the disk."""
    sheet = await example.hand_out(stage.notify, PATIENT_ID, stage.folder)
    assert sheet.read_bytes().startswith(b"%PDF")


async def webhooks(stage: Stage, example: ModuleType) -> None:
    """A receiver learns of a delivery, and refuses what is not from the service."""
    seen: dict[str, str] = {}
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://localhost:{listening.getsockname()[1]}/webhooks"
    runner = web.AppRunner(example.receiver(await example.subscribe(stage.notify, address), seen))
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        async with stage.lab.post(address, json={"subject": "x"}) as refused:
            assert refused.status == 400
        data = {"request_number": "0123-4567-89AB-CEIK"}
        sent = await stage.notify.send("referral_issued", data, recipient={"phone": "+380000000006"})
        while sent["id"] not in seen:
            await asyncio.sleep(0.05)
    finally:
        await runner.cleanup()
    assert seen == {sent["id"]: "delivered"}


async def errors(stage: Stage, example: ModuleType) -> None:
    """A broken rule is named by its place; nobody there is "later"; what is good is sent."""
    assert await example.send_or_say_why(stage.notify, "+38000", "4x21") == (
        "/data/verification_code not_a_code; /recipient/phone format"
    )
    async with NotifyClient("http://127.0.0.1:1", "a", "b", sleep=lambda _: asyncio.sleep(0)) as nobody:
        assert await example.send_or_say_why(nobody, "+380000000007", "4821") == "later"
    sent = await example.send_or_say_why(stage.notify, "+380000000007", "4821")
    assert (await stage.notify.get(sent))["kind"] == "confirmation_code"


async def connections(stage: Stage, example: ModuleType) -> None:
    """A session of the caller's own carries the calls."""
    sent = await stage.notify.send(
        "confirmation_code", {"verification_code": "4821"}, recipient={"phone": "+380000000008"}
    )
    assert await example.status_of(*stage.login, sent["id"]) in {"accepted", "in_delivery", "delivered"}


async def not_asynchronous(stage: Stage, example: ModuleType) -> None:
    """A function that is not asynchronous sends and waits."""
    url, client_id, secret = stage.login
    assert await asyncio.to_thread(example.send_and_wait, url, client_id, secret, "+380000000009") == "delivered"


RUNS: Mapping[str, Callable[[Stage, ModuleType], Awaitable[None]]] = {
    "the_first_notification": first,
    "a_patient_and_who_would_be_informed": patient,
    "when_your_own_program_may_do_it_twice": repeated,
    "a_file_of_many": file,
    "pages": pages,
    "following_one": followed,
    "a_one_time_code": code,
    "the_printed_summary": summary,
    "webhooks": webhooks,
    "errors": errors,
    "your_own_connections_and_times": connections,
    "programs_that_are_not_asynchronous": not_asynchronous,
}
"""How each is called, by its heading; each may use what those before it left."""


async def test_they_do_what_they_say(
    service: Mapping[str, Any], modules: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    """Each example is called as its page says, and comes to what it should; none is left out."""
    assert set(RUNS) == set(modules)
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(a_stage(modules, service, tmp_path))
        for name, run in RUNS.items():
            async with asyncio.timeout(LIMIT_S):
                await run(stage, modules[name])
