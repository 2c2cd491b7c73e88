"""python -m benchmarks: run all measurements, or those that are named."""

from __future__ import annotations

import argparse
import functools
import signal
import sys
from collections.abc import Callable

from benchmarks import batches, cache, hit, hot, room
from benchmarks.captures import run as captures
from benchmarks.faults import BenchmarkFailed

DEFAULT_ROUNDS = 7
"""An odd number has a middle; a neighbour that takes the machine for two rounds of seven moves no median."""
DEFAULT_SECONDS = 1
"""One round of one door, in whole seconds since wrk counts no others. Ten doors make it over a minute."""


def main() -> int:
    """Run what the command line names; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        choices=["hit", "capture", "room", "hot", "batch", "cache", "peers", []],
        help="default: all but batch, cache and peers, which take their time",
    )
    parser.add_argument(
        "--seconds", type=int, default=DEFAULT_SECONDS, help="length of a round (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="how many (%(default)s)")
    asked = parser.parse_args()
    # Whoever ends us ends what we started: a signal unwinds the stack like any other exit.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    steps: dict[str, Callable[[int, int], None]] = {
        "hit": hit.run,
        "capture": captures.run,
        "peers": functools.partial(captures.run, beside_peers=True),
        "room": room.run,
        "hot": hot.run,
        "batch": batches.run,
        "cache": cache.run,
    }
    try:
        for name in asked.what or ("hit", "capture", "room", "hot"):
            steps[name](asked.rounds, asked.seconds)
    except BenchmarkFailed as failed:
        print(f"benchmarks: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmarks: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
