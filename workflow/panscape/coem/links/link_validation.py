"""Validate links against nulls, other groupings, single cells and planted links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.coem.links.activity import placed
from panscape.coem.links.best import COLUMNS as BEST_COLUMNS
from panscape.coem.links.links import control_correlations, gene_scores, link_peaks
from panscape.coem.links.pairs import LinkSettings, Pairs, candidate_pairs
from panscape.coem.metacells.aggregate import metacell_names, sum_cells
from panscape.coem.metacells.embed import log_normalised
from panscape.coem.metacells.settings import MetacellSettings
from panscape.coem.paired import Paired
from panscape.coem.peaks import check_chromosomes, promoter_share
from panscape.log import logger
from panscape.stats.pair_correlation import PairMatrix, pair_correlations
from panscape.stats.ranks import auroc

if TYPE_CHECKING:
    from anndata import AnnData

CELLS = "single cells"
LOW_SHARE, LOW_RATIO = 0.05, 2.0  # smaller values suggest that peaks and genes are of different genome builds
MANY_GENES = 10_000  # minimum number of genes for judging the fraction as well as the ratio
COLUMNS = (
    "gene", "peak", "distance", "r", "rho", "background_mean", "background_sd", "peak_sd", "z", "pvalue",
    "fdr", "trans", "found", "score", "explained_by", "second_fdr", "within", "type_only",
)  # fmt: skip
VALIDATION = ["method", "measure", "value", "conditioned_on"]


@dataclass(frozen=True)
class Linked:
    """Links of a sample.

    Attributes
    ----------
    links
        From :func:`panscape.coem.links.links.link_peaks`, over the main method's metacells; empty without
        both modalities or positions of genes.
    best
        Best peak of each gene, see :func:`panscape.coem.links.best.best_peaks`.
    validation
        method, measure, value, conditioned_on.
    scores
        Metacells x genes with links.
    """

    links: pd.DataFrame
    best: pd.DataFrame
    validation: pd.DataFrame
    scores: AnnData


def link_sample(
    sample: Paired,
    methods: pd.DataFrame,
    settings: Mapping[str, Any],
    *,
    genes: str | None = None,
    truth: pd.DataFrame | None = None,
    conditioned: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Linked:
    """Link peaks to genes over the metacells of the main method, and validate the links.

    Parameters
    ----------
    sample
        The sample.
    methods
        Metacell of each cell by method, the main one first.
    settings
        The configuration's section ``metacells``.
    genes
        Table of the genes' positions; None takes those of the sample.
    truth
        Planted links (gene, peak), where a sample is simulated.
    conditioned
        :attr:`panscape.coem.metacells.stage.Grouped.conditioned`; None if no method was conditioned on
        labels.
    seed
        Seed of the background and the choice of single cells.
    """
    from anndata import AnnData

    label = methods.iloc[:, 0].to_numpy()
    names = metacell_names(int(label.max()) + 1)
    places = None
    if sample.rna is not None and sample.atac is not None:
        places = placed(sample.genes, genes, settings.get("transcripts", "longest"))
    rna_counts, atac_counts, peaks = sample.rna, sample.atac, sample.peaks
    if places is None or rna_counts is None or atac_counts is None or peaks is None or sample.genes is None:
        logger.warning(
            "no links: these require RNA, accessibility and the genes' positions (metacells.genes)"
        )
        nothing = pd.DataFrame(columns=VALIDATION)
        empty = pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=BEST_COLUMNS)
        return Linked(*empty, nothing, AnnData(obs=pd.DataFrame(index=names)))
    table = places.reindex(sample.genes.index)
    table["chrom"] = table["chrom"].fillna("")
    pairs = candidate_pairs(
        table,
        peaks,
        np.bincount(atac_counts.indices, minlength=atac_counts.shape[1]),
        np.bincount(rna_counts.indices, minlength=rna_counts.shape[1]) >= 3,
        settings,
        n_cells=sample.n_cells,
        seed=seed,
    )
    rows = [("genome", *row) for row in build_check(peaks, places)]
    for name, rna, atac in _observations(rna_counts, atac_counts, methods, settings, seed):
        matrices = PairMatrix(rna), PairMatrix(atac)
        rows += [(name, *row) for row in measured(*matrices, pairs, table, peaks, truth, settings)]
        if name == methods.columns[0]:
            links, best = link_peaks(rna, atac, table, peaks, pairs, settings)
            rows += count_links(links, best, name, truth)
            matrix, named = gene_scores(atac, links, peaks.index, sample.genes.index)
            scores = AnnData(matrix, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=named))
    columns = conditioned or {}
    table = pd.DataFrame([(*row, columns.get(row[0], "")) for row in rows], columns=VALIDATION)
    return Linked(links, best, table, scores)


def _observations(
    rna: sparse.csr_matrix,
    atac: sparse.csr_matrix,
    methods: pd.DataFrame,
    settings: Mapping[str, Any],
    seed: int,
) -> Iterator[tuple[str, sparse.csr_matrix, sparse.csr_matrix]]:
    """Yield (name, RNA, accessibility), normalised: of each method's metacells, then of single cells."""
    for method in methods.columns:
        label = methods[method].to_numpy()
        yield method, log_normalised(sum_cells(rna, label)), log_normalised(sum_cells(atac, label))
    max_cells = MetacellSettings.of(settings).contrast_cells
    if max_cells:
        n = rna.shape[0]
        chosen = np.arange(n)
        if n > max_cells:
            chosen = np.sort(seeds.stream(seed, "contrast").choice(n, max_cells, replace=False))
        yield CELLS, log_normalised(rna[chosen]), log_normalised(atac[chosen])


