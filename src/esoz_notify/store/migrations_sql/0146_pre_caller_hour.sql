-- What became of each caller's notifications, hour by hour: counted minute by minute, once, when most have ended.
CREATE TABLE caller_hour (
  client_id   text NOT NULL,
  hour        timestamptz NOT NULL,
  accepted    integer NOT NULL,
  delivered   integer NOT NULL,
  paper       integer NOT NULL,
  undelivered integer NOT NULL,  -- expired ones too
  withdrawn   integer NOT NULL,
  under_way   integer NOT NULL,  -- when they were counted
  PRIMARY KEY (client_id, hour),
  CONSTRAINT parts_make_the_whole CHECK (accepted = delivered + paper + undelivered + withdrawn + under_way)
);
CREATE INDEX caller_hour_age ON caller_hour (hour);

-- The last minute that was counted into it: one row, written in the transaction that counts.
CREATE TABLE caller_hour_mark (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  minute   timestamptz
);
INSERT INTO caller_hour_mark DEFAULT VALUES;
