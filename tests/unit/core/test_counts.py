"""Count files: what is written in blocks is read back the same, by us and by anndata."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.counts import Counts, CountsWriter


@pytest.fixture
def matrix():
    values = np.random.default_rng(0).poisson(0.4, size=(37, 11)).astype(np.float32)
    values[5] = 0  # a cell without counts must keep its place
    return sparse.csr_matrix(values)


@pytest.fixture
def path(tmp_path, matrix):
    path = tmp_path / "counts.h5ad"
    obs = pd.DataFrame({"study": pd.Categorical(["a"] * 37)}, index=[f"cell{i}" for i in range(37)])
    with CountsWriter(path, 11) as writer:
        for start in range(0, 37, 10):
            writer.append(matrix[start : start + 10])
        writer.finish(obs, pd.DataFrame(index=[f"gene{i}" for i in range(11)]))
    return path


def test_anndata_reads_the_file(path, matrix):
    data = anndata.read_h5ad(path)
    assert (matrix != data.X).nnz == 0
    assert data.obs["study"].tolist() == ["a"] * 37
    assert data.var_names[-1] == "gene10"


@pytest.mark.parametrize("max_values", [1, 7, 60, 10**6])
def test_blocks_cover_the_matrix_once(path, matrix, max_values):
    counts = Counts(path)
    rows, blocks = zip(*counts.blocks(max_values), strict=True)
    assert [r.start for r in rows] == [0, *(r.stop for r in rows[:-1])]
    assert rows[-1].stop == counts.shape[0] == 37
    assert (sparse.vstack(blocks) != matrix).nnz == 0
    longest_cell = np.diff(matrix.indptr).max()
    assert all(block.nnz <= max(max_values, longest_cell) for block in blocks)


def test_select_takes_genes_in_the_asked_order(path, matrix):
    chosen = Counts(path).select(["gene7", "gene2"])
    assert (chosen != matrix[:, [7, 2]]).nnz == 0
    assert chosen.has_sorted_indices
    assert Counts(path).select().shape == matrix.shape


def test_select_names_the_missing_gene(path):
    with pytest.raises(KeyError, match="nosuch"):
        Counts(path).select(["gene1", "nosuch"])


def test_offsets_are_read_as_64_bit_and_written_as_small_as_possible(path):
    with h5py.File(path) as file:
        assert file["X/indptr"].dtype == np.int32
    assert Counts(path).indptr.dtype == np.int64


def test_writer_refuses_what_does_not_fit(tmp_path, matrix):
    with CountsWriter(tmp_path / "x.h5ad", 11) as writer:
        with pytest.raises(ValueError, match="genes"):
            writer.append(matrix[:, :5])
        writer.append(matrix)
        with pytest.raises(ValueError, match="does not match"):
            writer.finish(pd.DataFrame(index=["only one"]), pd.DataFrame(index=range(11)))


def test_no_cells_is_an_empty_matrix(tmp_path):
    path = tmp_path / "none.h5ad"
    with CountsWriter(path, 2) as writer:
        writer.finish(pd.DataFrame(index=pd.Index([], dtype=str)), pd.DataFrame(index=["a", "b"]))
    assert Counts(path).select(["b"]).shape == (0, 1)
