"""Damaged, missing and mistaken files are told with key, file and what to do."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.readers.open import open_source, probe
from panscape.errors import UserError

WHERE = "studies[1]"


def problem(study: dict) -> str:
    """Return the message that opening and reading a study to its end gives."""
    with pytest.raises(UserError) as caught:
        for _ in open_source(study, where=WHERE).blocks():
            pass
    text = str(caught.value)
    assert text.startswith("1 problem:\n  - studies[1]") and "study 's'" in text
    return text


def cut(path, share: float = 0.5) -> None:
    os.truncate(path, int(os.path.getsize(path) * share))


def test_missing_file_tells_from_where_it_looked(tmp_path):
    text = problem({"id": "s", "path": str(tmp_path / "no.h5ad")})
    assert "studies[1].path" in text and "no.h5ad" in text and os.getcwd() in text


def test_folder_instead_of_file(write):
    study = write.h5ad()
    text = problem({"id": "s", "path": str(write.folder), "format": "h5ad"})
    assert "is a folder" in text and os.path.basename(study["path"]) in text


def test_folder_without_a_matrix(tmp_path):
    (tmp_path / "other.txt").write_text("")
    assert "no matrix (.mtx)" in problem({"id": "s", "path": str(tmp_path)})


def test_folder_with_two_matrices(write):
    study = write.mtx_of_geo()
    write.mtx_lines(write.triplets(), prefix="GSM777_")
    text = problem(study)
    assert "more than one matrix (" in text and "GSM777_matrix.mtx.gz" in text


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_truncated_hdf5(write, share):
    for study in (write.h5ad(), write.loom(), write.tenx_v3()):
        cut(study["path"], share)
        text = problem(study)
        assert study["path"] in text
        with pytest.raises(UserError):
            probe(study, where=WHERE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_gzip(write, share):
    study = write.tsv_genes_in_rows()
    cut(study["path"], share)
    assert "truncated" in problem(study)
    study = write.mtx_v3() | {"path": str(write.folder)}
    cut(write.folder / "matrix.mtx.gz", share)
    assert "truncated" in problem(study)


def test_gzip_with_a_wrong_checksum(write):
    study = write.mtx_v3()
    path = write.folder / "matrix.mtx.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    assert "CRC" in problem(study)


def test_plain_mtx_that_lost_its_end(write):
    study = write.mtx_v2()
    path = write.folder / "matrix.mtx"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-4]))
    n = int(np.count_nonzero(write.counts))
    assert f"declares {n} entries but has {n - 4}" in problem(study)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("matrix coordinate", "matrix array", "begins with"),
        ("%%MatrixMarket", "MatrixMarket", "begins with"),
        ("\n31 57 ", "\n31 what ", "no line with the three sizes"),
        ("\n31 57 ", "\n30 57 ", "out of bounds"),
        ("\n31 57 ", "\n32 57 ", "31 feature names for a matrix of 57 cells x 32 features"),
    ],
)
def test_mtx_with_a_wrong_header(write, old, new, message):
    study = write.mtx_v2()
    path = write.folder / "matrix.mtx"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    if message == "out of bounds":
        names = (write.folder / "genes.tsv").read_text().splitlines(keepends=True)
        (write.folder / "genes.tsv").write_text("".join(names[:-1]))
    assert message in problem(study)


def test_mtx_with_a_word_among_the_entries(write):
    study = write.mtx_v2()
    path = write.folder / "matrix.mtx"
    lines = path.read_text().splitlines()
    lines[10] = "1 x 1"
    path.write_text("\n".join(lines) + "\n")
    assert "matrix.mtx" in problem(study)


def test_unknown_format(write):
    text = problem(write.h5ad() | {"format": "h5"})
    assert "studies[1].format" in text and "unknown format 'h5'" in text and "10x-mtx" in text


def test_format_that_cannot_be_told(tmp_path):
    path = tmp_path / "counts.dat"
    path.write_text("a b c")
    assert "cannot infer the format" in problem({"id": "s", "path": str(path)})


@pytest.mark.parametrize("format", ["h5ad", "10x-h5", "loom"])
def test_hdf5_of_another_kind(write, format):
    others = {"h5ad": write.tenx_v3, "10x-h5": write.loom, "loom": write.h5ad}
    text = problem(others[format]() | {"format": format})
    assert "correct f" in text or "correct path" in text


@pytest.mark.parametrize("format", ["h5ad", "10x-h5", "loom"])
def test_text_where_hdf5_is_due(write, format):
    assert "is not an HDF5 file" in problem(write.csv() | {"format": format})


def test_gzipped_hdf5(write):
    study = write.h5ad()
    packed = write.folder / "study.h5ad.gz"
    packed.write_bytes(gzip.compress(Path(study["path"]).read_bytes()))
    assert "gunzip -k" in problem(study | {"path": str(packed)})


def test_binary_where_text_is_due(write):
    assert problem(write.h5ad() | {"format": "tsv"})


def test_matrix_that_is_not_there(write):
    text = problem(write.layer() | {"counts": "layer:unspliced"})
    assert "studies[1].counts" in text and "no layer:unspliced" in text and "X, layer:spliced" in text
    text = problem(write.h5ad() | {"counts": "raw"})
    assert "no raw" in text and "write one of: X" in text
    assert "X, layer:spliced" in problem(write.loom() | {"counts": "layer:other"})
    assert "remove counts" in problem(write.csv() | {"counts": "raw"})


def test_file_without_x(write):
    adata = anndata.AnnData(obs=write.obs, var=pd.DataFrame(index=write.genes))
    adata.layers["counts"] = sparse.csr_matrix(write.counts)
    adata.write_h5ad(write.folder / "study.h5ad")
    study = {"id": "s", "path": str(write.folder / "study.h5ad")}
    assert "layer:counts" in problem(study)
    source = open_source(study | {"counts": "layer:counts"}, where=WHERE)
    assert source.shape == write.counts.shape


@pytest.mark.parametrize("shape", [(0, 31), (57, 0)])
def test_empty_study(write, shape):
    write.obs, write.genes = write.obs[: shape[0]], write.genes[: shape[1]]
    text = problem(write.h5ad(sparse.csr_matrix(shape, dtype=np.float32)))
    assert f"empty: {shape[0]} cells and {shape[1]} genes" in text


def test_table_with_a_header_only(write):
    (write.folder / "study.csv").write_text(",A,B\n")
    assert "empty" in problem({"id": "s", "path": str(write.folder / "study.csv")})


def test_duplicated_barcodes(write):
    write.cells = [*write.cells[:-2], write.cells[0], write.cells[0]]
    write.obs.index = write.cells
    for study in (write.h5ad(), write.csv(), write.loom(), write.tenx_v3()):
        assert f"1 barcodes occur more than once, e.g. {write.cells[0]}" in problem(study)


def test_wrong_orientation_is_noticed_by_the_barcodes(write):
    study = write.tsv_genes_in_rows()
    text = problem(study | {"orientation": "cells-by-genes"})
    assert "studies[1].orientation" in text and "write orientation: genes-by-cells" in text
    assert "write orientation: cells-by-genes" in problem(write.csv() | {"orientation": "genes-by-cells"})


@pytest.mark.parametrize(("wrong", "message"), [("NA", "'NA'"), ("", "''"), ("1;2", "'1;2'")])
def test_table_with_something_else_than_a_number(write, wrong, message):
    study = write.csv()
    lines = Path(study["path"]).read_text().splitlines()
    fields = lines[4].split(",")
    fields[3] = wrong
    lines[4] = ",".join(fields)
    Path(study["path"]).write_text("\n".join(lines))
    text = problem(study)
    assert f"line 5 (row '{write.cells[3]}')" in text and message in text


def test_table_with_a_short_line(write):
    study = write.csv()
    lines = Path(study["path"]).read_text().splitlines()
    lines[6] = lines[6].rpartition(",")[0]
    Path(study["path"]).write_text("\n".join(lines))
    text = problem(study)
    assert f"line 7 (row '{write.cells[5]}'): 30 values instead of 31" in text


def test_table_whose_header_does_not_fit(write):
    study = write.csv()
    text = Path(study["path"]).read_text()
    Path(study["path"]).write_text("a,b," + text)
    assert "the header has 34 columns and the first row 32" in problem(study)


def test_table_that_nothing_splits(write):
    study = write.csv()
    path = Path(study["path"])
    path.write_text(path.read_text().replace(",", "/"))
    assert "only one column" in problem(study)


def test_table_that_is_not_utf8(write):
    study = write.csv()
    content = Path(study["path"]).read_bytes().replace(b"GENE3,", b"GENE\xe9,")
    Path(study["path"]).write_bytes(content)
    assert "utf-8" in problem(study)


def test_sparse_parts_that_do_not_fit(write):
    study = write.h5ad()
    with h5py.File(study["path"], "r+") as file:
        file["X/indptr"][3] = 10_000
    assert "do not match" in problem(study)
    study = write.csc()
    with h5py.File(study["path"], "r+") as file:
        file["X/indices"][0] = 57
    assert "beyond" in problem(study)


def test_file_that_may_not_be_read(write, monkeypatch):
    study = write.h5ad()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # modes do not bind a superuser
    assert "is not readable" in problem(study)
