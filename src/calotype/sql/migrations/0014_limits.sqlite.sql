-- What a key may ask for; null is without limit.
ALTER TABLE api_key ADD COLUMN plan TEXT NOT NULL DEFAULT '';   -- whose numbers these began as
ALTER TABLE api_key ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE api_key ADD COLUMN concurrent INTEGER;
ALTER TABLE api_key ADD COLUMN batch INTEGER;
ALTER TABLE api_key ADD COLUMN credits INTEGER;

-- What processes have taken of those limits, in blocks.
CREATE TABLE used (
  key_id TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('requests', 'credits')),
  start_s INTEGER NOT NULL,                 -- of the window: a minute's of requests, a month's of credits
  taken INTEGER NOT NULL,
  PRIMARY KEY (key_id, what, start_s)
) STRICT, WITHOUT ROWID;

-- Captures under way, of keys that may have only so many.
CREATE TABLE under_way (
  place INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given again: a process that was long away leaves its own
  key_id TEXT NOT NULL,
  until_ms INTEGER NOT NULL                 -- then it is over, though nobody has said so
) STRICT;
CREATE INDEX under_way_key ON under_way(key_id);
