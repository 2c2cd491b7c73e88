-- Work that outlives a request: what it is about is in rows of its own, and found there by subject.
CREATE TABLE job (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  due_ms INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,      -- in a row, since it was submitted or replayed
  owner TEXT,                               -- who runs it
  lease_ms INTEGER NOT NULL DEFAULT 0,      -- its owner is alive until then, or has said so again
  again INTEGER NOT NULL DEFAULT 0,         -- submitted once more while it ran
  died_ms INTEGER,                          -- failed for the last time
  error TEXT NOT NULL DEFAULT '',
  UNIQUE (kind, subject)
) STRICT;
CREATE INDEX job_due ON job(kind, due_ms) WHERE died_ms IS NULL;
CREATE INDEX job_owner ON job(owner) WHERE owner IS NOT NULL;
CREATE INDEX job_died ON job(died_ms) WHERE died_ms IS NOT NULL;
