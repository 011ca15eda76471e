"""Read and check samples with RNA, accessibility or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.paired import Paired
from panscape.coem.peaks import gene_places, peak_table
from panscape.data.counts import Counts
from panscape.data.readers.genes import gene_map
from panscape.data.readers.integers import check_counts
from panscape.data.readers.open import open_source
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, study_format
from panscape.errors import fail
from panscape.log import logger

PEAK_FEATURES = "Peaks"  # feature type in Cell Ranger's files


def atac_study(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the reader settings of a study's accessibility, None if it has none.

    Accessibility is read from ``atac.path`` if given, else from the study's file: a modality of an h5mu file,
    the features of type Peaks in a 10x file, or (``atac.only``) all features.
    """
    atac = study.get("atac") or {}
    name = {"id": study["id"], "genes": {"case": "keep"}}
    if atac.get("path"):
        return {**name, "path": atac["path"], "counts": atac.get("counts") or "X"}
    base = {**name, "path": study["path"], "format": study.get("format") or "auto"}
    if atac.get("only"):
        return {**base, "counts": study.get("counts") or "X"}
    kind = study_format(dict(study), f"studies[{study['id']}]")
    if kind == "h5mu":
        return {**base, "counts": atac.get("counts") or "X", "modality": "atac"}
    if kind == "10x-h5":
        return {**base, "features": PEAK_FEATURES}
    return None


def read_paired(
    study: Mapping[str, Any], counts: str | Path, *, species: str = "other", where: str | None = None
) -> Paired:
    """Read a sample's genes after quality control and its peaks, and keep the cells with both.

    Parameters
    ----------
    study
        One item of the configuration's ``studies`` with `path` set.
    counts
        The counts after quality control (:class:`panscape.data.counts.Counts`); with ``atac.only`` it defines
        the cells to keep.
    species
        Species of the collection, which determines how gene names are spelled.
    where
        The study's key for messages.

    Returns
    -------
    Cells with counts in every modality.

    Raises
    ------
    UserError
        If barcodes do not match, values are not counts, peaks cannot be read, or no cells are left.
    """
    where = where or f"studies[{study['id']}]"
    study = dict(study)
    kept = Counts(counts)
    only = bool((study.get("atac") or {}).get("only"))
    rna = None if only else kept.select()
    genes = None if only else _genes(study, kept.genes, species, where)
    sample = Paired(kept.obs, rna, None, genes, None, log=(("cells after quality control", len(kept.obs)),))
    settings = atac_study(study)
    if settings is not None and _has_peaks(settings, study, where):
        sample = _with_peaks(sample, settings, where)
    return _counted(sample, where)


def _genes(study: dict, names: pd.Index, species: str, where: str) -> pd.DataFrame:
    """Return the genomic positions of the genes from the study's file."""
    source = open_source(study, where=where)
    codes = gene_map(study, source, species, where)
    table = gene_places(source.genes.reset_index(drop=True))
    feature = pd.Series(np.arange(codes.matrix.shape[0])[np.diff(codes.matrix.indptr) > 0])
    spelled = codes.names[codes.matrix.indices]
    table = table.iloc[feature.to_numpy()].set_axis(pd.Index(spelled, dtype=object), axis=0)
    return table[~table.index.duplicated()].reindex(names).fillna({"chrom": "", "strand": 0.0})


def _has_peaks(settings: dict, study: dict, where: str) -> bool:
    """Return whether the file contains accessibility."""
    if settings.get("features"):
        source = open_source({key: settings[key] for key in ("id", "path", "format")}, where=where)
        return bool((source._features.get("feature_types", pd.Series(dtype=str)) == PEAK_FEATURES).any())
    if settings.get("modality"):
        import h5py

        with h5py.File(settings["path"]) as file:
            return any(name.lower() in ("atac", "peaks", "chromatin accessibility") for name in file["mod"])
    return True


