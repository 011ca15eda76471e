"""Downstream analysis of the coordinates in scanpy: neighbours, UMAP and Leiden on many cells."""

import anndata
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from unicoord_cells import LABELS, QUICK, atlas

from panscape.data.counts import CountsWriter
from panscape.unicoord.coordinates import write_coordinates
from panscape.unicoord.stage import open_cells
from panscape.unicoord.train import train

CELLS = 20_000  # with more than a few thousand cells scanpy uses pynndescent


@pytest.fixture(scope="module")
def coordinates(tmp_path_factory):
    """Return the coordinates.h5ad of 20,000 cells, made by a model of 600 others."""
    folder = tmp_path_factory.mktemp("coordinates")
    opened = []
    for name, cells in (("few", atlas()), ("many", atlas(CELLS, seed=1))):
        obs = cells.obs.assign(study=name, n_counts=np.asarray(cells.X.sum(axis=1)).ravel())
        with CountsWriter(folder / f"{name}.h5ad", cells.n_vars) as writer:
            writer.append(cells.X)
            writer.finish(obs, cells.var)
        opened.append(open_cells([str(folder / f"{name}.h5ad")]))
    model = train(opened[0], LABELS, QUICK, seed=0).model
    path = folder / "coordinates.h5ad"
    write_coordinates(model, opened[1], np.full(CELLS, "test"), path)
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of scanpy and its libraries
def test_twenty_thousand_cells_go_through_scanpy(coordinates):
    import scanpy

    cells = anndata.read_h5ad(coordinates)
    assert cells.n_obs == CELLS
    scanpy.pp.neighbors(cells, use_rep="X", n_neighbors=15, random_state=0)
    degree = np.asarray((cells.obsp["distances"] > 0).sum(axis=1)).ravel()
    assert cells.obsp["connectivities"].shape == (CELLS, CELLS) and degree.min() >= 10
    scanpy.tl.umap(cells, random_state=0)
    assert cells.obsm["X_umap"].shape == (CELLS, 2) and np.isfinite(cells.obsm["X_umap"]).all()
    for flavor in ("igraph", "leidenalg"):
        options = {"directed": False} if flavor == "igraph" else {}
        scanpy.tl.leiden(
            cells, resolution=0.5, flavor=flavor, n_iterations=2, random_state=0, key_added=flavor, **options
        )
        assert adjusted_rand_score(cells.obs["cell_type"], cells.obs[flavor]) > 0.1
