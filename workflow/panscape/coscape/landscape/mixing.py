"""Mixing of studies among the neighbors of clusters."""

from __future__ import annotations

import numpy as np
from scipy import sparse

AGE_BINS = 5
DRAWS = 200  # number of permutations for the expected entropy


def neighbour_links(index: np.ndarray) -> sparse.csr_matrix:
    """Return neighbours as CSR of ones (n, n).

    Parameters
    ----------
    index
        (n, k) positions, -1 where missing.
    """
    rows, places = np.nonzero(index >= 0)
    count = len(index)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, index[rows, places])), shape=(count, count))


def other_study_share(links: sparse.csr_matrix, study: np.ndarray) -> float:
    """Return the mean fraction of a node's neighbours that belong to other studies, in [0, 1].

    Parameters
    ----------
    links
        From :func:`neighbour_links`; nodes without neighbors are excluded.
    study
        (n,) study of each node.
    """
    one_hot, code = _one_hot(study)
    count = links @ one_hot
    number = count.sum(axis=1)
    linked = number > 0
    same = count[np.arange(len(code)), code]
    return float((1 - same[linked] / number[linked]).mean()) if linked.any() else np.nan


def expected_share(links: sparse.csr_matrix, study: np.ndarray, strata: np.ndarray | None = None) -> float:
    """Return the expectation of :func:`other_study_share` after permuting the studies over the nodes.

    Parameters
    ----------
    links, study
        As in :func:`other_study_share`.
    strata
        (n,) optional strata, within which studies are permuted.
    """
    one_hot, _ = _one_hot(study)
    groups, stratum = _one_hot(np.zeros(len(study)) if strata is None else strata)
    table = groups.T @ one_hot
    size = table.sum(axis=1)
    pairs = np.outer(size, size) - np.diag(size)
    same = table @ table.T - np.diag(size)
    chance = 1 - np.divide(same, pairs, out=np.zeros_like(same), where=pairs > 0)
    number = np.diff(links.indptr)
    if not number.any():
        return np.nan
    row = np.repeat(np.arange(len(number)), number)
    each = chance[stratum[row], stratum[links.indices]] / number[row]
    return float(each.sum() / (number > 0).sum())


def study_entropy(links: sparse.csr_matrix, study: np.ndarray) -> float:
    """Return the mean entropy of the studies among a node and its neighbours, 0 (one study) to 1 (even).

    The entropy is divided by the logarithm of the number of studies; NaN for a single study. Parameters as in
    :func:`other_study_share`.
    """
    one_hot, _ = _one_hot(study)
    linked = np.diff(links.indptr) > 0
    if one_hot.shape[1] < 2 or not linked.any():
        return np.nan
    count = one_hot + links @ one_hot
    fraction = count / count.sum(axis=1, keepdims=True)
    entropy = -(fraction * np.log(np.where(fraction > 0, fraction, 1))).sum(axis=1) / np.log(one_hot.shape[1])
    return float(entropy[linked].mean())


def expected_entropy(
    links: sparse.csr_matrix, study: np.ndarray, rng: np.random.Generator, draws: int = DRAWS
) -> float:
    """Return the mean of :func:`study_entropy` after permuting the studies over the nodes.

    Parameters
    ----------
    links
        From :func:`neighbour_links`.
    study
        (n,) labels.
    rng
        Random number generator of the permutations.
    draws
        Number of permutations.
    """
    return float(np.mean([study_entropy(links, rng.permutation(study)) for _ in range(draws)]))


def age_bins(age: np.ndarray) -> np.ndarray:
    """Return five age bins with equal numbers of clusters, int (n,); -1 for unknown ages."""
    known = np.isfinite(age)
    if not known.any():
        return np.full(len(age), -1)
    edges = np.nanquantile(age, np.linspace(0, 1, AGE_BINS + 1)[1:-1])
    return np.where(known, np.searchsorted(edges, age), -1)


def _one_hot(study: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names, code = np.unique(study, return_inverse=True)
    return np.eye(len(names))[code], code
