"""Seeds, errors, log, versions and files."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.data import files
from panscape.errors import Problem, UserError, fail
from panscape.log import Progress
from panscape.pipeline import provenance
from panscape.versions import versions

WORKFLOW = Path(provenance.__file__).parents[3]


def test_importing_the_package_and_its_light_modules_loads_nothing_heavy():
    modules = "panscape, panscape.config.load, panscape.config.studies, panscape.pipeline.resources"
    code = f"import sys, {modules}; print(list(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=WORKFLOW, capture_output=True, check=True, text=True
    )
    for heavy in ("torch", "scanpy", "igraph", "sklearn", "matplotlib", "numba"):
        assert f"'{heavy}'" not in run.stdout, heavy


def test_streams_depend_on_the_names_alone():
    assert seeds.derive(1, "pca", "a") == seeds.derive(1, "pca", "a")
    assert len({seeds.derive(*key) for key in [(1, "a", "b"), (1, "ab"), (1, "b", "a"), (2, "a", "b")]}) == 4
    assert seeds.stream(3, "x").integers(1000) == seeds.stream(3, "x").integers(1000)


def test_an_error_tells_all_problems():
    error = UserError(
        [Problem("studies[0].path", "no such file", "mend the path"), Problem("seed", "is text")]
    )
    assert str(error) == "2 problems:\n  - studies[0].path: no such file -> mend the path\n  - seed: is text"
    assert str(fail("a", "b")) == "1 problem:\n  - a: b"


def test_messages_are_readable_whatever_is_in_them():
    word = "https://me:s3cr3t@example.org/" + "d/" * 2500
    text = str(Problem("k" * 5000, f"found {word!r}", "write less"))
    assert len(text) < 1200 and "(5,001 characters)" in text and text.endswith("write less")
    assert "s3cr3t" not in text and "https://***@example.org/d/d/" in text
    path = "/data/" + "a" * 250 + "/" + "b" * 250
    assert path in str(Problem(path, "does not exist"))


def test_progress_tells_rate_and_time_left(caplog):
    progress = Progress("cells", 10, every=0)
    with caplog.at_level(logging.INFO, logger="panscape"):
        progress.add(5)
        progress.add(5)
    assert "5/10 cells" in caplog.text and "s left" in caplog.text
    assert "10/10 cells" in caplog.text


def test_versions():
    assert versions(["numpy", "no-such-distribution"])["no-such-distribution"] == "absent"


def test_the_same_table_gives_the_same_bytes_whoever_writes_it(tmp_path, monkeypatch):
    table = pd.DataFrame({"gene": ["A", "B"], "value": [1.5, np.nan]})
    written = []
    for process in (1, 22):
        monkeypatch.setattr(files.os, "getpid", lambda number=process: number)
        files.write_tsv(table, tmp_path / "table.tsv.gz")
        written.append((tmp_path / "table.tsv.gz").read_bytes())
    assert written[0] == written[1]
    pd.testing.assert_frame_equal(files.read_tsv(tmp_path / "table.tsv.gz"), table)
