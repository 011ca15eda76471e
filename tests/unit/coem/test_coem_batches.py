import logging

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from panscape import seeds
from panscape.coem.align import batch_shifts, mutual_neighbours
from panscape.coem.batches import batch_column, log_batches
from panscape.coem.embed import _prepare, embed
from panscape.coem.metacells.evaluate import one_batch
from panscape.coem.module import Module
from panscape.coem.settings import CoemSettings
from panscape.coem.task import CoemTask

QUICK = {"n_epochs": 1, "min_steps": 150, "batch_size": 64, "n_latent": 8, "n_hidden": 16, "n_projection": 8}


@pytest.fixture(scope="module")
def lanes(cells):
    """Return RNA of two lanes that differ in every gene's rate and in their shares of the cell types."""
    random = np.random.default_rng(3)
    lane = (random.random(len(cells.kind)) < np.array([0.25, 0.5, 0.75])[cells.kind]).astype(int)
    factor = np.exp(random.normal(0, 0.7, (2, cells.rna.shape[1])))
    rate = cells.rna.toarray() * factor[lane]
    return sparse.csr_matrix(random.poisson(rate).astype(np.float32)), lane


def task_of(rna, batch, **more):
    settings = CoemSettings.of(QUICK | more)
    prepared, info = _prepare(rna, None, batch, None, settings, 1, torch.device("cpu"))
    torch.manual_seed(0)
    module = Module(prepared.modalities, settings, info["batches"])
    return CoemTask(module, prepared, settings, 5)


def test_few_cells_are_trained_for_the_least_number_of_steps(cells):
    for settings, steps in (({}, 150), ({"n_epochs": 40}, 240)):  # 324 training cells are 6 steps an epoch
        history = pd.DataFrame(embed(cells.rna, None, settings=QUICK | settings, seed=1).history)
        assert history["step"].max() == steps


def test_held_out_cells_are_judged_by_counts_that_the_encoder_has_not_seen(lanes):
    rna, lane = lanes
    task, whole = (task_of(rna, lane, thinning=thinning) for thinning in (0.5, 0.0))
    first, again = task.validate(0), task.validate(0)
    assert {name: float(value) for name, value in first.items()} == {k: float(v) for k, v in again.items()}
    # a model that copied what it sees would be no better: half of the counts are not among what it is shown
    batch = task.cells.take(task.held_rows, thin=0.5, random=seeds.stream(5, "coem", "validation", "counts"))
    likelihoods, *_ = task.module(batch)
    assert float(first["rna"]) == pytest.approx(float(-likelihoods.detach().mean()), rel=1e-5)
    assert float(whole.validate(0)["rna"]) != pytest.approx(float(first["rna"]), rel=1e-3)


def test_the_column_of_batches_is_found_by_its_name():
    n = 120
    obs = pd.DataFrame({
        "cell_type": ["a", "b"] * 60,
        "batch": [str(cell) for cell in range(n)],  # a value per cell is no batch
        "library": ["l1"] * 119 + [None],
        "platform": ["10x"] * 60 + ["plates"] * 60,
        "sample": ["s1", "s2", "s3"] * 40,
    })  # fmt: skip
    assert batch_column(obs, "auto") == "platform"
    assert batch_column(obs.drop(columns="platform"), "auto") == "sample"
    assert batch_column(obs[["cell_type"]], "auto") is None
    assert batch_column(obs, "cell_type") == "cell_type" and batch_column(obs, None) is None
    assert batch_column(obs.assign(batch=["x"] * 60 + ["y"] * 60), "auto") == "batch"


def test_the_log_names_the_batches_and_warns_where_they_are_declined(caplog):
    obs = pd.DataFrame({"platform": ["10x"] * 60 + ["plates"] * 60})
    with caplog.at_level(logging.INFO):
        log_batches(obs, "auto", "platform")
    assert "(platform, 2 of them) are corrected for" in caplog.text
    caplog.clear()
    log_batches(obs, None, None)
    assert caplog.records[0].levelname == "WARNING" and "platform with 2 values" in caplog.text
    caplog.clear()
    log_batches(obs.assign(platform="10x"), None, None)
    assert not caplog.records


