"""Levels, activity and connectivity of the entries in samples, and tests for conditions, ages or lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.coscape.dictionary.residuals import indicator
from panscape.coscape.dictionary.scores import EXPECTED, PRODUCTS
from panscape.log import logger
from panscape.seeds import stream
from panscape.stats.adjusted import Adjusted
from panscape.stats.designs import labellings, orders, smallest_pvalue
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.permutation import permutation_pvalue

if TYPE_CHECKING:
    from anndata import AnnData

MEASURES = ("level", "activity", "connectivity")
MIN_SAMPLES = 5
COLUMNS = [
    "column",
    "measure",
    "entry",
    "kind",
    "n_samples",
    "rho",
    "difference",
    "pvalue",
    "smallest",
    "fdr",
]


def sample_table(
    studies: Iterable[tuple[str, AnnData]], sample: str, columns: Sequence[str], *, min_cells: int = 20
) -> pd.DataFrame:
    """Summarise the entries in every sample.

    Parameters
    ----------
    studies
        Id and scores of each study, see :func:`panscape.coscape.dictionary.scores.scores_to_anndata`.
    sample
        Column with the sample of each cell; studies without it are one sample.
    columns
        Columns of the annotation to keep: the value that all cells of the sample share, else missing.
    min_cells
        Samples with fewer cells are left out.

    Returns
    -------
    One row per sample and entry: study, sample, n_cells, the columns, entry, level (mean score relative to
    the study), activity (mean score relative to the cells' own clusters, so that it does not depend on which
    kinds of cells the sample has), connectivity (mean correlation of the entry's genes within clusters,
    without counting noise; it may leave [-1, 1] in small samples).
    """
    rows = []
    for study, data in studies:
        label = data.obs[sample].astype(str) if sample in data.obs else pd.Series(study, index=data.obs.index)
        names, group = np.unique(label.to_numpy(dtype=str), return_inverse=True)
        inside = indicator(group, len(names))
        sizes = np.bincount(group, minlength=len(names))
        kept = {name: data.obs[name] for name in columns if name in data.obs}
        sums = [inside @ np.asarray(part, dtype=np.float64) for part in _parts(data)]
        for at, name in enumerate(names):
            if sizes[at] < min_cells:
                logger.info("%s: sample %s has %d cells and is left out", study, name, sizes[at])
                continue
            shared = {key: _shared(values[group == at]) for key, values in kept.items()}
            given = {"study": study, "sample": name, "n_cells": int(sizes[at]), **shared}
            for k, entry in enumerate(data.var_names):
                size = sums[3][at, k]
                ratio = sums[2][at, k] / size if size > 0 else np.nan
                values = (sums[0][at, k] / sizes[at], sums[1][at, k] / sizes[at], ratio)
                rows.append({**given, "entry": entry, **dict(zip(MEASURES, values, strict=True))})
    return pd.DataFrame(rows)


def _parts(data: AnnData) -> list[np.ndarray]:
    return [data.X, data.layers["within"], data.obsm[PRODUCTS], data.obsm[EXPECTED]]


def _shared(values: pd.Series) -> object:
    """Return the only value of a sample's cells, None if there are several or none."""
    known = values.dropna().unique()
    return known[0] if len(known) == 1 else None


