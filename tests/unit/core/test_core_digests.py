"""Files of jobs carry digests: damage is seen before use, copies and edits are understood."""

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config import studies
from panscape.data import digests, files
from panscape.errors import UserError, fail
from panscape.pipeline import job
from panscape.pipeline.verify.records import verify
from panscape.preprocess import losses

TABLE = pd.DataFrame({"gene": [f"g{i}" for i in range(200)], "value": np.arange(200)})


@pytest.fixture
def product(tmp_path, monkeypatch):
    """Return a table that a job wrote."""
    monkeypatch.setattr(digests, "_products", {})
    monkeypatch.setattr(digests, "_checked", set())
    path = tmp_path / "results" / "genes.tsv"
    digests.begin([path], "select_genes")
    files.write_tsv(TABLE, path)
    return path


def test_a_job_records_its_outputs_and_nothing_else(product):
    files.write_tsv(TABLE, product.with_name("other.tsv"))
    assert [path.name for path in digests.recorded(product.parent)] == ["genes.tsv"]
    assert digests.read(product).rule == "select_genes"
    assert sorted(path.name for path in product.parent.iterdir()) == [".panscape", "genes.tsv", "other.tsv"]


def test_a_record_is_what_sha256sum_reads(product):
    record = digests.record_path(product).relative_to(product.parent)
    command = ["sha256sum", "--check", "--strict", str(record)]
    assert subprocess.run(command, cwd=product.parent, capture_output=True).returncode == 0
    product.write_text("x")
    assert subprocess.run(command, cwd=product.parent, capture_output=True).returncode == 1


def test_files_in_a_folder_of_outputs_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "_products", {})
    digests.begin([tmp_path / "model"], "train")
    files.write_json({}, tmp_path / "model" / "a" / "card.json")
    assert digests.read(tmp_path / "model" / "a" / "card.json").rule == "train"


@pytest.mark.parametrize("tenth", range(10))
def test_a_cut_table_is_refused_with_its_name_and_the_cure(product, tenth):
    content = product.read_bytes()
    product.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(UserError, match=r"genes\.tsv: is damaged.*select_genes.*delete it and run"):
        files.read_tsv(product)


def test_a_changed_digit_is_refused_until_its_record_is_deleted(product):
    files.read_tsv(product)
    product.write_bytes(product.read_bytes().replace(b"g17\t", b"h17\t"))
    with pytest.raises(UserError, match=r"its content is another.*\.panscape/genes\.tsv\.sha256"):
        files.read_tsv(product)
    digests.forget(product)
    assert files.read_tsv(product)["gene"][17] == "h17"


def test_copies_and_moved_folders_stay_recorded(product, tmp_path):
    for place in (
        shutil.copytree(product.parent, tmp_path / "copy"),
        product.parent.rename(tmp_path / "moved"),
    ):
        assert len(files.read_tsv(place / "genes.tsv")) == 200
        (place / "genes.tsv").write_text("gene\n")
        with pytest.raises(UserError, match="damaged"):
            files.read_tsv(place / "genes.tsv")


def test_a_damaged_record_checks_nothing(product):
    record = digests.record_path(product)
    for text in ("", record.read_text()[:100], record.read_text().replace("genes.tsv", "other.tsv")):
        record.write_text(text)
        assert digests.read(product) is None
        digests.check(product)


def test_writing_again_without_a_job_leaves_no_old_record(product, monkeypatch):
    monkeypatch.setattr(digests, "_products", {})
    files.write_tsv(TABLE[:3], product)
    assert len(files.read_tsv(product)) == 3 and not digests.record_path(product).exists()


