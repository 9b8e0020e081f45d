-- Who a person is at an OpenID Connect provider. Nobody is made by signing in there. "pre": may run before the new code.

ALTER TABLE person ADD COLUMN email_index bytea UNIQUE;  -- blind index; the address itself is not kept

CREATE TABLE person_identity (
  issuer   text NOT NULL,
  subject  text NOT NULL,
  login    text NOT NULL REFERENCES person (login),
  added_at timestamptz NOT NULL DEFAULT ledger_now(),
  PRIMARY KEY (issuer, subject),
  UNIQUE (login, issuer)
);
