import json
import os
import signal
from functools import wraps

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.neighbors import KNeighborsClassifier

from panscape.coem.cells import Cells
from panscape.coem.embed import _prepare, embed
from panscape.coem.files import column as coem_column
from panscape.coem.files import forget, read_sample, write_embedding
from panscape.coem.module import Module
from panscape.coem.settings import CoemSettings
from panscape.coem.task import CoemTask
from panscape.config.load import load
from panscape.data import h5mu
from panscape.errors import UserError
from panscape.training.state import digest as training_digest
from panscape.training.weights import read_weights

QUICK = {"n_epochs": 12, "min_steps": 1, "batch_size": 64, "n_latent": 8, "n_hidden": 16, "n_projection": 8}
TINY = {**QUICK, "n_epochs": 3}


def accuracy(points, labels, neighbours=10):
    known = np.arange(len(labels)) % 2 == 0
    model = KNeighborsClassifier(neighbours).fit(points[known], labels[known])
    return model.score(points[~known], labels[~known])


def digest(embedding):
    return training_digest(embedding.joint, embedding.rna, embedding.atac)


@pytest.fixture(scope="module")
def embedded(cells):
    return embed(cells.rna, cells.atac, settings=QUICK, seed=1)


def test_the_joint_embedding_tells_what_neither_modality_tells_alone(cells, embedded):
    joint, rna, atac = (accuracy(x, cells.kind) for x in (embedded.joint, embedded.rna, embedded.atac))
    assert joint > 0.93
    assert joint > max(rna, atac) + 0.1


def test_the_state_is_in_the_embedding_and_depth_is_not(cells, embedded):
    design = np.c_[np.ones(len(cells.state)), embedded.joint]
    fitted = design @ np.linalg.lstsq(design, cells.state, rcond=None)[0]
    assert np.corrcoef(fitted, cells.state)[0, 1] > 0.8
    for counts in (cells.rna, cells.atac):
        depth = np.log(np.asarray(counts.sum(1)).ravel())
        assert np.abs([np.corrcoef(column, depth)[0, 1] for column in embedded.joint.T]).max() < 0.3


def test_training_lowers_the_held_out_loss_of_both_modalities(embedded):
    history = pd.DataFrame(embedded.history)
    for term in ("rna", "atac", "loss"):
        values = history.query("split == 'heldout' and term == @term")["value"].to_numpy()
        assert values[-1] < values[0], term


def test_the_embedding_informs_of_unseen_counts_where_there_is_something_to_know(cells, embedded):
    assert embedded.info["information"]["rna"] > 3 and embedded.info["information"]["atac"] > 3
    random = np.random.default_rng(0)
    rate = np.asarray(cells.atac.mean(axis=0)).ravel()
    noise = sparse.csr_matrix(random.poisson(np.tile(rate, (cells.atac.shape[0], 1))).astype(np.float32))
    beside = embed(cells.rna, noise, settings=QUICK, seed=1).info["information"]
    assert beside["rna"] > 3 and beside["atac"] < 1


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(cells):
    first, again, other = (embed(cells.rna, cells.atac, settings=TINY, seed=s) for s in (1, 1, 2))
    assert digest(first) == digest(again)
    assert digest(first) != digest(other)


@pytest.mark.parametrize("stop_at", [3, 8])
def test_an_interrupted_run_goes_on_to_the_same_bits(cells, tmp_path, monkeypatch, stop_at):
    whole = embed(cells.rna, cells.atac, settings=TINY, seed=1)
    step, folder = CoemTask.step, tmp_path / "state"

    def interrupted(self, number):
        if number == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(CoemTask, "step", interrupted)
        with pytest.raises(SystemExit) as ended:
            embed(cells.rna, cells.atac, settings=TINY, seed=1, checkpoint=folder)
    assert ended.value.code == 143
    taken = []
    monkeypatch.setattr(CoemTask, "step", lambda self, number: taken.append(number) or step(self, number))
    resumed = embed(cells.rna, cells.atac, settings=TINY, seed=1, checkpoint=folder)
    assert taken[0] == stop_at + 1
    assert digest(resumed) == digest(whole)
    assert resumed.history == whole.history
    forget(folder)
    assert not folder.exists()


def test_a_checkpoint_of_other_data_is_not_used(cells, tmp_path):
    embed(cells.rna, cells.atac, settings=TINY, seed=1, checkpoint=tmp_path)
    changed = cells.rna.copy()
    changed.data[0] += 1
    fresh = embed(changed, cells.atac, settings=TINY, seed=1)
    assert digest(embed(changed, cells.atac, settings=TINY, seed=1, checkpoint=tmp_path)) == digest(fresh)


