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
