"""Table of the genes of a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from panscape.sivae.correlations import Correlated
from panscape.sivae.job import Read


def gene_table(
    reads: Sequence[Read], genes: Sequence[str], correlations: Sequence[Mapping[str, Correlated]]
) -> pd.DataFrame:
    """Return bin, model, gene, centrality, centrality_heldout, mean, detection of all bins.

    Parameters
    ----------
    reads
        Trained bins.
    genes
        Names of the genes.
    correlations
        Engines of each bin without embedding, which have no held-out centrality.
    """
    parts = []
    for read, engines in zip(reads, correlations, strict=True):
        bin_, expression = read.expression.bin, read.expression
        fractions = {
            "sivae": (read.fitted.centrality(), read.fitted.centrality("heldout")),
            "pca": _explained(read),
        } | {name: (engine.centrality, np.nan) for name, engine in engines.items()}
        for model, (seen, unseen) in fractions.items():
            part = {"bin": bin_.name, "model": model, "gene": list(genes)}
            part |= {"centrality": seen, "centrality_heldout": unseen}
            parts.append(pd.DataFrame(part | {"mean": expression.mean, "detection": expression.detection}))
    return pd.concat(parts, ignore_index=True)


def _explained(read: Read) -> tuple[np.ndarray, np.ndarray]:
    """Return the fraction of each gene's variance explained by PCA, in training and held-out cells."""
    bin_, expected = read.expression.bin, read.pca.predict()
    explained = []
    for rows in (~bin_.test, bin_.test):
        if not rows.any():
            explained.append(np.full(bin_.inputs.shape[1], np.nan))
            continue
        null = np.square(bin_.inputs[rows]).mean(axis=0)
        error = np.square(bin_.inputs[rows] - expected[rows]).mean(axis=0)
        explained.append(1 - np.divide(error, null, out=np.full(len(null), np.nan), where=null > 1e-9))
    return explained[0], explained[1]
