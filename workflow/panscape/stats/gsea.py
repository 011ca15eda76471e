"""Gene set enrichment of rankings of genes by their association with a phenotype."""

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
LABEL_TERMS = 200  # number of top sets that are also tested by label permutations
DIGITS = 9  # decimals of a ranking's values; smaller differences are ties


@dataclass(frozen=True)
class Rankings:
    """Rankings of the same genes under the observed and under permuted labels of the lines.

    Attributes
    ----------
    observed
        (G,).
    others
        (P, G): under P permuted labellings.
    exact
        Whether `others` are all other labellings, each once, rather than random permutations.
    """

    observed: np.ndarray
    others: np.ndarray
    exact: bool


def mito_set(genes: Sequence[str]) -> dict[str, list[str]]:
    """Return the set ``MT`` of genes whose names start with ``MT-`` (any case); empty if there are none."""
    members = [gene for gene in genes if str(gene).upper().startswith("MT-")]
    return {MITO: members} if members else {}


def enrichment_score(ranking: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the weighted running-sum scores of gene sets (Subramanian et al. 2005, weight 1).

    Values are rounded to nine decimals; genes of equal value are ordered by column.

    Parameters
    ----------
    ranking
        (G,) or (P, G) values by which genes are ranked, descending. NaN counts as 0.
    members
        (T, G) bool.

    Returns
    -------
    (T,) or (P, T): the largest deviation from 0, in [-1, 1]; 0 for sets without genes or with only zero
    values.
    """
    rows = np.round(np.nan_to_num(np.atleast_2d(ranking)), DIGITS)
    genes = members.shape[1]
    of_set, gene = np.nonzero(members)
    size = members.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(size)[:-1]])
    used = size > 0
    miss = 1.0 / np.maximum(genes - size, 1)[of_set]
    before = np.arange(len(gene)) - np.repeat(starts, size)  # preceding genes of the set
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
        # maxima of the running sum are right after a gene of the set, minima right before one
        missed = (key % genes - before) * miss
        after = (total - first) * scale - missed
        if len(key):
            high = np.maximum.reduceat(after, starts[used])
            low = np.minimum.reduceat(after - weight * scale, starts[used])
            some = np.add.reduceat(weight, starts[used]) > 0
            result[at, used] = np.where(some, np.where(high >= -low, high, low), 0.0)
    return result[0] if np.ndim(ranking) == 1 else result


def label_pvalues(rankings: Rankings, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return label permutation p-values of gene sets, and the smallest attainable ones.

    Parameters
    ----------
    rankings
        Rankings of the genes.
    members
        (T, G) bool.

    Returns
    -------
    pvalue
        (T,): fraction of labellings, including the observed one, with |score| >= the observed.
    smallest
        (T,): the smallest p-value that any labelling of these lines can reach, the fraction of labellings
        with the largest score; 1 / (1 + P) for random permutations.
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

    gseapy's p-value and FDR permute genes and assume their independence, which does not hold within a module.
    For the top sets, `pvalue_labels` is the p-value over permutations of the lines' labels. Both score the
    same ranking: genes of equal value, frequent with few lines, are put in one random order.

    Parameters
    ----------
    ranking
        Values by gene name; missing ones are dropped.
    sets
        Mapping of terms to genes.
    library
        Name of the gene set library.
    min_size, max_size
        Minimum and maximum number of ranked genes in a set.
    permutations, seed
        Number of gseapy's permutations, and seed, also for the order of tied genes.
    rankings
        Rankings under the observed and under permuted labels; None omits the label permutation p-value.

    Returns
    -------
    table
        Columns of :data:`COLUMNS` except phenotype, model, ranking and n, sorted by p-value.
    skipped
        Reason for an empty table, or "".
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
        pvalues = np.column_stack(label_pvalues(turned, member))
        table.loc[best.index, ["pvalue_labels", "pvalue_labels_min"]] = pvalues
    return table[columns], ""


def _without_ties(ranking: pd.Series) -> pd.Series:
    """Return the ranking in descending order, with ties (to nine decimals) broken by smaller differences.

    gseapy's own order of equal values is arbitrary.
    """
    values = np.round(ranking.to_numpy(dtype=float), DIGITS)
    order = np.argsort(-values, kind="stable")
    values = values[order]
    first = np.flatnonzero(np.append(True, values[1:] < values[:-1]))
    size = np.diff(np.append(first, len(values)))
    within = np.arange(len(values)) - np.repeat(first, size)
    step = 0.4 * 10.0**-DIGITS * within / np.repeat(size, size)
    return pd.Series(values - step, index=ranking.index[order])
