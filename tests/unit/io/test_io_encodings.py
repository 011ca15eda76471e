"""Encodings of h5ad files by other programs and versions: the same labels and counts from each."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.readers.check import check_study
from panscape.data.readers.hdf5 import texts
from panscape.data.readers.metadata import read_metadata
from panscape.data.readers.open import open_source
from panscape.data.readers.study import as_user_error
from panscape.errors import UserError

CELLS = [f"c{at}" for at in range(30)]
GENES = [f"G{at}" for at in range(6)]
LABELS = np.resize(["neuron", "Müller glia", "T cell"], 30)
COUNTS = np.random.default_rng(0).poisson(12.0, (30, 6)).astype(np.float32)


def written(folder, counts=COUNTS, **obs):
    table = pd.DataFrame(obs or {"kind": LABELS}, index=CELLS)
    path = folder / "s.h5ad"
    anndata.AnnData(sparse.csr_matrix(counts), table, pd.DataFrame(index=GENES)).write_h5ad(path)
    return path


def labels(path, **more):
    study = {"id": "s", "path": str(path), "obs": {"cell_type": "kind"}, **more}
    return read_metadata(study, open_source(study, where="s"), "s")["cell_type"].astype(object)


def total(path, **more):
    source = open_source({"id": "s", "path": str(path), **more}, where="s")
    return sparse.vstack([block for _, block in source.blocks()]).toarray()


@pytest.mark.parametrize("first", [0, 1])
def test_codes_with_labels_beside_them(tmp_path, first):
    """SeuratDisk's and anndata 0.7's form; R counts from 1."""
    path = written(tmp_path)
    names = sorted(set(LABELS))
    with h5py.File(path, "a") as file:
        del file["obs/kind"]
        file["obs/kind"] = np.array([names.index(label) for label in LABELS], dtype="i4") + first
        text = h5py.string_dtype()
        file.create_dataset("obs/__categories/kind", data=np.array(names, dtype=object), dtype=text)
    assert labels(path).tolist() == LABELS.tolist()


def test_names_as_nullable_strings(tmp_path):
    """anndata 0.13's form."""
    path = written(tmp_path)
    with h5py.File(path, "a") as file:
        values = texts(file["obs/_index"])
        del file["obs/_index"]
        group = file["obs"].create_group("_index")
        group.attrs["encoding-type"], group.attrs["encoding-version"] = "nullable-string-array", "0.1.0"
        group.create_dataset("values", data=values, dtype=h5py.string_dtype())
        group["mask"] = np.zeros(len(values), dtype=bool)
    with h5py.File(path) as file:
        assert texts(file["obs/_index"]).tolist() == CELLS
    assert labels(path).tolist() == LABELS.tolist()


def test_text_in_fixed_lengths(tmp_path):
    path = written(tmp_path)
    with h5py.File(path, "a") as file:
        del file["obs/kind"]
        file["obs/kind"] = np.array([label.encode() for label in LABELS])
        file["obs"].attrs["column-order"] = np.array(["kind"], dtype="S4")
    assert labels(path).tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pd.array([1, None, 3] * 10, dtype="Int64"), ["1", None, "3"]),
        (pd.array([True, None, False] * 10, dtype="boolean"), ["True", None, "False"]),
        (pd.Categorical(["a", None, "b"] * 10), ["a", None, "b"]),
    ],
)
def test_nullable_columns(tmp_path, values, wanted):
    found = labels(written(tmp_path, kind=values)).tolist()[:3]
    assert [None if pd.isna(value) else value for value in found] == wanted


@pytest.mark.parametrize(
    "message",
    [
        "Can't synchronously read data (can't open directory (/usr/local/hdf5/lib/plugin). Verify ...)",
        "Can't read data (required filter 'zstd' is not registered)",
    ],
)
def test_filters_that_hdf5_lacks_are_named(message):
    error = as_user_error(OSError(message), {"id": "s", "path": "a.h5ad"}, "studies[0]")
    assert "cannot read, such as zstd" in str(error) and "hdf5plugin" in str(error)


def test_expected_counts_are_rounded_where_asked_for(tmp_path):
    path = written(tmp_path, COUNTS * 1.04)
    (problem,) = check_study({"id": "s", "path": str(path)}, "studies[0]", "other")
    assert "write values: rounded" in str(problem)
    assert check_study({"id": "s", "path": str(path), "values": "rounded"}, "studies[0]", "other") == []
    np.testing.assert_array_equal(total(path, values="rounded"), np.rint(COUNTS * 1.04))


def test_noise_of_floats_is_rounded_where_asked_for(tmp_path):
    path = tmp_path / "s.h5ad"
    noisy = sparse.csr_matrix(COUNTS.astype(float) * (1 + 1e-12))
    anndata.AnnData(noisy, pd.DataFrame(index=CELLS), pd.DataFrame(index=GENES)).write_h5ad(path)
    (problem,) = check_study({"id": "s", "path": str(path)}, "studies[0]", "other")
    assert "write values: rounded" in str(problem)
    np.testing.assert_array_equal(total(path, values="rounded"), COUNTS)


def test_normalised_values_are_not_rounded(tmp_path):
    path = written(tmp_path, COUNTS / 50)
    (problem,) = check_study({"id": "s", "path": str(path), "values": "rounded"}, "studies[0]", "other")
    assert "would make 0 of" in str(problem)


def test_lines_of_a_sheet_of_several_samples_are_chosen(tmp_path):
    path, sheet = written(tmp_path), tmp_path / "all.csv"
    rows = [f"{sample},{cell},{sample}{at % 2}" for sample in "AB" for at, cell in enumerate(CELLS)]
    sheet.write_text("sample,barcode,kind\n" + "\n".join(rows) + "\n")
    given = {"path": str(sheet), "barcode": "barcode"}
    with pytest.raises(UserError, match=r"select one: .*rows: .sample == 'A'"):
        labels(path, metadata=given)
    assert labels(path, metadata={**given, "rows": "sample == 'B'"}).tolist()[:2] == ["B0", "B1"]
    with pytest.raises(UserError, match=r"metadata\.rows.*none of the 60 lines"):
        labels(path, metadata={**given, "rows": "sample == 'C'"})