def test_a_crash_between_file_and_record_leaves_no_wrong_record(product, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(digests, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        files.write_tsv(TABLE[:3], product)
    assert len(files.read_tsv(product)) == 3


def test_a_folder_is_checked_with_what_it_lacks(product):
    digests.check(product.parent)
    product.unlink()
    with pytest.raises(UserError, match=r"genes\.tsv: is missing"):
        digests.check(product.parent)


def test_all_damaged_inputs_of_a_job_are_named_at_once(product, tmp_path):
    other = shutil.copytree(product.parent, tmp_path / "other") / product.name
    for path in (product, other):
        path.write_text("gene\n")
    with pytest.raises(UserError) as error:
        digests.check(product, tmp_path / "absent.tsv", other)
    assert [problem.where for problem in error.value.problems] == [str(product), str(other)]


def test_what_lies_in_a_folder_is_made_anew_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "_products", {})
    folder = tmp_path / "results" / "model"
    digests.begin([folder], "train")
    for path in (folder / "card.json", folder / "parts" / "a.json"):
        files.write_json({"a": 1}, path)
        assert digests.read(path).rule == "train" and digests.read(path).product(path) == folder
        digests.check(folder, path)
        path.write_text("{}")
        for place in (folder, path):
            with pytest.raises(UserError, match=rf"\.json: is damaged.*-> delete {folder} and run the same"):
                digests.check(place)
        assert f"makes them anew: {folder}\n" in "\n".join(verify(folder).lines())
        files.write_json({"a": 1}, path)


def test_what_another_collection_made_is_not_made_anew_by_this_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digests, "_products", {})
    for collection, cure in (("mine", "delete it and run"), ("theirs", "copy results/theirs/a.tsv anew")):
        path = Path("results") / collection / "a.tsv"
        digests.begin([path], "x")
        files.write_tsv(TABLE, path)
        digests.check(path, collection="mine")
        path.write_text("gene\n")
        with pytest.raises(UserError, match=cure):
            digests.check(path, collection="mine")


