"""Which gene sets vary over cells more than random genes do.

The UniCoord paper keeps sets whose entropy is beyond that of permutations, but does not say how entropy is
binned nor what is permuted (permuting a set's scores over cells leaves their entropy as it is). Here genes
are permuted: the null is sets of random genes. A set of highly expressed genes varies more than one of rare
genes by noise alone, so random sets tell what entropy to expect at a set's noise. Entropy is high where cells
differ by degrees or in halves; a set that is active in few cells only has a low one and may be dropped.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.features._aucell import areas, largest_area
from panscape.features._settings import NULLS
from panscape.log import logger
from panscape.stats.singular import least_squares

STEPS = 4  # histogram bins per standard deviation of the random sets' scores
_COLUMNS = 2000  # random sets scored at once


def entropies(scores: np.ndarray, width: float) -> np.ndarray:
    """Return the entropy (nats) of each column's histogram with bins of a width that start at 0.

    A fixed width makes it grow with the spread of the scores: by log 2 where the spread doubles.
    """
    if not width > 0:
        return np.zeros(scores.shape[1])
    found = np.empty(scores.shape[1])
    for column in range(scores.shape[1]):
        share = np.bincount((scores[:, column] / width).astype(np.int64))
        share = share[share > 0] / scores.shape[0]
        found[column] = -(share * np.log(share)).sum()
    return found


def entropy_test(
    weights: sparse.csr_matrix,
    member: sparse.csr_matrix,
    n_up: int,
    rng: np.random.Generator,
    *,
    random_sets: int = 1000,
    size_bins: int = 10,
    null: str = "membership",
) -> tuple[pd.DataFrame, np.ndarray]:
    """Test every set's entropy against random sets of its size.

    Sets are sorted into bins of similar size, each with random sets of the sizes met in it. The histograms of
    a bin have a quarter of its random sets' standard deviation as their width. Among the random sets, entropy
    is regressed (square polynomial) on what noise alone decides: the variance that a set's score would have
    if its genes were independent, its mean score, and over how many genes that variance is spread. p compares
    a set's residual with theirs.

    Parameters
    ----------
    weights
        CSR (n, G) from :func:`panscape.features.weight_blocks`.
    member
        CSR (T, G) of ones.
    n_up
        Rank up to which genes count.
    rng
        For the random sets.
    random_sets
        Per size bin; the least p is 1 / (1 + random_sets).
    size_bins
        At most so many.
    null
        ``"membership"``: genes are drawn as often as the sets hold them (genes that are studied much, and
        expressed much, are in many sets). ``"uniform"``: all genes alike.

    Returns
    -------
    table
        One row per set: n_genes, size_bin, entropy, null_mean (expected of random sets of its size and
        noise), null_sd, pvalue (one-sided), fdr (Benjamini and Hochberg).
    scores
        float32 (n, T).
    """
    from scipy.stats import false_discovery_control

    if null not in NULLS:
        raise ValueError(f"null is {null!r}, not one of {NULLS}")
    sizes = np.diff(member.indptr)
    scores = areas(weights, member, n_up)
    held = np.asarray(member.sum(axis=0)).ravel() if null == "membership" else np.ones(member.shape[1])
    table = pd.DataFrame({"n_genes": sizes, "size_bin": bins_of_size(sizes, size_bins)})
    for name in ("entropy", "null_mean", "null_sd", "pvalue"):
        table[name] = np.nan
    gene_moments = _gene_moments(weights)
    for number in np.unique(table["size_bin"]):
        inside = np.flatnonzero(table["size_bin"] == number)
        drawn = random_members(rng.choice(sizes[inside], random_sets), held, rng)
        width, random = _null(weights, drawn, n_up)
        own = entropies(scores[:, inside], width)
        noise = [_noise(rows, gene_moments, n_up) for rows in (drawn, member[inside])]
        expected, residual = _expected(random, *noise)
        above = random_sets - np.searchsorted(np.sort(residual), own - expected, side="left")
        values = (own, expected, residual.std(), (1 + above) / (1 + random_sets))
        for name, value in zip(("entropy", "null_mean", "null_sd", "pvalue"), values, strict=True):
            table.loc[inside, name] = value
        logger.info("size bin %s: %s sets of %s to %s genes", number, len(inside), *_ends(sizes[inside]))
    table["fdr"] = false_discovery_control(table["pvalue"]) if len(table) else table["pvalue"]
    return table, scores


def _ends(values: np.ndarray) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def bins_of_size(sizes: np.ndarray, most: int) -> np.ndarray:
    """Return the bin (from 0) of each size: bins hold about equally many sets, equal sizes share one."""
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, most + 1)[1:-1])) if len(sizes) else []
    _, codes = np.unique(np.searchsorted(edges, sizes, side="left"), return_inverse=True)
    return codes


def random_members(sizes: np.ndarray, held: np.ndarray, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return CSR (len(sizes), G) of ones: random sets, their genes drawn in proportion to `held`.

    No gene is drawn twice; genes that no set holds are drawn only where the others do not suffice.
    """
    weight = np.maximum(np.asarray(held, dtype=np.float64), 1e-9)
    rows = []
    for size in sizes:
        # the first in a race of exponential clocks are a draw without replacement (Efraimidis and Spirakis)
        clock = rng.exponential(size=len(weight)) / weight
        rows.append(np.sort(np.argpartition(clock, size - 1)[:size]))
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    indices = np.concatenate([*rows, []]).astype(np.int64)
    return sparse.csr_matrix((np.ones(len(indices)), indices, indptr), shape=(len(sizes), len(weight)))


