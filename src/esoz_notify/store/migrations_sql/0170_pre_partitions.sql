-- History and receipts by time: a table per month and per week, so that what is over leaves whole and leaves no holes.
-- "pre": may run before the new code. 0171 and 0172 take what is there along.

-- Which partition holds what: by the time of the UUIDv7 that it is filed under. begins is NULL in the first, which
-- holds what was there before there were partitions; that without a period of its own (…_rest) is in no row.
CREATE TABLE ledger_partition (
  name   text PRIMARY KEY,
  parent text NOT NULL CHECK (parent IN ('history', 'receipt')),
  begins timestamptz,
  ends   timestamptz NOT NULL,
  CONSTRAINT ends_after_it_begins CHECK (begins IS NULL OR begins < ends),
  UNIQUE (parent, ends)
);

-- The column that a table is parted by: notifications' histories stay together, receipts have ids of their own.
CREATE FUNCTION partition_key(parent text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE parent WHEN 'history' THEN 'notification_id' WHEN 'receipt' THEN 'id' END
$$;

-- The beginning of the period that a moment is in, and of those after it; in UTC, whatever the session's zone is.
CREATE FUNCTION partition_begin(parent text, moment timestamptz, further integer) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE parent
    WHEN 'history' THEN date_trunc('month', moment AT TIME ZONE 'UTC') + make_interval(months => further)
    WHEN 'receipt' THEN date_trunc('week', moment AT TIME ZONE 'UTC') + make_interval(weeks => further)
  END AT TIME ZONE 'UTC'
$$;

-- Make the partition of one period; NULL when there is one, or rows of it are in …_rest already, where they stay.
-- Waits for nobody who writes: what it locks is …_rest and the table that it makes.
CREATE FUNCTION add_partition(what text, of_begin timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  since timestamptz := partition_begin(what, of_begin, 0);
  until timestamptz := partition_begin(what, of_begin, 1);
  name text := what || to_char(since AT TIME ZONE 'UTC', '_YYYYMMDD');
  taken boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('ledger_partition'));
  IF EXISTS (SELECT FROM ledger_partition p WHERE p.parent = what AND p.ends > since
             AND coalesce(p.begins < until, true)) THEN
    RETURN NULL;
  END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %1$I WHERE %2$I >= %3$L AND %2$I < %4$L)', what || '_rest',
                 partition_key(what), first_id_of(since), first_id_of(until)) INTO taken;
  IF taken THEN
    RETURN NULL;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', name, what);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', what, name, first_id_of(since),
                 first_id_of(until));
  EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                 what || '_no_truncate', name);
  INSERT INTO ledger_partition VALUES (name, what, since, until);
  RETURN name;
END $$;
REVOKE ALL ON FUNCTION add_partition FROM PUBLIC;

-- Make those of this period and of so many to come; gives the names of what was made.
CREATE FUNCTION add_partitions(what text, ahead integer) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT name FROM generate_series(0, ahead) AS further,
         add_partition(what, partition_begin(what, ledger_now(), further)) AS name
  WHERE name IS NOT NULL
$$;

-- The other way in which rows of append-only tables leave: the oldest partition whose period is over by then, whole,
-- when nothing in it has to stay. It is taken out and dropped; nobody who writes waits longer than a second for that.
CREATE FUNCTION drop_partition(what text, older_than timestamptz) RETURNS TABLE (name text, row_count bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  one record;
  stays boolean;
BEGIN
  IF older_than IS NULL OR older_than > ledger_now() - interval '7 days' THEN
    RAISE EXCEPTION 'nothing younger than 7 days is purged' USING ERRCODE = 'restrict_violation';
  END IF;
  IF what IS NULL OR what NOT IN ('history', 'receipt') THEN
    RAISE EXCEPTION '% is not purged', what USING ERRCODE = 'restrict_violation';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('ledger_partition'));
  PERFORM set_config('lock_timeout', '1s', true);
  FOR one IN SELECT p.name FROM ledger_partition p WHERE p.parent = what AND p.ends <= older_than
             ORDER BY p.ends LOOP
    -- Nobody writes there any more, but for a late proof; it waits, and goes to …_rest afterwards.
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', one.name);
    IF what = 'receipt' THEN
      EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE received_at >= $1)', one.name) INTO stays USING older_than;
    ELSE
      EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I h LEFT JOIN delivery d ON d.notification_id = h.notification_id'
        ' WHERE h.at >= $1 OR d.notification_id IS NULL OR d.due_at IS NOT NULL OR d.valid_until >= $1)', one.name)
        INTO stays USING older_than;
    END IF;
    IF NOT stays THEN
      EXECUTE format('SELECT count(*) FROM %I', one.name) INTO row_count;
      EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', what, one.name);
      EXECUTE format('DROP TABLE %I', one.name);
      DELETE FROM ledger_partition p WHERE p.name = one.name;
      name := one.name;
      RETURN NEXT;
      RETURN;
    END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION drop_partition FROM PUBLIC;

-- Where the first partition ends. An empty table begins with this period; one with rows a whole period later, so that
-- what is written between these migrations has its place, and is checked meanwhile, which holds up nobody (0171).
DO $$
DECLARE
  what text;
  filled boolean;
BEGIN
  FOREACH what IN ARRAY ARRAY['history', 'receipt'] LOOP
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', what);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', what) INTO filled;
    INSERT INTO ledger_partition
    VALUES (what || '_first', what, NULL, partition_begin(what, ledger_now(), CASE WHEN filled THEN 2 ELSE 0 END));
    IF filled THEN
      EXECUTE format('ALTER TABLE %I ADD CONSTRAINT is_of_first CHECK (%I < %L) NOT VALID', what, partition_key(what),
                     (SELECT first_id_of(ends) FROM ledger_partition WHERE parent = what));
    END IF;
  END LOOP;
END $$;
