"""Expected losses to quality control, estimated from a sample of cells before any job runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panscape.config import studies
from panscape.data.readers.genes import gene_map
from panscape.data.readers.keep import kept_cells
from panscape.data.readers.metadata import cell_table, read_metadata
from panscape.data.readers.open import open_source
from panscape.data.readers.source import Source
from panscape.errors import Problem
from panscape.log import logger
from panscape.preprocess import losses
from panscape.preprocess.measures import gene_weights, measures, removed_by, sample_cells
from panscape.preprocess.outcome import loss_table
from panscape.preprocess.settings import QcSettings

VALUES = 1_000_000  # values to read: all cells of a small study, thousands of a large one
FEWEST = 10  # minimum cells of a line in the sample
NAMED = 3  # maximum lines in a message


def expected_losses(config: Mapping[str, Any], name: str) -> list[Problem]:
    """Return the problems of a study expected to lose more than half of its cells to quality control.

    Parameters
    ----------
    config
        The complete configuration.
    name
        Id of the study.

    Returns
    -------
    A problem of the study or else of its lines; empty if its file does not exist yet, or is large and stored
    by gene.
    """
    study = studies.located(config, name)
    if study.get("simulated") or not Path(study["path"]).exists():
        return []
    where = f"study {name!r}"
    source = open_source(study, where=where)
    obs = read_metadata(study, source, where, config["age_unit"])
    keep = np.ones(len(obs), dtype=bool)
    if study.get("keep"):
        keep = kept_cells(study, cell_table(study, source, where), obs, where)
    settings = QcSettings.of(config["preprocess"], study.get("qc"))
    rows, cells = _sample(study, source, config["species"], settings, keep)
    if not len(cells):
        return []
    limits = settings.resolved(cells)
    cells["removed_by"] = removed_by(cells, np.ones(len(cells), dtype=bool), limits)
    table = loss_table(cells, limits, settings.auto, name).to_dict("records")
    if losses.fraction_lost(table) > losses.HALF:
        seen = "" if len(cells) == keep.sum() else f" (of {len(cells):,} sampled cells)"
        what = f"most cells of {name} will be removed: {losses.sentence(table)}{seen}"
        return [Problem(f"preprocess.{losses.culprit(table)['filter']}", what, losses.remedy(table))]
    return list(_lines(config, obs.iloc[rows], cells, limits, settings, name))


def _sample(
    study: dict[str, Any], source: Source, species: str, settings: QcSettings, keep: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the indices of the sampled cells among those in `keep`, and their quality measures."""
    genes = gene_map(study, source, species, source.where)
    quiet, logger.disabled = logger.disabled, True  # the job itself warns of patterns without genes
    try:
        weights = gene_weights(genes.names, settings, study["id"], study.get("species") or species)
    finally:
        logger.disabled = quiet
    logged = study.get("values") == "log"
    rows, sums, detected = sample_cells(source, genes, keep, weights, values=VALUES, logged=logged)
    return rows, measures(sums, detected) if len(rows) else pd.DataFrame()


def _lines(
    config: Mapping[str, Any],
    obs: pd.DataFrame,
    cells: pd.DataFrame,
    limits: QcSettings,
    settings: QcSettings,
    name: str,
) -> Iterator[Problem]:
    """Yield the problem of lines expected to lose more than half of their cells."""
    column = config["sivae"]["line"]
    if column not in obs:
        return
    labels = obs[column].astype(object).to_numpy()
    lost = (cells["removed_by"] != "").to_numpy()
    table = pd.DataFrame({"lost": lost}).groupby(labels)["lost"].agg(["mean", "size"])
    table = table[table["size"] >= FEWEST]
    worst = table[table["mean"] > losses.HALF].sort_values("mean", ascending=False, kind="stable")
    if not len(worst):
        return
    inside = np.isin(labels, worst.index.to_numpy())
    rows = loss_table(cells[inside], limits, settings.auto, name).to_dict("records")
    named = ", ".join(f"{line} {100 * share:.0f} %" for line, share in worst["mean"].head(NAMED).items())
    more = f" and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
    what = f"{len(worst)} of {len(table)} lines of {name} will lose more than half of their cells "
    what += f"({named}{more}); in these {losses.sentence(rows)}"
    yield Problem(f"preprocess.{losses.culprit(rows)['filter']}", what, losses.remedy(rows))
