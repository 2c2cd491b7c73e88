-- The audit trail: who asked for a purge, and whether its entries have been swept.
ALTER TABLE purge_log ADD COLUMN actor TEXT NOT NULL DEFAULT '';   -- key id, or cli; empty: nobody wrote it down
ALTER TABLE purge_log ADD COLUMN swept INTEGER NOT NULL DEFAULT 1; -- 0 while a pass over entry is due to it
CREATE INDEX purge_log_unswept ON purge_log(swept) WHERE swept = 0;
CREATE INDEX purge_log_age ON purge_log(at_ms);

-- A page of the listing: the rows of a namespace in the order of their ids, without sorting them all.
CREATE INDEX entry_ns ON entry(ns);
