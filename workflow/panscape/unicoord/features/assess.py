"""Tests of gene sets against random sets of similar size and detection: class separation and entropy.

Both tests use the same random sets, drawn per stratum of set size and mean detection by exchanging the genes
of a set for random genes of similar detection. The p-values thus compare a set with random genes in the same
cells. The p-value of a class also requires that labels shuffled within sampled units score lower, because
real sets correlate less with random sets than random sets do with each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import ndtr, ndtri

from panscape.log import logger
from panscape.stats.aucell import areas
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.permutation import reference_pvalues
from panscape.unicoord.features import classes as classes_module
from panscape.unicoord.features import entropy as entropy_module
from panscape.unicoord.features.classes import Areas, Classes
from panscape.unicoord.features.random import GenePool, random_members, strata
from panscape.unicoord.features.settings import FeatureSettings

_VALUES = 10_000_000  # scores of random sets in memory at once
_TAIL = 0.99  # quantile of the random sets that puts all classes on one scale


@dataclass(frozen=True)
class Assessed:
    """Gene sets compared with random sets.

    Attributes
    ----------
    table
        One row per set: n_genes, detection (mean fraction of cells with its genes), stratum; best_class,
        units (in which that class was tested), auroc, auroc_null (median of random sets), auroc_lowest (of
        units), class_pvalue, class_fdr (all missing without classes); entropy, entropy_null (expected of
        random sets at the set's noise), entropy_sd, entropy_pvalue, entropy_fdr.
    classes
        One row per set and class: set (row of `table`), class, n_cells, units, auroc, auroc_null,
        auroc_lowest, pvalue, fdr (over all sets and classes). Empty without classes.
    scores
        float32 (n, T).
    """

    table: pd.DataFrame
    classes: pd.DataFrame
    scores: np.ndarray


def assess_sets(
    weights: sparse.csr_matrix,
    member: sparse.csr_matrix,
    n_up: int,
    rng: np.random.Generator,
    *,
    detection: np.ndarray | None = None,
    classes: Classes | None = None,
    settings: FeatureSettings | None = None,
) -> Assessed:
    """Score gene sets and compare them with random sets.

    Parameters
    ----------
    weights
        CSR (n, G) from :func:`panscape.stats.aucell.weight_blocks`.
    member
        CSR (T, G) of ones.
    n_up
        Rank up to which genes count.
    rng
        Random generator for the random sets.
    detection
        (G,) fraction of cells that express each gene; by default that of positive weights.
    classes
        Classes to separate; None tests entropy only.
    settings
        random_sets, size_bins, detection_bins and random_genes are used. The smallest p-value is
        1 / (1 + random_sets * number of strata).
    """
    settings = settings or FeatureSettings()
    if detection is None:
        detection = weights.getnnz(axis=0) / max(weights.shape[0], 1)
    sizes = np.diff(member.indptr)
    of_set = np.asarray(member @ detection).ravel() / np.maximum(sizes, 1)
    table = pd.DataFrame({"n_genes": sizes, "detection": of_set})
    table["stratum"] = strata(sizes, of_set, settings.size_bins, settings.detection_bins)
    pool = GenePool.of(detection, member, settings.random_genes)
    composition, moments = pool.composition(member), entropy_module.gene_moments(weights)
    scores = areas(weights, member, n_up)
    real = classes_module.class_areas(scores, classes) if classes is not None else None
    expected = np.full((4, len(table)), np.nan)
    parts, null = [], []
    for number in np.unique(table["stratum"]):
        inside = np.flatnonzero(table["stratum"] == number)
        templates = rng.choice(inside, settings.random_sets)
        drawn = random_members(composition[templates], pool, rng)
        entropy, width, random = _random_values(weights, drawn, n_up, classes)
        values = entropy_module.entropies(scores[:, inside], width)
        noise = [entropy_module.noise(rows, moments, n_up) for rows in (drawn, member[inside])]
        mean, sd, pvalue = entropy_module.compare(entropy, noise[0], values, noise[1])
        expected[:, inside] = values, mean, np.full(len(inside), sd), pvalue
        if classes is not None and real is not None and random is not None:
            z, z_random = _standardised(real.replicated[:, inside], random.replicated, classes)
            parts.append((inside, z, np.median(random.mean, axis=1)))
            null.append((z_random, classes_module.shuffled_z(random)))
    logger.info("random sets: %s in each of %s strata", settings.random_sets, table["stratum"].nunique())
    pairs = pd.DataFrame()
    if classes is not None:
        pairs = _class_columns(
            table, classes, real, parts, [np.hstack(both) for both in zip(*null, strict=True)]
        )
    for name, column in zip(
        ("entropy", "entropy_null", "entropy_sd", "entropy_pvalue"), expected, strict=True
    ):
        table[name] = column
    table["entropy_fdr"] = benjamini_hochberg(table["entropy_pvalue"].to_numpy())
    return Assessed(table, pairs, scores)


def _random_values(weights, drawn, n_up, classes) -> tuple[np.ndarray, float, Areas | None]:
    """Return (entropies, their bin width, AUROCs) of random sets, in batches that fit in memory."""
    step = int(np.clip(_VALUES // max(weights.shape[0], 1), 1, drawn.shape[0]))
    entropy, parts, width = [], [], 0.0
    for start in range(0, drawn.shape[0], step):
        scores = areas(weights, drawn[start : start + step], n_up)
        if start == 0:
            width = entropy_module.bin_width(scores)
        entropy.append(entropy_module.entropies(scores, width))
        if classes is not None:
            parts.append(classes_module.class_areas(scores, classes))
    joined = None
    if classes is not None:
        joined = Areas(*(np.hstack([getattr(part, name) for part in parts]) for name in vars(parts[0])))
    return np.concatenate(entropy), width, joined


def _standardised(values, random, classes) -> tuple[np.ndarray, np.ndarray]:
    """Return AUROCs (C, T) and those of random sets (C, m) in standard deviations of the latter."""
    z, null = (classes_module.distance(part, classes) for part in (values, random))
    mean, sd = null.mean(axis=1, keepdims=True), null.std(axis=1, keepdims=True)
    sd[sd == 0] = 1.0
    return (z - mean) / sd, (null - mean) / sd


def _class_columns(table, classes, real, parts, null) -> pd.DataFrame:
    """Add the columns about classes to `table`; return the table of all sets and classes.

    The score of a set for a class is the smaller of its distances from random sets and from shuffled labels.
    The p-value of a set compares its best class with the best classes of random sets, which accounts for the
    number of classes.
    """
    shape = real.mean.shape
    z, centre = np.empty(shape), np.empty(shape)
    for inside, values, median in parts:
        z[:, inside], centre[:, inside] = values, median[:, None]
    shuffled, (random, random_shuffled) = classes_module.shuffled_z(real), null
    pvalue = np.maximum([reference_pvalues(z[row], random[row]) for row in range(shape[0])], ndtr(-shuffled))
    # equal 1 % quantiles of the random sets in all classes, so that heavy tails do not dominate
    scale = np.quantile(random, _TAIL, axis=1, keepdims=True) / ndtri(_TAIL)
    scale[scale <= 0] = 1.0
    reached = np.minimum(z / scale, shuffled)
    random_best = np.minimum(random / scale, random_shuffled).max(axis=0)
    best, at = reached.argmax(axis=0), np.arange(shape[1])
    table["best_class"] = classes.names[best]
    table["units"] = classes.n_units[best]
    for name, values in (("auroc", real.mean), ("auroc_null", centre), ("auroc_lowest", real.lowest)):
        table[name] = values[best, at]
    table["class_pvalue"] = reference_pvalues(reached[best, at], random_best)
    table["class_fdr"] = benjamini_hochberg(table["class_pvalue"].to_numpy())
    flat = pd.DataFrame({"set": np.tile(at, shape[0]), "class": np.repeat(classes.names, shape[1])})
    flat["n_cells"] = np.repeat(classes.n_cells, shape[1])
    flat["units"] = np.repeat(classes.n_units, shape[1])
    for name, values in (("auroc", real.mean), ("auroc_null", centre), ("auroc_lowest", real.lowest)):
        flat[name] = values.ravel()
    return flat.assign(pvalue=pvalue.ravel(), fdr=benjamini_hochberg(pvalue.ravel()))
