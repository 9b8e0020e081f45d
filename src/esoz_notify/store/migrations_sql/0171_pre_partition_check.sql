-- All that is there belongs into the first partition: read through while others go on writing, so that it is known
-- already when it is put in (0172).
DO $$
DECLARE
  what text;
BEGIN
  FOR what IN SELECT conrelid::regclass FROM pg_constraint
              WHERE conname = 'is_of_first' AND conrelid IN ('history'::regclass, 'receipt'::regclass) LOOP
    EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT is_of_first', what);
  END LOOP;
END $$;
