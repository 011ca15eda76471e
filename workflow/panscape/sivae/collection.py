"""Plan of a collection: lines, cells, jobs and genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from panscape.data import files
from panscape.data.counts import Counts
from panscape.errors import fail
from panscape.log import logger
from panscape.preprocess.genes import ALL, select_genes
from panscape.sivae.genes import variable_genes
from panscape.sivae.lines import LinePlan, LineSettings, plan_lines


def plan_collection(
    counts: Mapping[str, str | Path],
    gene_tables: Mapping[str, str | Path],
    settings: Mapping[str, Any],
    selection: Mapping[str, Any],
    seed: int,
    *,
    species: str,
    columns: Sequence[str] = (),
    logged: Sequence[str] = (),
) -> tuple[LinePlan, list[str]]:
    """Plan the models of a collection.

    Parameters
    ----------
    counts, gene_tables
        study -> ``counts.h5ad``, ``genes.tsv`` of the stage preprocess.
    settings, selection
        The configuration's sections ``sivae`` and ``preprocess``.
    seed, species
        Seed and species of the collection.
    columns
        Mapped columns that are summarised by line.
    logged
        Studies whose input has log values.

    Returns
    -------
    The plan and the names of the genes.

    Raises
    ------
    UserError
        If no study is used, no line is large enough, or too few genes are left.
    """
    if not counts:
        problem = "no study takes part in siVAE"
        raise fail("studies[].use", problem, "write use: [sivae], with what else it is used for, in a study")
    obs = {study: Counts(path).obs for study, path in counts.items()}
    plan = plan_lines(obs, LineSettings.of(settings), seed, columns, logged=logged)
    known = select_genes(
        {study: files.read_tsv(path, dtype={"gene": str}) for study, path in gene_tables.items()},
        n_genes=selection["n_genes"],
        top_per_study=selection["top_per_study"],
        score=selection["score"],
        min_detection=selection["min_detection"],
        n_cells={study: len(table) for study, table in obs.items()},
        exclude=selection["exclude_genes"],
        species=species,
        present_in=ALL,  # networks of lines are compared on the same genes
    )
    genes = list(known.loc[known["selected"], "gene"])
    if settings["genes"] == "variable":
        genes = variable_genes(
            list(known["gene"]),
            counts,
            plan.cells,
            n_genes=settings["n_genes"],
            n_per_line=settings["n_per_line"],
            normalisation=selection["normalisation"],
            logged=logged,
        )
    lines = plan.lines["status"].eq("ok").sum()
    targets = plan.lines["thinned_to"].dropna()
    if targets.nunique() == 1:
        logger.info("cells of all lines are thinned to %.0f counts", targets.iloc[0])
    elif len(targets):
        logger.info(
            "cells of lines are thinned to %.0f to %.0f counts, by cell type", targets.min(), targets.max()
        )
    logger.info("%d lines, %d jobs, %d genes", lines, len(plan.jobs), len(genes))
    return plan, genes


def job_cells(lines: pd.DataFrame, cells: pd.DataFrame, job: str) -> pd.DataFrame:
    """Return the cells of a job's lines, bins in the order of the plan.

    Parameters
    ----------
    lines
        Table of lines.
    cells
        line, bin, study, cell of all lines.
    job
        Name of the job.
    """
    names = lines.loc[(lines["status"] == "ok") & (lines["job"] == job), "line"]
    return cells[cells["line"].isin(set(names))]
