"""Maps of lines by network similarity, and tests of their association with phenotypes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from panscape.sivae.networks.null import adjusted_for, null, observed
from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.adjusted import KEPT, rank_of, room_for_controls
from panscape.stats.decomposition import signs, symmetric_eigen
from panscape.stats.permutation import permutation_pvalue
from panscape.stats.ranks import centred_ranks, spearman_rows
from panscape.stats.singular import least_squares

TESTS = ("permanova", "mantel", "pc1")
CONTROLLED = ", controlled"
DIGITS = 9  # decimals at which distances are ranked, so that rounding breaks no ties


def coordinates(similarity: np.ndarray, dimensions: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates of lines whose distances approximate ``sqrt(K_ii + K_jj - 2 K_ij)``.

    The eigenvectors of the double-centred similarity, scaled by the roots of their eigenvalues: kernel PCA of
    a kernel, classical scaling (PCoA) of the corresponding distance for any other similarity. Negative
    eigenvalues are dropped. The largest entry of each axis is positive.

    Returns
    -------
    coordinates
        (L, at most `dimensions`).
    share
        Fraction of the sum of positive eigenvalues, per axis.
    """
    n = len(similarity)
    if n < 2:
        return np.zeros((n, 0)), np.zeros(0)
    values, vectors = symmetric_eigen(double_centre(similarity))
    good = values > 1e-12 * max(values[0], 1e-300)
    total = values[good].sum()
    values, vectors = values[good][:dimensions], vectors[:, good][:, :dimensions]
    axes = vectors * signs(vectors) * np.sqrt(values)
    return axes, values / total if total > 0 else values


def double_centre(similarity: np.ndarray) -> np.ndarray:
    """Return the doubly centred similarity, the Gram matrix about the centroid."""
    centred = similarity - similarity.mean(axis=0, keepdims=True)
    return centred - centred.mean(axis=1, keepdims=True)


def distances(similarity: np.ndarray) -> np.ndarray:
    """Return ``sqrt(K_ii + K_jj - 2 K_ij)``."""
    diagonal = np.diagonal(similarity)
    return np.sqrt(np.maximum(diagonal[:, None] + diagonal[None, :] - 2 * similarity, 0.0))


