"""Speed: the whole chain on the acceptance simulation, beside a run of the original program.

Claim: on 3 studies of 20,000 cells and 2,000 genes, one thread, the same files and settings, the chain from
counts to landscape takes at most a fifteenth of the original's CPU time and a quarter of its peak memory.

The original is not part of this project. A run of it made elsewhere leaves a JSON file, which ``--against``
reads: {"stages": [{"stage": name, "wall_s": s, "cpu_s": s, "peak_mb": mb}, ...], "cpu_s": s, "peak_mb": mb},
with stages named as in SAME below; stages of other names count in the totals only.

    python benchmarks/chain_speed.py --workdir /tmp/speed --draw-only       # writes data/*.h5ad, for both
    python benchmarks/chain_speed.py --workdir /tmp/speed --against original.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import _chain
import pandas as pd

sys.path.insert(0, str(_chain.ROOT / "workflow"))

from panscape.simulate.design import design
from panscape.simulate.settings import acceptance
from panscape.simulate.write import write_study

COLLECTION = "speed"
TARGET = f"results/{COLLECTION}/landscape/landscape.h5ad"  # without figures: the original's run draws none
# which of the original's stages do what one of ours does
SAME = {
    "preprocess": ("imports", "load", "hvg"),
    "panclust": ("fbpca", "dimred_io", "panclust"),
    "coexpression": ("coexpression", "save"),
    "landscape": ("imports_landscape", "vectorise", "knn", "layout", "pseudotime"),
}
LIMIT_CPU, LIMIT_PEAK = 15.0, 4.0


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return the options, and what goes to snakemake as it is."""
    epilog = "Other options go to snakemake."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=epilog)
    parser.add_argument("--cells", type=int, default=20_000, help="cells of each of the three studies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workdir", type=Path, required=True, help="for results, logs and the drawn cells")
    parser.add_argument("--draw-only", action="store_true", help="write data/*.h5ad and stop")
    parser.add_argument("--against", type=Path, help="JSON of a run of the original program")
    parser.add_argument("--preset", default="code", help="method settings; `code` are the original's")
    parser.add_argument("--target", default=TARGET, help="the last file or stage to make")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="e.g. seed=1")
    return parser.parse_known_args()


def draw(folder: Path, cells: int, seed: int) -> list[Path]:
    """Write the three studies unless they are there."""
    system = design(acceptance(cells), seed)
    paths = [folder / f"{item.name}.h5ad" for item in system.settings.studies]
    for path in paths:
        if not path.exists():
            write_study(system, path.stem, path)
    return paths


def collection(paths: list[Path], n_genes: int, preset: str, seed: int) -> dict:
    """Return the YAML of the collection: every cell and every gene is kept, as the original keeps them."""
    known = {"age": {"column": "age", "unit": "days"}}
    studies = [{"id": path.stem, "path": str(path), "obs": known} for path in paths]
    everything = {"min_genes": 0, "max_mito": 1, "max_ribo": 1, "min_cells_per_gene": 0, "exclude_genes": []}
    return {
        "collection": COLLECTION,
        "seed": seed,
        "preset": preset,
        "studies": studies,
        "preprocess": {**everything, "n_genes": n_genes},
    }


def by_stage(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per stage: jobs, wall_s, cpu_s, peak_mb."""
    grouped = jobs.groupby("stage", sort=False)
    return grouped.agg(
        jobs=("jobs", "sum"), wall_s=("wall_s", "sum"), cpu_s=("cpu_s", "sum"), peak_mb=("peak_mb", "max")
    ).reset_index()


def compare(stages: pd.DataFrame, cpu_s: float, original: dict) -> pd.DataFrame:
    """Return a row per stage and one for the whole: both programs' CPU time and memory, and the ratios."""
    theirs = pd.DataFrame(original["stages"])
    rows = []
    for item in stages.itertuples():
        same = theirs[theirs["stage"].isin(SAME.get(item.stage, ()))]
        if len(same):
            rows.append((item.stage, item.cpu_s, same["cpu_s"].sum(), item.peak_mb, same["peak_mb"].max()))
    rows.append(("whole chain", cpu_s, original["cpu_s"], stages["peak_mb"].max(), original["peak_mb"]))
    table = pd.DataFrame(rows, columns=["stage", "cpu_s", "original_cpu_s", "peak_mb", "original_peak_mb"])
    table["cpu_ratio"] = table["original_cpu_s"] / table["cpu_s"]
    table["peak_ratio"] = table["original_peak_mb"] / table["peak_mb"]
    return table


def main() -> None:
    """Draw, analyse on one thread, print."""
    options, extra = arguments()
    workdir = options.workdir.resolve()
    paths = draw(workdir / "data", options.cells, options.seed)
    if options.draw_only:
        print(json.dumps({"benchmark": "chain_speed", "drawn": [str(path) for path in paths]}))
        return
    n_genes = acceptance().n_genes
    values = _chain.with_changes(collection(paths, n_genes, options.preset, options.seed), options.set)
    configfile = _chain.settings_file(values, workdir)
    _chain.forget(workdir, COLLECTION)
    load = os.getloadavg()[0]
    run = _chain.snakemake([options.target], configfile, workdir, 1, extra, threads=1)
    jobs = _chain.jobs(workdir, COLLECTION, run.records)
    stages = by_stage(jobs)
    print(_chain.show(jobs), _chain.show(stages), _chain.show(_chain.sizes(workdir, COLLECTION)), sep="\n\n")
    scripts = float(stages["cpu_s"].sum())
    line = {
        "benchmark": "chain_speed",
        "cells": 3 * options.cells,
        "preset": options.preset,
        "load_before": round(load, 2),
        "wall_s": round(run.wall_s, 1),
        "cpu_s": round(run.cpu_s, 1),
        "cpu_of_scripts_s": round(scripts, 1),
        "peak_mb": round(float(stages["peak_mb"].max()), 1),
        "stages": stages.round(1).to_dict("records"),
    }
    if options.against:
        table = compare(stages, run.cpu_s, json.loads(options.against.read_text()))
        print("", _chain.show(table), "", sep="\n")
        whole = table.iloc[-1]
        line["against"] = table.round(2).to_dict("records")
        line["cpu_ratio_of_scripts"] = round(whole["original_cpu_s"] / scripts, 2)
        line["cpu_within"] = bool(whole["cpu_ratio"] >= LIMIT_CPU)
        line["peak_within"] = bool(whole["peak_ratio"] >= LIMIT_PEAK)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
