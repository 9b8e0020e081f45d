"""Sends spans to a collector by OTLP over HTTP, in batches and from a thread of OpenTelemetry's own.

What belongs here: from our spans to that library's. What does not: which spans there are (``measuring``). Imported only
when an endpoint is set: the library is the extra ``traces``.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from esoz_notify import __version__
from esoz_notify.engine.spans import Span, Trace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUEUE_MAX = 20_000
_BATCH_MAX = 512
_WAIT_MS = 1000
_EXPORT_S = 5.0
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Tracing:
    """Tells spans to ``endpoint`` (a collector's https://host/v1/traces); when it is away they are dropped."""

    def __init__(self, endpoint: str) -> None:
        self._resource = Resource({"service.name": "esoz-notify", "service.version": __version__})
        self._scope = InstrumentationScope("esoz_notify", __version__)
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_S),
            max_queue_size=_QUEUE_MAX,
            max_export_batch_size=_BATCH_MAX,
            schedule_delay_millis=_WAIT_MS,
        )

    def tell(self, spans: Sequence[Span]) -> None:
        """Queue them."""
        for span in spans:
            self._processor.on_end(self._readable(span))

    def close(self) -> None:
        """Send what waits and stop; blocks for some seconds at most."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace, span.id, is_remote=False),
            parent=_context(span.trace, span.parent, is_remote=True),
            resource=self._resource,
            attributes=dict(span.says),
            links=[Link(_context(span.trace, span.link, is_remote=True))] if span.link is not None else [],
            kind=SpanKind.CLIENT if span.away else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR) if span.failed else Status(StatusCode.UNSET),
            start_time=_nanoseconds(span.begun_at),
            end_time=_nanoseconds(span.ended_at),
            instrumentation_scope=self._scope,
        )


def _context(trace: Trace, span_id: int, *, is_remote: bool) -> SpanContext:
    return SpanContext(trace.id, span_id, is_remote, _SAMPLED)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
