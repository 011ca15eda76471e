from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import threading

import pytest

from panscape.data.download import retrieve, verify_sha256
from panscape.errors import UserError

CONTENT = bytes(range(256)) * 9000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path):
    """A local web server over a folder; `/short` breaks off in the middle."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/short":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])

        def log_message(self, *arguments):
            pass

    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "a.h5ad").write_bytes(CONTENT)
    (folder / "b.h5ad.gz").write_bytes(gzip.compress(CONTENT))
    served = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


def test_file_arrives_whole(server, tmp_path):
    target = tmp_path / "deep" / "s.download"
    retrieve(f"{server}/a.h5ad", DIGEST.upper(), target)
    assert target.read_bytes() == CONTENT
    verify_sha256(target, DIGEST, "url")


def test_file_address(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    retrieve((tmp_path / "a").as_uri(), DIGEST, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == CONTENT


def test_gzipped_hdf5_is_unpacked_after_its_check(server, tmp_path):
    packed = hashlib.sha256((tmp_path / "web" / "b.h5ad.gz").read_bytes()).hexdigest()
    retrieve(f"{server}/b.h5ad.gz", packed, tmp_path / "out" / "s.download")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["s.download"]
    assert (tmp_path / "out" / "s.download").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/a.h5ad", f"has SHA-256 {DIGEST}, not {'0' * 64}"),
        ("/none.h5ad", "404"),
        ("/short", "1000 of 2304000 bytes"),
    ],
)
def test_nothing_is_left_where_something_is_wrong(server, tmp_path, address, message):
    folder = tmp_path / "out"
    with pytest.raises(UserError) as caught:
        retrieve(server + address, "0" * 64, folder / "s.download", "studies[2].url")
    assert (
        message in str(caught.value)
        and "studies[2].url" in str(caught.value)
        and address in str(caught.value)
    )
    assert not list(folder.iterdir())


def test_an_older_file_survives_a_failed_retrieval(server, tmp_path):
    target = tmp_path / "s.download"
    target.write_text("older")
    with pytest.raises(UserError):
        retrieve(f"{server}/a.h5ad", "0" * 64, target)
    assert target.read_text() == "older"


@pytest.mark.parametrize("url", ["a.h5ad", "s3://bucket/a.h5ad", "http://127.0.0.1:1/a.h5ad"])
def test_addresses_that_lead_nowhere(tmp_path, url):
    with pytest.raises(UserError) as caught:
        retrieve(url, DIGEST, tmp_path / "x")
    assert url in str(caught.value)


def test_wrong_checksum_of_a_local_file(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(UserError, match=r"studies\[0\].sha256"):
        verify_sha256(tmp_path / "a", DIGEST, "studies[0].sha256")
