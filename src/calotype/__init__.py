"""Calotype: capture a page once, serve it forever, forget it on command."""

__version__ = "0.1.0"
