-- The bucket of an account, in one mode, that its pictures are copied to.
CREATE TABLE storage_bucket (
  ns INTEGER PRIMARY KEY,
  endpoint TEXT NOT NULL,
  name TEXT NOT NULL,
  region TEXT NOT NULL,
  path TEXT NOT NULL,                       -- a template
  acl TEXT NOT NULL,
  sealed BLOB NOT NULL,                     -- access key and secret, encrypted
  set_ms INTEGER NOT NULL
) STRICT;

-- What is copied to where, each by a job of its own. That one has failed is the job's to know.
CREATE TABLE storage_copy (
  id TEXT PRIMARY KEY,                      -- copy_...
  ns INTEGER NOT NULL,
  path TEXT NOT NULL,
  acl TEXT NOT NULL,
  ckey TEXT NOT NULL,                       -- under which the picture is in the cache
  blob TEXT NOT NULL,                       -- and which of all that were there
  format TEXT NOT NULL,
  state TEXT NOT NULL,
  accepted_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  why TEXT NOT NULL DEFAULT ''              -- it was dropped
) STRICT, WITHOUT ROWID;
CREATE INDEX storage_accepted ON storage_copy(ns, state, accepted_ms);
CREATE INDEX storage_old ON storage_copy(accepted_ms);
