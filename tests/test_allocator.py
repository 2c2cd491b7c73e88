"""What large pictures took goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import re, sys
from pathlib import Path
from calotype.allocator import keep_little
from calotype.render.develop import THREADS, pyvips, read_once
if "unasked" not in sys.argv:
    keep_little()
tall = pyvips.Image.black(1280, 5000, bands=3).write_to_buffer(".webp")
for _ in range(6):
    for decoding in [THREADS.submit(lambda: read_once(tall).avg()) for _ in range(4)]:
        decoding.result()
print(re.search("RssAnon:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1])
"""


def held_mib(*arguments: str) -> float:
    """What a process holds that has decoded tall pictures and does nothing any more."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], check=True, capture_output=True, timeout=60
    )
    return int(done.stdout) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators have other manners")
def test_a_process_that_has_decoded_tall_pictures_does_not_hold_on_to_their_memory():
    assert held_mib() < 0.6 * held_mib("unasked")
