"""The genes that the analysis looks at: variable ones in every study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from panscape.errors import Problem, UserError, fail
from panscape.log import logger
from panscape.preprocess._patterns import exclusions

SCORES = {
    "dispersion": lambda table: table["dispersion"],
    "second-moment": lambda table: table["dispersion"] + table["mean"],
    "detection": lambda table: table["n_cells"].astype(float),
}
"""What genes are ranked by, of raw counts: variance / mean (Coscape paper), E[x^2] / E[x] (the first released
code), number of cells that have the gene."""


def select_genes(
    tables: Mapping[str, pd.DataFrame],
    *,
    n_genes: int = 2000,
    top_per_study: int | None = None,
    score: str = "dispersion",
    min_detection: float = 0.0,
    n_cells: Mapping[str, int] | None = None,
    exclude: tuple[str, ...] | list[str] = (),
    species: str = "other",
) -> pd.DataFrame:
    """Select genes that are among the most variable of every study.

    The genes that all studies have, without the excluded ones, are ranked in each study by the score (rank 1
    highest, equal scores by name). Selected are those of rank <= L in every study. L is `top_per_study`, or
    else the smallest L that leaves at least `n_genes`; as a gene enters when L reaches its worst rank, that L
    is the `n_genes`-th smallest worst rank, and genes of equal worst rank enter together.

    Parameters
    ----------
    tables
        Per study: gene, n_cells, mean, variance, dispersion, as :func:`qc` returns them.
    n_genes
        How many genes to aim at.
    top_per_study
        L itself (Coscape paper: not given; released code 4,000 to 12,000).
    score
        A key of :data:`SCORES`.
    min_detection
        Genes found in a smaller share (0 to 1) of the cells of any study are not selected.
    n_cells
        Number of cells per study; only needed for `min_detection`.
    exclude
        Not selected: ``"mitochondrial"``, ``"ribosomal"``, regular expressions on names.
    species
        For the former two.

    Returns
    -------
    One row per gene that all studies have: gene, rank_<study> for each study (empty if excluded), selected.
    Ordered by worst rank, then name; this is the order of the genes from here on.

    Raises
    ------
    UserError
        If the studies share no gene, or fewer than two genes are selected.
    """
    if not tables or (min_detection > 0 and n_cells is None):
        raise ValueError("no study, or min_detection without n_cells")
    shared = _shared(tables)
    drop = exclusions(shared, exclude, species)
    eligible = ~drop.any(axis=1).to_numpy()
    ranks, usable = {}, np.ones(len(shared), dtype=bool)
    for study, table in tables.items():
        table = table.set_index("gene").loc[shared]
        usable &= (table["variance"] > 0).to_numpy()
        if min_detection > 0:
            usable &= (table["n_cells"] >= min_detection * n_cells[study]).to_numpy()
        ranks[f"rank_{study}"] = _rank(SCORES[score](table).to_numpy(), eligible)
    result = pd.DataFrame({"gene": shared, **ranks})
    worst = result[list(ranks)].max(axis=1).to_numpy(dtype=float)
    worst[~(eligible & usable)] = np.inf
    limit = top_per_study or _limit(worst, n_genes)
    result["selected"] = worst <= limit
    count = int(result["selected"].sum())
    logger.info(
        "%s genes in all %s studies, %s excluded by name, %s selected (top %s of each study)",
        len(shared), len(tables), int((~eligible).sum()), count, int(limit),
    )  # fmt: skip
    if count < 2:
        found = f"{count} of the {len(shared)} genes that all studies have are selected"
        if top_per_study:
            raise fail("preprocess.top_per_study", found, "raise it, or set it to null", few=True)
        advice = "exclude fewer genes, or lower min_detection"
        raise fail("preprocess.exclude_genes, preprocess.min_detection", found, advice, few=True)
    if not top_per_study and count < n_genes:
        logger.warning(
            "preprocess.n_genes is %s, but only %s genes are usable in all studies", n_genes, count
        )
    return result.iloc[np.lexsort((result["gene"].to_numpy(dtype=str), worst))].reset_index(drop=True)


def _shared(tables: Mapping[str, pd.DataFrame]) -> pd.Index:
    """Return the genes of all studies, in alphabetical order."""
    if not tables:
        raise fail("studies[].use", "no study takes part in the landscape", "write landscape in one of them")
    names = {study: pd.Index(table["gene"].astype(str)) for study, table in tables.items()}
    common = None
    for index in names.values():
        common = index if common is None else common.intersection(index)
    if len(common):
        return pd.Index(sorted(common), dtype=object)
    examples = "; ".join(f"{study}: {', '.join(sorted(index)[:3])} ..." for study, index in names.items())
    problems = [
        Problem(
            "studies[].genes",
            f"the studies share no gene ({examples})",
            "give all studies gene symbols of one species: genes.column or genes.mapping translates ids",
            few=True,
        )
    ]
    raise UserError(problems)


def _rank(score: np.ndarray, eligible: np.ndarray) -> pd.arrays.IntegerArray:
    """Return ranks among the eligible genes (1 highest), missing elsewhere; ties keep the order given."""
    order = np.flatnonzero(eligible)
    order = order[np.argsort(-np.nan_to_num(score[order]), kind="stable")]
    ranks = np.zeros(len(score), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return pd.arrays.IntegerArray(ranks, mask=~eligible)


def _limit(worst: np.ndarray, n_genes: int) -> float:
    known = np.sort(worst[np.isfinite(worst)])
    return known[min(n_genes, len(known)) - 1] if len(known) else 0.0
