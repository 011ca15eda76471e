"""Linear embeddings of RNA, ATAC and both, as baselines of the learned embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from panscape.log import logger
from panscape.stats.pca import principal_components
from panscape.stats.threads import limited

COMPONENTS = 30
N_GENES = 3000  # number of most variable genes for the principal components
N_PEAKS = 50_000  # number of most accessible peaks for the decomposition
PEAK_CELLS = 5  # minimum number of cells with an open peak
DEPTH_CORRELATION = 0.7  # accessibility components with a larger correlation with depth are dropped


@dataclass(frozen=True)
class Views:
    """Linear embeddings of the cells; None for a missing modality.

    Attributes
    ----------
    rna
        Principal components of log counts per median depth, cells x dimensions.
    atac
        Latent semantic components (TF-IDF, SVD) without those correlated with depth, cells x dimensions.
    """

    rna: np.ndarray | None
    atac: np.ndarray | None

    @property
    def joint(self) -> np.ndarray:
        """Return both embeddings concatenated, each scaled to total variance 1."""
        return np.hstack([balanced(view) for view in (self.rna, self.atac) if view is not None])


def linear_views(
    rna: sparse.csr_matrix | None, atac: sparse.csr_matrix | None, *, components: int = COMPONENTS
) -> Views:
    """Compute the linear embeddings of the available modalities.

    Parameters
    ----------
    rna, atac
        Raw counts, CSR, cells x features, or None.
    components
        Dimensions of each embedding.
    """
    return Views(
        None if rna is None else pca(rna, components),
        None if atac is None else lsi(atac, components),
    )


def balanced(view: np.ndarray) -> np.ndarray:
    """Return an embedding centred and scaled to total variance 1."""
    centred = view - view.mean(axis=0)
    return centred / max(float(np.sqrt((centred**2).sum() / len(centred))), 1e-12)


def log_normalised(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return log(1 + counts / depth x median depth), CSR float32; cells without counts stay 0."""
    depth = np.asarray(counts.sum(axis=1)).ravel()
    middle = float(np.median(depth[depth > 0])) if (depth > 0).any() else 1.0
    scale = np.divide(middle, depth, out=np.zeros_like(depth, dtype=float), where=depth > 0)
    result = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
    result.data = np.log1p(result.data * np.repeat(scale, np.diff(result.indptr))).astype(np.float32)
    return result


def variable_genes(counts: sparse.csr_matrix, max_genes: int = N_GENES) -> np.ndarray:
    """Return the columns (ascending) of the genes with the largest excess variance given their mean.

    The excess is (variance - mean) / mean^2 relative to its running median over genes of similar mean. Genes
    in fewer than 5 cells are excluded. If there are few genes, all are returned.
    """
    cells = np.bincount(counts.indices, minlength=counts.shape[1])
    able = np.flatnonzero(cells >= min(5, counts.shape[0]))
    if len(able) <= max_genes:
        return able
    n = counts.shape[0]
    mean = np.asarray(counts.mean(axis=0)).ravel()[able]
    square = np.asarray(counts.multiply(counts).sum(axis=0)).ravel()[able] / n
    dispersion = np.log1p(np.maximum(square - mean**2 - mean, 0) / np.maximum(mean, 1e-12) ** 2)
    order = np.argsort(mean, kind="stable")
    groups = np.array_split(order, max(len(order) // 200, 1))
    score = np.empty(len(able))
    for group in groups:
        middle = np.median(dispersion[group])
        spread = np.median(np.abs(dispersion[group] - middle))
        score[group] = (dispersion[group] - middle) / max(spread, 1e-9)
    return np.sort(able[np.argsort(-score, kind="stable")[:max_genes]])


def pca(counts: sparse.csr_matrix, components: int = COMPONENTS, *, genes: int = N_GENES) -> np.ndarray:
    """Return principal component scores of log-normalised counts, float64, cells x components.

    The matrix stays sparse: centring is applied within the products.

    Parameters
    ----------
    counts
        Raw counts, CSR, cells x genes.
    components
        Number of components.
    genes
        Maximum number of variable genes.
    """
    values = log_normalised(counts)[:, variable_genes(counts, genes)]
    return _scores(values, components, centre=True)


def lsi(counts: sparse.csr_matrix, components: int = COMPONENTS, *, peaks: int = N_PEAKS) -> np.ndarray:
    """Return latent semantic components of accessibility, float64, cells x components.

    Values are binarised; log(1 + 10^4 tf idf) with tf = 1 / open peaks of the cell and idf = cells / cells in
    which the peak is open. Components whose absolute correlation with log depth exceeds 0.7 (usually the
    first) are dropped.

    Parameters
    ----------
    counts
        Raw counts, CSR, cells x peaks.
    components
        Number of components.
    peaks
        Maximum number of peaks, those open in most cells.
    """
    n, _ = counts.shape
    open_cells = np.bincount(counts.indices, minlength=counts.shape[1])
    able = np.flatnonzero(open_cells >= min(PEAK_CELLS, n))
    if len(able) > peaks:
        able = np.sort(able[np.argsort(-open_cells[able], kind="stable")[:peaks]])
    chosen = sparse.csr_matrix(counts)[:, able]
    depth = np.maximum(np.diff(counts.indptr), 1)
    weight = 1e4 * n / open_cells[able]
    chosen.data = np.log1p(weight[chosen.indices] / np.repeat(depth, np.diff(chosen.indptr))).astype(
        np.float32
    )
    scores = _scores(chosen, components + 1, centre=False)
    follows = np.abs(correlation(scores, np.log(depth)[:, None])[:, 0])
    keep = follows <= DEPTH_CORRELATION
    if not keep.any():
        keep[np.argmin(follows)] = True
    logger.info("accessibility: dropped components %s, which correlate with depth", np.flatnonzero(~keep) + 1)
    return scores[:, keep][:, :components]


def correlation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return Pearson's r of the columns of two matrices, 0 where a column is constant."""
    a, b = left - left.mean(axis=0), right - right.mean(axis=0)
    scale = np.outer(np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0))
    return np.divide(a.T @ b, scale, out=np.zeros_like(scale), where=scale > 1e-12)


def _scores(values: sparse.csr_matrix, k: int, *, centre: bool) -> np.ndarray:
    """Return the scores of the `k` leading components, computed on one thread."""
    with limited(1):
        return principal_components(values, k, centre=centre).scores
