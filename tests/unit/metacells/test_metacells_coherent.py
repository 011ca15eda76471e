"""Correlations within clusters of metacells: direct computation, planted pairs that share only types."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.coem.links.best import best_peaks
from panscape.coem.links.coherent import (
    Coherence,
    WithinMatrix,
    lowest_called,
    metacell_clusters,
)
from panscape.coem.links.links import link_peaks
from panscape.coem.links.pairs import candidate_pairs
from panscape.coem.links.target_decoy import Rivals, second_rates, target_decoy
from panscape.coem.links.two_kinds import Evidence, Kinds, Support, fitted, kept, support, type_only
from panscape.stats.pair_correlation import pair_correlations


def drawn(seed=0, genes=400, types=6, each=10):
    """Genes with a linked peak and, nearer, one that follows the gene's types only; six more peaks each."""
    random = np.random.default_rng(seed)
    kind = np.repeat(np.arange(types), each)
    state = random.random((types * each, 1))
    loads = lambda n: random.normal(size=(n, 2 * types))  # noqa: E731
    factors = np.concatenate([np.eye(types)[kind], np.eye(types)[kind] * (2 * state - 1)], axis=1)
    gene = loads(genes)
    linked, only = gene.copy(), loads(genes)
    only[:, :types] = gene[:, :types]
    patterns = np.concatenate([linked, only, loads(6 * genes)])
    noise = lambda n: 0.4 * random.normal(size=(len(kind), n))  # noqa: E731
    rna, atac = factors @ gene.T + noise(genes), factors @ patterns.T + noise(len(patterns))
    tss = 1e6 + 3e5 * np.arange(genes)
    owner = np.concatenate([np.arange(genes)] * 8)
    at = (tss[owner] + np.repeat([60_000, 20_000, *[-9e4, -7e4, -5e4, -3e4, 4e4, 8e4]], genes)).astype(int)
    chrom = np.array([f"chr{i % 8 + 1}" for i in range(genes)], dtype=object)
    places = pd.DataFrame({"chrom": chrom, "tss": tss, "strand": 1.0}, index=[f"g{i}" for i in range(genes)])
    peaks = pd.DataFrame(
        {"chrom": chrom[owner], "start": at - 200, "end": at + 200 + np.arange(len(at)) % 97},
        index=[f"p{i}" for i in range(len(owner))],
    )
    return sparse.csr_matrix(rna), sparse.csr_matrix(atac), places, peaks, kind


def test_correlations_within_clusters_are_those_of_the_residuals():
    random = np.random.default_rng(1)
    cluster = np.repeat([0, 1, 2], [7, 5, 9])
    values = random.normal(size=(21, 6)) + 5 * random.normal(size=(3, 6))[cluster]
    values[:, 5] = cluster  # constant within clusters
    matrix = WithinMatrix(sparse.csr_matrix(values), cluster)
    frame = pd.DataFrame(values)
    residual = (frame - frame.groupby(cluster).transform("mean")).to_numpy()
    a, b = np.triu_indices(5, 1)
    expected = np.corrcoef(residual[:, :5].T)[a, b]
    np.testing.assert_allclose(pair_correlations(matrix, matrix, a, b), expected, atol=1e-5)
    share = matrix.parts(np.arange(6))[1]
    centred = values - values.mean(axis=0)
    np.testing.assert_allclose(share, (residual**2).sum(axis=0) / (centred**2).sum(axis=0), atol=1e-5)
    assert not matrix.rows(np.array([5])).any()


def test_clusters_do_not_mix_types():
    rna, *_, kind = drawn()
    found = metacell_clusters(rna)
    assert len(set(zip(found, kind, strict=True))) == found.max() + 1 <= 9
    assert not metacell_clusters(rna[:7]).any()


