"""What waits in the ledger is told by every process, workers or none; and a worker has a door to tell it at."""

import re
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import psycopg
from tests.engine.product import CALLER, PRESCRIPTION, phone
from tests.engine.test_overload import without_worker

from esoz_notify.engine.metrics import OPENMETRICS_TYPE, Metrics
from esoz_notify.engine.metrics_door import metrics_door
from esoz_notify.engine.pulse import Pulse
from esoz_notify.engine.vitals import Vitals, parts_of

WEBHOOK = """
WITH w AS (
  INSERT INTO webhook (id, client_id, url, shown, events, created_at)
  VALUES (gen_random_uuid(), 'test', '', '', '{}', now()) RETURNING id
) INSERT INTO webhook_delivery (webhook_id, event_id, state, due_at)
SELECT id, gen_random_uuid(), 'waiting', now() + age FROM w, (VALUES (interval '-90 s'), (interval '1 h')) AS t(age)
"""


def lines(metrics: Metrics) -> Mapping[str, float]:
    """Every line by its name and labels."""
    found = re.findall(r"^(\w+(?:\{[^}]*\})?) ([\d.e+-]+)", metrics.text().decode(), re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_what_waits_is_told_without_any_worker(ledger_dsn: str, tmp_path: Path) -> None:
    """Due, its age, what is stuck past its validity, webhooks; nothing of it, and ledger_up 0, while it is away."""
    async with without_worker(ledger_dsn, tmp_path) as product:
        metrics = Metrics({"provider": ["smsc-a"]})
        parts = parts_of(product.health, ["smsc-a"], (), None, product.overload)
        vitals, steady = Vitals(product.ledger, metrics, parts), product.ledger.steady()
        for number in range(3):
            asked = {"kind": "prescription_issued", "recipient": {"phone": phone(1)}, "data": PRESCRIPTION}
            await product.service.accept(CALLER, asked, f"key-{number}")
        with psycopg.connect(ledger_dsn, autocommit=True) as connection:
            connection.execute("UPDATE delivery SET due_at = now() - interval '40 s'")
            connection.execute(
                "UPDATE delivery SET accepted_at = now() - interval '2 h', valid_until = now() - interval '35 s',"
                " due_at = now() - interval '35 s' WHERE ctid = (SELECT min(ctid) FROM delivery)"
            )
            connection.execute(WEBHOOK)
            await vitals.look(steady)
            told = lines(metrics)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            await vitals.look(steady)
            await steady.close()
    away = lines(metrics)

    assert told["esoz_notify_ledger_up"] == 1
    assert told['esoz_notify_due{lane="documents"}'] == 3
    assert told['esoz_notify_due{lane="codes"}'] == 0
    assert 40 <= told['esoz_notify_due_age_seconds{lane="documents"}'] < 80
    assert told['esoz_notify_stuck{lane="documents"}'] == 1
    assert 90 <= told["esoz_notify_webhook_due_age_seconds"] < 130
    assert told['esoz_notify_provider_circuit{provider="smsc-a",state="closed"}'] == 1
    assert told['esoz_notify_provider_state{provider="smsc-a",state="up"}'] == 1
    assert away["esoz_notify_ledger_up"] == 0
    assert not any(name.startswith(("esoz_notify_due", "esoz_notify_stuck{")) for name in away)


async def test_a_worker_tells_its_numbers_at_a_door() -> None:
    """GET /metrics is OpenMetrics, and nobody has more than that and /healthz; without an address there is no door."""
    metrics, pulse = Metrics(), Pulse()
    async with metrics_door(metrics, pulse, ("127.0.0.1", 0)) as url, aiohttp.ClientSession() as http:
        async with http.get(url) as reply:
            assert (reply.status, reply.headers["content-type"]) == (200, OPENMETRICS_TYPE)
            assert (await reply.read()).endswith(b"# EOF\n")
        async with http.get(url.replace("/metrics", "/")) as reply:
            assert reply.status == 404
    async with metrics_door(metrics, pulse, None) as url:
        assert url == ""
