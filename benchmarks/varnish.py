"""Varnish, in memory, in front of nginx's static files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine import Server, family, find_program, free_port, pinned, running, wait_for

_VCL = """
vcl 4.1;
backend files {{ .host = "127.0.0.1"; .port = "{port}"; }}
sub vcl_backend_response {{ set beresp.ttl = 1d; }}
sub vcl_deliver {{
  set resp.http.X-Varnish-Cache = "MISS";
  if (obj.hits > 0) {{ set resp.http.X-Varnish-Cache = "HIT"; }}
}}
"""


@contextlib.contextmanager
def serving(folder: Path, backend: int, core: set[int]) -> Iterator[Server]:
    """Run Varnish until we leave; folder is for its own files."""
    program, port = find_program("varnishd", "varnish"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    vcl, log = folder / "files.vcl", folder / "output.log"
    vcl.write_text(_VCL.format(port=backend))
    # Without its jail: as root its worker would become a user who may not read our temporary folders.
    command = [program, "-F", "-j", "none", "-n", str(folder / "work"), "-a", f"127.0.0.1:{port}"]
    command += ["-T", "none", "-f", str(vcl), "-s", "malloc,512m"]
    with pinned(core), running(command, log) as process:
        wait_for(process, port, log)
        yield Server(port, family(process.pid))
