-- The tables that were become the first partitions of new ones of the same name. Moves no row and reads none.
-- "pre": statements of the version before go on as they are.
DO $$
DECLARE
  what text;
  key text;
BEGIN
  FOREACH what IN ARRAY ARRAY['history', 'receipt'] LOOP
    key := partition_key(what);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', what);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', what, what || '_first');
    EXECUTE format('ALTER INDEX %I RENAME TO %I', what || '_pkey', what || '_first_pkey');
    EXECUTE format('DROP TRIGGER %I ON %I', what || '_append_only', what || '_first');
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS) PARTITION BY RANGE (%I)', what, what || '_first', key);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (%s)', what, key || CASE what WHEN 'history' THEN ', seq' ELSE '' END);
    IF what = 'receipt' THEN
      ALTER INDEX receipt_by_arrival RENAME TO receipt_first_by_arrival;
      CREATE INDEX receipt_by_arrival ON receipt USING brin (received_at)
        WITH (pages_per_range = 32, autosummarize = on);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)', what, what || '_first',
                   (SELECT first_id_of(ends) FROM ledger_partition WHERE parent = what));
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', what || '_rest', what);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS is_of_first', what || '_first');
    -- Of rows: each partition has it from here. Of statements: each needs its own.
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
                   what || '_append_only', what, 'refuse_' || what || '_change');
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                   what || '_no_truncate', what);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                   what || '_no_truncate', what || '_rest');
  END LOOP;
  PERFORM add_partitions('history', 3);
  PERFORM add_partitions('receipt', 5);
END $$;
