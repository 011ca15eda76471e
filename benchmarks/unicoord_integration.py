"""Coordinates without the batch by UniCoord, Harmony, scVI and scANVI: what is left of batches and of types.

Packages that this interpreter lacks are left out and said so (harmonypy, scvi-tools, and scib-metrics for the
scores). Data: simulated cells (four batches whose effects differ between types), or a file with counts and
the columns of --label and --batch. Methods that use types (UniCoord with types, scANVI) know those of a
fraction of the cells (--known); scores are of the other cells, or of all if all are known. ``total`` is
.6 bio + .4 batch: means of the scores of scib-metrics (k-means NMI and ARI, silhouette of labels, cLISI,
isolated labels; silhouette of batches, iLISI, kBET, graph connectivity, regression of components on the
batch). ``linear`` and ``knn`` are balanced accuracies with which a cross-validated probe reads the
batch, ``chance`` that of permuted batches; ``types alone`` is what the true types tell of it (batches differ
in composition), below which no coordinates that keep the types need to be. All methods have 2,000 variable
genes and at most 30 coordinates (UniCoord: its 50 components). The last line printed is one JSON object.
"""

import argparse
import json
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import anndata
import numpy as np
import pandas as pd
import torch
from scipy import sparse

from panscape.simulate import simulate_treatments
from panscape.unicoord import UniCoord
from panscape.unicoord.baselines import components
from panscape.unicoord.cells import Cells
from panscape.unicoord.evaluate import label_leak
from panscape.unicoord.genes import choose_genes

DIMENSIONS = 30
PACKAGES = {"harmony": "harmonypy", "scVI": "scvi", "scANVI": "scvi"}
UNKNOWN = "not given"


def simulated(seed):
    """Return simulated cells of ten types (two rare) in four batches."""
    return simulate_treatments(
        cells=3000, n_genes=1000, types=10, rare=2, rare_fraction=0.02, treatments=("control",), batches=4,
        batch_effect=0.4, batch_interaction=0.3, confounding=0.3, seed=seed,
    )  # fmt: skip


def read(path, label, batch, most, seed):
    """Return cells of a file with the columns cell_type and batch, without types of fewer than ten cells."""
    cells = anndata.read_h5ad(path)
    obs = pd.DataFrame({"cell_type": cells.obs[label].astype(str), "batch": cells.obs[batch].astype(str)})
    cells = anndata.AnnData(sparse.csr_matrix(cells.X, dtype=np.float32), obs=obs, var=cells.var[[]])
    cells = cells[obs["cell_type"].map(obs["cell_type"].value_counts()) >= 10]
    if cells.n_obs > most:
        cells = cells[np.sort(np.random.default_rng(seed).permutation(cells.n_obs)[:most])]
    return cells.copy()


def normalised(cells):
    """Return log1p of counts at the median depth."""
    totals = np.asarray(cells.obs["total"], dtype=np.float64)
    x = sparse.csr_matrix(sparse.diags(np.median(totals) / np.maximum(totals, 1)) @ cells.X)
    return x.log1p()


def unicoord(cells, seed, labels, settings):
    """Return UniCoord's coordinates set to one batch."""
    model = UniCoord({"n_genes": 0} | settings, seed=seed).fit(cells, labels=labels)
    return model.integrate(cells, "batch")


def harmony(space, cells, seed):
    """Return Harmony's correction of principal components."""
    import harmonypy

    result = harmonypy.run_harmony(space, cells.obs, "batch", random_state=seed, verbose=False)
    made = np.asarray(result.Z_corr)
    return made if made.shape[0] == cells.n_obs else made.T


def deep(cells, seed):
    """Yield the latents of scVI and, from its weights, of scANVI, with the seconds of each."""
    import scvi

    scvi.settings.seed, scvi.settings.verbosity = seed, 40
    table = cells.copy()
    scvi.model.SCVI.setup_anndata(table, batch_key="batch", labels_key="known")
    options = {"enable_progress_bar": False, "accelerator": "cpu", "logger": False}
    started = time.process_time()
    plain = scvi.model.SCVI(table, n_latent=DIMENSIONS, n_layers=2, gene_likelihood="nb")
    plain.train(**options)
    taken = time.process_time() - started
    yield "scVI", plain.get_latent_representation(), taken
    started = time.process_time()
    model = scvi.model.SCANVI.from_scvi_model(plain, unlabeled_category=UNKNOWN)
    model.train(max_epochs=20, n_samples_per_label=100, **options)
    yield "scANVI", model.get_latent_representation(), taken + time.process_time() - started


def methods(cells, seed, without, settings):
    """Yield (name, coordinates, processor seconds) of every method that is there and not in `without`."""
    started = time.process_time()
    space = components(normalised(cells), DIMENSIONS).scores(normalised(cells))
    yield "components", space, time.process_time() - started
    for name, labels in (
        ("UniCoord", {"batch": "discrete"}),
        ("UniCoord, types", {"batch": "discrete", "label": "discrete"}),
    ):
        started = time.process_time()
        yield name, unicoord(cells, seed, labels, settings), time.process_time() - started
    if find_spec("harmonypy") and "harmony" not in without:
        started = time.process_time()
        yield "Harmony", harmony(space, cells, seed), time.process_time() - started
    if find_spec("scvi") and "scvi" not in without:
        yield from deep(cells, seed)


