"""Power of the tests of genes on a collection's own lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from panscape.sivae.networks.centrality import central_genes, connected
from panscape.sivae.networks.null import adjusted_for, observed, pvalues
from panscape.sivae.networks.phenotype import Phenotype
from panscape.stats.fdr import benjamini_hochberg

LOST = 0.5  # fraction of the centrality that planted genes lose between the ends of the phenotype
PLANTED = 40  # maximum number of planted genes
FRACTION = 0.05  # maximum fraction of the genes
REPEATS = 10  # permuted phenotypes


def power(
    centrality: np.ndarray,
    phenotype: Phenotype,
    controls: Mapping[str, np.ndarray],
    *,
    use: Sequence[str],
    fdr: float,
    rng: np.random.Generator,
    fraction: float = 1.0,
) -> float:
    """Return the fraction of planted genes that are called, from the lines' own centralities.

    The phenotype is permuted, so that nothing follows it; then some genes of the more central half lose
    :data:`LOST` of their centrality from its lowest to its highest value. What varies between the lines
    otherwise (cells, depth, biology) is as it is.

    Parameters
    ----------
    centrality
        (G, L), one value per line.
    phenotype
        See :func:`panscape.sivae.networks.phenotype.read_phenotype`.
    controls, use
        See :func:`panscape.sivae.networks.centrality.associate_genes`.
    fdr
        False discovery rate at which genes are called.
    rng
        Random number generator of permutations and genes.
    fraction
        Fraction of the genes that are tested, see
        :func:`panscape.sivae.networks.centrality.central_genes`.

    Returns
    -------
    Fraction, 0 to 1, over :data:`REPEATS` permuted phenotypes; NaN if there is none.
    """
    values = phenotype.of_units(centrality)
    names = [name for name in use if name in controls]
    given = [phenotype.of_units(controls[name]) for name in names]
    central = np.argsort(-values.mean(axis=1), kind="stable")[: max(len(values) // 2, 1)]
    count = min(PLANTED, max(int(FRACTION * len(values)), 1))
    found = []
    for labels in phenotype.shuffled(REPEATS, rng):
        planted = rng.choice(central, min(count, len(central)), replace=False)
        place = (labels - labels.min()) / max(np.ptp(labels), 1e-300)
        changed = values.copy()
        changed[planted] *= 1 - LOST * place
        called = _called(changed, replace(phenotype, values=labels), given, names, fdr, fraction)
        found.append(called[planted].mean())
    return float(np.mean(found)) if found else float("nan")


def _called(
    values: np.ndarray,
    phenotype: Phenotype,
    controls: Sequence[np.ndarray],
    names: Sequence[str],
    fdr: float,
    fraction: float,
) -> np.ndarray:
    """Return (G,) bool: genes that pass the test without and with controls, with the same sign."""
    rho, adjusted, kept = [], [], central_genes(values, fraction)
    for test in (adjusted_for(phenotype, values), adjusted_for(phenotype, values, controls, names)):
        rho.append(observed(test, phenotype))
        p = pvalues(test, phenotype, rho[-1], values)
        adjusted.append(benjamini_hochberg(np.where(kept, p, np.nan)))
    return connected(rho, adjusted, fdr)
