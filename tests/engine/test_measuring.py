"""Numbers and spans of real messages: what is told is what the table lists, and a trace goes on to its receipts."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.core.deliveries import T0
from tests.engine.collector import Collector, a_collector
from tests.engine.product import CALLER, PRESCRIPTION, House, a_house, phone

from esoz_notify.core.channel import Channel, Step
from esoz_notify.core.delivery import Because, Delivery, Ended
from esoz_notify.core.status import Status
from esoz_notify.engine.measuring import Measures
from esoz_notify.engine.metric_table import CLOSED, METRICS, OTHER, PROCESS_METRICS, Process, Type
from esoz_notify.engine.metrics import Metrics
from esoz_notify.engine.spans import ATTRIBUTES, kept, span_id
from esoz_notify.settings import Settings
from esoz_notify.store.ledger import Locked
from esoz_notify.store.saving import Change

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEPT, NOT_KEPT = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE[::-1]}-{PARENT}-00"


def listed(process: set[Process]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """What the table says that such a process tells: type, unit and labels by name."""
    rows = [*METRICS.values(), *PROCESS_METRICS.values()]
    return {row.name: (row.type.value, row.unit, row.labels) for row in rows if row.told_by in process}


def told(metrics: Metrics) -> dict[str, tuple[str, set[tuple[str, ...]]]]:
    """What a process tells: type and the sets of labels by name, as a reader of OpenMetrics has it."""
    families = text_string_to_metric_families(metrics.text().decode())  # type: ignore[no-untyped-call]
    return {
        one.name: (one.type, {tuple(name for name in sample.labels if name != "le") for sample in one.samples})
        for one in families
    }


@pytest.mark.parametrize("process", [{Process.API}, {Process.WORKER}, {Process.API, Process.WORKER}])
def test_what_is_told_is_what_is_listed(process: set[Process]) -> None:
    """Each kind of process tells every metric of its rows and no other, with its type; units end the names."""
    expected = listed({Process.EVERY, *process})
    found = told(Metrics(told_by={Process.EVERY, *process}))

    assert {name: type_ for name, (type_, _) in found.items()} == {name: row[0] for name, row in expected.items()}
    assert all(name.endswith(row[1]) for name, row in expected.items())
    for row in METRICS.values():
        assert set(row.labels) <= {*CLOSED, "provider", "route"}
        assert bool(row.bounds_s) is (row.type is Type.HISTOGRAM)


def test_a_label_keeps_within_its_bounds() -> None:
    """What is not among the values of a label is told as other, so that nobody outside can make lines."""
    metrics = Metrics({"provider": ["smsc"]})
    for number in range(5):
        metrics.count("receipts", f"+38000000000{number}", "delivered")
    metrics.count("receipts", "smsc", "delivered")
    lines = re.findall(r"^esoz_notify_receipts_total\{.*$", metrics.text().decode(), re.MULTILINE)

    assert sorted(lines) == [
        f'esoz_notify_receipts_total{{provider="{OTHER}",receipt="delivered"}} 5.0',
        'esoz_notify_receipts_total{provider="smsc",receipt="delivered"} 1.0',
    ]


def ended(*, is_code: bool, provider: str | None = None) -> Change:
    """The end of a delivery that no provider took."""
    state = Delivery(
        status=Status.EXPIRED,
        steps=(Step(Channel.SMS, provider=provider),),
        accepted_at=T0,
        valid_until=T0,
        is_code=is_code,
    )
    fact = Ended(at=T0, status=Status.EXPIRED, because=Because.VALIDITY_ENDED)
    return Change(Locked(UUID(int=7), "codes" if is_code else "documents", 0, state), state, (fact,))


def test_dead_codes_are_counted_and_probes_are_not() -> None:
    """A code that nobody took in its life is dead; a document is not a code, and a probe tells nobody anything."""
    measures = Measures()
    measures.applied([ended(is_code=True), ended(is_code=False), ended(is_code=True, provider="smsc")], {})
    text = measures.metrics.text().decode()

    assert "esoz_notify_dead_codes_total 1.0" in text
    assert 'esoz_notify_ended_total{lane="codes",status="expired"} 1.0' in text
    assert 'esoz_notify_ended_total{lane="documents",status="expired"} 1.0' in text


@pytest.mark.parametrize(("header", "is_kept"), [(None, False), (NOT_KEPT, False), (KEPT, True)])
def test_only_what_its_caller_keeps_is_traced(header: str | None, *, is_kept: bool) -> None:
    """The flag of the caller decides; without a header there is no trace of ours."""
    assert (kept(header) is not None) is is_kept


def test_ids_of_spans_are_the_same_in_every_process() -> None:
    """They follow from the notification alone: whoever takes in a receipt next week names today's attempt."""
    assert f"{span_id(UUID(int=7), 'attempt', 0):016x}" == "f6761b0da818c3a0"
    assert (
        span_id(UUID(int=7), "attempt", 1) != span_id(UUID(int=7), "attempt", 0) != span_id(UUID(int=8), "attempt", 0)
    )


