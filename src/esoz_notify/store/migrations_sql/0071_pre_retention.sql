-- Data whose time is over leaves, class by class. "pre": may run before the new code.

-- When the daily purge was begun last, so that of many workers one does it.
CREATE TABLE purge_run (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  at       timestamptz NOT NULL
);

-- The first of the ids (UUIDv7) that are made at a moment: those below it are older.
CREATE FUNCTION first_id_of(moment timestamptz) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- The one way in which rows of append-only tables leave: by age, a few at a time, none younger than a week.
CREATE FUNCTION purge_append_only(what text, older_than timestamptz, count_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  gone bigint;
BEGIN
  IF older_than IS NULL OR older_than > ledger_now() - interval '7 days' THEN
    RAISE EXCEPTION 'nothing younger than 7 days is purged' USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM set_config('esoz_notify.purging', what || ' ' || older_than::text, true);
  IF what = 'receipt' THEN
    DELETE FROM receipt WHERE id IN (
      SELECT id FROM receipt WHERE id < first_id_of(older_than) AND received_at < older_than
      ORDER BY id LIMIT count_max FOR UPDATE SKIP LOCKED);
  ELSIF what = 'history' THEN
    DELETE FROM history WHERE notification_id IN (
      -- By each one's first decision, so that a batch begins at the oldest that is left, not at those purged before.
      SELECT first.notification_id FROM history first JOIN delivery d ON d.notification_id = first.notification_id
      WHERE first.seq = 1 AND first.notification_id < first_id_of(older_than)
        AND d.due_at IS NULL AND d.valid_until < older_than
        AND NOT EXISTS (SELECT FROM history h WHERE h.notification_id = d.notification_id AND h.at >= older_than)
      ORDER BY first.notification_id LIMIT count_max FOR NO KEY UPDATE OF d SKIP LOCKED);
  ELSE
    RAISE EXCEPTION '% is not purged', what USING ERRCODE = 'restrict_violation';
  END IF;
  GET DIAGNOSTICS gone = ROW_COUNT;
  PERFORM set_config('esoz_notify.purging', '', true);
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION purge_append_only FROM PUBLIC;

-- Whether a row of that time is being purged by the function above. A guard against slips and faults of ours: whoever
-- owns the database could take the guard away, which is why every purge is in the audit.
CREATE FUNCTION is_being_purged(what text, of_time timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  purging text := coalesce(current_setting('esoz_notify.purging', true), '');
  older_than timestamptz;
BEGIN
  IF purging NOT LIKE what || ' %' THEN
    RETURN false;
  END IF;
  older_than := substr(purging, length(what) + 2)::timestamptz;
  RETURN older_than <= ledger_now() - interval '7 days' AND of_time < older_than;
END $$;

CREATE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND is_being_purged('history', OLD.at) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER history_append_only BEFORE UPDATE OR DELETE ON history
  FOR EACH ROW EXECUTE FUNCTION refuse_history_change();

-- As in 0070, and the end of a receipt's time.
CREATE OR REPLACE FUNCTION refuse_receipt_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND is_being_purged('receipt', OLD.received_at) THEN
    RETURN OLD;
  END IF;
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
