"""Coordinates set to one batch: the batch cannot be read, the types can."""

import anndata
import numpy as np
import pytest

from panscape.errors import UserError
from panscape.simulate import simulate_treatments
from panscape.unicoord import UniCoord
from panscape.unicoord.coordinates import write_coordinates
from panscape.unicoord.evaluate import label_leak
from panscape.unicoord.integrate import align, batch_label

SETTINGS = {
    "n_genes": 0, "n_epochs": 4, "min_steps": 250, "n_latent": 8, "n_components": 20, "n_hidden": [32],
    "ensemble": 2, "n_hidden_decoder": [32], "batch_size": 64, "linear_head": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    return simulate_treatments(
        cells=1500, n_genes=200, types=5, treatments=("control",), batches=2, batch_effect=0.5,
        batch_interaction=0.3, seed=2,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[True, False], ids=["types", "no-types"])
def model(request, cells):
    labels = {"batch": "discrete"} | ({"cell_type": "discrete"} if request.param else {})
    return UniCoord(SETTINGS, seed=1).fit(cells, labels=labels)


def read(points, labels):
    probes = label_leak(points, np.asarray(labels, dtype=object), nulls=0).set_index("probe")["value"]
    return probes["linear"], probes["knn"]


def test_the_batch_is_not_read_and_types_are(cells, model):
    before = model.model.encode_cells(model.model.cells(cells)).features
    assert min(read(before, cells.obs["batch"])) > 0.9
    points = model.integrate(cells, "batch")
    assert points.shape == (1500, 20) and points.dtype == np.float32
    # 0.5 by chance; without types the small model has no interactions, only the clusters' alignment
    limit = 0.62 if len(model.labels) == 2 else 0.85
    assert max(read(points, cells.obs["batch"])) < limit
    assert min(read(points, cells.obs["cell_type"])) > 0.97
    np.testing.assert_array_equal(points, model.integrate(cells, "batch"))


def test_labels_of_the_data_do_not_change_the_result(cells, model):
    """Only the batch is taken from the data: types are the predicted ones, as new cells have none."""
    mixed = cells.copy()
    mixed.obs["cell_type"] = mixed.obs["cell_type"].to_numpy()[::-1]
    np.testing.assert_array_equal(model.integrate(cells, "batch"), model.integrate(mixed, "batch"))


def test_the_file_has_integrated_coordinates_only_if_there_is_a_batch(cells, model, tmp_path):
    opened, split = model.model.cells(cells), np.full(1500, "train")
    opened.obs["study"], opened.obs["barcode"] = "s", opened.obs.index
    write_coordinates(model.model, opened, split, tmp_path / "c.h5ad", "auto", model.seed)
    made = anndata.read_h5ad(tmp_path / "c.h5ad")
    np.testing.assert_array_equal(made.obsm["integrated"], model.integrate(cells, "batch"))
    assert made.uns["integrated"] == "set to one batch"
    write_coordinates(model.model, opened, split, tmp_path / "none.h5ad", None, model.seed)
    assert "integrated" not in anndata.read_h5ad(tmp_path / "none.h5ad").obsm


def test_a_label_that_the_model_has_not_is_named(cells, model):
    assert batch_label(model.model, "auto") == "batch" and batch_label(model.model, None) is None
    with pytest.raises(UserError, match=r"unicoord\.integrate.*'plate' is not a discrete label"):
        model.integrate(cells, "plate")


def test_alignment_moves_batches_type_by_type():
    rng = np.random.default_rng(0)
    kind, batch = rng.integers(4, size=800), rng.integers(2, size=800)
    centres = 6 * np.eye(4)
    points = centres[kind] + rng.standard_normal((800, 4))
    shift = rng.normal(0, 1.5, (4, 4))  # of each type in the second batch
    points += shift[kind] * (batch == 1)[:, None]
    moved = align(points, batch)
    for k in range(4):
        inside = kind == k
        apart = moved[inside & (batch == 1)].mean(axis=0) - moved[inside & (batch == 0)].mean(axis=0)
        assert np.linalg.norm(apart) < 0.3 * np.linalg.norm(shift[k])
    assert np.linalg.norm(moved[kind == 0].mean(axis=0) - moved[kind == 1].mean(axis=0)) > 6


def test_one_batch_stays_as_it_is():
    points = np.random.default_rng(0).standard_normal((50, 3))
    np.testing.assert_array_equal(align(points, np.zeros(50, dtype=int)), points)
