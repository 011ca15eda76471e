"""Quality of metacells on the learned embedding against linear embeddings, weighted neighbours and chance.

Claim: metacells on COEM's embedding resolve types that only one modality tells, hold less of a continuous
state and recover planted links at least as well as those on PCA + LSI; on real cells (--data) they are purer
for a label that the methods do not see. `truth`, on simulated cells, groups by the planted type and state,
the most that a method could know of a cell. Accessibility is judged twice: in the space of its own LSI, in
which a method that groups by this LSI is judged by itself, and (`atac_unseen`, with --halves) in the LSI of
peaks that no method has seen, each of them being given the other half.

    python benchmarks/coem_quality.py --seeds 3
    python benchmarks/coem_quality.py --data rna.h5ad atac.h5ad --label time_h --k 35 --gene FKBP5
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.coem.embed import Embedding, embed
from panscape.coem.links.link_validation import link_sample
from panscape.coem.metacells import sum
from panscape.coem.metacells.compare import group_by
from panscape.coem.metacells.embed import linear_views
from panscape.coem.metacells.evaluate import measure
from panscape.coem.paired import Paired
from panscape.graph.multiscale import diffusion_space
from panscape.graph.spectral import allocate
from panscape.simulate.multiome import MultiomeSettings, draw_multiome
from panscape.training.device import prepare

METHODS = ("coem", "pca_lsi", "wnn", "rna", "atac", "random")
LINKS = {"peak_cells": 50, "contrast_cells": 0}


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--cells", type=int, default=4000)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--peaks", type=int, default=6000)
    parser.add_argument(
        "--depths", type=float, nargs=2, default=(1200, 1200), help="median counts, simulated"
    )
    parser.add_argument("--k", type=int, help="metacells; a 75th of the cells if not given")
    parser.add_argument(
        "--data", nargs=2, type=Path, help="h5ad files with the same cells: RNA, accessibility"
    )
    parser.add_argument("--label", help="column of RNA's obs to judge purity by (with --data)")
    parser.add_argument("--gene", help="gene whose best link is told (with --data)")
    parser.add_argument("--halves", action="store_true", help="judge accessibility on peaks nobody has seen")
    parser.add_argument("--settings", type=json.loads, default={}, help="of COEM, as JSON")
    parser.add_argument("--set", type=json.loads, default={}, dest="more", help="of the simulation, as JSON")
    return parser.parse_args()


def simulated(options: argparse.Namespace, seed: int) -> tuple[Paired, pd.DataFrame]:
    """Draw a sample and its planted links."""
    settings = MultiomeSettings(
        "m",
        options.cells,
        options.genes,
        options.peaks,
        rna_depth=options.depths[0],
        atac_depth=options.depths[1],
    )
    drawn = draw_multiome(replace(settings, **options.more), seed)
    rna, atac = sparse.csr_matrix(drawn.rna), sparse.csr_matrix(drawn.atac)
    return Paired(drawn.obs, rna, atac, drawn.genes, drawn.peaks), drawn.links


def real(options: argparse.Namespace) -> Paired:
    """Read the two files."""
    import anndata

    rna, atac = (anndata.read_h5ad(path) for path in options.data)
    matrices = (sparse.csr_matrix(table.X, dtype=np.float32) for table in (rna, atac))
    genes = rna.var.copy()
    genes["tss"] = genes["tss"].astype(float).where(genes["tss"].astype(float) >= 0)
    genes["strand"] = genes["strand"].map({"+": 1.0, "-": -1.0}).astype(float).fillna(0.0)
    obs = pd.DataFrame({options.label: rna.obs[options.label].astype(str)}, index=rna.obs_names)
    return Paired(obs, *matrices, genes, atac.var)


def judged(sample, shown, truth, options, seed: int) -> list[dict]:
    """Return one row of measures per method; the embeddings are made of `shown`, all judged on `sample`."""
    start = time.process_time()
    embedding = embed(shown.rna, shown.atac, settings=options.settings, seed=seed)
    seconds = time.process_time() - start
    views = linear_views(shown.rna, shown.atac)
    whole = views if shown is sample else linear_views(sample.rna, sample.atac)
    spaces = {name: diffusion_space(getattr(whole, name), seed=0) for name in ("rna", "atac")}
    labels, numbers = sum.judged_columns(sample.obs, None)
    k = options.k or max(sample.n_cells // 75, 2)
    rows = []
    for method in (*METHODS, "truth") if truth is not None else METHODS:
        label = (
            planted_groups(sample.obs, k)
            if method == "truth"
            else group_by(method, k, views, embedding.joint, embedding.joint, seed=seed).label
        )
        result = {
            f"{metric}_{name}".rstrip("_"): value
            for metric, name, value in measure(label, spaces, labels=labels, numbers=numbers)
        }
        linked = link_sample(
            sample, pd.DataFrame({method: label}, index=sample.obs.index), LINKS, truth=truth, seed=0
        )
        chosen = linked.validation[linked.validation["method"] == method]
        result |= {f"links_{row.measure}": row.value for row in chosen.itertuples()}
        if options.gene:
            result["gene_r"] = linked.links.loc[linked.links["gene"] == options.gene, "r"].max()
        rows.append(
            {"method": method, "seed": seed, "seconds": seconds if method == "coem" else np.nan} | result
        )
    rows[0] |= embedding_measures(embedding, views, shown, labels)
    return rows


def planted_groups(obs: pd.DataFrame, k: int) -> np.ndarray:
    """Return groups of equal size by the planted type and state: no method can know more of a cell."""
    kind = np.unique(obs["cell_type"].to_numpy(str), return_inverse=True)[1]
    label, used = np.empty(len(obs), dtype=np.int64), 0
    for at, number in enumerate(allocate(np.bincount(kind), k)):
        rows = np.flatnonzero(kind == at)
        rows = rows[np.argsort(obs["state"].to_numpy()[rows], kind="stable")]
        for group in np.array_split(rows, number):
            label[group], used = used, used + 1
    return label


def embedding_measures(embedding: Embedding, views, shown, labels: dict) -> dict[str, float]:
    """Return how well neighbours tell the labels, from both and from one modality, and what follows depth.

    `knn_*_rna` places cells of one modality among neighbours of which both are known, `knn_*_rna_alone` among
    such of RNA as well; `knn_*_pca` and `knn_*_lsi` are the latter score of the linear embeddings.
    """
    depth = [np.log(np.asarray(matrix.sum(axis=1)).ravel()) for matrix in (shown.rna, shown.atac)]
    follows = np.abs([[np.corrcoef(z, d)[0, 1] for z in embedding.joint.T] for d in depth])
    result = {"depth_r": float(follows.max())}
    for name, values in labels.items():
        joint = embedding.joint
        for view in ("joint", "rna", "atac"):
            result[f"knn_{name}_{view}"] = neighbour_accuracy(joint, values, getattr(embedding, view))
        alone = {
            "rna_alone": embedding.rna,
            "atac_alone": embedding.atac,
            "pca": views.rna,
            "lsi": views.atac,
        }
        result |= {f"knn_{name}_{view}": neighbour_accuracy(z, values, z) for view, z in alone.items()}
    return result


def neighbour_accuracy(known: np.ndarray, values: np.ndarray, asked: np.ndarray) -> float:
    """Return for how many of every other cell 15 neighbours among the rest tell the value."""
    from sklearn.neighbors import KNeighborsClassifier

    half = np.arange(len(values)) % 2 == 0
    return KNeighborsClassifier(15).fit(known[half], values[half]).score(asked[~half], values[~half])


def main() -> None:
    """Run all seeds and print the table of means and the JSON line."""
    options = arguments()
    prepare(1)
    rows = []
    for seed in range(options.first, options.first + options.seeds):
        sample, truth = (real(options), None) if options.data else simulated(options, seed)
        result = judged(sample, sample, truth, options, seed)
        if options.halves:
            seen = np.random.default_rng(seed).random(sample.atac.shape[1]) < 0.5
            shown, unseen = (
                replace(sample, atac=sparse.csr_matrix(sample.atac[:, mask]), peaks=sample.peaks[mask])
                for mask in (seen, ~seen)
            )
            other = pd.DataFrame(judged(unseen, shown, truth, options, seed)).set_index("method")
            for row in result:
                row["atac_unseen"] = other.loc[row["method"], "separation_by_compactness_atac"]
        rows += result
        print(pd.DataFrame(result).set_index("method").T.to_string(), flush=True)
    table = pd.DataFrame(rows).drop(columns="seed").groupby("method", sort=False)
    print(table.median().T.to_string())
    print(json.dumps(json.loads(table.agg(list).to_json(orient="index", double_precision=5))))


if __name__ == "__main__":
    main()
