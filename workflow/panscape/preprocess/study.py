"""Quality control of a study as the configuration describes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from panscape.data.readers.genes import GeneMap, written_names
from panscape.data.readers.keep import kept_cells
from panscape.data.readers.metadata import cell_table, read_metadata
from panscape.data.readers.open import open_source
from panscape.data.readers.orthologues import reference_genes
from panscape.data.readers.source import Source
from panscape.data.species import declared, differ, naming
from panscape.errors import fail
from panscape.log import logger
from panscape.preprocess.kept import describe, kept_table
from panscape.preprocess.outcome import Qc
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings
from panscape.preprocess.understood import understand


def filter_study(
    study: Mapping[str, Any],
    path: str | Path,
    settings: QcSettings | Mapping[str, Any],
    *,
    species: str,
    age_unit: str | None = None,
    units: Sequence[str] = ("line", "batch"),
) -> Qc:
    """Read a study in any supported format and write its counts after quality control.

    Parameters
    ----------
    study
        One item of the configuration's ``studies``, with `path` set to its file; its ``qc`` overrides
        `settings`, its ``keep`` selects cells, its ``orthologues`` map the genes
        (:func:`panscape.data.readers.orthologues.reference_genes`).
    path
        The h5ad file to write, see :func:`qc`.
    settings
        Limits, or section ``preprocess`` of the configuration.
    species, age_unit
        Species and age unit of the collection.
    units
        Columns of sampling units, see :func:`kept_table`.

    Raises
    ------
    NothingLeft
        If too few cells or genes are left.
    UserError
        If the study cannot be read as described, or its genes seem to be of another species and none is
        declared.
    """
    where = f"studies[{study['id']}]"
    study = dict(study)
    source = open_source(study, where=where)
    if study.get("undeclared"):
        _require_species(study, source, species, where)
    genes = reference_genes(study, source, species, where)
    own = genes.own
    obs = read_metadata(study, source, where, age_unit)
    keep = None
    if study.get("keep"):
        keep = kept_cells(study, cell_table(study, source, where), obs, where)
    sums = np.zeros(len(own.names) if genes.onto is not None else 0)
    result = qc(
        _blocks(source, own, sums, keep, logged=study.get("values") == "log"),
        obs,
        own.names,
        path,
        QcSettings.of(settings, study.get("qc")),
        study=study["id"],
        species=study.get("species") or species,
        keep=keep,
        logged=study.get("values") == "log",
        onto=genes.onto,
    )
    kept = kept_table(obs, result.cells, study["id"], units)
    for row in kept[kept["uneven"]].to_dict("records"):
        logger.warning("%s", describe(row))
    line = understand(
        study,
        source,
        where,
        species=study.get("species") or species,
        genes=own,
        obs=obs,
        kept=keep,
        age_unit=age_unit,
    )
    found = genes.table.assign(counts=sums)
    return dataclasses.replace(result, kept=kept, orthologues=found, understood=line)


def _blocks(
    source: Source, genes: GeneMap, sums: np.ndarray, keep: np.ndarray | None, *, logged: bool
) -> Iterator[tuple[slice, sparse.csr_matrix]]:
    """Yield the blocks of a study, and add up the counts of the cells in `keep` if `sums` has genes."""
    for rows, block in source.blocks():
        block = genes.apply(block)
        if len(sums):
            inside = block if keep is None else block[np.flatnonzero(keep[rows])]
            data = np.expm1(inside.data) if logged else inside.data
            sums += np.bincount(inside.indices, data, minlength=len(sums))
        yield rows, block


def _require_species(study: dict[str, Any], source: Source, species: str, where: str) -> None:
    """Raise a UserError if the genes of a downloaded study are not named as those of the species."""
    told = naming(written_names(study, source, where))
    if differ(told, declared(species)):
        raise fail(
            f"{where}.species",
            f"the file has {told}, the collection is {species}",
            "write the study's species, with orthologues.tables if it is another one than the collection's",
        )
