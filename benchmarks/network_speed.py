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
import tempfile
from pathlib import Path

from _sides import measure, peak_mb

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--genes", type=int, default=1000)
    parser.add_argument("--density", type=float, default=0.1, help="share of counts that are not zero")
    parser.add_argument("--min-cells", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--against", nargs="*", choices=["hdwgcna"], default=["hdwgcna"])
    parser.add_argument(
        "--peers", default=sys.executable, help="interpreter of an environment with py-hdwgcna"
    )
    parser.add_argument("--side", choices=list(SIDES), help="run one side (the script calls itself)")
    parser.add_argument("--counts", type=Path, help="the file for --side")
    return parser.parse_args()


def ours(options: argparse.Namespace) -> dict[str, int]:
    """Return the numbers of panclusters and of the pairs kept in one of them or more."""
    from panscape.coscape.coexpression.coexpress import coexpress
    from panscape.coscape.panclust.pancluster import pancluster

    genes = [f"gene{at}" for at in range(options.genes)]
    settings = {"min_cells": options.min_cells}
    clusters, members = pancluster(options.counts, genes, settings, options.seed, threads=1)
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
    options = arguments()
    if options.side:
        result = SIDES[options.side](options)
        print(json.dumps({"peak_mb": peak_mb(), **result}))
        return
    from made_counts import write_counts

    report = {"benchmark": "network_speed", "cells": options.cells, "genes": options.genes}
    given = [
        f"--{name}={getattr(options, name.replace('-', '_'))}" for name in ("genes", "min-cells", "seed")
    ]
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts.h5ad"
        write_counts(counts, options.cells, options.genes, options.density, options.seed)
        for side in ("ours", *options.against):
            python = sys.executable if side == "ours" else options.peers
            report[side] = measure(__file__, ["--side", side, "--counts", str(counts), *given], python=python)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
