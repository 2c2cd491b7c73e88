-- For the question "does anything name this file?". Eight digits tell ten million blobs apart well enough,
-- and make the index a third as large as whole ids would.
CREATE INDEX entry_blob ON entry(substr(blob, 1, 8));
CREATE INDEX blob_gc_blob ON blob_gc(substr(blob, 1, 8));
