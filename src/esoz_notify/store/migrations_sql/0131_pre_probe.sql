-- Synthetic probes: real messages to a test phone by one provider in one lane, and what became of each. "pre": may run
-- before the new code.
CREATE TABLE probe (
  id              uuid PRIMARY KEY,
  provider        text NOT NULL,
  lane            text NOT NULL CHECK (lane IN ('codes', 'documents')),
  begun_at        timestamptz NOT NULL,
  notification_id uuid,
  ended_at        timestamptz,
  ok              boolean,
  handed_s        double precision,
  receipt_s       double precision,
  reason          text,
  CONSTRAINT probe_ended_with_result CHECK ((ended_at IS NULL) = (ok IS NULL)),
  CONSTRAINT probe_failed_with_reason CHECK (ok IS NULL OR ok = (reason IS NULL))
);
CREATE INDEX probe_by_provider ON probe (provider, lane, id);
CREATE INDEX probe_open ON probe (id) WHERE ended_at IS NULL;
