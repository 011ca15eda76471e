import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.simulate import draw
from panscape.simulate.design import coupling, design
from panscape.simulate.draw import study as simulate_study
from panscape.simulate.settings import Settings, StudySettings, demo


def settings(**changes) -> Settings:
    studies = (
        StudySettings("a", 3000, (0, 10), depth=900),
        StudySettings("b", 100, (5, 20), depth=400, platform="plates"),
    )
    return Settings(**{"studies": studies, "n_genes": 300, "n_modules": 6, "module_genes": 8, **changes})


def counts(drawn) -> sparse.csr_matrix:
    return sparse.vstack([block for _, block in drawn.blocks()], format="csr")


@pytest.fixture(scope="module")
def system():
    return design(settings(), 7)


@pytest.fixture(scope="module")
def deep():
    """Return a study that is deep and precise enough to see the planted expression."""
    study = StudySettings("deep", 4000, (0, 20), depth=1e6, depth_spread=0.1, timepoints=0)
    system = design(
        settings(studies=(study,), low_quality=0.0, dispersion=1e-3, spread=0.5, type_effect=1.0), 5
    )
    drawn = simulate_study(system, "deep")
    values = counts(drawn).toarray()
    log = np.log1p(values / values.sum(axis=1, keepdims=True) * 1e6)
    return drawn, pd.DataFrame(log, index=drawn.obs.index, columns=system.genes["gene"])


@pytest.mark.parametrize("mean", [0.02, 0.7, 5.0, 7.9, 8.1, 60.0])
@pytest.mark.parametrize("dispersion", [0.05, 0.5])
def test_counts_are_gamma_poisson(mean, dispersion):
    rng = np.random.default_rng(0)
    n = 40_000
    drawn = (
        draw._counts(np.full((n, 1), mean, dtype=np.float32), np.array([dispersion]), rng).toarray().ravel()
    )
    truth = stats.nbinom(1 / dispersion, 1 / (1 + mean * dispersion))
    edges = np.unique(truth.ppf(np.linspace(0, 1, 12)[1:-1]))
    cells = np.concatenate([[-1], edges, [np.inf]])
    seen = np.histogram(drawn, cells + 0.5)[0]
    expected = np.diff(truth.cdf(cells)) * n
    large = expected > 5
    chi = ((seen - expected)[large] ** 2 / expected[large]).sum()
    assert stats.chi2.sf(chi, max(large.sum() - 1, 1)) > 1e-4
    assert drawn.mean() == pytest.approx(mean, rel=0.1)


def test_zeros_are_not_inflated_beyond_the_distribution():
    mean = np.full((20_000, 3), [0.1, 1.0, 4.0], dtype=np.float32)
    dispersion = np.array([0.2, 0.2, 1.0])
    zeros = 1 - draw._counts(mean, dispersion, np.random.default_rng(1)).getnnz(axis=0) / 20_000
    np.testing.assert_allclose(zeros, (1 + mean[0] * dispersion) ** (-1 / dispersion), atol=0.01)


def test_blocks_cover_all_cells_once_and_contain_counts(system, monkeypatch):
    monkeypatch.setattr(draw, "BLOCK_VALUES", 300 * 900)
    drawn = simulate_study(system, "a")
    stop, n_blocks = 0, 0
    for rows, block in drawn.blocks():
        n_blocks += 1
        assert rows.start == stop and block.shape == (rows.stop - rows.start, 300)
        assert block.dtype == np.float32 and (block.data >= 1).all() and (block.data % 1 == 0).all()
        assert block.has_sorted_indices
        stop = rows.stop
    assert stop == 3000 == len(drawn.obs) and n_blocks > 1


def test_the_same_seed_draws_the_same_and_another_does_not(system):
    first, again = (counts(simulate_study(design(settings(), 7), "b")) for _ in range(2))
    assert (first != again).nnz == 0
    other = counts(simulate_study(design(settings(), 8), "b"))
    assert (first != other).nnz > 0


def test_a_study_does_not_depend_on_the_others(system):
    alone = settings(studies=(dataclasses.replace(system.settings.studies[1], ages=(0, 20)),))
    more = settings(studies=(StudySettings("c", 50, (0, 20)), *alone.studies))
    first, second = (counts(simulate_study(design(made, 7), "b")) for made in (alone, more))
    assert (first != second).nnz == 0


def test_unknown_study(system):
    with pytest.raises(KeyError, match="no simulated study 'z'"):
        simulate_study(system, "z")


def test_cells_follow_the_study(system):
    obs = simulate_study(system, "a").obs
    assert obs.index.is_unique and obs["age"].nunique() == 6 and obs["sample"].nunique() == 6
    assert obs["age"].min() == 0 and obs["age"].max() == 10
    assert obs.groupby("sample", observed=True)["age"].nunique().eq(1).all()
    good = obs["quality"] == "good"
    assert good.mean() == pytest.approx(0.97, abs=0.01)
    assert obs["depth"][good].median() == pytest.approx(900, rel=0.05)
    assert np.log(obs["depth"][good]).std() == pytest.approx(0.4, abs=0.02)


