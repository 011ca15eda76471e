"""Selection and order of entries, their edges and usage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.dictionary.choose import Choice


@dataclass(frozen=True)
class Dictionary:
    """Selected entries in the order of the report.

    Attributes
    ----------
    entries
        CSR (K, P), non-negative, rows of norm 1, in the units of the fitted data (see `weights`).
    usage
        (N, K) codes.
    table
        One row per entry: entry (name), n_panclusters, pseudotime, stability, share (fraction of all usage),
        kept. Rows 0..K-1 are the kept entries in order; entries set aside follow.
    edges
        CSR (K, P), the entries restricted to their edges (off-diagonal pairs that carry weight).
    """

    entries: sparse.csr_matrix
    usage: np.ndarray
    table: pd.DataFrame
    edges: sparse.csr_matrix


def arrange_entries(
    choice: Choice,
    diagonal: np.ndarray,
    pseudotime: np.ndarray | None = None,
    *,
    min_panclusters: int = 10,
    usage_fraction: float = 0.05,
    edge_fraction: float = 1.0,
) -> Dictionary:
    """Set aside rarely used entries, order the others by pseudotime and select their edges.

    Parameters
    ----------
    choice
        A fit with its stability.
    diagonal
        (P,) bool: pairs of a gene with itself; never edges.
    pseudotime
        (N,) of the panclusters, NaN where unknown; entries are then ordered by the mean over panclusters
        weighted by usage, those without any at the end (by falling usage).
    min_panclusters
        Entries used by fewer panclusters are set aside (Coscape paper: ten).
    usage_fraction
        A pancluster uses an entry if the entry has more than this fraction of the pancluster's codes.
    edge_fraction
        Smallest set of the heaviest edges that carries this fraction of an entry's squared weight; 1 keeps
        every positive weight (paper).
    """
    fit = choice.fit
    total = fit.codes.sum(axis=1, keepdims=True)
    fraction = np.divide(fit.codes, total, out=np.zeros_like(fit.codes), where=total > 0)
    used = (fraction > usage_fraction).sum(axis=0)
    when = weighted_mean(fit.codes, pseudotime)
    amount = fit.codes.sum(axis=0)
    kept = (used >= min_panclusters) & (np.linalg.norm(fit.entries, axis=1) > 0)
    order = np.lexsort((-amount, np.where(np.isnan(when), np.inf, when), ~kept))
    names = entry_names(int(kept.sum()))
    aside = [f"aside-{i + 1:02d}" for i in range(len(kept) - len(names))]
    table = pd.DataFrame(
        {
            "entry": [*names, *aside],
            "kept": kept[order],
            "n_panclusters": used[order],
            "share": amount[order] / max(amount.sum(), np.finfo(float).tiny),
            "pseudotime": when[order],
            "stability": choice.stability[order],
        }
    )
    chosen = order[: len(names)]
    entries = sparse.csr_matrix(fit.entries[chosen])
    return Dictionary(entries, fit.codes[:, chosen], table, entry_edges(entries, diagonal, edge_fraction))


def entry_names(count: int) -> list[str]:
    """Return ``entry-01``, ``entry-02`` ..."""
    return [f"entry-{i + 1:02d}" for i in range(count)]


def entry_edges(entries: sparse.csr_matrix, diagonal: np.ndarray, fraction: float = 1.0) -> sparse.csr_matrix:
    """Return the edges of each entry: its heaviest off-diagonal pairs with `fraction` of their squares.

    Parameters
    ----------
    entries
        CSR (K, P).
    diagonal
        (P,) bool.
    fraction
        In (0, 1].
    """
    rows = []
    for k in range(entries.shape[0]):
        row = sparse.csr_matrix(entries[[k]], copy=True)
        row.data[diagonal[row.indices] | (row.data <= 0)] = 0
        row.eliminate_zeros()
        if fraction < 1 and row.nnz:
            heavy = np.argsort(-row.data, kind="stable")
            mass = np.cumsum(row.data[heavy] ** 2)
            count = int(np.searchsorted(mass, fraction * mass[-1])) + 1
            row.data[heavy[count:]] = 0
            row.eliminate_zeros()
        rows.append(row)
    if not rows:
        return sparse.csr_matrix(entries.shape)
    return sparse.csr_matrix(sparse.vstack(rows, format="csr"))


def weighted_mean(weights: np.ndarray, values: np.ndarray | None) -> np.ndarray:
    """Return the mean of values over panclusters, weighted by each column of `weights`; NaN if none.

    Parameters
    ----------
    weights
        (N, K), non-negative.
    values
        (N,), NaN where unknown, or None.
    """
    if values is None:
        return np.full(weights.shape[1], np.nan)
    known = np.isfinite(values)
    total = weights[known].sum(axis=0)
    summed = weights[known].T @ np.asarray(values, dtype=float)[known]
    return np.divide(summed, total, out=np.full(weights.shape[1], np.nan), where=total > 0)


def usage_by(
    usage: np.ndarray, names: Sequence[str], obs: pd.DataFrame, columns: Sequence[str]
) -> pd.DataFrame:
    """Summarise usage by the values of label columns and its weighted mean of numeric columns.

    Parameters
    ----------
    usage
        (N, K) codes.
    names
        K entry names.
    obs
        N panclusters.
    columns
        Columns of `obs`; numeric ones give one row per entry (weighted mean), others one per value.

    Returns
    -------
    entry, column, value (label, or "mean"), usage (label: fraction of the entry's usage in panclusters of
    this label; "mean": the mean itself), expected (label: fraction of all panclusters with this label;
    "mean": plain mean over panclusters), n_panclusters (with the label or value known).
    """
    total = np.maximum(usage.sum(axis=0), np.finfo(float).tiny)
    rows = []
    for column in columns:
        values = obs[column]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            number = values.to_numpy(dtype=float)
            known = np.isfinite(number)
            plain = float(number[known].mean()) if known.any() else np.nan
            mean = weighted_mean(usage, number)
            rows += [(n, column, "mean", mean[i], plain, int(known.sum())) for i, n in enumerate(names)]
            continue
        labels = values.astype(object).where(values.notna(), "").astype(str).to_numpy()
        for label in sorted(set(labels) - {"", "nan"}):
            here = labels == label
            part = usage[here].sum(axis=0) / total
            rows += [(n, column, label, part[i], here.mean(), int(here.sum())) for i, n in enumerate(names)]
    return pd.DataFrame(rows, columns=["entry", "column", "value", "usage", "expected", "n_panclusters"])
