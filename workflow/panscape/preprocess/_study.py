"""Quality control of a study as the configuration describes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from panscape import io
from panscape.preprocess._qc import Qc, qc
from panscape.preprocess._settings import QcSettings


def filter_study(
    study: Mapping[str, Any],
    path: str | Path,
    settings: QcSettings | Mapping[str, Any],
    *,
    species: str,
    age_unit: str | None = None,
) -> Qc:
    """Read a study in whatever format it has and write its counts after quality control.

    Parameters
    ----------
    study
        One item of the configuration's ``studies``, with `path` set to its file; its ``qc`` goes over
        `settings`, its ``keep`` chooses cells.
    path
        The h5ad file to write, see :func:`qc`.
    settings
        Limits, or the configuration's section ``preprocess``.
    species, age_unit
        Of the collection.

    Raises
    ------
    UserError
        If the study cannot be read as described, or nothing is left of it.
    """
    where = f"studies[{study['id']}]"
    study = dict(study)
    source = io.open_source(study, where=where)
    genes = io.gene_map(study, source, species, where)
    obs = io.read_metadata(study, source, where, age_unit)
    keep = None
    if study.get("keep"):
        keep = io.kept_cells(study, io.cell_table(study, source, where), obs, where)
    return qc(
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
