"""One small study, written in every format that panscape reads."""

from __future__ import annotations

import gzip
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.io import mmwrite

N_CELLS, N_GENES = 57, 31


@pytest.fixture
def counts() -> np.ndarray:
    """Dense counts, cells x genes, with an empty cell in the middle, one at the end and an empty gene."""
    rng = np.random.default_rng(1)
    values = rng.poisson(0.6, (N_CELLS, N_GENES)) * rng.poisson(3, (N_CELLS, N_GENES))
    values[[20, 21, -1]] = 0
    values[:, 7] = 0
    return values.astype(np.float32)


@pytest.fixture
def cells() -> list[str]:
    return [
        "AAACCTGAG" + "".join("ACGT"[i // base % 4] for base in (16, 4, 1)) + "-1" for i in range(N_CELLS)
    ]


@pytest.fixture
def genes() -> list[str]:
    return [f"GENE{i}" for i in range(N_GENES)]


@pytest.fixture
def obs(cells) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    table = {
        "day": rng.choice([8.5, 9.0, 10.0], N_CELLS),
        "type": pd.Categorical(rng.choice(["neuron", "glia"], N_CELLS)),
        "plate": rng.integers(1, 3, N_CELLS),
        "stage": rng.choice(["E8.5", "E9", "P0"], N_CELLS),
        "doublet": rng.random(N_CELLS) < 0.2,
        "nothing": np.full(N_CELLS, np.nan),
    }
    return pd.DataFrame(table, index=cells)


def strings(values) -> np.ndarray:
    return np.array(list(values), dtype="S")


class Writer:
    """Writes the study into a folder, in the format that a method names, and gives its configuration."""

    def __init__(self, folder: Path, counts, cells, genes, obs):
        self.folder, self.counts, self.cells, self.genes, self.obs = folder, counts, cells, genes, obs

    def adata(self, matrix) -> anndata.AnnData:
        var = pd.DataFrame({"symbol": [name.lower() for name in self.genes]}, index=self.genes)
        return anndata.AnnData(matrix, obs=self.obs, var=var)

    def h5ad(self, matrix=None, **more) -> dict:
        adata = self.adata(sparse.csr_matrix(self.counts) if matrix is None else matrix)
        for name, layer in more.items():
            adata.layers[name] = layer
        path = self.folder / "study.h5ad"
        adata.write_h5ad(path)
        return {"id": "s", "path": str(path)}

    def csc(self) -> dict:
        return self.h5ad(sparse.csc_matrix(self.counts))

    def dense(self) -> dict:
        return self.h5ad(self.counts)

    def raw(self) -> dict:
        adata = self.adata(sparse.csr_matrix(self.counts))
        adata.raw = adata
        adata = adata[:, :5].copy()
        adata.X = adata.X.log1p()
        adata.write_h5ad(self.folder / "study.h5ad")
        return {"id": "s", "path": str(self.folder / "study.h5ad"), "counts": "raw"}

    def layer(self) -> dict:
        study = self.h5ad(sparse.csr_matrix(np.log1p(self.counts)), spliced=sparse.csc_matrix(self.counts))
        return study | {"counts": "layer:spliced"}

    def h5ad_64_bit(self) -> dict:
        study = self.h5ad()
        with h5py.File(study["path"], "r+") as file:
            for name in ("indices", "indptr"):
                values = file["X"][name][:].astype(np.int64)
                del file["X"][name]
                file["X"][name] = values
        return study

    def h5ad_of_anndata_06(self) -> dict:
        """As anndata < 0.7 wrote: obs and var compound, categories in uns, sparse attributes of its own."""
        path = self.folder / "study.h5ad"
        matrix = sparse.csr_matrix(self.counts)
        codes = np.asarray(self.obs["type"].cat.codes, dtype=np.int8)
        rows = [(c.encode(), d, t) for c, d, t in zip(self.cells, self.obs["day"], codes, strict=True)]
        kinds = [("index", "S20"), ("day", float), ("type", np.int8)]
        with h5py.File(path, "w") as file:
            file["obs"] = np.array(rows, dtype=kinds)
            file["var"] = np.array([(g.encode(),) for g in self.genes], dtype=[("index", "S20")])
            file["uns/type_categories"] = strings(self.obs["type"].cat.categories)
            group = file.create_group("X")
            group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", matrix.shape
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(matrix, name)
        return {"id": "s", "path": str(path)}

    def h5ad_of_anndata_07(self) -> dict:
        """As anndata 0.7 wrote: categories in the group `__categories`, found through a reference."""
        study = self.h5ad()
        with h5py.File(study["path"], "r+") as file:
            codes = file["obs/type/codes"][:]
            names = file["obs/type/categories"].asstr()[:]
            del file["obs/type"]
            text = h5py.string_dtype()
            stored = file["obs"].create_dataset("__categories/type", data=names.astype(object), dtype=text)
            file["obs"].create_dataset("type", data=codes).attrs["categories"] = stored.ref
            file["obs"].attrs["encoding-version"] = "0.1.0"
        return study

    def _tenx(self, group: h5py.Group) -> None:
        by_cell = sparse.csr_matrix(self.counts)
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(by_cell, name).astype(np.int64 if name == "indptr" else np.int32)
        group["shape"] = np.array(self.counts.shape[::-1], dtype=np.int32)
        group["barcodes"] = strings(self.cells)

    def tenx_v2(self) -> dict:
        path = self.folder / "filtered_gene_bc_matrices.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("GRCh38")
            self._tenx(group)
            group["genes"] = strings(f"ENSG{i:011d}" for i in range(len(self.genes)))
            group["gene_names"] = strings(self.genes)
        return {"id": "s", "path": str(path)}

    def tenx_v3(self, kinds: list[str] | None = None) -> dict:
        path = self.folder / "filtered_feature_bc_matrix.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("matrix")
            self._tenx(group)
            features = group.create_group("features")
            features["id"] = strings(f"ENSG{i:011d}" for i in range(len(self.genes)))
            features["name"] = strings(self.genes)
            features["feature_type"] = strings(kinds or ["Gene Expression"] * len(self.genes))
            features["genome"] = strings(["GRCh38"] * len(self.genes))
        return {"id": "s", "path": str(path)}

    def _text(self, name: str, text: str) -> None:
        opener = gzip.open if name.endswith(".gz") else open
        with opener(self.folder / name, "wb") as file:
            file.write(text.encode())

    def mtx_v2(self) -> dict:
        matrix = sparse.coo_matrix(self.counts.T.astype(int))
        order = np.lexsort((matrix.row, matrix.col))
        mmwrite(
            self.folder / "matrix.mtx",
            sparse.coo_matrix((matrix.data[order], (matrix.row[order], matrix.col[order])), matrix.shape),
            field="integer",
        )
        self._text("genes.tsv", "".join(f"ENSG{i:011d}\t{name}\n" for i, name in enumerate(self.genes)))
        self._text("barcodes.tsv", "".join(f"{name}\n" for name in self.cells))
        return {"id": "s", "path": str(self.folder)}

    def mtx_lines(self, triplets, prefix: str = "", kinds: list[str] | None = None, **header) -> dict:
        """Write a gzipped Cell Ranger 3 folder with these (gene, cell, value), from 1 on, in this order."""
        triplets = list(triplets)
        rows, columns = header.get("shape", self.counts.shape[::-1])
        head = f"%%MatrixMarket matrix coordinate integer general\n%meta\n{rows} {columns} {len(triplets)}\n"
        body = "".join(f"{gene} {cell} {value}\n" for gene, cell, value in triplets)
        self._text(f"{prefix}matrix.mtx.gz", head + body)
        kinds = kinds or ["Gene Expression"] * len(self.genes)
        named = enumerate(zip(self.genes, kinds, strict=True))
        self._text(f"{prefix}features.tsv.gz", "".join(f"ENSG{i:011d}\t{n}\t{k}\n" for i, (n, k) in named))
        self._text(f"{prefix}barcodes.tsv.gz", "".join(f"{name}\n" for name in self.cells))
        return {"id": "s", "path": str(self.folder)}

    def triplets(self) -> list[tuple[int, int, int]]:
        """Return the entries cell by cell as 10x writes them."""
        return [(g + 1, c + 1, int(self.counts[c, g])) for c, g in zip(*np.nonzero(self.counts), strict=True)]

    def mtx_v3(self) -> dict:
        return self.mtx_lines(self.triplets())

    def mtx_of_geo(self) -> dict:
        return self.mtx_lines(self.triplets(), prefix="GSM12345_lab_")

    def mtx_unsorted(self) -> dict:
        order = np.random.default_rng(3).permutation(len(self.triplets()))
        return self.mtx_lines([self.triplets()[i] for i in order])

    def mtx_cells_in_rows(self) -> dict:
        flipped = [(cell, gene, value) for gene, cell, value in self.triplets()]
        return self.mtx_lines(flipped, shape=self.counts.shape)

    def loom(self) -> dict:
        path = self.folder / "study.loom"
        with h5py.File(path, "w") as file:
            chunks = tuple(min(8, size) for size in self.counts.T.shape)
            file.create_dataset("matrix", data=self.counts.T, chunks=chunks, compression="gzip")
            file.create_dataset("layers/spliced", data=self.counts.T.astype(np.uint16) * 2, chunks=chunks)
            text = h5py.string_dtype()
            file.create_dataset("row_attrs/Gene", data=np.array(self.genes, dtype=object), dtype=text)
            file.create_dataset("col_attrs/CellID", data=np.array(self.cells, dtype=object), dtype=text)
            file["col_attrs/day"] = self.obs["day"].to_numpy()
            file["col_attrs/umap"] = np.zeros((len(self.cells), 2))
        return {"id": "s", "path": str(path)}

    def _frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.counts.astype(int), index=self.cells, columns=self.genes)

    def csv(self) -> dict:
        self._frame().to_csv(self.folder / "study.csv")
        return {"id": "s", "path": str(self.folder / "study.csv")}

    def csv_of_r(self) -> dict:
        """As R's write.table: names quoted, and none over the row names."""
        text = self._frame().to_csv(quoting=2).replace('"",', "", 1)
        self._text("study.csv", text)
        return {"id": "s", "path": str(self.folder / "study.csv")}

    def tsv_genes_in_rows(self) -> dict:
        self._frame().T.to_csv(self.folder / "study.tsv.gz", sep="\t")
        return {"id": "s", "path": str(self.folder / "study.tsv.gz"), "orientation": "genes-by-cells"}


WHOLE = [
    "h5ad", "csc", "dense", "raw", "layer", "h5ad_64_bit", "h5ad_of_anndata_06", "h5ad_of_anndata_07",
    "tenx_v2", "tenx_v3", "mtx_v2", "mtx_v3", "mtx_of_geo", "mtx_unsorted", "mtx_cells_in_rows",
    "loom", "csv", "csv_of_r", "tsv_genes_in_rows",
]  # fmt: skip


@pytest.fixture
def write(tmp_path, counts, cells, genes, obs) -> Writer:
    return Writer(tmp_path, counts, cells, genes, obs)


@pytest.fixture(params=WHOLE)
def any_study(request, write) -> dict:
    """The configuration of the same study in each format in turn."""
    return getattr(write, request.param)()
