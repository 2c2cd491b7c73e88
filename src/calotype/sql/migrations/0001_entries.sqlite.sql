-- Who may ask. An account has two namespaces: 2 * account is its live one, 2 * account + 1 its test one.
CREATE TABLE account (
  account INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES account(account),
  mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
  name TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE,                -- SHA-256 of the key; the key itself is nowhere
  tail TEXT NOT NULL,                       -- its last characters, for people
  created_ms INTEGER NOT NULL,
  revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE ns (
  ns INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL DEFAULT 0,           -- number of the newest purge
  floor_seq INTEGER NOT NULL DEFAULT 0,     -- purge_log is complete above this
  births INTEGER NOT NULL DEFAULT 0,        -- number of the newest render
  purged_seq INTEGER NOT NULL DEFAULT 0     -- what was born before this purge is gone, whatever it is
) STRICT;

-- One row per distinct source URL, clustered by the reversed-host key, so that a URL glob is a range here.
CREATE TABLE url (
  ns INTEGER NOT NULL,
  ukey TEXT NOT NULL,
  url_id INTEGER NOT NULL,
  purged_seq INTEGER NOT NULL DEFAULT 0,    -- what was born before this purge is gone
  PRIMARY KEY (ns, ukey)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX url_by_id ON url(url_id);

-- The same for storage paths: the directory part only.
CREATE TABLE dir (
  ns INTEGER NOT NULL,
  dkey TEXT NOT NULL,
  dir_id INTEGER NOT NULL,
  purged_seq INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (ns, dkey)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX dir_by_id ON dir(dir_id);

CREATE TABLE entry (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- insertion order = time order
  ns INTEGER NOT NULL,
  ckey TEXT NOT NULL,
  name TEXT NOT NULL,                       -- 32 hex digits: the public route's look-up
  url_id INTEGER NOT NULL,
  dir_id INTEGER NOT NULL,
  blob TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size > 0),
  sha256 BLOB NOT NULL,
  format TEXT NOT NULL,
  width_px INTEGER NOT NULL,
  height_px INTEGER NOT NULL,
  born_seq INTEGER NOT NULL,                -- purges answered when the render began
  born_number INTEGER NOT NULL,             -- its place among the renders of the namespace
  born_ms INTEGER NOT NULL,
  stored_ms INTEGER NOT NULL,
  fresh_until INTEGER NOT NULL,             -- ms; stored_ms + ttl, up to a whole second
  drop_after INTEGER NOT NULL,              -- ms; until then the row may still be of use
  render_ms INTEGER NOT NULL,
  verdict TEXT NOT NULL,                    -- JSON
  negative BLOB NOT NULL,                   -- 16 bytes
  dead INTEGER NOT NULL DEFAULT 0           -- purged one by one, to be swept
) STRICT;
CREATE UNIQUE INDEX entry_key ON entry(ns, ckey);
CREATE UNIQUE INDEX entry_name ON entry(name);
CREATE INDEX entry_url ON entry(url_id);
CREATE INDEX entry_dir ON entry(dir_id);

CREATE TABLE purge_log (
  ns INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  purge_id TEXT NOT NULL UNIQUE,
  at_ms INTEGER NOT NULL,
  filter TEXT NOT NULL,                     -- JSON
  counted INTEGER NOT NULL,
  PRIMARY KEY (ns, seq)
) STRICT, WITHOUT ROWID;

-- The outbox: blobs that no row names any more. A row leaves when its file is gone.
CREATE TABLE blob_gc (
  id INTEGER PRIMARY KEY AUTOINCREMENT,     -- never given again: another process may yet say that this one is gone
  blob TEXT NOT NULL,
  not_before INTEGER NOT NULL
) STRICT;

CREATE TABLE lease (
  ns INTEGER NOT NULL,
  ckey TEXT NOT NULL,
  token INTEGER NOT NULL,                   -- the render's number: who holds an older one cannot store
  owner TEXT NOT NULL,
  ukey TEXT NOT NULL,                       -- what the render shows, so that a purge of it frees the key
  path TEXT NOT NULL,
  born_seq INTEGER NOT NULL,
  born_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY (ns, ckey)
) STRICT, WITHOUT ROWID;

-- What sweeps are due: a pass over the rows of entry that begins at cursor.
CREATE TABLE sweep (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  cursor INTEGER NOT NULL,                  -- rows up to this id have been looked at in this pass
  until INTEGER NOT NULL,                   -- the pass ends here
  again INTEGER NOT NULL DEFAULT 0,         -- then rows up to this id are looked at once more
  started_ms INTEGER NOT NULL
) STRICT;
