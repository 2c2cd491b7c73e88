-- Captures that are asked for now and fetched later: many under one id (batch_...), or one (job_...).
CREATE TABLE batch (
  id TEXT PRIMARY KEY,
  ns INTEGER NOT NULL,
  key_id TEXT NOT NULL,                     -- of whoever asked
  state TEXT NOT NULL,
  weight INTEGER NOT NULL,
  concurrency INTEGER NOT NULL,
  total INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,         -- items that have ended, one way or another
  bytes INTEGER NOT NULL,                   -- of what was sealed when it was accepted
  webhook BLOB,                             -- sealed; NULL once it has been told
  created_ms INTEGER NOT NULL,
  ended_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_open ON batch(ns, total, ended, bytes) WHERE ended_ms IS NULL;
CREATE INDEX batch_ended ON batch(ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE batch_item (
  batch TEXT NOT NULL,
  position INTEGER NOT NULL,
  url TEXT NOT NULL,                        -- as the client wrote it, but for credentials
  state TEXT NOT NULL,
  sealed BLOB,                              -- what is asked for, encrypted; NULL once it has ended
  same_as INTEGER,                          -- the first that asks for the very same
  tries INTEGER NOT NULL DEFAULT 0,
  ended_no INTEGER NOT NULL DEFAULT 0,
  outcome TEXT,                             -- JSON
  PRIMARY KEY (batch, position)
) STRICT, WITHOUT ROWID;
