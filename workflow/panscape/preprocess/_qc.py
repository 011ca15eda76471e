"""Quality control in one pass over the input and one over what it left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.counts import Counts, CountsWriter
from panscape.errors import fail
from panscape.files import atomic
from panscape.io import check_counts, check_logged
from panscape.log import Progress, logger
from panscape.preprocess._patterns import gene_group, pattern
from panscape.preprocess._settings import QcSettings

# what each filter of cells looks at, in the order of application (after the user's own `keep`)
FILTERS = {
    "min_counts": "n_counts",
    "min_genes": "n_genes",
    "max_mito": "mito_share",
    "max_ribo": "ribo_share",
}
MEASURES = tuple(FILTERS.values())
TINY_MEAN = 1e-10  # below it a gene has no dispersion (as in the released code of Coscape)


@dataclass(frozen=True)
class Qc:
    """What quality control found.

    Attributes
    ----------
    table
        study, filter (input, keep, min_counts, min_genes, max_mito, max_ribo, min_cells_per_gene), removed,
        left, unit (cells or genes), limit.
    genes
        Genes left: gene, n_cells, mean, variance, dispersion of raw counts over the cells left.
    cells
        All cells of the input: n_counts, n_genes, mito_share, ribo_share, removed_by (filter or empty).
    settings
        The limits.
    """

    table: pd.DataFrame
    genes: pd.DataFrame
    cells: pd.DataFrame
    settings: QcSettings


def qc(
    blocks: Iterable[tuple[slice, sparse.csr_matrix]],
    obs: pd.DataFrame,
    genes: pd.Index,
    path: str | Path,
    settings: QcSettings,
    *,
    study: str,
    species: str = "other",
    keep: np.ndarray | None = None,
    logged: bool = False,
) -> Qc:
    """Filter a study's cells and genes and write what is left.

    The input is read once; memory is that of a block and of the annotations. Cells are judged on all genes of
    the input; the columns that are written count the genes left.

    Parameters
    ----------
    blocks
        (rows, CSR counts cells x genes) in file order, covering every cell once.
    obs
        Annotation of the cells, indexed by unique names.
    genes
        Names of the genes, unique.
    path
        The h5ad file to write: raw counts, obs with `study` in front and n_counts, n_genes, mito_share,
        ribo_share behind.
    settings
        Limits.
    study
        Id of the study.
    species
        Decides what mitochondrial and ribosomal genes are called.
    keep
        bool, (n_cells,): cells that the user's own filter keeps; None keeps all.
    logged
        The blocks hold log(1 + x); x is written, so that log1p gives the input back.

    Raises
    ------
    UserError
        If the study is empty, holds something else than counts, or no or only one cell is left.
    """
    if not len(obs) or not len(genes):
        raise fail(f"study '{study}'", f"it is empty: {len(obs)} cells, {len(genes)} genes", "leave it out")
    weights = _weights(genes, settings, study, species)
    keep = np.ones(len(obs), dtype=bool) if keep is None else np.asarray(keep, dtype=bool)
    moments = np.zeros((3, len(genes)))  # per gene: cells that have it, sum, sum of squares
    with atomic(path) as scratch:
        spool = scratch.with_name(f"{scratch.name}.spool")
        try:
            with CountsWriter(spool, len(genes)) as writer:
                blocks = _counts_only(blocks, f"study '{study}', counts", logged)
                cells = _filter(blocks, keep, weights, settings, study, writer, moments)
                cells.index = obs.index
                _require_cells(cells, settings, study)
                left = (cells["removed_by"] == "").to_numpy()
                names = pd.RangeIndex(left.sum()).astype(str)
                writer.finish(pd.DataFrame(index=names), pd.DataFrame(index=pd.Index(genes, dtype=object)))
            enough = moments[0] >= settings.min_cells_per_gene
            _require_genes(enough, moments, settings, study)
            _rewrite(spool, scratch, enough, weights, obs[left], study)
        finally:
            spool.unlink(missing_ok=True)
    table = _table(cells["removed_by"], enough, settings, study)
    found = _gene_table(pd.Index(genes)[enough], moments[:, enough], int(left.sum()))
    return Qc(table, found, cells, settings)


def _filter(
    blocks, keep, weights, settings, study: str, writer: CountsWriter, moments: np.ndarray
) -> pd.DataFrame:
    """Write the cells that pass, add their genes to the moments, and return the measures of all cells."""
    sums, detected = np.zeros((len(keep), 3)), np.zeros(len(keep), dtype=np.int64)
    progress, done = Progress("cells", len(keep)), 0
    for rows, block in blocks:
        if rows.start != done:
            raise ValueError(f"blocks are not in order: {rows} after {done} cells")
        sums[rows], detected[rows] = block @ weights, np.diff(block.indptr)
        passed = _removed_by(_measures(sums[rows], detected[rows]), keep[rows], settings) == ""
        block = block if passed.all() else block[np.flatnonzero(passed)]
        _add_moments(moments, block)
        writer.append(block)
        done = rows.stop
        progress.add(rows.stop - rows.start)
    if done != len(keep):
        raise ValueError(f"blocks have {done} of {len(keep)} cells")
    cells = _measures(sums, detected)
    return cells.assign(removed_by=_removed_by(cells, keep, settings))


def _weights(genes: pd.Index, settings: QcSettings, study: str, species: str) -> np.ndarray:
    """Return float32 (n_genes, 3): 1 for each gene, 1 for mitochondrial ones, 1 for ribosomal ones."""
    weights = np.ones((len(genes), 3), dtype=np.float32)
    for column, (key, limit, group) in enumerate(
        (("mito", settings.max_mito, "mitochondrial"), ("ribo", settings.max_ribo, "ribosomal")), start=1
    ):
        own = getattr(settings, f"{key}_pattern")
        expression = own or pattern(group, species)
        found = gene_group(genes, expression, f"preprocess.{key}_pattern")
        weights[:, column] = found
        if limit < 1 and not found.any():
            text = "%s: no gene matches %s (%s genes of species %s), so max_%s = %s removes nothing"
            logger.warning(text, study, expression, group, species, key, limit)
    return weights


def _counts_only(blocks, where: str, logged: bool) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Yield the blocks without stored zeros, checked to hold counts (or logs, which are undone)."""
    check = check_logged if logged else check_counts
    for rows, block in blocks:
        check(block, f"{where} (cells {rows.start + 1} to {rows.stop})")
        if logged:
            block = block.copy()
            block.data = np.expm1(block.data)
        block.eliminate_zeros()
        yield rows, block


