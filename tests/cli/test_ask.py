"""send, watch and route: as any other caller of a service that really runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.commands import run

CODE = ("confirmation_code", "--phone", "+380000000001", "--data", "verification_code=4821")
REFERRAL = ("referral_issued", "--phone", "+380000000001", "--data", "request_number=0123-4567-89AB-CEIK")
NOBODY = "0198c0de-0000-7000-8000-000000000001"


@pytest.fixture
def patient(service: Path) -> str:
    """The id of a patient who is informed on paper."""
    patient_id = "0198c0de-0000-7000-8000-00000000000b"
    document = {"birth_date": "1950-05-17", "confidants": [], "authentication_methods": [{"type": "OFFLINE"}]}
    code = (
        "import asyncio, json, sys\n"
        "from esoz_notify.client import NotifyClient\n"
        "client = json.load(open('demo-data/dev-client.json'))\n"
        "async def put():\n"
        "    async with NotifyClient(client['base_url'], client['client_id'], client['client_secret']) as service:\n"
        "        await service.put_patient(sys.argv[1], json.loads(sys.argv[2]))\n"
        "asyncio.run(put())\n"
    )
    subprocess.run([sys.executable, "-c", code, patient_id, json.dumps(document)], cwd=service, check=True, timeout=60)
    return patient_id


def _send(service: Path, *words: object) -> Any:
    return run("send", *words, "--json", folder=service).json


def test_send_and_watch_until_it_is_delivered(service: Path) -> None:
    """The whole story is one JSON object, or a picture in Ukrainian or English; delivered is exit code 0."""
    done = run("send", *CODE, "--watch", "--json", folder=service)
    assert (done.code, done.json["status"]) == (0, "delivered")
    shown = run("watch", done.json["id"], folder=service)
    assert (shown.code, "Доставлено" in shown.out, "перший крок маршруту" in shown.out) == (0, True, True)
    assert "+380000000001" not in shown.out
    english = run("watch", done.json["id"], "--lang", "en", folder=service)
    assert "the first step of the route" in english.out


def test_send_twice_under_one_key_is_one(service: Path) -> None:
    """An Idempotency-Key of the caller's own makes repeats harmless."""
    first, second = (_send(service, *REFERRAL, "--key", "visit-1", "--reference", "visit-1") for _ in range(2))
    assert first["id"] == second["id"]
    shown = run("send", *REFERRAL, folder=service)
    assert (shown.code, "Маршрут: Viber → SMS" in shown.out) == (0, True)


def test_the_print_is_not_watched(service: Path, patient: str) -> None:
    """Who is informed on paper waits for the doctor: the watch ends, and nothing has failed."""
    words = ("prescription_issued", "--patient", patient, "--data", "request_number=0000-243P-1X53-EH38")
    done = run(
        "send",
        *words,
        "--summary",
        "medication=Аспірин",
        "--summary",
        "dosage=по 1 вранці",
        "--watch",
        "--json",
        folder=service,
    )
    assert (done.code, done.json["status"]) == (0, "print_required")
    shown = run("route", *words, folder=service)
    assert (shown.code, "на папері" in shown.out) == (0, True)


def test_route_sends_nothing_and_says_why(service: Path) -> None:
    """Steps with their windows, what was left out and why; nobody to inform is exit code 1."""
    shown = run("route", *REFERRAL, folder=service)
    assert shown.code == 0
    assert "90 s" in shown.out
    assert "податковим номером" in shown.out
    told = run("route", *REFERRAL, "--json", folder=service)
    assert told.json["route"] == ["viber", "sms"]


def test_what_the_service_refuses_is_told_whole(service: Path) -> None:
    """Every broken rule with its pointer; the exit code says that the call was wrong, and values are not repeated."""
    words = (
        "confirmation_code",
        "--phone",
        "+380000000001",
        "--data",
        "verification_code=4x21",
        "--data",
        "colour=red",
    )
    shown = run("send", *words, folder=service)
    assert (shown.code, shown.out) == (2, "")
    assert "/data/verification_code" in shown.err
    assert "/data/colour" in shown.err
    assert "4x21" not in shown.err
    told = run("send", *words, "--json", folder=service)
    assert (told.code, told.json["code"]) == (2, "invalid_input")
    assert run("watch", NOBODY, folder=service).code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("send", "confirmation_code", "--data", "verification_code=4821"),
        ("send", *CODE, "--patient", NOBODY),
        ("send", "confirmation_code", "--phone", "+380000000001", "--data", "4821"),
        ("send", *CODE, "--data", "verification_code=4822"),
        ("send", *CODE, "--lang", "fr"),
        ("send", *CODE, "--client", "no-such-file.json"),
        ("send", *CODE),
        ("route", *CODE, "--url", "http://127.0.0.1:1"),
        ("watch", "not-an-id"),
        ("watch",),
    ],
)
def test_a_wrong_call_is_told_before_any_service_is_asked(tmp_path: Path, words: tuple[str, ...]) -> None:
    """One sentence on standard error, exit code 2, no traceback, and no value that was given."""
    done = run(*words, folder=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert done.err.strip()
    assert "4821" not in done.err


@pytest.mark.parametrize("content", ["[]", "{"])
def test_a_client_file_that_is_none(tmp_path: Path, content: str) -> None:
    """A file that is not a JSON object is named."""
    (tmp_path / "client.json").write_text(content)
    done = run("send", *CODE, "--client", "client.json", folder=tmp_path)
    assert done.code == 2
    assert "client.json" in done.err
