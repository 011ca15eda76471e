"""Metacells of the simulated multiome sample: purity, states, links and sizes by every method.

    python benchmarks/metacells_quality.py --cells 4000 --seeds 0 1 2

With --rna and --atac (two h5ad files with the same barcodes) and --label, the methods are compared on these
data instead; `--genes` names genes whose best link is told. The last line is one JSON object: means over
seeds.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from scipy import sparse

from panscape.coem.links.link_validation import link_sample
from panscape.coem.metacells.group import group_cells
from panscape.coem.metacells.stage import group_sample
from panscape.coem.metacells.sum import judge
from panscape.coem.paired import Paired
from panscape.coem.peaks import gene_places, peak_table
from panscape.simulate.multiome import MultiomeSettings, draw_multiome

METHODS = ["wnn", "rna", "atac", "kmeans", "archetypal", "random"]


def simulated(cells: int, seed: int) -> tuple[Paired, pd.DataFrame]:
    """Return a drawn sample and its planted links."""
    drawn = draw_multiome(MultiomeSettings("multiome", cells=cells), seed)
    return Paired(drawn.obs, drawn.rna, drawn.atac, gene_places(drawn.genes), drawn.peaks), drawn.links


def given(rna: str, atac: str, label: str) -> Paired:
    """Return the sample of two h5ad files."""
    import anndata

    genes, peaks = anndata.read_h5ad(rna), anndata.read_h5ad(atac)
    peaks = peaks[genes.obs_names]
    obs = pd.DataFrame({"label": genes.obs[label].astype(str).astype("category")}, index=genes.obs_names)
    values = [sparse.csr_matrix(table.X, dtype=np.float32) for table in (genes, peaks)]
    return Paired(obs, *values, gene_places(genes.var), peak_table(peaks.var, atac))


def run(sample: Paired, truth: pd.DataFrame | None, k: int, seed: int, genes: list[str]) -> list[dict]:
    """Return the measures of every method."""
    settings = {
        "embedding": "pca_lsi",
        "k": k,
        "size_sweep": [],
        "compare": METHODS,
        "permutations": 20,
        "contrast_cells": 4000,
    }
    grouped = group_sample(sample, settings, seed=seed)
    rows = []
    result = judge(sample, grouped, settings, seed=seed)
    for method, metric, modality, value, _ in result.itertuples(index=False):
        rows.append(
            {"seed": seed, "method": method, "measure": f"{metric} {modality}".strip(), "value": value}
        )
    linked = link_sample(sample, grouped.methods, settings, truth=truth, seed=seed)
    for method, measure, value, _ in linked.validation.itertuples(index=False):
        rows.append({"seed": seed, "method": method, "measure": f"links {measure}", "value": value})
    for method in grouped.methods if genes else ():
        only = {**settings, "contrast_cells": 0}
        links = link_sample(sample, grouped.methods[[method]], only, seed=seed).links
        for gene in genes:
            best = links.loc[links["gene"] == gene, "r"].max()
            rows.append({"seed": seed, "method": method, "measure": f"best r {gene}", "value": best})
    for method, z in (("pca_lsi", grouped.views.joint), ("rna", grouped.views.rna)):
        start = time.process_time()
        group_cells(z, k, seed=seed)
        rows.append(
            {"seed": seed, "method": method, "measure": "cpu_s", "value": time.process_time() - start}
        )
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=4000)
    parser.add_argument("--k", type=int)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rna")
    parser.add_argument("--atac")
    parser.add_argument("--label", default="cell_type")
    parser.add_argument("--genes", nargs="*", default=[])
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        sample, truth = (
            (given(options.rna, options.atac, options.label), None)
            if options.rna
            else simulated(options.cells, seed)
        )
        k = options.k or round(sample.n_cells / 75)
        rows += run(sample, truth, k, seed, options.genes)
    table = pd.DataFrame(rows)
    wide = table.pivot_table(index="measure", columns="method", values="value", sort=False)
    print(wide.round(4).to_string())
    print(
        json.dumps({"seeds": options.seeds, "mean": {m: wide[m].dropna().round(5).to_dict() for m in wide}})
    )


if __name__ == "__main__":
    main()
