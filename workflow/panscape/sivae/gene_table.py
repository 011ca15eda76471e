"""Tables of the genes of a line, and of their neighbors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from panscape.sivae.bin_names import COPY, HALVES
from panscape.sivae.correlations import Correlated
from panscape.sivae.job import Read, ReadoutSettings
from panscape.sivae.network import neighbours


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


def neighbour_table(
    reads: Sequence[Read],
    genes: Sequence[str],
    readout: ReadoutSettings,
    correlations: Sequence[Mapping[str, Correlated]],
) -> pd.DataFrame:
    """Return bin, model, gene, rank, neighbour: the most similar genes in each whole bin.

    Parameters
    ----------
    reads
        Trained bins; halves and further thinnings are left out.
    genes
        Names of the genes.
    readout
        Metric of siVAE's embedding, and number of neighbors.
    correlations
        Engines of each bin without embedding, with their neighbors.
    """
    metric = "dot" if readout.network.startswith("sampled") else readout.network
    names, parts = np.asarray(genes, dtype=object), []
    for read, engines in zip(reads, correlations, strict=True):
        name = read.expression.bin.name
        if name in HALVES or COPY in name:
            continue
        near = {
            "sivae": neighbours(read.fitted.loadings, readout.n_neighbors, metric),
            "pca": neighbours(read.pca.loadings, readout.n_neighbors, "dot"),
        } | {name: engine.neighbours for name, engine in engines.items()}
        for model, places in near.items():
            count = places.shape[1]
            part = {
                "bin": name,
                "model": model,
                "gene": np.repeat(names, count),
                "rank": np.tile(np.arange(1, count + 1), len(names)),
                "neighbour": names[places.ravel()],
            }
            parts.append(pd.DataFrame(part)[places.ravel() >= 0])
    return pd.concat(parts, ignore_index=True)