def test_cells_of_one_modality_are_placed_among_their_kind(cells):
    random = np.random.default_rng(0)
    lacks = random.random(len(cells.kind))
    rna = sparse.diags_array((lacks > 0.2).astype(np.float32)) @ cells.rna
    atac = sparse.diags_array((lacks < 0.8).astype(np.float32)) @ cells.atac
    result = embed(sparse.csr_matrix(rna), sparse.csr_matrix(atac), settings=QUICK, seed=1)
    assert result.info["cells_of_one_modality"] == int(((lacks <= 0.2) | (lacks >= 0.8)).sum())
    assert np.isfinite(result.joint).all()
    assert np.isnan(result.rna[lacks <= 0.2]).all() and np.isfinite(result.rna[lacks > 0.2]).all()
    whole = (lacks > 0.2) & (lacks < 0.8)
    model = KNeighborsClassifier(10).fit(result.joint[whole], cells.kind[whole])
    # without RNA types 1 and 2 are equal, without accessibility 0 and 1
    without_rna, without_atac = lacks <= 0.2, lacks >= 0.8
    placed = model.predict(result.joint)
    assert ((placed == 0) == (cells.kind == 0))[without_rna].mean() > 0.85
    assert ((placed == 2) == (cells.kind == 2))[without_atac].mean() > 0.85


@pytest.mark.parametrize("only", ["rna", "atac"])
def test_a_sample_of_one_modality_is_embedded_by_it(cells, only):
    counts = {"rna": None, "atac": None, only: getattr(cells, only)}
    result = embed(**counts, settings=QUICK, seed=1)
    separated = cells.kind == (2 if only == "rna" else 0)
    assert accuracy(result.joint, separated) > 0.85
    assert result.info["modalities"] == [only]
    assert (result.rna is None) == (only == "atac")


def test_open_or_not_peaks_are_recognised(cells):
    result = embed(cells.rna, (cells.atac > 0).astype(np.float32), settings=TINY)
    assert result.info["likelihoods"] == {"rna": "nb", "atac": "bernoulli"}


@pytest.mark.parametrize(
    "more",
    [
        {"encoder": "scmvp", "n_epochs": 20},
        {"decoder": "scmvp"},
        {"prior": "vade"},
        {"decoder": "mlp"},
        {"prior": "normal", "metric": "plain"},
        {"rna_likelihood": "zip", "atac_likelihood": "nb"},
        {"rna_likelihood": "zinb", "atac_likelihood": "zip"},
        {"anneal": False, "rna_weight": 3, "atac_weight": 0.1},
        {"thinning": 0.0, "shrinkage": False, "dropout": 0.1, "modality_dropout": 0.0},
        {"held_out": 0.0, "patience": 1},
    ],
)
def test_every_option_trains(cells, more):
    result = embed(cells.rna, cells.atac, settings={**TINY, "n_epochs": 6, **more}, seed=1)
    assert np.isfinite(result.joint).all()
    assert accuracy(result.joint, cells.kind) > 0.7


@pytest.fixture(scope="module")
def published():
    """Return the settings of the presets, made small, on features that the cells of the tests have."""
    changes = {
        "n_epochs": 25,
        "peak_fraction": [0.005, 1.0],
        "n_centroids": 3,
        "n_hidden": 32,
        "learning_rate": 4e-3,
    }
    study = [{"id": "a", "path": "a.h5ad"}]
    return {
        name: {**load({"collection": "x", "preset": name, "studies": study})["coem"], **changes}
        for name in ("paper", "code")
    }


@pytest.mark.parametrize("preset", ["paper", "code"])
def test_published_models_learn_what_predicts_unseen_counts(cells, published, preset):
    result = embed(cells.rna, cells.atac, settings=published[preset], seed=1)
    assert result.info["likelihoods"] == {"paper": {"rna": "zip", "atac": "nb"},
                                         "code": {"rna": "nb", "atac": "zip"}}[preset]  # fmt: skip
    assert accuracy(result.joint, cells.kind) > 0.85
    assert min(result.info["information"].values()) > 0
    # an untrained model predicts them worse
    untrained = embed(cells.rna, cells.atac, settings={**published[preset], "n_epochs": 1}, seed=1)
    assert result.info["unseen_nll"]["rna"] < untrained.info["unseen_nll"]["rna"] - 3


