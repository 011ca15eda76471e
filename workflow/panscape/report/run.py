"""Parameters, versions, run time and memory of the results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from panscape import __version__
from panscape.data.files import read_tsv
from panscape.report.results import Results
from panscape.versions import versions as provenance_versions

LIBRARIES = (
    "snakemake",
    "anndata",
    "fa2",
    "gseapy",
    "h5py",
    "igraph",
    "leidenalg",
    "matplotlib",
    "mudata",
    "numba",
    "numpy",
    "pandas",
    "pynndescent",
    "scanpy",
    "scikit-learn",
    "scipy",
    "torch",
)

STAGES = (
    "retrieve",
    "simulate",
    "preprocess",
    "panclust",
    "coexpression",
    "landscape",
    "dictionary",
    "programs",
    "project",
    "overlap",
    "sivae",
    "networks",
    "metacells",
    "features",
    "unicoord",
)
"""Stages in the order in which they run; others follow, the report last."""
MADE = {
    "panclust": "panclust/*/clusters.tsv",
    "coexpression": "coexpression/*/pairs.tsv",
    "landscape": "landscape/statistics.tsv",
    "dictionary": "dictionary/entries.tsv",
    "project": "project/projected.tsv",
    "overlap": "overlap/zscores.tsv",
    "sivae": "sivae/lines.tsv",
    "networks": "networks/centrality.tsv",
    "metacells": "metacells/*/metrics.tsv",
    "coem": "metacells/*/metrics.tsv",
    "features": "features/features.tsv",
    "unicoord": "unicoord/metrics.tsv",
}
"""Section of the settings -> a file that shows that its stage is part of the report."""


def parameters(config: Mapping[str, Any]) -> pd.DataFrame:
    """Return every setting of a configuration: `key`, `value`, `meaning`.

    Unset keys of a study are omitted. Keys look like ``landscape.k`` and ``studies[0].obs.age.column``;
    lists of plain values stay in one row.
    The meaning is the first sentence of the key's description in the schema.
    """
    described = _descriptions()
    rows = []
    for key, value in flatten(config):
        if key.startswith("studies[") and value in (None, {}, [], ""):
            continue  # a study has many keys that only some formats need
        text = described.get(_without_numbers(key), "")
        rows.append((key, _written(value), text))
    return pd.DataFrame(rows, columns=["key", "value", "meaning"])


def flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (key path, value) of every setting of a nested configuration."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from flatten(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping | list) for inner in value):
        for place, inner in enumerate(value):
            yield from flatten(inner, f"{key}[{place}]")
    else:
        yield key, value


def versions() -> pd.DataFrame:
    """Return `software`, `version` of panscape and its dependencies that are installed."""
    installed = provenance_versions(list(LIBRARIES))
    rows = [
        ("panscape", __version__),
        *((name, text) for name, text in installed.items() if text != "absent"),
    ]
    return pd.DataFrame(rows, columns=["software", "version"])


def runtimes(folder: Path | None) -> pd.DataFrame:
    """Return time and memory per rule from Snakemake's benchmark tables, in the order of the stages.

    Columns `stage`, `rule`, `jobs`, `wall` (s, all jobs), `longest` (s), `cpu` (s, all jobs) and `memory`
    (MB, largest resident set of a job). Missing measurements are NaN.
    """
    rows = list(_measured_jobs(folder)) if folder and folder.is_dir() else []
    rows.sort(key=lambda row: (row[0] == "report", _place(row[0])))
    times = pd.DataFrame(rows, columns=["stage", "rule", "s", "cpu", "rss"])
    grouped = times.groupby(["stage", "rule"], sort=False)
    return grouped.agg(
        jobs=("s", "size"),
        wall=("s", "sum"),
        longest=("s", "max"),
        cpu=("cpu", lambda seconds: seconds.sum(min_count=1)),
        memory=("rss", "max"),
    ).reset_index()


def _measured_jobs(folder: Path) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield stage, rule, wall time (s), processor time (s) and memory (MB) of each benchmark table."""
    for path in sorted(folder.rglob("*.tsv")):
        table = read_tsv(path)
        seconds, cpu, memory = (
            pd.to_numeric(table[name], errors="coerce").max() if name in table else float("nan")
            for name in ("s", "cpu_time", "max_rss")
        )
        yield path.relative_to(folder).parts[0], path.stem, seconds, cpu, memory


def _place(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def used(results: Results) -> dict[str, Any]:
    """Return the configuration without sections that do not affect the report's results."""
    simulated = any(study.get("simulated") for study in results.studies_config)
    shown = {"simulation": simulated, **{stage: results.has(file) for stage, file in MADE.items()}}
    return {key: value for key, value in results.config.items() if shown.get(key, True)}


def sections_used(results: Results) -> list[str]:
    """Return the sections of the settings that made the report's results, in the order of the stages."""
    config = results.config
    grouping = config.get("metacells", {})
    learned = "coem" in (grouping.get("embedding"), *grouping.get("compare", ()))
    made = {"preprocess": results.has("preprocess/qc.tsv")}
    made |= {stage: results.has(file) for stage, file in MADE.items() if stage in config}
    made["coem"] = made.get("coem", False) and learned
    order = [stage for name in STAGES for stage in ((name, "coem") if name == "metacells" else (name,))]
    return [stage for stage in order if made.get(stage)]


def _descriptions() -> dict[str, str]:
    from panscape.config.schema import schema, walk

    return {path: _first_sentence(entry.get("description", "")) for path, entry in walk(schema())}


def _first_sentence(text: str) -> str:
    text = " ".join(text.split())
    end = re.search(r"(?<!e\.g)(?<!i\.e)(?<!vs)\. ", text)
    return text if end is None else text[: end.start() + 1]


def _without_numbers(key: str) -> str:
    """Return ``studies[].id`` for ``studies[3].id``."""
    parts = key.split("[")
    return parts[0] + "".join(f"[]{part.split(']', 1)[1]}" for part in parts[1:])


def _written(value: Any) -> str:
    """Return a value as one line of YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(inner) for inner in value)}]"
    if isinstance(value, Mapping):
        return "{}" if not value else str(dict(value))
    return str(value) if value != "" else '""'
