"""What distances of clusters by their coexpression are computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.combine import Combined
from panscape.coscape.landscape.debiased import debiased_distances
from panscape.coscape.landscape.features import best_detected, landscape_features
from panscape.coscape.landscape.measured import measured_pairs
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.landscape.settings import CORRECTED, LandscapeSettings
from panscape.errors import fail
from panscape.graph.distances import squared_distances
from panscape.graph.measured import Measured


@dataclass(frozen=True)
class Vectors:
    """Vectors of clusters over gene pairs.

    Parameters
    ----------
    rows
        CSR (n_clusters, n_columns). Thresholded correlations, without values for clusters that are not
        compared; or scores, for which the distances stand.
    measured
        Columns that each cluster measures; None: all.
    metric
        Metric of the distances.
    usable
        bool (n_clusters,): clusters with a defined distance.
    distances
        (distances, defined) as of :func:`panscape.graph.distances.squared_distances`.
    refine
        Whether close distances can be recomputed from the differences of the vectors.
    """

    rows: sparse.csr_matrix
    measured: Measured | None
    metric: str
    usable: np.ndarray
    distances: tuple[np.ndarray, np.ndarray]
    refine: bool

    def subset(self, index: np.ndarray) -> Vectors:
        """Return the distances of the rows at the given positions, with empty vectors.

        Raises
        ------
        ValueError
            If distances may have to be recomputed from the vectors.
        """
        if self.refine:
            raise ValueError("distances that can be recomputed are not divided")
        known, defined = self.distances
        part = known[np.ix_(index, index)], defined[index]
        rows = sparse.csr_matrix((len(index), self.rows.shape[1]), dtype=np.float32)
        return replace(self, rows=rows, measured=None, usable=self.usable[index], distances=part)


def coexpression_vectors(data: Combined, settings: LandscapeSettings) -> Vectors:
    """Return the vectors for the distance of the settings.

    Parameters
    ----------
    data
        From :func:`panscape.coscape.landscape.build.gather_clusters` with the same settings.
    settings
        The landscape's.

    Raises
    ------
    UserError
        If the distance is the corrected one and the clusters have no scores, or scores of fewer pairs than a
        cluster needs.
    """
    if settings.distance != CORRECTED:
        rows, measured = measured_vectors(data, settings)
        usable = comparable(rows, settings)
        distances = squared_distances(rows, settings.metric, measured)
        return Vectors(rows, measured, settings.metric, usable, distances, refine=True)
    scores = scores_of(data)
    if (found := len(scores.pairs)) < settings.min_pairs:
        raise fail(
            "landscape.min_pairs",
            f"is {settings.min_pairs}, but {found} pairs of genes have signal (landscape.top_pairs at most)",
            "write a smaller number; raise preprocess.n_genes or lower landscape.min_expected for more pairs",
            few=True,
        )
    measured = measured_pairs(data, scores.pairs)
    enough = data.clusters["n_used_pairs"].to_numpy() >= settings.min_pairs
    distances = debiased_distances(scores, measured, enough=enough)
    return Vectors(scores.matrix, measured, "cosine", distances[1], distances, refine=False)


def scores_of(data: Combined) -> Scores:
    """Return the scores of the clusters, which the corrected distance needs."""
    if data.scores is None:
        raise fail(
            "landscape.distance",
            f"is {CORRECTED}, but the clusters have no scores of gene pairs",
            "build the landscape by coscape.build_landscape, which scores them, or write thresholded",
        )
    return data.scores


def used_pairs(data: Combined, settings: LandscapeSettings) -> np.ndarray:
    """Return the number of pairs of two genes that each cluster has for distances, int64 (n_clusters,)."""
    if settings.distance == CORRECTED:
        return np.diff(scores_of(data).matrix.indptr).astype(np.int64)
    used, _ = features_of(data, settings, diagonal=False)
    return np.diff(used.indptr).astype(np.int64)


def landscape_vectors(data: Combined, settings: LandscapeSettings) -> sparse.csr_matrix:
    """Return the vectors of thresholded correlations; clusters with too few pairs get an empty vector.

    Parameters
    ----------
    data
        From :func:`panscape.coscape.landscape.build.gather_clusters` with the same settings.
    settings
        The landscape's.
    """
    return measured_vectors(data, settings)[0]


def measured_vectors(
    data: Combined, settings: LandscapeSettings
) -> tuple[sparse.csr_matrix, Measured | None]:
    """Return :func:`landscape_vectors` and which of their columns each cluster measures (None: all)."""
    vectors, columns = features_of(data, settings)
    measured = measured_pairs(data, data.pairs[columns])
    enough = data.clusters["n_used_pairs"].to_numpy() >= settings.min_pairs
    if enough.all():
        return vectors, measured
    vectors = sparse.csr_matrix(sparse.diags(enough.astype(np.float32)) @ vectors, dtype=np.float32)
    vectors.eliminate_zeros()
    return vectors, measured


def comparable(vectors: sparse.csr_matrix, settings: LandscapeSettings) -> np.ndarray:
    """Return bool (n_clusters,): clusters with a defined distance of thresholded correlations."""
    return (np.diff(vectors.indptr) > 0) | (settings.metric == "euclidean")


def features_of(
    data: Combined, settings: LandscapeSettings, *, diagonal: bool | None = None
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return :func:`landscape_features` of the settings, with another `diagonal` if given."""
    genes = best_detected(data, settings.best_detected) if settings.best_detected else None
    return landscape_features(
        data,
        diagonal=settings.diagonal if diagonal is None else diagonal,
        genes=genes,
        eta=settings.eta,
        min_expected=settings.min_expected,
        symmetric=settings.symmetric,
    )
