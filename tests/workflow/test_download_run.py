"""A study behind an address with a password and a token: downloaded, and the secrets are nowhere."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading

import anndata
import numpy as np
import pytest
import yaml
from scipy import sparse

SECRETS = (b"s3cr3t", base64.b64encode(b"me:s3cr3t"))


@pytest.fixture
def address(tmp_path):
    counts = np.random.default_rng(0).poisson(2, (120, 60)).astype(np.float32)
    anndata.AnnData(sparse.csr_matrix(counts)).write_h5ad(tmp_path / "a.h5ad")
    content = (tmp_path / "a.h5ad").read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            right = self.headers["Authorization"] == f"Basic {SECRETS[1].decode()}"
            self.send_response(200 if right and self.path.endswith("token=s3cr3t") else 403)
            self.end_headers()
            self.wfile.write(content if right else b"")

        def log_message(self, *arguments):
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    host = f"127.0.0.1:{served.server_port}"
    yield f"http://me:s3cr3t@{host}/a.h5ad?token=s3cr3t", hashlib.sha256(content).hexdigest()
    served.shutdown()
    thread.join()
    served.server_close()


def test_secrets_are_in_no_file_and_no_line(snakemake, tmp_path, address):
    url, digest = address
    study = {"id": "a", "url": url, "sha256": digest}
    config = tmp_path / "c.yaml"
    settings = {"collection": "a", "species": "other", "studies": [study], "preprocess": {"min_genes": 0}}
    config.write_text(yaml.safe_dump({**settings, "landscape": {"root": "none"}}))
    place = tmp_path / "run"
    target = "results/a/preprocess/a/counts.h5ad"
    run = snakemake(place, target, config=config)
    assert run.returncode == 0, run.stderr
    config.write_text(config.read_text().replace("me:s3cr3t", "me:0ther"))
    wrong = snakemake(place, "--forcerun", "retrieve_study", target, config=config)
    assert wrong.returncode != 0 and "403 Forbidden" in wrong.stderr and "check the name and" in wrong.stderr
    plan = snakemake(place, "-n", "results/a/report.html", config=config)
    files = [path for path in place.rglob("*") if path.is_file()]
    assert len(files) > 8
    texts = [path.read_bytes() for path in files]
    texts += [text.encode() for done in (run, wrong, plan) for text in (done.stdout, done.stderr)]
    for secret in (*SECRETS, b"0ther"):
        assert not any(secret in text for text in texts)
    assert any(b"***@127.0.0.1" in text for text in texts)
