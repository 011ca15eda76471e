"""Reader of a study's clusters, coexpression and expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.columns import SIGNAL_PAIRS
from panscape.coscape.landscape.annotate import annotate_clusters
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.scores import Scores
from panscape.data.elements import read_frame, read_text
from panscape.data.files import open_h5, read_csr, read_h5ad, read_tsv
from panscape.errors import fail

if TYPE_CHECKING:
    from anndata import AnnData

NAMES = {"cluster": str, "study": str, "parent": str, "duplicates": str}


def read_study(
    name: str,
    *,
    counts: str | Path,
    clusters: str | Path,
    members: str | Path,
    matrices: str | Path,
    pairs: str | Path,
    expression: str | Path,
) -> Study:
    """Read a study's clusters, their coexpression and expression, and annotate them by their cells.

    Parameters
    ----------
    name
        Study id.
    counts
        ``counts.h5ad``; only `obs` is read.
    clusters, members
        ``clusters.tsv`` and ``members.npz``.
    matrices, pairs
        ``matrices.npz`` and ``pairs.tsv``.
    expression
        ``expression.h5ad``; its genes define the order of the pairs.

    Raises
    ------
    UserError
        If the files do not match.
    """
    with open_h5(counts) as file:
        cells = read_frame(file["obs"])
    dense = read_h5ad(expression)
    table = read_tsv(clusters, dtype=NAMES)
    if list(dense.obs_names) != list(table["cluster"]):
        raise fail(
            str(expression), "its clusters differ from those of clusters.tsv", "delete both, run again"
        )
    return make_study(
        name, table, read_csr(members), cells, read_csr(matrices), read_tsv(pairs, dtype=str), dense
    )


def read_places(path: str | Path) -> tuple[pd.DataFrame, str | None]:
    """Read the clusters of a ``landscape.h5ad`` and the name of its root, without its matrices.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    clusters
        One row per cluster, indexed by its name.
    root
        Where pseudotime starts; None if there is none. Of copies of a cluster, the first.
    """
    with open_h5(path) as file:
        clusters = read_frame(file["obs"])
        root = read_text(file["uns/root"]) if "uns/root" in file else None
    if root is not None and root not in clusters.index:
        root = root.rpartition("-copy")[0]
    return clusters, root


def add_scores(studies: Sequence[Study], scores: Sequence[str | Path], chosen: str | Path) -> list[Study]:
    """Return the studies with the scores of their clusters, which the corrected distance needs.

    Parameters
    ----------
    studies
        From :func:`read_study`.
    scores, chosen
        ``scores.npz`` of each study and ``signal_pairs.tsv`` of the collection.

    Raises
    ------
    UserError
        If the files do not match.
    """
    best, result = read_chosen(chosen), []
    weight = best["weight"].to_numpy(dtype=np.float64)
    for study, path in zip(studies, scores, strict=True):
        matrix = read_csr(path)
        if study.members is None or matrix.shape != (study.members.shape[0], len(best)):
            raise fail(str(path), "does not match the clusters and the chosen pairs", "delete it, run again")
        places = pair_positions(best, study.genes, str(chosen))
        result.append(replace(study, scores=Scores.of(matrix, places, weight, study.members)))
    return result


def read_chosen(path: str | Path) -> pd.DataFrame:
    """Return the chosen pairs of a collection: `gene_a`, `gene_b`, `weight`, `signal`, `n_studies`.

    Raises
    ------
    UserError
        If the file cannot be read, lacks a column, or a weight is not a number from 0 to 1.
    """
    table = read_tsv(path, dtype={"gene_a": str, "gene_b": str})
    if lacking := [name for name in SIGNAL_PAIRS if name not in table]:
        raise fail(str(path), f"has no column {', '.join(lacking)}", "delete the file, run again")
    if not pd.to_numeric(table["weight"], errors="coerce").between(0, 1).all():
        raise fail(str(path), "has weights that are no numbers from 0 to 1", "delete the file, run again")
    return table


def make_study(
    name: str,
    clusters: pd.DataFrame,
    members: sparse.csr_matrix,
    cells: pd.DataFrame,
    matrix: sparse.csr_matrix,
    pairs: pd.DataFrame,
    expression: AnnData,
) -> Study:
    """Annotate a study's clusters by their cells and combine them with their coexpression.

    Parameters
    ----------
    name
        Study id.
    clusters, members
        As :func:`panscape.coscape.panclust.pancluster.pancluster` returns them.
    cells
        obs of the study, one row per column of `members`.
    matrix, pairs, expression
        As in :class:`panscape.coscape.coexpression.coexpress.Coexpression`; the genes of `expression` give
        the order of the pairs.

    Raises
    ------
    UserError
        If members and cells do not match, or a pair has an unknown gene.
    """
    genes = np.asarray(expression.var_names, dtype=object)
    return Study(
        name,
        annotate_clusters(clusters, members, cells),
        matrix,
        pair_positions(pairs, genes, f"pairs of {name}"),
        genes,
        _array(expression.X),
        _array(expression.layers["mean"]),
        _array(expression.layers["detection"]),
        members,
        cells,
    )


def pair_positions(pairs: pd.DataFrame, genes: np.ndarray, where: str = "pairs") -> np.ndarray:
    """Return the positions of the genes of each pair, int64 (n_pairs, 2), first <= second.

    Parameters
    ----------
    pairs
        Columns `gene_a`, `gene_b`.
    genes
        Gene names.
    where
        Name of the file for error messages.

    Raises
    ------
    UserError
        If a gene is unknown.
    """
    index = pd.Index(genes)
    positions = np.stack([index.get_indexer(pairs[name]) for name in ("gene_a", "gene_b")], axis=1)
    if (positions < 0).any():
        unknown = pairs.to_numpy()[positions < 0][0]
        raise fail(where, f"gene {unknown} is not among the selected genes", "delete the file, run again")
    return np.sort(positions.astype(np.int64), axis=1)


def _array(values) -> np.ndarray:
    dense = values.toarray() if sparse.issparse(values) else np.asarray(values)
    return dense.astype(np.float32, copy=False)
