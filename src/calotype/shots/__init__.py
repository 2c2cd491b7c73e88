"""Answering one request: where cache and renderer meet."""