def scib(points, kind, batch, before):
    """Return the mean scores of types and of batches, and all scores."""
    import scib_metrics as scib
    from scib_metrics.nearest_neighbors import pynndescent

    near = pynndescent(points, n_neighbors=min(90, len(points) - 1))
    clusters = scib.nmi_ari_cluster_labels_kmeans(points, kind)
    bio = {
        "nmi": clusters["nmi"],
        "ari": clusters["ari"],
        "silhouette": scib.silhouette_label(points, kind),
        "clisi": scib.clisi_knn(near, kind),
        "isolated": scib.isolated_labels(points, kind, batch),
    }
    mixed = {
        "silhouette_batch": scib.silhouette_batch(points, kind, batch),
        "ilisi": scib.ilisi_knn(near, batch),
        "kbet": scib.kbet_per_label(near, batch, kind),
        "connectivity": scib.graph_connectivity(near, kind),
        "pcr": scib.pcr_comparison(before, points, batch, categorical=True),
    }
    means = [float(np.mean(list(part.values()))) for part in (bio, mixed)]
    return {"bio": means[0], "batch": means[1], "total": 0.6 * means[0] + 0.4 * means[1]} | bio | mixed


def scores(cells, seed, known, without=(), settings=None):
    """Return one row of scores per method, and the probes of the true types alone."""
    random = np.random.default_rng(seed)
    given = random.random(cells.n_obs) < known
    kind = cells.obs["cell_type"].astype(str).to_numpy()
    label = np.where(given, kind, None)
    obs = cells.obs.assign(
        label=label, known=np.where(given, kind, UNKNOWN), batch=cells.obs["batch"].astype(str)
    )
    cells = anndata.AnnData(sparse.csr_matrix(cells.X, dtype=np.float32), obs=obs, var=cells.var[[]])
    totals = np.asarray(cells.X.sum(axis=1)).ravel()
    cells.obs["total"] = totals
    genes = choose_genes(Cells.of(cells), np.ones(cells.n_obs, bool), 2000, cells.obs["batch"].to_numpy())
    cells = cells[:, list(genes)].copy()
    cells.uns["depth"] = "total"
    scored = np.arange(cells.n_obs) if given.all() else np.flatnonzero(~given)
    batch, before, rows = cells.obs["batch"].to_numpy()[scored], None, []
    alone = ("types alone", pd.get_dummies(kind).to_numpy(), 0.0)
    for name, points, seconds in (*methods(cells, seed, without, settings or {}), alone):
        points = np.asarray(points, dtype=np.float64)[scored]
        before = points if before is None else before
        row = {"method": name, "cpu_s": seconds}
        if find_spec("scib_metrics") and name != alone[0]:
            row |= scib(points, kind[scored], batch, before)
        for what, column in (("", batch), ("types, ", kind[scored])):
            probe = label_leak(points, column.astype(object), nulls=1, seed=seed).set_index("probe")
            row |= {f"{what}linear": probe.loc["linear", "value"], f"{what}knn": probe.loc["knn", "value"]}
            row |= {} if what else {"chance": probe.loc["linear", "null"]}
        row = {key: value if key == "method" else round(float(value), 4) for key, value in row.items()}
        rows.append(row)
        print(seed, json.dumps(row), flush=True)
    return pd.DataFrame(rows)


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="h5ad with counts; simulated cells without")
    parser.add_argument("--label", default="cell_type")
    parser.add_argument("--batch", default="donor")
    parser.add_argument("--cells", type=int, default=4000, help="at most so many of a file")
    parser.add_argument("--known", type=float, default=1.0, help="fraction of cells with a known type")
    parser.add_argument(
        "--without", nargs="*", default=[], choices=["harmony", "scvi"], help="peers to leave out"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[401, 402, 403])
    parser.add_argument(
        "--settings", type=json.loads, default={}, help="JSON of settings of UniCoord that differ"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")  # of the peers
    for name, package in (PACKAGES | {"scores of scib-metrics": "scib_metrics"}).items():
        if not find_spec(package):
            print(f"{name}: not here (no package {package})")
    every = []
    for seed in given.seeds:
        cells = (
            read(given.data, given.label, given.batch, given.cells, seed) if given.data else simulated(seed)
        )
        row = scores(cells, seed, given.known, given.without, given.settings)
        every.append(row.assign(seed=seed))
    table = pd.concat(every).drop(columns="seed").groupby("method", sort=False).mean().round(3)
    print(table.T.to_string())
    print(json.dumps({name: row.dropna().to_dict() for name, row in table.iterrows()}))


if __name__ == "__main__":
    main()