def compare_samples(
    samples: pd.DataFrame,
    columns: Sequence[str],
    *,
    block: str | None = None,
    covariates: Sequence[str] = (),
    permutations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Test whether levels, activity and connectivity of the entries depend on properties of samples.

    Samples are the units. Values are compared within studies, since scores are relative to their study, and
    within blocks if a column differs within blocks; samples of a block that share the value are averaged.
    Rank correlations (partial ones with covariates) are tested by permuting samples within strata, with
    covariates their residuals (Freedman and Lane 1983).

    Parameters
    ----------
    samples
        Of :func:`sample_table`, with the columns, block and covariates.
    columns
        Columns to test: numbers, or labels of two groups or more.
    block
        Column with samples that belong together, such as the donor.
    covariates
        Columns of numbers or labels to adjust for.
    permutations
        Maximum number of permutations.
    seed
        Seed of the step.

    Returns
    -------
    column, measure, entry, kind (`number` or the groups), n_samples, rho (of several groups the root of the
    explained fraction, 0 to 1), difference (of two groups: mean of the second minus that of the first, within
    strata), pvalue, smallest (p that the design can attain), fdr (over entries, per column and measure).
    Columns that cannot be tested are logged and left out.
    """
    tables = []
    for column in columns:
        if column not in samples:
            logger.warning("dictionary.compare: no study has the column %r", column)
            continue
        others = [name for name in covariates if name in samples and name != column]
        units = _units(samples, column, block, others)
        if units is not None:
            rng = stream(seed, "compare", column)
            tables += [_tests(units, column, measure, permutations, rng) for measure in MEASURES]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


@dataclass(frozen=True)
class _Units:
    """Units of a test: their values, label or codes, strata and regressors of covariates."""

    values: dict[str, np.ndarray]
    entries: np.ndarray
    label: np.ndarray
    kind: str
    groups: int
    strata: np.ndarray
    design: np.ndarray | None


def _units(samples: pd.DataFrame, column: str, block: str | None, covariates: list[str]) -> _Units | None:
    """Return the units that a column is tested on, or None if they are too few."""
    block = block if block in samples else None
    needed = [column, *covariates, *([block] if block else [])]
    used, inside = samples[samples[needed].notna().all(axis=1)], ["study"]
    if block and len(used) and used.groupby(["study", block])[column].nunique().max() == 1:
        used = _averaged(used, column, block, covariates)
    elif block:
        inside = ["study", block]
    units = used.drop_duplicates(["study", "sample"]).reset_index(drop=True)
    label, kind, groups = _label(units[column])
    strata = units.groupby(inside, sort=False).ngroup().to_numpy()
    varied = pd.Series(label).groupby(strata).nunique().reindex(strata).to_numpy() > 1
    if varied.sum() < MIN_SAMPLES:
        logger.warning(
            "dictionary.compare: %s is not tested: it differs among %d samples of one %s, not at least %d",
            column,
            varied.sum(),
            " and ".join(inside),
            MIN_SAMPLES,
        )
        return None
    units, label, strata = units[varied], label[varied], strata[varied]
    wide = used.pivot(index=["study", "sample"], columns="entry", values=list(MEASURES))
    wide = wide.reindex(pd.MultiIndex.from_frame(units[["study", "sample"]]))
    values = {measure: wide[measure].to_numpy(dtype=float).T for measure in MEASURES}
    entries = wide[MEASURES[0]].columns.to_numpy(dtype=object)
    return _Units(values, entries, label, kind, groups, strata, _design(units, covariates))


def _tests(units: _Units, column: str, measure: str, permutations: int, rng: np.random.Generator):
    """Return the rows of :func:`compare_samples` of one column and measure."""
    values, label, strata = units.values[measure], units.label, units.strata
    adjusted = Adjusted(values, units.design, strata=strata if len(np.unique(strata)) > 1 else None)
    many = units.groups if units.groups > 2 else 0
    rho = adjusted.rho(label, groups=many)
    if units.design is None:
        null = adjusted.rho(labellings(label, permutations, rng, strata), groups=many)
    else:
        null = adjusted.null(label, orders(len(label), permutations, rng, strata), groups=many)
    pvalue = permutation_pvalue(np.abs(rho), np.abs(null), tolerance=1e-9)
    table = {
        "column": column,
        "measure": measure,
        "entry": units.entries,
        "kind": units.kind,
        "n_samples": len(label),
        "rho": rho,
        "difference": _difference(values, label, strata) if units.groups == 2 else np.nan,
        "pvalue": pvalue,
        "smallest": smallest_pvalue(label, strata, groups=bool(many)),
        "fdr": benjamini_hochberg(pvalue),
    }
    return pd.DataFrame(table)


def _averaged(samples: pd.DataFrame, column: str, block: str, covariates: Sequence[str]) -> pd.DataFrame:
    """Return one unit per block of a study: the mean of its samples, with the first value of covariates."""
    rules = dict.fromkeys(MEASURES, "mean") | dict.fromkeys([column, *covariates], "first")
    table = samples.groupby(["study", block, "entry"], sort=False).agg(rules).reset_index()
    return table.rename(columns={block: "sample"})


def _label(values: pd.Series) -> tuple[np.ndarray, str, int]:
    """Return values or codes, what they are and the number of groups (0: a number)."""
    number = pd.to_numeric(values.astype(str), errors="coerce")
    if number.notna().all() and number.nunique() > 2:
        return number.to_numpy(dtype=float), "number", 0
    names, codes = np.unique(values.astype(str), return_inverse=True)
    return codes.astype(float), " / ".join(names), len(names)


def _design(units: pd.DataFrame, covariates: Sequence[str]) -> np.ndarray | None:
    """Return (n, k) regressors of the covariates: ranks of numbers, indicators of labels."""
    parts = []
    for name in covariates:
        value, _, groups = _label(units[name])
        if groups == 0:
            parts.append(pd.Series(value).rank().to_numpy()[:, None])
        elif groups > 1:
            parts.append((value[:, None] == np.arange(1, groups)).astype(float))
    return np.hstack(parts) if parts else None


def _difference(values: np.ndarray, label: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Return the mean over strata of the second group's mean minus the first's, weighted by samples."""
    total, weight = np.zeros(len(values)), 0.0
    for code in np.unique(strata):
        first, second = ((strata == code) & (label == group) for group in (0, 1))
        if first.any() and second.any():
            size = first.sum() * second.sum() / (first.sum() + second.sum())
            total += size * (values[:, second].mean(axis=1) - values[:, first].mean(axis=1))
            weight += size
    return total / max(weight, np.finfo(float).tiny)
