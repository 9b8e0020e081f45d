-- A person sees where they are signed in and ends it; a session that nobody uses ends by itself. "pre": may run before
-- the new code.

ALTER TABLE session
  ADD COLUMN id       uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,  -- by which pages name it; the token stays secret
  ADD COLUMN device   text NOT NULL DEFAULT '',   -- browser and system in two words, not the whole header
  ADD COLUMN network  text NOT NULL DEFAULT '',   -- of the address, its last part cut off
  ADD COLUMN seen_at  timestamptz NOT NULL DEFAULT ledger_now(),
  ADD COLUMN fresh_at timestamptz NOT NULL DEFAULT ledger_now();       -- when the person last proved to be there

-- Since now also of browsers and addresses, each by its own blind index.
COMMENT ON COLUMN sign_in_try.login_index IS 'blind index of a login, a browser, an address or a person, by purpose';