def test_peaks_that_share_only_types_are_told_from_linked_ones():
    rna, atac, places, peaks, _ = drawn()
    pairs = candidate_pairs(places, peaks, np.full(len(peaks), 100), np.ones(len(places), bool))
    links, best = link_peaks(rna, atac, places, peaks, pairs)
    number = links["peak"].str[1:].astype(int)
    linked, only = number < 400, (number >= 400) & (number < 800)
    called = links["fdr"] <= 0.1
    assert (called & only).sum() > 50  # by the whole correlation they are links
    assert links.loc[linked & called, "type_only"].median() < 0.1 < 0.5
    assert links.loc[only & called, "type_only"].median() > 0.5
    assert links["found"][linked].mean() > 0.9
    assert (links["found"] & only).sum() < min(0.4 * (called & only).sum(), 0.15 * links["found"].sum())
    assert (best["peak"].str[1:].astype(int) < 400).mean() > 0.95
    assert links.loc[~called, "type_only"].isna().all()


def test_probabilities_are_calibrated_under_the_model_and_silent_without_signal():
    random = np.random.default_rng(4)
    only = np.arange(3000) < 1200
    signal, noise = random.uniform(0.05, 0.4, 3000), np.full(3000, 0.15)
    scale = np.hypot(signal, noise)
    t = np.where(only, random.normal(size=3000), 2.2 * signal / scale + 0.7 * random.normal(size=3000))
    least = random.normal(-1, 1, 3000)
    seen = t >= least  # the others are not called
    evidence = Evidence(*(values[seen] for values in (t * scale, least * scale, signal, noise)))
    found = type_only(evidence, fitted(evidence))
    for low, high in ((0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1)):
        inside = (found >= low) & (found < high)
        assert only[seen][inside].mean() == pytest.approx(found[inside].mean(), abs=0.1)
    chosen = kept(found, 0.1)
    assert only[seen][chosen].mean() == pytest.approx(0.1, abs=0.03)
    empty = Evidence(noise[:50], -noise[:50], np.zeros(50), noise[:50])
    silent = type_only(empty, fitted(empty))
    assert silent.max() < 0.1 and np.ptp(silent) < 1e-9


def test_support_is_the_log_ratio_of_the_densities_of_both_kinds():
    value, signal, noise = np.array([-0.2, 0.1, 0.6]), np.array([0.1, 0.0, 0.4]), np.full(3, 0.3)
    kinds = Kinds(odds=-2.0, factor=0.7, spread=-0.4)
    scale = np.hypot(signal, noise)
    linked = stats.norm(np.exp(0.7) * signal, np.exp(-0.2) * scale).logpdf(value)
    expected = linked - stats.norm(0, scale).logpdf(value)
    anywhere = Evidence(value, np.full(3, -np.inf), signal, noise)
    np.testing.assert_allclose(support(anywhere, kinds), expected)
    # of called pairs, both densities are of values at which they are called
    called = Evidence(value, value - 0.1, signal, noise)
    above = [
        stats.norm(np.exp(0.7) * signal, np.exp(-0.2) * scale).sf(value - 0.1),
        stats.norm(0, scale).sf(value - 0.1),
    ]
    np.testing.assert_allclose(support(called, kinds), expected - np.log(above[0] / above[1]))


def test_of_two_peaks_that_correlate_alike_the_best_holds_within_types():
    value = np.array([0.8, 0.8, 0.1, -0.1])
    one, apart = np.ones(4), np.array([9e3, 9e3, 9e3, 9e3])
    rivals = Rivals(value, one, one, apart, np.zeros(4, int), np.array([0, 0, 1.0, 1.0]))
    columns = {"gene": "g", "peak": ["a", "b"], "distance": 9000, "r": 0.8, "rho": 0.8}
    table, column = pd.DataFrame(columns), np.array([-1, -1, 0, 0])
    chosen = [
        best_peaks(table, rivals, np.arctanh(value), np.zeros(4, int), column, 0.1, support)
        for support in (None, *(Support(np.array([-x, x]), 0.0) for x in (1.0, -1.0)))
    ]
    assert [best["peak"].item() for best in chosen] == ["a", "b", "a"]
    plain, other = chosen[:2]
    odds = [best["probability"].item() / (1 - best["probability"].item()) for best in (plain, other)]
    assert odds[1] / odds[0] == pytest.approx(np.exp(2))


