"""A day of two providers of SMS and one of Viber, as rows: what pages of providers are looked at with."""

from tests.api.desk import Desk
from tests.console.visitor import do

from esoz_notify.core.channel import Channel
from esoz_notify.engine.provider_board import Contract

CONTRACTS = (
    Contract(name="infobip", channel=Channel.VIBER),
    Contract(name="kyivstar", channel=Channel.SMS, window_size=10, rate_per_s=50.0),
    Contract(name="vodafone", channel=Channel.SMS, window_size=20),
)
_MINUTES = """
INSERT INTO provider_minute (minute, provider, calls, well, failed, throttled, taken, parts, busy_s, spread)
SELECT date_trunc('minute', now()) - no * interval '1 minute', provider, calls, calls - bad - later, bad, later,
       calls - bad - later, 2 * (calls - bad - later), calls * 0.12,
       ARRAY[0, 2, 8, 20, 40, 60, 40, 20, 10, 5, 3, 2, 1, 0, 0, 0, 0, 0, 0, no % 3]
FROM (
  SELECT no, provider,
         (base * (1.2 + sin(no / 170.0)))::int + (no * 37) % 29 AS calls,
         CASE WHEN provider = 'kyivstar' AND no BETWEEN 55 AND 72 THEN base / 2 ELSE no % 41 / 40 END AS bad,
         CASE WHEN provider = 'kyivstar' AND no BETWEEN 20 AND 40 THEN 14 ELSE 0 END AS later
  FROM generate_series(1, 1439) no, (VALUES ('infobip', 300), ('kyivstar', 120), ('vodafone', 60)) p(provider, base)
) made
"""
_CHANGES = """
INSERT INTO provider_change (provider, at, change, reason, by)
SELECT 'kyivstar', now() - ago, change, reason, by FROM (VALUES
  (interval '9 hours', 'held', 'планові роботи в оператора', 'n.nichna'),
  (interval '8 hours', 'resumed', 'роботи закінчено', 'n.nichna'),
  (interval '72 minutes', 'open', 'failures_in_row: no_answer', NULL),
  (interval '71 minutes', 'half_open', 'cooled_down: no_answer', NULL),
  (interval '70 minutes', 'open', 'probe_failed: unreachable', NULL),
  (interval '56 minutes', 'half_open', 'cooled_down: unreachable', NULL),
  (interval '55 minutes', 'closed', 'probes_passed', NULL),
  (interval '12 minutes', 'slow', 'many receipts come late', NULL)
) changed(ago, change, reason, by)
"""
_HEALTH = "INSERT INTO provider_health (provider, slow, since) VALUES ('kyivstar', true, now() - interval '55 minutes')"
_PROBES = """
INSERT INTO probe (id, provider, lane, begun_at, ended_at, ok, handed_s, receipt_s, reason)
SELECT (lpad((10 - no)::text, 8, '0') || substr(md5(provider), 9))::uuid, provider, lane,
       now() - no * interval '5 minutes',
       now() - no * interval '5 minutes' + interval '4 seconds', ok, CASE WHEN ok THEN 0.084 END,
       CASE WHEN ok THEN 2.6 END, CASE WHEN NOT ok THEN 'no_receipt' END
FROM generate_series(1, 4) no,
     (VALUES ('infobip', 'codes', true), ('kyivstar', 'codes', false)) p(provider, lane, ok)
"""


async def seed_probes(desk: Desk) -> None:
    """Codes arrive by Viber, and have not by one SMSC for four probes; documents were never tried."""
    await do(desk, _PROBES)


async def seed(desk: Desk) -> None:
    """A day with an outage in it."""
    for statement in (_MINUTES, _CHANGES, _HEALTH):
        await do(desk, statement)
