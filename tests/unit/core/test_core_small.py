"""Seeds, errors, log and provenance."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from panscape import files, provenance, seeds
from panscape.errors import Problem, UserError, fail
from panscape.log import Progress

WORKFLOW = Path(provenance.__file__).parents[1]


def test_importing_the_package_and_its_light_modules_loads_nothing_heavy():
    code = "import sys, panscape, panscape.config, panscape.inputs, panscape.sizes; print(list(sys.modules))"
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


def test_progress_tells_rate_and_time_left(caplog):
    progress = Progress("cells", 10, every=0)
    with caplog.at_level(logging.INFO, logger="panscape"):
        progress.add(5)
        progress.add(5)
    assert "5/10 cells" in caplog.text and "s left" in caplog.text
    assert "10/10 cells" in caplog.text


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "step.py"
    path.write_text("from panscape import counts\n")
    return path


def test_code_digest_follows_imports_and_ignores_comments(script, tmp_path, monkeypatch):
    package = tmp_path / "panscape"
    (package / "stage").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "stage" / "__init__.py").write_text("from panscape.stage._a import run\n")
    (package / "stage" / "_a.py").write_text("from . import _b\ndef run():\n    from panscape import late\n")
    (package / "stage" / "_b.py").write_text("x = 1\n")
    (package / "late.py").write_text("y = 1\n")
    (package / "other.py").write_text("z = 1\n")
    monkeypatch.setattr(provenance, "PACKAGE", package)
    script.write_text("from panscape import stage\nstage.run()\n")

    before = provenance.code_digest(script)
    (package / "other.py").write_text("z = 2\n")
    (package / "stage" / "_b.py").write_text("x = 1  # a remark\n")
    (package / "stage/__pycache__").mkdir(exist_ok=True)
    (package / "stage/__pycache__/kernel.nbi").write_text("compiled")
    assert provenance.code_digest(script) == before
    (package / "stage" / "page.html").write_text("<p>")
    assert provenance.code_digest(script) != before
    (package / "stage" / "page.html").unlink()
    for changed in ("stage/_b.py", "late.py", "stage/_a.py"):
        source = (package / changed).read_text()
        (package / changed).write_text(source + "w = 3\n")
        assert provenance.code_digest(script) != before, changed
        (package / changed).write_text(source)
    assert provenance.code_digest(script) == before


def test_versions():
    assert provenance.versions(["numpy", "no-such-distribution"])["no-such-distribution"] == "absent"


def test_the_same_table_gives_the_same_bytes_whoever_writes_it(tmp_path, monkeypatch):
    table = pd.DataFrame({"gene": ["A", "B"], "value": [1.5, np.nan]})
    found = []
    for process in (1, 22):
        monkeypatch.setattr(files.os, "getpid", lambda number=process: number)
        files.write_tsv(table, tmp_path / "table.tsv.gz")
        found.append((tmp_path / "table.tsv.gz").read_bytes())
    assert found[0] == found[1]
    pd.testing.assert_frame_equal(files.read_tsv(tmp_path / "table.tsv.gz"), table)
