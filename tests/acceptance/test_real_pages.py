"""Pages that nobody here wrote: the HTML manuals that Debian ships, served from loopback."""

from __future__ import annotations

import html
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from PIL import Image

from provision.manuals import find_pages
from tests.support.server import LiveServer

FEWEST = 5
PAGES = find_pages()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def library():
    """A web server over the machine's documentation; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory="/usr/share")) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def reader(library, tmp_path_factory):
    server = LiveServer(
        tmp_path_factory.mktemp("real") / "data", CALOTYPE_EGRESS_ALLOW=f"127.0.0.1:{library}"
    )
    yield server
    server.stop()


def test_there_are_enough_real_pages_on_this_machine():
    assert len(PAGES) >= FEWEST, f"only {list(PAGES)}; 'make setup-dev' installs the packages that ship them"


@pytest.mark.parametrize("name", PAGES)
def test_a_real_page_is_captured_kept_and_served(reader, library, name):
    page = PAGES[name]
    url = f"http://127.0.0.1:{library}/{page.relative_to('/usr/share')}"
    source = page.read_text("utf-8", "replace")
    title = re.search(r"<title>(.*?)</title>", source, re.DOTALL | re.IGNORECASE)

    whole = reader.shot(url, full_page=True, response_type="json")
    first = reader.shot(url)
    again = reader.shot(url)

    assert first.status_code == whole.status_code == 200, first.text
    assert again.headers["X-Cache-Status"] == "HIT"
    assert again.content == first.content
    picture = Image.open(BytesIO(first.content))
    assert picture.size == (1280, 720)
    colours = picture.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert len(colours) > 50, "the picture shows next to nothing"
    told = whole.json()
    assert (told["width"], told["height"] > 720) == (1280, True)
    assert title is not None
    assert told["metadata"]["title"].split() == html.unescape(title.group(1)).split()