def test_metacells_of_one_batch_are_counted():
    label = np.repeat([0, 1, 2], 20)
    batch = np.array(["a"] * 20 + ["a"] * 19 + ["b"] + ["a", "b"] * 10)
    assert one_batch(label, batch) == pytest.approx(2 / 3)


def test_shifts_do_not_depend_on_the_shares_of_types():
    random = np.random.default_rng(0)
    batch = np.repeat([0, 1, 2], [300, 200, 60])
    kind = (random.random(560) < np.array([0.2, 0.8, 0.5])[batch]).astype(int)
    true = np.array([[0, 0, 0], [1.5, -1, 0.5], [-1, 1, 1.0]])
    points = np.array([[0, 0, 0], [8, 8, -8.0]])[kind] + random.normal(size=(560, 3)) + true[batch]
    shifts = batch_shifts(points, batch, random)
    left = true + shifts
    assert np.abs(left - left[0]).max() < 0.6
    means = np.stack([points[batch == b].mean(axis=0) for b in range(3)])
    assert np.abs((true - means) - (true - means)[0]).max() > 3  # what a difference of means leaves
    np.testing.assert_allclose(np.bincount(batch) @ shifts, 0, atol=1e-9)


def test_a_type_of_one_batch_only_does_not_move_the_others():
    random = np.random.default_rng(1)
    batch = np.repeat([0, 1], 200)
    centre = np.where((np.arange(400) >= 300)[:, None], 12.0, 0.0)  # half of batch 1 is a type of its own
    points = random.normal(size=(400, 2)) + centre + 0.8 * batch[:, None]
    shifts = batch_shifts(points, batch, random)
    assert np.abs(shifts[0] - shifts[1] - 0.8).max() < 0.4


def test_mutual_neighbours_are_those_of_a_search_by_hand():
    random = np.random.default_rng(2)
    left, right = random.normal(size=(30, 4)), random.normal(size=(40, 4))
    gap = np.linalg.norm(left[:, None] - right[None], axis=2)
    near = {(i, j) for i in range(30) for j in np.argsort(gap[i])[:5]}
    back = {(i, j) for j in range(40) for i in np.argsort(gap[:, j])[:5]}
    assert set(zip(*mutual_neighbours(left, right, 5), strict=True)) == near & back


def test_a_shift_of_z_changes_no_prediction(lanes):
    rna, lane = lanes
    task = task_of(rna, lane)
    for number in range(10):
        task.step(number)
    batch = task.cells.take(np.arange(50))
    shifts = torch.randn(2, 8)

    def state():
        mean, _ = task.module.encode(batch.seen, batch.shown, batch.batch)
        return mean.detach(), task.module.log_likelihoods(mean, batch).detach()

    mean, likelihood = state()
    task.module.shift_batches(shifts)
    moved, same = state()
    torch.testing.assert_close(moved - mean, shifts[batch.batch], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(same, likelihood, atol=1e-2, rtol=1e-5)


@pytest.mark.parametrize(("settings", "shifts"), [({}, True), ({"decoder": "mlp"}, False)])
def test_only_linear_decoders_are_shifted(lanes, settings, shifts):
    rna, lane = lanes
    assert task_of(rna, lane, **settings).module.shifts_batches == shifts
    assert not task_of(rna, None, **settings).module.shifts_batches


def test_cells_of_a_type_are_together_whatever_their_lane(cells, lanes):
    rna, lane = lanes
    plain, corrected = (embed(rna, None, batch=b, settings=QUICK, seed=1).joint for b in (None, lane))
    type_of = cells.kind == 2  # types 0 and 1 are equal in RNA

    def apart(z, groups, among):
        """Squared distance of two groups' means, averaged over the levels of `among`, over the variance."""
        gaps = [
            z[groups & (among == m)].mean(0) - z[~groups & (among == m)].mean(0) for m in np.unique(among)
        ]
        return np.mean([(gap**2).sum() for gap in gaps]) / z.var(axis=0).sum()

    assert apart(plain, lane == 1, type_of) > 0.5  # not corrected, lanes are apart
    assert apart(corrected, lane == 1, type_of) < 0.15
    assert apart(corrected, type_of, lane) > 1
