"""The paper for developers who speak FHIR: its examples run as they stand there, its tables are those of the code."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.api.desk import Desk
from tests.api.fhir_resources import TYPE, r4

from esoz_notify.api import fhir_reading, fhir_searches
from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.fhir_contract import FHIR

PAPER = (Path(__file__).parents[2] / "docs" / "fhir.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAPER, re.DOTALL)


async def test_what_the_paper_sends_is_taken(desk: Desk) -> None:
    """Each resource is R4, is accepted, and is withdrawn by the patch."""
    await desk.patient()
    *resources, patch = (json.loads(block) for block in _blocks("json"))
    assert len(resources) == 2
    for resource in resources:
        reply = await desk.call("POST", "/fhir/CommunicationRequest", r4(resource), content_type=TYPE)
        assert reply.status == 201, reply.body
        path = f"/fhir/CommunicationRequest/{reply.json['id']}"
        revoked = await desk.call("PATCH", path, patch, content_type=terms.PATCH_TYPE)
        assert revoked.json["status"] == "revoked"


async def test_the_papers_program_runs(desk: Desk) -> None:
    """The client that others wrote, by the paper's own lines."""
    await desk.patient()
    (code,) = _blocks("python")
    given = {"NOTIFY_URL": desk.base_url, "NOTIFY_TOKEN": await desk.token()}
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=os.environ | given, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await running.communicate()
    assert (running.returncode, out) == (0, b"active []\n")


def test_the_papers_tables_are_those_of_the_code() -> None:
    """Every status, outcome and reason is told as it is answered, and every element as it is read."""
    rows: list[tuple[Any, ...]] = [
        tuple(re.findall(r"`([^`]*)`", cell) for cell in line.strip("|").split("|"))
        for line in PAPER.splitlines()
        if line.startswith("|")
    ]
    two = [row for row in rows if len(row) == 2]
    for status, standard in terms.REQUEST_STATUSES.items():
        assert ([status.value], [standard]) in two, status
    for outcome, standard in terms.EVENT_STATUSES.items():
        assert ([outcome.value], ["{id}.{no}"], [standard]) in rows, outcome
    for status, standard in terms.PAPER_STATUSES.items():
        assert ([status.value], ["{id}.print"], [standard]) in rows, status
    told = {reason: row[1][0] for row in two if row[1][:1] and row[1][0] in set(terms.NOT_DONE_REASONS.values())
            for reason in row[0]}  # fmt: skip
    assert told == {reason.value: standard for reason, standard in terms.NOT_DONE_REASONS.items()}
    not_kept = PAPER.partition("Taken, and neither kept nor answered")[2].partition("contained resources")[0]
    assert set(re.findall(r"`(\w+)`", not_kept)) == fhir_reading.NOT_KEPT
    for element in fhir_reading.REFUSED:
        assert f"`{element}`" in PAPER, element
    for call in FHIR:
        path = re.sub(r"\{\w+\}", "{id}", call.path)
        assert f"| `{call.method} {path}" in PAPER, call.name


def test_identifiers_and_references_are_read_as_they_are_written() -> None:
    """A reference of ours is the same after it was an identifier; what is no identifier is none."""
    for system, value in ((None, "rx|7"), (None, "rx-7"), ("https://mis.example/rx", "7"), ("urn:x:y", "a|b")):
        reference = fhir_reading.read_identifier(system, value)
        assert reference == (value if system is None else f"{system}|{value}")
    wrong: tuple[tuple[Any, Any], ...] = (
        ("no uri", "7"), ("urn:x", ""), (None, "a\nb"), (None, "x" * 201), (7, "7"), (None, 7),
    )  # fmt: skip
    for system, value in wrong:
        assert fhir_reading.read_identifier(system, value) is None, (system, value)
    patient = "0198c0de-0000-7000-8000-000000000001"
    for text in (patient, f"Patient/{patient}", f"https://register.example/fhir/Patient/{patient}"):
        assert fhir_searches.patient_of(text) == UUID(patient)
    for text in ("", "Patient/7", f"Group/{patient}", f"{patient}/Patient"):
        assert fhir_searches.patient_of(text) is None
