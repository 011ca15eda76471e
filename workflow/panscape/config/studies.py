"""Location and size of each study's counts, known before any job runs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from panscape.config import species
from panscape.data.files import reading
from panscape.data.size import Size
from panscape.errors import masked

# assumed size of a study that cannot be read yet (a URL before its download)
UNKNOWN = Size(cells=100_000, genes=30_000, values=300_000_000)


def study(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of the study with id `name`.

    Raises
    ------
    KeyError
        If the collection has no such study.
    """
    for settings in config["studies"]:
        if settings["id"] == name:
            return settings
    raise KeyError(f"no study {name!r} in collection {config['collection']!r}")


def used_by(config: Mapping[str, Any], stage: str) -> list[str]:
    """Return the ids of the studies that take part in an analysis (``studies[].use``), ``any`` for all.

    Those of ``annotation`` are listed in ``unicoord.apply.studies``, and take no part in ``unicoord``. No
    study takes part in ``project`` without a reference.

    Examples
    --------
    >>> used_by({"studies": [{"id": "a", "use": ["sivae"]}, {"id": "b", "use": ["landscape"]}]}, "sivae")
    ['a']
    """
    if stage == "project" and not config.get("project", {}).get("reference"):
        return []
    studies = config.get("studies", ())
    applied = config.get("unicoord", {}).get("apply", {}).get("studies", ())
    if stage == "annotation":
        return [item["id"] for item in studies if item["id"] in applied]
    if stage == "unicoord":
        studies = [item for item in studies if item["id"] not in applied]
    return [item["id"] for item in studies if stage == "any" or stage in item.get("use", (stage,))]


def path(config: Mapping[str, Any], name: str) -> str:
    """Return the file (or folder) with a study's counts: given, downloaded or simulated."""
    settings = study(config, name)
    if settings.get("simulated"):
        paired = settings["simulated"] in _names(config["simulation"].get("multiome", ()))
        suffix = "h5mu" if paired else "h5ad"
        return f"resources/{config['collection']}/simulated/{settings['simulated']}.{suffix}"
    if settings.get("metacells"):
        return f"results/{config['collection']}/metacells/{settings['metacells']['sample']}/metacells.h5mu"
    if settings.get("url"):
        return f"resources/{config['collection']}/retrieved/{name}.download"
    return settings["path"]


def sheets(config: Mapping[str, Any], name: str) -> list[str]:
    """Return the tables that go with a study's counts: cell metadata, gene names, orthologues."""
    settings = study(config, name)
    tables = species.orthologues(config, settings).get("tables", ())
    parts = settings["mtx"].values()
    paths = (settings["metadata"]["path"], settings["genes"]["mapping"], *parts, *tables)
    return [sheet for sheet in paths if sheet]


