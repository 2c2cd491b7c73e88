-- How much of the browser a key's captures get beside others that wait.
ALTER TABLE api_key ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;
