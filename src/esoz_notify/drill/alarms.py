"""Every alarm: when it rings, for how long that must hold, whom it wakes, and the drill that makes it ring.

What belongs here: the table, and how it is written as Prometheus rules: as they are, or with short times for the drill.
What does not: what to do about one (docs/runbooks), the faults of the drill (``faults``).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whom it wakes."""

    PAGE = "page"
    """Somebody now: patients are not told, or will not be soon."""
    TICKET = "ticket"
    """Somebody in the next working hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One row. ``expr`` in PromQL; ``{age}`` in it stands for ``age_s``. ``for_s``: how long it must hold.

    ``fault``: what the drill does to make it ring. ``uk``, ``en``: what it says.
    """

    name: str
    expr: str
    for_s: int
    severity: Severity
    fault: str
    uk: str
    en: str
    age_s: int | None = None

    @property
    def runbook(self) -> str:
        """Where it is said what to do, from the root of the checkout."""
        return f"docs/runbooks/{self.name}.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How times are written. ``slower`` divides them; each kind has the bounds that it is kept within then."""

    slower: float = 1
    window_s: tuple[float, float] = (0, float("inf"))
    hold_s: tuple[float, float] = (0, float("inf"))
    age_s: tuple[float, float] = (0, float("inf"))


REAL = Pace()
SHORT = Pace(slower=60, window_s=(4, 20), hold_s=(1, 3), age_s=(5, 15))
"""Of the drill: windows of some seconds over scrapes of half a second."""

GROUP = "esoz-notify"
JOB = "esoz-notify"


def burns(bad: str, goal: float, *pairs: tuple[float, str, str]) -> str:
    """Whether a goal's allowance is used up too fast: by a factor over both a short and a long window, for any pair.

    ``bad``: the share of what was not good, with ``{w}`` for the window. The long window says that it matters, the
    short one that it still goes on.
    """
    parts = []
    for factor, short, long in pairs:
        limit = f"{factor * (1 - goal):.6g}"
        both = " and ".join(f"({bad.replace('{w}', window)}) > {limit}" for window in (short, long))
        parts.append(f"({both})")
    return " or ".join(parts)


def _late(lane: str, within: str) -> str:
    """The share of a lane, or of all, that was handed over later than a bound of the histogram."""
    only = f'lane="{lane}",' if lane else ""
    name = "esoz_notify_handed_over_seconds"
    return f'1 - sum(rate({name}_bucket{{{only}le="{within}"}}[{{w}}])) / sum(rate({name}_count{{{only[:-1]}}}[{{w}}]))'


ACCEPTING = (
    "/v1/(notifications|verifications).*|/fhir/CommunicationRequest|/v2/notifications/sms|/message/send[.]json"
    "|/verifications.*|/sms/send|/api/sms_verifications.*"
)
"""Routes by which people are informed, in every dialect of the API; RE2, and whole, as Prometheus has it."""

_REQUESTS = f'esoz_notify_http_requests_total{{method="POST",route=~"{ACCEPTING}"'
_REFUSED = f'sum(rate({_REQUESTS},status="5xx"}}[{{w}}])) / sum(rate({_REQUESTS}}}[{{w}}]))'
_LATE_GOAL = 0.95
_ACCEPT_GOAL = 0.999
_SOON, _SLOWLY = ("5m", "1h"), ("30m", "6h")
_NO_RECEIPTS = (
    '(sum by (provider) (increase(esoz_notify_attempts_total{channel=~"viber|sms",outcome="submitted"}[10m])) > 10)'
    " unless (sum by (provider) (increase(esoz_notify_receipts_total[10m])) > 0)"
)
_PAGE, _TICKET = Severity.PAGE, Severity.TICKET

