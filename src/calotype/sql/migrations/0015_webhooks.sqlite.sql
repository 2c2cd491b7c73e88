-- Whom an account, in one mode, has set to be told of its captures.
CREATE TABLE webhook_endpoint (
  ns INTEGER PRIMARY KEY,
  sealed BLOB NOT NULL,                     -- address and secret, encrypted
  events TEXT NOT NULL,                     -- separated by spaces
  hits INTEGER NOT NULL,
  set_ms INTEGER NOT NULL
) STRICT;

-- What is told to whom, each by a job of its own.
CREATE TABLE webhook_delivery (
  id TEXT PRIMARY KEY,                      -- whk_...
  ns INTEGER NOT NULL,
  event TEXT NOT NULL,
  subject TEXT NOT NULL,                    -- req_..., job_..., batch_...
  form TEXT NOT NULL,                       -- whether it goes to the account's endpoint
  body BLOB NOT NULL,                       -- empty once it is delivered
  sealed BLOB,                              -- where else it goes, encrypted; NULL once it is delivered
  state TEXT NOT NULL,
  accepted_ms INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,                -- when the tries began, that the next one is reckoned from
  failures INTEGER NOT NULL DEFAULT 0,      -- since then
  attempts INTEGER NOT NULL DEFAULT 0,
  tried_ms INTEGER,
  status INTEGER,
  fault TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_accepted ON webhook_delivery(ns, state, accepted_ms);
CREATE INDEX webhook_ended ON webhook_delivery(state, tried_ms) WHERE state <> 'waiting';
