-- How much of its quota each subject of a limit has left, as all processes of the API share it.

-- A token bucket: remaining was so much at a time, and grows back by quota per window. Subjects that are full again are
-- forgotten. caller:ID or address:KEYED-HASH; no address is ever written.
CREATE TABLE quota (
  subject   text PRIMARY KEY,
  remaining double precision NOT NULL,
  quota     double precision NOT NULL CHECK (quota > 0),
  window_s  double precision NOT NULL CHECK (window_s > 0),
  at        timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The processes that share them, so that each takes its share only.
CREATE TABLE quota_process (
  id      uuid PRIMARY KEY,
  seen_at timestamptz NOT NULL
);

-- A caller's own quota; null is that of the settings.
ALTER TABLE client ADD COLUMN requests_per_min integer CHECK (requests_per_min > 0);
