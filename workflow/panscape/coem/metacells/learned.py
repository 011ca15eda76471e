"""Learned embedding of a sample and what it is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Learned:
    """A learned embedding.

    Attributes
    ----------
    z
        Coordinates, cells x dimensions.
    conditioned_on
        Label column the embedding was conditioned on, or ''.
    information
        Modality -> gain in log-likelihood (nats per cell) of withheld counts of held-out cells given the
        embedding; 0 or less if the embedding of the modality does not generalise.
    batch_key
        Column of batches the embedding was corrected for, or ''.
    """

    z: np.ndarray
    conditioned_on: str = ""
    information: Mapping[str, float] = field(default_factory=dict)
    batch_key: str = ""


def read_embedding(path: str | Path, cells: pd.Index, key: str = "X_coem") -> Learned | None:
    """Read the learned embedding of the cells, None if there is no file.

    Parameters
    ----------
    path
        h5ad file; empty for none.
    cells
        Names of the cells, in order.
    key
        Entry of `obsm`.

    Raises
    ------
    ValueError
        If the file has other cells.
    """
    if not path:
        return None
    import anndata

    table = anndata.read_h5ad(path)
    if not table.obs_names.equals(cells):
        raise ValueError(f"{path} has other cells than the sample")
    settings = json.loads(table.uns["settings"])
    information = json.loads(table.uns["info"])["information"]
    return Learned(
        np.asarray(table.obsm[key], dtype=float),
        settings["condition_on"] or "",
        information,
        settings["batch_key"] or "",
    )
