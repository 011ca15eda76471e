"""Tables of coordinates: those of all cells, and what the unsupervised ones carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from panscape.data import files
from panscape.unicoord.cells import Cells
from panscape.unicoord.integrate import batch_label, integrated
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.stage import some_cells


def write_coordinates(
    model: CoordinateSystem,
    cells: Cells,
    split: np.ndarray,
    path: str | Path,
    batch: str | None = None,
    seed: int = 0,
) -> None:
    """Write coordinates.h5ad: cells x coordinates, obs with the labels and the split, var with their kind.

    With `batch`, obsm has ``integrated``: coordinates of the cells set to one batch.

    Parameters
    ----------
    model, cells, split, path
        As for :func:`panscape.unicoord.stage.write_predictions`.
    batch
        A discrete label whose effect is removed in ``integrated``, ``"auto"``, or None; see
        :func:`panscape.unicoord.integrate.batch_label`.
    seed
        Seed of the integration.
    """
    import anndata

    table = model.embed(cells)
    kinds = ["supervised" if at < model.layout.width else "free" for at in range(table.shape[1])]
    names = [label.name for label in model.labels]
    obs = cells.obs[
        [name for name in dict.fromkeys(["study", "barcode", *names]) if name in cells.obs]
    ].copy()
    obs["split"] = np.asarray(split, dtype=str)
    for name in obs:
        if obs[name].dtype == object:
            obs[name] = obs[name].map(lambda value: None if pd.isna(value) else str(value)).astype("category")
    made = anndata.AnnData(
        table.to_numpy(dtype=np.float32), obs=obs, var=pd.DataFrame({"kind": kinds}, index=model.coordinates)
    )
    made.uns["labels"] = {label.name: label.kind for label in model.labels}
    if (name := batch_label(model, batch)) is not None:
        made.obsm["integrated"] = integrated(model, cells, name, seed)
        made.uns["integrated"] = f"set to one {name}"
    files.write_h5ad(made, path)


def active_coordinates(
    model: CoordinateSystem, cells: Cells, rows: np.ndarray, min_kl: float = 0.05
) -> pd.DataFrame:
    """Return the information in each unsupervised coordinate and the label that explains it best.

    Parameters
    ----------
    rows
        Cells used.
    min_kl
        Divergence (nats) above which a coordinate counts as active.

    Returns
    -------
    coordinate, kl (nats per cell), active, best_label and strength (fraction of the coordinate's variance
    that the label explains, 0 to 1).
    """
    from panscape.unicoord.evaluate import explained_by

    encoded = model.encode_cells(some_cells(model, cells, rows))
    kl = 0.5 * (encoded.mean**2 + np.exp(encoded.log_variance) - 1 - encoded.log_variance).mean(axis=0)
    names = [name for name in model.coordinates if name.startswith(("diffusion-", "latent-"))]
    table = pd.DataFrame({"coordinate": names, "kl": kl, "active": kl > min_kl})
    strength = pd.DataFrame(index=names)
    for label in model.labels:
        if label.name not in cells.obs:
            continue
        values = cells.obs[label.name].iloc[rows]
        if not label.discrete and values.nunique() > 10:  # deciles, for nonlinear relations
            values = pd.qcut(pd.to_numeric(values), 10, duplicates="drop").astype(str)
        each = [explained_by(encoded.mean[:, [at]], values.to_numpy()) for at in range(len(names))]
        strength[label.name] = each
    if strength.shape[1]:
        table["best_label"] = strength.idxmax(axis=1).to_numpy()
        table["strength"] = strength.max(axis=1).to_numpy()
    return table
