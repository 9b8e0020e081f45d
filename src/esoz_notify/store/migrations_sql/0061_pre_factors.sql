-- A second factor of people: an app's one-time codes, passkeys, recovery codes. "pre": may run before the new code.

ALTER TABLE person ADD COLUMN second_factor_required boolean NOT NULL DEFAULT false;

ALTER TABLE session
  ADD COLUMN second_at timestamptz,  -- when the second factor came; without one there is nothing to wait for
  ADD COLUMN challenge bytea;        -- what a passkey was last asked to sign, taken once

-- The secret is sealed and bound to its person. last_step: of the last code taken (RFC 6238), which is never taken twice.
CREATE TABLE totp (
  login        text PRIMARY KEY REFERENCES person (login),
  secret       bytea NOT NULL,
  last_step    bigint NOT NULL DEFAULT 0,
  created_at   timestamptz NOT NULL DEFAULT ledger_now(),
  confirmed_at timestamptz                -- until the first right code it opens nothing and is asked of nobody
);

CREATE TABLE passkey (
  id         bytea PRIMARY KEY,           -- the credential's
  login      text NOT NULL REFERENCES person (login),
  name       text NOT NULL,               -- the device on which it was made
  public_key bytea NOT NULL,
  sign_count bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT ledger_now(),
  used_at    timestamptz
);
CREATE INDEX passkey_by_login ON passkey (login);

-- Keyed hashes; each is good once.
CREATE TABLE recovery_code (
  login     text NOT NULL REFERENCES person (login),
  code_hash bytea NOT NULL,
  used_at   timestamptz,
  PRIMARY KEY (login, code_hash)
);
