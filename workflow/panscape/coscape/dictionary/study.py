"""Reliability of a dictionary's edges from the cells of one study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.chance import (
    add_chance_columns,
    chance_edges,
    corrected_chance,
    edges_per_cluster,
    shrinker,
)
from panscape.coscape.coexpression.nesting import finest_clusters
from panscape.coscape.coexpression.settings import CORRECTED, CoexpressionSettings
from panscape.coscape.coexpression.values import Values
from panscape.coscape.coexpression.weights import fit_weights
from panscape.coscape.dictionary.confidence import split_cells, split_half
from panscape.coscape.dictionary.write import SavedDictionary
from panscape.seeds import stream


@dataclass(frozen=True)
class StudyConfidence:
    """Result of :func:`study_confidence`.

    Attributes
    ----------
    agreement, size
        (K, E) sums of :func:`split_half` at the pairs that are edges of the dictionary.
    chance
        cluster, n_cells, edges (off-diagonal pairs that pass the threshold), chance (such pairs after
        permuting the cells), share (chance / edges, at most 1; NaN without edges).
    """

    agreement: np.ndarray
    size: np.ndarray
    chance: pd.DataFrame


def normalised_cells(counts: str | Path, genes: np.ndarray, how: str) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Read a study's cells: CSR float32 normalised values of the genes, and total counts per cell.

    Parameters
    ----------
    counts
        ``counts.h5ad`` of the study.
    genes
        Names of the genes.
    how
        Normalisation, see :func:`panscape.data.normalise.normalise`.
    """
    from panscape.data.counts import Counts
    from panscape.data.normalise import normalise

    source = Counts(counts)
    depth = source.obs["n_counts"].to_numpy(dtype=float)
    return sparse.csr_matrix(normalise(source.select(list(genes)), depth, how)), depth


def study_confidence(
    counts: str | Path,
    clusters: pd.DataFrame,
    members: sparse.csr_matrix,
    matrix: sparse.csr_matrix,
    pairs: pd.DataFrame,
    saved: SavedDictionary,
    *,
    normalisation: str,
    coexpression: Mapping[str, Any],
    depth_strata: int = 4,
    seed: int = 0,
) -> StudyConfidence:
    """Compute the split-half agreement of a study at the dictionary's edges, and its edges by chance.

    Parameters
    ----------
    counts
        ``counts.h5ad`` of the study.
    clusters, members
        Panclusters of the study and their cells.
    matrix, pairs
        Coexpression of the study, to count edges above the threshold.
    saved
        The dictionary.
    normalisation, coexpression
        Settings of the coexpression (estimator, eta, shrinkage, shrinkage_strength; min_expected for the
        corrected estimator, with which the halves are compared by Pearson's correlations).
    depth_strata
        See :func:`chance_edges`.
    seed
        Seed of the step.
    """
    genes = np.asarray(saved.genes, dtype=object)[saved.genes_of(str(clusters["study"].iloc[0]))]
    values, depth = normalised_cells(counts, genes, normalisation)
    columns, index = saved.edge_columns(), pd.Index(genes)
    first, second = (index.get_indexer(ends[columns]) for ends in (saved.gene_a, saved.gene_b))
    here = (first >= 0) & (second >= 0)  # edges that the study measures
    place = pd.Index(saved.panclusters).get_indexer(clusters["cluster"])
    usage = saved.usage[place] * (place >= 0)[:, None]
    chosen = CoexpressionSettings.of({**coexpression, "normalisation": normalisation})
    method = "spearman" if chosen.estimator == "spearman" else "pearson"
    agreement, size = np.zeros((2, usage.shape[1], len(columns)))
    agreement[:, here], size[:, here] = split_half(
        values,
        members,
        first[here],
        second[here],
        usage,
        split_cells(finest_clusters(members), stream(seed, "halves")),
        method=method,
    )
    rng = stream(seed, "chance")
    if chosen.estimator == CORRECTED:
        given = Values.load(counts, list(genes), normalisation)
        weights, options = fit_weights(given, members), {"depth_strata": depth_strata}
        cells = np.split(members.indices, members.indptr[1:-1])
        chance = np.array([corrected_chance(given, weights, part, chosen, rng, **options) for part in cells])
    else:
        chance = chance_edges(
            values,
            members,
            eta=chosen.eta,
            depth=depth,
            rng=rng,
            method=method,
            depth_strata=depth_strata,
            shrink=shrinker(chosen),
        )
    edges = edges_per_cluster(sparse.csr_matrix(matrix), pairs)
    return StudyConfidence(agreement, size, add_chance_columns(clusters, edges, chance))