def test_an_interrupted_published_model_goes_on_to_the_same_bits(cells, published, tmp_path, monkeypatch):
    settings = {**published["paper"], "n_epochs": 3}
    whole = embed(cells.rna, cells.atac, settings=settings, seed=1)
    step, folder = CoemTask.step, tmp_path / "state"

    @wraps(step)  # dropout is drawn by the step's name and number
    def interrupted(self, number):
        if number == 8:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(CoemTask, "step", interrupted)
        with pytest.raises(SystemExit):
            embed(cells.rna, cells.atac, settings=settings, seed=1, checkpoint=folder)
    tensors, _ = read_weights(folder / "checkpoint.safetensors")
    names = {name.split(".", 1)[1] for name in tensors if name.startswith("module.")}
    for part in ("gated.channels.0.gate", "gated.channels.1.attend", "decoders.0.gate", "decoders.1.zeros"):
        assert any(name.startswith(part) for name in names), part
    taken = []
    monkeypatch.setattr(CoemTask, "step", wraps(step)(lambda *given: taken.append(given[1]) or step(*given)))
    resumed = embed(cells.rna, cells.atac, settings=settings, seed=1, checkpoint=folder)
    assert taken[0] == 9 and digest(resumed) == digest(whole) and resumed.history == whole.history


def test_held_out_cells_are_judged_by_the_true_divergence(cells):
    settings = CoemSettings(**{**TINY, "n_centroids": 4})
    prepared, _ = _prepare(cells.rna, cells.atac, None, None, settings, 0, torch.device("cpu"))
    module = Module(prepared.modalities, settings)
    task = CoemTask(module, prepared, settings, 0)
    dims = settings.n_latent
    for log_variance in (-3.0, 1.0):
        torch.nn.init.constant_(module.spread.bias, log_variance)
        plain = task.validate(0)["divergence"]  # the prior is not started: closed form
        module.prior.start(torch.zeros(4, dims), torch.ones(4, dims), torch.full((4,), 0.25))
        torch.testing.assert_close(task.validate(0)["divergence"], plain, rtol=1e-5, atol=1e-4)
        module.prior.load_state_dict({**module.prior.state_dict(), "started": torch.tensor(False)})


def test_the_prior_becomes_a_mixture_after_the_warm_up(cells, tmp_path):
    embed(cells.rna, cells.atac, settings=QUICK, seed=1, checkpoint=tmp_path)
    tensors, _ = read_weights(tmp_path / "checkpoint.safetensors")
    assert bool(tensors["module.prior.started"])
    means = tensors["module.prior.means"]
    assert torch.cdist(means, means).add(torch.eye(len(means)) * 9).min() > 0.05
    assert tensors["module.prior.logits"].softmax(0).max() < 0.6  # no single component took all cells


def test_a_batch_effect_is_taken_out(cells):
    random = np.random.default_rng(3)
    batch = random.integers(2, size=len(cells.kind))
    rna = cells.rna.toarray()
    shift = np.exp(random.normal(0, 0.7, rna.shape[1]))
    rna = sparse.csr_matrix(np.where(batch[:, None] > 0, random.poisson(rna * shift), rna).astype(np.float32))
    plain, corrected = (embed(rna, cells.atac, batch=b, settings=QUICK, seed=1) for b in (None, batch))
    assert accuracy(corrected.joint, batch) < accuracy(plain.joint, batch) - 0.15
    assert accuracy(corrected.joint, cells.kind) > 0.85


def test_a_model_told_the_types_says_so_and_its_prior_has_them(cells, embedded, tmp_path):
    conditioned = embed(cells.rna, cells.atac, labels=cells.kind, settings=TINY, seed=1, checkpoint=tmp_path)
    assert (embedded.info["conditioned"], conditioned.info["conditioned"]) == (0, 3)
    assert accuracy(conditioned.joint, cells.kind) > 0.9
    tensors, _ = read_weights(tmp_path / "checkpoint.safetensors")
    assert bool(tensors["module.prior.started"])
    # the components lie where the cells of their labels are
    latent = conditioned.joint / conditioned.unit
    centres = np.array([latent[cells.kind == c].mean(0) for c in range(3)])
    apart = np.linalg.norm(centres[:, None] - tensors["module.prior.means"].numpy()[None], axis=2)
    assert apart.argmin(axis=1).tolist() == [0, 1, 2]


