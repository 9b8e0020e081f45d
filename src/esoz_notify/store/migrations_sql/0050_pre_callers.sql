-- What callers show when they come: several secrets or public keys at a time, or a certificate their tokens hang on.

-- Of a secret only its hash is kept. Those that are over stay until the next rotation.
CREATE TABLE client_secret (
  client_id  text NOT NULL REFERENCES client (id),
  hash       bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT ledger_now(),
  ends_at    timestamptz,           -- NULL: until it is rotated
  PRIMARY KEY (client_id, hash)
);
INSERT INTO client_secret (client_id, hash, created_at) SELECT id, secret_hash, created_at FROM client;
ALTER TABLE client ALTER COLUMN secret_hash DROP NOT NULL;

-- Public keys, each as a JSON Web Key: what is here is good.
CREATE TABLE client_key (
  client_id text NOT NULL REFERENCES client (id),
  kid       text NOT NULL,
  jwk       jsonb NOT NULL,
  added_at  timestamptz NOT NULL DEFAULT ledger_now(),
  PRIMARY KEY (client_id, kid)
);

-- Assertions that were shown, until they end by themselves: each is good once, whichever process it comes to.
CREATE TABLE assertion_shown (
  client_id text NOT NULL REFERENCES client (id),
  jti_hash  bytea NOT NULL,
  ends_at   timestamptz NOT NULL,
  PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX assertion_shown_age ON assertion_shown (ends_at);

-- A bound caller's tokens are good only together with the certificate it showed when getting them.
ALTER TABLE client ADD COLUMN bound boolean NOT NULL DEFAULT false;

-- Tokens issued before this are over: of a caller that was disabled, also when it has come back.
ALTER TABLE client ADD COLUMN tokens_since timestamptz;
