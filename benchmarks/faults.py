"""The one way in which a benchmark ends badly."""

from __future__ import annotations


class BenchmarkFailed(Exception):
    """Nothing was measured, or what was measured is not what was meant; the message says what to do."""


class ToolMissing(BenchmarkFailed):
    """What we are to be compared with is not installed."""
