"""Telling somebody afterwards: what has become of captures and batches, sent to an address of theirs."""
