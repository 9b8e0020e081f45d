"""The dashboard: what an operator looks at from an alarm on, as a table and as Grafana's JSON.

What belongs here: panels and their expressions. What does not: alarms (``alarms``).
"""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture. ``lines``: expressions with what each is called; ``unit``: as Grafana names it."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]
    exemplars: bool = False


def _p95(name: str) -> str:
    return f"histogram_quantile(0.95, sum by (lane, le) (rate(esoz_notify_{name}_seconds_bucket[5m])))"


PANELS: tuple[Panel, ...] = (
    Panel(
        title="Прийнято за секунду / accepted per second",
        unit="reqps",
        lines=(("sum by (lane) (rate(esoz_notify_accepted_total[1m]))", "{{lane}}"),),
    ),
    Panel(
        title="Передано оператору, p95 / handed over, p95",
        unit="s",
        lines=((_p95("handed_over"), "{{lane}}"),),
        exemplars=True,
    ),
    Panel(title="Доставлено, p95 / delivered, p95", unit="s", lines=((_p95("delivered"), "{{lane}}"),), exemplars=True),
    Panel(
        title="Чим закінчилось / ended",
        unit="reqps",
        lines=(("sum by (lane, status) (rate(esoz_notify_ended_total[5m]))", "{{lane}} {{status}}"),),
    ),
    Panel(
        title="Черга / what is due",
        unit="s",
        lines=(
            ("max by (lane) (esoz_notify_due_age_seconds)", "{{lane}}: age"),
            ("max(esoz_notify_webhook_due_age_seconds)", "webhooks: age"),
        ),
    ),
    Panel(
        title="Скільки чекає / how many wait",
        unit="short",
        lines=(
            ("max by (lane) (esoz_notify_due)", "{{lane}}: due"),
            ("max by (lane) (esoz_notify_stuck)", "{{lane}}: stuck"),
            ("sum by (provider) (esoz_notify_in_hand)", "{{provider}}: in hand"),
            ("max(esoz_notify_receipts_orphaned)", "receipts without a submission"),
        ),
    ),
    Panel(
        title="Спроби операторів / attempts by outcome",
        unit="reqps",
        lines=(("sum by (provider, outcome) (rate(esoz_notify_attempts_total[1m]))", "{{provider}} {{outcome}}"),),
    ),
    Panel(
        title="Чому ні / why not",
        unit="reqps",
        lines=(
            (
                'sum by (provider, reason) (rate(esoz_notify_attempts_total{outcome!="submitted"}[5m]))',
                "{{provider}} {{reason}}",
            ),
        ),
    ),
    Panel(
        title="Звіти про доставку / receipts",
        unit="reqps",
        lines=(("sum by (provider, receipt) (rate(esoz_notify_receipts_total[1m]))", "{{provider}} {{receipt}}"),),
    ),
    Panel(
        title="Стан операторів / providers",
        unit="short",
        lines=(
            ('max by (provider, state) (esoz_notify_provider_state{state!="up"}) == 1', "{{provider}} {{state}}"),
            ("max by (provider) (esoz_notify_provider_bound)", "{{provider}}: bound"),
            ("max by (provider, lane) (esoz_notify_probe_failures_in_row)", "{{provider}} {{lane}}: probes failed"),
        ),
    ),
    Panel(
        title="Запити / requests",
        unit="reqps",
        lines=(
            ("sum by (status) (rate(esoz_notify_http_requests_total[1m]))", "{{status}}"),
            ("sum by (quota) (rate(esoz_notify_quota_refused_total[1m]))", "quota: {{quota}}"),
        ),
    ),
    Panel(
        title="База і процеси / ledger and processes",
        unit="short",
        lines=(
            ("min by (instance) (esoz_notify_ledger_up)", "{{instance}}: ledger"),
            ("sum by (instance) (esoz_notify_ledger_pool_waiting)", "{{instance}}: wait for a connection"),
            ("sum by (instance) (rate(process_cpu_seconds_total[1m]))", "{{instance}}: CPU"),
        ),
    ),
)

_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3


def dashboard() -> str:
    """Grafana's JSON, to be imported or provisioned; it asks for a Prometheus to read from."""
    panels = [_panel(number, panel) for number, panel in enumerate(PANELS)]
    source = {"name": "prometheus", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    page = {
        "uid": "esoz-notify",
        "title": "ESOZ Notify",
        "tags": ["esoz-notify"],
        "schemaVersion": 39,
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "15s",
        "templating": {"list": [source]},
        "panels": panels,
    }
    return json.dumps(page, ensure_ascii=False, indent=1) + "\n"


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    source = {"type": "prometheus", "uid": "${prometheus}"}
    targets = [
        {"refId": chr(ord("A") + place), "expr": expr, "legendFormat": called, "exemplar": panel.exemplars}
        for place, (expr, called) in enumerate(panel.lines)
    ]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": targets,
    }
