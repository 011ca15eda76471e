"""Files appear whole or not at all, byte for byte the same for the same content."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data import digests, files


def test_atomic_keeps_the_old_file_when_the_writer_fails(tmp_path):
    target = tmp_path / "folder" / "table.tsv"
    with files.atomic(target) as scratch:
        scratch.write_text("old")
    with pytest.raises(RuntimeError), files.atomic(target) as scratch:
        scratch.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["table.tsv"]


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
def test_tables_come_back_and_are_reproducible(tmp_path, name):
    table = pd.DataFrame({"gene": ["NA", "nan", "a"], "value": [0.1, np.nan, 1e-300]})
    files.write_tsv(table, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    files.write_tsv(table, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first
    back = files.read_tsv(tmp_path / name)
    assert back["gene"].tolist() == ["NA", "nan", "a"]  # gene symbols, not missing values
    np.testing.assert_allclose(back["value"], table["value"], rtol=1e-8)


def test_sparse_matrices_come_back(tmp_path):
    matrix = sparse.random(20, 30, 0.1, format="csr", random_state=0)
    files.write_csr(matrix, tmp_path / "m.npz")
    assert (files.read_csr(tmp_path / "m.npz") != matrix).nnz == 0


def test_a_pickled_array_is_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError):
        files.read_csr(tmp_path / "evil.npz")


def test_json_takes_numpy_numbers(tmp_path):
    files.write_json({"b": np.float64(1.5), "a": np.arange(2)}, tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": [0, 1], "b": 1.5}
    with pytest.raises(TypeError):
        files.write_json({"x": object()}, tmp_path / "y.json")
    assert not (tmp_path / "y.json").exists()


def test_sha256_of_a_known_file(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert digests.sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


@pytest.mark.parametrize("compressed", [True, False])
def test_h5ad_files_appear_whole_and_are_reproducible(tmp_path, compressed):
    import anndata
    import h5py

    table = anndata.AnnData(np.arange(12, dtype=np.float32).reshape(4, 3), uns={"note": "a"})
    path = tmp_path / "folder" / "table.h5ad"
    files.write_h5ad(table, path, compressed=compressed)
    first = path.read_bytes()
    files.write_h5ad(table, path, compressed=compressed)
    assert path.read_bytes() == first
    np.testing.assert_array_equal(anndata.read_h5ad(path).X, table.X)
    with h5py.File(path) as file:
        assert file["X"].compression == ("gzip" if compressed else None)
    table.uns["note"] = object()  # cannot be written
    with pytest.raises(Exception, match="note"):
        files.write_h5ad(table, path, compressed=compressed)
    assert path.read_bytes() == first and [one.name for one in path.parent.iterdir()] == ["table.h5ad"]


def test_compressed_bytes_do_not_hang_on_what_was_written_before():
    import h5py

    rng = np.random.default_rng(0)
    values = np.where(rng.random((600, 26)) < 0.3, rng.random((600, 26)), rng.random(26))
    written = set()
    for size in range(30):  # with LZF five different files
        other = np.random.default_rng(size).random((13 * size + 5, 7)).round(1)
        for data, chunks in ((other, (5, 7)), (values, (150, 7))):
            memory = io.BytesIO()
            with h5py.File(memory, "w") as file:
                file.create_dataset("values", data=data, chunks=chunks, **files.COMPRESSION)
        written.add(memory.getvalue())
    assert len(written) == 1


def test_quickly_compressed_matrices_are_the_same(tmp_path):
    matrix = sparse.random(40, 30, 0.2, format="csr", dtype=np.float32, random_state=0)
    for quick in (False, True):
        files.write_csr(matrix, tmp_path / f"{quick}.npz", quick=quick)
        result = files.read_csr(tmp_path / f"{quick}.npz")
        assert result.dtype == matrix.dtype and result.shape == matrix.shape
        np.testing.assert_array_equal(result.toarray(), matrix.toarray())
    files.write_csr(matrix, tmp_path / "again.npz", quick=True)
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "True.npz").read_bytes()
