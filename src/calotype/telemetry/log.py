"""Logging: one line an event, to standard error."""

from __future__ import annotations

import logging


def configure_logging(level: int = logging.INFO) -> None:
    """Send the log of this process to standard error."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line for each connection error of somebody's page, or for each start-up step, helps nobody.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("pyvips").setLevel(logging.WARNING)
