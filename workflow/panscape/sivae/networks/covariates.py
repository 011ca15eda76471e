"""Covariates of lines: numbers and labels that tests of phenotypes adjust for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.adjusted import KEPT, rank_of, targets
from panscape.stats.ranks import centred_ranks
from panscape.stats.singular import least_squares

MIN_FREEDOM = 3  # degrees of freedom that covariates have to leave


def usable_lines(lines: pd.DataFrame, covariates: Sequence[str]) -> np.ndarray:
    """Return (L,) bool: lines with a finite value of every covariate."""
    usable = np.ones(len(lines), dtype=bool)
    for name in covariates:
        column = lines[name] if name in lines else pd.Series(np.nan, index=lines.index)
        infinite = np.isinf(pd.to_numeric(column.astype(str), errors="coerce"))
        usable &= (column.notna() & (column.astype(str) != "") & ~infinite).to_numpy()
    return usable


def with_covariates(
    phenotype: Phenotype, lines: pd.DataFrame, names: Sequence[str]
) -> tuple[Phenotype | None, str]:
    """Return a phenotype whose design has covariates, or None and the reason why it cannot be tested.

    Numbers are averaged over a unit's lines; they count by their ranks where networks do (genes, edges), else
    linearly (maps). Labels count by indicators.

    Parameters
    ----------
    phenotype
        See :func:`panscape.sivae.networks.phenotype.read_phenotype`; the known lines have all covariates.
    lines
        Table of lines.
    names
        Columns; the phenotype itself and columns without variation are left out.

    Examples
    --------
    >>> from panscape.sivae.networks.phenotype import read_phenotype
    >>> lines = pd.DataFrame({"y": [1, 4, 2, 8, 5, 7], "sex": list("fmfmfm")})
    >>> phenotype, _ = read_phenotype(lines["y"])
    >>> with_covariates(phenotype, lines, ["sex"])[0].covariates.shape
    (6, 1)
    """
    parts, ranked, used = [], [], []
    for name in names:
        if name in (phenotype.name, phenotype.column) or name not in lines:
            continue
        columns = _columns(lines[name], phenotype)
        if columns.shape[1]:
            numeric = len(np.unique(columns)) > 2 and columns.shape[1] == 1
            parts.append(columns)
            ranked.append(centred_ranks(columns) if numeric else columns)
            used.append(name)
    if not parts:
        return phenotype, ""
    adjusted = replace(phenotype, covariates=np.hstack(ranked), linear=np.hstack(parts), adjusted=tuple(used))
    design = adjusted.design - adjusted.design.mean(axis=0)
    y = targets(phenotype.values[None], phenotype.many)[0]
    left = y - design @ least_squares(design, y)
    listed = ", ".join(used)
    if (np.square(left).sum(axis=0) <= KEPT * np.maximum(np.square(y).sum(axis=0), 1e-9)).any():
        return None, f"it cannot be told from the covariates ({listed}), which explain it completely"
    free = phenotype.n - 2 - rank_of(design)
    if free < MIN_FREEDOM:
        return None, f"{phenotype.n} {phenotype.unit}s are too few for the covariates ({listed})"
    return adjusted, ""


def _columns(column: pd.Series, phenotype: Phenotype) -> np.ndarray:
    """Return a covariate's regressors of the units, (n, k)."""
    known = column[phenotype.known]
    numbers = pd.to_numeric(known.astype(str), errors="coerce")
    values = np.zeros((1, len(column)))
    if numbers.notna().all() and numbers.nunique() > 2:
        values[0, phenotype.known] = numbers
        result = phenotype.of_units(values)
        result = (result - result.mean()) / max(result.std(), 1e-300)
    else:
        labels = sorted(known.astype(str).unique())[1:]
        ones = [(column.astype(str) == label).to_numpy(float) for label in labels]
        result = phenotype.of_units(np.reshape(ones, (len(labels), len(column))))
    return result[np.ptp(result, axis=1) > 0].T
