"""Planted genes found where depth follows the outcome, with cells as they are and thinned to equal depth.

    python benchmarks/networks_depth.py --model sivae --seeds 21 22 --thinnings 0 1

Donors are simulated (panscape.simulate.donors): connectivity of 40 genes and the mean of 40 others follow a
trait, 520 do not; the lines' depth follows the trait at the given correlation. A model is trained of every
line; centralities are tested as by the workflow. 0 thinnings leaves depths as they are. The last line is one
JSON object: number of thinnings -> mean of called genes by role, rho of depth and trait, seconds per line.
"""

import argparse
import json
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (after the number of threads is set)
import pandas as pd  # noqa: E402
from scipy import sparse, stats  # noqa: E402

from panscape import seeds as seeds_module  # noqa: E402
from panscape.data.normalise import normalise  # noqa: E402
from panscape.data.thinning import thin  # noqa: E402
from panscape.simulate.donors import DonorsSettings, DonorsStudy, donors_study  # noqa: E402
from panscape.sivae.baselines import pca  # noqa: E402
from panscape.sivae.job import train  # noqa: E402
from panscape.sivae.networks.centrality import associate_genes  # noqa: E402
from panscape.sivae.networks.phenotype import read_phenotype  # noqa: E402
from panscape.sivae.settings import SivaeSettings  # noqa: E402
from panscape.sivae.values import Expression, ValueSettings, prepare_bin  # noqa: E402

LATENT = 16


def expressions(study: DonorsStudy, thinning: int, seed: int) -> list[Expression]:
    """Return the prepared cells of every line, of equal depth if `thinning` is above 0."""
    counts = sparse.vstack([block for _, block in study.blocks()], format="csr")
    totals = np.asarray(counts.sum(axis=1)).ravel()
    line = study.obs["line"].astype(str).to_numpy()
    depth = {name: float(np.median(totals[line == name])) for name in study.samples["line"]}
    target = min(depth.values()) if thinning else float(np.median(totals))
    result = []
    for name in study.samples["line"]:
        at = line == name
        part, total = counts[at], totals[at]
        if thinning:
            rng = seeds_module.stream(seed, "thin", name, thinning)
            part, total = thin(part, total, target / depth[name], rng)
        log = normalise(part, total, "depth-log1p", target=target)
        result.append(prepare_bin(name, f"t{thinning}", log, part, study.obs[at], ValueSettings(), seed))
    return result


def centralities(prepared: list[Expression], model: str, seed: int) -> np.ndarray:
    """Return (G, L) fractions of explained variance in the training cells."""
    if model == "pca":
        columns = []
        for item in prepared:
            fitted, x = pca(item.bin, LATENT), item.bin.inputs[~item.bin.test]
            rest = np.square(x - fitted.predict()[~item.bin.test]).mean(axis=0)
            columns.append(1 - rest / np.maximum(np.square(x).mean(axis=0), 1e-9))
        return np.stack(columns, axis=1)
    from panscape.sivae.readout import read_models

    task, _ = train(prepared, SivaeSettings(), seed)
    return np.nan_to_num(np.stack([one.centrality() for one in read_models(task)], axis=1))


def run(settings: DonorsSettings, model: str, thinnings: int, seed: int, controls: list[str]) -> dict:
    """Return the called genes by role of one simulated study."""
    study, begin = donors_study(settings, seed), time.process_time()
    centrality, mean, detection = 0.0, 0.0, 0.0
    for at in range(1, thinnings + 1) if thinnings else (0,):
        prepared = expressions(study, at, seed)
        centrality = centrality + centralities(prepared, model, seed) / max(thinnings, 1)
        mean = mean + np.stack([item.mean for item in prepared], axis=1) / max(thinnings, 1)
        detection = detection + np.stack([item.detection for item in prepared], axis=1) / max(thinnings, 1)
    seconds = (time.process_time() - begin) / len(study.samples)
    phenotype, reason = read_phenotype(study.samples["trait"].rename("trait"))
    assert phenotype is not None, reason
    depth = study.samples["depth"].to_numpy()
    given = {
        "mean": mean,
        "detection": detection,
        "depth": depth,
        "n_cells": np.full(len(depth), settings.cells),
    }
    genes, _ = associate_genes(
        centrality, phenotype, given, study.genes["gene"], use=controls, permutations=0
    )
    called = (genes["call"] == "connectivity").groupby(study.genes["role"]).sum()
    others = int(called.drop(["connects", "moves"]).sum())
    rho = float(stats.spearmanr(depth, study.samples["trait"])[0])
    return {"connects": int(called["connects"]), "moves": int(called["moves"]), "others": others,
            "rho": round(rho, 3), "seconds": round(seconds, 2)}  # fmt: skip


def main() -> None:
    """Run all seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["pca", "sivae"], default="pca")
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22])
    parser.add_argument("--thinnings", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--donors", type=int, default=20)
    parser.add_argument("--cells", type=int, default=250)
    parser.add_argument("--depth", type=float, default=3000)
    parser.add_argument("--rho", type=float, default=0.99)
    parser.add_argument("--controls", nargs="+", default=["mean"])
    given = parser.parse_args()
    settings = DonorsSettings(
        donors=given.donors, cells=given.cells, depth=given.depth, depth_rho=given.rho, n_genes=600
    )
    means = {}
    for count in given.thinnings:
        rows = []
        for seed in given.seeds:
            rows.append(run(settings, given.model, count, seed, given.controls))
            print(count, seed, rows[-1], flush=True)
        means[count] = pd.DataFrame(rows).mean().round(3).to_dict()
    print(json.dumps(means))


if __name__ == "__main__":
    main()
