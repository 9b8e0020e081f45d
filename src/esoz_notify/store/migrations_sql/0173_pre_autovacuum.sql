-- When autovacuum comes to the tables whose rows change or leave. "pre": waits for nobody and changes no row.

-- Queues: few rows at a time, all of which leave. What is dead there is counted, not a share of what is there, which is
-- nearly nothing; and the file keeps its length, because cutting it off takes a lock that writers (and readers of a
-- replica) wait for, to give back what is needed again a second later.
ALTER TABLE receipt_inbox    SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                                  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
ALTER TABLE poll             SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                                  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
ALTER TABLE callback_seen    SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                                  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
ALTER TABLE quota            SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
                                  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- What is kept for a day or some weeks and leaves from one end while it grows at the other: a fiftieth dead is the most.
ALTER TABLE idempotency      SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE verification     SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE verification_act SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE webhook_event    SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE content          SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