def without_secrets(value: Any) -> Any:
    """Return a configuration, or a part of it, without the secrets of its URLs.

    Examples
    --------
    >>> without_secrets({"url": "https://me:pw@example.org/a"})
    {'url': 'https://***@example.org/a'}
    """
    if isinstance(value, Mapping):
        return {key: without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    return masked(value) if isinstance(value, str) else value


def located(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a study's settings with `path` set to the file of its counts, which may not exist yet."""
    settings = {**study(config, name), "path": path(config, name)}
    # settings of later analyses do not affect how a study is read
    settings.pop("use", None)
    settings.pop("panclust", None)
    if settings.get("url"):  # only the download needs its secrets
        settings["url"] = masked(settings["url"])
    if (settings.pop("atac", None) or {}).get("only"):
        settings["features"] = "Peaks"
    settings |= _species(config, settings)
    if made := settings.pop("metacells", None):
        settings |= {"format": "h5mu", "counts": "layer:counts", "modality": made["modality"]}
    return settings


def _species(config: Mapping[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a study's genes: `orthologues` if it is of another species than the collection.

    ``undeclared`` is true where the species of a file cannot be seen before the run, beside other studies.
    """
    changed: dict[str, Any] = {"species": settings.get("species") or config.get("species")}
    if genes := settings.get("genes"):
        changed["genes"] = {key: value for key, value in genes.items() if key != "orthologues"}
    if asked := species.orthologues(config, settings):
        changed["orthologues"] = {**asked, "reference": config["species"]}
    if settings.get("url") and not settings.get("species") and len(config["studies"]) > 1:
        changed["undeclared"] = True
    return changed


def panclust(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of a study's clustering: `panclust`, updated by the study's entry."""
    return {**config["panclust"], **study(config, name).get("panclust", {})}


def paired(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a study's settings with `path` and `atac`, for opening its genes and peaks."""
    return {**located(config, name), "atac": study(config, name).get("atac") or {}}


def paired_files(config: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the files with the genes and the peaks of studies, each once."""
    paths = [path(config, name) for name in names]
    paths += [atac["path"] for name in names if (atac := study(config, name).get("atac") or {}).get("path")]
    return list(dict.fromkeys(paths))


def paired_size(config: Mapping[str, Any], name: str) -> Size:
    """Return a study's size, including the stored values of its peaks."""
    rna = size(config, name)
    return replace(rna, values=rna.values + peaks_size(config, name))


def jobs_of_lines(plan: str | Path) -> dict[str, str]:
    """Return the job of each line with a model, from the table of lines (``sivae/lines.tsv``).

    Raises
    ------
    UserError
        If the table is damaged.
    """
    with reading(plan), open(plan, newline="", encoding="utf-8") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        return {row["line"]: row["job"] for row in rows if row["status"] == "ok"}


def _names(items: Iterable[Mapping[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


def size(config: Mapping[str, Any], name: str) -> Size:
    """Return a study's size from its file's header or the simulation's settings, or a conservative estimate.

    `name` is that of a study of the collection, or of one of the simulation's.
    """
    from panscape.data.readers.open import probe as io_probe

    if name not in {settings["id"] for settings in config["studies"]}:
        return _simulated_size(config["simulation"], name)
    settings = study(config, name)
    if settings.get("simulated"):
        return replace(_simulated_size(config["simulation"], settings["simulated"]), study=name)
    if settings.get("metacells"):
        return replace(_summed_size(config, settings["metacells"]["sample"]), study=name)
    if not Path(path(config, name)).exists():
        return replace(UNKNOWN, study=name)
    probe = io_probe(located(config, name))
    values = probe.nnz if probe.nnz is not None else probe.n_cells * probe.n_genes // 5
    return Size(cells=probe.n_cells, genes=probe.n_genes, values=int(values), study=name)


def _summed_size(config: Mapping[str, Any], sample: str) -> Size:
    """Return the size of a sample's metacells."""
    members = [name for name in used_by(config, "metacells") if sample in (name, "pooled")]
    sizes = [size(config, name) for name in members]
    cells = int(sum(one.cells for one in sizes) / config["metacells"]["cells_per_metacell"]) + 1
    genes = max((one.genes for one in sizes), default=UNKNOWN.genes)
    return Size(cells=cells, genes=genes, values=cells * genes)


def peaks_size(config: Mapping[str, Any], name: str) -> int:
    """Return the number of stored values of a study's accessibility, from its header or as an estimate."""
    from panscape.coem.multiome import peaks_of
    from panscape.data.readers.open import probe as io_probe

    settings = study(config, name)
    for item in config["simulation"].get("multiome", ()):
        if item["name"] == settings.get("simulated"):
            return int(item["cells"]) * min(int(item["n_peaks"]), int(item["atac_depth"]))
    if not Path(path(config, name)).exists():
        return UNKNOWN.values
    opened = peaks_of(paired(config, name), f"studies[{name}]")
    if opened is None:
        return 0
    probe = io_probe(opened)
    return int(probe.nnz if probe.nnz is not None else probe.n_cells * probe.n_genes // 10)


def mapped_genes(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the numbers of a study's genes by their relation to those of the collection's species.

    Empty if the species is the same, or the file does not exist yet.
    """
    from panscape.data.readers.open import open_source
    from panscape.data.readers.orthologues import reference_genes, summary

    settings, where = located(config, name), f"study {name!r}"
    if "orthologues" not in settings or not Path(settings["path"]).exists():
        return {}
    genes = reference_genes(settings, open_source(settings, where=where), config["species"], where)
    return summary(genes.table, name, settings["species"])


def _simulated_size(simulation: dict[str, Any], name: str) -> Size:
    for item in simulation["lines"]:
        if item["name"] == name:
            cells, genes = int(item["lines"]) * int(item["cells"]), int(item["n_genes"])
            return Size(cells=cells, genes=genes, values=cells * genes // 2)
    for item in simulation.get("multiome", ()):
        if item["name"] == name:
            cells, genes = int(item["cells"]), int(item["n_genes"])
            return Size(cells=cells, genes=genes, values=cells * genes // 2)
    cells = next(int(item["cells"]) for item in simulation["studies"] if item["name"] == name)
    genes = int(simulation["n_genes"])
    return Size(cells=cells, genes=genes, values=cells * genes // 4)
