"""Intervals of pseudotime: draws of cells and samples, pseudotime of each, and what is not placed."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coscape.coexpression.atoms import atoms_of
from panscape.coscape.coexpression.drawn_scores import DrawnScorer
from panscape.coscape.coexpression.pair_scores import PairScorer
from panscape.coscape.coexpression.values import Values
from panscape.coscape.landscape.cell_draws import UNITS, CellDraws
from panscape.coscape.landscape.drawn_study import DrawnStudy, best_pairs
from panscape.coscape.landscape.intervals import drawn_pseudotimes
from panscape.coscape.landscape.placement import intervals, placement
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.write import pseudotime_table
from panscape.graph.diffusion import diffusion_map, pseudotime
from panscape.graph.knn import nearest
from panscape.graph.umap_weights import connectivities

N_GENES, SIZE, STEPS = 14, 60, 7
PAIRS = np.stack(np.triu_indices(N_GENES, 1), axis=1)
QUICK = LandscapeSettings(
    distance="corrected",
    n_neighbors=4,
    neighbor_sweep=(3, 5),
    pseudotime_draws=3,
    min_expected=2,
    min_pairs=1,
)


def made(name, seed, columns=slice(None), samples=None):
    """Return a study of seven disjoint clusters in two halves, whose genes couple more and more."""
    rng = np.random.default_rng(seed)
    step = np.repeat(np.arange(STEPS), SIZE)
    shared = rng.normal(size=(len(step), 1)) * np.sqrt(step / STEPS)[:, None]
    own = rng.normal(size=(len(step), N_GENES)) * np.sqrt(1 - step / STEPS)[:, None]
    counts = rng.poisson(np.exp(0.8 + shared * np.where(np.arange(N_GENES) < 7, 1, -1) + own))
    members = np.concatenate([step == np.arange(STEPS)[:, None], [step < 3, step >= 3]]).astype(np.int8)
    values = Values(sparse.csr_matrix(counts.astype(np.float32)), counts.sum(1).astype(float), "log1p", 30.0)
    cells = pd.DataFrame({"age": step.astype(float)})
    if samples is not None:
        cells["sample"] = samples(step)
    here = np.arange(len(PAIRS))[columns]
    members = sparse.csr_matrix(members)
    scorer = DrawnScorer.of(PairScorer.of(values, members, None, PAIRS[here]))
    return values, DrawnStudy(name, scorer, here, CellDraws.of(name, cells, members))


def clusters_of(studies):
    return pd.DataFrame({"n_used_pairs": np.full(sum(study.n_clusters for study in studies), 50)})


def correlated(values, members, times):
    """Return the weighted correlations of all pairs in every cluster; 0 where a pair is not valid."""
    x = np.log1p(values.counts.toarray())
    rows = []
    for inside in members.toarray() * times:
        n = inside.sum()
        residual = x - inside @ x / n
        covariance = (residual * inside[:, None]).T @ residual
        spread = np.sqrt(np.diagonal(covariance))
        seen = inside @ (x > 0)
        t = covariance / np.outer(spread, spread)
        t[np.outer(seen, seen) / n < QUICK.min_expected] = 0
        rows.append(t[tuple(PAIRS.T)])
    return np.array(rows)


def dense_distances(t, weight, inside, known):
    """Return the debiased distances, cluster by cluster, of repeated cells."""
    size = inside.sum(1)
    shared = inside @ inside.T

    def product(a, b, pairs):
        both = (t[a] != 0) & (t[b] != 0) & pairs
        return (weight * t[a] * t[b])[pairs].sum() - shared[a, b] / size[a] / size[b] * weight[both].sum()

    def norm(a, b):
        common, valid = known[a] & known[b], (t[b] != 0) & (t[a] != 0)
        raw = [(weight * t[a] ** 2)[pairs].sum() for pairs in (common, valid)]
        return sum(
            part * max(product(a, a, pairs), 0.1 * whole)
            for part, pairs, whole in zip((0.1, 0.9), (common, valid), raw, strict=True)
        )

    def error(a, b):
        pairs = known[a] & known[b] & (t[a] != 0) & (t[b] != 0)
        noise = np.diagonal(shared)[[a, b]] / size[[a, b]] ** 2  # of cells that are drawn several times
        own = np.maximum(noise - shared[a, b] / size[a] / size[b], 0)
        square = t[[a, b]][:, pairs] ** 2 - noise[:, None] / 2
        return np.sqrt(max((weight[pairs] ** 2 * (square[0] * own[1] + square[1] * own[0])).sum(), 0))

    count = len(t)
    result = np.zeros((count, count))
    for a in range(count):
        for b in range(count):
            if a != b:
                bound = product(a, b, known[a] & known[b]) - 2 * error(a, b)
                result[a, b] = 1 - bound / np.sqrt(norm(a, b) * norm(b, a))
    return np.where((result < 1e-3) & ~np.eye(count, dtype=bool), 1e-6 / (2e-3 - result), result)


@pytest.mark.parametrize("columns", [slice(None), slice(0, 60)], ids=["all pairs", "a study without some"])
def test_pseudotime_of_a_draw_is_that_of_dense_formulas(columns):
    parts = [made("one", 0), made("two", 1, columns)]
    studies = [study for _, study in parts]
    weight = np.random.default_rng(5).uniform(0.2, 1, len(PAIRS))
    found = drawn_pseudotimes(studies, PAIRS, weight, clusters_of(studies), 0, QUICK, 3)
    assert found.shape == (3, 18)
    for draw in range(3):
        blocks, rows, known = [], [], []
        for values, study in parts:
            times = study.draws.draw(draw, draw + 1, 3, "landscape", "draws", study.name)[:, 0]
            here = np.isin(np.arange(len(PAIRS)), study.columns)
            rows.append(correlated(values, study.scorer.members, times) * here)
            known += [here] * study.scorer.members.shape[0]
            blocks.append(study.scorer.members.toarray() * times)
        inside = sparse.block_diag(blocks).toarray()
        distances = dense_distances(np.concatenate(rows), weight, inside, known)
        by_k = []
        for k in (3, 5):
            near = nearest(inside, k, metric="cosine", distances=(distances, np.ones(18, bool)), refine=False)
            by_k.append(pseudotime(diffusion_map(connectivities(near)), 0))
        np.testing.assert_allclose(found[draw], np.median(by_k, axis=0), atol=1e-4)


def test_threads_and_numbers_of_draws_change_nothing(monkeypatch):
    studies = [study for _, study in (made("one", 0), made("two", 1))]
    given = studies, PAIRS, np.ones(len(PAIRS)), clusters_of(studies), 0
    few = drawn_pseudotimes(*given, QUICK, 3)
    monkeypatch.setattr("panscape.coscape.landscape.intervals.DRAW_SCORES", 2 * 18 * len(PAIRS))
    more = LandscapeSettings.of({**vars(QUICK), "pseudotime_draws": 5})
    many = drawn_pseudotimes(*given, more, 3, threads=3)
    assert few.tobytes() == many[:3].tobytes()
    assert few.tobytes() != drawn_pseudotimes(*given, QUICK, 4).tobytes()


def test_no_draws_no_intervals():
    _, study = made("one", 0)
    none = LandscapeSettings.of({**vars(QUICK), "pseudotime_draws": 0})
    times = drawn_pseudotimes([study], PAIRS, np.ones(len(PAIRS)), clusters_of([study]), 0, none, 3)
    assert times.shape == (0, 9) and np.isnan(intervals(times)).all()
    assert LandscapeSettings(distance="thresholded", pseudotime_draws=9).n_draws == 0
    assert LandscapeSettings(distance="corrected", pseudotime_draws=9, root="none").n_draws == 0
    with pytest.raises(ValueError, match="pseudotime_draws"):
        LandscapeSettings(pseudotime_draws=-1)


def test_a_cluster_without_pairs_has_no_interval():
    _, study = made("one", 0)
    clusters = clusters_of([study])
    clusters.loc[4, "n_used_pairs"] = 0
    times = drawn_pseudotimes([study], PAIRS, np.ones(len(PAIRS)), clusters, 0, QUICK, 3)
    assert np.isnan(times[:, 4]).all() and np.isfinite(np.delete(times, 4, axis=1)).all()
    obs = pd.DataFrame(
        {"study": "one", "dpt_pseudotime": np.where(np.arange(9) == 4, np.nan, np.arange(9) / 8)},
        index=[f"c{row}" for row in range(9)],
    )
    table = pseudotime_table(obs, times, root="c0")
    last = table.iloc[-1]
    assert last["cluster"] == "c4" and last["placement"] == "unconnected"
    assert np.isnan(last["pseudotime_low"]) and table.loc[0, "pseudotime_high"] == 0
    lost = obs.assign(dpt_pseudotime=obs["dpt_pseudotime"].mask(obs.index == "c7"))
    apart = pseudotime_table(lost, times, root="c0")
    assert apart.set_index("cluster").loc["c7", ["pseudotime_low", "pseudotime_high"]].isna().all()
    assert list(table)[:7] == [
        "cluster", "study", "pseudotime", "pseudotime_low", "pseudotime_high", "placement", "age",
    ]  # fmt: skip
    assert list(pseudotime_table(obs))[:4] == ["cluster", "study", "pseudotime", "age"]


def test_placement_by_width_and_by_the_draws_that_reach_a_cluster():
    time = np.linspace(0, 1, 11)
    draws = np.tile(time, (20, 1))
    draws[:10, 3] = 1.0  # anywhere from its place to the end
    draws[:3, 5] = np.nan
    draws[:1, 6] = np.nan
    found = placement(time, draws)
    assert np.flatnonzero(found == "uncertain").tolist() == [3, 5]
    assert (np.delete(found, [3, 5]) == "placed").all()
    assert set(placement(time, np.full((20, 11), np.nan))) == {"uncertain"}  # no draw reaches any


def test_samples_of_an_age_are_drawn_together():
    _, study = made("one", 0, samples=lambda step: [f"s{at}-{cell % 6}" for cell, at in enumerate(step)])
    draws = study.draws
    assert draws.column == "sample" and draws.by_sample == 1
    times = draws.draw(0, 40, 1, "x")
    for sample in np.unique(draws.sample):
        inside = times[draws.sample == sample]
        assert (inside == inside[0]).all()
    for age in range(STEPS):
        inside = times[SIZE * age : SIZE * (age + 1)]
        np.testing.assert_allclose(inside.sum(axis=0), SIZE)
        assert (inside == 0).any() and (inside > 1).any()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_few_samples_at_an_age_leave_draws_of_its_cells(number):
    _, study = made("one", 0, samples=lambda step: [f"s{at}-{cell % number}" for cell, at in enumerate(step)])
    assert study.draws.column == "sample" and study.draws.by_sample == 0
    times = study.draws.draw(0, 100, 1, "x")
    assert times.mean() == pytest.approx(1, abs=0.02) and times.var() == pytest.approx(1, abs=0.06)


def test_a_cluster_that_is_mostly_of_one_sample_is_drawn_by_its_cells():
    def samples(step):
        cell = np.arange(len(step))
        place = np.where((step == 0) & (cell % 10 > 0), 0, cell % 6)
        return [f"s{at}-{part}" for at, part in zip(step, place, strict=True)]

    _, study = made("one", 0, samples=samples)
    assert (study.draws.sample[:SIZE] == -1).all() and (study.draws.sample[SIZE:] >= 0).all()


def test_draws_vary_means_as_new_samples_do():
    """The variance over draws is that of the mean of few samples, each with an effect of its own."""
    rng = np.random.default_rng(0)
    cells = pd.DataFrame({"age": 1.0, "sample": np.repeat(list("abcde"), 40)})
    draws = CellDraws.of("lab", cells, sparse.csr_matrix(np.ones((1, 200))))
    assert draws.column == "sample"
    variances = []
    for repeat in range(60):
        value = np.repeat(rng.normal(size=5), 40) + rng.normal(size=200)
        times = draws.draw(0, 60, repeat, "x")
        variances.append((times.T @ value / times.sum(axis=0)).var(ddof=1))
    assert np.mean(variances) == pytest.approx(1 / 5 + 1 / 200, rel=0.2)


def test_weights_of_few_samples_have_the_variance_of_independent_ones():
    cells = pd.DataFrame({"age": 2.0, "donor": list("abcde")})
    draws = CellDraws.of("lab", cells, sparse.csr_matrix(np.ones((1, 5))))
    variance = draws.draw(0, 4000, 1, "draws").var(axis=1).mean()
    assert variance == pytest.approx(1, abs=0.05)  # with n in place of n - 1 samples per draw .8


def test_best_pairs_keep_their_order():
    chosen = pd.DataFrame({"gene_a": list("abcd"), "gene_b": list("efgh"), "signal": [1.0, 5.0, 2.0, 2.0]})
    assert best_pairs(chosen, 2)["gene_a"].tolist() == ["b", "c"]
    assert best_pairs(chosen, 9)["gene_a"].tolist() == list("abcd")


def test_copies_of_clusters_are_in_the_graph_and_not_in_the_result():
    _, study = made("one", 0)
    settings = LandscapeSettings.of({**vars(QUICK), "duplicates": True})
    clusters = clusters_of([study]).assign(multiplicity=1)
    given = [study], PAIRS, np.ones(len(PAIRS))
    alone = drawn_pseudotimes(*given, clusters, 0, QUICK, 3)
    once = drawn_pseudotimes(*given, clusters, 0, settings, 3)
    assert alone.tobytes() == once.tobytes()
    clusters.loc[2, "multiplicity"] = 3
    copied = drawn_pseudotimes(*given, clusters, 0, settings, 3)
    assert copied.shape == alone.shape and (copied[:, 0] == 0).all() and np.isfinite(copied).all()
    assert not np.allclose(copied, alone)


def test_large_sets_are_drawn_in_parts_and_small_ones_cell_by_cell():
    cells = pd.DataFrame({"age": np.zeros(5000)})
    atom = np.repeat([0, 1, -1], [4600, 200, 200])
    members = sparse.csr_matrix([atom == 0, atom == 1], dtype=np.int8)
    draws = CellDraws.of("lab", cells, members, atom=atom, seed=1)
    size = np.bincount(draws.unit)
    large = np.unique(draws.unit[:4600])
    assert len(large) == UNITS and size[large].min() == 17 and size[large].max() == 18
    assert (size[draws.unit[4600:]] == 1).all()
    assert (np.diff(np.unique(draws.unit, return_index=True)[1]) > 0).all()  # numbered by first cell
    again, other = (CellDraws.of("lab", cells, members, atom=atom, seed=seed).unit for seed in (1, 2))
    assert (draws.unit == again).all() and (draws.unit != other).any()
    assert draws.draw(0, 2, 1, "x").shape == (len(size), 2)


def test_cells_of_a_sample_in_a_set_and_group_are_a_unit():
    rng = np.random.default_rng(2)
    cells = pd.DataFrame({"age": np.repeat([1.0, 2.0], 600), "sample": rng.integers(0, 6, 1200).astype(str)})
    cells["sample"] += "-" + cells["age"].astype(str)
    atom = np.tile([0, 1, 2], 400)
    members = sparse.csr_matrix(atom == np.arange(3)[:, None], dtype=np.int8)
    draws = CellDraws.of("lab", cells, members, atom=atom)
    alone = CellDraws.of("lab", cells, members)
    assert draws.by_sample == 1 and len(np.unique(draws.unit)) == 3 * 2 * 6
    np.testing.assert_array_equal(draws.draw(0, 5, 1, "x")[draws.unit], alone.draw(0, 5, 1, "x"))


def test_sums_of_sets_drawn_in_parts_vary_as_those_drawn_cell_by_cell():
    rng = np.random.default_rng(5)
    value = rng.gamma(0.5, size=(4000, 40))  # forty sums, so that chance in the parts averages out
    cells, atom = pd.DataFrame(index=range(4000)), np.zeros(4000, dtype=np.int64)
    draws = CellDraws.of("lab", cells, sparse.csr_matrix(atom[None] == 0), atom=atom)
    times = draws.draw(0, 600, 3, "x")[draws.unit]
    variance = (value.T @ times).var(axis=1)
    np.testing.assert_allclose(variance.mean(), (value**2).sum(axis=0).mean(), rtol=0.06)
    mean = value.T @ times / times.sum(axis=0)
    np.testing.assert_allclose(mean.var(axis=1).mean(), value.var(axis=0).mean() / 4000, rtol=0.06)
    np.testing.assert_allclose(times.sum(axis=0).var(), 4000, rtol=0.15)


def test_scores_of_units_equal_those_of_their_cells():
    rng = np.random.default_rng(6)
    cells, often = np.array([1, 3, 2, 5]), rng.exponential(size=4)
    members = sparse.csr_matrix([[1.0, 1, 0, 1], [0, 1, 1, 0]])
    given = sparse.csr_matrix(rng.random((2, 3))), np.array([[0, 1], [0, 2], [1, 2]]), np.ones(3)
    single = members[:, np.repeat(np.arange(4), cells)]
    found, expected = (
        Scores.of(*given, members, often, cells),
        Scores.of(*given, single, np.repeat(often, cells)),
    )
    np.testing.assert_allclose(found.shared.toarray(), expected.shared.toarray())
    np.testing.assert_allclose(found.size, expected.size)


def test_units_lie_within_the_sets_of_overlapping_clusters():
    cells = pd.DataFrame({"age": np.repeat([1.0, 2.0], 300), "sample": np.arange(600) // 50})
    first, second = np.arange(600) % 2, np.arange(600) % 3
    rows = [first == 0, first == 1, second == 0, second == 1, second == 2]
    members = sparse.csr_matrix(np.array(rows, dtype=np.int8))
    atom = atoms_of(members)[0]
    draws = CellDraws.of("lab", cells, members, atom=atom)
    assert draws.by_sample == 1 and len(np.unique(draws.unit)) == 6 * 12
    assert (pd.Series(atom).groupby(draws.unit).nunique() == 1).all()
