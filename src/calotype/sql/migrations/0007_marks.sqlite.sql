-- Purges that cost what they match: counted from counters, and marked where one mark says it all.

-- Of every URL how many of its rows a purge of it would take: dead = 0 and born_seq >= purged_seq. Triggers keep
-- it, so that no way of taking a row in or away can be forgotten; who raises purged_seq sets it to 0.
ALTER TABLE url ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
ALTER TABLE url ADD COLUMN first_drop INTEGER NOT NULL DEFAULT 9223372036854775807;  -- least drop_after of its rows

-- 1 while marks other than those on url may hide rows that url.live counts: then rows are counted one by one.
ALTER TABLE ns ADD COLUMN by_rows INTEGER NOT NULL DEFAULT 0;

-- Purges of all that was born before a moment. A row is hidden by one with seq > born_seq and before_ms > born_ms.
CREATE TABLE before_mark (
  ns INTEGER NOT NULL,
  soft INTEGER NOT NULL,                    -- 1: not hidden, but stale
  seq INTEGER NOT NULL,
  before_ms INTEGER NOT NULL,
  PRIMARY KEY (ns, soft, seq)
) STRICT, WITHOUT ROWID;
-- The newest of them, 0 without any: what was born since need not look there.
ALTER TABLE ns ADD COLUMN before_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ns ADD COLUMN softened_before_seq INTEGER NOT NULL DEFAULT 0;

-- With drop_after beside it the least one of a URL is found without reading the rows.
DROP INDEX entry_url;
CREATE INDEX entry_url ON entry(url_id, drop_after);

-- What was born before a moment. It is added to at its end, as entries come nearly in that order.
CREATE INDEX entry_born ON entry(ns, born_ms, drop_after);

UPDATE url SET
  live = (
    SELECT count(*) FROM entry e
    WHERE e.url_id = url.url_id AND e.dead = 0 AND e.born_seq >= url.purged_seq
  ),
  first_drop = coalesce(
    (SELECT min(e.drop_after) FROM entry e WHERE e.url_id = url.url_id), 9223372036854775807
  );
UPDATE ns SET by_rows = 1
WHERE EXISTS (SELECT 1 FROM purge_log WHERE swept = 0) OR EXISTS (SELECT 1 FROM sweep WHERE cursor < until);

CREATE TRIGGER url_gains AFTER INSERT ON entry BEGIN
  UPDATE url SET
    live = live + (new.dead = 0 AND new.born_seq >= purged_seq),
    first_drop = min(first_drop, new.drop_after)
  WHERE url_id = new.url_id;
END;

CREATE TRIGGER url_loses AFTER DELETE ON entry BEGIN
  UPDATE url SET
    live = live - (old.dead = 0 AND old.born_seq >= purged_seq),
    first_drop = CASE WHEN old.drop_after > first_drop THEN first_drop ELSE coalesce(
      (SELECT min(drop_after) FROM entry WHERE url_id = old.url_id), 9223372036854775807
    ) END
  WHERE url_id = old.url_id;
END;

CREATE TRIGGER url_hides AFTER UPDATE OF dead ON entry WHEN new.dead <> old.dead BEGIN
  UPDATE url SET live = live + (CASE new.dead WHEN 0 THEN 1 ELSE -1 END) * (new.born_seq >= purged_seq)
  WHERE url_id = new.url_id;
END;
