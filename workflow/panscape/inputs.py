"""Where each study's counts are and how large they are, known before any job runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from panscape.sizes import Size

# what is assumed of a study whose size cannot be read yet (a URL before its download)
UNKNOWN = Size(cells=100_000, genes=30_000, values=300_000_000)


def study(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of the study called `name`.

    Raises
    ------
    KeyError
        If the collection has no such study.
    """
    for settings in config["studies"]:
        if settings["id"] == name:
            return settings
    raise KeyError(f"no study {name!r} in collection {config['collection']!r}")


def path(config: dict[str, Any], name: str) -> str:
    """Return the file (or folder) with a study's counts: the user's own, a retrieved or a simulated one."""
    settings = study(config, name)
    if settings.get("simulated"):
        return f"resources/{config['collection']}/simulated/{settings['simulated']}.h5ad"
    if settings.get("url"):
        return f"resources/{config['collection']}/retrieved/{name}.download"
    return settings["path"]


def sheets(config: dict[str, Any], name: str) -> list[str]:
    """Return the tables that go with a study's counts: cell metadata, gene names."""
    settings = study(config, name)
    found = (settings["metadata"]["path"], settings["genes"]["mapping"])
    return [sheet for sheet in found if sheet]


def located(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a study's settings with `path` set to where its counts lie once every rule has run."""
    return {**study(config, name), "path": path(config, name)}


def size(config: dict[str, Any], name: str) -> Size:
    """Return a study's size from its file's header, from the simulation's settings, or a cautious guess.

    `name` is that of a study of the collection, or of one of the simulation's.
    """
    from panscape import io

    if name not in {settings["id"] for settings in config["studies"]}:
        return _simulated_size(config["simulation"], name)
    settings = study(config, name)
    if settings.get("simulated"):
        return _simulated_size(config["simulation"], settings["simulated"])
    if not Path(path(config, name)).exists():
        return UNKNOWN
    probe = io.probe(located(config, name))
    values = probe.nnz if probe.nnz is not None else probe.n_cells * probe.n_genes // 5
    return Size(cells=probe.n_cells, genes=probe.n_genes, values=int(values))


def _simulated_size(simulation: dict[str, Any], name: str) -> Size:
    cells = next(int(item["cells"]) for item in simulation["studies"] if item["name"] == name)
    genes = int(simulation["n_genes"])
    return Size(cells=cells, genes=genes, values=cells * genes // 4)