def _null(weights: sparse.csr_matrix, drawn: sparse.csr_matrix, n_up: int) -> tuple[float, np.ndarray]:
    """Return (bin width, entropies) of random sets."""
    scores = [
        areas(weights, drawn[start : start + _COLUMNS], n_up) for start in range(0, drawn.shape[0], _COLUMNS)
    ]
    spread = np.sqrt(np.mean([np.square(part.std(axis=0, dtype=np.float64)).mean() for part in scores]))
    width = float(spread) / STEPS
    return width, np.concatenate([entropies(part, width) for part in scores])


def _gene_moments(weights: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return (G,) means and variances of the genes' weights over cells."""
    n = weights.shape[0]
    mean = np.asarray(weights.sum(axis=0, dtype=np.float64)).ravel() / n
    square = np.asarray(weights.multiply(weights).sum(axis=0, dtype=np.float64)).ravel() / n
    return mean, np.maximum(square - mean**2, 0)


def _noise(member: sparse.csr_matrix, moments: tuple[np.ndarray, np.ndarray], n_up: int) -> np.ndarray:
    """Return (T, 3) what a set's entropy hangs on apart from what its genes do together.

    The logarithms of the variance that its score would have if its genes were independent, of its mean score,
    and of the number of genes that the variance is spread over.
    """
    mean, variance = (np.asarray(member @ values).ravel() for values in moments)
    squares = np.asarray(member @ moments[1] ** 2).ravel()
    area = largest_area(np.diff(member.indptr), n_up)
    spread = variance**2 / np.maximum(squares, 1e-12)
    columns = (variance / area**2, mean / area, spread)
    return np.log(np.maximum(np.column_stack(columns), 1e-12))


def _expected(random: np.ndarray, noise: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (entropy expected at the sets' own noise, residuals of the random sets)."""
    centre, scale = noise.mean(axis=0), noise.std(axis=0)
    scale[scale == 0] = 1.0
    # beyond what random sets reach, the nearest that they do reach says what to expect
    inside = np.clip(own, noise.min(axis=0), noise.max(axis=0))
    design, wanted = (_design((rows - centre) / scale) for rows in (noise, inside))
    weight = least_squares(design, random)
    return wanted @ weight, random - design @ weight


def _design(x: np.ndarray) -> np.ndarray:
    """Return the terms of a square polynomial without products."""
    return np.column_stack([np.ones(len(x)), x, x**2])
