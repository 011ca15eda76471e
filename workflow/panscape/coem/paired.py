"""Samples with RNA, accessibility or both, and their h5mu files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.h5mu import read_modality, read_shared, write_h5mu


@dataclass(frozen=True)
class Paired:
    """Cells and their counts in each modality.

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
        Whether accessibility is binary.
    log
        Numbers of cells and features read and dropped, as (description, number).
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
        """Return a subset of the cells."""
        return replace(
            self,
            obs=self.obs.iloc[chosen] if chosen.dtype != bool else self.obs[chosen],
            rna=None if self.rna is None else self.rna[chosen],
            atac=None if self.atac is None else self.atac[chosen],
        )


def write_paired(sample: Paired, path: str | Path, name: str) -> None:
    """Write a sample as h5mu: modalities `rna` and `atac` with raw counts, obs shared.

    ``uns`` of the file: `sample`, `atac_binary` (whether accessibility is binary), `log_what` and
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
    """Read a sample written by :func:`write_paired`."""
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