def test_types_appear_when_their_time_comes(system):
    study = StudySettings("a", 4000, (0, 20), timepoints=0)
    made = design(settings(studies=(study,)), 2)
    obs = simulate_study(made, "a").obs
    assert (obs["age"] == obs["true_age"]).all()
    types = made.types.set_index("cell_type")
    middle = obs.groupby("cell_type", observed=True)["true_age"].median()
    assert set(middle.index) == set(types.index)
    for name, age in middle.items():
        assert types.loc[name, "age_from"] - 1 < age < types.loc[name, "age_to"] + 1


def test_low_quality_cells_fail_quality_control(system):
    drawn = simulate_study(system, "a")
    values = counts(drawn)
    total = np.asarray(values.sum(axis=1)).ravel()
    mito = drawn.var.index.str.startswith("MT-")
    share = pd.Series(np.asarray(values[:, mito].sum(axis=1)).ravel() / total, drawn.obs.index)
    quality = drawn.obs["quality"]
    assert share[quality == "dying"].median() > 0.25 > 0.1 > share[quality == "good"].median()
    assert np.median(total[quality == "debris"]) < 0.2 * np.median(total[quality == "good"])


def test_coexpression_is_planted_at_constant_means(deep):
    drawn, log = deep
    system, obs = drawn.system, drawn.obs
    strength = coupling(system, obs["true_age"], obs["lineage"].to_numpy())
    seen = 0
    for at, module in enumerate(system.modules.itertuples()):
        genes = system.genes.loc[system.genes["module"] == module.module, "gene"]
        on, off = strength[:, at] > 0.8, strength[:, at] < 0.05
        if module.moves or min(on.sum(), off.sum()) < 300:
            continue
        seen += 1
        within = [np.corrcoef(log.loc[part, genes].T)[np.triu_indices(len(genes), 1)] for part in (on, off)]
        assert np.median(within[0]) > 0.75 and abs(np.median(within[1])) < 0.15
        # both are up to composition: counts of age genes come at the cost of all others
        assert (log.loc[on, genes].mean() - log.loc[off, genes].mean()).mean() == pytest.approx(0, abs=0.25)
        assert log.loc[on, genes].std().mean() == pytest.approx(log.loc[off, genes].std().mean(), abs=0.15)
    assert seen >= 2


def test_moving_modules_rise_with_their_coupling():
    study = StudySettings("s", 3000, (0, 20), depth=1e5, timepoints=0)
    made = design(settings(studies=(study,), moving_fraction=1.0, low_quality=0.0), 5)
    drawn = simulate_study(made, "s")
    log = np.log1p(counts(drawn).toarray())
    strength = coupling(made, drawn.obs["true_age"], drawn.obs["lineage"].to_numpy())
    rises = []
    for at, name in enumerate(made.modules["module"]):
        on, off = strength[:, at] > 0.8, strength[:, at] < 0.05
        if min(on.sum(), off.sum()) < 100:
            continue
        columns = (made.genes["module"] == name).to_numpy()
        rises.append(log[np.ix_(on, columns)].mean() - log[np.ix_(off, columns)].mean())
    assert len(rises) >= 3 and np.mean(rises) > 0.4


def test_activity_shows_in_the_expression_of_a_coupled_module(deep):
    drawn, log = deep
    system, activity = drawn.system, drawn.activity()
    assert (
        activity.shape == (4000, 6)
        and abs(activity.mean()) < 0.05
        and activity.std() == pytest.approx(1, abs=0.02)
    )
    strength = coupling(system, drawn.obs["true_age"], drawn.obs["lineage"].to_numpy())
    at = int(np.minimum((strength > 0.8).sum(axis=0), (strength < 0.02).sum(axis=0)).argmax())
    genes = system.genes.loc[system.genes["module"] == system.modules["module"][at], "gene"]
    on = strength[:, at] > 0.8
    assert np.corrcoef(log.loc[on, genes].mean(axis=1), activity[on, at])[0, 1] > 0.9
    off = strength[:, at] < 0.02
    assert abs(np.corrcoef(log.loc[off, genes].mean(axis=1), activity[off, at])[0, 1]) < 0.3


def test_study_effects_are_the_planted_shifts():
    studies = tuple(StudySettings(name, 1500, (0, 20), depth=20_000, shift=0.8) for name in ("a", "b"))
    made = design(settings(studies=studies, low_quality=0.0), 4)
    means = [np.asarray(counts(simulate_study(made, name)).mean(axis=0)).ravel() for name in ("a", "b")]
    seen = np.log(means[0] + 1e-3) - np.log(means[1] + 1e-3)
    planted = made.shifts["a"] - made.shifts["b"]
    often = np.minimum(*means) > 0.05
    assert np.corrcoef(seen[often], planted[often])[0, 1] > 0.9


def test_counts_look_like_single_cell_data():
    made = design(demo(), 0)
    drawn = simulate_study(dataclasses.replace(made), "middle")
    values = counts(drawn)[(drawn.obs["quality"] == "good").to_numpy()].toarray()
    mean, variance = values.mean(axis=0), values.var(axis=0)
    assert 0.1 < (values > 0).mean() < 0.4
    seen = mean > 0.02
    assert (variance[seen] > 0.9 * mean[seen]).all()  # never below Poisson
    often = mean > 0.3
    excess = (variance - mean)[often] / mean[often] ** 2
    assert 0.5 < np.median(excess) < 5
    assert mean.max() / np.median(mean) > 20
