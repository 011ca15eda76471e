"""Choose the features and the likelihood of a modality."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from panscape.coem.settings import CoemSettings
from panscape.errors import fail
from panscape.log import logger


def choose_features(counts: sparse.csr_matrix, name: str, settings: CoemSettings) -> np.ndarray:
    """Select the columns to model: genes in enough cells, peaks within a range of accessibility.

    Above `max_genes` or `max_peaks`, the genes of largest excess variance or the peaks open in the most cells
    are selected. Columns are in ascending order.

    Parameters
    ----------
    counts
        Raw counts, CSR, cells x features.
    name
        ``"rna"`` or ``"atac"``.
    settings
        Limits of the feature selection.

    Raises
    ------
    UserError
        If fewer than ten features pass.
    """
    n = int((np.diff(counts.indptr) > 0).sum())
    cells = np.bincount(counts.indices[counts.data > 0], minlength=counts.shape[1])
    if name == "rna":
        able, limit = cells >= settings.min_gene_cells, settings.max_genes
        keys, condition = "coem.min_gene_cells", f"{settings.min_gene_cells} cells or more"
    else:
        low, high = settings.peak_fraction
        able = (cells >= max(settings.min_peak_cells, low * n)) & (cells <= high * n)
        limit, keys = settings.max_peaks, "coem.min_peak_cells and coem.peak_fraction"
        condition = f"{settings.min_peak_cells} cells or more and in {low:g} to {high:g} of the {n} cells"
    chosen = np.flatnonzero(able)
    if len(chosen) < 10:
        raise fail(
            keys,
            f"only {len(chosen)} of {len(cells)} features of {name} are detected in {condition}",
            "widen the range",
            few=True,
        )
    if len(chosen) > limit:
        score = _excess_variance(counts)[chosen] if name == "rna" else cells[chosen]
        chosen = np.sort(chosen[np.argsort(-score, kind="stable")[:limit]])
    logger.info("%s: %d of %d features are modelled", name, len(chosen), len(cells))
    return chosen


def _excess_variance(counts: sparse.csr_matrix) -> np.ndarray:
    """Return the variance of depth-scaled counts over the Poisson expectation, per column."""
    depth = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    scaled = sparse.diags_array(depth.mean() / depth) @ counts
    mean = np.asarray(scaled.mean(axis=0)).ravel()
    square = np.asarray(scaled.multiply(scaled).mean(axis=0)).ravel()
    return (square - mean**2) / np.maximum(mean, 1e-12)


def choose_likelihood(counts: sparse.csr_matrix, name: str, settings: CoemSettings) -> str:
    """Return the chosen likelihood; ``"auto"`` gives Bernoulli for binary values, else Poisson.

    Parameters
    ----------
    counts
        Raw counts, CSR, cells x features.
    name
        ``"rna"`` or ``"atac"``.
    settings
        `rna_likelihood` and `atac_likelihood`.

    Raises
    ------
    UserError
        If Bernoulli is chosen and a count exceeds 1, or values are negative or not whole numbers.
    """
    data = counts.data
    if len(data) and (not np.isfinite(data).all() or (data < 0).any() or (data != np.round(data)).any()):
        bad = data[~np.isfinite(data) | (data < 0) | (data != np.round(data))][0]
        raise fail(f"counts of {name}", f"a value of {bad:g}", "give raw counts: non-negative whole numbers")
    binary = bool(len(data)) and float(data.max()) <= 1
    if name == "rna":
        return settings.rna_likelihood
    asked = settings.atac_likelihood
    if asked == "auto":
        asked = "bernoulli" if binary else "poisson"
        logger.info("atac: values are %s: %s", "0 and 1 only" if binary else "counts", asked)
    elif asked == "bernoulli" and not binary:
        raise fail(
            "coem.atac_likelihood",
            f"bernoulli requires values of 0 and 1, but the largest count is {data.max():g}",
            "write auto or poisson, or binarise the peaks",
        )
    elif asked != "bernoulli" and binary:
        logger.warning(
            "atac: values are 0 and 1 only, for which %s is not suited (coem.atac_likelihood)", asked
        )
    return asked
