"""Quality control in one pass over the input and two over the intermediate file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.counts import RARE, Counts, CountsWriter
from panscape.data.files import SPOOL, atomic
from panscape.data.readers.genes import GeneMap
from panscape.data.readers.integers import check_counts, check_logged
from panscape.errors import fail
from panscape.log import Progress
from panscape.preprocess.measures import MEASURES, gene_weights, measures, removed_by
from panscape.preprocess.outcome import Qc, outcome, require_cells, require_genes
from panscape.preprocess.settings import QcSettings

TINY_MEAN = 1e-10  # minimum mean for a dispersion (as in Coscape's released code)


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
    onto: GeneMap | None = None,
) -> Qc:
    """Filter the cells and genes of a study and write the rest.

    The input is read once; memory is bounded by a block and the annotations. Cells are filtered by all genes
    of the input; the columns written are over the genes left. Limits that are ``"auto"`` are derived from the
    cells in `keep`.

    Parameters
    ----------
    blocks
        (rows, CSR counts cells x genes) in file order, covering every cell once.
    obs
        Annotation of the cells, indexed by unique names.
    genes
        Names of the genes, unique.
    path
        The h5ad file to write: raw counts, and obs between `study` and n_counts, n_genes, mito_share,
        ribo_share.
    settings
        Limits of quality control.
    study
        Id of the study.
    species
        Species, for the names of mitochondrial and ribosomal genes.
    keep
        bool, (n_cells,): cells that pass the user's filter; None keeps all.
    logged
        Whether the blocks are log(1 + x); x is written, so that log1p restores the input.
    onto
        Map of the genes to those of another species, which are written. Cells are filtered by the genes of
        the input, and mito_share and ribo_share are theirs: mitochondrial genes may have no orthologue.

    Raises
    ------
    NothingLeft
        If no gene or fewer than two cells are left; contains the quality measures.
    UserError
        If the study is empty, or its values are not counts.
    """
    if not len(obs) or not len(genes):
        raise fail(f"study '{study}'", f"it is empty: {len(obs)} cells, {len(genes)} genes", "leave it out")
    weights = gene_weights(genes, settings, study, species)
    names = pd.Index(genes if onto is None else onto.names, dtype=object)
    keep = np.ones(len(obs), dtype=bool) if keep is None else np.asarray(keep, dtype=bool)
    with atomic(path) as scratch:
        spool = scratch.with_name(scratch.name + SPOOL)
        try:
            with CountsWriter(spool, len(names), compressed=False) as writer:
                blocks = _counts_only(blocks, f"study '{study}', counts", logged)
                cells, written = _measure(blocks, keep, weights, settings, writer, onto)
                cells.index = obs.index
                rows = pd.RangeIndex(written.sum()).astype(str)
                writer.finish(pd.DataFrame(index=rows), pd.DataFrame(index=names))
            limits = settings.resolved(cells[keep])
            cells["removed_by"] = removed_by(cells, keep, limits)
            left = (cells["removed_by"] == "").to_numpy()
            moments = _moments(spool, left[written])
            enough = moments[0] >= settings.min_cells_per_gene
            table = _gene_table(names[enough], moments[:, enough], int(left.sum()))
            result = outcome(cells, table, int((~enough).sum()), limits, settings.auto, study)
            require_cells(result)
            require_genes(result, int(moments[0].max()))
            if onto is None:
                _rewrite(spool, scratch, left[written], enough, weights, obs[left], study)
            else:
                shares = cells.loc[left, ["mito_share", "ribo_share"]]
                ones = np.ones((len(names), 3), dtype=np.float32)
                _rewrite(spool, scratch, left[written], enough, ones, obs[left], study, shares)
        finally:
            spool.unlink(missing_ok=True)
    return result


def _measure(blocks, keep, weights, settings, writer: CountsWriter, onto) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the measures of all cells, and the mask of cells written: those within all numeric limits."""
    sums, detected = np.zeros((len(keep), 3)), np.zeros(len(keep), dtype=np.int64)
    written = np.zeros(len(keep), dtype=bool)
    progress, done = Progress("cells", len(keep)), 0
    for rows, block in blocks:
        if rows.start != done:
            raise ValueError(f"blocks are not in order: {rows} after {done} cells")
        sums[rows], detected[rows] = block @ weights, np.diff(block.indptr)
        passed = removed_by(measures(sums[rows], detected[rows]), keep[rows], settings) == ""
        written[rows] = passed
        block = block if passed.all() else block[np.flatnonzero(passed)]
        writer.append(block if onto is None else onto.apply(block))
        done = rows.stop
        progress.add(rows.stop - rows.start)
    if done != len(keep):
        raise ValueError(f"blocks have {done} of {len(keep)} cells")
    return measures(sums, detected), written


def _counts_only(blocks, where: str, logged: bool) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Yield the blocks without stored zeros, checked to be counts (or logs, which are inverted)."""
    check = check_logged if logged else check_counts
    for rows, block in blocks:
        check(block, f"{where} (cells {rows.start + 1} to {rows.stop})")
        if logged:
            block = block.copy()
            block.data = np.expm1(block.data)
        block.eliminate_zeros()
        yield rows, block


def _kept(source: Counts, left: np.ndarray) -> Iterator[sparse.csr_matrix]:
    """Yield the blocks of a file restricted to the cells left."""
    for rows, block in source.blocks():
        inside = left[rows]
        yield block if inside.all() else block[np.flatnonzero(inside)]


def _moments(spool: Path, left: np.ndarray) -> np.ndarray:
    """Return the number of cells, the sum and the sum of squares of each gene over the cells left."""
    source = Counts(spool)
    moments = np.zeros((3, source.shape[1]))
    for block in _kept(source, left):
        genes, data = block.indices.astype(np.intp), block.data.astype(np.float64)
        for row, weights in enumerate((None, data, data * data)):
            moments[row] += np.bincount(genes, weights, minlength=moments.shape[1])
    return moments


def _rewrite(
    spool: Path,
    path: Path,
    left: np.ndarray,
    enough: np.ndarray,
    weights: np.ndarray,
    obs: pd.DataFrame,
    study: str,
    shares: pd.DataFrame | None = None,
) -> None:
    """Write the cells and genes left, with the cells' measures on these genes, or with given shares."""
    source = Counts(spool)
    genes = source.genes[enough]
    sums, detected = np.zeros((len(obs), 3)), np.zeros(len(obs), dtype=np.int64)
    with CountsWriter(path, len(genes)) as writer:
        done = 0
        for block in _kept(source, left):
            block = block if enough.all() else block[:, np.flatnonzero(enough)]
            rows = slice(done, done + block.shape[0])
            sums[rows], detected[rows] = block @ weights[enough], np.diff(block.indptr)
            writer.append(block)
            done = rows.stop
        made = measures(sums, detected).set_axis(obs.index, axis=0)
        made = made if shares is None else made.assign(**shares)
        table = pd.concat([obs.drop(columns=[*MEASURES, "study"], errors="ignore"), made], axis=1)
        table.insert(0, "study", pd.Categorical(np.repeat(study, len(table))))
        table.index = table.index.astype(str).rename("cell")
        rare = {RARE: source.genes[~enough].to_numpy(dtype=str)} if not enough.all() else {}
        writer.finish(table, pd.DataFrame(index=pd.Index(genes, name="gene")), rare)


def _gene_table(genes: pd.Index, moments: np.ndarray, n_cells: int) -> pd.DataFrame:
    mean = moments[1] / max(n_cells, 1)
    variance = np.maximum(moments[2] / max(n_cells, 1) - mean**2, 0.0)
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
