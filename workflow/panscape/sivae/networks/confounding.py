"""Properties of lines that follow a phenotype and may be taken for its effect: depth, cells, detection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.sivae.line_summary import fractions
from panscape.sivae.networks.null import adjusted_for, observed, pvalues
from panscape.sivae.networks.phenotype import Phenotype

PART = "confounding"
LIMIT = 0.5  # smallest |rho| that is reported
LEVEL = 0.05
MEASURES = {"depth": "depth", "n_cells": "number of cells", "detected": "number of detected genes"}


def confounding_rows(
    lines: pd.DataFrame,
    phenotypes: Sequence[Phenotype],
    *,
    controls: Sequence[str] = (),
    kept: pd.DataFrame | None = None,
) -> list[dict]:
    """Return rows of the table of tests for properties of lines that follow a phenotype, |rho| >= 0.5.

    Parameters
    ----------
    lines
        Table of lines with a model: depth, n_cells, detected, composition, thinned_to, bin_cells.
    phenotypes
        See :func:`panscape.sivae.networks.phenotype.read_phenotype`.
    controls
        Controls of the tests (``networks.controls``).
    kept
        ``kept.tsv`` of the studies: along which annotations quality control removed more cells.

    Examples
    --------
    >>> from panscape.sivae.networks.phenotype import read_phenotype
    >>> lines = pd.DataFrame({"y": range(8), "depth": range(900, 1700, 100), "thinned_to": 900.0})
    >>> rows = confounding_rows(lines, [read_phenotype(lines["y"])[0]])
    >>> rows[0]["status"]
    'depth follows y (rho 1.00): the cells of all lines were thinned to 900 counts'
    """
    rows = []
    for phenotype in phenotypes:
        used = lines[phenotype.known]
        for name, words in MEASURES.items():
            if name not in lines or used[name].isna().any():
                continue
            values = phenotype.of_units(lines[[name]].to_numpy(float).T)
            test = adjusted_for(phenotype, values)
            rho = observed(test, phenotype)
            if not abs(rho[0]) >= LIMIT:
                continue
            text = f"{words} follows {phenotype.name} (rho {rho[0]:.2f}): {_done(name, used, controls)}"
            p = pvalues(test, phenotype, rho, values)[0]
            rows.append(_row(phenotype.name, words, rho[0], p, phenotype.n, text))
        rows += [*_composition_rows(phenotype, lines), *_kept_rows(phenotype, kept)]
    return rows


def _row(phenotype: str, words: str, rho: float, pvalue: float, n: int, status: str) -> dict:
    return {
        "part": PART, "phenotype": phenotype, "statistic": words, "value": rho, "pvalue": pvalue, "n": n,
        "status": status,
    }  # fmt: skip


def _done(name: str, lines: pd.DataFrame, controls: Sequence[str]) -> str:
    """Return what was done about a property of lines."""
    if name in controls:
        return "it is a control of the tests, which cost power"
    target = lines["thinned_to"].dropna() if "thinned_to" in lines else pd.Series(dtype=float)
    if name in ("depth", "detected") and len(target):
        return f"the cells of all lines were thinned to {target.iloc[0]:.0f} counts"
    if name == "n_cells" and "bin_cells" in lines and lines["bin_cells"].nunique() == 1:
        return f"every model has {int(lines['bin_cells'].iloc[0])} cells"
    if name == "n_cells":
        return "models of more cells are less noisy; set sivae.bin_cells to the cells of the smallest line"
    return "nothing was done, and networks of deeper cells are less noisy; see sivae.equal_depth"


def _composition_rows(phenotype: Phenotype, lines: pd.DataFrame) -> list[dict]:
    """Return the row of the cell type whose fraction follows a phenotype most, if any does."""
    used = lines.loc[phenotype.known, "composition"] if "composition" in lines else pd.Series(dtype=object)
    shares = fractions(used)
    if shares.shape[1] < 2:
        return []
    values = phenotype.of_units(shares.reindex(lines.index).fillna(0.0).to_numpy(float).T)
    test = adjusted_for(phenotype, values)
    rho = observed(test, phenotype)
    p = pvalues(test, phenotype, rho, values)
    if not np.isfinite(p).any():
        return []
    at = int(np.nanargmin(p))
    # the strongest of many types: its p is compared with .05 over their number
    if not (abs(rho[at]) >= LIMIT and p[at] < LEVEL / len(p)):
        return []
    text = f"the fraction of {shares.columns[at]} cells follows {phenotype.name} (rho {rho[at]:.2f})"
    fix = "networks of mixtures differ with the fractions of types, without any change within a type; "
    fix += "name finer types in sivae.within" if "within" in lines else "name the types in sivae.within"
    return [_row(phenotype.name, "composition", rho[at], p[at], phenotype.n, f"{text}: {fix}")]


def _kept_rows(phenotype: Phenotype, kept: pd.DataFrame | None) -> list[dict]:
    """Return the rows of quality control that removed more cells along a phenotype."""
    if kept is None or kept.empty:
        return []
    rows = []
    of_phenotype = kept[kept["column"] == (phenotype.column or phenotype.name)]
    for row in of_phenotype.itertuples():
        rho = float(row.rho)
        if not (abs(rho) >= LIMIT or str(row.uneven) == "True"):
            continue
        much = f"rho {rho:.2f}" if np.isfinite(rho) else f"{row.lowest_fraction:.0%} of {row.lowest}"
        text = f"the fraction of cells kept by quality control follows {phenotype.name}"
        text += f" ({much}, study {row.study})"
        fix = "nothing was done; compare limits that remove the same cells of all lines"
        rows.append(_row(phenotype.name, "cells kept", rho, float(row.pvalue), int(row.n), f"{text}: {fix}"))
    return rows
