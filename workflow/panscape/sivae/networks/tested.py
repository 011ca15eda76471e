"""The phenotypes of a comparison of lines, and rows of the table of tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from panscape.log import logger
from panscape.sivae.networks.covariates import usable_lines, with_covariates
from panscape.sivae.networks.phenotype import Phenotype, read_phenotype
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.within import comparisons

TEST_COLUMNS = [
    "part", "model", "phenotype", "statistic", "value", "null_mean", "null_sd", "null_95", "pvalue", "n",
    "spread", "status",
]  # fmt: skip
TESTED, UNDECIDABLE = "tested", "cannot be decided"


def read_phenotypes(
    lines: pd.DataFrame, columns: Sequence[str], settings: NetworkSettings
) -> tuple[list[Phenotype], pd.DataFrame]:
    """Return the usable phenotypes of the lines, and rows with the reasons for the others.

    If lines are divided by cell type, each type has its phenotypes, of the lines of that type only.

    Parameters
    ----------
    lines
        Table of lines.
    columns
        Columns of the phenotypes.
    settings
        Settings of the comparison; `min_lines`, `block` and `covariates` are used.
    """
    phenotypes, skipped = [], []
    blocks = None if settings.block is None else _column(lines, settings.block)
    for one in comparisons(lines, columns):
        name, covariates = one.label, [other for other in settings.covariates if other != one.column]
        column = _column(lines, one.column).where(one.inside)
        usable = usable_lines(lines, covariates) & one.inside
        if lost := int((~usable & column.notna()).sum()):
            logger.warning("phenotype %s: %d lines lack a covariate and are left out", name, lost)
        phenotype, reason = read_phenotype(column, min_lines=settings.min_lines, blocks=blocks, usable=usable)
        if phenotype is not None:
            named = replace(phenotype, name=name, column=one.column, within=one.within)
            phenotype, reason = with_covariates(named, lines, covariates)
        if phenotype is None:
            logger.warning("phenotype %s is not tested: %s", name, reason)
            skipped.append(skip("phenotype", name, reason, n=int(column.notna().sum())))
        else:
            phenotypes.append(phenotype)
            logger.info("phenotype %s: %s", name, described(phenotype))
            missing = int(column[one.inside].isna().sum())
            if missing:
                logger.warning(
                    "phenotype %s: %d of %d lines have no value", name, missing, int(one.inside.sum())
                )
    return phenotypes, pd.DataFrame(skipped, columns=TEST_COLUMNS)


def _column(lines: pd.DataFrame, name: str) -> pd.Series:
    return lines[name] if name in lines else pd.Series(np.nan, index=lines.index, name=name)


def described(phenotype: Phenotype) -> str:
    """Return what tests of a phenotype permute, and the smallest p that this allows."""
    if phenotype.strata is not None:
        blocks = len(np.unique(phenotype.strata))
        how = f"{phenotype.n} lines, permuted within {blocks} blocks ({phenotype.block})"
    elif phenotype.owner is not None:
        how = f"permuted over {phenotype.n} whole blocks ({phenotype.block}), their lines averaged"
    else:
        how = f"permuted over {phenotype.n} lines"
    adjusted = f", adjusted for {', '.join(phenotype.adjusted)}" if phenotype.adjusted else ""
    return f"{how}{adjusted}; smallest attainable p {phenotype.smallest_pvalue:.2g}"


def design_row(phenotype: Phenotype) -> dict[str, Any]:
    """Return the row of the table of tests that says what is permuted."""
    return {
        "part": "design",
        "phenotype": phenotype.name,
        "statistic": "smallest attainable p",
        "value": phenotype.smallest_pvalue,
        "n": phenotype.n,
        "status": described(phenotype).split(";")[0],
    }


def skip(part: str, phenotype: str, reason: str, *, model: str = "", n: float = np.nan) -> dict:
    """Return the row of a skipped test.

    Parameters
    ----------
    part
        Part of the comparison.
    phenotype
        Name of the phenotype.
    reason
        Reason why it is not tested.
    model
        Name of the model.
    n
        Number of lines with the phenotype.
    """
    status = reason if reason.startswith(UNDECIDABLE) else f"skipped: {reason}"
    return {"part": part, "model": model, "phenotype": phenotype, "n": n, "status": status}


def undecidable(phenotype: Phenotype, level: float) -> str:
    """Return why no gene or edge can reach a significance level; empty if one can."""
    if phenotype.smallest_pvalue < level:
        return ""
    unit = phenotype.unit
    if phenotype.strata is not None:
        lines = f"{len(np.unique(phenotype.strata))} blocks ({phenotype.block})"
    elif phenotype.two:
        sizes = np.bincount(phenotype.values.astype(int))
        lines = f"{sizes[0]} {unit}s against {sizes[1]}"
    else:
        lines = f"{phenotype.n} {unit}s"
    return (
        f"{UNDECIDABLE}: with {lines} the smallest p is {phenotype.smallest_pvalue:.2g}, "
        f"which is not below networks.fdr = {level:g}"
    )


def tests_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows of tests with all columns; rows without a status get ``tested``."""
    table = pd.DataFrame(list(rows), columns=TEST_COLUMNS)
    table["status"] = table["status"].fillna(TESTED)
    return table
