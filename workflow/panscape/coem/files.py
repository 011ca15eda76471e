"""Read samples and write embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coem.embed import Embedding
from panscape.data import h5mu
from panscape.data.files import write_h5ad
from panscape.errors import fail


def read_sample(path: str | Path) -> tuple[pd.DataFrame, sparse.csr_matrix | None, sparse.csr_matrix | None]:
    """Read the annotations of the cells and the counts of RNA and accessibility (None if missing)."""
    obs, _ = h5mu.read_shared(path)
    tables = [h5mu.read_modality(path, name) for name in ("rna", "atac")]
    return obs, *(None if table is None else sparse.csr_matrix(table.X) for table in tables)


def column(obs: pd.DataFrame, name: str | None, key: str) -> np.ndarray | None:
    """Return a column of the annotations as text; None for None.

    Parameters
    ----------
    obs
        Annotations of the cells.
    name
        Name of the column; None for none.
    key
        Configuration key, for messages.

    Raises
    ------
    UserError
        If there is no such column, or it has missing values.
    """
    if name is None:
        return None
    if name not in obs:
        known = ", ".join(map(str, obs.columns)) or "none"
        raise fail(
            key, f"no column {name!r} (there are: {known})", "name a column that studies[].obs maps, or null"
        )
    if obs[name].isna().any():
        missing = int(obs[name].isna().sum())
        raise fail(
            key,
            f"{missing} of {len(obs)} cells have no value in {name!r}",
            "leave these cells out, or write null",
        )
    return obs[name].astype(str).to_numpy()


def write_embedding(
    embedding: Embedding, obs: pd.DataFrame, path: str | Path, settings: Mapping[str, Any]
) -> None:
    """Write an embedding as h5ad.

    `obsm` contains X_coem and, for measured modalities, X_rna and X_atac; `uns` contains `settings` and
    `info` (as JSON), `posterior_sd`, `unit` and the table `history`.

    Parameters
    ----------
    embedding
        Coordinates of the cells.
    obs
        Annotations of the cells.
    path
        The h5ad file.
    settings
        The configuration's section ``coem``, with the column of batches that was used as `batch_key`.
    """
    import json

    from anndata import AnnData

    views = {"X_coem": embedding.joint, "X_rna": embedding.rna, "X_atac": embedding.atac}
    history = pd.DataFrame(embedding.history)
    table = AnnData(
        obs=obs,
        obsm={name: view for name, view in views.items() if view is not None},
        uns={
            "settings": json.dumps(dict(settings), sort_keys=True),
            "info": json.dumps(embedding.info, sort_keys=True),
            "posterior_sd": embedding.posterior_sd,
            "unit": embedding.unit,
            "history": history.set_axis(history.index.astype(str), axis=0),
        },
    )
    write_h5ad(table, path)


def forget(checkpoint: str | Path) -> None:
    """Remove the checkpoint of a finished training run."""
    from panscape.training.checkpoint import Checkpoint

    Checkpoint(checkpoint, {}).remove()
