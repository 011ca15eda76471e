"""Time of panclustering against scanpy's neighbours and one Louvain run per resolution, and against brisc.

Claim: less CPU time than the way of the original program (neighbours again for every resolution) put together
from scanpy and igraph, each in a process of its own from start to end, as a job of a workflow pays for it:
imports and the compiling of numba functions count on both sides. Below 10 000 cells ours has exact
neighbours, those of scanpy are approximate; the modularities printed are each on its own graph.

With --against brisc or scranpy and --peers, the interpreter of an environment with them (which `make bench`
makes from benchmarks/requirements-peers.txt), these do the same from the same file: principal components,
neighbours, one partition per resolution (the last level only), in code that was compiled before.

    python benchmarks/panclust_speed.py --cells 20000 --against plain brisc --peers .venv-peers/bin/python
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from _sides import parser, report, write_counts

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

RESOLUTIONS = (0.1, 1.0, 10.0)


def ours(options: argparse.Namespace) -> dict:
    """Return {resolution: modularity} and the number of clusters of our way."""
    import logging

    from panscape.coscape.panclust.pancluster import pancluster
    from panscape.log import logger

    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = lines.append
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    genes = [f"gene{i}" for i in range(options.genes)]
    clusters, _ = pancluster(options.counts, genes, {}, options.seed, threads=options.threads)
    result = {
        f"{line.args[0]:g}": round(line.args[2], 4) for line in lines if line.msg.startswith("resolution")
    }
    return {"modularity": result, "clusters": len(clusters)}


def plain(options: argparse.Namespace) -> dict:
    """Return {resolution: modularity} of the plain way."""
    import anndata
    import igraph
    import scanpy
    from scipy import sparse

    # scanpy 1.11 asks scipy's new arrays for a method that only its matrices have
    sparse.csr_array.getnnz = sparse.csr_matrix.getnnz
    data = anndata.read_h5ad(options.counts)
    data.X = sparse.csr_matrix(data.X)
    data.X.indptr = data.X.indptr.astype("int32")  # scikit-learn wants both index arrays alike
    scanpy.pp.normalize_total(data)
    scanpy.pp.log1p(data)
    scanpy.pp.pca(data, n_comps=50, random_state=options.seed)
    result = {}
    for resolution in RESOLUTIONS:
        scanpy.pp.neighbors(data, n_neighbors=15, use_rep="X_pca", random_state=options.seed)
        upper = sparse.triu(data.obsp["connectivities"], 1).tocoo()
        edges = list(zip(upper.row.tolist(), upper.col.tolist(), strict=True))
        graph = igraph.Graph(n=data.n_obs, edges=edges)
        weights = upper.data.tolist()
        levels = graph.community_multilevel(weights=weights, return_levels=True, resolution=resolution)
        value = graph.modularity(levels[-1].membership, weights=weights, resolution=resolution)
        result[f"{resolution:g}"] = round(value, 4)
    return {"modularity": result}


def brisc(options: argparse.Namespace) -> dict:
    """Return the numbers of clusters of brisc's way."""
    import polars
    from brisc import SingleCell

    data = SingleCell(str(options.counts), num_threads=options.threads).skip_qc()
    data = data.with_columns_var(highly_variable=polars.lit(True)).normalize()  # every gene, as ours
    data = data.pca(num_PCs=50, seed=options.seed).neighbors(num_neighbors=15, seed=options.seed)
    data = data.shared_neighbors().cluster(resolution=list(RESOLUTIONS), seed=options.seed)
    columns = [f"cluster_{number}" for number in range(len(RESOLUTIONS))]
    return {"clusters": [data.obs[column].n_unique() for column in columns]}


def scranpy(options: argparse.Namespace) -> dict:
    """Return the numbers of clusters of scranpy's way."""
    import anndata
    import scranpy

    counts = anndata.read_h5ad(options.counts).X.T.tocsr()
    factors = scranpy.center_size_factors(counts.sum(axis=0))
    values = scranpy.normalize_counts(counts, factors)
    space = scranpy.run_pca(values, number=50, seed=options.seed, num_threads=options.threads)["components"]
    graph = scranpy.build_snn_graph(space, num_neighbors=15, num_threads=options.threads)
    found = [
        scranpy.cluster_graph(graph, multilevel_resolution=resolution, seed=options.seed)
        for resolution in RESOLUTIONS
    ]
    return {"clusters": [len(set(one["membership"])) for one in found]}


SIDES = {"ours": ours, "plain": plain, "brisc": brisc, "scranpy": scranpy}


def main() -> None:
    """Run both ways and print one JSON object."""
    options = parser(__doc__.splitlines()[0], 10_000, 2000, SIDES).parse_args()
    found = report(__file__, options, SIDES, write_counts, apart=("brisc", "scranpy"))
    if found is None:
        return
    ours_s = found["ours"]["cpu_s"]
    found["cpu_ratio"] = {side: round(found[side]["cpu_s"] / ours_s, 2) for side in options.against}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
