"""Simulated studies of donors: what is planted is there, confounded as asked for, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.errors import UserError
from panscape.simulate import simulate_donors
from panscape.simulate.donors import DonorsSettings, donors_study

PAIRED = DonorsSettings(
    donors=6, conditions=("untreated", "treated"), samples=2, cells=250, n_genes=240, depth=8000.0,
    depth_spread=0.1, ages=20, follows="condition", age_rho=0.0, composition_rho=0.8, batches=2, sex_mean=1.0,
)  # fmt: skip


def log_of(study):
    counts = sparse.vstack([block for _, block in study.blocks()]).toarray()
    return np.log1p(counts / counts.sum(axis=1, keepdims=True) * 8000)


def by_sample(study, log, role, what):
    """Return (samples,) of a statistic of the log expression of a role's modules."""
    values = []
    for line in study.samples["line"]:
        cells = log[(study.obs["line"] == line).to_numpy()]
        modules = study.genes[study.genes["role"] == role].groupby("module").indices.values()
        at = np.flatnonzero(study.genes["role"] == role)
        if what == "mean":
            values.append(cells[:, at].mean(axis=0))
        elif what == "variance":
            values.append(cells[:, at].var(axis=0).mean())
        else:
            upper = np.triu_indices(10, 1)
            values.append(np.mean([np.corrcoef(cells[:, at[one]].T)[upper].mean() for one in modules]))
    return np.array(values)


@pytest.fixture(scope="module")
def paired():
    study = donors_study(PAIRED, seed=3)
    return study, log_of(study)


def test_only_the_planted_connectivity_follows_the_condition(paired):
    study, log = paired
    treated = (study.samples["condition"] == "treated").to_numpy()
    correlation = by_sample(study, log, "connects", "correlation")
    assert correlation[~treated].min() > 0.4 and correlation[treated].max() < 0.2
    stays = by_sample(study, log, "stays", "correlation")
    assert abs(stays[treated].mean() - stays[~treated].mean()) < 0.05 and stays.min() > 0.4
    variance = by_sample(study, log, "connects", "variance")
    assert abs(variance[treated].mean() / variance[~treated].mean() - 1) < 0.05


def test_moving_genes_move_and_connected_ones_do_not(paired):
    study, log = paired
    treated = (study.samples["condition"] == "treated").to_numpy()
    for role, size in (("moves", 0.8), ("connects", 0.0)):
        mean = by_sample(study, log, role, "mean")
        change = np.abs(mean[treated].mean(axis=0) - mean[~treated].mean(axis=0)).mean()
        assert change > size if size else change < 0.1, role


def test_connectivity_of_ageing_genes_falls_with_age(paired):
    study, log = paired
    correlation = by_sample(study, log, "ages", "correlation")
    assert stats.spearmanr(correlation, study.samples["age"])[0] < -0.9


def test_samples_of_a_donor_are_more_alike(paired):
    study, log = paired
    mean = by_sample(study, log, "plain", "mean")
    apart = np.sqrt(np.square(mean[:, None] - mean[None]).mean(axis=2))
    same = study.samples["donor"].to_numpy()[:, None] == study.samples["donor"].to_numpy()[None]
    assert apart[same & ~np.eye(len(mean), dtype=bool)].mean() < 0.75 * apart[~same].mean()


def test_confounders_have_the_correlation_that_was_asked_for():
    settings = DonorsSettings(
        donors=20, cells=1, n_genes=150, depth_rho=0.99, composition_rho=-0.7, age_rho=0.5
    )
    samples = donors_study(settings, seed=2).samples
    logit = np.log(samples["composition"] / (1 - samples["composition"]))
    for values, rho in ((np.log(samples["depth"]), 0.99), (logit, -0.7), (samples["age"], 0.5)):
        assert np.corrcoef(values, samples["trait"])[0, 1] == pytest.approx(rho, abs=1e-9)


def test_counts_have_the_depth_and_composition_of_their_sample():
    settings = DonorsSettings(donors=6, cells=300, n_genes=150, depth_rho=0.9, composition_rho=0.9)
    study = donors_study(settings, seed=5)
    totals = np.concatenate([np.asarray(block.sum(axis=1)).ravel() for _, block in study.blocks()])
    line = study.obs["line"].astype(str).to_numpy()
    second = study.obs["cell_type"].astype(str).to_numpy() == "B"
    for sample in study.samples.itertuples():
        cells = line == sample.line
        assert np.median(totals[cells]) == pytest.approx(sample.depth, rel=0.08)
        assert second[cells].mean() == pytest.approx(sample.composition, abs=0.1)


def test_edges_are_the_pairs_of_the_planted_modules():
    cells = simulate_donors(donors=4, cells=5, n_genes=150, seed=1)
    edges, module = cells.uns["edges"], cells.var["module"]
    assert len(edges) == 4 * 45
    assert (module[edges["gene_a"]].to_numpy() == module[edges["gene_b"]].to_numpy()).all()
    assert set(cells.var["role"][edges["gene_a"]]) == {"connects"}


def test_same_seed_same_counts_and_another_seed_others():
    first, same, other = (simulate_donors(donors=4, cells=5, n_genes=150, seed=at) for at in (1, 1, 2))
    assert (first.X != same.X).nnz == 0 and (first.X != other.X).nnz > 0
    pd.testing.assert_frame_equal(first.obs, same.obs)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"connects": 15}, "multiple of 10"),
        ({"n_genes": 100}, "raise it to 140"),
        ({"follows": "age"}, "trait or condition"),
        ({"follows": "condition"}, "name two or more"),
        ({"depth_rho": 1.5}, "-1 to 1"),
        ({"donors": 2}, "at least 4"),
    ],
)
def test_impossible_settings_are_refused(changes, says):
    with pytest.raises(UserError, match=says):
        DonorsSettings(**changes)
