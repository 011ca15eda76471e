"""Gene sets at the ends of the ranking of genes by their association with a phenotype."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from panscape.log import logger

MITO = "MT"
COLUMNS = [
    "term", "library", "phenotype", "model", "ranking", "size", "es", "nes", "pvalue", "fdr", "pvalue_labels",
    "lead", "n",
]  # fmt: skip
LABEL_TERMS = 200  # sets whose score is also compared with label permutations: the best ones


def mito_set(genes: Sequence[str]) -> dict[str, list[str]]:
    """Return the set ``MT`` of all genes whose names start with ``MT-`` (any case); nothing without any."""
    members = [gene for gene in genes if str(gene).upper().startswith("MT-")]
    return {MITO: members} if members else {}


def enrichment_score(ranking: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the weighted running-sum scores of gene sets (Subramanian et al. 2005, weight 1).

    Parameters
    ----------
    ranking
        (G,) or (P, G) values that genes are ordered by, falling.
    members
        (T, G) bool.

    Returns
    -------
    (T,) or (P, T): the largest deviation from 0, -1 to 1.
    """
    rows = np.atleast_2d(ranking)
    found = np.zeros((len(rows), len(members)))
    size = members.sum(axis=1)
    miss = 1.0 / np.maximum(members.shape[1] - size, 1)
    for at, values in enumerate(rows):
        order = np.argsort(-values, kind="stable")
        inside = members[:, order]
        weight = np.abs(values[order]) * inside
        total = weight.sum(axis=1, keepdims=True)
        steps = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
        running = np.cumsum(steps - miss[:, None] * ~inside, axis=1)
        high, low = running.max(axis=1), running.min(axis=1)
        found[at] = np.where(high >= -low, high, low)
    return found[0] if np.ndim(ranking) == 1 else found


def prerank(
    ranking: pd.Series,
    sets: Mapping[str, Sequence[str]],
    *,
    library: str,
    min_size: int = 5,
    max_size: int = 500,
    permutations: int = 1000,
    seed: int = 0,
    shuffled: Callable[[int], np.ndarray] | None = None,
    label_permutations: int = 200,
) -> tuple[pd.DataFrame, str]:
    """Run GSEA on a ranking of genes (gseapy's prerank).

    Its own p and fdr permute genes and take them for independent, which genes of one module are not; beside
    them, `pvalue_labels` of the best sets says how often permuted phenotypes give as large a score.

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
        Of gseapy.
    shuffled
        Gives (P, G) rankings of the same genes under P label permutations; None leaves that p out.
    label_permutations
        P.

    Returns
    -------
    table
        Columns of :data:`COLUMNS` without phenotype, model, ranking and n, by p.
    skipped
        Why there is no row; empty otherwise.
    """
    columns = [name for name in COLUMNS if name not in ("phenotype", "model", "ranking", "n")]
    known = ranking.notna()
    ranking = ranking[known]
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
        rnk=ranking, gene_sets=fitting, min_size=min_size, max_size=max_size, permutation_num=permutations,
        seed=seed % 2**31, threads=1, outdir=None, no_plot=True, verbose=False,
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
    table["pvalue_labels"] = np.nan
    if shuffled is not None and label_permutations:
        best = table.head(LABEL_TERMS)
        member = np.array([np.isin(ranking.index, fitting[term]) for term in best["term"]])
        null = enrichment_score(shuffled(label_permutations)[:, known.to_numpy()], member)
        above = (np.abs(null) >= np.abs(best["es"].to_numpy())[None, :]).sum(axis=0)
        table.loc[best.index, "pvalue_labels"] = (1 + above) / (1 + label_permutations)
    return table[columns], ""
