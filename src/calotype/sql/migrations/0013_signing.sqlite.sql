-- Keys that URLs are signed with: pairs, whose id is the public key, and API keys that may sign.
ALTER TABLE api_key ADD COLUMN signs TEXT NOT NULL DEFAULT 'nothing' CHECK (signs IN ('nothing', 'pair', 'itself'));
ALTER TABLE api_key ADD COLUMN sealed BLOB;                     -- the secret, encrypted under the master secret
ALTER TABLE api_key ADD COLUMN hosts TEXT NOT NULL DEFAULT '';  -- that a pair may picture, parted by spaces
