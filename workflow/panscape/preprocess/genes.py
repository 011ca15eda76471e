"""Selection of genes that are variable in every study that measures them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from panscape.errors import Problem, UserError, fail
from panscape.log import logger
from panscape.preprocess.patterns import exclusions

SCORES = {
    "dispersion": lambda table: table["dispersion"],
    "second-moment": lambda table: table["dispersion"] + table["mean"],
    "detection": lambda table: table["n_cells"].astype(float),
}
"""Scores for the ranking of genes, from raw counts: variance / mean (Coscape paper), E[x^2] / E[x] (first
released code), number of cells that express the gene."""


MAJORITY, ALL = "majority", "all"
EXAMPLES = 5  # genes named in the log


def studies_needed(present_in: str | float, n_studies: int) -> int:
    """Return the number of studies that must measure a gene for it to be analysed.

    Parameters
    ----------
    present_in
        ``"majority"`` (more than half), ``"all"``, a fraction of the studies between 0 and 1, or a number of
        studies >= 1.
    n_studies
        Number of studies.

    Returns
    -------
    From 1 to `n_studies`.

    Raises
    ------
    ValueError
        If `present_in` is none of these.
    """
    if present_in == ALL:
        return n_studies
    if present_in == MAJORITY:
        return n_studies // 2 + 1 if n_studies else 0
    if isinstance(present_in, str) or not present_in > 0 or (present_in > 1 and present_in % 1):
        raise ValueError(f"present_in is {present_in!r}")
    # the subtraction tolerates rounding: 0.7 of 10 studies are 7
    needed = math.ceil(present_in * n_studies - 1e-9) if present_in < 1 else int(present_in)
    return min(max(needed, 1), n_studies)


def genes_of(selection: pd.DataFrame, study: str) -> list[str]:
    """Return the selected genes that a study measures, in the order of the selection.

    Parameters
    ----------
    selection
        From :func:`select_genes`: gene, selected, rank_<study>.
    study
        Id of the study.
    """
    measured = selection["selected"] & selection[f"rank_{study}"].notna()
    return selection.loc[measured, "gene"].tolist()


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
    present_in: str | float = MAJORITY,
) -> pd.DataFrame:
    """Select genes that are among the most variable of every study that measures them.

    The genes that enough studies measure, without the excluded ones, are ranked in each of their studies by
    the score (rank 1 highest, equal scores by name). Selected are those of rank <= L in every study that
    measures them. L is `top_per_study`, or else the smallest L that selects at least `n_genes`, which is the
    `n_genes`-th smallest worst rank; genes of equal worst rank are selected together. A study measures a gene
    if its table has it with at least one cell.

    Parameters
    ----------
    tables
        Per study: gene, n_cells, mean, variance, dispersion, as :func:`qc` returns them.
    n_genes
        Target number of genes.
    top_per_study
        Value of L (Coscape paper: not given; released code 4,000 to 12,000).
    score
        A key of :data:`SCORES`.
    min_detection
        Minimum fraction (0 to 1) of cells that express a gene, in every study that measures it.
    n_cells
        Number of cells per study; only needed for `min_detection`.
    exclude
        Genes to exclude: ``"mitochondrial"``, ``"ribosomal"``, or regular expressions on names.
    species
        Species, for the mitochondrial and ribosomal genes.
    present_in
        Studies that must measure a gene, see :func:`studies_needed`.

    Returns
    -------
    One row per gene that enough studies measure: gene, rank_<study> for each study (empty if excluded or not
    measured there), selected. Ordered by worst rank, then name, which is the gene order of all later stages.

    Raises
    ------
    UserError
        If no gene is measured in enough studies, fewer than two genes are selected, or a study measures fewer
        than two of them.
    """
    if not tables or (min_detection > 0 and n_cells is None):
        raise ValueError("no study, or min_detection without n_cells")
    needed = studies_needed(present_in, len(tables))
    measured = _measured(tables)
    shared = _shared(measured, needed)
    drop = exclusions(shared, exclude, species)
    eligible = ~drop.any(axis=1).to_numpy()
    ranks, usable = {}, np.ones(len(shared), dtype=bool)
    for study, table in tables.items():
        here = measured.loc[shared, study].to_numpy()
        table = table.set_index("gene").reindex(shared)
        usable &= ~here | (table["variance"] > 0).to_numpy()
        if min_detection > 0 and n_cells is not None:
            usable &= ~here | (table["n_cells"] >= min_detection * n_cells[study]).to_numpy()
        ranks[f"rank_{study}"] = _rank(SCORES[score](table).to_numpy(), eligible & here)
    result = pd.DataFrame({"gene": shared, **ranks})
    worst = result[list(ranks)].max(axis=1).to_numpy(dtype=float, na_value=np.inf)
    worst[~(eligible & usable)] = np.inf
    limit = top_per_study or _limit(worst, n_genes)
    result["selected"] = worst <= limit
    count = int(result["selected"].sum())
    _tell(measured, shared, needed, result, int((~eligible).sum()), limit)
    if count < 2:
        problem = (
            f"{count} of the {len(shared)} genes that {_studies(needed, len(tables))} measure are selected"
        )
        if top_per_study:
            raise fail("preprocess.top_per_study", problem, "raise it, or set it to null", few=True)
        advice = "exclude fewer genes, or lower min_detection"
        raise fail("preprocess.exclude_genes, preprocess.min_detection", problem, advice, few=True)
    few = [study for study in tables if len(genes_of(result, study)) < 2]
    if few:
        problem = f"{', '.join(few)} measures fewer than two of the {count} selected genes"
        advice = "see genes.column and genes.mapping of the study, or raise preprocess.present_in"
        raise fail("studies[].genes", problem, advice, few=True)
    if not top_per_study and count < n_genes:
        logger.warning(
            "preprocess.n_genes is %s, but only %s genes are usable in %s",
            n_genes, count, _studies(needed, len(tables)),
        )  # fmt: skip
    return result.iloc[np.lexsort((result["gene"].to_numpy(dtype=str), worst))].reset_index(drop=True)


def _studies(needed: int, n_studies: int) -> str:
    return "all studies" if needed == n_studies else f"at least {needed} of {n_studies} studies"


def _measured(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the mask of measured genes: bool, genes (in alphabetical order) x studies."""
    if not tables:
        raise fail("studies[].use", "no study takes part in the landscape", "write landscape in one of them")
    seen = {
        study: pd.Index(table.loc[table["n_cells"] > 0, "gene"].astype(str), dtype=object)
        for study, table in tables.items()
    }
    union = pd.Index(sorted(set().union(*seen.values())), dtype=object)
    return pd.DataFrame({study: union.isin(genes) for study, genes in seen.items()}, index=union)


