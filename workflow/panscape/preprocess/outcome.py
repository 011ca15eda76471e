"""Results of quality control, and errors if too few cells or genes are left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.errors import Problem, UserError
from panscape.log import logger
from panscape.preprocess import losses
from panscape.preprocess.measures import FILTERS
from panscape.preprocess.settings import QcSettings

if TYPE_CHECKING:
    from panscape.preprocess.understood import Understood

EMPTY = 0.1  # of the genes of the largest cells: upper bound for empty droplets
LARGEST = 0.99  # quantile that represents the largest cells


@dataclass(frozen=True)
class Qc:
    """Result of quality control.

    Attributes
    ----------
    table
        study, filter (input, keep, min_counts, min_genes, max_mito, max_ribo, min_cells_per_gene), removed,
        left, unit (cells or genes), limit, chosen (``"auto"``: from the study's cells; ``"given"``), and,
        over the cells before quality control, the median of the filter's measure and its 5 % quantile (for a
        lower limit) or 95 % quantile (for an upper one).
    genes
        Genes left: gene, n_cells, and mean, variance, dispersion of raw counts over the cells left.
    cells
        All cells of the input: n_counts, n_genes, mito_share, ribo_share, removed_by (filter or empty).
    settings
        Settings with numeric limits.
    auto
        Names of the limits derived from the study's cells.
    kept
        From :func:`kept_table`; None if not computed.
    orthologues
        From :func:`panscape.data.readers.orthologues.reference_genes`, with `counts` of the cells in `keep`;
        None if not computed.
    understood
        From :func:`panscape.preprocess.understood.understand`; None if not computed.
    """

    table: pd.DataFrame
    genes: pd.DataFrame
    cells: pd.DataFrame
    settings: QcSettings
    auto: tuple[str, ...] = ()
    kept: pd.DataFrame | None = None
    orthologues: pd.DataFrame | None = None
    understood: Understood | None = None


class NothingLeft(UserError):
    """Error if quality control leaves too few cells or genes.

    Attributes
    ----------
    result
        The quality measures, to choose other limits.
    """

    def __init__(self, problem: Problem, result: Qc):
        super().__init__(problem)
        self.result = result


def outcome(
    cells: pd.DataFrame,
    genes: pd.DataFrame,
    rare: int,
    settings: QcSettings,
    auto: tuple[str, ...],
    study: str,
) -> Qc:
    """Return the result of quality control, and log a summary.

    Parameters
    ----------
    cells
        Quality measures of all cells, and `removed_by`.
    genes
        Genes left.
    rare
        Number of genes detected in too few cells.
    settings
        Settings with numeric limits.
    auto
        Names of the limits derived from the cells.
    study
        Id of the study.
    """
    table = loss_table(cells, settings, auto, study)
    last = (
        "min_cells_per_gene",
        rare,
        len(genes),
        "genes",
        f"{settings.min_cells_per_gene}",
        "given",
        "",
        "",
    )
    table.loc[len(table)] = [study, *last]
    logger.info("%s: %s", study, losses.sentence(table.to_dict("records")))
    left = cells.loc[cells["removed_by"] == "", "n_genes"].to_numpy()
    if len(left) and "min_genes" in auto and (left < EMPTY * np.quantile(left, LARGEST)).mean() > 0.5:
        logger.warning(
            "%s: most cells have less than a tenth of the genes of the largest cells: does the matrix "
            "contain empty droplets (is it unfiltered)? min_genes: auto is then unreliable; write a number",
            study,
        )
    return Qc(table, genes, cells, settings, auto)


def loss_table(cells: pd.DataFrame, settings: QcSettings, auto: tuple[str, ...], study: str) -> pd.DataFrame:
    """Return the rows of :attr:`Qc.table` that count cells.

    Parameters
    ----------
    cells
        Quality measures of all cells, and `removed_by`.
    settings
        Settings with numeric limits.
    auto
        Names of the limits derived from the cells.
    study
        Id of the study.

    Returns
    -------
    Table with the columns of :attr:`Qc.table`; one row for the input, `keep` and each filter, in the order of
    application. Medians and quantiles are over the cells that pass `keep`, and empty if none does.
    """
    removed_by, left = cells["removed_by"], len(cells)
    judged = cells[removed_by != "keep"]
    rows = [("input", 0, left, "cells", "", "", "", "")]
    for name in ("keep", *FILTERS):
        removed = int((removed_by == name).sum())
        left -= removed
        row = (name, removed, left, "cells")
        if name == "keep":
            rows.append((*row, "", "", "", ""))
            continue
        values = judged[FILTERS[name]].to_numpy(dtype=float)
        summary = (f"{np.median(values):.6g}", _usual(values, name)) if len(values) else ("", "")
        how = "auto" if name in auto else "given"
        rows.append((*row, f"{getattr(settings, name):g}", how, *summary))
    columns = ["filter", "removed", "left", "unit", "limit", "chosen", "median", "usual"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(0, "study", study)
    return table


def _usual(values: np.ndarray, name: str) -> str:
    """Return the lower or upper limit that 95 % of the cells pass."""
    if name.startswith("min"):
        return f"{math.floor(np.quantile(values, 0.05))}"
    return f"{math.ceil(100 * np.quantile(values, 0.95)) / 100:g}"


def require_cells(result: Qc) -> None:
    """Raise an error with a diagnosis unless at least two cells are left."""
    rows = result.table.to_dict("records")
    study, cells = rows[0]["study"], result.cells
    left = int((cells["removed_by"] == "").sum())
    if left >= 2:
        return
    problems = [f"{'no' if not left else 'only one'} cell of {len(cells)} is left"]
    chosen = losses.chosen(rows)
    if len(cells) < 2:
        fix = "leave the study out: coexpression needs many cells"
    elif chosen < 2:
        problems.append(f"keep removed {len(cells) - chosen}")
        fix = "correct the study's keep"
    else:
        problems.append(losses.sentence(rows))
        worst = losses.culprit(rows)["filter"]
        values = cells.loc[cells["removed_by"] != "keep", FILTERS[worst]]
        low, middle, high = (f"{values.quantile(q):.4g}" for q in (0.05, 0.5, 0.95))
        problems.append(f"{FILTERS[worst]} of the cells: 5 % {low}, median {middle}, 95 % {high}")
        fix = losses.remedy(rows)
    raise NothingLeft(Problem(f"study '{study}', quality control", "; ".join(problems), fix), result)


def require_genes(result: Qc, most: int) -> None:
    """Raise an error if no gene is left; `most` is the number of cells of the most frequent gene.

    If most cells were removed, the advice is to change the limit that removed them.
    """
    if len(result.genes):
        return
    rows = result.table.to_dict("records")
    problem = f"no gene is left: the most frequent one is in {most} cells; {losses.sentence(rows)}"
    if losses.fraction_lost(rows) > losses.HALF:
        where, fix = losses.culprit(rows)["filter"], losses.remedy(rows)
    else:
        where = "min_cells_per_gene"
        fix = f"set it to at most {most}, from {result.settings.min_cells_per_gene}"
    raise NothingLeft(Problem(f"study '{rows[0]['study']}', preprocess.{where}", problem, fix), result)
