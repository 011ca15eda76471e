"""Diffusion maps and pseudotime against scanpy and on graphs with a known order."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr

from panscape.graph.diffusion import choose_root, diffusion_map, pseudotime
from panscape.graph.knn import nearest
from panscape.graph.umap_weights import connectivities


def line(n=120, noise=0.02, seed=0):
    rng = np.random.default_rng(seed)
    place = np.sort(rng.uniform(size=n))
    curve = np.stack([np.cos(3 * place), np.sin(3 * place), place], axis=1)
    return place, curve + rng.normal(scale=noise, size=curve.shape)


@pytest.mark.parametrize("n", [40, 120, 700])
def test_connected_graph_equals_scanpy(n):
    import anndata
    import scanpy as sc

    _, points = line(n)
    weights = connectivities(nearest(points, 14, metric="euclidean"))
    ours = diffusion_map(weights, 15)
    assert ours.component.max() == 0
    data = anndata.AnnData(points)
    data.obsp["connectivities"] = weights.astype(np.float64)
    data.obsp["distances"] = weights
    data.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {"n_neighbors": 15, "method": "umap"},
    }
    data.uns["iroot"] = 3
    sc.tl.diffmap(data, n_comps=15)
    sc.tl.dpt(data, n_dcs=10)
    np.testing.assert_allclose(ours.values[0], data.uns["diffmap_evals"], atol=1e-5)
    np.testing.assert_allclose(np.abs(ours.vectors), np.abs(data.obsm["X_diffmap"]), atol=1e-4)
    np.testing.assert_allclose(pseudotime(ours, 3, n_maps=10), data.obs["dpt_pseudotime"], atol=2e-4)


def test_order_along_a_curve():
    place, points = line()
    time = pseudotime(diffusion_map(connectivities(nearest(points, 14, metric="euclidean"))), 0)
    assert spearmanr(time, place).statistic > 0.98
    assert time[0] == 0
    assert time.max() == 1


def test_other_components_get_no_pseudotime():
    _, points = line(60)
    stacked = np.vstack([points, points[:25] + 100, [[500.0, 0, 0]]])
    weights = sparse.block_diag(
        [
            connectivities(nearest(points, 5, metric="euclidean")),
            connectivities(nearest(points[:25], 5, metric="euclidean")),
            sparse.csr_matrix((1, 1)),
        ],
        format="csr",
    )
    assert len(stacked) == weights.shape[0]
    diffusion = diffusion_map(weights)
    time = pseudotime(diffusion, 62)
    assert np.isfinite(time[60:85]).all()
    assert np.isnan(time[:60]).all()
    assert np.isnan(time[85])
    # each part has the maps that it would have alone
    alone = diffusion_map(weights[60:85][:, 60:85])
    np.testing.assert_allclose(diffusion.vectors[60:85], alone.vectors, atol=1e-8)
    assert pseudotime(diffusion, 85)[85] == 0


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_components(size):
    weights = sparse.csr_matrix(np.ones((size, size)) - np.eye(size))
    time = pseudotime(diffusion_map(weights), 0)
    assert np.isfinite(time).all()
    assert time[0] == 0
    assert time.max() == (1 if size > 1 else 0)


def test_relabelling_nodes_changes_nothing():
    _, points = line(50)
    weights = connectivities(nearest(points, 9, metric="euclidean"))
    shuffle = np.random.default_rng(1).permutation(50)
    first = pseudotime(diffusion_map(weights), int(shuffle[7]))
    second = pseudotime(diffusion_map(weights[shuffle][:, shuffle]), 7)
    np.testing.assert_allclose(first[shuffle], second, atol=1e-9)


def test_root_is_the_youngest_and_largest():
    age = np.array([3.0, 1.0, np.nan, 1.0, 1.0])
    size = np.array([9, 10, 99, 20, 20])
    assert choose_root(age, size) == 3
    assert choose_root(age, size, usable=np.array([1, 1, 1, 0, 0], bool)) == 1
    assert choose_root(np.full(3, np.nan), np.ones(3)) is None


def test_too_few_maps():
    with pytest.raises(ValueError, match="n_maps"):
        diffusion_map(sparse.csr_matrix((3, 3)), 1)
