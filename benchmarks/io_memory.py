"""Claim: reading a study in blocks needs the same memory whatever the file's size.

Writes random counts in each format, reads them in a process of its own with `panscape.data.readers`, and, as
the plain baseline, with `anndata.read_h5ad` or `scipy.io.mmread`, which hold the whole matrix. Peak memory is
the kernel's (VmHWM). Prints a table, then one line of JSON.

    python benchmarks/io_memory.py --cells 100000 --genes 25000 --density 0.05 --formats csr csc
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.data.counts import CountsWriter
from panscape.data.readers.open import open_source


def random_rows(n_rows: int, n_columns: int, density: float, rng: np.random.Generator):
    """Yield CSR blocks of small counts at random places."""
    step = max(50_000_000 // n_columns, 1)
    for start in range(0, n_rows, step):
        rows, columns = np.nonzero(rng.random((min(step, n_rows - start), n_columns), np.float32) < density)
        values = rng.integers(1, 10, len(rows)).astype(np.float32)
        yield sparse.csr_matrix((values, (rows, columns)), shape=(min(step, n_rows - start), n_columns))


def write(format: str, folder: Path, n_cells: int, n_genes: int, density: float) -> dict:
    """Write a study and return its configuration."""
    rng = np.random.default_rng(0)
    cells, genes = [f"cell{i}" for i in range(n_cells)], [f"gene{i}" for i in range(n_genes)]
    if format == "mtx":
        return _write_mtx(folder, random_rows(n_cells, n_genes, density, rng), cells, genes)
    path = folder / f"{format}.h5ad"
    names = (cells, genes) if format == "csr" else (genes, cells)
    with CountsWriter(path, len(names[1])) as writer:
        for block in random_rows(len(names[0]), len(names[1]), density, rng):
            writer.append(block)
        writer.finish(*(pd.DataFrame(index=part) for part in names))
    if format == "csc":  # genes x cells by row is cells x genes by column: only the labels change
        with h5py.File(path, "r+") as file:
            file["X"].attrs.update({"encoding-type": "csc_matrix", "shape": np.array([n_cells, n_genes])})
            file.move("obs", "genes")
            file.move("var", "obs")
            file.move("genes", "var")
    return {"id": format, "path": str(path)}


def _write_mtx(folder: Path, blocks, cells: list[str], genes: list[str]) -> dict:
    body, n_values, start = folder / "body", 0, 1
    with open(body, "wb") as file:
        for block in blocks:
            part = block.tocoo()
            table = pd.DataFrame({"gene": part.col + 1, "cell": part.row + start, "n": part.data.astype(int)})
            table.to_csv(file, sep=" ", header=False, index=False)
            n_values, start = n_values + block.nnz, start + block.shape[0]
    with open(folder / "matrix.mtx", "wb") as file:
        file.write(b"%%MatrixMarket matrix coordinate integer general\n")
        file.write(f"{len(genes)} {len(cells)} {n_values}\n".encode())
    with open(folder / "matrix.mtx", "ab") as file:
        subprocess.run(["cat", body], stdout=file, check=True)
    body.unlink()
    (folder / "barcodes.tsv").write_text("\n".join(cells) + "\n")
    (folder / "genes.tsv").write_text("".join(f"{name}\t{name}\n" for name in genes))
    return {"id": "mtx", "path": str(folder)}


def read(study: dict, how: str) -> dict:
    """Read a study to its end; return seconds, peak memory and the sum of the counts."""
    start = time.perf_counter()
    if how == "blocks":
        total = sum(
            float(block.data.sum(dtype=float)) for _, block in open_source(study, where="study").blocks()
        )
    elif study["id"] == "mtx":
        from scipy.io import mmread

        total = float(mmread(Path(study["path"]) / "matrix.mtx").tocsc().sum())
    else:
        import anndata

        total = float(anndata.read_h5ad(study["path"]).X.data.sum(dtype=float))
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
    return {"s": round(time.perf_counter() - start, 1), "peak_mb": round(peak), "sum": total}


def main() -> None:
    """Run each format and way in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--density", type=float, default=0.05)
    parser.add_argument("--formats", nargs="+", choices=["csr", "csc", "mtx"], default=["csr", "csc", "mtx"])
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(**json.loads(options.read))))
        return
    result = {"cells": options.cells, "genes": options.genes, "density": options.density}
    for format in options.formats:
        with tempfile.TemporaryDirectory() as folder:
            study = write(format, Path(folder), options.cells, options.genes, options.density)
            for how in ("blocks", "whole"):
                task = json.dumps({"study": study, "how": how})
                command = [sys.executable, __file__, "--read", task]
                answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
                outcome = json.loads(answer.splitlines()[-1])
                result[f"{format}_{how}"] = outcome
                print(f"{format:4} {how:6} {outcome['s']:7.1f} s {outcome['peak_mb']:7.0f} MB")
        blocks, whole = result[f"{format}_blocks"], result[f"{format}_whole"]
        if blocks["sum"] != whole["sum"]:
            raise SystemExit(f"{format}: the two ways disagree")
        result[f"{format}_memory_ratio"] = round(blocks["peak_mb"] / whole["peak_mb"], 3)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
