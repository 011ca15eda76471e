"""Corrected distance and averaged pseudotime against dense formulas."""

from dataclasses import replace

import landscape_cases as cases
import numpy as np
import pytest
from scipy import sparse

from panscape.coscape.landscape.build import all_views, compute_landscape, gather_clusters
from panscape.coscape.landscape.combine import combine_studies, expand_duplicates
from panscape.coscape.landscape.debiased import debiased_distances
from panscape.coscape.landscape.scores import Scores, stack_scores
from panscape.coscape.landscape.settings import LandscapeSettings
from panscape.coscape.landscape.space import embed_clusters
from panscape.coscape.landscape.vectors import coexpression_vectors
from panscape.errors import UserError
from panscape.graph.diffusion import diffusion_map, pseudotime
from panscape.graph.knn import nearest
from panscape.graph.measured import Measured
from panscape.graph.umap_weights import connectivities
from panscape.stats.ranks import spearman

QUICK = LandscapeSettings(
    distance="corrected", n_neighbors=6, neighbor_sweep=(4, 8), permutations=0, bootstraps=0,
    layout_iterations=5, min_pairs=1,
)  # fmt: skip


def made_scores(seed=0, n_pairs=60, part=1.0):
    """Return the scores of six clusters of one study: nested, some pairs not valid."""
    rng = np.random.default_rng(seed)
    rows = [range(400), range(250), range(250, 400), range(100), range(100, 250), range(300, 330)]
    members = np.zeros((6, 400))
    for row, cells in enumerate(rows):
        members[row, list(cells)] = 1
    t = rng.normal(0, 0.15, (6, n_pairs)) + rng.normal(0, 0.2, n_pairs)
    t[rng.random(t.shape) > part] = 0
    pairs = np.stack(np.triu_indices(30, 1), axis=1)[:n_pairs]
    weight = np.random.default_rng(1).random(n_pairs)
    matrix = sparse.csr_matrix(t.astype(np.float32))
    return Scores.of(matrix, pairs, weight, sparse.csr_matrix(members)), members


def dense_distances(t, weight, members, study, measured=None):
    """Return the distances of the definition, cluster by cluster."""
    count = len(t)
    measured = np.ones(t.shape, dtype=bool) if measured is None else measured

    def product(a, b, pairs):
        shared = (members[a] * members[b]).sum() if study[a] == study[b] else 0.0
        valid = (t[a] != 0) & (t[b] != 0) & pairs
        noise = shared / (members[a].sum() * members[b].sum()) * weight[valid].sum()
        raw = (weight * t[a] * t[b])[pairs].sum()
        return raw, raw - noise

    def standard_error(a, b, common):
        n = members[[a, b]].sum(axis=1)
        shared = (members[a] * members[b]).sum() if study[a] == study[b] else 0.0
        own = 1 / n - shared / n.prod()
        square = t[[a, b]][:, common] ** 2 - 1 / n[:, None]
        terms = square[0] * own[1] + square[1] * own[0] + (own[0] / n[1] + own[1] / n[0]) / 2
        return np.sqrt((weight[common] ** 2 * terms).sum())

    result = np.zeros((count, count))
    for a in range(count):
        for b in range(count):
            both = measured[a] & measured[b]
            common = both & (t[a] != 0) & (t[b] != 0)
            norms = [
                sum(
                    part * max(clean, raw / 10)
                    for part, (raw, clean) in ((0.1, product(c, c, both)), (0.9, product(c, c, common)))
                )
                for c in (a, b)
            ]
            if a != b:
                bound = product(a, b, both)[1] - 2 * standard_error(a, b, common)
                d = 1 - bound / np.sqrt(norms[0] * norms[1])
                result[a, b] = d if d >= 1e-3 else 1e-6 / (2e-3 - d)
    return result


@pytest.mark.parametrize("part", [1.0, 0.6])
def test_distances_are_those_of_the_definition(monkeypatch, part):
    one, two = made_scores(0, part=part), made_scores(1, part=part)
    scores = stack_scores([one[0], two[0]])
    t = scores.matrix.toarray().astype(float)
    members = np.concatenate([one[1], two[1]])
    study = np.repeat([0, 1], 6)
    expected = dense_distances(t, scores.weight, members, study)
    found, defined = debiased_distances(scores)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert defined.all()
    monkeypatch.setattr("panscape.coscape.landscape.debiased.BLOCK_BYTES", 32 * 12 * 7)
    np.testing.assert_allclose(debiased_distances(scores)[0], expected, atol=1e-6)