def test_cells_that_cannot_be_embedded_are_reported(cells):
    with pytest.raises(UserError, match="neither"):
        embed(None, None)
    with pytest.raises(UserError, match="different numbers of cells"):
        embed(cells.rna[:-1], cells.atac)
    with pytest.raises(UserError, match="15 cells"):
        embed(cells.rna[:15], cells.atac[:15])
    empty = sparse.diags_array((np.arange(len(cells.kind)) != 7).astype(np.float32))
    with pytest.raises(UserError, match="1 cells have no count"):
        embed(sparse.csr_matrix(empty @ cells.rna), sparse.csr_matrix(empty @ cells.atac), settings=TINY)
    with pytest.raises(ValueError, match="values of batch"):
        embed(cells.rna, cells.atac, batch=np.zeros(3), settings=TINY)


def test_files_hold_cells_coordinates_and_what_was_done(cells, embedded, tmp_path):
    from anndata import AnnData, read_h5ad

    obs = pd.DataFrame({"lane": cells.kind.astype(str)}, index=[f"c{i}" for i in range(len(cells.kind))])
    tables = {name: AnnData(getattr(cells, name), obs=obs[[]]) for name in ("rna", "atac")}
    h5mu.write_h5mu(tmp_path / "sample.h5mu", tables, obs)
    read, rna, atac = read_sample(tmp_path / "sample.h5mu")
    assert (rna != cells.rna).nnz == 0 and (atac != cells.atac).nnz == 0
    assert coem_column(read, "lane", "coem.batch").tolist() == obs["lane"].tolist()
    assert coem_column(read, None, "coem.batch") is None
    with pytest.raises(UserError, match=r"coem.batch: no column 'day' \(there are: lane\)"):
        coem_column(read, "day", "coem.batch")
    write_embedding(embedded, read, tmp_path / "embedding.h5ad", {"n_epochs": 3, "batch_key": None})
    back = read_h5ad(tmp_path / "embedding.h5ad")
    np.testing.assert_array_equal(back.obsm["X_coem"], embedded.joint)
    assert {"X_coem", "X_rna", "X_atac"} == set(back.obsm)
    assert json.loads(back.uns["settings"])["n_epochs"] == 3
    assert json.loads(back.uns["info"])["likelihoods"]["rna"] == "nb"
    assert len(back.uns["history"]) == len(embedded.history)


def with_depth(seed=0, n=360, genes=150, peaks=260):
    """Three types, the first of twice the others' depth; composition changes with the depth of any cell."""
    random = np.random.default_rng(seed)
    kind = random.integers(3, size=n)
    logs = random.normal(0, 0.5, n)
    counts = []
    for features in (genes, peaks):
        tilt = random.normal(0, 0.9, (3, features)) * (random.random(features) < 0.4)
        course = random.normal(0, 0.3, features)
        rate = np.exp(random.normal(0, 0.7, features) + tilt[kind] + np.outer(logs, course))
        depth = 500 * np.exp(logs) * np.where(kind == 0, 2.0, 1.0)
        counts.append(
            sparse.csr_matrix(random.poisson(rate * (depth / rate.sum(1))[:, None]).astype(np.float32))
        )
    return *counts, kind, logs


def test_what_follows_depth_is_left_to_the_decoder_and_types_of_other_depth_are_distinguished(monkeypatch):
    rna, atac, kind, logs = with_depth()
    within = logs - np.array([logs[kind == c].mean() for c in range(3)])[kind]
    follows = {}
    for name in ("with", "without"):
        if name == "without":
            monkeypatch.setattr(Cells, "depth", property(lambda cells: np.zeros((cells.n, 2), np.float32)))
        joint = embed(rna, atac, settings={**QUICK, "n_epochs": 40}, seed=2).joint
        off = joint - np.stack([joint[kind == c].mean(axis=0) for c in range(3)])[kind]
        # share of the variance within types that is along depth
        follows[name] = ((off.T @ within) ** 2).sum() / (within @ within) / (off**2).sum()
        assert accuracy(joint, kind) > 0.95
    assert follows["with"] < 0.25 and follows["without"] > 2.5 * follows["with"]


def test_training_takes_one_thread_whatever_the_job_has(cells, monkeypatch):
    from panscape.coem import embed as module

    before, seen, trained = torch.get_num_threads(), [], module._train
    monkeypatch.setattr(
        module, "_train", lambda *given: seen.append(torch.get_num_threads()) or trained(*given)
    )
    try:
        torch.set_num_threads(2)
        embed(cells.rna, cells.atac, settings={**TINY, "n_epochs": 1})
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