def _shared(measured: pd.DataFrame, needed: int) -> pd.Index:
    """Return the genes that enough studies measure, in alphabetical order."""
    common = measured.index[measured.sum(axis=1) >= needed]
    if len(common):
        return common
    examples = "; ".join(
        f"{study}: {', '.join(measured.index[measured[study]][:3])} ..." for study in measured
    )
    problems = [
        Problem(
            "studies[].genes",
            f"no gene is measured in {_studies(needed, measured.shape[1])} ({examples})",
            "give all studies gene symbols of one species: genes.column or genes.mapping translates ids",
            few=True,
        )
    ]
    raise UserError(problems)


def _tell(measured, shared, needed: int, result: pd.DataFrame, n_excluded: int, limit: float) -> None:
    """Log the numbers of genes, selected genes, and genes measured in too few studies, with examples."""
    n_studies = measured.shape[1]
    logger.info(
        "%s genes in %s, %s excluded by name, %s selected (top %s of each study)",
        len(shared), _studies(needed, n_studies), n_excluded, int(result["selected"].sum()), int(limit),
    )  # fmt: skip
    if n_studies < 2:
        return
    lost = measured.index.difference(shared)
    if len(lost):
        logger.info(
            "%s of %s genes are measured in fewer studies (preprocess.present_in) and not used, e.g. %s",
            len(lost), len(measured), ", ".join(lost[:EXAMPLES]),
        )  # fmt: skip
    chosen = result[result["selected"]]
    partly = int(chosen.filter(like="rank_").isna().any(axis=1).sum())
    if partly:
        logger.info("%s of the selected genes are not measured in every study", partly)


def _rank(score: np.ndarray, eligible: np.ndarray) -> pd.arrays.IntegerArray:
    """Return ranks among the eligible genes (1 highest), missing elsewhere; ties are ranked by position."""
    order = np.flatnonzero(eligible)
    order = order[np.argsort(-np.nan_to_num(score[order]), kind="stable")]
    ranks = np.zeros(len(score), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return pd.arrays.IntegerArray(ranks, mask=~eligible)


def _limit(worst: np.ndarray, n_genes: int) -> float:
    known = np.sort(worst[np.isfinite(worst)])
    return known[min(n_genes, len(known)) - 1] if len(known) else 0.0
