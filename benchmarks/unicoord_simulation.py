"""UniCoord on a simulated atlas: labels, reconstruction and reconfiguration where the truth is known.

Another process simulates and writes the file, so the peak memory is that of importing and training. The last
line printed is one JSON object; limits of the acceptance stand beside the values.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from _unicoord import LABELS, expectation, simulate

from panscape.unicoord.train import train

NAMES = ("cell_type", "platform", "time")


def stacked(blocks):
    """Return the blocks of a reconfiguration as one array."""
    return np.vstack([block for _, block in blocks])


def write(path, given):
    """Simulate cells with labels (some missing) and the truth."""
    cells = simulate(given.cells, given.genes, seed=given.seed)
    cells.obs["n_counts"] = np.asarray(cells.X.sum(axis=1)).ravel()
    cells.obs["time"] *= given.time_scale
    rng = np.random.default_rng(given.seed)
    for name in NAMES:
        truth, gone = cells.obs[name], rng.random(len(cells)) < given.missing
        cells.obs[f"true_{name}"] = truth
        cells.obs[name] = (truth if name == "time" else truth.astype(object)).where(~gone)
    cells.write_h5ad(path)


def peak():
    """Return the peak memory in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def scores(model, test, expression, train_mean, space, true):
    """Return what is asked of a model on test cells.

    Shares are of the squared error of the genes' means. `mse_share_truth` is what the simulation's own
    expectation (`true`) leaves of cells: their noise, below which only a method that sees the cell itself can
    be, by repeating some of it. `truth_share` is how far decoded cells are from that expectation.
    """
    from panscape.unicoord.evaluate import classification, regression

    table, result = model.predict(test), {}
    for name in ("cell_type", "platform"):
        known = table[table["label"] == name]["value"]
        result[f"{name}_accuracy"] = classification(test.obs[name], known)["accuracy"]
        share = model.probabilities(test, name)
        result[f"{name}_ece"] = classification(test.obs[name], known, share, model.layout[name].classes)[
            "ece"
        ]
    known = table[table["label"] == "time"]["value"].astype(float).to_numpy()
    fit = regression(test.obs["time"], known)
    span = float(np.ptp(test.obs["time"]))
    result |= {"time_r": float(np.corrcoef(test.obs["time"], known)[0, 1]), "time_rmse": fit["rmse"] / span}
    made = stacked(model.reconfigure(test, {}, unchanged="predicted"))
    linear = space.inverse_transform(space.transform(expression))
    base = ((expression - train_mean) ** 2).mean()
    for name, guess in (("", made), ("_pca", linear), ("_truth", true)):
        result[f"mse_share{name}"] = float(((expression - guess) ** 2).mean() / base)
    for name, guess in (("", made), ("_pca", linear)):
        result[f"truth_share{name}"] = float(((true - guess) ** 2).mean() / base)
    return result | reconfigured(model, test, expression, made)


def reconfigured(model, test, expression, made):
    """Return what reconfiguring leaves and makes."""
    from sklearn.decomposition import PCA

    from panscape.unicoord.evaluate import explained_by

    space, result = PCA(20, random_state=0).fit(expression), {}
    changed = stacked(model.reconfigure(test, {"platform": "P0"}))
    for name in ("platform", "cell_type"):
        for what, where in (("raw", expression), ("rebuilt", made), ("changed", changed)):
            result[f"{name}_r2_{what}"] = explained_by(space.transform(where), test.obs[name])
    kinds = np.unique(test.obs["cell_type"])
    means = np.stack([expression[(test.obs["cell_type"] == kind).to_numpy()].mean(axis=0) for kind in kinds])
    changed = stacked(model.reconfigure(test, {"cell_type": "T1"}))
    nearest = ((changed[:, None, :] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
    result["set_type_nearest"] = float((kinds[nearest] == "T1").mean())
    result["set_type_pcc"] = float(np.corrcoef(changed.mean(axis=0), means[kinds == "T1"][0])[0, 1])
    low, high = test.obs["time"].min(), test.obs["time"].max()
    asked = np.random.default_rng(0).uniform(low, high, len(test))
    changed = stacked(model.reconfigure(test, {"time": asked}))
    programme = changed @ test.var["slope"].reindex(list(model.genes)).to_numpy()
    result["set_time_r"] = float(np.corrcoef(programme, asked)[0, 1])
    return result


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--genes", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--missing", type=float, default=0.0, help="share of each label that is removed")
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON of settings that differ")
    parser.add_argument("--leak", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    used = {"imports_gb": peak()}
    settings = {"n_genes": 0, "held_out": 0.2, "validation": 0.05} | given.settings
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.h5ad"
        writer = multiprocessing.get_context("spawn").Process(target=write, args=(path, given))
        writer.start()
        writer.join()
        cpu, wall = time.process_time(), time.time()
        trained = train(path, LABELS, settings, seed=given.seed)
        used |= {"cpu_s": time.process_time() - cpu, "wall_s": time.time() - wall, "peak_gb": peak()}
        result = report(trained, path, given)
    print(json.dumps(result | {key: round(v, 4) for key, v in used.items()}))


def report(trained, path, given):
    """Return the scores on test cells."""
    import anndata
    from sklearn.decomposition import PCA

    from panscape.unicoord.evaluate import label_leak

    cells = anndata.read_h5ad(path)
    model, rows = trained.model, np.flatnonzero(trained.split == "test")
    test = cells[rows].copy()
    for name in NAMES:
        test.obs[name] = test.obs[f"true_{name}"]
    learn = model.normalised(cells[np.flatnonzero(trained.split == "train")])
    expression = model.normalised(test).toarray()
    mean = np.asarray(learn.mean(axis=0)).ravel()
    space = PCA(20, random_state=0).fit(learn[:4000].toarray())
    truthful = test[:, list(model.genes)].copy()
    truthful.obs["time"] /= given.time_scale
    true = expectation(truthful, model.scale.target)
    result = scores(model, test, expression, mean, space, true)
    if given.leak:
        free = model.embed(test).filter(like="latent-").to_numpy()
        for name in NAMES:
            probes = label_leak(free, test.obs[name], continuous=name == "time", nulls=1)
            result |= {
                f"leak_{name}_{row.probe}": [round(row.value, 3), round(row.null, 3)]
                for row in probes.itertuples()
            }
    steps = int(trained.history["step"].max())
    kl = trained.history[
        (trained.history["split"] == "heldout") & (trained.history["term"] == "kl_continuous")
    ]
    result |= {"steps": steps, "kl": float(kl["value"].iloc[-1])}
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in result.items()}


if __name__ == "__main__":
    main()
