"""Read and write h5mu files, several AnnData objects of the same cells, without mudata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd

from panscape.data.files import atomic, open_h5

if TYPE_CHECKING:
    from anndata import AnnData

USERBLOCK = 512  # bytes before the HDF5 content
SIGNATURE = b"MuData (format-version=0.1.0;creator=panscape;creator-version=0.1.0)\x00"


def write_h5mu(
    path: str | Path,
    modalities: Mapping[str, AnnData],
    obs: pd.DataFrame,
    *,
    obsm: Mapping[str, np.ndarray] | None = None,
    uns: Mapping[str, Any] | None = None,
) -> None:
    """Write an h5mu file whose modalities all have the same observations in the same order.

    Parameters
    ----------
    path
        Destination, readable by mudata and muon.
    modalities
        Mapping of modality names to tables.
    obs
        Annotations shared by the modalities.
    obsm
        Coordinates of the observations.
    uns
        Unstructured annotations.

    Raises
    ------
    ValueError
        If the observations of a modality differ.
    """
    for name, table in modalities.items():
        if not table.obs_names.equals(obs.index):
            raise ValueError(f"modality {name} has other observations than obs")
    var = pd.concat([pd.DataFrame(index=table.var_names) for table in modalities.values()])
    starts = np.cumsum([0, *(table.n_vars for table in modalities.values())])
    with atomic(path) as scratch:
        _write(scratch, modalities, obs, var, starts, obsm or {}, uns or {})
        with open(scratch, "r+b") as handle:  # the signature by which mudata recognises its files
            handle.write(SIGNATURE)


def _write(path, modalities, obs, var, starts, obsm, uns) -> None:
    from anndata.io import write_elem

    with h5py.File(path, "w", userblock_size=USERBLOCK) as file:
        file.attrs.update(
            {"encoding-type": "MuData", "encoding-version": "0.1.0", "encoder": "panscape", "axis": 0}
        )
        mod = file.create_group("mod")
        for name, table in modalities.items():
            write_elem(mod, name, table)
        mod.attrs["mod-order"] = list(modalities)
        write_elem(file, "obs", obs)
        write_elem(file, "var", var)
        everyone = {name: np.ones(len(obs), dtype=bool) for name in modalities}
        write_elem(file, "obsm", {**everyone, **obsm})
        place = np.arange(1, len(obs) + 1, dtype=np.uint32)
        write_elem(file, "obsmap", dict.fromkeys(modalities, place))
        masks, number = {}, {}
        for at, (name, table) in enumerate(modalities.items()):
            mask = np.zeros(len(var), dtype=bool)
            mask[starts[at] : starts[at + 1]] = True
            masks[name] = mask
            number[name] = np.zeros(len(var), dtype=np.uint32)
            number[name][mask] = np.arange(1, table.n_vars + 1)
        write_elem(file, "varm", masks)
        write_elem(file, "varmap", number)
        for name in ("obsp", "varp"):
            write_elem(file, name, {})
        write_elem(file, "uns", dict(uns))


def read_modality(path: str | Path, name: str) -> AnnData | None:
    """Read one modality of an h5mu file; None if there is none of that name."""
    from anndata.io import read_elem

    with open_h5(path) as file:
        return read_elem(file["mod"][name]) if name in file["mod"] else None


def read_shared(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the shared (obs, uns) of an h5mu file."""
    from anndata.io import read_elem

    with open_h5(path) as file:
        return read_elem(file["obs"]), read_elem(file["uns"])