async def _played(house: House, collector: Collector) -> UUID:
    """A code that goes by SMS because there is no Viber, in a kept trace, beside one in a trace that is not kept."""
    await house.phone(1, viber=False)
    asked = {"kind": "prescription_issued", "recipient": {"phone": phone(1)}, "data": PRESCRIPTION}
    answer, _ = await house.service.accept(CALLER, asked, "kept", traceparent=KEPT)
    other, _ = await house.service.accept(CALLER, asked, "other", traceparent=NOT_KEPT)
    for one in (answer, other):
        await house.until(UUID(one["id"]), "delivered")
    async with asyncio.timeout(20):
        while "end" not in {span.name for span in collector.spans}:
            await asyncio.sleep(0.05)
    return UUID(answer["id"])


async def test_a_trace_goes_from_the_caller_to_the_receipt(ledger_dsn: str, tmp_path: Path) -> None:
    """Spans by OTLP: all of the caller's trace, each under its own, the receipt linked to its attempt; none personal.

    The numbers of the same messages: both are counted, and a time shows the kept trace beside it.
    """

    def change(settings: Settings) -> Settings:
        return replace(settings, traces_url=collector.url)

    with a_collector() as collector:
        async with a_house(ledger_dsn, tmp_path, change=change) as house:
            notification = await _played(house, collector)
            text = house.product.metrics.text().decode()
    spans = {span.name: span for span in collector.spans}
    ids = {span.span_id: span.name for span in collector.spans}
    attempts = [span for span in collector.spans if span.name == "attempt"]

    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert set(spans) == {"accept", "attempt", "call", "receipt", "end"}
    assert spans["accept"].parent_span_id.hex() == PARENT
    assert {ids[span.parent_span_id] for span in attempts} == {"accept"}
    assert {ids[span.parent_span_id] for span in collector.spans if span.name == "call"} == {"attempt"}
    assert [ids[link.span_id] for link in spans["receipt"].links] == ["attempt"]
    says = {(one.key, one.value.string_value) for span in collector.spans for one in span.attributes}
    assert {key for key, _ in says} <= set(ATTRIBUTES)
    assert {("esoz_notify.channel", "viber"), ("esoz_notify.channel", "sms"), ("esoz_notify.status", "delivered"),
            ("esoz_notify.notification_id", str(notification))} <= says  # fmt: skip
    ids_said = {(key, value) for key, value in says if key == "esoz_notify.notification_id"}
    for personal in (phone(1), phone(1)[1:], PRESCRIPTION["verification_code"], PRESCRIPTION["request_number"]):
        assert not any(personal in value for _, value in says - ids_said)
        assert f'"{personal}"' not in text
    assert 'esoz_notify_accepted_total{kind="prescription_issued",lane="documents",way="phone"} 2.0' in text
    assert 'esoz_notify_ended_total{lane="documents",status="delivered"} 2.0' in text
    assert 'esoz_notify_delivered_seconds_count{lane="documents"} 2.0' in text
    assert 'esoz_notify_attempts_total{channel="viber",outcome="submitted",provider="infobip",reason=""} 2.0' in text
    assert re.search(rf'esoz_notify_handed_over_seconds_bucket.* # {{trace_id="{TRACE}"}}', text)
    assert TRACE[::-1] not in text
    assert 'esoz_notify_provider_bound{provider="smsc-a"} 1.0' in text
