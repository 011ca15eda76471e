"""Labels of panclusters on the cells of every study, with the truth by hand."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data import files
from panscape.data.counts import CountsWriter
from panscape.unicoord.label_transfer import PSEUDOTIME, cell_values, transfer_labels


def test_a_pancluster_that_lacks_a_value_gives_none():
    members = sparse.csr_matrix(np.array([[1, 1, 1], [1, 0, 0], [0, 1, 0]]))
    values = np.array([[1.0, 2.0], [np.nan, 5.0], [3.0, 4.0]])
    found = cell_values(members, np.array([3, 1, 1]), values)
    np.testing.assert_array_equal(found, [[1, 2], [3, 4], [1, 2]])  # the first cell's has no first value


@pytest.fixture
def written(tmp_path):
    """Two studies of three cells: all in a large cluster, the first two also in small ones, out of order."""
    paths = {"counts": [], "clusters": [], "members": []}
    for study in "ab":
        folder = tmp_path / study
        folder.mkdir()
        with CountsWriter(folder / "counts.h5ad", 1) as writer:
            writer.append(sparse.csr_matrix(np.ones((3, 1), np.float32)))
            cells = [f"{study}{at}" for at in range(3)]
            writer.finish(pd.DataFrame(index=cells), pd.DataFrame(index=["G"]))
        names = [f"{study}-all", f"{study}-1", f"{study}-0"]
        table = pd.DataFrame({"cluster": names, "parent": "", "n_cells": [3, 1, 1]})
        files.write_tsv(table, folder / "clusters.tsv")
        files.write_csr(sparse.csr_matrix([[1, 1, 1], [0, 1, 0], [1, 0, 0]]), folder / "members.npz")
        for kind, name in (
            ("counts", "counts.h5ad"),
            ("clusters", "clusters.tsv"),
            ("members", "members.npz"),
        ):
            paths[kind].append(folder / name)
    order = ["b-0", "a-1", "a-all", "b-all", "a-0", "b-1"]
    place = dict(zip(order, range(6), strict=True))
    obs = pd.DataFrame({PSEUDOTIME: np.arange(6.0)}, index=order)
    files.write_h5ad(anndata.AnnData(np.zeros((6, 1)), obs), tmp_path / "landscape.h5ad")
    turned = order[::-1]
    usage = np.array([[10.0 * place[name] for name in turned], [1.0] * 6])
    saved = anndata.AnnData(np.zeros((2, 1)), pd.DataFrame(index=["entry-1", "entry-2"]))
    saved.obsm["usage"] = usage
    saved.uns["panclusters"] = np.array(turned, dtype=object)
    files.write_h5ad(saved, tmp_path / "dictionary.h5ad")
    expected = [place[name] for name in ("a-0", "a-1", "a-all", "b-0", "b-1", "b-all")]
    return tmp_path, paths, np.array(expected, float)


def test_every_cell_has_the_labels_of_its_pancluster(written):
    folder, paths, expected = written
    table = transfer_labels(
        ["a", "b"], **paths, landscape=folder / "landscape.h5ad", dictionary=folder / "dictionary.h5ad"
    )
    assert list(table) == ["cell", "study", PSEUDOTIME, "entry-1", "entry-2"]
    assert table["cell"].tolist() == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert table["study"].tolist() == ["a"] * 3 + ["b"] * 3
    np.testing.assert_array_equal(table[PSEUDOTIME], expected)
    np.testing.assert_array_equal(table["entry-1"], 10 * expected)
    assert (table["entry-2"] == 1).all()


def test_one_source_is_enough(written):
    folder, paths, expected = written
    table = transfer_labels(["a", "b"], **paths, landscape=folder / "landscape.h5ad")
    np.testing.assert_array_equal(table[PSEUDOTIME], expected)
    table = transfer_labels(["a", "b"], **paths, dictionary=folder / "dictionary.h5ad")
    np.testing.assert_array_equal(table["entry-1"], 10 * expected)
