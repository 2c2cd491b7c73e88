-- Purges that were asked for with an Idempotency-Key, and what was answered: asked for again they are not done again.
CREATE TABLE purge_once (
  ns INTEGER NOT NULL,
  token TEXT NOT NULL,
  asked TEXT NOT NULL,                      -- JSON: the filter, and whether it was soft
  told TEXT NOT NULL,                       -- JSON: what the purge did
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (ns, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX purge_once_age ON purge_once(at_ms);
