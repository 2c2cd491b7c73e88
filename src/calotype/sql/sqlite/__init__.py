"""The ports on SQLite."""
