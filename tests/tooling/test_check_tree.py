from __future__ import annotations

import pytest

from check_tree import faults

HOST = "files.python" + "hosted.org"


@pytest.mark.parametrize(
    "line", [f"url = https://{HOST}/simple", "cd /wo" + "rk/main", "see /ro" + "ot/.cache"]
)
def test_a_host_or_a_machine_s_path_is_named_with_its_line(line):
    (fault,) = faults("docs/x.md", f"fine\n{line}\n")

    assert fault.startswith("docs/x.md:2: names a ")


@pytest.mark.parametrize(
    "line", ["GET https://site.test/work/a", "//html/root/x", "/workers", "./work/", "/rooted"]
)
def test_what_only_looks_like_one_is_let_be(line):
    assert list(faults("a.py", line)) == []
