"""The Python client has every call of the contract that is a caller's, with the types of its answer, and is light."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, get_type_hints

import msgspec
import pytest
from aiohttp import web

from esoz_notify.api import examples
from esoz_notify.api.contract import EVENTS_TYPE, OPERATIONS, Envelope, Operation
from esoz_notify.api.reading import JSON_TYPE, NDJSON_TYPE
from esoz_notify.operator_client import OperatorClient
from esoz_notify.webhook_client import WebhookClient

ID = "0198c0de-0000-7000-8000-0000000000aa"
AT = datetime(2026, 11, 23, tzinfo=UTC)
ORDER = ("referral_issued", {"request_number": "0123-4567-89AB-CEIK"})

NOT_CALLERS: Mapping[str, str] = {
    "issue_token": "every call gets its token by itself",
    "authorization_server": "for OAuth libraries; this client knows where the token is",
    "list_notifications": "search_notifications does the same and puts nothing personal into an address",
    "take_callback": "for providers",
    "alive": "for whoever runs the service",
    "ready": "for whoever runs the service",
    "metrics": "for Prometheus",
    "openapi": "for generators",
    "docs": "for people",
}
"""Calls that the client has no method for, and why."""


def is_callers(operation: Operation) -> bool:
    """Whether medical systems and operators make it by this client."""
    other_contract = operation.envelope is not Envelope.PROBLEM or operation.path.startswith("/fhir")
    return not (other_contract or operation.name in NOT_CALLERS)


@dataclass(frozen=True, slots=True)
class Call:
    """A method with what it is given."""

    method: str
    args: tuple[Any, ...] = ()
    more: Mapping[str, Any] | None = None


CALLS: Mapping[str, Call] = {
    "accept_notification": Call("send", ORDER, {"recipient": {"phone": "+380000000001"}}),
    "accept_batch": Call("send_many", ([],)),
    "search_notifications": Call("find"),
    "get_notification": Call("get", (ID,)),
    "stream_events": Call("events", (ID,)),
    "cancel_notification": Call("cancel", (ID,)),
    "resend_notification": Call("resend", (ID,)),
    "print_summary": Call("summary", (ID,)),
    "dry_run": Call("route", ORDER, {"patient_id": ID}),
    "create_verification": Call("verify", ("declaration", "request-1"), {"patient_id": ID}),
    "get_verification": Call("verification", (ID,)),
    "check_verification": Call("check", (ID, "4821")),
    "resend_verification": Call("resend_code", (ID,)),
    "stream_verification": Call("code_events", (ID,)),
    "put_patient": Call("put_patient", (ID, {})),
    "get_patient": Call("get_patient", (ID,)),
    "delete_patient": Call("delete_patient", (ID,)),
    "list_providers": Call("providers"),
    "provider_history": Call("provider_history", ("carrier-a",)),
    "hold_provider": Call("hold_provider", ("carrier-a", "their maintenance")),
    "resume_provider": Call("resume_provider", ("carrier-a", "it is over")),
    "list_verification_alarms": Call("verification_alarms"),
    "list_crises": Call("crises"),
    "propose_crisis": Call("propose_crisis", ("everything",), {"ends_at": AT, "reason": "nothing arrives"}),
    "confirm_crisis": Call("confirm_crisis", (ID,)),
    "withdraw_crisis": Call("withdraw_crisis", (ID, "it works again")),
    "crisis_report": Call("crisis_report", (ID,)),
    "create_webhook": Call("create_webhook", ("https://mis.example/webhooks",)),
    "list_webhooks": Call("webhooks"),
    "get_webhook": Call("webhook", (ID,)),
    "change_webhook": Call("change_webhook", (ID,), {"enabled": True}),
    "delete_webhook": Call("delete_webhook", (ID,)),
    "rotate_webhook_secret": Call("rotate_webhook_secret", (ID,)),
    "test_webhook": Call("test_webhook", (ID,)),
    "list_webhook_deliveries": Call("webhook_deliveries", (ID,)),
    "replay_webhook_event": Call("replay_event", (ID, ID)),
    "replay_webhook_events": Call("replay_events", (ID,), {"since": AT}),
}
MADE_OF_OTHERS = {"send_stream", "wait", "open", "close"}
"""Methods that are no call of their own."""

OWN_ANSWER = {"stream_events", "stream_verification", "print_summary", "replay_webhook_events"}
"""Calls whose answer has another form at the client: events, octets, and how many were replayed in all."""


class EveryClient(OperatorClient, WebhookClient):
    """All that the clients can do."""


def test_every_call_of_the_contract_has_a_method() -> None:
    """What the table of calls has for callers is here, and each method is of a call; exceptions have their reason."""
    assert set(CALLS) == {name for name, operation in OPERATIONS.items() if is_callers(operation)}
    assert set(NOT_CALLERS) <= set(OPERATIONS)
    public = {
        name
        for name, value in vars(WebhookClient).items() | vars(OperatorClient).items() | _members(WebhookClient)
        if not name.startswith("_") and (iscoroutinefunction(value) or isasyncgenfunction(value))
    }
    assert public == {call.method for call in CALLS.values()} | MADE_OF_OTHERS


def _members(kind: type) -> set[tuple[str, Any]]:
    return {item for base in kind.__mro__ for item in vars(base).items() if base is not object and callable(item[1])}


@pytest.mark.parametrize("name", CALLS)
async def test_a_method_makes_its_call(name: str) -> None:
    """By the method and the path of the contract, and it reads the answer that the contract shows as an example."""
    operation, call = OPERATIONS[name], CALLS[name]
    async with a_service(operation) as (url, asked), EveryClient(url, "a", "b") as client:
        coming = getattr(client, call.method)(*call.args, **(call.more or {}))
        if isasyncgenfunction(getattr(EveryClient, call.method)):
            assert [one async for one in coming]
        else:
            await coming
    pattern = re.sub(r"\{\w+\}", "[^/]+", operation.path)
    assert [(method, bool(re.fullmatch(pattern, path))) for method, path in asked] == [(operation.method, True)]


@pytest.mark.parametrize("name", sorted(set(CALLS) - OWN_ANSWER))
def test_an_answer_has_the_contracts_type(name: str) -> None:
    """What a method gives is declared as the shape of the contract, or as the items of its list."""
    hint = get_type_hints(getattr(EveryClient, CALLS[name].method))["return"]
    shape = OPERATIONS[name].answers[0].shape
    if shape is None:
        assert hint is type(None)
        return
    listed = [field.type for field in msgspec.structs.fields(shape) if field.name == "data"]
    wanted = {shape.__name__} | {one.__name__ for kind in listed for one in kind.__args__}
    assert wanted & set(re.findall(r"\w+", str(hint)))


@asynccontextmanager
async def a_service(operation: Operation) -> AsyncIterator[tuple[str, list[tuple[str, str]]]]:
    """Answers one call by its example; gives its address and what was asked of it besides tokens."""
    asked: list[tuple[str, str]] = []

    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "scope": ""})

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.path))
        return _example(operation)

    app = web.Application()
    app.router.add_post("/oauth/token", token)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def _example(operation: Operation) -> web.Response:
    good = operation.answers[0]
    if not good.media_types:
        return web.Response(status=good.status)
    if EVENTS_TYPE in good.media_types:
        return web.Response(text='event: end\ndata: {"status": "delivered"}\n\n', content_type=EVENTS_TYPE)
    if good.shape is None:
        return web.Response(body=b"%PDF")
    shown = examples.ANSWERS[good.shape.__name__]
    last_page = {"next_cursor": None} if "next_cursor" in shown else {}
    media_type = NDJSON_TYPE if NDJSON_TYPE in good.media_types else JSON_TYPE
    text = json.dumps({**shown, **last_page})
    return web.Response(status=good.status, text=text, content_type=media_type)


_LOADED = (
    "import sys; before = set(sys.modules); import {module}\n"
    "print(*sorted(set(sys.modules) - before - set(sys.stdlib_module_names)))"
)
OURS = re.compile(r"esoz_notify(\.(client|client\.\w+|operator_client|webhook_client|webhooks|core|core\.\w+))?")


def _loaded(module: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED.format(module=module)], capture_output=True, text=True, check=True, timeout=120
    )
    return {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}


def test_it_imports_nothing_of_the_service() -> None:
    """The clients load aiohttp with what that needs, themselves and core; checking webhooks loads core only."""
    clients = _loaded("esoz_notify.operator_client, esoz_notify.webhook_client")
    ours = {name for name in clients if name.partition(".")[0] == "esoz_notify"}
    assert {name for name in ours if not OURS.fullmatch(name)} == set()
    assert clients - ours <= _loaded("aiohttp")
    assert {name for name in _loaded("esoz_notify.webhooks") if not OURS.fullmatch(name)} == set()
    assert not [name for name in _loaded("esoz_notify.webhooks") if "client" in name]
