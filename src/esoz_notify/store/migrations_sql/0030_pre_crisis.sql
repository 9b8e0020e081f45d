-- The crisis switch: what was proposed, confirmed and withdrawn, and what was issued under it. "pre": may run before the
-- new code.

CREATE TABLE crisis (
  id          uuid PRIMARY KEY,
  scope       text NOT NULL CHECK (scope IN ('operator', 'programme', 'region', 'everything')),
  covered     text[] NOT NULL,      -- prefixes, programmes or regions
  starts_at   timestamptz NOT NULL,
  ends_at     timestamptz NOT NULL,
  reason      text NOT NULL,
  proposed_by text NOT NULL,
  proposed_at timestamptz NOT NULL,
  UNIQUE (id, proposed_by),
  CONSTRAINT crisis_ends_after_it_starts CHECK (ends_at > starts_at),
  CONSTRAINT crisis_is_bounded CHECK (ends_at - starts_at <= interval '14 days'),
  CONSTRAINT crisis_names_whom_it_covers CHECK ((scope = 'everything') = (cardinality(covered) = 0)),
  CONSTRAINT crisis_says_why CHECK (btrim(reason) <> '')
);
CREATE INDEX crisis_by_end ON crisis (ends_at);

-- Four eyes: the ledger itself knows no confirmation by who proposed.
CREATE TABLE crisis_confirmation (
  crisis_id    uuid PRIMARY KEY,
  proposed_by  text NOT NULL,
  confirmed_by text NOT NULL,
  confirmed_at timestamptz NOT NULL,
  FOREIGN KEY (crisis_id, proposed_by) REFERENCES crisis (id, proposed_by),
  CONSTRAINT crisis_needs_two_people CHECK (lower(btrim(confirmed_by)) <> lower(btrim(proposed_by)))
);

CREATE TABLE crisis_withdrawal (
  crisis_id    uuid PRIMARY KEY REFERENCES crisis (id),
  withdrawn_by text NOT NULL,
  withdrawn_at timestamptz NOT NULL,
  reason       text NOT NULL
);

-- What was accepted under which switch, and when its summary was printed first.
CREATE TABLE crisis_notification (
  crisis_id       uuid NOT NULL,
  notification_id uuid NOT NULL,
  printed_at      timestamptz,
  PRIMARY KEY (crisis_id, notification_id)
);
CREATE INDEX crisis_notification_by_notification ON crisis_notification (notification_id);

CREATE TRIGGER crisis_append_only BEFORE UPDATE OR DELETE ON crisis
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER crisis_no_truncate BEFORE TRUNCATE ON crisis
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER crisis_confirmation_append_only BEFORE UPDATE OR DELETE ON crisis_confirmation
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER crisis_confirmation_no_truncate BEFORE TRUNCATE ON crisis_confirmation
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER crisis_withdrawal_append_only BEFORE UPDATE OR DELETE ON crisis_withdrawal
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER crisis_withdrawal_no_truncate BEFORE TRUNCATE ON crisis_withdrawal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
