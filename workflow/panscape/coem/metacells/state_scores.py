"""Heterogeneity of the metacells of a sample, by modality."""

from __future__ import annotations

import numpy as np
import pandas as pd

from panscape.coem.metacells.homogeneity import homogeneity
from panscape.coem.metacells.settings import MetacellSettings
from panscape.coem.metacells.state_axes import StateAxes, state_axes
from panscape.coem.paired import Paired
from panscape.seeds import derive


def sample_axes(sample: Paired, seed: int) -> dict[str, StateAxes]:
    """Return the axes of states of each modality of a sample (``rna``, ``atac``)."""
    matrices = {"rna": sample.rna, "atac": sample.atac}
    return {
        name: state_axes(matrix, seed=derive(seed, "axes", name))
        for name, matrix in matrices.items()
        if matrix is not None
    }


def modality_scores(
    axes: StateAxes, label: np.ndarray, settings: MetacellSettings, seed: int, modality: str
) -> pd.DataFrame:
    """Return the table of :func:`panscape.coem.metacells.homogeneity.homogeneity` in one modality.

    Parameters
    ----------
    axes
        Axes of the modality.
    label
        Metacell of each cell, 0..k-1.
    settings
        Number of permutations.
    seed
        Seed of the sample.
    modality
        ``"rna"`` or ``"atac"``.
    """
    stream = derive(seed, "homogeneity", modality)
    return homogeneity(axes, label, permutations=settings.permutations, seed=stream)


def heterogeneity_rows(modality: str, scores: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Return the rows (metric, modality, value) that sum a grouping's scores up.

    Parameters
    ----------
    modality
        ``"rna"`` or ``"atac"``.
    scores
        Scores by metacell.

    Returns
    -------
    `heterogeneity` (mean over cells), `heterogeneity_limit` and `dubious` (fraction of the judged metacells);
    NaN if nothing is judged.
    """
    known = scores.dropna(subset="heterogeneity")
    total = (known["heterogeneity"] * known["n_cells"]).sum()
    return [
        ("heterogeneity", modality, float(total / known["n_cells"].sum()) if len(known) else float("nan")),
        ("heterogeneity_limit", modality, float(scores["limit"].iloc[0])),
        ("dubious", modality, float(known["dubious"].mean())),
    ]
