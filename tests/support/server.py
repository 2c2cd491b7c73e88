"""A real server process, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 30.0
STOP_WITHIN_S = 40.0


class LiveServer:
    """`calotype serve` on a free port of the loopback interface, with its first key."""

    module = "calotype"
    """What is run; its command line is calotype's."""

    def __init__(self, data: Path, key: str = "", **environ: str) -> None:
        self.data = data
        self._environ = {
            name: value for name, value in os.environ.items() if not name.startswith("CALOTYPE_")
        }
        # However full the disk of whoever tests: what is kept free is tested where it is meant.
        self._environ |= {"CALOTYPE_CACHE_MIN_FREE": "0"} | environ
        self._log = data.parent / f"{data.name}.log"
        self.key = key
        self.client: httpx.Client = httpx.Client(trust_env=False)
        self.start()

    def start(self, **environ: str) -> None:
        """Start the process, now and from now on with environ too, and return when it listens."""
        self._environ |= environ
        with self._log.open("ab") as log:
            began = log.tell()
            command = [sys.executable, "-m", self.module, "serve", "--port", "0", "--data", str(self.data)]
            self.process = subprocess.Popen(
                [*command, "--first-key"], cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + START_WITHIN_S
        while (found := re.search(r"listens on (http://\S+)", self.log()[began:])) is None:
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"the server did not start:\n{self.log()[began:]}")
            time.sleep(0.02)
        self.url = found.group(1)
        first_key = re.search(r"rs_live_[a-z2-7]{32}", self.log()[began:])
        self.key = first_key.group() if first_key else self.key
        self.client.close()
        self.client = httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {self.key}"}, timeout=60, trust_env=False
        )

    def log(self) -> str:
        """Return all that the server has printed."""
        return self._log.read_text("utf-8", "replace")

    def stop(self) -> int:
        """Stop it the polite way; return its exit status."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_WITHIN_S)

    def kill(self) -> None:
        """Stop it the rude way, as a power cut would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(STOP_WITHIN_S)
        self.client.close()

    def shot(self, url: str, **options: object) -> httpx.Response:
        """Ask for a picture of url."""
        return self.client.post("/v1/screenshot", json={"url": url, **options})


class CannedServer(LiveServer):
    """The same without a browser; tests.support.serving says what its environment may hold."""

    module = "tests.support.serving"

    def descriptors(self) -> int:
        """Return how many files and sockets the process has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


CALOTYPE = [sys.executable, "-m", "calotype"]


def calotype(
    *arguments: str, data: Path | None = None, stdin: bytes | None = None, **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line and return what came of it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CALOTYPE_")}
    where = [] if data is None else ["--data", str(data)]
    return subprocess.run(
        [*CALOTYPE, *arguments, *where],
        env=clean | environ,
        input=stdin,
        capture_output=True,
        timeout=90,
        check=False,
    )
