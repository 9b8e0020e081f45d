"""Health, numbers, the published contract and its page; and providers' callbacks."""

import base64
import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.api.desk import CARRIER, INLINE, Desk, a_desk

from esoz_notify.api import examples
from esoz_notify.api.contract import OPERATIONS
from esoz_notify.api.edge import Check
from esoz_notify.api.metrics import ApiMetrics
from esoz_notify.api.openapi import document
from esoz_notify.core.limits import CALLBACK_BYTES_MAX
from esoz_notify.core.probe import Judged
from esoz_notify.engine.probing import ProbeStanding
from esoz_notify.store.probes import Probe


async def test_alive_and_ready(desk: Desk) -> None:
    """Both say so without a token."""
    assert (await desk.call("GET", "/healthz", token=None)).json == {"status": "ok"}
    ready = await desk.call("GET", "/readyz", token=None)

    assert (ready.status, ready.json) == (200, {"status": "ready", "checks": {"ledger": {"ok": True, "state": "ok"}}})


async def test_not_ready_without_what_is_vital(ledger_dsn: str) -> None:
    """A provider that is down is only told; without a vital part or the ledger no requests should come."""
    states = {"carrier": Check(ok=False, state="down", vital=False)}
    async with a_desk(ledger_dsn, readiness=lambda: states) as desk:
        limping = await desk.call("GET", "/readyz", token=None)
        assert (limping.status, limping.json["checks"]["carrier"]) == (200, {"ok": False, "state": "down"})

        states["worker"] = Check(ok=False, state="stuck")
        assert (await desk.call("GET", "/readyz", token=None)).status == 503

        del states["worker"]
        await desk.ledger.close()
        away = await desk.call("GET", "/readyz", token=None)
        assert (away.status, away.json["checks"]["ledger"]) == (503, {"ok": False, "state": "away"})
        assert (await desk.call("GET", "/healthz", token=None)).status == 200


async def test_requests_are_counted_by_route(desk: Desk) -> None:
    """Counters have the route of the contract and the class of the status; paths that are none share one label."""
    await desk.send()
    for path in ("/v1/notifications/1", "/nowhere/a", "/nowhere/b"):
        await desk.call("GET", path)
    text = (await desk.call("GET", "/metrics", token=None)).body.decode()
    counted = dict(re.findall(r"esoz_notify_http_requests_total\{(.*)\} (\d+)\.0", text))

    assert counted['method="POST",route="/v1/notifications",status="2xx"'] == "1"
    assert counted['method="GET",route="none",status="4xx"'] == "3"
    assert re.search(r"^process_resident_memory_bytes [1-9][\d.e+]+$", text, re.MULTILINE)
    assert re.search(r"^esoz_notify_http_requests_in_flight 1.0$", text, re.MULTILINE)
    assert "nowhere" not in text


def test_probes_are_gauges() -> None:
    """The last of each provider and lane; what was never probed, and times that there are none of, are left out."""
    at = datetime(2026, 11, 26, tzinfo=UTC)

    def standing(provider: str, judged: Judged | None, failures: int = 0) -> ProbeStanding:
        last = Probe(id=uuid4(), provider=provider, lane="codes", begun_at=at, ended_at=at, judged=judged)
        return ProbeStanding(
            provider=provider, lane="codes", last=last if judged else None, failures=failures, under_way=False
        )

    arrived, failed = Judged(ok=True, handed_s=0.25, receipt_s=2.5), Judged(ok=False, reason="no_receipt")
    metrics, known = ApiMetrics(), [standing("new", None)]
    metrics.watch(int, lambda: known)
    assert "esoz_notify_probe_ok{" not in metrics.text().decode()

    known += [standing('a"b', arrived), standing("smsc", failed, 2)]
    text = metrics.text().decode()
    assert [line for line in text.splitlines() if line.startswith("esoz_notify_probe_")] == [
        'esoz_notify_probe_ok{lane="codes",provider="a\\"b"} 1.0',
        'esoz_notify_probe_ok{lane="codes",provider="smsc"} 0.0',
        'esoz_notify_probe_failures_in_row{lane="codes",provider="a\\"b"} 0.0',
        'esoz_notify_probe_failures_in_row{lane="codes",provider="smsc"} 2.0',
        'esoz_notify_probe_handed_over_seconds{lane="codes",provider="a\\"b"} 0.25',
        'esoz_notify_probe_receipt_seconds{lane="codes",provider="a\\"b"} 2.5',
    ]


