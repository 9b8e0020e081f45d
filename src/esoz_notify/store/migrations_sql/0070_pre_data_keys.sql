-- Data keys that were added while running, each wrapped by the installation's wrapping key, which is never here.
-- "pre": may run before the new code.

CREATE TABLE data_key (
  id           integer PRIMARY KEY CHECK (id BETWEEN 1 AND 65535),
  wrapped      bytea,                  -- NULL: a key of the keys document, or one that was destroyed
  added_at     timestamptz NOT NULL DEFAULT ledger_now(),
  current_from timestamptz,            -- new values are sealed with the newest key whose time has come
  retired_at   timestamptz,
  CONSTRAINT a_key_or_its_end CHECK (wrapped IS NOT NULL OR retired_at IS NOT NULL)
);

-- A receipt is append-only. One change is let through: the same body sealed with another key. It shows by its shape:
-- nothing but the sealed body differs, the key id in its header does, and the length does not. That the body is the
-- same is proved by its seal, which nobody makes without the keys.
CREATE FUNCTION refuse_receipt_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE'
     AND (NEW.id, NEW.provider, NEW.received_at, NEW.problem, NEW.polled)
         IS NOT DISTINCT FROM (OLD.id, OLD.provider, OLD.received_at, OLD.problem, OLD.polled)
     AND octet_length(NEW.raw) = octet_length(OLD.raw)
     AND substring(NEW.raw FROM 1 FOR 1) = substring(OLD.raw FROM 1 FOR 1)
     AND substring(NEW.raw FROM 2 FOR 2) <> substring(OLD.raw FROM 2 FOR 2)
     AND EXISTS (SELECT FROM data_key WHERE id = get_byte(NEW.raw, 1) * 256 + get_byte(NEW.raw, 2)
                 AND current_from <= ledger_now() AND retired_at IS NULL)
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER receipt_append_only BEFORE UPDATE OR DELETE ON receipt
  FOR EACH ROW EXECUTE FUNCTION refuse_receipt_change();
