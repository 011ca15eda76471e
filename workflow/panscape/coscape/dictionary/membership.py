"""Correlation of genes with the scores of entries, and the genes' places in the entries (signed kME)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.stats.fdr import benjamini_hochberg

if TYPE_CHECKING:
    from anndata import AnnData

FDR = 0.01  # largest false discovery rate of a place
IDENTITY = 1 / 3  # entries with a larger part of their variance between clusters are programmes of identity
TOP = 3  # genes in a label
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Membership:
    """Sums over cells, and over panclusters, of products of genes and scores; they add up over studies.

    The scores are without the gene's own part. Genes that a study does not measure have sums of 0.

    Attributes
    ----------
    cells_cross, cells_gene, cells_score
        (G, K) sums over cells within clusters of residual times score and of the squares of both; cells are
        weighted by how much their clusters use the entry.
    whole_cross, whole_gene, whole_score
        (G, K) the same sums over all cells, about the mean of the study.
    panclusters_cross, panclusters_gene, panclusters_score
        (G, K) the same sums over panclusters, of means about the mean of the study's panclusters.
    effective
        (K,) effective number of cells: the square of the sum of weights over the sum of their squares.
    between, squares
        (K,) sums of squares of the scores' means by cluster, and of the scores, over all cells.
    """

    cells_cross: np.ndarray
    cells_gene: np.ndarray
    cells_score: np.ndarray
    whole_cross: np.ndarray
    whole_gene: np.ndarray
    whole_score: np.ndarray
    panclusters_cross: np.ndarray
    panclusters_gene: np.ndarray
    panclusters_score: np.ndarray
    effective: np.ndarray
    between: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, by_gene: Sequence[np.ndarray], by_entry: Sequence[np.ndarray]) -> Membership:
        """Return the sums given in the order of the attributes: nine by gene and entry, three by entry."""
        names = [part.name for part in fields(cls)]
        return cls(**dict(zip(names, [*by_gene, *by_entry], strict=True)))

    def __add__(self, other: Membership) -> Membership:
        """Return the sums of both."""
        return Membership(
            *(getattr(self, part.name) + getattr(other, part.name) for part in fields(Membership))
        )

    @property
    def kme_within(self) -> np.ndarray:
        """Return (G, K) correlations over cells within clusters, 0 where a gene does not vary."""
        return _correlation(self.cells_cross, self.cells_gene, self.cells_score)

    @property
    def kme_total(self) -> np.ndarray:
        """Return (G, K) correlations over all cells of the studies, 0 where a gene does not vary."""
        return _correlation(self.whole_cross, self.whole_gene, self.whole_score)

    @property
    def identity(self) -> np.ndarray:
        """Return (K,) whether more than :data:`IDENTITY` of the scores' variance is between clusters."""
        return self.between_fraction > IDENTITY

    @property
    def kme_panclusters(self) -> np.ndarray:
        """Return (G, K) correlations over panclusters, 0 where a gene does not vary."""
        return _correlation(self.panclusters_cross, self.panclusters_gene, self.panclusters_score)

    @property
    def between_fraction(self) -> np.ndarray:
        """Return (K,) fraction of the scores' variance that is between clusters, 0 to 1."""
        return self.between / np.maximum(self.squares, _TINY)

    def to_anndata(self, genes: Sequence[str], names: Sequence[str]) -> AnnData:
        """Return genes x entries with the sums as layers and, of single entries, as columns of var."""
        import anndata

        parts = {part.name: getattr(self, part.name) for part in fields(Membership)}
        single = {name: value for name, value in parts.items() if value.ndim == 1}
        return anndata.AnnData(
            obs=pd.DataFrame(index=pd.Index(genes, dtype=str)),
            var=pd.DataFrame(single, index=pd.Index(names, dtype=str)),
            layers={name: value for name, value in parts.items() if value.ndim == 2},
        )

    @classmethod
    def from_anndata(cls, data: AnnData) -> Membership:
        """Return the sums of :meth:`to_anndata`."""
        parts = (
            data.layers[part.name] if part.name in data.layers else data.var[part.name]
            for part in fields(Membership)
        )
        return cls(*(np.asarray(part, dtype=np.float64) for part in parts))


def _correlation(cross: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.maximum(one * two, 0))
    return np.clip(np.divide(cross, size, out=np.zeros_like(cross), where=size > 1e-9), -1, 1)


