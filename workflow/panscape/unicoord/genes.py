"""The genes of a model: chosen on training cells, and matched by name in new data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.errors import fail
from panscape.log import logger
from panscape.unicoord.cells import Cells

_MIN_CELLS = 3  # genes detected in fewer training cells of a group are not ranked there


def choose_genes(
    cells: Cells, train: np.ndarray, n_genes: int, groups: np.ndarray | None = None
) -> list[str]:
    """Choose variable genes on the training cells.

    A gene's score in a group (study) is the residual of its log variance from a quadratic trend in its log
    mean, both of the stored values; genes are chosen by their mean rank over groups.

    Parameters
    ----------
    cells
        All cells.
    train
        (n,) mask of the training cells.
    n_genes
        Number of genes; 0 uses all genes detected in the training cells.
    groups
        (n,) group of each cell; None for a single group.

    Returns
    -------
    Names, in the order of `cells.genes`.
    """
    names, codes = np.unique(np.zeros(len(cells)) if groups is None else groups, return_inverse=True)
    width = len(cells.genes)
    sums, squares, detected = (np.zeros((len(names), width)) for _ in range(3))
    for rows, block in cells.blocks():
        chosen = np.flatnonzero(train[rows])
        if not len(chosen):
            continue
        block, code = block[chosen].astype(np.float64), codes[rows][chosen]
        ones = np.ones(len(chosen))
        member = sparse.csr_matrix((ones, (code, np.arange(len(chosen)))), shape=(len(names), len(chosen)))
        sums += (member @ block).toarray()
        detected += (member @ (block != 0).astype(np.float64)).toarray()
        block.data **= 2
        squares += (member @ block).toarray()
    count = np.bincount(codes[train], minlength=len(names))[:, None].clip(1)
    seen = (detected >= _MIN_CELLS).any(axis=0)
    if not seen.any():
        raise fail(
            "unicoord", "no gene is detected in three training cells", "check counts and held_out", few=True
        )
    if not n_genes or n_genes >= seen.sum():
        return cells.genes[seen].tolist()
    rank = np.mean(
        [_rank(*moments) for moments in zip(sums / count, squares / count, detected, strict=True)], axis=0
    )
    # break ties by position, so that the choice is the same on every machine
    kept = np.sort(np.argsort(np.where(seen, rank, np.inf), kind="stable")[:n_genes])
    return cells.genes[kept].tolist()


def _rank(mean: np.ndarray, square: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """Rank genes of one group by their variance above the trend, 0 first."""
    variance = square - mean**2
    use = (detected >= _MIN_CELLS) & (variance > 0)
    score = np.full(len(mean), -np.inf)
    if use.sum() > 3:
        x, y = np.log10(mean[use]), np.log10(variance[use])
        score[use] = y - np.polyval(np.polyfit(x, y, 2), x)
    rank = np.empty(len(mean))
    rank[np.argsort(-score, kind="stable")] = np.arange(len(mean))
    return rank


def check_overlap(genes: Sequence[str], have: pd.Index, min_overlap: float) -> np.ndarray:
    """Return a mask of the model's genes that are present in new data.

    Parameters
    ----------
    genes
        The model's genes.
    have
        Genes of the new data.
    min_overlap
        Minimum fraction of the model's genes that must be present, 0 to 1.

    Returns
    -------
    (len(genes),) bool.

    Raises
    ------
    UserError
        If fewer are present.
    """
    there = pd.Index(genes).isin(have)
    overlap = there.mean()
    if overlap < min_overlap:
        example = [gene for gene, measured in zip(genes, there, strict=True) if not measured][:3]
        problem = (
            f"{there.sum()} of the model's {len(genes)} genes are in the data; missing: {', '.join(example)}"
        )
        advice = "name genes as the model does (symbols, species, case), or lower min_overlap if intended"
        raise fail("genes", problem, advice)
    if overlap < 1:
        logger.warning("%s of the model's %s genes are not in the data", int((~there).sum()), len(genes))
    return there
