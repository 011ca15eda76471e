"""Planted genes found where depth follows the outcome, with cells as they are and thinned to equal depth.

    python benchmarks/networks_depth.py --model verdict --seeds 21 22 --thinnings 0 2

Donors are simulated (panscape.simulate.donors): connectivity of 40 genes and the mean of 40 others follow a
trait, 520 do not; the lines' depth follows the trait at the given correlation. A model is trained of every
line; centralities are tested as by the workflow. 0 thinnings leaves depths as they are; models of further
thinnings have the steps of sivae.extra_steps. With --model verdict all engines are run, and the genes counted
that at least two of them call. The last line is one JSON object: number of thinnings -> engine -> mean of
called genes by role; CPU seconds per line and correlation of depth and trait.
"""

import argparse
import json
import os
import time
from dataclasses import replace

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
from panscape.sivae.correlations import ENGINES as CORRELATIONS  # noqa: E402
from panscape.sivae.job import train  # noqa: E402
from panscape.sivae.lines import LineSettings  # noqa: E402
from panscape.sivae.networks.centrality import associate_genes  # noqa: E402
from panscape.sivae.networks.phenotype import read_phenotype  # noqa: E402
from panscape.sivae.networks.verdict import CONFIRMED  # noqa: E402
from panscape.sivae.settings import SivaeSettings  # noqa: E402
from panscape.sivae.values import CellCounts, Expression, ValueSettings, prepare_bin  # noqa: E402

LATENT = 16
ENGINES = ("sivae", "pca", "pearson", "corrected")  # of the verdict


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
        prepared = prepare_bin(name, f"t{thinning}", log, part, study.obs[at], ValueSettings(), seed)
        result.append(replace(prepared, counted=CellCounts.of(part, total, study.obs[at], ())))
    return result


def centralities(prepared: list[Expression], model: str, seed: int, steps: float = 1.0) -> np.ndarray:
    """Return (G, L) centralities in the training cells, of any engine; `steps` is a fraction of siVAE's."""
    if model in CORRELATIONS:
        usable = [np.asarray(item.bin.inputs.any(axis=0)) for item in prepared]
        read = [CORRELATIONS[model](item, one)[1] for item, one in zip(prepared, usable, strict=True)]
        return np.nan_to_num(np.stack(read, axis=1))
    if model == "pca":
        columns = []
        for item in prepared:
            fitted, x = pca(item.bin, LATENT), item.bin.inputs[~item.bin.test]
            rest = np.square(x - fitted.predict()[~item.bin.test]).mean(axis=0)
            columns.append(1 - rest / np.maximum(np.square(x).mean(axis=0), 1e-9))
        return np.stack(columns, axis=1)
    from panscape.sivae.readout import read_models

    task, _ = train(prepared, SivaeSettings().shortened(steps), seed)
    return np.nan_to_num(np.stack([one.centrality() for one in read_models(task)], axis=1))


def called(
    study: DonorsStudy, values: dict[str, np.ndarray], controls: list[str], fraction: float
) -> np.ndarray:
    """Return (G,) bool: genes whose connectivity follows the trait, with centrality and its controls."""
    phenotype, reason = read_phenotype(study.samples["trait"].rename("trait"))
    assert phenotype is not None, reason
    depth = study.samples["depth"].to_numpy()
    given = {name: values[name] for name in ("mean", "detection")} | {
        "depth": depth,
        "n_cells": np.full(len(depth), study.settings.cells),
    }
    genes, _ = associate_genes(
        values["centrality"],
        phenotype,
        given,
        study.genes["gene"],
        use=controls,
        permutations=0,
        fraction=fraction,
    )
    return (genes["call"] == "connectivity").to_numpy()


def counted(study: DonorsStudy, found: np.ndarray) -> dict[str, int]:
    """Return the number of called genes that are planted, differ in their mean only, and others."""
    by_role = pd.Series(found).groupby(study.genes["role"].to_numpy()).sum()
    roles = ("connects", "moves")
    return {role: int(by_role[role]) for role in roles} | {"others": int(by_role.drop(list(roles)).sum())}


def run(
    settings: DonorsSettings,
    models: list[str],
    thinnings: int,
    seed: int,
    controls: list[str],
    fraction: float,
) -> dict:
    """Return the called genes by role of one simulated study, of every engine and of their verdict."""
    study, spent = donors_study(settings, seed), dict.fromkeys(models, 0.0)
    sums: dict[str, dict[str, np.ndarray]] = {model: {} for model in models}
    for at in range(1, thinnings + 1) if thinnings else (0,):
        prepared = expressions(study, at, seed)
        shared = {
            name: np.stack([getattr(one, name) for one in prepared], axis=1) for name in ("mean", "detection")
        }
        for model in models:
            begin = time.process_time()
            steps = 1.0 if at < 2 else LineSettings().extra_steps
            values = shared | {"centrality": centralities(prepared, model, seed, steps)}
            spent[model] += time.process_time() - begin
            for name, value in values.items():
                sums[model][name] = sums[model].get(name, 0.0) + value / max(thinnings, 1)
    found = {model: called(study, sums[model], controls, fraction) for model in models}
    result = {model: counted(study, genes) for model, genes in found.items()}
    if len(models) > 1:
        result["verdict"] = counted(study, np.sum(list(found.values()), axis=0) >= CONFIRMED)
    rho = float(stats.spearmanr(study.samples["depth"], study.samples["trait"])[0])
    seconds = {model: round(used / len(study.samples), 3) for model, used in spent.items()}
    return {"called": result, "rho": round(rho, 3), "seconds": seconds}


def main() -> None:
    """Run all seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", choices=[*dict.fromkeys((*ENGINES, *CORRELATIONS)), "verdict"], default="pca"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22])
    parser.add_argument("--thinnings", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--donors", type=int, default=20)
    parser.add_argument("--cells", type=int, default=250)
    parser.add_argument("--depth", type=float, default=3000)
    parser.add_argument("--rho", type=float, default=0.99)
    parser.add_argument("--controls", nargs="+", default=["mean"])
    parser.add_argument("--fraction", type=float, default=1.0, help="networks.central_fraction")
    given = parser.parse_args()
    settings = DonorsSettings(
        donors=given.donors, cells=given.cells, depth=given.depth, depth_rho=given.rho, n_genes=600
    )
    models = list(ENGINES) if given.model == "verdict" else [given.model]
    means = {}
    for count in given.thinnings:
        rows = []
        for seed in given.seeds:
            rows.append(run(settings, models, count, seed, given.controls, given.fraction))
            print(count, seed, json.dumps(rows[-1]), flush=True)
        called_ = {name: pd.DataFrame([row["called"][name] for row in rows]) for name in rows[0]["called"]}
        means[count] = {name: table.mean().round(2).to_dict() for name, table in called_.items()}
        means[count]["seconds"] = pd.DataFrame([row["seconds"] for row in rows]).mean().round(2).to_dict()
        means[count]["rho"] = round(float(np.mean([row["rho"] for row in rows])), 3)
    print(json.dumps(means))


if __name__ == "__main__":
    main()
