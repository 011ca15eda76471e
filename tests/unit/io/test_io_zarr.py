"""AnnData in zarr stores: the same values as from h5ad, and no code is run."""

import json
import shutil
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.readers.check import check_study
from panscape.data.readers.metadata import cell_table
from panscape.data.readers.open import open_source, probe
from panscape.errors import UserError


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, (40, 9)).astype(np.float32)
    obs = pd.DataFrame(
        {"kind": pd.Categorical(np.resize(["a", "b"], 40)), "age": rng.random(40), "text": ["x"] * 40},
        index=[f"c{at}" for at in range(40)],
    )
    made = anndata.AnnData(sparse.csr_matrix(counts), obs, pd.DataFrame(index=[f"G{at}" for at in range(9)]))
    made.layers["dense"] = counts * 2
    made.layers["by_gene"] = sparse.csc_matrix(counts * 3)
    return made


@pytest.fixture(params=["folder", "zip"])
def store(table, tmp_path, request):
    path = tmp_path / "s.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write_zarr(path)
    if request.param == "folder":
        return path
    return shutil.make_archive(str(path), "zip", path)


def read(path, **more):
    source = open_source({"id": "s", "path": str(path), **more}, where="s")
    return source, sparse.vstack([block for _, block in source.blocks(max_values=50)]).toarray()


@pytest.mark.parametrize(("counts", "factor"), [("X", 1), ("layer:dense", 2), ("layer:by_gene", 3)])
def test_values_are_those_that_were_written(store, table, counts, factor):
    source, values = read(store, counts=counts)
    np.testing.assert_array_equal(values, table.X.toarray() * factor)
    assert source.cells.tolist() == table.obs_names.tolist()
    assert source.genes.index.tolist() == table.var_names.tolist()
    study = {"id": "s", "path": str(store)}
    found = cell_table(study, source, "s")
    assert found["kind"].tolist() == table.obs["kind"].tolist() and np.allclose(
        found["age"], table.obs["age"]
    )
    assert probe(study).n_cells == 40 and check_study(study, "s", "other") == []


def test_names_as_nullable_strings_and_pieces_of_zeros(table, tmp_path):
    """anndata's form with pandas 3: a mask of falses alone has no piece, nor have the codes of one class."""
    import zarr

    path = tmp_path / "s.zarr"
    table.obs["one"] = pd.Categorical(["x"] * 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write_zarr(path)
        (path / ".zmetadata").unlink(missing_ok=True)
        group = zarr.open_group(str(path), mode="r+", use_consolidated=False)
        old = group["obs/_index"]
        if hasattr(old, "dtype"):
            names = table.obs_names.to_numpy(dtype=str)
            del group["obs/_index"]
            made = group.create_group("obs/_index")
            made.attrs.update({"encoding-type": "nullable-string-array", "encoding-version": "0.1.0"})
            made.create_array("values", data=names)
            made.create_array("mask", data=np.zeros(40, dtype=bool))
        assert group["obs/_index/mask"].nchunks_initialized == 0
    source, values = read(path)
    assert source.cells.tolist() == table.obs_names.tolist() and values.sum() == table.X.sum()
    assert set(cell_table({"id": "s", "path": str(path)}, source, "s")["one"]) == {"x"}


def test_pickled_values_are_refused(table, tmp_path):
    path = tmp_path / "s.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write_zarr(path)
    for name in (".zarray", "zarr.json"):
        file = path / "obs" / "age" / name
        if file.is_file():
            metadata = json.loads(file.read_text())
            metadata["filters" if name == ".zarray" else "codecs"] = [
                {"id": "pickle", "name": "numcodecs.pickle"}
            ]
            file.write_text(json.dumps(metadata))
    with pytest.raises(UserError, match="pickle"):
        read(path)


def test_a_damaged_store_is_named(table, tmp_path):
    path = tmp_path / "s.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write_zarr(path)
    shutil.rmtree(path / "var")
    with pytest.raises(UserError, match=r"s\.zarr"):
        read(path)
