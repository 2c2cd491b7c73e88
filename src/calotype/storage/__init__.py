"""Customer storage: a copy of each picture in the account's own bucket, written behind the caller's back."""