def associate(
    similarity: np.ndarray,
    phenotype: Phenotype,
    *,
    permutations: int,
    rng: np.random.Generator,
    controls: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """Test whether lines of similar phenotype have similar networks by permutation.

    permanova
        Pseudo-F of the phenotype (numbers: one slope; groups: their means) in the distances of units
        (Anderson 2001, McArdle and Anderson 2001).
    mantel
        Spearman's correlation of the units' distances with their differences in phenotype (groups: 0 if
        equal, 1 if not).
    pc1
        |Spearman's rho| of the first axis of :func:`coordinates` with the phenotype; for more than two
        groups the fraction of its variance between groups.

    The units are those of the phenotype: lines, or blocks of lines (donors) whose similarities are averaged.
    Blocks within which it differs, and covariates, are regressed out of similarity and phenotype; labels are
    permuted, with covariates the residuals of the phenotype (Freedman and Lane 1983), whose sizes are made
    equal for Mantel's test (:func:`residual_scale`).

    Parameters
    ----------
    similarity
        (L, L); only lines with a phenotype are used.
    phenotype
        See :func:`read_phenotype`.
    permutations
        Maximum number of label permutations (all labellings if these are fewer, see
        :meth:`Phenotype.shuffled`); p = (1 + those at least as large) / (1 + their number).
    rng
        Random number generator of the permutations.
    controls
        Name -> (L,): properties of the lines (depth, number of cells) for which the tests are repeated with
        them as further covariates, as many as the number of units allows; None: no repetition.

    Returns
    -------
    test (``permanova`` ..., ``permanova, controlled`` ...), value, null_mean, null_sd, pvalue, n, spread
    (standard deviation of the similarities of different units: near 0 the kernel does not distinguish them).
    """
    kernel = phenotype.kernel(similarity)
    table = _tests(kernel, phenotype, permutations, rng)
    more = controlled(phenotype, controls or {})
    if more is None:
        return table
    again = _tests(kernel, more, permutations, rng)
    return pd.concat([table, again.assign(test=again["test"] + CONTROLLED)], ignore_index=True)


def controlled(phenotype: Phenotype, controls: Mapping[str, np.ndarray]) -> Phenotype | None:
    """Return the phenotype with controls as further covariates; None if no control can be used.

    Parameters
    ----------
    phenotype
        See :func:`read_phenotype`.
    controls
        Name -> (L,), most important first; one for every three units beyond three and the covariates.
    """
    names = list(controls)[: room_for_controls(phenotype.n, rank_of(phenotype.design))]
    if not names:
        return None
    values = phenotype.of_units(np.stack([controls[name] for name in names])).T
    spread = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    given = bool(phenotype.adjusted)
    return replace(
        phenotype,
        covariates=np.hstack([*[phenotype.covariates][:given], centred_ranks(values)]),
        linear=np.hstack([*[phenotype.linear][:given], values]),
        adjusted=(*phenotype.adjusted, *names),
    )


def _tests(
    kernel: np.ndarray, phenotype: Phenotype, permutations: int, rng: np.random.Generator
) -> pd.DataFrame:
    gram = double_centre(kernel)
    design = phenotype.design - phenotype.design.mean(axis=0)
    fixed = rank_of(design)
    if fixed:
        gram = _without(design, _without(design, gram).T)
    differences = _targets(phenotype, design, permutations, rng)
    pc1 = _pc1(gram, phenotype, permutations, rng)
    scale = residual_scale(design) if phenotype.adjusted else np.ones(phenotype.n)
    tests = {
        "permanova": _permanova(gram, differences, fixed),
        "mantel": _mantel(gram * scale[:, None] * scale, differences * scale[:, None]),
        "pc1": pc1,
    }
    spread = float(kernel[np.triu_indices(phenotype.n, 1)].std())
    rows = []
    for test in TESTS:
        observed, null = tests[test][0], tests[test][1:]
        known = np.isfinite(observed)
        rows.append(
            {
                "test": test,
                "value": observed,
                "null_mean": null.mean() if len(null) and known else np.nan,
                "null_sd": null.std() if len(null) and known else np.nan,
                "pvalue": permutation_pvalue(observed, null, tolerance=1e-9 * abs(observed)),
                "n": phenotype.n,
                "spread": spread,
            }
        )
    return pd.DataFrame(rows)


def _without(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return columns (n, m) without what the design (n, k) explains of them."""
    return values - design @ least_squares(design, values)


def residual_scale(design: np.ndarray) -> np.ndarray:
    """Return (n,) factors that give the residuals of all units the same expected size.

    Residuals of units of extreme covariates are smaller, by the root of one minus their leverage, in networks
    and phenotype alike. Distances of such units would thus be short; permuted residuals do not share that,
    and Mantel's test would reject too rarely (1 instead of 5 % of random groups of donors).

    Parameters
    ----------
    design
        (n, k) centred regressors; the mean is removed as well.

    Examples
    --------
    >>> residual_scale(np.array([[-1.0], [0.0], [0.0], [1.0]])).round(2).tolist()
    [2.0, 1.15, 1.15, 2.0]
    """
    n = len(design)
    leverage = np.diag(design @ least_squares(design, np.eye(n))) + 1 / n
    left = 1 - leverage
    return np.divide(1.0, np.sqrt(np.maximum(left, 0.0)), out=np.zeros(n), where=left > KEPT)


def _targets(
    phenotype: Phenotype, design: np.ndarray, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the observed and permuted phenotype without what the design explains, (1 + P, n, q)."""
    labels = phenotype.values[None] if phenotype.adjusted else phenotype.shuffled(permutations, rng)
    codes = np.arange(phenotype.many)
    y, turned = (
        (one[:, :, None] == codes).astype(float) if phenotype.many else one[:, :, None]
        for one in (phenotype.values[None], labels)
    )
    y = y - y.mean(axis=1, keepdims=True)
    if phenotype.adjusted:
        turned = _without(design, y[0])[phenotype.orders(permutations, rng)]
    every = np.concatenate([y, turned - turned.mean(axis=1, keepdims=True)])
    if not design.shape[1]:
        return every
    flat = every.transpose(1, 0, 2).reshape(phenotype.n, -1)
    return _without(design, flat).reshape(phenotype.n, *every.shape[::2]).transpose(1, 0, 2)


def _permanova(gram: np.ndarray, differences: np.ndarray, fixed: int) -> np.ndarray:
    """Return pseudo-F of every set of targets, given the rank of the design."""
    n = len(gram)
    kept: list[np.ndarray] = []
    total, between, q = np.trace(gram), np.zeros(len(differences)), np.zeros(len(differences))
    size = np.square(differences).sum(axis=(1, 2))
    for at in range(differences.shape[2]):
        one = differences[:, :, at]
        for other in kept:  # Gram-Schmidt
            one = one - other * (one * other).sum(axis=1)[:, None]
        left = np.square(one).sum(axis=1)
        good = left > KEPT * np.maximum(size, 1e-9)
        one = one * np.where(good, 1 / np.sqrt(np.where(good, left, 1.0)), 0.0)[:, None]
        kept.append(one)
        between += np.einsum("pi,pi->p", one @ gram, one)
        q += good
    free = n - 1 - fixed - q
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (between / q) / ((total - between) / free)
    return np.where((total > 1e-12 * n) & (free > 0) & (q > 0), ratio, np.nan)


def _mantel(gram: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of distances with differences of every set of targets."""
    upper = np.triu_indices(len(gram), 1)
    apart = distances(gram)[upper]
    apart = centred_ranks(np.round(apart / max(apart.max(), 1e-300), DIGITS))
    scale = max(np.square(differences).max(), 1e-300)
    rows = []
    step = max(500 // differences.shape[2], 1)  # bounds the memory of pairs of units x permutations
    for start in range(0, len(differences), step):
        block = differences[start : start + step]
        gap = np.square(block[:, upper[0]] - block[:, upper[1]]).sum(axis=2)
        rows.append(spearman_rows(np.round(gap / scale, DIGITS), apart))
    return np.concatenate(rows)


def _pc1(gram: np.ndarray, phenotype: Phenotype, permutations: int, rng: np.random.Generator) -> np.ndarray:
    first, _ = coordinates(gram, 1)
    if not first.shape[1]:
        return np.full(2, np.nan)
    axis = adjusted_for(phenotype, first.T)
    rho = np.concatenate([observed(axis, phenotype), null(axis, phenotype, permutations, rng)[0]])
    return np.square(rho) if phenotype.many else np.abs(rho)
