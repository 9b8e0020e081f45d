"""ESOZ's present contract as recorded exchanges: tests/api/exchanges has a file for every rule and every error.

A file is a rule and exchanges in order: a request, the status, the whole body. In bodies ``<id>`` stands for an id,
``<time>`` for a time, ``<base>`` for the service's address, ``<text>`` for a sentence that begins so. In requests
``<code>``, ``<number>`` and ``<wrong>`` stand for the code that the last message brought. ``given`` is what happens
between two exchanges.
"""

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.api.codes import code_of, later, other_than
from tests.api.desk import PHONE, Desk, Reply, a_desk

from esoz_notify.api.contract import OPERATIONS, Envelope
from esoz_notify.api.esoz_envelope import TYPES, VERDICTS
from esoz_notify.api.rates import RateLimit
from esoz_notify.core.verification import Verdict
from esoz_notify.engine import verifications as making

FILES = sorted((Path(__file__).parent / "exchanges").glob("*.json"))
RECORDED = {file: json.loads(file.read_text("utf-8")) for file in FILES}
_TIME = re.compile(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Replay:
    """What a file is replayed against. ``code``: that of the last message; ``remembered``: an earlier one."""

    desk: Desk
    monkeypatch: pytest.MonkeyPatch
    code: str = "0000"
    remembered: str = ""
    last_id: str = ""

    async def given(self, what: str) -> None:
        """Do what happens between two exchanges."""
        match what:
            case "the ledger is away":
                await self.desk.token("otp:write")
                await self.desk.ledger.close()
            case "the code has expired":
                await later(self.desk, self.last_id, 301)
            case "remember the code":
                self.remembered = self.code
            case "the next code is 0042":
                self.monkeypatch.setattr(making, "new_code", lambda _: "0042")
            case "the client has spent its requests":
                while (await self.desk.call("GET", f"/verifications/{PHONE}")).status != 429:
                    pass
            case other:
                raise AssertionError(f"nobody knows how: {other}")

    async def send(self, request: dict[str, Any]) -> Reply:
        """Make one request of a file."""
        body, raw = request.get("body"), request.get("raw")
        headers = {"content_type": request.get("content_type", "application/json")}
        if "request_id" in request:
            headers["x_request_id"] = request["request_id"]
        return await self.desk.call(
            request["method"],
            request["path"],
            raw=json.dumps(self.filled(body)).encode() if body is not None else self.raw(raw, request),
            token=await self.token(request),
            **headers,
        )

    def raw(self, raw: str | None, request: dict[str, Any]) -> bytes | None:
        """A body that is none of JSON."""
        return b" " * request["raw_bytes"] if "raw_bytes" in request else raw.encode() if raw is not None else None

    async def token(self, request: dict[str, Any]) -> str | None:
        """The token that a request shows."""
        if "client" in request:
            secret = await self.desk.access.callers.create(request["client"], "Another", ["otp:write"])
            return (await self.desk.access.issue(request["client"], secret)).access_token
        if "token" in request:
            shown: str | None = request["token"]
            return shown
        return await self.desk.token(*request.get("scopes", ["otp:write"]))

    def filled(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body with the codes that the file could not know."""
        known = {
            "<code>": self.code,
            "<number>": int(self.code),
            "<wrong>": other_than(self.code),
            "<remembered>": self.remembered,
        }
        return {name: known.get(value, value) if isinstance(value, str) else value for name, value in body.items()}

    async def learn(self) -> None:
        """Read the code of the last message that was made."""
        async with self.desk.ledger.transaction() as connection:
            cursor = await connection.execute("SELECT id FROM verification ORDER BY created_at DESC, id DESC LIMIT 1")
            row = await cursor.fetchone()
        if row is not None:
            self.last_id = str(row[0])
            self.code = await code_of(self.desk, self.last_id)


def fits(told: object, recorded: object, base: str) -> bool:
    """Whether an answer is the recorded one."""
    if isinstance(recorded, dict) and isinstance(told, dict):
        return told.keys() == recorded.keys() and all(fits(told[name], recorded[name], base) for name in told)
    if isinstance(recorded, list) and isinstance(told, list):
        return len(told) == len(recorded) and all(fits(*pair, base) for pair in zip(told, recorded, strict=True))
    if not isinstance(recorded, str) or not isinstance(told, str):
        return told == recorded
    if recorded == "<id>":
        return _ID.fullmatch(told) is not None
    if recorded == "<time>":
        return _TIME.fullmatch(told) is not None
    if recorded.startswith("<text>"):
        return told.startswith(recorded.removeprefix("<text>"))
    return told == recorded.replace("<base>", base)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_every_exchange_is_answered_as_recorded(
    ledger_dsn: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule in each file holds: every request of it is answered with the recorded status and body."""
    recorded = RECORDED[file]
    options: dict[str, Any] = {"rate_limit": RateLimit(quota=3, window_s=300)} if file.stem.startswith("rate") else {}
    async with a_desk(ledger_dsn, **options) as desk:
        replay = Replay(desk, monkeypatch)
        for number, step in enumerate(recorded["exchanges"], 1):
            if "given" in step:
                await replay.given(step["given"])
                continue
            reply = await replay.send(step["request"])
            where = f"{file.name}, exchange {number}: {reply.status} {reply.body.decode()}"
            assert reply.status == step["status"], where
            assert fits(reply.json, step["body"], desk.base_url), where
            assert all(name in reply.headers for name in step.get("headers", ())), where
            if reply.status in {200, 201}:
                await replay.learn()


def test_every_status_and_error_is_recorded() -> None:
    """No status, error type or text of the contract lacks its recorded exchange."""
    answers = [step for file in FILES for step in RECORDED[file]["exchanges"] if "request" in step]
    statuses = {step["status"] for step in answers}
    errors = {step["body"]["error"]["type"] for step in answers if "error" in step["body"]}
    messages = {step["body"]["error"]["message"] for step in answers if "error" in step["body"]}
    possible = {
        status
        for operation in OPERATIONS.values()
        if operation.envelope is Envelope.ESOZ
        for status in (*operation.refusals, *(answer.status for answer in operation.answers))
    }

    assert possible | {401, 403, 429, 503} == statuses
    assert errors == {name for status, name in TYPES.items() if status not in {409, 500}}
    assert set(VERDICTS.values()) <= messages
    assert set(VERDICTS) == {Verdict.WRONG, Verdict.EXPIRED, Verdict.TOO_MANY}


async def test_a_phone_of_a_path_is_in_no_log_and_in_no_failure(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the log nor an answer to a failed call repeats it, also when something unforeseen goes wrong."""
    caplog.set_level(logging.DEBUG)
    paths = [
        ("GET", f"/verifications/{PHONE}", None),
        ("PATCH", f"/verifications/{PHONE}/actions/complete", {"code": 1}),
    ]
    replies = [await desk.call(way, path, body) for way, path, body in paths]

    async def fails(*_: object) -> bool:
        raise RuntimeError(f"about {PHONE}")

    monkeypatch.setattr(desk.service.esoz, "is_verified", fails)
    replies.append(await desk.call(*paths[0]))

    assert [(one.status, one.code) for one in replies] == [
        (404, "not_found"),
        (404, "not_found"),
        (500, "internal_error"),
    ]
    digits = PHONE[1:]
    assert digits not in caplog.text
    assert all(digits.encode() not in one.body for one in replies)
    assert "/verifications/{phone}/actions/complete" in caplog.text
