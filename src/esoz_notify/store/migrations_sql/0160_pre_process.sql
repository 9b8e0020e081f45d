-- Processes that run on this ledger, and the numbers of what they share. Rows of the dead are told by their age.

CREATE TABLE process (
  id         uuid PRIMARY KEY,
  role       text NOT NULL CHECK (role IN ('api', 'worker', 'api+worker')),
  host       text NOT NULL,
  version    text NOT NULL,
  knows      text[] NOT NULL,       -- names of the migrations that its program came with
  started_at timestamptz NOT NULL,
  seen_at    timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Binds that an SMSC allows its account, as leases: who holds which, and who would like one (no number).
CREATE TABLE smpp_bind (
  provider     text NOT NULL,
  process      uuid NOT NULL,
  no           smallint CHECK (no > 0),
  leased_until timestamptz,
  bound        boolean NOT NULL DEFAULT false,
  seen_at      timestamptz NOT NULL,
  PRIMARY KEY (provider, process),
  UNIQUE (provider, no),
  CONSTRAINT a_number_has_an_end CHECK ((no IS NULL) = (leased_until IS NULL))
) WITH (fillfactor = 50);

-- Parts that workers were allowed to submit to a provider lately: what the rate of its contract is counted by.
CREATE TABLE rate_budget (
  provider text PRIMARY KEY,
  book     jsonb NOT NULL
) WITH (fillfactor = 50);

-- The provider whose bound workers are to take this delivery; NULL: any worker.
ALTER TABLE delivery ADD COLUMN handed_to text;
