"""Quality control of a study as the configuration describes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from panscape.data.readers.genes import gene_map
from panscape.data.readers.keep import kept_cells
from panscape.data.readers.metadata import cell_table, read_metadata
from panscape.data.readers.open import open_source
from panscape.log import logger
from panscape.preprocess.kept import describe, kept_table
from panscape.preprocess.outcome import Qc
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings


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
        `settings`, its ``keep`` selects cells.
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
        If the study cannot be read as described.
    """
    where = f"studies[{study['id']}]"
    study = dict(study)
    source = open_source(study, where=where)
    genes = gene_map(study, source, species, where)
    obs = read_metadata(study, source, where, age_unit)
    keep = None
    if study.get("keep"):
        keep = kept_cells(study, cell_table(study, source, where), obs, where)
    result = qc(
        ((rows, genes.apply(block)) for rows, block in source.blocks()),
        obs,
        genes.names,
        path,
        QcSettings.of(settings, study.get("qc")),
        study=study["id"],
        species=species,
        keep=keep,
        logged=study.get("values") == "log",
    )
    kept = kept_table(obs, result.cells, study["id"], units)
    for row in kept[kept["uneven"]].to_dict("records"):
        logger.warning("%s", describe(row))
    return dataclasses.replace(result, kept=kept)
