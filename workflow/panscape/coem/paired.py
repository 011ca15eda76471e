"""Read, write and check samples with RNA, accessibility or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.peaks import gene_places, peak_table
from panscape.data.counts import Counts
from panscape.data.h5mu import read_modality, read_shared, write_h5mu
from panscape.data.readers.genes import gene_map
from panscape.data.readers.integers import check_counts
from panscape.data.readers.open import open_source
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, study_format
from panscape.errors import fail
from panscape.log import logger

PEAK_FEATURES = "Peaks"  # what Cell Ranger calls them


@dataclass(frozen=True)
class Paired:
    """Cells with their counts in each modality.

    Attributes
    ----------
    obs
        Annotations, indexed by cell.
    rna, atac
        CSR float32, cells x genes and cells x peaks; None where the sample lacks the modality.
    genes
        Indexed by gene: chrom ("" where not known), tss, strand, start, end.
    peaks
        Indexed by peak: chrom, start, end, gc where known.
    binary
        Whether accessibility is 0 and 1 only.
    log
        Numbers of cells and features read and left out, (what, number).
    """

    obs: pd.DataFrame
    rna: sparse.csr_matrix | None
    atac: sparse.csr_matrix | None
    genes: pd.DataFrame | None
    peaks: pd.DataFrame | None
    binary: bool = False
    log: tuple[tuple[str, float], ...] = ()

    @property
    def n_cells(self) -> int:
        """Return the number of cells."""
        return len(self.obs)

    def rows(self, chosen: np.ndarray) -> Paired:
        """Return the chosen cells only."""
        return replace(
            self,
            obs=self.obs.iloc[chosen] if chosen.dtype != bool else self.obs[chosen],
            rna=None if self.rna is None else self.rna[chosen],
            atac=None if self.atac is None else self.atac[chosen],
        )


def atac_study(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how a study's accessibility is opened, None if it has none.

    It is in the file that ``atac.path`` names, else in the study's own file: a modality of an h5mu file, the
    features that a 10x file calls Peaks, or (``atac.only``) everything in it.
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
    """Read a sample's genes after quality control and its peaks, and keep the cells that have both.

    Parameters
    ----------
    study
        One item of the configuration's ``studies`` with `path` set.
    counts
        The counts after quality control (:class:`panscape.data.counts.Counts`); with ``atac.only`` it names
        the cells to keep.
    species
        Of the collection: how genes are spelled.
    where
        The study's key for messages.

    Returns
    -------
    The cells of both, without those that have no counts in a modality.

    Raises
    ------
    UserError
        If barcodes do not match, values are no counts, peaks cannot be read, or no cells are left.
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
    """Return where the genes are, from the table of the study's own file."""
    source = open_source(study, where=where)
    codes = gene_map(study, source, species, where)
    table = gene_places(source.genes.reset_index(drop=True))
    feature = pd.Series(np.arange(codes.matrix.shape[0])[np.diff(codes.matrix.indptr) > 0])
    spelled = codes.names[codes.matrix.indices]
    table = table.iloc[feature.to_numpy()].set_axis(pd.Index(spelled, dtype=object), axis=0)
    return table[~table.index.duplicated()].reindex(names).fillna({"chrom": "", "strand": 0.0})


def _has_peaks(settings: dict, study: dict, where: str) -> bool:
    """Return whether the file has accessibility."""
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
    share = both.sum() / min(len(cells), len(source.cells))
    if share < 0.5:
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
    """Return the wanted cells' counts (`wanted`: new row of each cell of the file, -1 to leave out)."""
    parts, places = [], []
    for rows, block in source.blocks():
        target = wanted[rows]
        block = block[target >= 0]
        block.eliminate_zeros()
        check_counts(block, place, source.alternatives)
        parts.append(block)
        places.append(target[target >= 0])
    whole = sparse.csr_matrix(sparse.vstack(parts, format="csr"), dtype=np.float32)
    order = np.argsort(np.concatenate(places), kind="stable")
    return whole if (order == np.arange(len(order))).all() else whole[order]


def _counted(sample: Paired, where: str) -> Paired:
    """Leave out cells without counts in a modality and features that no cell has, and say so."""
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
            "see whether the right matrices are named (counts, atac.counts); metacells need 10 cells at "
            "least",
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
    """Return the row of each cell among `others` (NaN: not there); none shared is an error."""
    row_of = pd.Series(np.arange(len(others)), index=others).reindex(cells)
    if row_of.isna().all():
        raise fail(
            place,
            f"no barcode of the peaks ({', '.join(others[:3])} ...) is among the cells of the genes "
            f"({', '.join(cells[:3])} ...)",
            "make the barcodes of the two files alike (a suffix such as -1, a prefix)",
        )
    return row_of.to_numpy()


def write_paired(sample: Paired, path: str | Path, name: str) -> None:
    """Write a sample as h5mu: modalities `rna` and `atac` with raw counts, obs shared.

    ``uns`` of the file: `sample`, `atac_binary` (whether accessibility is 0 and 1 only), `log_what` and
    `log_number`.

    Parameters
    ----------
    sample
        The sample.
    path
        The h5mu file.
    name
        Name of the sample.
    """
    from anndata import AnnData

    shared = {
        "sample": name,
        "atac_binary": bool(sample.binary),
        "log_what": np.array([what for what, _ in sample.log], dtype=object),
        "log_number": np.array([number for _, number in sample.log], dtype=float),
    }
    names = pd.DataFrame(index=sample.obs.index)
    modalities = {}
    if sample.rna is not None:
        modalities["rna"] = AnnData(X=sample.rna, obs=names, var=sample.genes)
    if sample.atac is not None:
        modalities["atac"] = AnnData(
            X=sample.atac, obs=names, var=sample.peaks, uns={"binary": bool(sample.binary)}
        )
    write_h5mu(path, modalities, sample.obs, uns=shared)


def load_paired(path: str | Path) -> Paired:
    """Read what :func:`write_paired` wrote."""
    obs, uns = read_shared(path)
    rna, atac = read_modality(path, "rna"), read_modality(path, "atac")
    log = tuple(zip(map(str, uns["log_what"]), map(float, uns["log_number"]), strict=True))
    return Paired(
        obs,
        None if rna is None else sparse.csr_matrix(rna.X),
        None if atac is None else sparse.csr_matrix(atac.X),
        None if rna is None else rna.var,
        None if atac is None else atac.var,
        bool(uns["atac_binary"]),
        log,
    )
