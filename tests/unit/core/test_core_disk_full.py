"""A full disk ends a job with one clear message: no crash, nothing lost, nothing left behind."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from panscape.data.external_sort import ExternalSort
from panscape.errors import UserError

# a limit of the size of files stands for the disk: the system refuses to write more in the same way
JOB = """
import resource, sys
from pathlib import Path
from types import SimpleNamespace
import anndata, numpy as np, pandas as pd
from scipy import sparse
from panscape.data import files
from panscape.data.counts import CountsWriter
from panscape.pipeline import job

class Wildcards(dict):
    pass

target = Path(sys.argv[1])
parts = {"rule": "make", "wildcards": Wildcards(), "config": {}}
given = SimpleNamespace(log=[sys.argv[2]], input=[], output=[target], **parts)
job.begin(given)
values = np.random.default_rng(0).normal(size=(600, 500))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
if target.name == "table.tsv":
    files.write_tsv(pd.DataFrame(values), target)
elif target.name == "matrix.npz":
    files.write_csr(sparse.csr_matrix(values), target)
elif target.name == "table.h5ad":
    files.write_h5ad(anndata.AnnData(values), target)
elif target.name == "counts.h5ad":
    with files.atomic(target) as scratch, CountsWriter(scratch, 500) as writer:
        for _ in range(20):
            writer.append(sparse.csr_matrix(values.astype(np.float32)))
else:
    import torch
    from panscape.training.weights import write_weights
    write_weights(target, {"a": torch.from_numpy(values)}, {})
"""


@pytest.mark.parametrize("name", ["table.tsv", "matrix.npz", "table.h5ad", "counts.h5ad", "w.safetensors"])
def test_a_job_fails_with_the_name_of_the_file(tmp_path, name):
    folder, log = tmp_path / "results", tmp_path / "job.log"
    folder.mkdir()
    (folder / name).write_text("the earlier result")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", JOB, folder / name, log]
    run = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    assert run.returncode == 1, run.stderr[-2000:]  # HDF5 would end it by a signal
    text = log.read_text()
    assert f"{folder / name}: cannot be written (File too large) -> free space" in text
    assert "Traceback" not in text
    assert (folder / name).read_text() == "the earlier result"
    assert [item.name for item in folder.iterdir()] == [name]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    from panscape.data.files import write_json

    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="results"):
        write_json({}, tmp_path / "results" / "a.json")


def test_a_full_temporary_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    sort = ExternalSort((100, 10), 10, 5)
    with pytest.raises(UserError, match=r"gone: the temporary folder cannot be written.*TMPDIR="):
        sort.add(np.arange(10), np.zeros(10, dtype=int), np.ones(10))
