"""Input and output of the workflow's stage: labelled cells, result tables and generated cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape import seeds
from panscape.data import files
from panscape.data.counts import CountsWriter
from panscape.errors import fail
from panscape.log import logger
from panscape.training.batches import permutation
from panscape.unicoord.cells import Cells
from panscape.unicoord.configured import matching
from panscape.unicoord.generate import annotate
from panscape.unicoord.model import CoordinateSystem


def open_cells(paths: Sequence[str], tables: Sequence[str] = ()) -> Cells:
    """Open the counts of studies and join tables to the cells' annotation.

    Parameters
    ----------
    paths
        ``counts.h5ad`` of every study.
    tables
        TSV files with the columns `cell`, optionally `study`, and labels.

    Returns
    -------
    Cells with unique names: ``<study>:<name>`` for names of several studies; `barcode` has the original.
    """
    cells = Cells(list(paths), depth="n_counts")
    obs = cells.obs
    obs["barcode"] = obs.index.astype(str)
    for path in tables:
        table = files.read_tsv(path, fix="give a TSV with a header", dtype={"cell": str, "study": str})
        if "cell" not in table:
            raise fail(str(path), "has no column cell", "name the cells in a column called cell")
        keys = ["study", "cell"] if "study" in table else ["cell"]
        if table.duplicated(keys).any():
            raise fail(str(path), "names a cell twice", "keep one row per cell")
        columns = [obs["study"].astype(str), obs["barcode"]] if len(keys) == 2 else [obs["barcode"]]
        index = pd.MultiIndex.from_arrays(columns) if len(keys) == 2 else pd.Index(columns[0])
        joined = table.set_index(keys).reindex(index)
        if joined.isna().all(axis=None):
            raise fail(str(path), "names none of the cells", "use the barcodes of the counts files")
        for column in joined.columns:
            obs[column] = joined[column].to_numpy()
    if not obs.index.is_unique:
        obs.index = obs["study"].astype(str) + ":" + obs["barcode"]
    return cells


def write_predictions(
    model: CoordinateSystem, cells: Cells, split: np.ndarray, path: str | Path
) -> pd.DataFrame:
    """Write predictions.tsv of all cells, with study, split and, where known, the true label.

    Parameters
    ----------
    model
        A trained model.
    cells
        All cells of the collection.
    split
        (cells,) ``train``, ``validation`` or ``test``.
    path
        The file.
    """
    table = model.predict(cells)
    at = np.tile(np.arange(len(cells)), len(model.labels))
    table.insert(1, "study", cells.obs["study"].astype(str).to_numpy()[at])
    table.insert(2, "split", np.asarray(split, dtype=str)[at])
    truth = [
        cells.obs[label.name].to_numpy() if label.name in cells.obs else np.full(len(cells), np.nan)
        for label in model.labels
    ]
    table.insert(5, "truth", np.concatenate([np.asarray(part, dtype=object) for part in truth]))
    table["probability"] = table["probability"].astype(float).round(4)
    table["unknown_score"] = table["unknown_score"].astype(float).round(4)
    files.write_tsv(table, path)
    return table


def some_cells(model: CoordinateSystem, cells: Cells, rows: np.ndarray):
    """Return AnnData of some cells in the model's genes, with their depth.

    Parameters
    ----------
    model
        A trained model, whose genes are read.
    cells
        All cells.
    rows
        Numbers of the cells to read, ascending.
    """
    import anndata

    matrix = cells.take(rows, model.genes)
    var = pd.DataFrame(index=list(model.genes))
    # the depth is that of all genes, of which the model has some
    return anndata.AnnData(matrix, obs=cells.obs.iloc[rows], var=var, uns={"depth": "n_counts"})


def pick_cells(
    obs: pd.DataFrame, wanted: Mapping[str, Any], max_cells: int, seed: int, name: str
) -> np.ndarray:
    """Return cells of :func:`panscape.unicoord.configured.matching`, drawn at random if they are many.

    Parameters
    ----------
    obs, wanted, name
        As there.
    max_cells
        Maximum number of cells.
    seed
        Seed of the draw.
    """
    rows = matching(obs, wanted, name)
    if len(rows) > max_cells:
        rows = np.sort(rows[permutation(len(rows), seed, "scenario", name)[:max_cells]])
    return rows


def write_scenario(
    model: CoordinateSystem, cells: Cells, scenario: Mapping[str, Any], path: str | Path, seed: int
) -> None:
    """Write the cells of a scenario, block by block.

    Parameters
    ----------
    model, cells
        A trained model and all cells of the collection.
    scenario
        As in the section ``unicoord.scenarios``.
    path
        The h5ad file.
    seed
        Seed of all draws.
    """
    name = scenario["name"]
    rows = pick_cells(cells.obs, scenario.get("from", {}), scenario.get("cells", 2000), seed, name)
    source, copies = some_cells(model, cells, rows), scenario.get("copies", 1)
    blocks = model.reconfigure(
        source, scenario["set"], samples=scenario.get("samples", False), copies=copies,
        residual=scenario.get("residual", False), seed=seeds.derive(seed, "scenario", name),
    )  # fmt: skip
    obs = annotate(model.layout, source.obs, scenario["set"], copies).assign(study=name)
    depth = np.tile(source.obs["n_counts"].to_numpy(dtype=np.float64), copies)
    made = []
    with files.atomic(path) as scratch, CountsWriter(scratch, len(model.genes)) as writer:
        for part, block in blocks:
            if scenario.get("counts"):
                block = _draw_counts(
                    model, block, depth[part], seeds.stream(seed, "counts", name, part.start)
                )
            writer.append(sparse.csr_matrix(block))
            made.append(block.sum(axis=1))
        obs["n_counts"] = np.concatenate(made) if scenario.get("counts") else depth
        for column in obs:
            if obs[column].dtype == object:
                obs[column] = obs[column].astype(str)
        uns = {"what": "generated by a UniCoord model, not measured", "set": str(dict(scenario["set"]))}
        writer.finish(obs, pd.DataFrame(index=list(model.genes)), uns)
    logger.info("scenario %s: %s cells generated from %s", name, len(obs), len(rows))


def _draw_counts(model: CoordinateSystem, block: np.ndarray, depth: np.ndarray, random) -> np.ndarray:
    rate = np.expm1(block.astype(np.float64))
    if model.scale.how == "depth-log1p":
        rate *= (depth / model.scale.target)[:, None]
    return random.poisson(rate).astype(np.float32)
