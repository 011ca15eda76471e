"""Links: correlations, backgrounds and rates against plain implementations; recovery; calibration."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from panscape.coem.links.best import COLUMNS as BEST
from panscape.coem.links.link_validation import COLUMNS as LINKS
from panscape.coem.links.link_validation import contrast
from panscape.coem.links.links import gene_scores, link_peaks
from panscape.coem.links.pairs import LinkSettings, candidate_pairs
from panscape.coem.metacells.embed import log_normalised
from panscape.stats.pair_correlation import PairMatrix, background_moments, pair_correlations


def matrices(n=40, genes=12, peaks=30, seed=0):
    rng = np.random.default_rng(seed)
    return (
        sparse.csr_matrix(rng.poisson(1.0, (n, genes)).astype(np.float32)),
        sparse.csr_matrix(rng.poisson(0.7, (n, peaks)).astype(np.float32)),
    )


@pytest.mark.parametrize("ranks", [False, True])
def test_pair_correlations_are_scipys(ranks, monkeypatch):
    rna, atac = matrices()
    rna = rna.tolil()
    rna[:, 3] = 2  # a gene that does not vary
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 12, 200), rng.integers(0, 30, 200)
    monkeypatch.setattr("panscape.stats.pair_correlation.BLOCK_VALUES", 200)  # many small blocks
    result = pair_correlations(PairMatrix(rna.tocsr()), PairMatrix(atac), a, b, ranks=ranks)
    test = stats.spearmanr if ranks else stats.pearsonr
    for i in range(200):
        if a[i] == 3:
            assert result[i] == 0
        else:
            expected = test(rna.toarray()[:, a[i]], atac.toarray()[:, b[i]])[0]
            assert result[i] == pytest.approx(expected, abs=1e-5)


def test_background_is_that_of_the_bin_on_other_chromosomes(monkeypatch):
    rna, atac = matrices(seed=2)
    gene_chrom = np.array(["1", "2", "3"] * 4, dtype=object)
    peak_chrom = np.array(["1", "2", "3"] * 10, dtype=object)
    bins = np.arange(30) // 15
    pool = np.arange(30)
    gene, wanted = np.array([0, 1, 5, 5]), np.array([0, 1, 1, 0])
    monkeypatch.setattr("panscape.stats.pair_correlation.BLOCK_VALUES", 100)
    mean, sd = background_moments(
        PairMatrix(rna), PairMatrix(atac), gene, wanted, pool, bins[pool], gene_chrom, peak_chrom, min_peaks=3
    )
    full = np.corrcoef(rna.toarray().T, atac.toarray().T)[:12, 12:]
    for i, (g, b) in enumerate(zip(gene, wanted, strict=True)):
        values = full[g, (bins == b) & (peak_chrom != gene_chrom[g])]
        assert mean[i] == pytest.approx(values.mean(), abs=1e-5)
        assert sd[i] == pytest.approx(values.std(ddof=1), abs=1e-5)
    mean, _ = background_moments(
        PairMatrix(rna), PairMatrix(atac), gene, wanted, pool, bins, gene_chrom, peak_chrom, min_peaks=100
    )
    assert np.isnan(mean).all()


def genome(genes=60, peaks=900, chromosomes=6, seed=0):
    rng = np.random.default_rng(seed)
    chrom = np.array([f"chr{i % chromosomes}" for i in range(genes)], dtype=object)
    tss = np.arange(genes) * 40_000.0 + 500_000
    table = pd.DataFrame(
        {"chrom": chrom, "tss": tss, "strand": rng.choice([1.0, -1.0], genes), "start": tss, "end": tss},
        index=[f"g{i}" for i in range(genes)],
    )
    owner = rng.integers(0, genes, peaks)
    start = (tss[owner] + rng.integers(-90_000, 90_000, peaks)).astype(int)
    names = [f"p{i}" for i in range(peaks)]
    return (
        table,
        pd.DataFrame({"chrom": chrom[owner], "start": start, "end": start + 500}, index=names),
        owner,
    )


def test_distances_follow_the_strand():
    genes = pd.DataFrame(
        {"chrom": "chr1", "tss": [1000.0, 1000.0], "strand": [1.0, -1.0], "start": np.nan, "end": np.nan},
        index=["f", "r"],
    )
    peaks = pd.DataFrame({"chrom": "chr1", "start": [1900], "end": [2100]}, index=["p"])
    pairs = candidate_pairs(genes, peaks, np.array([60]), np.ones(2, bool), {"window": 5000})
    assert pairs.distance.tolist() == [1000, -1000]
    assert (pairs.trans == -1).all()  # there is no other chromosome


def test_controls_are_alike_and_on_other_chromosomes():
    genes, peaks, _ = genome()
    open_cells = np.random.default_rng(1).integers(10, 500, 900)
    pairs = candidate_pairs(genes, peaks, open_cells, np.ones(60, bool), {"peak_cells": 20})
    assert (open_cells[pairs.peak] >= 20).all() and (pairs.trans >= 0).all()
    for column in pairs.trans.T:
        assert (genes["chrom"].to_numpy()[pairs.gene] != peaks["chrom"].to_numpy()[column]).all()
        assert (pairs.bin[column] == pairs.bin[pairs.peak]).all()


def test_planted_links_are_found_and_little_else():
    genes, peaks, owner = genome()
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(80, 60))
    linked = np.arange(900) < 90
    rna = np.exp(0.8 * signal + 2)
    atac = np.exp(np.where(linked, 0.8 * signal[:, owner], 0) + 2)
    counts = [sparse.csr_matrix(rng.poisson(rate).astype(np.float32)) for rate in (rna, atac)]
    pairs = candidate_pairs(genes, peaks, np.full(900, 100), np.ones(60, bool))
    table, _ = link_peaks(*(log_normalised(matrix) for matrix in counts), genes, peaks, pairs)
    linked_pairs = set(map(tuple, table.loc[table["found"], ["gene", "peak"]].to_numpy()))
    planted = {(f"g{owner[i]}", f"p{i}") for i in range(90)}
    assert len(linked_pairs & planted) >= 80 and len(linked_pairs - planted) <= 0.2 * len(linked_pairs)
    shown = contrast(table["r"].to_numpy(), table["trans"].to_numpy()[:, None])
    assert shown["auc"] > 0.5 and shown["median"] > shown["median_trans"]
    scores, named = gene_scores(log_normalised(counts[1]), table, peaks.index, genes.index)
    linked_genes = [g for g in named if g in {gene for gene, _ in planted}]
    r = [
        np.corrcoef(scores[:, named.get_loc(g)].toarray().ravel(), signal[:, int(g[1:])])[0, 1]
        for g in linked_genes
    ]
    assert np.median(r) > 0.6


@pytest.mark.parametrize("statistic", ["pearson", "spearman"])
def test_without_links_p_is_uniform_and_nothing_is_found(statistic):
    genes, peaks, _ = genome(seed=4)
    rng = np.random.default_rng(5)
    rna = log_normalised(sparse.csr_matrix(rng.poisson(3.0, (70, 60)).astype(np.float32)))
    atac = log_normalised(sparse.csr_matrix(rng.poisson(2.0, (70, 900)).astype(np.float32)))
    pairs = candidate_pairs(genes, peaks, np.full(900, 100), np.ones(60, bool), {"statistic": statistic})
    table, _ = link_peaks(rna, atac, genes, peaks, pairs, {"statistic": statistic})
    assert abs((table["pvalue"] < 0.05).mean() - 0.04) < 0.03
    assert table["found"].sum() <= 2
    shown = contrast(table["r"].to_numpy(), table["trans"].to_numpy()[:, None])
    assert abs(shown["auc"] - 0.5) < 0.05 and abs(shown["negative"] - shown["negative_trans"]) < 0.08


def test_no_pairs_give_empty_tables():
    genes, peaks, _ = genome(genes=3, peaks=5)
    rna, atac = matrices(genes=3, peaks=5)
    pairs = candidate_pairs(genes.assign(tss=np.nan), peaks, np.full(5, 100), np.ones(3, bool))
    table, best = link_peaks(rna, atac, genes, peaks, pairs)
    assert not len(table) and not len(best)
    assert list(table.columns) == list(LINKS) and list(best.columns) == list(BEST)
    assert np.isnan(contrast(np.empty(0), np.empty((0, 5)))["auc"])


def test_settings_take_what_is_theirs():
    assert LinkSettings.of({"window": 5, "embedding": "rna"}).window == 5