def _with_peaks(sample: Paired, settings: dict, where: str) -> Paired:
    source = open_source(settings, where=f"{where}.atac")
    place = at(settings, f"{where}.atac")
    peaks = peak_table(source.genes, place)
    cells = sample.obs.index
    row_of = _require_shared(cells, source.cells, place)
    both = ~np.isnan(row_of)
    fraction = both.sum() / min(len(cells), len(source.cells))
    if fraction < 0.5:
        logger.warning(
            "%s: only %d of %d and %d barcodes are in both modalities",
            place,
            both.sum(),
            len(cells),
            len(source.cells),
        )
    wanted = np.full(len(source.cells), -1, dtype=np.int64)
    wanted[row_of[both].astype(np.int64)] = np.arange(int(both.sum()))
    atac = _matrix(source, wanted, place)
    binary = bool(len(atac.data) and (atac.data == 1).all())
    log = (
        *sample.log,
        ("cells in the table of peaks", len(source.cells)),
        ("cells in both", int(both.sum())),
        ("peaks", len(peaks)),
        ("accessibility is 0 and 1 only", float(binary)),
    )
    return replace(sample.rows(np.flatnonzero(both)), atac=atac, peaks=peaks, binary=binary, log=log)


def _matrix(source: Source, wanted: np.ndarray, place: str) -> sparse.csr_matrix:
    """Return the counts of selected cells (`wanted`: new row of each cell of the file, -1 to drop it)."""
    parts, places = [], []
    for rows, block in source.blocks():
        target = wanted[rows]
        block = block[target >= 0]
        block.eliminate_zeros()
        check_counts(block, place, source.alternatives)
        parts.append(block)
        places.append(target[target >= 0])
    matrix = sparse.csr_matrix(sparse.vstack(parts, format="csr"), dtype=np.float32)
    order = np.argsort(np.concatenate(places), kind="stable")
    return matrix if (order == np.arange(len(order))).all() else matrix[order]


def _counted(sample: Paired, where: str) -> Paired:
    """Drop cells without counts in a modality and features absent from all cells, and log their numbers."""
    keep = np.ones(sample.n_cells, dtype=bool)
    log = list(sample.log)
    for name, matrix in (("genes", sample.rna), ("peaks", sample.atac)):
        if matrix is None:
            continue
        empty = np.asarray(matrix.sum(axis=1)).ravel() == 0
        log.append((f"cells without counts of {name}, left out", int((keep & empty).sum())))
        keep &= ~empty
    if keep.sum() < 10:
        raise fail(
            where,
            f"{int(keep.sum())} of {sample.n_cells} cells have counts in every modality",
            "check the names of the matrices (counts, atac.counts); metacells need at least 10 cells",
            few=True,
        )
    sample = sample.rows(np.flatnonzero(keep))
    if sample.atac is not None and sample.peaks is not None:
        open_ = np.bincount(sample.atac.indices, minlength=sample.atac.shape[1]) > 0
        log.append(("peaks that no cell has, left out", int((~open_).sum())))
        if not open_.all():
            peaks = sample.peaks[open_]
            sample = replace(sample, atac=sample.atac[:, np.flatnonzero(open_)], peaks=peaks)
    for what, number in log:
        logger.info("%s: %s: %g", where, what, number)
    return replace(sample, log=tuple(log))


def check_peaks(study: Mapping[str, Any], cells: pd.Index, where: str) -> None:
    """Raise a UserError if the peaks of a sample cannot be read or no barcode matches, reading headers only.

    Parameters
    ----------
    study
        The study's settings with `path` and `atac`.
    cells
        Barcodes of the genes' file.
    where
        The study's key for messages.
    """
    settings = atac_study(study)
    if settings is None or not _has_peaks(settings, dict(study), where):
        return
    source = open_source(settings, where=f"{where}.atac")
    place = at(settings, f"{where}.atac")
    peak_table(source.genes, place)
    _require_shared(cells, source.cells, place)
    check_counts(source.sample(), place, source.alternatives)


def _require_shared(cells: pd.Index, others: pd.Index, place: str) -> np.ndarray:
    """Return the row of each cell in `others` (NaN if absent); raise an error if none is shared."""
    row_of = pd.Series(np.arange(len(others)), index=others).reindex(cells)
    if row_of.isna().all():
        raise fail(
            place,
            f"no barcode of the peaks ({', '.join(others[:3])} ...) is among the cells of the genes "
            f"({', '.join(cells[:3])} ...)",
            "make the barcodes of the two files agree (a suffix such as -1, a prefix)",
        )
    return row_of.to_numpy()
