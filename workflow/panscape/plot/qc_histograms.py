"""Distributions of the measures of quality control."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import panscape
from panscape.data.files import write_tsv
from panscape.log import logger
from panscape.preprocess.measures import FILTERS
from panscape.preprocess.outcome import Qc

BINS = 60
LOGARITHMIC = ("n_counts", "n_genes")
COLUMNS = ["measure", "low", "high", "kept", "removed"]


def histograms(result: Qc) -> pd.DataFrame:
    """Count the cells in bins of each measure.

    Returns
    -------
    Columns measure (n_counts, n_genes, mito_share, ribo_share), low, high (edges of the bin; the upper one
    is in the last bin only), kept and removed (cells chosen by `keep` that the limits kept or removed).
    """
    cells = result.cells[result.cells["removed_by"] != "keep"]
    removed = (cells["removed_by"] != "").to_numpy()
    tables = []
    for measure in FILTERS.values():
        values = cells[measure].to_numpy(dtype=float)
        edges = _edges(values, measure in LOGARITHMIC)
        values = np.clip(values, edges[0], edges[-1])
        kept, taken = (np.histogram(part, bins=edges)[0] for part in (values[~removed], values[removed]))
        parts = {"measure": measure, "low": edges[:-1], "high": edges[1:], "kept": kept, "removed": taken}
        tables.append(pd.DataFrame(parts))
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def _edges(values: np.ndarray, logarithmic: bool) -> np.ndarray:
    if not len(values):
        return np.linspace(1.0, 2.0, BINS + 1)
    if logarithmic:
        low = max(values[values > 0].min(), 1.0) if (values > 0).any() else 1.0
        return np.geomspace(low, max(values.max(), low * 1.01) * 1.001, BINS + 1)
    return np.linspace(0.0, max(values.max(), 0.01), BINS + 1)


def draw_failure(result: Qc, figure: str | Path, study: str) -> None:
    """Write tables and figure of a study that fails quality control.

    A separate process draws, so that this job does not rerun when the code of figures changes.

    Parameters
    ----------
    result
        Result of quality control.
    figure
        SVG to write; the PNG and the tables lie beside it.
    study
        Id of the study.
    """
    figure = Path(figure)
    tables = [figure.with_name(name) for name in ("histograms.tsv", "qc.tsv")]
    for path, table in zip(tables, (histograms(result), result.table), strict=True):
        write_tsv(table, path)
    # the name is composed, so that the digest of this job's code does not follow it
    # (panscape.pipeline.provenance)
    command = [sys.executable, "-m", f"{panscape.__name__}.plot.qc", *map(str, (*tables, figure)), study]
    library = str(Path(panscape.__path__[0]).parent)
    paths = os.pathsep.join([library, *filter(None, [os.environ.get("PYTHONPATH")])])
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    if run.returncode:
        logger.error("the distributions could not be drawn: %s", run.stderr.strip().rsplit("\n", 1)[-1])
    logger.error("see the distributions in %s", figure if not run.returncode else tables[0])
