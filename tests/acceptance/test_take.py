"""`calotype take`: one capture to a file, as a person would ask for it; no server, no cache."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from tests.support.server import calotype


def test_a_url_becomes_a_file(site, tmp_path):
    out = tmp_path / "home.png"

    done = calotype("take", site.url("/home"), "-o", str(out), CALOTYPE_EGRESS_ALLOW=site.netloc)

    assert done.returncode == 0, done.stderr
    assert Image.open(BytesIO(out.read_bytes())).size == (1280, 720)
    assert b"1280x720 png" in done.stderr
    assert done.stdout == b""


def test_the_files_ending_says_the_format_and_options_are_obeyed(site, tmp_path):
    out = tmp_path / "tall.webp"

    done = calotype(
        "take", site.url("/tall"), "-o", str(out), "--full-page", "--width", "300", "--scale", "2",
        "--egress-allow", site.netloc,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    picture = Image.open(BytesIO(out.read_bytes()))
    assert (picture.format, picture.size) == ("WEBP", (600, 10000))


def test_html_comes_from_a_file_or_from_standard_input(tmp_path):
    page = tmp_path / "card.html"
    page.write_text("<body style='margin:0;background:#f00'>")

    by_file = calotype("take", str(page), "-o", "-", "--width", "50", "--height", "50")
    by_stdin = calotype("take", "-", "-o", "-", "--width", "50", "--height", "50", stdin=page.read_bytes())

    assert by_file.returncode == by_stdin.returncode == 0, by_file.stderr + by_stdin.stderr
    assert by_file.stdout == by_stdin.stdout
    assert Image.open(BytesIO(by_file.stdout)).convert("RGB").getpixel((25, 25)) == (255, 0, 0)


def test_markdown_comes_from_a_file_or_from_standard_input_with_a_style_sheet(tmp_path):
    page, css = tmp_path / "README.md", tmp_path / "red.css"
    page.write_text("# Hello")
    css.write_text("html { background: #f00 }")
    small = ("-o", "-", "--width", "50", "--height", "50", "--markdown-css", str(css))

    by_file = calotype("take", str(page), *small)
    by_stdin = calotype("take", "-", "--markdown", *small, stdin=page.read_bytes())

    assert by_file.returncode == by_stdin.returncode == 0, by_file.stderr + by_stdin.stderr
    assert by_file.stdout == by_stdin.stdout
    assert Image.open(BytesIO(by_file.stdout)).convert("RGB").getpixel((2, 2)) == (255, 0, 0)


def test_a_failing_page_writes_no_file(site, tmp_path):
    out = tmp_path / "gone.png"

    done = calotype("take", site.url("/404"), "-o", str(out), CALOTYPE_EGRESS_ALLOW=site.netloc)

    assert done.returncode == 1
    assert b"answered with status 404" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not out.exists()


def test_a_private_page_is_refused_and_the_remedy_is_told(site, tmp_path):
    done = calotype("take", site.url("/home"), "-o", str(tmp_path / "x.png"))

    assert done.returncode == 1
    assert b"CALOTYPE_EGRESS_ALLOW" in done.stderr
    assert site.connections == 0


def test_bad_usage_says_what_was_expected(tmp_path):
    done = calotype("take", "ftp://example.com/", "-o", str(tmp_path / "x.png"))

    assert done.returncode == 1
    assert b"http" in done.stderr
    assert calotype("take").returncode == 2
    wide = calotype("take", "http://example.com/", "-o", "x.png", "--width", "0")
    assert wide.returncode == 1
    assert b"viewport.width is 0; it must be a whole number from 1 to" in wide.stderr


def test_what_is_amiss_with_the_picture_is_said_and_fail_on_may_refuse_it(site, tmp_path):
    out = tmp_path / "wall.png"
    wall = ("take", site.url("/wall/turnstile"), "-o", str(out), "--egress-allow", site.netloc)

    done = calotype(*wall)
    assert done.returncode == 0, done.stderr
    assert b"verdict: http-status=403, blank, bot-wall=captcha" in done.stderr
    out.unlink()

    refused = calotype(*wall, "--fail-on", "bot_wall")
    assert refused.returncode == 1
    assert b"bot_wall" in refused.stderr
    assert not out.exists()


def test_of_a_good_picture_nothing_is_said(site, tmp_path):
    done = calotype(
        "take", site.url("/home"), "-o", str(tmp_path / "home.png"), "--egress-allow", site.netloc
    )

    assert b"verdict" not in done.stderr
