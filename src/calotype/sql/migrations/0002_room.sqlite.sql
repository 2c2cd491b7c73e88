-- How much room the rows of entry hold, in whole pages of 4096 bytes as a filesystem gives them. Triggers keep
-- it, in the transaction that moves the rows, so that no way of taking a row in or away can be forgotten.
CREATE TABLE room (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  entries INTEGER NOT NULL,
  used INTEGER NOT NULL,                    -- bytes of all rows, purged and expired ones included
  probation INTEGER NOT NULL,               -- bytes of the rows above boundary
  let_go INTEGER NOT NULL DEFAULT 0,        -- bytes of all rows that ever went: it only grows
  boundary INTEGER NOT NULL,                -- the first hand: rows up to this id are main, above it on probation
  hand INTEGER NOT NULL DEFAULT 0           -- the second hand: the last row of main that it looked at
) STRICT;

-- Whatever is there when eviction comes is main.
INSERT INTO room(id, entries, used, probation, boundary)
SELECT 1, count(*), coalesce(sum((size + 4095) / 4096 * 4096), 0), 0, coalesce(max(id), 0) FROM entry;

CREATE TRIGGER room_taken AFTER INSERT ON entry BEGIN
  UPDATE room SET
    entries = entries + 1,
    used = used + (new.size + 4095) / 4096 * 4096,
    probation = probation + (new.size + 4095) / 4096 * 4096;  -- ids only grow
END;

CREATE TRIGGER room_given_back AFTER DELETE ON entry BEGIN
  UPDATE room SET
    entries = entries - 1,
    used = used - (old.size + 4095) / 4096 * 4096,
    let_go = let_go + (old.size + 4095) / 4096 * 4096,
    probation = probation - (old.id > boundary) * ((old.size + 4095) / 4096 * 4096);
END;
