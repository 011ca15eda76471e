"""Files that programs write of genes and peaks."""

import gzip

import h5py
import numpy as np
from scipy import sparse
from scipy.io import mmwrite


def zipped(path, text):
    path.write_bytes(gzip.compress(text.encode()))


def written(path, text):
    """Write a text, gzipped if the name says so."""
    zipped(path, text) if path.name.endswith(".gz") else path.write_text(text)


def tenx(path, values, cells, names, kinds, **more):
    """Write Cell Ranger's h5 file (`more`: further columns of the features), and return its path."""
    values = sparse.csc_matrix(values.T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(cells, dtype="S")
        group["data"] = values.data.astype(int)
        group["indices"], group["indptr"] = values.indices, values.indptr
        group["shape"] = np.array(values.shape)
        features = group.create_group("features")
        features["id"] = features["name"] = np.array(names, dtype="S")
        for name, column in {"feature_type": kinds, **more}.items():
            features[name] = np.array(column, dtype="S")
    return str(path)


def folder_of(path, features, values, cells, name="features.tsv.gz"):
    """Write Cell Ranger's folder with the text of the file of features, and return its path."""
    path.mkdir()
    mmwrite(path / "matrix.mtx", sparse.coo_matrix(values.T.astype(int)))
    (path / "matrix.mtx.gz").write_bytes(gzip.compress((path / "matrix.mtx").read_bytes()))
    (path / "matrix.mtx").unlink()
    zipped(path / "barcodes.tsv.gz", "\n".join(cells) + "\n")
    written(path / name, features)
    return str(path)
