"""`panscape verify`: damaged files are found, runs are compared, digests are published."""

import anndata
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from scipy import sparse

from panscape.data import digests, files
from panscape.errors import UserError
from panscape.pipeline.verify.__main__ import main
from panscape.pipeline.verify.compare import compare
from panscape.pipeline.verify.records import report, verify
from panscape.pipeline.verify.table import compare_digests, kernels, write_digests


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that writes a small run; its numbers are `shift` larger."""
    monkeypatch.setattr(digests, "_checked", set())

    def run(name, shift=0.0, text="a"):
        root = tmp_path / name
        monkeypatch.setattr(digests, "_products", {str(root): "make"})
        values = np.arange(1.0, 13.0).reshape(4, 3) + shift
        files.write_tsv(pd.DataFrame({"gene": [text, "b"], "value": values[0, :2]}), root / "one" / "t.tsv")
        files.write_tsv(pd.DataFrame({"value": [np.nan, values[1, 1]]}), root / "one" / "t.tsv.gz")
        files.write_csr(sparse.csr_matrix(values), root / "m.npz")
        files.write_h5ad(anndata.AnnData(values), root / "x.h5ad")
        files.write_json({"a": [1, {"b": 2.0 + shift}], "c": "text"}, root / "x.json")
        with files.atomic(root / "f.svg") as scratch:
            scratch.write_text(f"<svg>{shift}</svg>")
        return root

    return run


def test_a_whole_run_passes_and_each_damaged_file_is_named(make, capsys):
    root = make("run")
    assert main([str(root)]) == 0 and "6 files are as they were written" in capsys.readouterr().out
    (root / "one" / "t.tsv").write_text("gene\n")
    (root / "m.npz").write_bytes(b"")
    assert set(verify(root).damaged) == {root / "m.npz", root / "one" / "t.tsv"}
    assert main([str(root)]) == 1
    text = capsys.readouterr().out
    assert "DAMAGED" in text and "t.tsv: it has 5 bytes instead of" in text and "4 files are as" in text


def test_files_without_records_and_files_that_are_gone_are_told_apart(make, capsys):
    root = make("run")
    (root / "mine.txt").write_text("")
    (root / "x.json").unlink()
    assert main([str(root)]) == 0
    text = capsys.readouterr().out
    assert "1 files have no record and were not checked:" in text and "mine.txt" in text
    assert "1 files were temporary or have been deleted:" in text and "x.json" in text


def test_the_target_fails_with_the_number_of_damaged_files(make, tmp_path):
    root = make("run")
    report(root, tmp_path / "verify.log")
    (root / "x.json").write_text("{}")
    with pytest.raises(UserError, match="1 files are damaged or were edited"):
        report(root, tmp_path / "verify.log")
    assert "x.json" in (tmp_path / "verify.log").read_text()


def test_equal_runs_are_equal(make):
    found = compare(make("a"), make("b"))
    assert found.same and len(found.equal) == 6 and not found.close


def test_small_differences_are_close_and_allow_other_figures(make, capsys):
    a, b = make("a"), make("b", shift=1e-6)
    found = compare(a, b)
    assert found.same and set(found.close) == {
        *("f.svg", "m.npz", "one/t.tsv", "one/t.tsv.gz", "x.h5ad", "x.json")
    }
    assert 0 < found.close["m.npz"] < 1e-6 and np.isnan(found.close["f.svg"])
    assert main([str(a), "--against", str(b)]) == 0
    assert main([str(a), "--against", str(b), "--tolerance", "1e-9"]) == 1
    assert "DIFFERENT x.h5ad: relative difference" in capsys.readouterr().out


def test_texts_missing_values_and_shapes_differ(make):
    a, b = make("a"), make("b", text="other")
    files.write_tsv(pd.DataFrame({"value": [1.0, 5.0]}), b / "one" / "t.tsv.gz")
    files.write_csr(sparse.csr_matrix(np.ones((5, 3))), b / "m.npz")
    assert set(compare(a, b).different) == {"one/t.tsv", "one/t.tsv.gz", "m.npz"}


def test_a_figure_that_alone_differs_is_a_difference(make):
    a, b = make("a"), make("b")
    (b / "f.svg").write_text("<svg>other</svg>")
    (b / "x.json").unlink()
    found = compare(a, b)
    assert set(found.different) == {"f.svg"} and found.only == {"x.json": str(a)} and not found.same


def test_published_digests(make, tmp_path, capsys):
    root, table = make("run"), tmp_path / "run.sha256"
    with files.atomic(root / "report.zip") as scratch:  # holds the report, whose run times differ
        scratch.write_bytes(b"PK")
    assert write_digests(root, table) == 5
    assert compare_digests(make("again"), table).same  # figures are not listed, names of folders do not count
    files.write_json({}, root / "x.json")
    (root / "m.npz").unlink()
    found = compare_digests(root, table)
    assert set(found.different) == {"x.json"} and set(found.only) == {"m.npz"}
    assert main([str(root), "--table", str(table)]) == 1 and "kernels" in capsys.readouterr().out
    table.write_text(table.read_text().replace(kernels(), "another machine"))
    assert main([str(root), "--table", str(table)]) == 1  # a file is missing
    files.write_csr(sparse.csr_matrix(np.eye(3)), root / "m.npz")
    assert main([str(root), "--table", str(table)]) == 0
    assert "made with other kernels" in capsys.readouterr().out
    table.write_text("abc\n")
    with pytest.raises(UserError, match="line 1: found 'abc'"):
        compare_digests(root, table)
    with pytest.raises(UserError, match="line 1: found"):
        compare_digests(root, root / "x.h5ad")
    table.write_text("# run, made of nothing\n")
    with pytest.raises(UserError, match="lists no files"):
        compare_digests(root, table)


def test_weights_are_compared_and_damaged_ones_named(make, tmp_path):
    a, b = make("a"), make("b")
    for root, shift in ((a, 0), (b, 1e-6)):
        save_file({"w": np.arange(4.0) + shift}, root / "m.safetensors")
    assert 0 < compare(a, b).close["m.safetensors"] < 1e-6
    (b / "m.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match=r"m\.safetensors: cannot be read"):
        compare(a, b)


BAD_ARGUMENTS = [["nowhere"], [".", "--against", "nowhere"], [".", "--table", "nowhere"]]


@pytest.mark.parametrize("arguments", BAD_ARGUMENTS)
def test_missing_folders_and_tables_are_told(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1 and "nowhere" in capsys.readouterr().err
