"""A full disk ends a job with one clear message: no crash, nothing lost, nothing left behind."""

import errno
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from safetensors import SafetensorError

from panscape.data.external_sort import ExternalSort
from panscape.data.files import atomic
from panscape.data.temporary import check_temporary, temporary_space
from panscape.errors import UserError, fail, system_number
from panscape.pipeline.preflight.jobs import plan
from panscape.training.gpu_lock import claim

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
elif target.name == "few.h5ad":  # HDF5 writes it when it is closed, and fails with another kind of error
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    with files.atomic(target) as scratch, CountsWriter(scratch, 500) as writer:
        writer.append(sparse.csr_matrix(values[:100].astype(np.float32)))
else:
    import torch
    from panscape.training.weights import write_weights
    write_weights(target, {"a": torch.from_numpy(values)}, {})
"""


NAMES = ["table.tsv", "matrix.npz", "table.h5ad", "counts.h5ad", "few.h5ad", "w.safetensors"]


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_run_is_not_begun_where_temporary_files_do_not_fit(tmp_path, monkeypatch, number):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    check_temporary()
    assert not list(tmp_path.iterdir())

    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    with pytest.raises(UserError, match=rf"{tmp_path}: the temporary folder cannot be written.*TMPDIR="):
        check_temporary()
    with pytest.raises(UserError, match="temporary folder"):  # the plan of preflight
        plan(tmp_path / "Snakefile", {})


def test_other_errors_are_not_laid_on_the_temporary_folder():
    with pytest.raises(OSError, match="Connection refused"), temporary_space():
        raise OSError(errno.ECONNREFUSED, "Connection refused")


def test_a_file_that_is_missing_elsewhere_is_not_laid_on_the_temporary_folder(tmp_path):
    with pytest.raises(FileNotFoundError), temporary_space(tmp_path / "temporary"):
        (tmp_path / "input.tsv").read_text()


TEXTS = {  # as HDF5 on writing, safetensors, shutil and a wrapped error say it
    "RuntimeError": "Can't decrement id ref count (file write failed: time = Sun Nov 29 21:53:55 2026\n, "
    "filename = '{path}', file descriptor = 4, errno = {number}, error message = 'some')",
    "SafetensorError": "Error while serializing: I/O error: some (os error {number})",
    "ValueError": "[('a.py', '{path}', \"[Errno {number}] some: '{path}'\")]",
}


def carrying(kind: str, number: int, path) -> Exception:
    known = {"RuntimeError": RuntimeError, "SafetensorError": SafetensorError, "ValueError": ValueError}
    return known[kind](TEXTS[kind].format(number=number, path=path))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("kind", TEXTS)
def test_any_error_that_carries_the_number_of_a_disk_fault_is_told(tmp_path, kind, number):
    error = carrying(kind, number, tmp_path / ".1.table.x")
    assert system_number(error) == number
    with pytest.raises(UserError) as told, atomic(tmp_path / "table.x"):
        raise error
    assert f"{tmp_path / 'table.x'}: cannot be written ({os.strerror(number)})" in str(told.value)


@pytest.mark.parametrize("kind", TEXTS)
def test_other_numbers_stay_what_they_are(tmp_path, kind):
    error = carrying(kind, errno.ECONNREFUSED, tmp_path)
    with pytest.raises(type(error)) as told, atomic(tmp_path / "table.x"):
        raise error
    assert told.value is error


def test_an_input_that_cannot_be_read_is_not_laid_on_the_output(tmp_path):
    error = carrying("RuntimeError", errno.EIO, "/somewhere/else/counts.h5ad")
    with pytest.raises(RuntimeError) as told, atomic(tmp_path / "table.x"):
        raise error
    assert told.value is error


def test_an_error_for_the_user_is_not_read_for_numbers(tmp_path):
    error = fail("b.tsv", "cannot be read ([Errno 5] Input/output error)")
    with pytest.raises(UserError) as told, atomic(tmp_path / "table.x"):
        raise error
    assert told.value is error


def test_errors_without_a_number_have_none():
    assert system_number(None) is None
    assert system_number(ValueError("errno is unknown (os error)")) is None


def test_locks_of_gpus_name_the_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="gone: the temporary folder cannot be written"):
        claim(["card-of-nobody"], tmp_path / "gone")
