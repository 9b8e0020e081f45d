-- What happened minute by minute, for people who look at the service: counted once, two minutes later, from the ledger.

CREATE TABLE minute_tally (
  minute    timestamptz PRIMARY KEY,
  accepted  integer NOT NULL,
  codes     integer NOT NULL,  -- of those, one-time codes
  told_10s  integer NOT NULL,  -- told within ten seconds of being accepted
  told_60s  integer NOT NULL,  -- within a minute, or given to paper
  diia      integer NOT NULL,  -- by which channel those within the minute were told
  viber     integer NOT NULL,
  sms       integer NOT NULL,
  paper     integer NOT NULL,
  sms_parts integer NOT NULL,  -- what operators bill: parts of the SMS among them
  CONSTRAINT within_ten_is_within_sixty CHECK (told_10s <= told_60s AND told_60s <= accepted)
);
