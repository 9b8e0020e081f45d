-- Files of many notifications that people send from the pages: what is known of each, its content until it is over, and
-- what became of its rows.

CREATE TABLE bulk_file (
  id           uuid PRIMARY KEY,      -- UUIDv7 of its arrival
  name         text NOT NULL,
  client_id    text NOT NULL,         -- whose notifications they are
  kind         text,                  -- of rows that name none
  state        text NOT NULL CHECK
    (state IN ('arriving', 'checking', 'refused', 'ready', 'sending', 'stopped', 'done', 'dropped')),
  brought_by   text NOT NULL,
  brought_at   timestamptz NOT NULL,
  size_bytes   bigint NOT NULL DEFAULT 0,
  digest       text,                  -- SHA-256 of the content, in hex
  row_count    integer NOT NULL DEFAULT 0,
  report       json,                  -- what checking found: counts, faults, an estimate; nothing personal
  started_by   text,
  started_at   timestamptz,
  chunks       integer NOT NULL DEFAULT 0,  -- handed over and answered, in order
  accepted     integer NOT NULL DEFAULT 0,
  refused      integer NOT NULL DEFAULT 0,
  leased_until timestamptz,           -- a process works on it until then
  ended_at     timestamptz,
  CONSTRAINT started_by_somebody CHECK ((started_by IS NULL) = (started_at IS NULL)),
  CONSTRAINT many_rows_by_two CHECK (row_count <= 1000 OR started_by IS NULL OR started_by <> brought_by)
);
CREATE INDEX bulk_file_at_work ON bulk_file (id) WHERE state IN ('arriving', 'checking', 'ready', 'sending', 'stopped');
-- The same content is not sent twice by two people who do not know of each other.
CREATE UNIQUE INDEX bulk_file_once ON bulk_file (client_id, digest)
  WHERE state IN ('ready', 'sending', 'stopped', 'done');

-- The content as it came, in pieces, sealed; gone when the file is over.
CREATE TABLE bulk_piece (
  id      uuid PRIMARY KEY,
  file_id uuid NOT NULL REFERENCES bulk_file (id) ON DELETE CASCADE,
  no      integer NOT NULL,
  content bytea NOT NULL,             -- sealed
  UNIQUE (file_id, no)
);

CREATE TABLE bulk_answer (
  file_id uuid NOT NULL REFERENCES bulk_file (id) ON DELETE CASCADE,
  chunk   integer NOT NULL,
  lines   json NOT NULL,              -- of each row: its number, the notification's id, status, code, why; nothing personal
  PRIMARY KEY (file_id, chunk)
);
