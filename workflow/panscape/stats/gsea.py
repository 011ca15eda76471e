"""Gene sets at the ends of the ranking of genes by their association with a phenotype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape import seeds
from panscape.log import logger

MITO = "MT"
COLUMNS = [
    "term", "library", "phenotype", "model", "ranking", "size", "es", "nes", "pvalue", "fdr", "pvalue_labels",
    "pvalue_labels_min", "lead", "n",
]  # fmt: skip
LABEL_TERMS = 200  # sets whose score is also compared with label permutations: the best ones
DIGITS = 9  # of a ranking's values: what differs by less than rounding is tied


@dataclass(frozen=True)
class Rankings:
    """Rankings of the same genes under the observed labels of lines and under others.

    Attributes
    ----------
    observed
        (G,).
    others
        (P, G): of P other labellings.
    exact
        Whether these are all the others, each once, rather than random permutations.
    """

    observed: np.ndarray
    others: np.ndarray
    exact: bool


def mito_set(genes: Sequence[str]) -> dict[str, list[str]]:
    """Return the set ``MT`` of all genes whose names start with ``MT-`` (any case); nothing without any."""
    members = [gene for gene in genes if str(gene).upper().startswith("MT-")]
    return {MITO: members} if members else {}


def enrichment_score(ranking: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the weighted running-sum scores of gene sets (Subramanian et al. 2005, weight 1).

    Values are rounded to nine decimals. Genes of equal value follow each other in the order of the columns.

    Parameters
    ----------
    ranking
        (G,) or (P, G) values that genes are ordered by, falling. Missing ones count as 0.
    members
        (T, G) bool.

    Returns
    -------
    (T,) or (P, T): the largest deviation from 0, -1 to 1; 0 for a set without genes or with values of 0 only.
    """
    rows = np.round(np.nan_to_num(np.atleast_2d(ranking)), DIGITS)
    genes = members.shape[1]
    of_set, gene = np.nonzero(members)
    size = members.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(size)[:-1]])
    used = size > 0
    miss = 1.0 / np.maximum(genes - size, 1)[of_set]
    before = np.arange(len(gene)) - np.repeat(starts, size)  # genes of the set that come earlier
    result = np.zeros((len(rows), len(members)))
    place = np.empty(genes, dtype=np.int64)
    for at, values in enumerate(rows):
        place[np.argsort(-values, kind="stable")] = np.arange(genes)
        key = np.sort(of_set * genes + place[gene])  # each set's genes from the top of the ranking
        weight = np.abs(np.sort(values)[::-1][key % genes])
        total = np.cumsum(weight)
        first = np.repeat(total[starts[used]] - weight[starts[used]], size[used])
        whole = np.repeat(np.add.reduceat(weight, starts[used]), size[used]) if len(key) else weight
        scale = np.divide(1.0, whole, out=np.zeros_like(whole), where=whole > 0)
        # the sum is highest right after one of the set's genes, and lowest right before one
        missed = (key % genes - before) * miss
        after = (total - first) * scale - missed
        if len(key):
            high = np.maximum.reduceat(after, starts[used])
            low = np.minimum.reduceat(after - weight * scale, starts[used])
            some = np.add.reduceat(weight, starts[used]) > 0
            result[at, used] = np.where(some, np.where(high >= -low, high, low), 0.0)
    return result[0] if np.ndim(ranking) == 1 else result


