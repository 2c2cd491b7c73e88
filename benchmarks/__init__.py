"""Measures Calotype beside what it is compared with: python -m benchmarks [hit|capture]."""

import sys
from pathlib import Path

# Which real pages there are is known to the set-up, which runs before anything is installed.
sys.path.append(str(Path(__file__).resolve().parent.parent / "scripts"))
