-- Addresses of callers that are told what becomes of their notifications, what happened, and how the telling stands.

CREATE TABLE webhook (
  id            uuid PRIMARY KEY,
  client_id     text NOT NULL,
  url           bytea NOT NULL,     -- sealed: its query may hold a secret
  shown         text NOT NULL,      -- the same without its query
  events        text[] NOT NULL,    -- names of those that it is told; none: all
  created_at    timestamptz NOT NULL,
  failing_since timestamptz,        -- the first failure after the last success
  resumes_at    timestamptz,        -- it asked to be left alone until then
  disabled_at   timestamptz,
  disabled_why  text CHECK (disabled_why IN ('caller', 'operator', 'gone', 'failing')),
  CONSTRAINT disabled_with_a_reason CHECK ((disabled_at IS NULL) = (disabled_why IS NULL))
);
CREATE INDEX webhook_by_client ON webhook (client_id, id);

CREATE TABLE webhook_secret (
  id         uuid PRIMARY KEY,
  webhook_id uuid NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
  secret     bytea NOT NULL,        -- sealed
  created_at timestamptz NOT NULL,
  ends_at    timestamptz            -- NULL: until it is rotated
);
CREATE INDEX webhook_secret_by_webhook ON webhook_secret (webhook_id);

-- What happened, written in the transaction that makes it happen. No reference to what it speaks of or is told to: the
-- transactions of notifications wait for nobody who changes a webhook.
CREATE TABLE webhook_event (
  id              uuid PRIMARY KEY,  -- UUIDv7 of the time it happened
  client_id       text NOT NULL,
  name            text NOT NULL,
  at              timestamptz NOT NULL,
  notification_id uuid,              -- NULL: a test
  traceparent     text,
  data            json NOT NULL      -- as it was then; nothing personal in clear
);

CREATE TABLE webhook_delivery (
  webhook_id  uuid NOT NULL,
  event_id    uuid NOT NULL,
  state       text NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed', 'disabled')),
  due_at      timestamptz,           -- the next try, or the end of a worker's lease
  tries       smallint NOT NULL DEFAULT 0,
  tried_at    timestamptz,
  status      smallint,              -- of the last answer
  fault       text,                  -- why there was none
  answered_ms integer,
  PRIMARY KEY (webhook_id, event_id),
  CONSTRAINT waiting_is_due CHECK ((due_at IS NOT NULL) = (state = 'waiting'))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_delivery_by_state ON webhook_delivery (webhook_id, state, event_id);
CREATE INDEX webhook_delivery_by_event ON webhook_delivery (event_id);

-- Whether its caller had a webhook when it was accepted: only of such a one is anything written above.
ALTER TABLE delivery ADD COLUMN watched boolean NOT NULL DEFAULT false;
