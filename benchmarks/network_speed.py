"""Time of the correlations of every pancluster of a study against one network by py-hdwgcna.

Each side is a process of its own, which reads the same counts. Ours finds the panclusters and the
correlations within each of them; the other forms metacells of all cells, finds the soft power, and makes one
network with its modules.

    python benchmarks/network_speed.py --cells 5000 --genes 1000 --peers .venv-peers/bin/python

The last line is one JSON object: processor seconds, peak memory in MB, networks and gene pairs or modules.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from _sides import parser, report, write_counts

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def ours(options: argparse.Namespace) -> dict[str, int]:
    """Return the numbers of panclusters and of the pairs kept in one of them or more."""
    from panscape.coscape.coexpression.coexpress import coexpress
    from panscape.coscape.panclust.pancluster import pancluster

    genes = [f"gene{at}" for at in range(options.genes)]
    settings = {"min_cells": options.min_cells}
    clusters, members = pancluster(options.counts, genes, settings, options.seed, threads=options.threads)
    result = coexpress(options.counts, genes, clusters, members, {"estimator": "pearson", "eta": 0.3})
    return {"networks": len(clusters), "pairs": len(result.pairs)}


def hdwgcna(options: argparse.Namespace) -> dict[str, int]:
    """Return the number of modules of one network, with the settings of its documentation."""
    import anndata
    import scanpy
    from py_hdWGCNA import HDWGCNA
    from scipy import sparse

    sparse.csr_array.getnnz = sparse.csr_matrix.getnnz
    data = anndata.read_h5ad(options.counts)
    data.X = sparse.csr_matrix(data.X)
    data.layers["counts"] = data.X.copy()
    data.obs["all"] = "cells"
    scanpy.pp.normalize_total(data)
    scanpy.pp.log1p(data)
    scanpy.pp.pca(data, n_comps=50, random_state=options.seed)
    data.obsm["pca"] = data.obsm["X_pca"]
    with contextlib.redirect_stdout(sys.stderr):
        network = HDWGCNA(data)
        network.setup_for_wgcna(gene_select="custom", genes_use=list(data.var_names))
        network.metacells_by_groups(group_by=["all"], k=25, target_metacells=1000)
        network.normalize_metacells()
        network.set_dat_expr(group_name="cells", group_by="all")
        network.test_soft_powers(network_type="signed")
        network.construct_network()
        modules = network.get_modules()
    return {"networks": 1, "modules": int(modules["module"].nunique())}


SIDES = {"ours": ours, "hdwgcna": hdwgcna}


def main() -> None:
    """Run all sides and print one JSON object."""
    given = parser(__doc__.splitlines()[0], 5000, 1000, SIDES)
    given.add_argument("--min-cells", type=int, default=200)
    passed = ("genes", "threads", "seed", "min_cells")
    found = report(__file__, given.parse_args(), SIDES, write_counts, apart=("hdwgcna",), passed=passed)
    if found is not None:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
