"""Secrets in URLs are in no message, log, parameter or report."""

from __future__ import annotations

import json
import logging

import pytest

from panscape.config import studies
from panscape.config.load import load
from panscape.data.download import retrieve
from panscape.errors import UserError, fail, masked
from panscape.log import logger, start_log
from panscape.report.run import parameters

SECRET = "s3cr3t"
URLS = [
    f"https://me:{SECRET}@example.org/a.h5ad",
    f"https://{SECRET}@example.org/a.h5ad",
    f"https://me:p@{SECRET}@example.org/a.h5ad",
    f"https://example.org/a.h5ad?token={SECRET}",
    f"https://example.org/a.h5ad?acc=1&X-Amz-Signature={SECRET}&x=2",
    f"https://example.org/a.h5ad?sv=1&sig={SECRET}%3D",
    f"https://example.org/a.h5ad?api%5Fkey={SECRET}#x",
    f"ftp://me:{SECRET}@example.org/a.h5ad",
]


@pytest.mark.parametrize("url", URLS)
def test_messages(url):
    assert SECRET not in masked(url) and "example.org/a.h5ad" in masked(url) and "***" in masked(url)
    assert SECRET not in str(fail(url, f"{url} is gone", f"try {url}"))
    assert masked(masked(url)) == masked(url)


@pytest.mark.parametrize("text", ["https://example.org/a?acc=GSE1&file=a.h5ad", "a@b.org", "/d//a?key=", "x"])
def test_other_text_stays(text):
    assert masked(text) == text


def test_values_that_are_cut_in_messages():
    for url in URLS:
        raw = {"collection": "a", "studies": [{"id": "a", "url": f"{url} {'x' * 99}", "sha256": "0" * 64}]}
        with pytest.raises(UserError) as caught:
            load(raw)
        assert "studies[0].url" in str(caught.value) and SECRET[:3] not in str(caught.value)


def test_logs(tmp_path, caplog):
    before = logging.root.handlers[:], logger.level
    try:
        start_log(str(tmp_path / "log"))
        logger.warning("%s was read", URLS[0])
        logging.getLogger("other").error("%s", URLS[3])
        try:
            raise ValueError(URLS[0])
        except ValueError:
            logger.critical("uncaught", exc_info=True)
    finally:
        logging.captureWarnings(False)
        for handler in logging.root.handlers:
            handler.close()
        logging.root.handlers[:] = before[0]
        logger.setLevel(before[1])
    text = (tmp_path / "log").read_text()
    assert SECRET not in text and text.count("***@example.org") == 2 and "Traceback" in text


def test_settings_of_rules_and_report():
    items = [{"id": f"s{at}", "url": url, "sha256": "0" * 64} for at, url in enumerate(URLS)]
    config = load({"collection": "a", "species": "human", "studies": items})
    for at, url in enumerate(URLS):
        assert config["studies"][at]["url"] == url  # what is downloaded
        assert studies.located(config, f"s{at}")["url"] == masked(url)
    shown = studies.without_secrets(config)
    assert SECRET not in json.dumps(shown) and json.dumps(shown).count("***") >= len(URLS)
    assert not parameters(shown)["value"].str.contains(SECRET).any()


def test_download_that_fails(tmp_path):
    with pytest.raises(UserError) as caught:
        retrieve(f"http://me:{SECRET}@127.0.0.1:1/a.h5ad?token={SECRET}", "0" * 64, tmp_path / "a")
    assert SECRET not in str(caught.value) and "127.0.0.1:1/a.h5ad?token=***" in str(caught.value)
