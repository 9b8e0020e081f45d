-- Who did what to which record, when and why: a chain of hashes that can only grow.

-- Numbers have no gaps; each row's hash is over the one before and the row's own fields (core/audit.py).
CREATE TABLE audit (
  seq     bigint PRIMARY KEY CHECK (seq >= 1),
  at      timestamptz NOT NULL,
  actor   text NOT NULL,
  action  text NOT NULL,
  subject text NOT NULL,
  why     text,
  details text NOT NULL,  -- JSON; as text, because the hash is over its very letters
  prev    bytea NOT NULL UNIQUE CHECK (length(prev) = 32),  -- unique: the chain never forks
  hash    bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_by_subject ON audit (subject, seq);
CREATE INDEX audit_by_actor ON audit (actor, seq);
CREATE INDEX audit_by_action ON audit (action, seq);
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Also where triggers are switched off for a whole session, as replication does.
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_append_only;
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_no_truncate;

-- The chain's head once a day, signed by a key that the database never sees. Numbers have no gaps either.
CREATE TABLE audit_anchor (
  no        bigint PRIMARY KEY CHECK (no >= 1),
  seq       bigint NOT NULL CHECK (seq >= 0),
  hash      bytea NOT NULL CHECK (length(hash) = 32),
  at        timestamptz NOT NULL,
  key_id    text NOT NULL,
  signature bytea NOT NULL
);
CREATE TRIGGER audit_anchor_append_only BEFORE UPDATE OR DELETE ON audit_anchor
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_anchor_no_truncate BEFORE TRUNCATE ON audit_anchor
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_anchor ENABLE ALWAYS TRIGGER audit_anchor_append_only;
ALTER TABLE audit_anchor ENABLE ALWAYS TRIGGER audit_anchor_no_truncate;
