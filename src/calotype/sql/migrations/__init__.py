"""Numbered migrations; NNNN_name.sqlite.sql is applied once, in order."""
