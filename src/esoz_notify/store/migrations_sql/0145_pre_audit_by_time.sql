-- People search the audit by time: where in the chain an hour begins is looked up here, not by walking to it.
CREATE INDEX audit_by_time ON audit (at);
