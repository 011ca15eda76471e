"""The user's next step with the landscape: what scanpy does with the graph and the diffusion map in it."""

import anndata
import numpy as np
import pytest
from landscape_cases import study

from panscape.coscape.landscape.build import compute_landscape
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.write import landscape_to_anndata

pytestmark = pytest.mark.filterwarnings("ignore")  # of scanpy and its libraries


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return a landscape.h5ad."""
    settings = LandscapeSettings(
        distance="thresholded", n_neighbors=7, permutations=9, layout_iterations=20, min_pairs=5
    )
    made = compute_landscape(
        [study("one", 25, genes=30, ages=(0, 7)), study("two", 25, genes=30, ages=(3, 10))], settings, 1
    )
    place = tmp_path_factory.mktemp("landscape") / "landscape.h5ad"
    landscape_to_anndata(made).write_h5ad(place)
    return place


def test_the_graph_in_it_is_one_that_scanpy_uses(path):
    import scanpy

    clusters = anndata.read_h5ad(path)
    scanpy.tl.leiden(clusters, flavor="igraph", n_iterations=2, directed=False, random_state=0)
    assert 1 < clusters.obs["leiden"].nunique() < clusters.n_obs
    scanpy.tl.umap(clusters, random_state=0)
    assert np.isfinite(clusters.obsm["X_umap"]).all()
    scanpy.tl.paga(clusters, groups="leiden")
    assert clusters.uns["paga"]["connectivities"].shape[0] == clusters.obs["leiden"].nunique()


def test_neighbours_can_be_searched_anew(path):
    import scanpy

    clusters = anndata.read_h5ad(path)
    scanpy.pp.neighbors(clusters, use_rep="X_diffmap", n_neighbors=8, random_state=0)
    age = clusters.obs["age"].to_numpy(dtype=float)
    near = clusters.obsp["connectivities"].tocoo()

    def apart(ages):
        return np.abs(ages[near.row] - ages[near.col]).mean()

    rng = np.random.default_rng(0)
    assert apart(age) < min(apart(rng.permutation(age)) for _ in range(99))
