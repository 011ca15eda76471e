"""Metacells by COEM, linear embeddings, SEACells, MetaQ and MetaCell-2, of equal cells and in equal number.

    python benchmarks/metacells_peers.py --simulated platforms --k 16 48 --python seacells=.../bin/python
    python benchmarks/metacells_peers.py --rna cells.h5ad --label cell_type --batch donor --cells 1200 --k 16

Peers need environments of their own (`pip install SEACells`, `metaq-sc "pandas<3"`, `metacells`), named by
--python (seacells, metaq, metacell2); without, this interpreter is tried. A peer that is not there is left
out and said so. SEACells gets the linear embedding that the linear methods are grouped on; MetaQ and
MetaCell-2 choose genes themselves. MetaCell-2 is asked for a mean size, so its number of metacells differs;
cells that it leaves out have no purity. Printed by method and number of metacells: fraction of cells with the
label of their metacell (purity) and with the batch of their metacell, spread of the state, heterogeneity,
links and their AUC against other chromosomes (where there are peaks), processor seconds without imports
and reading (of SEACells without the linear embedding) and peak memory of the process in MB. The last line
is one JSON object: means over seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.coem.links.link_validation import link_sample
from panscape.coem.metacells.embed import linear_views
from panscape.coem.metacells.evaluate import spread_within, weighted_purity
from panscape.coem.metacells.homogeneity import homogeneity
from panscape.coem.paired import Paired
from panscape.coem.peaks import gene_places, peak_table
from panscape.simulate import simulate_atlas
from panscape.simulate.multiome import MultiomeSettings, draw_multiome

PEERS = ("seacells", "metaq", "metacell2")
LINKS = {"found": "links", "found_planted": "planted of links", "auc": "AUC links"}


def simulated(kind: str, cells: int, seed: int) -> tuple[Paired, pd.DataFrame | None]:
    """Return a simulated sample and its planted links: a multiome, or RNA of three platforms."""
    if kind == "multiome":
        drawn = draw_multiome(MultiomeSettings("multiome", cells=cells), seed)
        return Paired(drawn.obs, drawn.rna, drawn.atac, gene_places(drawn.genes), drawn.peaks), drawn.links
    studies = [
        {"name": f"p{at}", "cells": cells // 3, "ages": (0.0, 10.0), "depth": depth, "platform": f"p{at}"}
        for at, depth in enumerate((2500.0, 1200.0, 600.0))
    ]
    atlas = simulate_atlas(studies=studies, n_genes=1500, seed=seed)
    obs = pd.DataFrame({"label": atlas.obs["cell_type"], "batch": atlas.obs["platform"]})
    rna = sparse.csr_matrix(atlas.X, dtype=np.float32)
    return Paired(obs, rna, None, gene_places(pd.DataFrame(index=atlas.var_names)), None), None


def given(options: argparse.Namespace, seed: int) -> Paired:
    """Return the sample of h5ad files, or a random part of its cells."""
    import anndata

    genes = anndata.read_h5ad(options.rna)
    if options.cells and options.cells < genes.n_obs:
        chosen = np.random.default_rng(seed).choice(genes.n_obs, options.cells, replace=False)
        genes = genes[np.sort(chosen)]
    obs = pd.DataFrame({"label": genes.obs[options.label].astype(object)}, index=genes.obs_names)
    if options.batch:
        obs["batch"] = genes.obs[options.batch].astype(str)
    atac = peaks = None
    if options.atac:
        table = anndata.read_h5ad(options.atac)[genes.obs_names]
        atac, peaks = sparse.csr_matrix(table.X, dtype=np.float32), peak_table(table.var, options.atac)
    return Paired(obs, sparse.csr_matrix(genes.X, dtype=np.float32), atac, gene_places(genes.var), peaks)


def write(sample: Paired, folder: Path) -> None:
    """Write the files that `_peers.py` reads."""
    import anndata

    for name, counts, features in (("rna", sample.rna, sample.genes), ("atac", sample.atac, sample.peaks)):
        if counts is not None:
            names = pd.DataFrame(index=pd.Index(features.index.astype(str)))
            obs = pd.DataFrame(index=sample.obs.index.astype(str))
            anndata.AnnData(counts, obs=obs, var=names).write_h5ad(folder / f"{name}.h5ad")
    views = linear_views(sample.rna, sample.atac)
    np.save(folder / "linear.npy", views.rna if sample.atac is None else views.joint)
    if "batch" in sample.obs:
        np.save(folder / "batch.npy", sample.obs["batch"].to_numpy().astype(str))


def measured(sample: Paired, label: np.ndarray, truth: pd.DataFrame | None, seed: int) -> dict[str, float]:
    """Return the measures of a grouping; cells of label -1 are left out."""
    kept = np.flatnonzero(label >= 0)
    label, part = np.unique(label[kept], return_inverse=True)[1], sample.rows(kept)
    column = "label" if "label" in part.obs else "cell_type"
    result = {
        "metacells": label.max() + 1,
        "left out": 1 - len(kept) / sample.n_cells,
        "purity": weighted_purity(label, part.obs[column].to_numpy(dtype=object)),
    }
    if "batch" in part.obs:
        result["of one batch"] = weighted_purity(label, part.obs["batch"].to_numpy(dtype=object))
    if "state" in part.obs:
        result["state sd"] = spread_within(label, part.obs["state"].to_numpy(dtype=float))
    result["heterogeneity"] = homogeneity(part.rna, label, seed=seed)["heterogeneity"].median()
    if part.atac is not None:
        table = pd.DataFrame({"it": label}, index=part.obs.index)
        linked = link_sample(part, table, {"contrast_cells": 0}, truth=truth, seed=seed).validation
        value = linked[linked["method"] == "it"].set_index("measure")["value"]
        result |= {title: value[name] for name, title in LINKS.items() if name in value.index}
    return result


def run(
    sample: Paired,
    truth: pd.DataFrame | None,
    k: int,
    seed: int,
    pythons: dict[str, str],
    chosen: list[str] | None = None,
) -> list[dict]:
    """Return the measures of every method that is installed."""
    methods = ["coem", "pca", *(("pca_lsi", "wnn") if sample.atac is not None else ()), *PEERS]
    methods = [name for name in methods if name in (chosen or methods)]
    rows = []
    with tempfile.TemporaryDirectory() as place:
        write(sample, Path(place))
        for method in methods:
            command = [pythons.get(method, sys.executable), str(Path(__file__).with_name("_peers.py"))]
            done = subprocess.run(
                [*command, method, place, str(k), str(seed)], capture_output=True, text=True, check=False
            )
            file = Path(place) / f"{method}.json"
            result = json.loads(file.read_text()) if file.exists() else {}
            if "label" not in result:
                ends = done.stderr.strip().splitlines()[-1:] or ["no result"]
                print(f"left out: {method} ({result.get('missing', ends[0])})", file=sys.stderr, flush=True)
                continue
            values = measured(sample, np.array(result["label"]), truth, seed)
            row = {"k": k, "method": method, "seed": seed, **values, "cpu s": result["seconds"]}
            rows.append(row | {"MB": result["mb"]})
            print(pd.Series(rows[-1]).to_json(double_precision=4), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulated", choices=("platforms", "multiome"), default="platforms")
    parser.add_argument("--rna")
    parser.add_argument("--atac")
    parser.add_argument("--label", default="cell_type")
    parser.add_argument("--batch")
    parser.add_argument("--cells", type=int, default=0, help="cells drawn (0: all; simulated: 1200)")
    parser.add_argument("--k", type=int, nargs="+", default=[16, 48])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--python", nargs="*", default=[], help="method=interpreter, for the peers")
    parser.add_argument("--methods", nargs="+", help="only these methods (default: all)")
    options = parser.parse_args()
    pythons = dict(item.split("=", 1) for item in options.python)
    rows = []
    for seed in options.seeds:
        sample, truth = (
            (given(options, seed), None)
            if options.rna
            else simulated(options.simulated, options.cells or 1200, seed)
        )
        for k in options.k:
            rows += run(sample, truth, k, seed, pythons, options.methods)
    if not rows:
        parser.exit(1, "no method ran\n")
    means = pd.DataFrame(rows).drop(columns="seed").groupby(["k", "method"], sort=False).mean().round(3)
    print(means.to_string())
    flat = means.reset_index().to_dict("records")
    seconds = means.groupby("method")["cpu s"].mean().to_dict()
    print(json.dumps({"seeds": options.seeds, "mean": flat, "cpu_s": seconds}))


if __name__ == "__main__":
    main()
