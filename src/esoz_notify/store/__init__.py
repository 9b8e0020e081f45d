"""The room that remembers: the only place with SQL. PostgreSQL is the truth; no provider's name is known here."""
