"""calotype serve: when it refuses to start and what it says then, how it stops, what it never logs."""

from __future__ import annotations

import socket

import pytest

from tests.support.server import LiveServer, calotype

PASSWORD = "hunter2-in-the-url"


class TestRefusingToStart:
    def test_beyond_loopback_it_wants_a_key_first_and_says_how(self, tmp_path):
        failed = calotype("serve", "--host", "0.0.0.0", "--port", "0", data=tmp_path / "data")

        assert failed.returncode == 1
        assert b"there is no key yet, and 0.0.0.0 can be reached from outside" in failed.stderr
        assert f"calotype keys create --data {tmp_path / 'data'}".encode() in failed.stderr

    def test_a_port_in_use_is_told_with_the_remedy(self, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            failed = calotype("serve", "--port", str(port), data=tmp_path / "data")

        assert failed.returncode == 1
        assert failed.stderr.decode() == (
            f"calotype: cannot listen on 127.0.0.1 port {port}: Address already in use; "
            "choose another with --port or CALOTYPE_PORT\n"
        )

    @pytest.mark.parametrize(
        ("arguments", "environ", "message"),
        [
            (["--port", "http"], {}, "--port must be a whole number from 0 to 65535; it is 'http'"),
            (
                [],
                {"CALOTYPE_SECRET_KEY": "too short"},
                "CALOTYPE_SECRET_KEY must hold at least 16 characters",
            ),
            (["--config", "nowhere.toml"], {}, "the config file nowhere.toml cannot be read"),
        ],
    )
    def test_a_wrong_setting_is_told_by_where_it_was_set(self, tmp_path, arguments, environ, message):
        failed = calotype("serve", *arguments, data=tmp_path / "data", **environ)

        assert failed.returncode == 1
        assert failed.stderr.decode().startswith(f"calotype: {message}")
        assert "Traceback" not in failed.stderr.decode()
        assert "too short" not in failed.stderr.decode()


class TestRunning:
    def test_it_says_where_it_listens_and_sigterm_stops_it_with_exit_status_0(self, tmp_path):
        server = LiveServer(tmp_path / "data", CALOTYPE_PUBLIC_URL="https://shots.example.com")
        assert server.url.startswith("http://127.0.0.1:")
        assert server.client.get("/healthz").text == "ok\n"

        assert server.stop() == 0
        assert server.log().endswith("Calotype has stopped\n")
        assert "Traceback" not in server.log()

    def test_a_body_beyond_all_bounds_is_answered_before_it_is_all_there(self, server):
        reply = server.client.post("/v1/screenshot", content=(b" " * 2**20 for _ in range(64)))

        assert reply.status_code == 413

    @pytest.mark.parametrize(
        "path", [b"/v1/cache/%00", b"/v1/cache/..%2f..%2fetc", b"/screenshots/../secret.key"]
    )
    def test_odd_paths_reach_no_file(self, server, path):
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as client:
            client.sendall(
                b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Authorization: Bearer " + server.key.encode() + b"\r\n\r\n"
            )
            answer = b"".join(iter(lambda: client.recv(65536), b""))

        assert answer.split(b" ")[1] in (b"400", b"404")

    def test_head_over_a_real_connection_has_the_length_and_no_body(self, server, take):
        taken = take("https://example.com/")
        head = server.client.head(f"/v1/cache/{taken.headers['x-cache-key']}")
        got = server.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")

        assert head.headers["content-length"] == got.headers["content-length"] == str(len(taken.content))
        assert "date" in got.headers
        assert "server" not in got.headers


class TestSecrets:
    def test_neither_keys_nor_credentials_of_urls_are_in_the_log(self, server):
        secret = calotype("keys", "create", data=server.data).stdout.decode().strip()
        url = f"https://user:{PASSWORD}@127.0.0.1:1/"
        for reply in (
            server.client.post(
                "/v1/screenshot", json={"url": url}, headers={"authorization": f"Bearer {secret}"}
            ),
            server.client.get(
                "/v1/screenshot", params={"url": url, "api_key": secret}, headers={"authorization": ""}
            ),
            server.client.post("/v1/screenshot", json={"url": f"https://user:{PASSWORD}@nowhere.invalid/"}),
            server.client.get(f"/v1/cache/{secret}?api_key={secret}"),
        ):
            assert reply.status_code in (403, 404, 422), reply.text
            assert PASSWORD not in reply.text

        assert secret not in server.log()
        assert PASSWORD not in server.log()
        # The first key is shown once, to whoever started the server.
        assert server.log().count(server.key) == 1