def without_own(
    cross: np.ndarray, gene: np.ndarray, score: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sums of products after each gene's own part is taken out of the scores.

    Parameters
    ----------
    cross, gene
        (G, K) sums of gene times score, and of the squares of the gene.
    score
        (K,) sums of the squares of the scores.
    weight
        (G, K) weights of the genes in the scores.

    Returns
    -------
    cross, gene, score : (G, K) each.

    Examples
    --------
    >>> genes = np.array([[1.0, -1.0], [1.0, -1.0]])  # two genes, two cells: they are the same
    >>> score = genes.sum(axis=0)
    >>> cross, gene = genes @ score, (genes**2).sum(axis=1)
    >>> parts = without_own(cross[:, None], gene[:, None], np.array([score @ score]), np.ones((2, 1)))
    >>> (parts[0] / np.sqrt(parts[1] * parts[2])).ravel().round(12).tolist()
    [1.0, 1.0]
    """
    return cross - weight * gene, gene, score + weight * (weight * gene - 2 * cross)


def place_genes(
    parts: Sequence[Membership], genes: Sequence[str], names: Sequence[str], *, min_kme: float = 0.12
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Assign genes to the entry whose score they are most correlated with.

    The correlation r is the signed kME of WGCNA (Langfelder and Horvath 2008), without the gene's own part in
    the score: over cells within clusters for entries of activity, over all cells for entries of identity. A
    gene has a place if r is at least `min_kme` in absolute value and its false discovery rate over all genes
    and entries is at most :data:`FDR`. The null of :math:`z = r\sqrt{n}`, with n effective cells, is normal,
    for entries of activity with the median of all genes and their spread (median absolute deviation, at least
    1), since active programmes take counts from all other genes. Confidence is the probability that the entry
    is better than the second best, given the standard errors of both.

    Parameters
    ----------
    parts
        Sums of the studies.
    genes, names
        G genes and K entries.
    min_kme
        Smallest absolute correlation of a placed gene, in [0, 1].

    Returns
    -------
    placed : DataFrame
        One row per gene: gene, entry ("" without a place), kme (signed), second (the second best entry),
        confidence (0.5 to 1; NaN without a place).
    membership : DataFrame
        One row per entry and gene: entry, gene, kme, kme_within, kme_total, kme_panclusters, pvalue, fdr.
    """
    from scipy.special import ndtr

    whole = reduce(Membership.__add__, parts)
    identity = whole.identity
    kme = np.where(identity, whole.kme_total, whole.kme_within)
    root = np.sqrt(np.maximum(np.where(identity, whole.squares, whole.effective), 1))
    z = kme * root
    z[:, ~identity] = _against_most(z[:, ~identity])
    pvalue = np.minimum(2 * ndtr(-np.abs(z)), 1.0)
    fdr = benjamini_hochberg(pvalue.ravel()).reshape(pvalue.shape)
    order = np.argsort(-np.abs(kme), axis=1, kind="stable")
    row, best = np.arange(len(kme)), order[:, 0]
    rival = order[:, min(1, kme.shape[1] - 1)]
    size = np.abs(kme[row, best])
    kept = (size >= min_kme) & (fdr[row, best] <= FDR)
    gap = size - np.where(rival == best, 0.0, np.abs(kme[row, rival]))
    sure = ndtr(gap / np.sqrt(1 / root[best] ** 2 + 1 / root[rival] ** 2))
    label, gene = np.asarray(names, dtype=object), np.asarray(genes, dtype=object)
    placed = {
        "gene": gene,
        "entry": np.where(kept, label[best], ""),
        "kme": kme[row, best],
        "second": np.where(rival == best, "", label[rival]),
        "confidence": np.where(kept, sure, np.nan),
    }
    values = {
        "kme": kme,
        "kme_within": whole.kme_within,
        "kme_total": whole.kme_total,
        "kme_panclusters": whole.kme_panclusters,
        "pvalue": pvalue,
        "fdr": fdr,
    }
    table = {"entry": np.repeat(label, len(gene)), "gene": np.tile(gene, len(label))}
    table |= {name: part.T.ravel() for name, part in values.items()}
    return pd.DataFrame(placed), pd.DataFrame(table)


def _against_most(z: np.ndarray) -> np.ndarray:
    """Return z (G, K) about the median of each column, in units of its spread or of 1 if that is smaller."""
    apart = z - np.median(z, axis=0)
    return apart / np.maximum(1.4826 * np.median(np.abs(apart), axis=0), 1)


def program_table(parts: Sequence[Membership], placed: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Describe the entries as programmes of genes.

    Parameters
    ----------
    parts
        Sums of the studies.
    placed
        Of :func:`place_genes`.
    names
        K entries.

    Returns
    -------
    entry, kind (`identity` if more than :data:`IDENTITY` of the variance of its scores is between clusters,
    else `activity`; terms of Kotliar et al. 2019), between (that fraction), n_cells (effective), n_placed,
    n_negative (placed genes, and those with a negative correlation), top_genes (of the largest correlation,
    joined by ", ").
    """
    whole = reduce(Membership.__add__, parts)
    between, identity = whole.between_fraction, whole.identity
    rows = []
    for k, name in enumerate(names):
        mine = placed[placed["entry"] == name].sort_values("kme", ascending=False, kind="stable")
        rows.append(
            {
                "entry": name,
                "kind": "identity" if identity[k] else "activity",
                "between": between[k],
                "n_cells": whole.effective[k],
                "n_placed": len(mine),
                "n_negative": int((mine["kme"] < 0).sum()),
                "top_genes": ", ".join(mine.loc[mine["kme"] > 0, "gene"].head(TOP)),
            }
        )
    return pd.DataFrame(rows)
