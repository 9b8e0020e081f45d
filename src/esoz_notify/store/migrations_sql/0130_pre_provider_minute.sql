-- What each provider was called for minute by minute, and how it went: counted from the attempts a little later, and once
-- more when receipts have had their time. "pre": may run before the new code.
CREATE TABLE provider_minute (
  minute    timestamptz NOT NULL,
  provider  text NOT NULL,
  calls     integer NOT NULL,
  well      integer NOT NULL,  -- answers of a provider that works
  failed    integer NOT NULL,  -- its own failures
  throttled integer NOT NULL,  -- it, or the contract's pace, said later
  taken     integer NOT NULL,
  parts     integer NOT NULL,  -- of the messages taken
  busy_s    double precision NOT NULL,  -- how long those were in hand, in all
  spread    integer[] NOT NULL,         -- receipts by the time they took (core.provider_flow)
  PRIMARY KEY (minute, provider),
  CONSTRAINT provider_minute_adds_up CHECK (well + failed + throttled <= calls AND taken <= calls)
);
