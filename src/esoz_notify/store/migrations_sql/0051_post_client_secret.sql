-- Secrets have a table of their own since 0050.
ALTER TABLE client DROP COLUMN secret_hash;
