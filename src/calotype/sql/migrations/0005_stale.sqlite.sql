-- How long past its lifetime an entry may serve, in seconds (RFC 5861); drop_after is the later end of the two.
ALTER TABLE entry ADD COLUMN swr INTEGER NOT NULL DEFAULT 0;       -- stale-while-revalidate
ALTER TABLE entry ADD COLUMN sie INTEGER NOT NULL DEFAULT 0;       -- stale-if-error

-- Soft purges: what was born before the mark is stale. The marks are those of purges, once more.
ALTER TABLE ns ADD COLUMN softened_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE url ADD COLUMN softened_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dir ADD COLUMN softened_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entry ADD COLUMN softened INTEGER NOT NULL DEFAULT 0;  -- made stale one by one
ALTER TABLE purge_log ADD COLUMN soft INTEGER NOT NULL DEFAULT 0;

-- A lease that was given back with a failure stays for some seconds, to tell it to those who come next.
ALTER TABLE lease ADD COLUMN content TEXT NOT NULL DEFAULT '';     -- what was captured under the key
ALTER TABLE lease ADD COLUMN failure TEXT;                         -- JSON; NULL while it is held
ALTER TABLE lease ADD COLUMN failed_ms INTEGER;
CREATE INDEX lease_failed ON lease(failed_ms) WHERE failure IS NOT NULL;