def test_large_files_are_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "WHOLE", 1000)
    monkeypatch.setattr(digests, "BLOCK", 64)
    monkeypatch.setattr(digests, "SAMPLES", 8)
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * 40)
    digest = digests.Digest.of(path)
    assert digest.sampled != digest.sha256 and not digest.differs(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # the last block is always sampled
    path.write_bytes(content)
    assert digest.differs(path) and digest.differs(path, whole=True)
    content[-1] ^= 1
    content[700] ^= 1  # between two blocks
    path.write_bytes(content)
    assert not digest.differs(path) and digest.differs(path, whole=True)
    path.write_bytes(content[:-1])
    assert "10,239 bytes instead of 10,240" in digest.differs(path)


WRITERS = {
    "m.npz": lambda path: files.write_csr(sparse.random(50, 60, 0.1, format="csr", random_state=0), path),
    "t.tsv.gz": lambda path: files.write_tsv(TABLE, path),
    "x.json": lambda path: files.write_json({"a": list(range(99))}, path),
}
READERS = {"m.npz": files.read_csr, "t.tsv.gz": files.read_tsv, "x.json": files.read_json}


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("name", WRITERS)
def test_cut_files_without_a_record_are_named(tmp_path, name, tenth):
    path = tmp_path / name
    WRITERS[name](path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(UserError, match=rf"{name}: cannot be read"):
        READERS[name](path)


@pytest.mark.parametrize("tenth", range(10))
def test_cut_hdf5_files_without_a_record_are_named(tmp_path, tenth):
    import anndata

    path = tmp_path / "x.h5ad"
    files.write_h5ad(anndata.AnnData(np.ones((200, 30), dtype=np.float32)), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(UserError, match=r"x\.h5ad: cannot be read"):
        files.read_h5ad(path)
    with pytest.raises(UserError, match=r"x\.h5ad: cannot be read"), files.open_h5(path) as file:
        file["X"][()]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"t\.tsv: does not exist -> run its target"):
        files.read_tsv(tmp_path / "t.tsv")


def test_scratch_files_of_killed_writers_are_removed(tmp_path):
    path = tmp_path / "qc.svg"
    code = "import os, signal\nfrom panscape.data.files import atomic\n"
    code += (
        f"with atomic({str(path)!r}) as scratch:\n    scratch.write_text('half')\n    os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert len(list(tmp_path.iterdir())) == 1 and not path.exists()
    here, elsewhere = f".{os.getppid()}-{files._HOST}.qc.svg", ".1-00000000.qc.svg"
    for name in (here, elsewhere, ".2-00000000.qc.svg", ".notes.qc.svg", ".3-00000000.other.svg"):
        (tmp_path / name).write_text("")
    old = time.time() - 2 * 24 * 3600
    os.utime(tmp_path / elsewhere, (old, old))
    with files.atomic(path) as scratch:
        scratch.write_text("whole")
    # those of a living process, of another machine today, and of other files stay
    left = {here, ".2-00000000.qc.svg", ".notes.qc.svg", ".3-00000000.other.svg", "qc.svg"}
    assert {item.name for item in tmp_path.iterdir()} == left


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_told(product, monkeypatch, code):
    def full(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"genes\.tsv: cannot be written \(.*run the same command again"):
        files.write_tsv(TABLE[:3], product)
    monkeypatch.undo()
    assert len(files.read_tsv(product)) == 200
    assert [path.name for path in product.parent.iterdir() if path.is_file()] == ["genes.tsv"]


def test_an_error_of_another_file_keeps_its_name(product, tmp_path):
    missing = OSError(errno.EACCES, "Permission denied", str(tmp_path / "input" / "a.tsv"))
    with pytest.raises(PermissionError), files.atomic(product):
        raise missing


@pytest.mark.parametrize("tenth", range(10))
def test_a_cut_table_of_lines_is_named_while_the_plan_is_made(tmp_path, monkeypatch, tenth):
    monkeypatch.setattr(digests, "_products", {})
    path = tmp_path / "sivae" / "lines.tsv"
    digests.begin([path], "plan_lines")
    table = pd.DataFrame({"line": ["a", "b"], "job": ["job-0", "job-0"], "status": ["ok", "few cells"]})
    files.write_tsv(table, path)
    assert studies.jobs_of_lines(path) == {"a": "job-0"}
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(UserError, match=r"lines\.tsv: is damaged.*plan_lines.*delete it and run"):
        studies.jobs_of_lines(path)
    digests.forget(path)
    path.write_text("line\tjob\na\tjob-0\n")
    with pytest.raises(UserError, match=r"lines\.tsv: cannot be read \(KeyError: 'status'\)"):
        studies.jobs_of_lines(path)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_damaged_table_does_not_hide_the_error_that_it_explains(tmp_path, monkeypatch, recorded):
    monkeypatch.setattr(digests, "_products", {})
    folder = tmp_path / "results" / "lab" / "preprocess"
    table = {"filter": ["input", "min_genes"], "removed": [0, 90], "left": [100, 10], "unit": "cells"}
    table |= {"limit": ["", 500], "chosen": "", "median": [48, ""], "study": "a", "usual": [0, 20]}
    for name in ("a", "b"):
        path = folder / name / "qc.tsv"
        if recorded:
            digests.begin([path], "filter_cells")
        files.write_tsv(pd.DataFrame(table), path)
    log = str(tmp_path / "logs" / "lab" / "x" / "x.log")
    explain = _explanation(log, monkeypatch)
    assert len(losses.read_tables(log, ["a", "b"])) == 2
    assert "quality control" in str(explain(fail("x", "too few cells", "lower it", few=True)))
    content = (folder / "a" / "qc.tsv").read_bytes()
    for at in range(1, len(content) - 30):
        (folder / "a" / "qc.tsv").write_bytes(content[:at])
        tables = losses.read_tables(log, ["a", "b"])
        assert len(tables) == 1 or not recorded  # what is cut after a whole line is not seen without a record
        assert "too few cells" in str(explain(fail("x", "too few cells", "lower it", few=True)))


def test_a_job_names_all_damaged_inputs_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digests, "_products", {})
    paths = [f"results/{name}.tsv" for name in ("mine/a", "mine/b", "theirs/c")]
    digests.begin(paths, "x")
    for path in paths:
        files.write_tsv(TABLE, path)
        Path(path).write_text("")
    with pytest.raises(UserError) as error:
        _explanation("logs/mine/x.log", monkeypatch, paths, {"collection": "mine"})
    assert [problem.where for problem in error.value.problems] == paths
    assert [problem.fix.split()[0] for problem in error.value.problems] == ["delete", "delete", "copy"]


def _explanation(log, monkeypatch, inputs=(), config=()):
    """Return the function with which a job explains its errors."""
    kept = {}
    monkeypatch.setattr(job, "start_log", lambda path, explain: kept.update(explain=explain))
    monkeypatch.setattr(job.atexit, "register", lambda function: None)
    names = SimpleNamespace(items=lambda: [("study", "a"), ("other", "b")])
    parts = {"config": dict(config), "output": [], "rule": "x", "wildcards": names}
    job.begin(SimpleNamespace(log=[log], input=list(inputs), **parts))
    return kept["explain"]