def test_standard_errors_are_extrapolated_from_every_kth_pair(monkeypatch):
    scores = made_scores(0, part=0.6)[0].of_pairs(np.repeat(np.arange(59), 2))  # every second is enough
    expected, _ = debiased_distances(scores)
    monkeypatch.setattr("panscape.coscape.landscape.debiased.SPREAD_PAIRS", 59)
    monkeypatch.setattr("panscape.coscape.landscape.debiased.BLOCK_BYTES", 32 * 6 * 7)
    np.testing.assert_allclose(debiased_distances(scores)[0], expected, atol=1e-6)
    monkeypatch.setattr("panscape.coscape.landscape.debiased.SPREAD_PAIRS", 5)
    assert np.abs(debiased_distances(scores)[0] - expected).max() > 1e-3


def test_norms_are_over_pairs_measured_in_both():
    one, two = made_scores(0), made_scores(1)
    scores = stack_scores([one[0], two[0]])
    columns = np.random.default_rng(2).random((2, 60)) < 0.7
    group = np.repeat([0, 1], 6)
    t = scores.matrix.toarray() * columns[group]
    scores = replace(scores, matrix=sparse.csr_matrix(t))
    members = np.concatenate([one[1], two[1]])
    expected = dense_distances(t.astype(float), scores.weight, members, group, columns[group])
    found, defined = debiased_distances(scores, Measured(group, columns))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    apart = np.array([np.arange(60) < 30, np.arange(60) >= 30])
    scores = replace(scores, matrix=sparse.csr_matrix(scores.matrix.toarray() * apart[group]))
    found, defined = debiased_distances(scores, Measured(group, apart))
    assert defined.all() and np.isinf(found[:6, 6:]).all() and np.isfinite(found[:6, :6]).all()


def test_noise_alone_makes_clusters_that_share_cells_no_more_similar():
    rng = np.random.default_rng(0)
    inner, bounds = [], []
    for _ in range(30):
        cells = rng.normal(size=(400, 300))  # products of single cells: noise of variance 1
        members = np.zeros((3, 400))
        members[0], members[1, :200], members[2, 200:] = 1, 1, 1
        t = members @ cells / members.sum(1)[:, None]
        pairs = np.stack(np.triu_indices(30, 1), axis=1)[:300]
        scores = Scores.of(sparse.csr_matrix(t), pairs, np.ones(300), sparse.csr_matrix(members))
        bounds.append(1 - debiased_distances(scores)[0])
        inner.append(1 - debiased_distances(scores, errors=0)[0])
    raw = t[0] @ t[1] / np.sqrt((t[0] ** 2).sum() * (t[1] ** 2).sum())
    # norms are a tenth of the raw ones at least, so a product of noise may be large, but has no sign
    assert raw > 0.5
    assert abs(np.median([one[0, 1] for one in inner])) < 0.45
    # the lower limit of the cosine of clusters that share no cell is seldom positive
    assert np.mean([one[1, 2] > 0 for one in inner]) > 0.25
    assert np.mean([one[1, 2] > 0 for one in bounds]) < 0.1


def test_clusters_without_pairs_or_not_enough_are_undefined():
    scores, _ = made_scores(0)
    t = scores.matrix.toarray()
    t[3] = 0
    found, defined = debiased_distances(
        replace(scores, matrix=sparse.csr_matrix(t)), enough=np.arange(6) != 1
    )
    assert defined.tolist() == [True, False, True, False, True, True]
    assert np.isinf(found[3, [0, 1, 2]]).all() and np.isinf(found[[0, 2], 1]).all()
    assert np.isfinite(found[np.ix_([0, 2, 4, 5], [0, 2, 4, 5])]).all()


