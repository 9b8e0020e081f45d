-- People who sign in to the pages, what they printed, and how they find a notification.

-- One row per person; never deleted, so that the trail can always be read. The password as Argon2id.
CREATE TABLE person (
  login         text PRIMARY KEY CHECK (login ~ '^[a-z0-9][a-z0-9._@-]{2,62}$'),
  name          text NOT NULL,
  role          text NOT NULL CHECK (role IN ('doctor', 'operator', 'auditor')),
  client_id     text NOT NULL REFERENCES client (id),  -- the medical system whose notifications they see
  password_hash text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT ledger_now(),
  disabled_at   timestamptz
);

-- Who is signed in where. Of the token only its hash is kept.
CREATE TABLE session (
  token_hash bytea PRIMARY KEY,
  login      text NOT NULL REFERENCES person (login),
  created_at timestamptz NOT NULL DEFAULT ledger_now(),
  ends_at    timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX session_by_login ON session (login);

-- Tries to sign in that were not followed by a right password, by the blind index of the login that was typed.
CREATE TABLE sign_in_try (
  login_index bytea PRIMARY KEY,
  tries       integer NOT NULL,
  last_at     timestamptz NOT NULL
);
CREATE INDEX sign_in_try_age ON sign_in_try (last_at);

-- Every print from the doctor's page: who, when, and why again.
CREATE TABLE print_trail (
  notification_id uuid NOT NULL,
  no        smallint NOT NULL CHECK (no >= 1),
  login     text NOT NULL,
  client_id text NOT NULL,
  at        timestamptz NOT NULL DEFAULT ledger_now(),
  why       text,
  PRIMARY KEY (notification_id, no),
  CONSTRAINT again_has_a_reason CHECK (no = 1 OR why IS NOT NULL)
);
CREATE TRIGGER print_trail_append_only BEFORE UPDATE OR DELETE ON print_trail
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER print_trail_no_truncate BEFORE TRUNCATE ON print_trail
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A doctor finds a notification by the document's number, which is sealed, or by the patient.
ALTER TABLE notification ADD COLUMN number_index bytea;
CREATE INDEX notification_by_number ON notification (number_index, id) WHERE number_index IS NOT NULL;
CREATE INDEX notification_by_patient ON notification (patient_id, id) WHERE patient_id IS NOT NULL;

-- Those few that wait for paper.
CREATE INDEX delivery_for_paper ON delivery (notification_id) WHERE status IN ('print_required', 'undelivered');
