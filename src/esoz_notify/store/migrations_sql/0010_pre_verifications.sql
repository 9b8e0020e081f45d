-- One-time codes that are made here, and how often they are sent and guessed. "pre": may run before the new code.

-- A code and what it confirms; its notification has the same id. The code itself is nowhere: only its keyed hash.
CREATE TABLE verification (
  id            uuid PRIMARY KEY,
  client_id     text NOT NULL,
  purpose       text NOT NULL,
  entity_id     text NOT NULL,
  party         text NOT NULL CHECK (party IN ('third_person', 'patient')),
  subject       bytea NOT NULL,       -- keyed index of caller, purpose, entity and party: what a newer code cancels
  patient       bytea,                -- keyed indexes of whom the code is sent to, and of who asked for it
  phone         bytea,
  doctor        bytea,
  code_hash     bytea NOT NULL CHECK (octet_length(code_hash) = 32),
  life_s        integer NOT NULL,
  attempts_max  smallint NOT NULL,
  attempts      smallint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL,
  verified_at   timestamptz,
  superseded_at timestamptz,
  CONSTRAINT no_attempt_beyond_the_last CHECK (attempts BETWEEN 0 AND attempts_max),
  CONSTRAINT verified_by_an_attempt CHECK (verified_at IS NULL OR attempts > 0)
) WITH (fillfactor = 90);
CREATE INDEX verification_by_subject ON verification (subject, created_at);
CREATE INDEX verification_by_phone ON verification (phone, created_at) WHERE phone IS NOT NULL;
CREATE INDEX verification_age ON verification (created_at);

-- Sliding windows: what was done, for whom and by whom, under keyed indexes only. Forgotten when no window is so long.
CREATE TABLE verification_act (
  act     text NOT NULL CHECK (act IN ('send', 'wrong', 'in_vain', 'text', 'checked')),
  at      timestamptz NOT NULL,
  patient bytea,
  phone   bytea,
  doctor  bytea,
  caller  bytea
);
CREATE INDEX verification_act_by_patient ON verification_act (patient, act, at) WHERE patient IS NOT NULL;
CREATE INDEX verification_act_by_phone ON verification_act (phone, act, at) WHERE phone IS NOT NULL;
CREATE INDEX verification_act_by_doctor ON verification_act (doctor, act, at) WHERE doctor IS NOT NULL;
CREATE INDEX verification_act_by_caller ON verification_act (caller, act, at) WHERE caller IS NOT NULL;
CREATE INDEX verification_act_age ON verification_act (at);

-- Phones whose code was told rightly by the contract that ESOZ calls today; it asks for them without an end.
CREATE TABLE verified_phone (
  phone       bytea PRIMARY KEY,
  verified_at timestamptz NOT NULL
);

-- "This person gets many codes that nobody uses." Append-only.
CREATE TABLE verification_alarm (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at              timestamptz NOT NULL,
  client_id       text NOT NULL,
  verification_id uuid NOT NULL,
  unrequested     integer NOT NULL
);
CREATE TRIGGER verification_alarm_append_only BEFORE UPDATE OR DELETE ON verification_alarm
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER verification_alarm_no_truncate BEFORE TRUNCATE ON verification_alarm
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