def label_pvalues(rankings: Rankings, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often other labellings of the lines give sets scores as large, and the smallest such p.

    Parameters
    ----------
    rankings
        Of the genes.
    members
        (T, G) bool.

    Returns
    -------
    pvalue
        (T,): the share of labellings, the observed one among them, whose |score| is at least the observed.
    smallest
        (T,): the share of those with the largest |score|: what no labelling of these lines can fall below.
        Of random permutations, 1 / (1 + P).
    """
    observed = np.abs(enrichment_score(rankings.observed, members))
    others = np.abs(enrichment_score(rankings.others, members)).reshape(len(rankings.others), len(members))
    count = 1 + len(others)
    pvalue = (1 + (others >= observed - 1e-9).sum(axis=0)) / count
    if not rankings.exact:
        return pvalue, np.full(len(observed), 1 / count)
    every = np.vstack([observed[None, :], others])
    return pvalue, (every >= every.max(axis=0) - 1e-9).sum(axis=0) / count


def prerank(
    ranking: pd.Series,
    sets: Mapping[str, Sequence[str]],
    *,
    library: str,
    min_size: int = 5,
    max_size: int = 500,
    permutations: int = 1000,
    seed: int = 0,
    rankings: Rankings | None = None,
) -> tuple[pd.DataFrame, str]:
    """Run GSEA on a ranking of genes (gseapy's prerank).

    Its own p and fdr permute genes and take them for independent, which genes of one module are not; beside
    them, `pvalue_labels` of the best sets says how often other labellings of the lines give as large a score.
    Both score the same ranking: genes of equal value, of which there are many with few lines, come in an
    order that is drawn once.

    Parameters
    ----------
    ranking
        Values by gene name; missing ones are left out.
    sets
        Term -> genes.
    library
        Name of the sets' source.
    min_size, max_size
        Sets with fewer or more ranked genes are left out.
    permutations, seed
        Of gseapy; the seed also draws the order of genes of equal value.
    rankings
        Of the same genes under the observed and under other labels; None leaves that p out.

    Returns
    -------
    table
        Columns of :data:`COLUMNS` without phenotype, model, ranking and n, by p.
    skipped
        Why there is no row; empty otherwise.
    """
    columns = [name for name in COLUMNS if name not in ("phenotype", "model", "ranking", "n")]
    order = seeds.stream(seed, "order of ties").permutation(len(ranking))
    order = order[ranking.notna().to_numpy()[order]]
    ranking = ranking.iloc[order]
    names = set(ranking.index)
    sizes = {term: len(names & set(members)) for term, members in sets.items()}
    fitting = {term: list(sets[term]) for term, size in sizes.items() if min_size <= size <= max_size}
    if not fitting:
        most = max(sizes.values(), default=0)
        reason = f"no set has {min_size} to {max_size} of the {len(ranking)} ranked genes (the most: {most})"
        logger.warning("gene sets %s: %s", library, reason)
        return pd.DataFrame(columns=columns), reason
    if ranking.abs().max() == 0:
        return pd.DataFrame(columns=columns), "all genes rank the same"
    import gseapy

    result = gseapy.prerank(
        rnk=_without_ties(ranking), gene_sets=fitting, min_size=min_size, max_size=max_size, threads=1,
        permutation_num=permutations, seed=seed % 2**31, outdir=None, no_plot=True, verbose=False,
    )  # fmt: skip
    raw = result.res2d
    table = pd.DataFrame(
        {
            "term": raw["Term"].astype(str),
            "library": library,
            "size": raw["Term"].map(sizes).astype(int),
            "es": raw["ES"].astype(float),
            "nes": raw["NES"].astype(float),
            "pvalue": raw["NOM p-val"].astype(float),
            "fdr": raw["FDR q-val"].astype(float),
            "lead": raw["Lead_genes"].astype(str),
        }
    ).sort_values(["pvalue", "fdr", "term"], ignore_index=True)
    table["pvalue_labels"] = table["pvalue_labels_min"] = np.nan
    if rankings is not None and len(rankings.others):
        best = table.head(LABEL_TERMS)
        member = np.array([ranking.index.isin(fitting[term]) for term in best["term"]])
        turned = Rankings(rankings.observed[order], rankings.others[:, order], rankings.exact)
        found = np.column_stack(label_pvalues(turned, member))
        table.loc[best.index, ["pvalue_labels", "pvalue_labels_min"]] = found
    return table[columns], ""


def _without_ties(ranking: pd.Series) -> pd.Series:
    """Return the ranking by falling values, ties (to nine decimals) set apart by less than that.

    gseapy orders equal values in a way of its own.
    """
    values = np.round(ranking.to_numpy(dtype=float), DIGITS)
    order = np.argsort(-values, kind="stable")
    values = values[order]
    first = np.flatnonzero(np.append(True, values[1:] < values[:-1]))
    size = np.diff(np.append(first, len(values)))
    within = np.arange(len(values)) - np.repeat(first, size)
    step = 0.4 * 10.0**-DIGITS * within / np.repeat(size, size)
    return pd.Series(values - step, index=ranking.index[order])
