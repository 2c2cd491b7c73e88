-- The same counters and hands as in room, for each account: its live and its test entries together.
CREATE TABLE account_room (
  account INTEGER PRIMARY KEY,
  entries INTEGER NOT NULL,
  used INTEGER NOT NULL,
  probation INTEGER NOT NULL,
  boundary INTEGER NOT NULL DEFAULT 0,
  hand INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Who is above a mark?
CREATE INDEX account_room_used ON account_room(used);

-- Whatever is there by now is main.
INSERT INTO account_room(account, entries, used, probation, boundary)
SELECT ns / 2, count(*), sum((size + 4095) / 4096 * 4096), 0, max(id) FROM entry GROUP BY ns / 2;

CREATE TRIGGER account_room_taken AFTER INSERT ON entry BEGIN
  INSERT INTO account_room(account, entries, used, probation)
  VALUES (new.ns / 2, 1, (new.size + 4095) / 4096 * 4096, (new.size + 4095) / 4096 * 4096)
  ON CONFLICT(account) DO UPDATE SET
    entries = entries + 1,
    used = used + excluded.used,
    probation = probation + excluded.probation;  -- ids only grow
END;

CREATE TRIGGER account_room_given_back AFTER DELETE ON entry BEGIN
  UPDATE account_room SET
    entries = entries - 1,
    used = used - (old.size + 4095) / 4096 * 4096,
    probation = probation - (old.id > boundary) * ((old.size + 4095) / 4096 * 4096)
  WHERE account = old.ns / 2;
END;
