"""Scale: the whole chain on a simulated collection as large as the mouse brain's.

Claim: 932,000 cells in 5 studies (the largest of 562,000), 2,000 genes at 10 % density, on 2 cores: at most
30 minutes from the counts to the report, and at most 12 GB in any job.

Drawing the cells is not counted: a first call of the workflow draws them, a second one analyses them.

    python benchmarks/chain_scale.py --workdir /tmp/scale                   # full size
    python benchmarks/chain_scale.py --workdir /tmp/scale --cells 20000     # a trial
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

import _chain
import numpy as np

sys.path.insert(0, str(_chain.ROOT / "workflow"))

from panscape.simulate.design import design
from panscape.simulate.draw import study
from panscape.simulate.settings import Settings, scale

COLLECTION = "scale"
SAMPLE = 300  # cells of each study drawn to find the depth that gives the wanted density
LIMIT_S, LIMIT_MB = 30 * 60, 12_000


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """Return the options, and what goes to snakemake as it is."""
    epilog = "Other options go to snakemake."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=epilog)
    parser.add_argument("--cells", type=int, default=932_000, help="cells of all five studies together")
    parser.add_argument("--genes", type=int, default=2000, help="genes that are analysed")
    parser.add_argument("--density", type=float, default=0.1, help="share of counts that are not zero")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", default="report", help="the last stage to run")
    parser.add_argument("--workdir", type=Path, required=True, help="for results, logs and the drawn cells")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="e.g. seed=1")
    return parser.parse_known_args()


def with_genes(settings: Settings, analysed: int) -> Settings:
    """Return the settings with `analysed` genes besides the mitochondrial and ribosomal ones."""
    for n_genes in range(analysed, 2 * analysed):
        settings = dataclasses.replace(settings, n_genes=n_genes)
        if (~design(settings, 0).genes["role"].isin(["mito", "ribo"])).sum() >= analysed:
            break
    return settings


def at_density(settings: Settings, density: float, seed: int) -> Settings:
    """Return the settings with all depths multiplied so that `density` of the counts are not zero."""
    originals = settings.studies
    cells = np.array([item.cells for item in originals])

    def deeper(factor: float, **changes: int) -> Settings:
        studies = [
            dataclasses.replace(item, depth=item.depth * factor, **changes) for item in settings.studies
        ]
        return dataclasses.replace(settings, studies=tuple(studies))

    low, high = 0.01, 100.0
    for _ in range(12):
        factor = (low * high) ** 0.5
        system = design(deeper(factor, cells=SAMPLE), seed)
        drawn = [study(system, item.name) for item in settings.studies]
        values = np.array([sum(block.nnz for _, block in item.blocks()) for item in drawn])
        result = float(cells @ values) / cells.sum() / SAMPLE / settings.n_genes
        low, high = (factor, high) if result < density else (low, factor)
    return deeper(factor)


def collection(settings: Settings, analysed: int, seed: int) -> dict:
    """Return the YAML of the collection."""
    simulation = dataclasses.asdict(settings)
    simulation["studies"] = [{**item, "ages": list(item["ages"])} for item in simulation["studies"]]
    known = {"age": {"column": "age", "unit": "days"}, "cell_type": "cell_type", "platform": "platform"}
    return {
        "collection": COLLECTION,
        "seed": seed,
        "studies": [{"id": item.name, "simulated": item.name, "obs": known} for item in settings.studies],
        "simulation": simulation,
        # a cell has about genes x density detected genes here: the usual limit would remove all of them
        "preprocess": {"min_genes": 20, "min_cells_per_gene": 0, "n_genes": analysed},
    }


def main() -> None:
    """Draw, analyse, print."""
    options, extra = arguments()
    workdir, cores = options.workdir.resolve(), options.cores
    settings = with_genes(scale(options.cells), options.genes)
    settings = at_density(settings, options.density, options.seed)
    values = _chain.with_changes(collection(settings, options.genes, options.seed), options.set)
    configfile = _chain.settings_file(values, workdir)
    _chain.forget(workdir, COLLECTION)
    load = os.getloadavg()[0]
    cells = [f"resources/{COLLECTION}/simulated/{item.name}.h5ad" for item in settings.studies]
    drawn = _chain.snakemake(cells, configfile, workdir, cores, extra)
    run = _chain.snakemake([options.target], configfile, workdir, cores, extra)
    jobs = _chain.jobs(workdir, COLLECTION, run.records)
    sizes = _chain.sizes(workdir, COLLECTION)
    print(_chain.show(jobs), _chain.show(sizes), sep="\n\n", end="\n\n")
    counted = jobs[jobs["stage"] != "simulate"]
    line = {
        "benchmark": "chain_scale",
        "cells": sum(item.cells for item in settings.studies),
        "largest": max(item.cells for item in settings.studies),
        "genes": options.genes,
        "cores": cores,
        "target": options.target,
        "load_before": round(load, 2),
        "draw_s": round(drawn.wall_s, 1),
        "wall_s": round(run.wall_s, 1),
        "cpu_s": round(run.cpu_s, 1),
        "peak_mb": round(float(counted["peak_mb"].max()), 1),
        "wall_within": run.wall_s <= LIMIT_S,
        "peak_within": bool(counted["peak_mb"].max() <= LIMIT_MB),
        "jobs": jobs.round(1).to_dict("records"),
        "sizes": sizes.round(1).to_dict("records"),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