def _measures(sums: np.ndarray, detected: np.ndarray) -> pd.DataFrame:
    """Return the measures of cells from (n, 3) sums of all, mitochondrial and ribosomal counts."""
    total = sums[:, 0]
    shares = np.divide(sums[:, 1:], total[:, None], out=np.zeros((len(sums), 2)), where=total[:, None] > 0)
    return pd.DataFrame(
        {"n_counts": total, "n_genes": detected, "mito_share": shares[:, 0], "ribo_share": shares[:, 1]}
    )


def _removed_by(measures: pd.DataFrame, keep: np.ndarray, settings: QcSettings) -> np.ndarray:
    """Return the first filter that each cell fails ("" for none), in the order of the settings."""
    fails = {
        "keep": ~keep,
        "min_counts": measures["n_counts"] < settings.min_counts,
        "min_genes": measures["n_genes"] < settings.min_genes,
        "max_mito": measures["mito_share"] > settings.max_mito,
        "max_ribo": measures["ribo_share"] > settings.max_ribo,
    }
    return np.select([np.asarray(value) for value in fails.values()], list(fails), default="")


def _add_moments(moments: np.ndarray, block: sparse.csr_matrix) -> None:
    data = block.data.astype(np.float64)
    for row, weights in enumerate((None, data, data * data)):
        moments[row] += np.bincount(block.indices, weights, minlength=moments.shape[1])