def test_against_peaks_that_share_the_types_the_whole_correlation_is_no_evidence():
    random = np.random.default_rng(6)
    value = np.r_[0.9, 0.6, random.normal(0, 0.3, 40).clip(-0.9, 0.9)]
    n, target = len(value), np.arange(len(value)) < 2
    rivals = Rivals(
        value, np.ones(n), np.ones(n), np.full(n, 9e3), np.zeros(n, int), np.where(target, 0, 1.0)
    )
    table = pd.DataFrame(
        {"gene": "g", "peak": ["a", "b"], "distance": 9000, "r": value[:2], "rho": value[:2]}
    )
    given = table, rivals, np.arctanh(value), np.zeros(n, int), np.where(target, -1, np.arange(n) - 2), 0.1
    chances = [
        best_peaks(*given, None if only is None else Support(np.zeros(2), only))["probability"].item()
        for only in (None, 0.0, 0.5, 1.0)
    ]
    assert chances[0] == chances[1] > chances[2] > chances[3] == pytest.approx(0.5)


def test_few_links_or_clusters_judge_nothing():
    rna, atac, places, peaks, _ = drawn(genes=40)
    pairs = candidate_pairs(places, peaks, np.full(len(peaks), 100), np.ones(len(places), bool))
    rows, value = np.arange(30), np.full(30, 0.8)
    one = Coherence.of(rna, atac, pairs, ranks=False)
    called = np.arange(30) < 19
    assert not one.probability(rows, value, value, called)[1].any()
    whole = Coherence(*(WithinMatrix(x, np.zeros(60, int)) for x in (rna, atac)), False, pairs)
    inner, probability, told = whole.probability(rows, value, value, np.ones(30, bool))
    assert not probability.any() and told is None
    np.testing.assert_allclose(
        inner, [np.corrcoef(rna[:, [g]].toarray().T, atac[:, [p]].toarray().T)[0, 1]
                for g, p in zip(pairs.gene[:30], pairs.peak[:30], strict=True)], atol=1e-5,
    )  # fmt: skip


def test_the_lowest_called_correlation_follows_the_score():
    random = np.random.default_rng(2)
    value, distance = random.uniform(0.1, 0.9, 500), random.uniform(0, 1e5, 500)
    score = 4 * np.arctanh(value) - 0.5 * np.log10(distance + 1000)
    called = score > 0.5
    found = lowest_called(value, score, distance, called)
    limit = score[called].min()
    exact = np.tanh((limit + 0.5 * np.log10(distance[called] + 1000)) / 4)
    np.testing.assert_allclose(found, exact, atol=1e-6)


def test_further_links_are_compared_with_decoys_of_the_same_genes():
    random = np.random.default_rng(5)
    gene = np.concatenate([np.repeat(np.arange(100), 5), np.repeat(np.arange(100), 5)])
    target = np.arange(1000) < 500
    score = random.normal(size=1000) + 2.0 * (gene < 50)  # the first genes correlate with everything
    score[:500:5] += 6.0  # and all have one link
    value = np.where(score > -3, 0.5, -0.5)
    rivals = Rivals(value, *np.ones((4, 1000)), np.where(target, 0.0, 1.0))
    told = score[:500] > 5.0
    rate = second_rates(score, rivals, gene, told, np.zeros(500, bool))
    strong = np.isin(gene, gene[:500][told])
    further = np.flatnonzero(np.isfinite(rate))
    assert set(further) == set(np.flatnonzero(strong[:500] & (np.arange(500) % 5 > 0) & (value[:500] > 0)))
    rows = np.flatnonzero(strong & (value > 0) & ~(target & (np.arange(1000) % 5 == 0)))
    expected = target_decoy(score[rows], rivals.weight[rows])[1][: len(further)]
    np.testing.assert_allclose(rate[further], expected, rtol=0.1)
    assert not (rate <= 0.1).any()  # there are no further links
    explained = np.isin(np.arange(500), further[::3])  # they stand for the same peak as a link of the gene
    fewer = second_rates(score, rivals, gene, told, explained)
    assert set(np.flatnonzero(np.isfinite(fewer))) == set(further) - set(further[::3])
