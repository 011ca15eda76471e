"""Time of quality control and selection of genes of one study against scanpy and scranpy.

Each side is a process of its own, which reads the same h5ad file, removes cells and genes and ranks genes
by variance. Only ours writes the counts that are left to a file, as the next job needs them. What is removed
differs: limits are each library's own.

    python benchmarks/preprocess_speed.py --cells 20000 --against scranpy --peers .venv-peers/bin/python

The last line is one JSON object: processor seconds, peak memory in MB, cells and genes left, by side.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from _sides import parser, report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

MITOCHONDRIAL = 13


def write_study(path: Path, options: argparse.Namespace) -> None:
    """Write the file of a study, some of whose genes are called mitochondrial."""
    import anndata
    from made_counts import write_counts

    names = write_counts(path, options.cells, options.genes, options.density, options.seed)
    table = anndata.read_h5ad(path)
    table.var_names = [
        f"{'mt-' if at < MITOCHONDRIAL else ''}{name.capitalize()}" for at, name in enumerate(names)
    ]
    table.write_h5ad(path)


def ours(options: argparse.Namespace) -> dict[str, int]:
    """Return cells and genes left by a study's job of quality control and one study's selection."""
    from panscape.preprocess.genes import select_genes
    from panscape.preprocess.settings import QcSettings
    from panscape.preprocess.study import filter_study

    study = {"id": "made", "path": str(options.counts), "format": "h5ad"}
    with tempfile.TemporaryDirectory() as folder:
        result = filter_study(study, Path(folder) / "counts.h5ad", QcSettings(), species="mouse")
    select_genes({"made": result.genes}, n_genes=1000, top_per_study=1500)
    cells = int(result.table["left"][result.table["unit"] == "cells"].min())
    return {"cells": cells, "genes": len(result.genes)}


def scanpy(options: argparse.Namespace) -> dict[str, int]:
    """Return cells and genes left by scanpy's functions."""
    import anndata
    import scanpy
    from scipy import sparse

    # scanpy 1.11 asks scipy's new arrays for a method that only its matrices have
    sparse.csr_array.getnnz = sparse.csr_matrix.getnnz
    data = anndata.read_h5ad(options.counts)
    data.X = sparse.csr_matrix(data.X)
    data.var["mt"] = data.var_names.str.startswith("mt-")
    scanpy.pp.calculate_qc_metrics(data, qc_vars=["mt"], percent_top=None, inplace=True)
    data = data[data.obs["pct_counts_mt"] < 20].copy()
    scanpy.pp.filter_cells(data, min_genes=50)
    scanpy.pp.filter_genes(data, min_cells=3)
    scanpy.pp.normalize_total(data)
    scanpy.pp.log1p(data)
    scanpy.pp.highly_variable_genes(data, n_top_genes=1000)
    return {"cells": data.n_obs, "genes": data.n_vars}


def scranpy(options: argparse.Namespace) -> dict[str, int]:
    """Return cells and genes left by scranpy's functions."""
    import anndata
    import scranpy

    data = anndata.read_h5ad(options.counts)
    counts = data.X.T.tocsr()
    subsets = {"mito": data.var_names.str.startswith("mt-")}
    metrics = scranpy.compute_rna_qc_metrics(counts, subsets)
    kept = scranpy.filter_rna_qc_metrics(scranpy.suggest_rna_qc_thresholds(metrics), metrics)
    counts = counts[:, kept]
    factors = scranpy.center_size_factors(metrics["sum"][kept])
    ranked = scranpy.model_gene_variances(scranpy.normalize_counts(counts, factors))
    scranpy.choose_highly_variable_genes(ranked["statistics"]["residual"], top=1000)
    return {"cells": counts.shape[1], "genes": counts.shape[0]}


SIDES = {"ours": ours, "scanpy": scanpy, "scranpy": scranpy}


def main() -> None:
    """Run all sides and print one JSON object."""
    options = parser(__doc__.splitlines()[0], 20_000, 2000, SIDES).parse_args()
    found = report(__file__, options, SIDES, write_study, apart=("scranpy",))
    if found is not None:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
