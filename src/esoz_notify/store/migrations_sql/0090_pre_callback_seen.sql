-- Signed calls of providers that were taken, so that one who repeats a call that he overheard changes nothing, whichever
-- process he asks. A row is of use while its signature would still be taken. "pre": may run before the new code.

CREATE TABLE callback_seen (
  provider   text NOT NULL,
  mark       bytea NOT NULL,
  receipt_id uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (provider, mark)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX callback_seen_expires_at ON callback_seen (expires_at);