def test_scores_follow_their_clusters():
    one, two = made_scores(0)[0], made_scores(1)[0]
    both = stack_scores([one, two])
    assert both.shared[0, 6] == 0 and both.shared[0, 1] == 250 and both.shared[3, 1] == 100
    twice = both.rows(np.array([1, 1, 7]))
    assert twice.shared.toarray().tolist() == [[250, 250, 0], [250, 250, 0], [0, 0, 250]]
    assert stack_scores([one, None]) is None
    with pytest.raises(ValueError, match="different pairs"):
        stack_scores([one, replace(two, weight=two.weight / 2)])
    with pytest.raises(ValueError, match="weights"):
        Scores(one.matrix, one.pairs, one.weight[1:], one.shared, one.size)
    with pytest.raises(ValueError, match="clusters"):
        Scores(one.matrix[:2], one.pairs, one.weight, one.shared, one.size)


def test_pseudotime_is_the_median_over_numbers_of_neighbors():
    rng = np.random.default_rng(0)
    x = np.sort(rng.random(60))[:, None] * [1, 2] + 0.02 * rng.normal(size=(60, 2))
    space = embed_clusters("made", x, 0, metric="euclidean", n_neighbors=7, sweep=(5, 7, 12))
    times = []
    for k in (5, 7, 12):
        weights = connectivities(nearest(x, k, metric="euclidean"))
        times.append(pseudotime(diffusion_map(weights, 15), 0))
    np.testing.assert_allclose(space.pseudotime, np.median(times, axis=0), atol=1e-12)
    np.testing.assert_allclose(space.times(0, 10, 0.5), np.minimum(space.pseudotime, 0.5))
    alone = embed_clusters("made", x, 0, metric="euclidean", n_neighbors=7)
    np.testing.assert_array_equal(alone.pseudotime, times[1])
    assert (alone.weights != space.weights).nnz == 0
    assert space.neighbours.index.shape == (60, 7)
    few = [
        embed_clusters("made", x[:12], 0, metric="euclidean", n_neighbors=4, sweep=k)
        for k in ((9,), (20, 30))
    ]
    np.testing.assert_array_equal(few[1].pseudotime, few[0].pseudotime)
    assert np.isfinite(few[1].pseudotime).all() and len(few[1].sweep) == 1


def test_median_is_over_the_graphs_that_reach_a_cluster():
    x = np.concatenate([np.arange(12.0), 40 + np.arange(8.0)])[:, None]
    space = embed_clusters("made", x, 0, metric="euclidean", n_neighbors=15, sweep=(3, 15))
    far = np.arange(12, 20)
    assert np.isnan(pseudotime(space.sweep[0], 0)[far]).all()
    assert np.isfinite(space.pseudotime[far]).all()
    np.testing.assert_allclose(space.pseudotime[far], pseudotime(space.sweep[1], 0)[far])
    rarely = embed_clusters("made", x, 0, metric="euclidean", n_neighbors=15, sweep=(3, 4, 15))
    assert np.isnan(rarely.pseudotime[far]).all() and np.isfinite(rarely.pseudotime[:12]).all()
    near = embed_clusters("made", x, 0, metric="euclidean", n_neighbors=3, sweep=(3, 15))
    assert np.isnan(near.pseudotime[far]).all() and np.isfinite(near.pseudotime[:12]).all()


def scored(study, seed=0):
    """Return a study of the cases with scores that follow the age of its clusters."""
    rng = np.random.default_rng(seed)
    pairs = np.stack(np.triu_indices(12, 1), axis=1)
    peak = np.random.default_rng(7).uniform(0, 10, len(pairs))
    age = study.clusters["age"].to_numpy()
    t = 0.6 * np.exp(-((age[:, None] - peak) ** 2) / 20) + 0.05 * rng.normal(size=(len(age), len(pairs)))
    size = study.clusters["n_cells"].to_numpy(dtype=float)
    shared = sparse.csr_matrix(sparse.diags(size))
    scores = Scores(sparse.csr_matrix(t.astype(np.float32)), pairs, np.ones(len(pairs)), shared, size)
    return replace(study, scores=scores)


