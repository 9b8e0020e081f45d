-- Routing policies that people prepare: drafts, their publication by a second person, and what was taken back. "pre": may
-- run before the new code.

CREATE TABLE policy_draft (
  id          uuid PRIMARY KEY,
  version     text NOT NULL UNIQUE,
  from_date   date NOT NULL,        -- in Kyiv
  codes       text NOT NULL,        -- channel:window_s,…: as routes of deliveries are written
  documents   text NOT NULL,
  rest        text NOT NULL,
  reason      text NOT NULL,
  proposed_by text NOT NULL,
  proposed_at timestamptz NOT NULL,
  UNIQUE (id, proposed_by, from_date),
  UNIQUE (id, from_date),
  CONSTRAINT policy_ends_in_a_guaranteed_channel
    CHECK (codes ~ '(^|,)(sms|print)$' AND documents ~ '(^|,)(sms|print)$' AND rest ~ '(^|,)(sms|print)$'),
  CONSTRAINT policy_is_of_a_later_day CHECK (from_date > (proposed_at AT TIME ZONE 'Europe/Kyiv')::date),
  CONSTRAINT policy_says_why CHECK (btrim(reason) <> '')
);
CREATE INDEX policy_draft_by_day ON policy_draft (from_date, id);

-- Four eyes: the ledger itself knows no publication by who prepared it, and none of a day that has begun.
CREATE TABLE policy_publication (
  draft_id     uuid PRIMARY KEY,
  proposed_by  text NOT NULL,
  from_date    date NOT NULL,
  published_by text NOT NULL,
  published_at timestamptz NOT NULL,
  FOREIGN KEY (draft_id, proposed_by, from_date) REFERENCES policy_draft (id, proposed_by, from_date),
  CONSTRAINT policy_needs_two_people CHECK (lower(btrim(published_by)) <> lower(btrim(proposed_by))),
  CONSTRAINT policy_is_published_before_its_day CHECK (from_date > (published_at AT TIME ZONE 'Europe/Kyiv')::date)
);

CREATE TABLE policy_withdrawal (
  draft_id     uuid PRIMARY KEY,
  from_date    date NOT NULL,
  withdrawn_by text NOT NULL,
  withdrawn_at timestamptz NOT NULL,
  reason       text NOT NULL,
  FOREIGN KEY (draft_id, from_date) REFERENCES policy_draft (id, from_date),
  CONSTRAINT policy_is_withdrawn_before_its_day CHECK (from_date > (withdrawn_at AT TIME ZONE 'Europe/Kyiv')::date),
  CONSTRAINT policy_withdrawal_says_why CHECK (btrim(reason) <> '')
);

CREATE TRIGGER policy_draft_append_only BEFORE UPDATE OR DELETE ON policy_draft
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_draft_no_truncate BEFORE TRUNCATE ON policy_draft
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_publication_append_only BEFORE UPDATE OR DELETE ON policy_publication
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_publication_no_truncate BEFORE TRUNCATE ON policy_publication
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_withdrawal_append_only BEFORE UPDATE OR DELETE ON policy_withdrawal
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER policy_withdrawal_no_truncate BEFORE TRUNCATE ON policy_withdrawal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