def build_check(peaks: pd.DataFrame, genes: pd.DataFrame) -> list[tuple[str, float]]:
    """Return the fraction of peaks at gene starts; warn if it is close to chance.

    Raises a UserError if peaks and genes have no chromosome in common.
    """
    check_chromosomes(peaks, genes, "metacells.genes")
    near, beside = promoter_share(peaks, genes)
    if near <= LOW_RATIO * beside or (near < LOW_SHARE and len(genes) > MANY_GENES):
        logger.warning(
            "only %.1f %% of the peaks lie within 1 kb of a gene's start (%.1f %% of positions shifted by "
            "50 kb): are peaks and genes of the same genome build?",
            100 * near,
            100 * beside,
        )
    return [("peaks_at_starts", near), ("peaks_beside_starts", beside)]


def measured(
    left: PairMatrix,
    right: PairMatrix,
    pairs: Pairs,
    genes: pd.DataFrame,
    peaks: pd.DataFrame,
    truth: pd.DataFrame | None,
    settings: Mapping[str, Any],
) -> list[tuple[str, float]]:
    """Return (measure, value) rows for all pairs within the window over the observations of two matrices.

    Parameters
    ----------
    left, right
        RNA and accessibility, observations x features.
    pairs
        Pairs within the window and their controls.
    genes, peaks
        Tables of the features.
    truth
        Planted links (gene, peak), or None.
    settings
        `statistic` of the links.
    """
    ranks = LinkSettings.of(settings).statistic == "spearman"
    cis = pair_correlations(left, right, pairs.gene, pairs.peak, ranks=ranks)
    rows = list(contrast(cis, control_correlations(left, right, pairs, ranks=ranks)).items())
    if truth is None or not len(cis):
        return rows
    here = pd.MultiIndex.from_arrays([genes.index[pairs.gene], peaks.index[pairs.peak]])
    inside = here.isin(pd.MultiIndex.from_frame(truth[["gene", "peak"]]))
    if inside.any() and not inside.all():
        rows += [
            ("planted_median", float(np.median(cis[inside]))),
            ("planted_auc", auroc(np.abs(cis), inside)),
        ]
    return rows


def count_links(
    links: pd.DataFrame, best: pd.DataFrame, method: str, truth: pd.DataFrame | None
) -> list[tuple[str, str, float]]:
    """Return the numbers of links and of best peaks, and the fractions that are negative and planted.

    Parameters
    ----------
    links, best
        Tables of the links and of the genes' best peaks.
    method
        Name of the grouping.
    truth
        Planted links (gene, peak), or None.
    """
    significant = links[links["found"]]
    rows = [
        (method, "found", float(len(significant))),
        (
            method,
            "found_negative",
            float((significant["r"] < 0).mean()) if len(significant) else float("nan"),
        ),
        (method, "best_found", float(best["found"].sum())),
    ]
    if truth is not None:
        planted = pd.MultiIndex.from_frame(truth[["gene", "peak"]])
        inside = pd.MultiIndex.from_frame(significant[["gene", "peak"]]).isin(planted)
        rows.append((method, "found_planted", float(inside.mean()) if len(significant) else float("nan")))
        rows.append((method, "planted_found", float(inside.sum() / max(len(truth), 1))))
        leads = best[best["found"].astype(bool)]
        inside = pd.MultiIndex.from_frame(leads[["gene", "peak"]]).isin(planted)
        rows.append((method, "best_planted", float(inside.mean()) if len(leads) else float("nan")))
        rows.append((method, "planted_best", float(inside.sum() / max(truth["gene"].nunique(), 1))))
    return rows


def contrast(cis: np.ndarray, trans: np.ndarray) -> dict[str, float]:
    """Compare correlations within the window with those of matched peaks on other chromosomes.

    Parameters
    ----------
    cis
        One correlation per pair.
    trans
        Pairs x controls (NaN: none).

    Returns
    -------
    pairs; negative and negative_trans (fractions below 0); auc (probability that a pair within the window
    correlates more than a control; 0.5 is chance); median and median_trans.

    Examples
    --------
    >>> contrast(np.array([0.5, 0.2]), np.array([[0.1], [0.3]]))["auc"]
    0.75
    """
    names = ("pairs", "negative", "negative_trans", "auc", "median", "median_trans")
    trans = trans[np.isfinite(trans)]
    cis = cis[np.isfinite(cis)]
    if not len(cis) or not len(trans):
        return dict.fromkeys(names, float("nan")) | {"pairs": float(len(cis))}
    return {
        "pairs": float(len(cis)),
        "negative": float((cis < 0).mean()),
        "negative_trans": float((trans < 0).mean()),
        "auc": auroc(np.concatenate([cis, trans]), np.arange(len(cis) + len(trans)) < len(cis)),
        "median": float(np.median(cis)),
        "median_trans": float(np.median(trans)),
    }
