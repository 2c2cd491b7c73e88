"""nginx with one worker: files as they lie on the disk, and its proxy_cache in front of Calotype."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine import Server, family, find_program, free_port, pinned, running, wait_for

# What its manual recommends for both: one system call for head and file, files that stay open,
# connections that stay open, no log.
_CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  types {{ image/png png; text/html html; text/css css; text/javascript js; image/svg+xml svg; }}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=10000 inactive=1h;
  open_file_cache_valid 1h;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {locations}
  }}
  {extra}
}}
"""


@contextlib.contextmanager
def serving(folder: Path, locations: str, extra: str = "", core: set[int] | None = None) -> Iterator[Server]:
    """Run nginx with these locations until we leave; folder is for its own files."""
    program, port = find_program("nginx", "nginx-light"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config, log = folder / "nginx.conf", folder / "output.log"
    # As root its worker would become a user who may not read our temporary folders.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_CONFIG.format(user=user, folder=folder, port=port, locations=locations, extra=extra))
    with (
        pinned(core or os.sched_getaffinity(0)),
        running(
            [program, "-p", str(folder), "-e", str(folder / "nginx.log"), "-c", str(config)], log
        ) as process,
    ):
        wait_for(process, port, log)
        yield Server(port, family(process.pid))


def static_files(path: str, folder: Path) -> str:
    """Return the location that serves folder's files under path."""
    return f"location {path} {{ alias {folder}/; }}"


def cached(path: str, port: int) -> str:
    """Return the location that serves path of a server on port from the cache called hits."""
    return f"""
    location {path} {{
      proxy_pass http://127.0.0.1:{port};
      proxy_cache hits;
      proxy_cache_key $uri;
      proxy_cache_valid 200 1d;
      proxy_ignore_headers Cache-Control Expires;
      add_header X-Proxy-Cache $upstream_cache_status;
    }}"""


def cache_called_hits(folder: Path) -> str:
    """Return the cache that cached() uses."""
    return f"proxy_cache_path {folder}/hits levels=1:2 keys_zone=hits:10m inactive=1d max_size=10g;"
