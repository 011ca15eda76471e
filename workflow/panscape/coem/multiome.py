"""Read and check samples with RNA, accessibility or both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.genes import other_names
from panscape.coem.paired import Paired
from panscape.coem.peaks import PEAK_COLUMNS, find_columns, gene_places, peak_table
from panscape.data.counts import Counts
from panscape.data.readers.barcodes import rows_of
from panscape.data.readers.check import check_whole
from panscape.data.readers.features import GENES, PEAKS, looks_like_peaks, modality_named, of_type
from panscape.data.readers.format import study_format
from panscape.data.readers.fragments import refuse_fragments
from panscape.data.readers.gate import open_hdf5
from panscape.data.readers.genes import gene_map
from panscape.data.readers.integers import check_counts
from panscape.data.readers.open import open_source
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, damage_told, listing
from panscape.data.readers.text import open_bytes
from panscape.errors import fail
from panscape.log import logger

FORMATS_OF_BOTH = ("h5ad", "10x-h5", "10x-mtx", "loom")  # may have genes and peaks in one matrix


def atac_study(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the reader settings of a study's accessibility, None if it has none.

    Accessibility is read from ``atac.path`` if given, else from the study's file: a modality of an h5mu file,
    the features of type Peaks in a 10x file or folder, h5ad or loom, or (``atac.only``) all features.
    """
    atac = study.get("atac") or {}
    name = {"id": study["id"], "genes": {"case": "keep"}, "features": PEAKS}
    if atac.get("modality"):
        name["modality"] = atac["modality"]
    if atac.get("path"):
        return {**name, "path": atac["path"], "counts": atac.get("counts") or "X"}
    base = {**name, "path": study["path"], "format": study.get("format") or "auto"}
    if atac.get("only"):
        orientation = {"orientation": study["orientation"]} if study.get("orientation") else {}
        return {**base, "counts": study.get("counts") or "X", **orientation}
    kind = study_format(dict(study), f"studies[{study['id']}]")
    if kind == "h5mu":
        return {**base, "counts": atac.get("counts") or "X"}
    if kind in FORMATS_OF_BOTH:
        return {**base, "counts": study.get("counts") or "X"}
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
    if settings := peaks_of(study, where):
        sample = _with_peaks(sample, settings, study.get("atac") or {}, where)
    return _counted(sample, where)


def _genes(study: dict, names: pd.Index, species: str, where: str) -> pd.DataFrame:
    """Return the genomic positions of the genes from the study's file."""
    source = open_source(study, where=where)
    codes = gene_map(study, source, species, where)
    table = gene_places(source.genes.reset_index(drop=True))
    table["alias"] = other_names(source.genes).to_numpy()
    feature = pd.Series(np.arange(codes.matrix.shape[0])[np.diff(codes.matrix.indptr) > 0])
    spelled = codes.names[codes.matrix.indices]
    table = table.iloc[feature.to_numpy()].set_axis(pd.Index(spelled, dtype=object), axis=0)
    return table[~table.index.duplicated()].reindex(names).fillna({"chrom": "", "strand": 0.0, "alias": ""})


