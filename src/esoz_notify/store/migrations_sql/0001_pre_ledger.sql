-- The ledger, first version. "pre": may run before the code that needs it.

-- Business time: tests move it with the setting, production never sets it. Leases compare this clock with itself.
CREATE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('esoz_notify.now', true), '')::timestamptz, clock_timestamp())
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

-- Callers of the API. The secret is kept as a hash only.
CREATE TABLE client (
  id          text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{2,62}$'),
  name        text NOT NULL,
  secret_hash bytea NOT NULL,
  scopes      text[] NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT ledger_now(),
  disabled_at timestamptz
);

-- The minimum of a patient, sealed as one document.
CREATE TABLE patient (
  id         uuid PRIMARY KEY,
  document   bytea NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT ledger_now(),
  updated_by text NOT NULL
);

-- What was accepted. Insert-only: nothing here ever changes.
CREATE TABLE notification (
  id          uuid PRIMARY KEY,
  client_id   text NOT NULL,
  kind        text NOT NULL,
  reference   text,
  patient_id  uuid,
  language    text NOT NULL,
  policy      text NOT NULL,
  phone_index bytea,
  recipient   jsonb NOT NULL,       -- who is informed and why; the phone is masked
  traceparent text,
  created_at  timestamptz NOT NULL,
  first_status text NOT NULL        -- the status that the caller was answered, for a replay of the answer
);
CREATE INDEX notification_by_client ON notification (client_id, id);
CREATE INDEX notification_by_reference ON notification (client_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX notification_by_phone ON notification (phone_index, id) WHERE phone_index IS NOT NULL;

-- Personal data of a notification, each field sealed and bound to its row and column.
CREATE TABLE content (
  notification_id uuid PRIMARY KEY,
  phone   bytea,
  tax_id  bytea,
  data    bytea NOT NULL,
  code    bytea,                    -- erased when the validity is over
  summary bytea
);

CREATE TABLE idempotency (
  client_id       text NOT NULL,
  key             text NOT NULL,
  fingerprint     bytea NOT NULL,
  notification_id uuid NOT NULL,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (client_id, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- The narrow mutable row: what is true now, and when somebody must look again (the agenda, and the lease).
CREATE TABLE delivery (
  notification_id uuid PRIMARY KEY,
  lane         text NOT NULL CHECK (lane IN ('codes', 'documents')),
  status       text NOT NULL CHECK (status IN ('accepted', 'in_delivery', 'delivered', 'undelivered', 'expired',
                                               'cancelled', 'print_required', 'printed')),
  route        text NOT NULL,       -- channel:window_s,…: the steps, pinned at intake
  step         smallint NOT NULL DEFAULT 0,
  version      integer NOT NULL DEFAULT 0,  -- facts in the history so far
  has_code     boolean NOT NULL,
  is_code      boolean NOT NULL,
  erased       boolean NOT NULL DEFAULT false,
  accepted_at  timestamptz NOT NULL,
  valid_until  timestamptz NOT NULL,
  step_ends_at timestamptz,
  retry_at     timestamptz,
  ended_at     timestamptz,
  due_at       timestamptz,
  reason       text,
  resent_at    timestamptz[] NOT NULL DEFAULT '{}',
  CONSTRAINT valid_until_after_accepted CHECK (valid_until > accepted_at),
  CONSTRAINT ended_exactly_when_terminal
    CHECK ((ended_at IS NOT NULL) = (status IN ('delivered', 'undelivered', 'expired', 'cancelled', 'printed'))),
  CONSTRAINT open_is_on_the_agenda
    CHECK (due_at IS NOT NULL OR status IN ('delivered', 'undelivered', 'expired', 'cancelled', 'printed')),
  CONSTRAINT erased_only_what_had_a_code CHECK (NOT erased OR has_code)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_due ON delivery (lane, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE attempt (
  notification_id uuid NOT NULL,
  no           smallint NOT NULL,
  step         smallint NOT NULL,
  channel      text NOT NULL,
  provider     text NOT NULL,
  recovery     text NOT NULL,
  outcome      text NOT NULL CHECK (outcome IN ('submitting', 'submitted', 'delivered', 'read', 'failed', 'expired',
                                                'unknown')),
  reason       text,
  detail       text NOT NULL DEFAULT '',
  calls        smallint NOT NULL,
  parts        text NOT NULL DEFAULT '',  -- state[:reason] of each message part
  started_at   timestamptz NOT NULL,
  called_at    timestamptz NOT NULL,
  submitted_at timestamptz,
  ended_at     timestamptz,
  PRIMARY KEY (notification_id, no),
  CONSTRAINT attempt_ended_exactly_when_final
    CHECK ((ended_at IS NOT NULL) = (outcome IN ('delivered', 'read', 'failed', 'expired')))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Ids that providers gave to message parts, so that receipts find their attempt.
CREATE TABLE provider_message (
  provider            text NOT NULL,
  provider_message_id text NOT NULL,
  notification_id     uuid NOT NULL,
  attempt_no          smallint NOT NULL,
  part                smallint NOT NULL,
  at                  timestamptz NOT NULL,
  PRIMARY KEY (provider, provider_message_id)
);
CREATE INDEX provider_message_by_notification ON provider_message (notification_id);

-- Receipts exactly as they came. Append-only; the raw body is sealed, because some carry phone numbers.
CREATE TABLE receipt (
  id          uuid PRIMARY KEY,
  provider    text NOT NULL,
  received_at timestamptz NOT NULL,
  raw         bytea NOT NULL,
  problem     text
);

-- What receipts say, waiting to be applied. Orphans wait here until the submission they speak of is known.
CREATE TABLE receipt_inbox (
  id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  receipt_id          uuid NOT NULL,
  provider            text NOT NULL,
  provider_message_id text NOT NULL,
  notification_id     uuid,
  attempt_no          smallint,
  state               smallint NOT NULL,
  reason              text,
  detail              text NOT NULL,
  received_at         timestamptz NOT NULL,
  orphan              boolean NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX receipt_inbox_new ON receipt_inbox (id) WHERE NOT orphan;
CREATE INDEX receipt_inbox_orphan ON receipt_inbox (provider, provider_message_id) WHERE orphan;

-- Providers without callbacks, and the safety net for those with: when to ask what became of an attempt.
CREATE TABLE poll (
  notification_id     uuid NOT NULL,
  attempt_no          smallint NOT NULL,
  provider            text NOT NULL,
  provider_message_id text NOT NULL,
  tries               smallint NOT NULL DEFAULT 0,
  due_at              timestamptz NOT NULL,
  PRIMARY KEY (notification_id, attempt_no)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX poll_due ON poll (provider, due_at);

-- Values that a provider's dialogue asked to keep (bearer tokens, template ids), sealed.
CREATE TABLE kept (
  provider   text NOT NULL,
  name       text NOT NULL,
  value      bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (provider, name)
);

-- Every decision with its reason: the facts that make the state, in order.
CREATE TABLE history (
  notification_id uuid NOT NULL,
  seq    integer NOT NULL,
  at     timestamptz NOT NULL,
  fact   text NOT NULL,
  record jsonb NOT NULL,
  PRIMARY KEY (notification_id, seq)
);

CREATE TRIGGER history_append_only BEFORE UPDATE OR DELETE ON history
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER history_no_truncate BEFORE TRUNCATE ON history
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receipt_append_only BEFORE UPDATE OR DELETE ON receipt
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receipt_no_truncate BEFORE TRUNCATE ON receipt
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER notification_insert_only BEFORE UPDATE ON notification
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
