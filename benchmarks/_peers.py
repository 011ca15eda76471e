"""One grouping of cells by one method, in a process of its own, for the benchmark of peers.

    PYTHON benchmarks/_peers.py METHOD FOLDER K SEED

PYTHON is the interpreter that has the method's package: this file imports panscape only for its own
methods. FOLDER has rna.h5ad and, where measured, atac.h5ad (raw counts), linear.npy (principal
components, LSI beside them) and, where there is one, batch.npy. It writes METHOD.json there: label (-1:
left out), seconds of processor time of the method itself, peak memory in MB; or `missing`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["MPLBACKEND"] = "agg"

import numpy as np  # noqa: E402 (after the number of threads is set)

PACKAGES = {"seacells": "SEACells", "metaq": "MetaQ_sc", "metacell2": "metacells"}


class Enough(Exception):
    """MetaQ has assigned the cells; what it would draw is not needed."""


def read(folder: Path, name: str):
    """Return a table of raw counts."""
    import anndata

    return anndata.read_h5ad(folder / f"{name}.h5ad")


def seacells(folder: Path, k: int, seed: int) -> np.ndarray:
    """Return SEACells' archetypes, each cell by its largest weight."""
    import tqdm
    import tqdm.notebook

    tqdm.notebook.tqdm = tqdm.tqdm  # its progress bars need a notebook
    from SEACells.core import SEACells

    begin()
    table = read(folder, "rna")
    table.obsm["X_linear"] = np.load(folder / "linear.npy")
    np.random.seed(seed)  # noqa: NPY002 (SEACells draws from it)
    model = SEACells(table, build_kernel_on="X_linear", n_SEACells=k, convergence_epsilon=1e-5)
    model.construct_kernel_matrix()
    model.initialize_archetypes()
    model.fit(min_iter=10, max_iter=50)
    names = model.get_hard_assignments()["SEACell"]
    return np.unique(names.to_numpy().astype(str), return_inverse=True)[1]


def metaq(folder: Path, k: int, seed: int) -> np.ndarray:
    """Return MetaQ's codes, with its default settings (300 epochs)."""
    import MetaQ_sc.main as package

    begin()
    last = {}
    infer = package.inference

    def inference(**arguments):
        result = infer(**arguments)
        last["code"] = result[1]
        return result

    def enough(*_):
        raise Enough

    package.inference, package.compute_metacell = inference, enough
    files = [folder / f"{name}.h5ad" for name in ("rna", "atac")]
    files = [file for file in files if file.exists()]
    kinds = [file.stem.upper() for file in files]
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        with contextlib.suppress(Enough):
            # its mini-batches of 512 cells leave nothing of a smaller sample
            size = min(512, read(folder, "rna").n_obs)
            package.run_metaq(
                [*map(str, files)], kinds, "x", k, batch_size=size, random_seed=seed, device="cpu"
            )
    return np.unique(np.asarray(last["code"]).astype(int).ravel(), return_inverse=True)[1]


def metacell2(folder: Path, k: int, seed: int) -> np.ndarray:
    """Return MetaCell-2's metacells, of the size that `k` metacells have; -1 for its outliers."""
    import metacells

    begin()
    table = read(folder, "rna")
    size = table.n_obs / k
    metacells.ut.set_name(table, "cells")
    metacells.pl.mark_lateral_genes(table, lateral_gene_names=[])
    metacells.pl.mark_noisy_genes(table, noisy_gene_names=[])
    depth = float(np.median(np.asarray(table.X.sum(axis=1))))
    metacells.pl.divide_and_conquer_pipeline(
        table,
        target_metacell_size=round(size),
        target_metacell_umis=int(size * depth),
        min_metacell_size=max(round(size / 4), 2),
        random_seed=seed + 1,
    )
    return table.obs["metacell"].to_numpy().astype(int)


def own(folder: Path, k: int, seed: int, method: str) -> np.ndarray:
    """Return the metacells of this package: `coem` with its defaults, or linear (`pca`, `pca_lsi`, `wnn`)."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
    from scipy import sparse

    from panscape.coem.metacells.compare import group_by
    from panscape.coem.metacells.embed import linear_views
    from panscape.coem.metacells.group import group_cells

    if method == "coem":
        from panscape.coem.embed import embed

    counts = {
        name: sparse.csr_matrix(read(folder, name).X, dtype=np.float32)
        for name in ("rna", "atac")
        if (folder / f"{name}.h5ad").exists()
    }
    begin()
    rna, atac = counts.get("rna"), counts.get("atac")
    if method == "coem":
        batch = np.load(folder / "batch.npy") if (folder / "batch.npy").exists() else None
        return group_cells(embed(rna, atac, batch=batch, seed=seed).joint.astype(float), k, seed=seed).label
    views = linear_views(rna, atac)
    main = views.rna if method == "pca" else views.joint
    return group_by("rna" if method == "pca" else method, k, views, None, main, seed=seed).label


def begin() -> None:
    """Start the clock: imports are not counted, nor is reading by this package."""
    global START
    START = time.process_time()


def main() -> None:
    """Group, and write the result."""
    method, folder, k, seed = sys.argv[1], Path(sys.argv[2]).resolve(), int(sys.argv[3]), int(sys.argv[4])
    target = folder / f"{method}.json"
    if method in PACKAGES and find_spec(PACKAGES[method]) is None:
        target.write_text(json.dumps({"missing": f"{sys.executable} has no package {PACKAGES[method]}"}))
        return
    function = {"seacells": seacells, "metaq": metaq, "metacell2": metacell2}.get(method)
    label = function(folder, k, seed) if function else own(folder, k, seed, method)
    seconds = time.process_time() - START
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds += children.ru_utime + children.ru_stime
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {"label": np.asarray(label).astype(int).tolist(), "seconds": seconds, "mb": memory}
    target.write_text(json.dumps(result))


START = 0.0

if __name__ == "__main__":
    main()
