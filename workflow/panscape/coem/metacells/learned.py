"""Learned embedding of a sample and what it is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.files import read_h5ad


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
    carried
        What coordinates from all modalities and from each alone tell of each modality, fields of
        :class:`panscape.coem.evaluate.Carried`.
    batch_key
        Column of batches the embedding was corrected for, or ''.
    """

    z: np.ndarray
    conditioned_on: str = ""
    information: Mapping[str, float] = field(default_factory=dict)
    batch_key: str = ""
    carried: Sequence[Mapping[str, Any]] = ()


def held_out_measures(
    information: Mapping[str, float], carried: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, float]]:
    """Return rows (metric, modality, value) of what the embedding tells of held-out cells.

    Parameters
    ----------
    information, carried
        See :class:`Learned`.

    Examples
    --------
    >>> one = {"shown": "rna", "of": "atac", "nats": 2.0, "se": 0.5, "shuffled": -3.0}
    >>> held_out_measures({"atac": 4.0}, [one])[:2]
    [('held_out_nats', 'atac', 4.0), ('held_out_nats_from_rna', 'atac', 2.0)]
    """
    rows = [("held_out_nats", of, nats) for of, nats in information.items()]
    for one in carried:
        after = "" if one["shown"] == "all" else f"_from_{one['shown']}"
        kinds = ("se", "shuffled") if one["shown"] == "all" else ("nats", "se", "shuffled")
        rows += [(f"held_out_{kind}{after}", one["of"], one[kind]) for kind in kinds]
    return rows


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
    table = read_h5ad(path)
    if not table.obs_names.equals(cells):
        raise ValueError(f"{path} has other cells than the sample")
    settings = json.loads(table.uns["settings"])
    info = json.loads(table.uns["info"])
    return Learned(
        np.asarray(table.obsm[key], dtype=float),
        settings["condition_on"] or "",
        info["information"],
        settings["batch_key"] or "",
        info["carried"],
    )
