"""CPU seconds and peak memory of the engines of lines' networks, per line with its two halves.

    python benchmarks/networks_cost.py --lines 24 --cells 1000 --genes 1000

Donors are simulated (panscape.simulate.donors) and thinned to equal depth. Each engine makes networks and
centralities of the cells of every line and of both halves, in a process of its own; siVAE in jobs of five
lines (15 models), as by default, and halves with the steps of sivae.extra_steps. Then its genes are tested
with 1000 permutations. The last line is one JSON object: engine -> CPU seconds per line, of the tests, peak
memory in GB (the imports alone: "none").
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (after the number of threads is set)
from scipy import sparse  # noqa: E402

from panscape import seeds as seeds_module  # noqa: E402
from panscape.data.normalise import normalise  # noqa: E402
from panscape.data.thinning import thin  # noqa: E402
from panscape.simulate.donors import DonorsSettings, DonorsStudy, donors_study  # noqa: E402
from panscape.sivae.baselines import pca  # noqa: E402
from panscape.sivae.correlations import ENGINES as OF_PAIRS  # noqa: E402
from panscape.sivae.correlations import Correlated  # noqa: E402
from panscape.sivae.job import train  # noqa: E402
from panscape.sivae.lines import LineSettings  # noqa: E402
from panscape.sivae.network import network  # noqa: E402
from panscape.sivae.networks.centrality import associate_genes  # noqa: E402
from panscape.sivae.networks.phenotype import read_phenotype  # noqa: E402
from panscape.sivae.settings import SivaeSettings  # noqa: E402
from panscape.sivae.values import CellCounts, Expression, ValueSettings, prepare_bin  # noqa: E402

ENGINES = ("none", "pca", *OF_PAIRS, "sivae")
DENSITY, TOGETHER = 0.01, 5
PARTS = ("0", "half-a", "half-b")


def parts_of(study: DonorsStudy, seed: int) -> list[list[Expression]]:
    """Return of every line its prepared cells and both halves, at the depth of the shallowest line."""
    counts = sparse.vstack([block for _, block in study.blocks()], format="csr")
    totals = np.asarray(counts.sum(axis=1)).ravel()
    names = study.obs["line"].astype(str).to_numpy()
    depth = {name: float(np.median(totals[names == name])) for name in study.samples["line"]}
    target, result = min(depth.values()), []
    for line in study.samples["line"]:
        rows = np.flatnonzero(names == line)
        half, of_line = len(rows) // 2, []
        for part, chosen in zip(PARTS, (rows, rows[:half], rows[half : 2 * half]), strict=True):
            rng = seeds_module.stream(seed, "thin", line, part)
            counted, total = thin(counts[chosen], totals[chosen], target / depth[line], rng)
            log = normalise(counted, total, "depth-log1p", target=target)
            obs = study.obs.iloc[chosen]
            item = prepare_bin(line, part, log, counted, obs, ValueSettings(), seed)
            object.__setattr__(item, "counted", CellCounts.of(counted, total, obs, ()))
            of_line.append(item)
        result.append(of_line)
    return result


def made(lines: list[list[Expression]], engine: str, seed: int) -> np.ndarray:
    """Make the networks of all parts by an engine; return the centralities of the lines, (G, L)."""
    if engine == "sivae":
        return np.concatenate(
            [_trained(lines[at : at + TOGETHER], seed) for at in range(0, len(lines), TOGETHER)], axis=1
        )
    columns = []
    for of_line in lines:
        for item in of_line:
            usable = np.asarray(item.bin.inputs.any(axis=0))
            if engine == "pca":
                fitted, x = pca(item.bin, SivaeSettings().n_latent), item.bin.inputs
                network(fitted.loadings, DENSITY, "dot", usable)
                value = 1 - np.square(x - fitted.predict()).mean(axis=0) / np.square(x).mean(axis=0)
            else:
                made_of = OF_PAIRS[engine](item, usable)
                value = Correlated.of(*made_of, DENSITY, usable, 20).centrality
            if item is of_line[0]:
                columns.append(value)
    return np.nan_to_num(np.stack(columns, axis=1))


def _trained(lines: list[list[Expression]], seed: int) -> np.ndarray:
    from panscape.sivae.readout import read_models

    columns = []
    for steps, items in (
        (1.0, [of_line[0] for of_line in lines]),
        (LineSettings().extra_steps, [half for of_line in lines for half in of_line[1:]]),
    ):
        task, _ = train(items, SivaeSettings().shortened(steps), seed)
        for item, fitted in zip(items, read_models(task), strict=True):
            network(fitted.loadings, DENSITY, "dot", np.asarray(item.bin.inputs.any(axis=0)))
            if item.bin.name == PARTS[0]:
                columns.append(fitted.centrality())
    return np.nan_to_num(np.stack(columns, axis=1))


def measure(engine: str, given: argparse.Namespace) -> dict[str, float]:
    """Return CPU seconds per line and of the tests, and the peak memory of this process in GB."""
    settings = DonorsSettings(donors=given.lines, cells=given.cells, n_genes=given.genes, depth_rho=0.9)
    study = donors_study(settings, given.seed)
    lines = parts_of(study, given.seed)
    result = {}
    if engine != "none":
        begin = time.process_time()
        centrality = made(lines, engine, given.seed)
        result["line"] = round((time.process_time() - begin) / given.lines, 3)
        phenotype, reason = read_phenotype(study.samples["trait"].rename("trait"))
        assert phenotype is not None, reason
        mean = np.stack([of_line[0].mean for of_line in lines], axis=1)
        begin = time.process_time()
        associate_genes(centrality, phenotype, {"mean": mean}, study.genes["gene"], permutations=1000)
        result["tests"] = round(time.process_time() - begin, 2)
    return result | {"memory": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)}


def main() -> None:
    """Measure each engine in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=24)
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--genes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--engines", nargs="+", default=ENGINES, choices=ENGINES)
    parser.add_argument("--here", action="store_true", help="measure the first engine in this process")
    given = parser.parse_args()
    if given.here:
        print(json.dumps(measure(given.engines[0], given)))
        return
    sizes = [f"--{name}={getattr(given, name)}" for name in ("lines", "cells", "genes", "seed")]
    table = {}
    for engine in given.engines:
        command = [sys.executable, __file__, "--here", *sizes, "--engines", engine]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        table[engine] = json.loads(done.stdout.splitlines()[-1])
        print(engine, table[engine], flush=True)
    print(json.dumps(table))


if __name__ == "__main__":
    main()
