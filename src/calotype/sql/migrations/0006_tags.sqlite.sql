-- Tags that clients give to entries. The dictionary has the marks of purges by tag, as url and dir have theirs.
CREATE TABLE tag (
  ns INTEGER NOT NULL,
  tag TEXT NOT NULL,
  tag_id INTEGER NOT NULL,
  purged_seq INTEGER NOT NULL DEFAULT 0,    -- what was born before this purge is gone
  softened_seq INTEGER NOT NULL DEFAULT 0,  -- what was born before this soft purge is stale
  PRIMARY KEY (ns, tag)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tag_by_id ON tag(tag_id);

CREATE TABLE entry_tag (
  id INTEGER NOT NULL,                      -- of the entry
  tag_id INTEGER NOT NULL,
  PRIMARY KEY (id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_tag_tag ON entry_tag(tag_id);

-- The same tags beside the entry, in order, with spaces between: who reads the row has them, and where there
-- is none nobody looks further.
ALTER TABLE entry ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE lease ADD COLUMN tags TEXT NOT NULL DEFAULT '';

-- Triggers keep the tables together, so that no way of taking an entry away can be forgotten.
CREATE TRIGGER entry_untagged AFTER DELETE ON entry WHEN old.tags <> '' BEGIN
  DELETE FROM entry_tag WHERE id = old.id;
END;

-- A mark may go with its row: whatever began before the purge is judged by the log, not by the mark.
CREATE TRIGGER tag_unused AFTER DELETE ON entry_tag
WHEN NOT EXISTS (SELECT 1 FROM entry_tag WHERE tag_id = old.tag_id) BEGIN
  DELETE FROM tag WHERE tag_id = old.tag_id;
END;