def _rewrite(spool: Path, path: Path, enough: np.ndarray, weights: np.ndarray, obs: pd.DataFrame, study: str):
    """Write the genes that are left, with the cells' measures on them."""
    source = Counts(spool)
    genes = source.genes[enough]
    sums, detected = np.zeros((source.shape[0], 3)), np.zeros(source.shape[0], dtype=np.int64)
    with CountsWriter(path, len(genes)) as writer:
        for rows, block in source.blocks():
            block = block if enough.all() else block[:, np.flatnonzero(enough)]
            sums[rows], detected[rows] = block @ weights[enough], np.diff(block.indptr)
            writer.append(block)
        made = _measures(sums, detected).set_axis(obs.index, axis=0)
        table = pd.concat([obs.drop(columns=[*MEASURES, "study"], errors="ignore"), made], axis=1)
        table.insert(0, "study", pd.Categorical(np.repeat(study, len(table))))
        table.index = table.index.astype(str).rename("cell")
        writer.finish(table, pd.DataFrame(index=pd.Index(genes, name="gene")))


def _gene_table(genes: pd.Index, moments: np.ndarray, n_cells: int) -> pd.DataFrame:
    mean = moments[1] / n_cells
    variance = np.maximum(moments[2] / n_cells - mean**2, 0.0)
    dispersion = np.divide(variance, mean, out=np.zeros_like(mean), where=mean > TINY_MEAN)
    return pd.DataFrame(
        {
            "gene": genes,
            "n_cells": moments[0].astype(np.int64),
            "mean": mean,
            "variance": variance,
            "dispersion": dispersion,
        }
    )


def _table(removed_by: pd.Series, enough: np.ndarray, settings: QcSettings, study: str) -> pd.DataFrame:
    left = len(removed_by)
    rows = [("input", 0, left, "cells", "")]
    for name in ("keep", *FILTERS):
        removed = int((removed_by == name).sum())
        left -= removed
        rows.append((name, removed, left, "cells", f"{getattr(settings, name, '')}"))
    rows.append(
        (
            "min_cells_per_gene",
            int((~enough).sum()),
            int(enough.sum()),
            "genes",
            f"{settings.min_cells_per_gene}",
        )
    )
    table = pd.DataFrame(rows, columns=["filter", "removed", "left", "unit", "limit"])
    table.insert(0, "study", study)
    return table


def _require_cells(measures: pd.DataFrame, settings: QcSettings, study: str) -> None:
    """Raise a UserError unless two cells are left; it says what removed the others and what they are like."""
    removed = measures["removed_by"]
    left = int((removed == "").sum())
    if left >= 2:
        return
    found = [f"{'no' if not left else 'only one'} cell of {len(measures)} is left"]
    if len(measures) > 1:
        counts = {name: int((removed == name).sum()) for name in ("keep", *FILTERS)}
        found += [
            f"{name} ({getattr(settings, name)}) removed {count}"
            if name != "keep"
            else f"keep removed {count}"
            for name, count in counts.items()
            if count
        ]
        judged = measures[removed != "keep"]
        worst = max(counts, key=counts.get)
        if worst != "keep":
            column, share = FILTERS[worst], 0.05 if worst.startswith("min") else 0.95
            low, middle, high = (f"{judged[column].quantile(q):.4g}" for q in (0.05, 0.5, 0.95))
            found.append(f"{column} of the cells: 5 % {low}, median {middle}, 95 % {high}")
            value = f"{judged[column].quantile(share):.3g}"
            fix = f"set preprocess.{worst} (or qc.{worst} of this study) to about {value}"
        else:
            fix = "correct the study's keep"
    else:
        fix = "leave the study out: coexpression needs many cells"
    raise fail(f"study '{study}', quality control", "; ".join(found), fix)


def _require_genes(enough: np.ndarray, moments: np.ndarray, settings: QcSettings, study: str) -> None:
    if not enough.any():
        raise fail(
            f"study '{study}', preprocess.min_cells_per_gene",
            f"no gene is left: the most frequent one is in {int(moments[0].max())} cells",
            f"set it to at most that, from {settings.min_cells_per_gene}",
        )