def test_landscape_of_the_corrected_distance():
    studies = [scored(cases.study("one", seed=1), 1), scored(cases.study("two", seed=2), 2)]
    result = compute_landscape(studies, QUICK, 0)
    assert spearman(result.space.pseudotime, result.data.clusters["age"].to_numpy()) > 0.95
    assert (result.data.clusters["n_used_pairs"] == 66).all()
    expected, _ = debiased_distances(result.data.scores)
    np.testing.assert_array_equal(result.space.distances[0], expected)
    rho = result.statistics.set_index(["space", "statistic"])["value"]["coexpression", "rho_age_reached"]
    assert rho == pytest.approx(spearman(result.space.pseudotime, result.data.clusters["age"].to_numpy()))
    assert len(result.space.sweep) == 2
    other = all_views(result.data, result.space, QUICK)[1]
    assert other.space.name == "expression" and len(other.space.sweep) == 2


def test_draws_of_cells_have_the_noise_of_repeated_ones():
    rng = np.random.default_rng(0)
    members = np.zeros((3, 400))
    members[0], members[1, :200], members[2, 200:] = 1, 1, 1
    times = rng.integers(0, 4, 400).astype(float)
    n = members @ times
    pairs = np.stack(np.triu_indices(100, 1), axis=1)[:4000]
    t = (members * times) @ rng.normal(size=(400, 4000)) / n[:, None]
    scores = Scores.of(sparse.csr_matrix(t), pairs, np.ones(4000), sparse.csr_matrix(members), times)
    noise = scores.shared.toarray() / np.outer(scores.size, scores.size)
    np.testing.assert_allclose(scores.size, n)
    np.testing.assert_allclose(noise[[0, 0, 2], [0, 1, 2]], (t @ t.T / 4000)[[0, 0, 2], [0, 1, 2]], rtol=0.1)
    assert noise[1, 2] == 0


def test_duplicates_share_all_cells():
    data = expand_duplicates(combine_studies([scored(cases.nested("one"))]))
    copies = np.flatnonzero(data.clusters["copy"] == 2)
    distances, _ = debiased_distances(data.scores)
    assert len(copies) and (distances[copies, copies - 1] <= 1.001e-3).all()


def test_studies_without_scores_are_an_error():
    with pytest.raises(UserError, match=r"landscape.distance: is corrected.*write thresholded"):
        gather_clusters([cases.study("one")], QUICK)


def test_pairs_that_a_study_does_not_measure_are_left_out():
    one, two = scored(cases.study("one", seed=1), 1), scored(cases.study("two", seed=2), 2)
    detection = two.detection.copy()
    detection[:, :3] = np.nan
    measured = ~np.isnan(detection[0])[two.scores.pairs].any(axis=1)
    t = sparse.csr_matrix(two.scores.matrix.toarray() * measured)
    keep = ~np.isnan(detection[0])[two.pairs].any(axis=1)
    two = replace(
        two, detection=detection, scores=replace(two.scores, matrix=t), matrix=two.matrix[:, keep],
        pairs=two.pairs[keep],
    )  # fmt: skip
    data = gather_clusters([one, two], QUICK)
    found = coexpression_vectors(data, QUICK)
    known = found.measured.columns[found.measured.group].sum(axis=1)
    assert (known == np.repeat([66, measured.sum()], 20)).all()
    part = replace(
        data.scores, matrix=data.scores.matrix[:, measured], pairs=data.scores.pairs[measured],
        weight=data.scores.weight[measured],
    )  # fmt: skip
    across = debiased_distances(part)[0]
    np.testing.assert_allclose(found.distances[0][:20, 20:], across[:20, 20:], atol=1e-6)


def test_stacked_scores_are_in_memory_once():
    parts = [made_scores(seed)[0] for seed in (0, 1, 2)]
    before = [part.matrix.toarray() for part in parts]
    stacked = stack_scores(parts)
    np.testing.assert_array_equal(stacked.matrix.toarray(), np.concatenate(before).astype(np.float32))
    for part, dense in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part.matrix.toarray(), dense)
        assert np.shares_memory(part.matrix.data, stacked.matrix.data)
        assert np.shares_memory(part.matrix.indices, stacked.matrix.indices)
    again = stack_scores(parts)
    np.testing.assert_array_equal(again.matrix.toarray(), stacked.matrix.toarray())
