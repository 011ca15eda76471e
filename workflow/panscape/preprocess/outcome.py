"""What quality control did to a study, and when that is too much to go on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape.errors import Problem, UserError
from panscape.log import logger
from panscape.preprocess import losses
from panscape.preprocess.measures import FILTERS
from panscape.preprocess.settings import QcSettings

EMPTY = 0.1  # of the genes of the largest cells: what droplets without a cell show
LARGEST = 0.99  # quantile that stands for the largest cells


@dataclass(frozen=True)
class Qc:
    """What quality control found.

    Attributes
    ----------
    table
        study, filter (input, keep, min_counts, min_genes, max_mito, max_ribo, min_cells_per_gene), removed,
        left, unit (cells or genes), limit, chosen (``"auto"``: by the study's cells; ``"given"``), and of the
        cells that `keep` chose the median of what the filter looks at and a usual value, which one in twenty
        cells is beyond.
    genes
        Genes left: gene, n_cells, mean, variance, dispersion of raw counts over the cells left.
    cells
        All cells of the input: n_counts, n_genes, mito_share, ribo_share, removed_by (filter or empty).
    settings
        The limits, as numbers.
    auto
        Names of the limits that the study's cells decided.
    kept
        From :func:`kept_table`; None where the annotations of the cells were not looked at.
    """

    table: pd.DataFrame
    genes: pd.DataFrame
    cells: pd.DataFrame
    settings: QcSettings
    auto: tuple[str, ...] = ()
    kept: pd.DataFrame | None = None


class NothingLeft(UserError):
    """Quality control left too little to go on.

    Attributes
    ----------
    result
        What was measured: the distributions tell what limits would do.
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
    """Return the outcome, and log it in a sentence.

    Parameters
    ----------
    cells
        Measures of all cells and `removed_by`.
    genes
        Genes left.
    rare
        Number of genes that are in too few cells.
    settings
        The limits, as numbers.
    auto
        Names of the limits that the cells decided.
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
            "%s: most cells show less than a tenth of the genes of the largest cells: are there droplets "
            "without a cell (an unfiltered matrix)? min_genes: auto cannot tell then; write a number",
            study,
        )
    return Qc(table, genes, cells, settings, auto)


def loss_table(cells: pd.DataFrame, settings: QcSettings, auto: tuple[str, ...], study: str) -> pd.DataFrame:
    """Return the rows of :attr:`Qc.table` that count cells."""
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
        told = (f"{np.median(values):.6g}", _usual(values, name)) if len(values) else ("", "")
        how = "auto" if name in auto else "given"
        rows.append((*row, f"{getattr(settings, name):g}", how, *told))
    columns = ["filter", "removed", "left", "unit", "limit", "chosen", "median", "usual"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(0, "study", study)
    return table


def _usual(values: np.ndarray, name: str) -> str:
    """Return a limit that nineteen in twenty cells pass: as a lower one, or as an upper one."""
    if name.startswith("min"):
        return f"{math.floor(np.quantile(values, 0.05))}"
    return f"{math.ceil(100 * np.quantile(values, 0.95)) / 100:g}"


def require_cells(result: Qc) -> None:
    """Raise an error unless two cells are left; it says what removed the others and what they are like."""
    rows = result.table.to_dict("records")
    study, cells = rows[0]["study"], result.cells
    left = int((cells["removed_by"] == "").sum())
    if left >= 2:
        return
    found = [f"{'no' if not left else 'only one'} cell of {len(cells)} is left"]
    chosen = losses.chosen(rows)
    if len(cells) < 2:
        fix = "leave the study out: coexpression needs many cells"
    elif chosen < 2:
        found.append(f"keep removed {len(cells) - chosen}")
        fix = "correct the study's keep"
    else:
        found.append(losses.sentence(rows))
        worst = losses.culprit(rows)["filter"]
        values = cells.loc[cells["removed_by"] != "keep", FILTERS[worst]]
        low, middle, high = (f"{values.quantile(q):.4g}" for q in (0.05, 0.5, 0.95))
        found.append(f"{FILTERS[worst]} of the cells: 5 % {low}, median {middle}, 95 % {high}")
        fix = losses.remedy(rows)
    raise NothingLeft(Problem(f"study '{study}', quality control", "; ".join(found), fix), result)


def require_genes(result: Qc, most: int) -> None:
    """Raise an error if no gene is in enough cells; `most` is the number of cells of the most frequent one.

    If few cells are left of many, the limit that removed the others is what to change.
    """
    if len(result.genes):
        return
    rows = result.table.to_dict("records")
    found = f"no gene is left: the most frequent one is in {most} cells; {losses.sentence(rows)}"
    if losses.fraction_lost(rows) > losses.HALF:
        where, fix = losses.culprit(rows)["filter"], losses.remedy(rows)
    else:
        where = "min_cells_per_gene"
        fix = f"set it to at most {most}, from {result.settings.min_cells_per_gene}"
    raise NothingLeft(Problem(f"study '{rows[0]['study']}', preprocess.{where}", found, fix), result)
