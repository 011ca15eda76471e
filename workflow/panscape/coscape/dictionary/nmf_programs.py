"""Expression programs: non-negative matrix factorisation of the expression of panclusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from panscape.coscape.dictionary.entries import weighted_mean
from panscape.log import logger
from panscape.stats.ranks import spearman_rows


@dataclass(frozen=True)
class Factors:
    """Non-negative factors.

    Attributes
    ----------
    usage
        (N, K) non-negative.
    weights
        (K, G) non-negative, rows of norm 1.
    error
        Squared error / squared norm.
    """

    usage: np.ndarray
    weights: np.ndarray
    error: float


def expression_factors(expression: np.ndarray, k: int, *, max_iter: int = 500) -> Factors:
    """Factorise the expression of panclusters (non-negative matrix factorisation, Frobenius norm).

    The initialisation (NNDSVD) is deterministic, so no seed is needed.

    Parameters
    ----------
    expression
        (N, G), non-negative: geometric-mean expression of each pancluster. Every gene is divided by its
        largest value, so that highly expressed genes do not dominate.
    k
        Number of factors, at most min(N, G).
    max_iter
        Maximum number of iterations.
    """
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    expression = np.asarray(expression, dtype=np.float64)
    if expression.min() < 0:
        raise ValueError("expression has negative values")
    top = expression.max(axis=0)
    scaled = np.divide(expression, top, out=np.zeros_like(expression), where=top > 0)
    model = NMF(k, init="nndsvda", max_iter=max_iter, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        usage = model.fit_transform(scaled)
    if model.n_iter_ >= max_iter:
        logger.info("expression factors: stopped after %d iterations", max_iter)
    length = np.linalg.norm(model.components_, axis=1)
    weights = model.components_ / np.where(length > 0, length, 1)[:, None]
    error = float(model.reconstruction_err_**2 / max((scaled**2).sum(), np.finfo(float).tiny))
    return Factors(usage * length, weights, error)


@dataclass(frozen=True)
class FactorTables:
    """Tables of the factors: `usage` (cluster, factor columns), `genes`, `matches` (see below)."""

    usage: pd.DataFrame
    genes: pd.DataFrame
    matches: pd.DataFrame


def factor_tables(saved, landscape) -> FactorTables:
    """Factorise a landscape's expression into as many factors as the dictionary has entries.

    Parameters
    ----------
    saved
        The dictionary, :class:`panscape.coscape.dictionary.write.SavedDictionary`.
    landscape
        AnnData of its panclusters in the same order; X is their geometric-mean expression. Only genes
        measured by all studies are used.

    Returns
    -------
    usage: cluster, factor-01 ...; factors are in the order of their mean pseudotime. genes: factor, gene,
    weight, rank. matches: entry, factor, rho, and shared: how many of the factor's 50 heaviest genes are in
    the entry's network, of n_genes there.
    """
    landscape = landscape[:, ~np.isnan(np.asarray(landscape.X)).any(axis=0)]
    expression = np.asarray(landscape.X, dtype=np.float64)
    if expression.shape[1] < 2:
        logger.warning("no expression factors: fewer than two genes are measured in all studies")
        nothing = pd.DataFrame({"entry": saved.names, "factor": "", "rho": np.nan, "shared": 0, "n_genes": 0})
        return FactorTables(
            pd.DataFrame({"cluster": list(landscape.obs_names)}),
            factor_genes(np.empty((0, 0)), [], []),
            nothing,
        )
    factors = expression_factors(expression, min(len(saved.names), *expression.shape))
    when = (
        landscape.obs["dpt_pseudotime"].to_numpy(dtype=float) if "dpt_pseudotime" in landscape.obs else None
    )
    order = np.argsort(weighted_mean(factors.usage, when), kind="stable")
    names = [f"factor-{i + 1:02d}" for i in range(len(order))]
    usage, weights = factors.usage[:, order], factors.weights[order]
    genes = factor_genes(weights, names, list(landscape.var_names))
    matches = compare_usage(saved.usage, saved.names, usage, names)
    networks = []
    for row in range(len(saved.names)):
        part = saved.edges[[row]].indices
        networks.append(set(saved.gene_a[part]) | set(saved.gene_b[part]))
    heavy = {name: set(part["gene"]) for name, part in genes.groupby("factor")}
    matches["shared"] = [
        len(heavy.get(f, set()) & n) for f, n in zip(matches["factor"], networks, strict=True)
    ]
    matches["n_genes"] = [len(network) for network in networks]
    table = pd.DataFrame(usage, columns=names)
    table.insert(0, "cluster", list(landscape.obs_names))
    logger.info(
        "%d expression factors leave %.1f %% of the squared norm unexplained", len(names), 100 * factors.error
    )
    return FactorTables(table, genes, matches)


def compare_usage(
    usage: np.ndarray, names: Sequence[str], other: np.ndarray, other_names: Sequence[str]
) -> pd.DataFrame:
    """Return the factor most similar to each entry by Spearman correlation of their usage.

    Parameters
    ----------
    usage, other
        (N, K) and (N, L) over the same panclusters.
    names, other_names
        Names of their columns.

    Returns
    -------
    entry, factor, rho (NaN where a usage is constant).
    """
    rho = spearman_rows(usage.T, other.T)
    best = np.where(np.isnan(rho), -np.inf, rho).argmax(axis=1)
    return pd.DataFrame(
        {
            "entry": list(names),
            "factor": [other_names[i] for i in best],
            "rho": rho[np.arange(len(best)), best],
        }
    )


def factor_genes(
    weights: np.ndarray, names: Sequence[str], genes: Sequence[str], top: int = 50
) -> pd.DataFrame:
    """Return the heaviest genes of every factor: factor, gene, weight, rank (from 1).

    Parameters
    ----------
    weights
        (L, G) weights of the factors.
    names
        L names of factors.
    genes
        G names of genes.
    top
        Maximum number of genes per factor.

    Examples
    --------
    >>> factor_genes(np.array([[0.1, 0.0, 0.9]]), ["factor-01"], ["Actb", "Sox2", "Pax6"])["gene"].tolist()
    ['Pax6', 'Actb']
    """
    rows = []
    for name, row in zip(names, weights, strict=True):
        order = np.argsort(-row, kind="stable")[:top]
        rows += [(name, genes[g], row[g], rank + 1) for rank, g in enumerate(order) if row[g] > 0]
    return pd.DataFrame(rows, columns=["factor", "gene", "weight", "rank"])