async def test_the_contract_is_valid_openapi(desk: Desk) -> None:
    """/openapi.json is OpenAPI 3.1 and holds every call of the table with its scope."""
    published = (await desk.call("GET", "/openapi.json", token=None)).json
    OpenAPIV31SpecValidator(published).validate()

    assert published == document()
    assert sum(len(methods) for methods in published["paths"].values()) == len(OPERATIONS)
    for operation in OPERATIONS.values():
        if operation.scope is not None:
            security = published["paths"][operation.path][operation.method.lower()]["security"]
            assert security[0] == {"oauth2": [operation.scope]}


async def test_answers_may_grow_and_requests_may_not(desk: Desk) -> None:
    """The published shapes of answers allow new members; those of requests do not, as unknown ones are refused."""
    schemas = (await desk.call("GET", "/openapi.json", token=None)).json["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}

    assert closed == {
        "CodeCheck",
        "CrisisProposal",
        "GovukPersonalisation",
        "GovukSms",
        "TurboSmsIds",
        "TurboSmsPart",
        "TurboSmsSending",
        "EsozCode",
        "EsozFactor",
        "EsozPhoneVerificationRequest",
        "EsozText",
        "GivenReason",
        "InlineRecipient",
        "MethodChoice",
        "NewWebhook",
        "NotificationRequest",
        "ReplayRange",
        "Search",
        "SecretRotation",
        "TokenRequest",
        "VerificationRequest",
        "WebhookChange",
    }


async def test_examples_fit_their_shapes(desk: Desk) -> None:
    """What the contract shows as an example is one."""
    for name, value in examples.ANSWERS.items():
        desk.fits(value, {"$ref": f"#/components/schemas/{name}"})
    for name, given in examples.REQUESTS.items():
        for value in given.values():
            desk.fits(value, {"$ref": f"#/components/schemas/{name}"})


async def test_example_requests_are_good(desk: Desk) -> None:
    """The examples of requests do what they say."""
    patient = next(iter(examples.REQUESTS["PatientDocument"].values()))
    assert (await desk.patient(patient)).status == 201
    for asked in examples.REQUESTS["NotificationRequest"].values():
        reply = await desk.call("POST", "/v1/route", {**asked, "valid_until": None})
        assert reply.json["informed"] is True


async def test_the_page_shows_every_call_and_fetches_nothing(desk: Desk) -> None:
    """/docs names every call; no script, no address of another host, and a policy that forbids both."""
    reply = await desk.call("GET", "/docs", token=None)
    page = reply.body.decode()

    assert all(f'id="{operation.name}"' in page for operation in OPERATIONS.values())
    assert "<script" not in page
    assert re.findall(r"(?:src|href)=\"(?!#|openapi\.json)[^\"]*", page) == []
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


# --- callbacks --------------------------------------------------------------------------------------------------------


def _basic(credential: str) -> str:
    return f"Basic {base64.b64encode(credential.encode()).decode()}"


@pytest.mark.parametrize("credential", CARRIER)
async def test_a_receipt_is_on_disk_when_it_is_answered(desk: Desk, credential: str) -> None:
    """Each of the credentials that are good now is taken, and what was said is in the inbox before the answer."""
    sent = await desk.send(INLINE)
    reply = await desk.call(
        "POST", "/callbacks/carrier", raw=f"{sent['id']}.0".encode(), token=None, authorization=_basic(credential)
    )
    async with desk.ledger.transaction() as connection:
        rows = await (await connection.execute("SELECT provider, notification_id::text FROM receipt_inbox")).fetchall()

    assert (reply.status, reply.body) == (200, b"")
    assert rows == [("carrier", sent["id"])]


@pytest.mark.parametrize(
    "header", [None, _basic("carrier:wrong"), _basic("carrier"), "Basic ???", "Bearer x", _basic(CARRIER[0])[:-4]]
)
async def test_a_wrong_credential_leaves_nothing(desk: Desk, header: str | None) -> None:
    """Without the credential nothing is kept, and it is told how to show one."""
    reply = await desk.call("POST", "/callbacks/carrier", raw=b"x", token=None, authorization=header)
    async with desk.ledger.transaction() as connection:
        rows = await (await connection.execute("SELECT 1 FROM receipt")).fetchall()

    assert (reply.status, reply.code) == (401, "wrong_credential")
    assert reply.headers["WWW-Authenticate"].startswith("Basic")
    assert rows == []


async def test_callbacks_have_limits(desk: Desk) -> None:
    """An unknown provider is 404, a body above the limit 413, and a ledger that is away 503: the provider repeats."""
    good = _basic(CARRIER[0])
    unknown = await desk.call("POST", "/callbacks/other", raw=b"x", token=None, authorization=good)
    large = await desk.call(
        "POST", "/callbacks/carrier", raw=b"x" * (CALLBACK_BYTES_MAX + 1), token=None, authorization=good
    )
    bearer = await desk.call("POST", "/callbacks/carrier", raw=b"x")

    assert [one.status for one in (unknown, large, bearer)] == [404, 413, 401]