ALARMS: tuple[Alarm, ...] = (
    Alarm(
        name="CodesHandedOverLate",
        expr=burns(_late("codes", "2.0"), _LATE_GOAL, (6, *_SOON), (2, *_SLOWLY)),
        for_s=120, severity=_PAGE, fault="slow-providers",
        uk="Коди йдуть до операторів довше ніж 2 секунди", en="Codes take more than 2 s to be handed over",
    ),
    Alarm(
        name="MessagesHandedOverLate",
        expr=burns(_late("", "10.0"), _LATE_GOAL, (6, *_SOON), (2, *_SLOWLY)),
        for_s=120, severity=_PAGE, fault="worker-frozen",
        uk="Повідомлення йдуть до операторів довше ніж 10 секунд", en="Messages take more than 10 s to be handed over",
    ),
    Alarm(
        name="MessagesStuck",
        expr="max by (lane) (esoz_notify_stuck) > 0",
        for_s=60, severity=_PAGE, fault="worker-stopped",
        uk="Є повідомлення, строк яких минув, а стан не закрито", en="Messages are past their validity and not ended",
    ),
    Alarm(
        name="WorkersBehind",
        expr='max(esoz_notify_due_age_seconds{lane="codes"}) > {age}'
        ' or max(esoz_notify_due_age_seconds{lane="documents"}) > 4 * {age}',
        age_s=15, for_s=60, severity=_PAGE, fault="worker-stopped",
        uk="Черга стоїть: обробники не встигають або зупинені",
        en="Work is due and not taken: workers are behind or gone",
    ),
    Alarm(
        name="CodesDead",
        expr="sum(increase(esoz_notify_dead_codes_total[15m])) > 0",
        for_s=0, severity=_PAGE, fault="providers-away",
        uk="Код помер, не дійшовши до жодного оператора", en="A code's life ended before any provider took it",
    ),
    Alarm(
        name="ReceiptsStopped",
        expr=f'{_NO_RECEIPTS} or max by (provider) (esoz_notify_provider_state{{state="receipts_stopped"}}) == 1',
        for_s=120, severity=_TICKET, fault="no-receipts",
        uk="Оператор приймає повідомлення, але не звітує про доставку",
        en="A provider takes messages and reports nothing",
    ),
    Alarm(
        name="ProviderSpared",
        expr='max by (provider) (avg_over_time(esoz_notify_provider_circuit{state="closed"}[5m])) < 0.5',
        for_s=60, severity=_TICKET, fault="providers-away",
        uk="Оператор відмовляє: повідомлення йдуть в обхід нього", en="A provider fails, and messages go around it",
    ),
    Alarm(
        name="SmppUnbound",
        expr="max by (provider) (esoz_notify_provider_bound) == 0",
        for_s=120, severity=_TICKET, fault="providers-away",
        uk="Немає жодного зʼєднання з SMS-оператором", en="No worker has a session with an SMS operator",
    ),
    Alarm(
        name="ProbesFailing",
        expr="max by (provider, lane) (esoz_notify_probe_failures_in_row) >= 3",
        for_s=0, severity=_TICKET, fault="providers-away",
        uk="Пробні повідомлення не доходять", en="Probes do not arrive",
    ),
    Alarm(
        name="AcceptFailing",
        expr=burns(_REFUSED, _ACCEPT_GOAL, (14.4, *_SOON), (6, *_SLOWLY)),
        for_s=60, severity=_PAGE, fault="ledger-away",
        uk="Запити лікарень не приймаються", en="Requests of medical systems are not accepted",
    ),
    Alarm(
        name="LedgerAway",
        expr="min by (instance) (esoz_notify_ledger_up) == 0",
        for_s=30, severity=_PAGE, fault="ledger-away",
        uk="База даних не відповідає", en="The database does not answer",
    ),
    Alarm(
        name="ProcessGone",
        expr=f'up{{job="{JOB}"}} == 0 or absent(up{{job="{JOB}"}})',
        for_s=60, severity=_PAGE, fault="worker-stopped",
        uk="Процес служби не відповідає", en="A process of the service does not answer",
    ),
    Alarm(
        name="WebhooksBehind",
        expr="max(esoz_notify_webhook_due_age_seconds) > {age}",
        age_s=300, for_s=300, severity=_TICKET, fault="receiver-hangs",
        uk="Системи-відправники не дізнаються про стан повідомлень", en="Callers' webhooks are told late",
    ),
)  # fmt: skip


def expression(alarm: Alarm, pace: Pace = REAL) -> str:
    """When an alarm rings, in PromQL, with its times at a pace."""
    within = re.sub(r"\[(\d+)([smh])\]", lambda found: f"[{_window(found, pace)}]", alarm.expr)
    return within if alarm.age_s is None else within.replace("{age}", f"{_paced(alarm.age_s, pace, pace.age_s):g}")


def rules(alarms: Sequence[Alarm] = ALARMS, pace: Pace = REAL) -> str:
    """Alarms as a file of Prometheus rules (YAML)."""
    return "\n".join(
        ["groups:", f"  - name: {GROUP}", "    rules:", *(line for one in alarms for line in _rule(one, pace)), ""]
    )


def _rule(alarm: Alarm, pace: Pace) -> Iterator[str]:
    hold_s = _paced(alarm.for_s, pace, pace.hold_s) if alarm.for_s else 0
    yield f"      - alert: {alarm.name}"
    yield f"        expr: {json.dumps(expression(alarm, pace))}"
    yield f"        for: {_duration(hold_s)}"
    yield f"        labels: {{severity: {alarm.severity}}}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(alarm.uk, ensure_ascii=False)}"
    yield f"          description: {json.dumps(alarm.en)}"
    yield f"          runbook: {alarm.runbook}"


def _window(found: re.Match[str], pace: Pace) -> str:
    real_s = int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
    return f"{found[1]}{found[2]}" if pace is REAL else _duration(_paced(real_s, pace, pace.window_s))


def _paced(seconds: float, pace: Pace, bounds: tuple[float, float]) -> float:
    return min(max(seconds / pace.slower, bounds[0]), bounds[1])


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms" if seconds % 1 else f"{seconds:.0f}s"