def peaks_of(study: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    """Return the reader settings of a study's accessibility as :func:`atac_study`, None if its file has none.

    Parameters
    ----------
    study
        The study's settings with `path` and `atac`.
    where
        The study's key for messages.

    Raises
    ------
    UserError
        If the file cannot be read, or the peaks of an h5mu file are in a modality of an unknown name.
    """
    settings, atac = atac_study(study), study.get("atac") or {}
    if settings is None or atac.get("path") or atac.get("only"):
        return settings
    if study_format(settings, where) == "h5mu":
        return settings if _has_modality(settings, where) else None
    peaks = of_type(open_source(settings, where=where).features, PEAKS)
    return settings if peaks is not None and peaks.any() else None


def _has_modality(settings: dict, where: str) -> bool:
    """Return whether an h5mu file has peaks; a UserError if they are in a modality of an unknown name."""
    with damage_told(settings, where), open_hdf5(settings["path"]) as file:
        names = list(file["mod"])
    if settings.get("modality") or modality_named(names, "atac"):
        return True
    for name in names:
        if name == modality_named(names, "rna"):
            continue
        source = open_source({**settings, "modality": name}, where=where)
        if looks_like_peaks(source.features.index).mean() > 0.5:
            raise fail(
                at(settings, f"{where}.atac.modality"),
                f"the peaks are in modality {name!r} ({listing(source.features.index, 2)} ...)",
                f"write atac: {{modality: {name}}}, or rename the modality to atac",
            )
    return False


def _open_peaks(settings: dict, where: str) -> tuple[Source, str, pd.DataFrame]:
    """Return the open peaks, their place for messages, and the table of peaks."""
    place = at(settings, f"{where}.atac")
    refuse_fragments(Path(settings["path"]), at(settings, f"{where}.atac", "path"))
    if not settings.get("orientation") and peaks_in_rows(settings, f"{where}.atac"):
        logger.info("%s: peaks are in rows", place)
        settings = {**settings, "orientation": "genes-by-cells"}
    source = open_source(settings, where=f"{where}.atac")
    names = source.genes.index
    columns = find_columns(source.genes, PEAK_COLUMNS)
    if len(columns) < 3 and "interval" not in source.genes and not looks_like_peaks(names).any():
        kinds = source.genes.get("feature_types", pd.Series(dtype=str))
        if (kinds == GENES).any() or not pd.Series(names).str.contains(r"\d+[_-]\d+$").any():
            raise fail(
                place,
                f"its features ({listing(names, 3)} ...) are no peaks",
                "name the file with cells x peaks (chr1:9805-10450) in atac.path, the genes' in path",
            )
    return source, place, peak_table(source.genes, place)


def peaks_in_rows(settings: Mapping[str, Any], where: str) -> bool:
    """Return whether a csv or tsv file has peaks in rows, by the name of its first row."""
    path = Path(settings["path"])
    if not path.is_file() or h5py.is_hdf5(path) or study_format(dict(settings), where) not in ("csv", "tsv"):
        return False
    with damage_told(dict(settings), where), open_bytes(path) as handle:
        first = [handle.readline() for _ in range(2)][1].decode("utf-8", "replace")
    return bool(looks_like_peaks([re.split(r"[,\t]", first)[0].strip().strip('"')])[0])


def _with_peaks(sample: Paired, settings: dict, atac: Mapping[str, Any], where: str) -> Paired:
    source, place, peaks = _open_peaks(settings, where)
    cells = sample.obs.index
    row_of = rows_of(cells, source.cells, atac, place, f"{where}.atac", what="peaks")
    both = row_of >= 0
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
    wanted[row_of[both]] = np.arange(int(both.sum()))
    counts = _matrix(source, wanted, place)
    binary = bool(len(counts.data) and (counts.data == 1).all())
    log = (
        *sample.log,
        ("cells in the table of peaks", len(source.cells)),
        ("cells in both", int(both.sum())),
        ("peaks", len(peaks)),
        ("accessibility is 0 and 1 only", float(binary)),
    )
    return replace(sample.rows(np.flatnonzero(both)), atac=counts, peaks=peaks, binary=binary, log=log)


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


def check_peaks(study: Mapping[str, Any], cells: pd.Index, where: str) -> pd.DataFrame | None:
    """Check that the peaks of a sample can be read and barcodes match, reading headers only.

    Parameters
    ----------
    study
        The study's settings with `path` and `atac`.
    cells
        Barcodes of the genes' file.
    where
        The study's key for messages.

    Returns
    -------
    The peaks, None for a sample without.

    Raises
    ------
    UserError
        If the peaks cannot be read or (almost) no barcode matches.
    """
    settings = peaks_of(study, where)
    if settings is None:
        return None
    source, place, peaks = _open_peaks(settings, where)
    atac = study.get("atac") or {}
    rows_of(cells, source.cells, atac, place, f"{where}.atac", what="peaks")
    check_whole(source)
    check_counts(source.sample(), place, source.alternatives)
    return peaks
