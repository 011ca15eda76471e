"""Servers that lie, break off or resume: one clear error each, or the whole file."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import socket
import threading
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from panscape.data import limits, transfer
from panscape.data.download import retrieve
from panscape.errors import UserError

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
RAW = {  # path -> the bytes that the server sends
    "/long": HEAD + b"Content-Length: 2000000\r\n\r\n" + CONTENT,
    "/short": HEAD + b"Content-Length: 1000\r\n\r\n" + CONTENT,
    "/word": HEAD + b"Content-Length: many\r\n\r\n" + CONTENT,
    "/negative": HEAD + b"Content-Length: -5\r\n\r\n" + CONTENT,
    "/two": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + CONTENT,
    "/huge": HEAD + b"Content-Length: 999999999999999999\r\n\r\n" + CONTENT,
    "/vast": HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "/chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\nabc",
    "/chunkword": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "/chunked": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n%x\r\n" % len(CONTENT)
    + CONTENT
    + b"\r\n0\r\n\r\n",
    "/silent": b"",
    "/word-status": b"HELLO\r\n\r\n",
    "/number-status": b"HTTP/1.1 9999 Odd\r\n\r\n",
    "/text-status": b"HTTP/1.1 abc\r\n\r\n",
    "/ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "/nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/range": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-6/7\r\nContent-Length: 2\r\n\r\nab",
    "/headers": b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 300 + b"\r\n",
    "/line": b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n",
    "/control": b"HTTP/1.1 404 no\x1b[31m\x07\r\n\r\n",
    "/loop": b"HTTP/1.1 302 Found\r\nLocation: /loop\r\n\r\n",
    "/file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    "/login": HEAD + b"\r\n<!DOCTYPE html><html>Log in</html>",
    "/empty": HEAD + b"Content-Length: 0\r\n\r\n",
    "/busy": b"HTTP/1.1 503 Busy\r\n\r\n",
    "/closed": b"HTTP/1.1 403 Forbidden\r\n\r\n",
}


class Server(http.server.ThreadingHTTPServer):
    """Sends RAW, and `/resumable`, which breaks off `breaks` times and then knows ranges."""

    breaks = 0
    etag: str | None = '"one"'
    content = CONTENT

    def __init__(self, *arguments):
        self.asked: list[tuple[str | None, str | None]] = []
        self.seen: dict[str, str] = {}
        super().__init__(*arguments)


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.seen = dict(self.headers.items())
        path = self.path.partition("?")[0]
        if path in RAW:
            self.wfile.write(RAW[path])
        elif path.startswith("/resumable"):
            self.resumable()
        elif path == "/secret":
            right = "Basic " + base64.b64encode(b"me:p w").decode()
            self.whole(200 if self.headers["Authorization"] == right else 401)
        elif path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/good")
            self.end_headers()
        else:
            self.whole(200 if path in ("/good", "/sp%20%C3%A9") else 404)

    def whole(self, status):
        self.send_response(status)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if status == 200 else b"")

    def resumable(self):
        server, content = self.server, self.server.content
        asked, known = self.headers["Range"], self.headers["If-Range"]
        server.asked.append((asked, known))
        start = 0
        if asked and known == server.etag and not self.path.endswith("?whole"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            shift = 7 if self.path.endswith("?shifted") else 0
            self.send_header("Content-Range", f"bytes {start + shift}-{len(content) - 1}/{len(content)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if server.breaks:
            server.breaks -= 1
            rest = rest[:300_000]
        self.wfile.write(rest)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(transfer, "WAIT", 0.0)
    served = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def address(server, path):
    return f"http://127.0.0.1:{server.server_port}{path}"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/long", "received 1024000 of 2000000 bytes"),
        ("/short", "has SHA-256"),
        ("/word", "announces a length that is none: many"),
        ("/negative", "announces a length that is none: -5"),
        ("/two", "announces a length that is none: "),
        ("/huge", "it has 1,000,000,000.0 GB) -> if the file is in order, raise limits.download_gb"),
        ("/vast", "announces a length that is none: 999"),
        ("/chunk", "the connection broke after 0 bytes: IncompleteRead"),
        ("/chunkword", "the connection broke after 0 bytes"),
        ("/silent", "RemoteDisconnected"),
        ("/word-status", "does not answer with HTTP but 'HELLO"),
        ("/number-status", "does not answer with HTTP but 'HTTP/1.1 9999 Odd"),
        ("/text-status", "does not answer with HTTP but 'HTTP/1.1 abc"),
        ("/ssh", "does not answer with HTTP but 'SSH-2.0"),
        ("/nothing", "the server answers 204 No Content"),
        ("/range", "another part than asked for: 'bytes 5-6/7'"),
        ("/headers", "got more than 100 headers"),
        ("/line", "LineTooLong"),
        ("/control", "404 no[31m)"),
        ("/loop", "302"),
        ("/file", "302"),
        ("/login", "is a web page, perhaps a form to log in; it has SHA-256"),
        ("/empty", "is empty; it has SHA-256"),
        ("/busy", "503 Busy"),
        ("/closed", "403 Forbidden) -> check the name and password"),
        ("/gone", "404 Not Found"),
    ],
)
def test_bad_answers_are_one_clear_error(server, tmp_path, path, message):
    with pytest.raises(UserError) as caught:
        retrieve(address(server, path), DIGEST, tmp_path / "out" / "s.download", "studies[2].url")
    text = str(caught.value)
    assert message in text and f"studies[2].url: {address(server, path)}" in text and len(text) < 500
    assert text.isascii() and text.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


def test_chunks_and_a_length_beside_them(server, tmp_path):
    retrieve(address(server, "/chunked"), DIGEST, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_broken_transfer_goes_on_where_it_broke(server, tmp_path):
    server.breaks = 3
    retrieve(address(server, "/resumable"), DIGEST, tmp_path / "a")
    ranges = [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]
    assert server.asked == [(part, '"one"' if part else None) for part in ranges]
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_later_run_goes_on(server, tmp_path, monkeypatch):
    server.breaks = 9
    monkeypatch.setattr(transfer, "ATTEMPTS", 2)
    with pytest.raises(UserError, match=r"received 600000 of 1024000 bytes.*run the same command again"):
        retrieve(address(server, "/resumable"), DIGEST, tmp_path / "a")
    assert (tmp_path / ".a.part").stat().st_size == 600_000
    server.breaks, server.asked = 0, []
    retrieve(address(server, "/resumable"), DIGEST, tmp_path / "a")
    assert server.asked == [("bytes=600000-", '"one"')]
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("etag", [None, 'W/"weak"', "bare"])
def test_without_a_strong_validator_it_starts_anew(server, tmp_path, etag):
    server.breaks, server.etag = 2, etag
    retrieve(address(server, "/resumable"), DIGEST, tmp_path / "a")
    assert server.asked == [(None, None)] * 3


def _begun(server, tmp_path, monkeypatch, url="/resumable"):
    with monkeypatch.context() as patch:
        server.breaks = 1
        patch.setattr(transfer, "ATTEMPTS", 1)
        with pytest.raises(UserError):
            retrieve(address(server, url), DIGEST, tmp_path / "a")
    assert (tmp_path / ".a.part").stat().st_size == 300_000
    server.asked = []


@pytest.mark.parametrize("url", ["/resumable?whole", "/resumable?shifted"])
def test_servers_that_ignore_or_shift_ranges(server, tmp_path, monkeypatch, url):
    _begun(server, tmp_path, monkeypatch, url)
    retrieve(address(server, url), DIGEST, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT and server.asked[0][0] == "bytes=300000-"


def test_shifted_range_is_told_before_the_checksum(server, tmp_path, monkeypatch, caplog):
    _begun(server, tmp_path, monkeypatch, "/resumable?shifted")
    retrieve(address(server, "/resumable?shifted"), DIGEST, tmp_path / "a")
    assert "another part than asked for: 'bytes 300007-1023999/1024000'; attempt 2" in caplog.text
    assert [part for part, _ in server.asked] == ["bytes=300000-", None]


def test_file_that_changed_meanwhile(server, tmp_path, monkeypatch):
    _begun(server, tmp_path, monkeypatch)
    server.etag, server.content = '"two"', CONTENT[::-1]
    retrieve(address(server, "/resumable"), hashlib.sha256(server.content).hexdigest(), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == server.content


def test_file_that_changed_under_the_same_validator(server, tmp_path, monkeypatch):
    _begun(server, tmp_path, monkeypatch)
    server.content = CONTENT[::-1]
    retrieve(address(server, "/resumable"), hashlib.sha256(server.content).hexdigest(), tmp_path / "a")
    assert [asked for asked, _ in server.asked] == ["bytes=300000-", None]


def test_file_that_became_shorter(server, tmp_path, monkeypatch):
    _begun(server, tmp_path, monkeypatch)
    server.content = CONTENT[:1000]
    retrieve(address(server, "/resumable"), hashlib.sha256(server.content).hexdigest(), tmp_path / "a")
    assert [asked for asked, _ in server.asked] == ["bytes=300000-", None]


@pytest.mark.parametrize("damage", ["{", "[]", '{"url": 1}', '{"nope": 1}', ""])
def test_damaged_record_of_a_part(server, tmp_path, monkeypatch, damage):
    _begun(server, tmp_path, monkeypatch)
    (tmp_path / ".a.part.json").write_text(damage)
    retrieve(address(server, "/resumable"), DIGEST, tmp_path / "a")
    assert server.asked == [(None, None)]


def test_part_of_another_address_is_not_used(server, tmp_path, monkeypatch):
    _begun(server, tmp_path, monkeypatch)
    retrieve(address(server, "/resumable?x"), DIGEST, tmp_path / "a")
    assert server.asked == [(None, None)]


def test_complete_part_needs_no_network(server, tmp_path, monkeypatch):
    _begun(server, tmp_path, monkeypatch)
    (tmp_path / ".a.part").write_bytes(CONTENT)
    retrieve(address(server, "/resumable"), DIGEST, tmp_path / "a")
    assert server.asked == [] and (tmp_path / "a").read_bytes() == CONTENT


def test_last_modified_is_a_validator(tmp_path):
    answer = SimpleNamespace(status=200, headers={"Last-Modified": formatdate(0, usegmt=True)})
    transfer._write_state("http://e.org/a", tmp_path / "p", answer, 5)
    state = transfer._state("http://e.org/a", tmp_path / "p")
    assert state.validator == "Thu, 01 Jan 1970 00:00:00 GMT" and state.total == 5


def test_size_limit_holds_without_an_announced_length(server, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_current", limits.Limits(download_gb=0.0005))
    for path, message in (("/chunked", "it has more than 0.0005 GB"), ("/good", "it has 0.0 GB")):
        with pytest.raises(UserError, match=rf"{message}.*raise limits.download_gb \(now 0.0005\)"):
            retrieve(address(server, path), DIGEST, tmp_path / "out" / "a")
        assert not list((tmp_path / "out").iterdir())


def test_full_disk_is_told_before_the_download(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(UserError, match=r"it needs 0.0 GB, 0.0 GB are free in .*-> free space"):
        retrieve(address(server, "/good"), DIGEST, tmp_path / "a")


def test_name_and_password(server, tmp_path):
    base = f"127.0.0.1:{server.server_port}"
    retrieve(f"http://me:p%20w@{base}/secret", DIGEST, tmp_path / "a")
    with pytest.raises(UserError, match=r"http://\*\*\*@127.*401 Unauthorized.*check the name and password"):
        retrieve(f"http://me:wrong@{base}/secret", DIGEST, tmp_path / "b")


def test_redirection_does_not_see_the_password(server, tmp_path):
    retrieve(f"http://me:pw@127.0.0.1:{server.server_port}/elsewhere", DIGEST, tmp_path / "a")
    assert "Authorization" not in server.seen and server.seen["Host"].startswith("localhost")


def test_other_letters_in_the_address(server, tmp_path):
    retrieve(address(server, "/sp%20\u00e9"), DIGEST, tmp_path / "a")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6(tmp_path):
    class Six(Server):
        address_family = socket.AF_INET6

    try:
        served = Six(("::1", 0), Handler)
    except OSError:
        pytest.skip("no IPv6 address")
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    try:
        retrieve(f"http://[::1]:{served.server_port}/good", DIGEST, tmp_path / "a")
    finally:
        served.shutdown()
        thread.join()
        served.server_close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://[::1/a.h5ad", "Invalid IPv6 URL"),
        ("http://[fe80::zz]/a.h5ad", "does not appear to be an IPv4 or IPv6 address"),
        ("http://e.org/my file.h5ad", "it has blanks: write %20"),
        ("http://e.org/a\n.h5ad", "it has blanks: write %20"),
        ("http://e.org/a\x00.h5ad", "it has control characters"),
        ("http://e.org:port/a.h5ad", "Port could not be cast"),
        ("http://e.org:99999/a.h5ad", "Port out of range"),
        ("http:///a.h5ad", "it has no host"),
        (f"http://{'a' * 70}.org/a.h5ad", "label"),
        ("http://a..org/a.h5ad", "label"),
        ("s3://bucket/a.h5ad", "it does not begin with http"),
    ],
)
def test_addresses_that_are_none(tmp_path, url, why):
    with pytest.raises(UserError) as caught:
        retrieve(url, DIGEST, tmp_path / "a")
    assert why in str(caught.value) and "is not a URL" in str(caught.value)


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "gone", ""):
        with pytest.raises(UserError, match="there is no such file"):
            retrieve(f"file://{tmp_path}/{name}", DIGEST, tmp_path / "a")
