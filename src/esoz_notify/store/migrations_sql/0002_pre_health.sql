-- Health of providers, shared by every worker, and what is remembered of phones. "pre": may run before the new code.

CREATE TABLE provider_health (
  provider         text PRIMARY KEY,
  state            text NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
  since            timestamptz NOT NULL DEFAULT ledger_now(),
  why              text NOT NULL DEFAULT 'start',
  reason           text,
  settled          text NOT NULL DEFAULT 'closed' CHECK (settled IN ('closed', 'open')),
  settled_at       timestamptz,
  cool_down_s      double precision NOT NULL DEFAULT 0,
  counts           jsonb NOT NULL DEFAULT '[]',  -- [second, good calls, failed calls] of the window
  in_row           integer NOT NULL DEFAULT 0,
  failed_at        timestamptz,
  proofs           integer NOT NULL DEFAULT 0,
  held_by          text,
  held_why         text,
  held_at          timestamptz,
  slow             boolean NOT NULL DEFAULT false,
  receipts_stopped boolean NOT NULL DEFAULT false,
  judged_at        timestamptz,                  -- when slow and receipts_stopped were looked at last
  CONSTRAINT hold_says_who_and_why
    CHECK (((held_by IS NULL) = (held_why IS NULL)) AND ((held_by IS NULL) = (held_at IS NULL)))
);

-- Every change of a provider's health with its reason. Append-only.
CREATE TABLE provider_change (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL,
  at       timestamptz NOT NULL DEFAULT ledger_now(),
  change   text NOT NULL CHECK (change IN ('closed', 'open', 'half_open', 'held', 'resumed', 'slow', 'slow_over',
                                           'receipts_stopped', 'receipts_back')),
  reason   text NOT NULL,
  by       text                                  -- who, when it was a person
);
CREATE INDEX provider_change_by_provider ON provider_change (provider, id);
CREATE TRIGGER provider_change_append_only BEFORE UPDATE OR DELETE ON provider_change
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER provider_change_no_truncate BEFORE TRUNCATE ON provider_change
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- "This number has no Viber", until when that is believed. The phone only as its keyed blind index.
CREATE TABLE reach (
  phone_index bytea NOT NULL,
  channel     text NOT NULL,
  reason      text NOT NULL,
  noted_at    timestamptz NOT NULL,
  until       timestamptz NOT NULL,
  PRIMARY KEY (phone_index, channel)
);
CREATE INDEX reach_by_end ON reach (until);

-- Rows are written in the order of these times, so a few pages of index find the last minutes of any number of them.
CREATE INDEX attempt_by_start ON attempt USING brin (started_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX receipt_by_arrival ON receipt USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);

-- Receipts that we asked for say nothing about whether the provider still calls.
ALTER TABLE receipt ADD COLUMN polled boolean NOT NULL DEFAULT false;
