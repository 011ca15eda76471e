"""Time of panclustering against scanpy's neighbours and one Louvain run per resolution.

Claim: faster than the way of the original program (neighbours again for every resolution) put together from
scanpy and igraph, at equal modularity. The compiling of numba functions is left out of the plain way's time
(they are warmed up) and is part of ours.

    python benchmarks/panclust_speed.py --cells 20000
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--density", type=float, default=0.1, help="share of counts that are not zero")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def plain(values, resolutions, seed):
    """Return the modularity per resolution, made the plain way, on weights of scanpy's own."""
    import anndata
    import igraph
    import scanpy
    from scipy import sparse

    data = anndata.AnnData(values)
    scanpy.pp.pca(data, n_comps=50, random_state=seed)
    found = {}
    for resolution in resolutions:
        scanpy.pp.neighbors(data, n_neighbors=15, use_rep="X_pca", random_state=seed)
        upper = sparse.triu(data.obsp["connectivities"], 1).tocoo()
        graph = igraph.Graph(
            n=data.n_obs, edges=list(zip(upper.row.tolist(), upper.col.tolist(), strict=True))
        )
        weights = upper.data.tolist()
        levels = graph.community_multilevel(weights=weights, return_levels=True, resolution=resolution)
        found[resolution] = graph.modularity(levels[-1].membership, weights=weights, resolution=resolution)
    return found


def main() -> None:
    """Run both ways and print one JSON object."""
    options = arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    import logging

    from made_counts import write_counts

    from panscape.coexpression._values import Values
    from panscape.log import logger
    from panscape.panclust import pancluster

    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = lines.append
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    resolutions = (0.1, 1.0, 10.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.h5ad"
        genes = write_counts(path, options.cells, options.genes, options.density, options.seed)
        cpu, wall = time.process_time(), time.perf_counter()
        clusters, _ = pancluster(path, genes, {}, options.seed, threads=options.threads)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        values = Values.load(path, genes, "depth-log1p").normalised(slice(None))
        plain(values[:5000], resolutions[:1], 0)
        plain_cpu, plain_wall = time.process_time(), time.perf_counter()
        theirs = plain(values, resolutions, options.seed)
        plain_cpu, plain_wall = time.process_time() - plain_cpu, time.perf_counter() - plain_wall
    ours = {line.args[0]: line.args[2] for line in lines if line.msg.startswith("resolution")}
    report = {
        "benchmark": "panclust_speed",
        **vars(options),
        "clusters": len(clusters),
        "cpu_s": round(cpu, 2),
        "wall_s": round(wall, 2),
        "plain_cpu_s": round(plain_cpu, 2),
        "plain_wall_s": round(plain_wall, 2),
        "cpu_ratio": round(plain_cpu / cpu, 1),
        "modularity": {f"{r:g}": [round(ours[r], 4), round(theirs[r], 4)] for r in resolutions},
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
