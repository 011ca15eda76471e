"""Tables and matrices of the project's own files, against anndata's readers."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata.io import read_elem, write_elem
from scipy import sparse

from panscape.data.elements import read_frame, read_matrix, read_text

FRAMES = {
    "plain": pd.DataFrame({"a": [1.5, np.nan], "n": [1, 2], "ok": [True, False]}, index=["x", "y"]),
    "text": pd.DataFrame({"t": ["α", ""]}, index=pd.Index(["x", "y"], name="cell"), dtype=object),
    "categories": pd.DataFrame(
        {
            "c": pd.Categorical(["b", None], categories=["b", "a"], ordered=True),
            "n": pd.Categorical([3, 1], categories=[1, 3]),
        },
        index=["x", "y"],
    ),
    "nullable": pd.DataFrame(
        {"n": pd.array([1, None], dtype="Int64"), "b": pd.array([True, None], dtype="boolean")},
        index=["x", "y"],
    ),
    "no columns": pd.DataFrame(index=["x", "y"]),
    "no rows": pd.DataFrame({"a": np.empty(0)}, index=pd.Index([], dtype=object)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_tables_are_those_of_anndata(tmp_path, name):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        write_elem(file, "obs", FRAMES[name])
        pd.testing.assert_frame_equal(read_frame(file["obs"]), read_elem(file["obs"]))


def test_nullable_columns_alone_need_anndata(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        numbers = pd.DataFrame({"a": [1.5, 2.5]}, index=["x", "y"], dtype=float)
        write_elem(file, "plain", numbers)
        write_elem(file, "nullable", FRAMES["nullable"])
        # newer versions write all texts as nullable
        del file["plain/_index"]
        file["plain/_index"] = np.array(["x", "y"], dtype=h5py.string_dtype())
        file["plain/_index"].attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
        monkeypatch.setattr(anndata.io, "read_elem", None)
        read_frame(file["plain"])
        with pytest.raises(TypeError):
            read_frame(file["nullable"])


def test_matrices_and_texts_are_those_of_anndata(tmp_path):
    matrix = sparse.random_array((7, 5), density=0.3, format="csr", rng=np.random.default_rng(0))
    with h5py.File(tmp_path / "file.h5", "w") as file:
        write_elem(file, "rows", sparse.csr_matrix(matrix))
        write_elem(file, "columns", sparse.csc_matrix(matrix))
        write_elem(file, "root", "früh")
        for name in ("rows", "columns"):
            assert (read_matrix(file[name]).toarray() == matrix.toarray()).all()
        assert read_text(file["root"]) == "früh"
