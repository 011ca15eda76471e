"""What a file declares has to be there, in it, and of the kind that counts are."""

from __future__ import annotations

import os
import socket

import anndata
import h5py
import numpy as np
import pytest
from scipy import sparse

from panscape.data import limits
from panscape.data.annotated import raw_counts
from panscape.data.readers import gate
from panscape.data.readers.check import check_study
from panscape.data.readers.gate import as_float32, open_hdf5
from panscape.data.readers.hdf5 import Compressed
from panscape.data.readers.integers import LARGEST, check_counts
from panscape.data.readers.open import open_source
from panscape.data.readers.study import Refused
from panscape.errors import UserError

WHERE = "studies[1]"


def problem(study: dict) -> str:
    """Return the message that opening and reading a study to its end gives, with its file's name in it."""
    with pytest.raises(UserError) as caught:
        source = open_source(study, where=WHERE)
        assert source.obs is not None
        for _ in source.blocks():
            pass
    text = str(caught.value)
    assert text.startswith("1 problem:\n  - studies[1]") and study["path"] in text
    return text


def change(study: dict, name: str, values) -> dict:
    with h5py.File(study["path"], "r+") as file:
        kept = dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update(kept)
    return study


def stored(study: dict, name: str) -> np.ndarray:
    with h5py.File(study["path"]) as file:
        return file[name][()]


@pytest.mark.parametrize("kind", ["h5ad", "csc", "tenx_v3"])
@pytest.mark.parametrize("wrong", [np.nan, 0.5])
@pytest.mark.parametrize("part", ["indices", "indptr"])
def test_indices_and_offsets_are_whole_numbers(write, kind, wrong, part):
    study = getattr(write, kind)()
    name = f"{'matrix' if kind == 'tenx_v3' else 'X'}/{part}"
    values = stored(study, name).astype(float)
    values[1] = wrong
    change(study, name, values)
    assert f"{name} has float64, not whole numbers" in problem(study)
    assert any("whole numbers" in str(fault) for fault in check_study(study, WHERE, "human"))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("kind", ["h5ad", "csc"])
def test_negative_indices_are_refused(write, dtype, kind):
    study = getattr(write, kind)()
    values = stored(study, "X/indices").astype(dtype)
    change(study, "X/indices", values)
    assert open_source(study, where=WHERE).shape == write.counts.shape
    values[4] = -1
    assert "beyond the matrix's" in problem(change(study, "X/indices", values))
    assert any("beyond the matrix's" in str(fault) for fault in check_study(study, WHERE, "human"))


def test_unsigned_and_large_indices(write):
    study = write.h5ad()
    values = stored(study, "X/indices").astype(np.uint64)
    (_, block), *_ = open_source(change(study, "X/indices", values), where=WHERE).blocks()
    np.testing.assert_array_equal(block.toarray(), write.counts)
    values[4] = 2**63 + 5
    assert "beyond" in problem(change(study, "X/indices", values))
    assert "beyond" in problem(change(study, "X/indices", np.full(len(values), 31, np.uint8)))


def test_offsets_increase_and_cover_the_values(write):
    good = stored(study := write.h5ad(), "X/indptr")
    for at, value in ((0, 1), (5, good[5] + 1000), (5, -1), (-1, good[-1] - 1)):
        wrong = good.copy()
        wrong[at] = value
        assert "do not match" in problem(change(study, "X/indptr", wrong))
    wrong = good.copy()
    wrong[-2:] -= 1  # the last cell is empty: still increasing, but one value is left over
    assert "do not match" in problem(change(study, "X/indptr", wrong))
    indices = stored(change(study, "X/indptr", good), "X/indices")
    assert "do not match" in problem(change(study, "X/indices", indices[:-1]))
    change(study, "X/indices", indices)
    wrong = good.astype(np.uint64)
    wrong[5] = 2**64 - 1  # -1 as a signed number
    assert "do not match" in problem(change(study, "X/indptr", wrong))


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        (np.float32, 1e30, "highest value is 1e+30"),
        (np.float64, 16_777_217, "highest value is 1.67772e+07"),
        (np.int64, 16_777_217, "highest value"),
        (np.uint64, 2**64 - 1, "highest value"),
        (np.float32, np.nan, "1 values are NaN or infinite"),
        (np.float64, np.inf, "1 values are NaN or infinite"),
        (np.float64, 1 + 1e-12, "almost whole numbers"),
        (np.complex64, 2 + 1j, "complex numbers"),
    ],
)
@pytest.mark.parametrize("kind", ["h5ad", "csc", "dense", "loom", "tenx_v3"])
def test_values_that_float32_cannot_have_are_refused(write, dtype, value, message, kind):
    study = getattr(write, kind)()
    name = {"dense": "X", "loom": "matrix", "tenx_v3": "matrix/data"}.get(kind, "X/data")
    values = stored(study, name).astype(dtype)
    values[np.nonzero(values)[0][0], ...] = value
    text = problem(change(study, name, values))
    assert message in text or "NaN or infinite" in text
    assert check_study(study, WHERE, "human")


def test_largest_count_is_kept(write):
    values = stored(study := write.h5ad(), "X/data").astype(np.int64)
    values[3] = LARGEST
    (_, block), *_ = open_source(change(study, "X/data", values), where=WHERE).blocks()
    assert block.max() == LARGEST


def test_logarithms_may_be_rounded_and_are_bounded():
    values = np.array([1 + 1e-12, 0.3])
    assert as_float32(values, "X", logged=True).tolist() == [1, np.float32(0.3)]
    with pytest.raises(Refused, match="almost whole"):
        as_float32(values, "X")
    assert as_float32(np.array([-2.5, 0.3]), "X").dtype == np.float32  # told by the check of counts
    for dtype in (np.float16, np.float32, np.int8, np.uint16, bool):
        assert as_float32(np.array([0, 1], dtype), "X").tolist() == [0, 1]
    assert len(as_float32(np.array([], np.float32), "X")) == 0


def test_counts_in_memory_are_bounded_too():
    with pytest.raises(UserError, match="16,777,216"):
        check_counts(np.array([1, 16_777_217]), "X")
    with pytest.raises(UserError, match="complex"):
        check_counts(np.array([1 + 1j]), "X")
    with pytest.raises(UserError, match="highest value"):
        raw_counts(anndata.AnnData(sparse.csr_matrix(np.array([[0, 2**24 + 1]]))))


def test_pipes_sockets_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5ad")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.csv"))
        for path, kind in (
            (tmp_path / "pipe.h5ad", "pipe"), (tmp_path / "socket.csv", "socket"), ("/dev/zero", "device"),
        ):  # fmt: skip
            assert f"is a {kind}, not a file" in problem({"id": "s", "path": str(path), "format": "csv"})


def test_pipes_in_a_folder_of_mtx_are_refused(write):
    study = write.mtx_v2()
    os.unlink(write.folder / "barcodes.tsv")
    os.mkfifo(write.folder / "barcodes.tsv")
    assert "barcodes.tsv is a device, pipe or socket" in problem(study)


def test_links_to_other_files_are_refused(write):
    study = write.h5ad()
    os.rename(study["path"], write.folder / "elsewhere.h5ad")
    with h5py.File(study["path"], "w") as file:
        for name in ("X", "obs", "var"):
            file[name] = h5py.ExternalLink("elsewhere.h5ad", f"/{name}")
    assert "is a link to another file" in problem(study)


def test_links_within_the_file_are_followed(write):
    study = write.h5ad()
    with h5py.File(study["path"], "r+") as file:
        file.move("X", "stored")
        file["X"] = h5py.SoftLink("/stored")
        file["obs"]["again"] = file["obs"]  # a cycle of hard links
    (_, block), *_ = open_source(study, where=WHERE).blocks()
    np.testing.assert_array_equal(block.toarray(), write.counts)


def test_values_in_other_files_are_refused(write):
    study = write.dense()
    layout = h5py.VirtualLayout(write.counts.shape, "f4")
    layout[...] = h5py.VirtualSource("nowhere.h5", "X", write.counts.shape)
    with h5py.File(study["path"], "r+") as file:
        kept = dict(file["X"].attrs)
        del file["X"]
        file.create_virtual_dataset("X", layout, fillvalue=1).attrs.update(kept)
    assert "values of X are in other files" in problem(study)
    with h5py.File(study["path"], "r+") as file:
        del file["X"]
        elsewhere = [(str(write.folder / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("X", write.counts.shape, "f4", external=elsewhere).attrs.update(kept)
    assert "values of X are in other files" in problem(study)


def test_sizes_have_to_be_plausible(write, monkeypatch):
    study = write.h5ad()
    with h5py.File(study["path"], "r+") as file:
        del file["X/data"], file["X/indices"]
        for name in ("data", "indices"):
            file["X"].create_dataset(name, (3_000_000_000,), "i4", chunks=(1000,))
    text = problem(study)
    assert "declare 12,000 MB in a file of 0.0" in text and "raise limits.expansion (now 200)" in text
    monkeypatch.setattr(limits, "_current", limits.Limits(expansion=1e9))
    assert "lacks 3000000 of its 3000000 pieces" in problem(study)


def test_pieces_that_were_never_written_are_refused(write):
    study = write.dense()
    with h5py.File(study["path"], "r+") as file:
        kept = dict(file["X"].attrs)
        del file["X"]
        part = file.create_dataset("X", write.counts.shape, "f4", chunks=(10, 31))
        part[:20] = write.counts[:20]
        part.attrs.update(kept)
    assert "X lacks 4 of its 6 pieces" in problem(study)


def test_number_of_objects_is_limited(write, monkeypatch):
    monkeypatch.setattr(gate, "MAX_OBJECTS", 5)
    assert "more than 5 groups and arrays" in problem(write.h5ad())


def test_a_changed_file_is_checked_again(write):
    study = write.h5ad()
    with open_hdf5(study["path"]):
        pass
    with h5py.File(study["path"], "r+") as file:
        file["uns/more"] = h5py.ExternalLink("elsewhere.h5", "/x")
    with pytest.raises(Refused, match="more is a link"), open_hdf5(study["path"]):
        pass


@pytest.mark.parametrize("wrong", [[57.5, 31.5], [57], [-57, 31], "x"])
def test_shape_is_two_whole_numbers(write, wrong):
    study = write.h5ad()
    with h5py.File(study["path"], "r+") as file:
        file["X"].attrs["shape"] = wrong
    assert "the shape of /X is" in problem(study)
    assert "shape" in problem(change(write.tenx_v3(), "matrix/shape", [31.5, 57.0]))


def test_names_are_lists_without_control_characters(write):
    names = stored(study := write.tenx_v3(), "matrix/barcodes")
    assert "not a list of names" in problem(change(study, "matrix/barcodes", names.reshape(1, -1)))
    for wrong in (b"AAAC\tGT", b'"AAAC"', b""):
        text = problem(change(study, "matrix/barcodes", np.array([wrong, *names[1:]], dtype=names.dtype)))
        assert "1 names of cells are empty or have quotes or control characters" in text


def test_feature_types_are_known(write, caplog):
    kinds = ["Gene Expression"] * 30
    text = problem(write.tenx_v3([*kinds, "Gene Expressino"]))
    assert "'Gene Expressino' of 1 feature is unknown -> did you mean 'Gene Expression'?" in text
    source = open_source(write.tenx_v3(["gene expression", *kinds[:-1], "Sounds"]), where=WHERE)
    assert len(source.genes) == 30 and "left out 1 Sounds" in caplog.text


def test_feature_ids_have_one_name(write):
    study = write.tenx_v3()
    ids = stored(study, "matrix/features/id")
    ids[4] = ids[3]
    text = problem(change(study, "matrix/features/id", ids))
    assert "has several names: GENE3, GENE4" in text


def test_columns_are_told_apart(write):
    study = write.h5ad()
    with h5py.File(study["path"], "r+") as file:
        file["obs"].attrs["column-order"] = ["day", "day"]
    assert "obs has several columns of the same name: day" in problem(study)
    study = write.h5ad()
    with h5py.File(study["path"], "r+") as file:
        del file["obs/type"]
        file["obs"].create_group("type")
    assert "obs/type is not a column" in problem(study)


def test_errors_of_our_own_are_not_hidden(write, monkeypatch):
    source = open_source(write.h5ad(), where=WHERE)
    for error, shown in ((NameError, NameError), (TypeError, UserError)):

        def broken(error=error):
            raise error("here")

        monkeypatch.setattr(source, "_sample", broken)
        with pytest.raises(shown) as caught:
            source.sample()
    assert "at its values (TypeError: here)" in str(caught.value)
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_negative_indices_are_refused_whatever_their_type_and_the_number_of_genes(tmp_path, dtype):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"], file["indptr"], file["indices"] = [1.0, 2.0], [0, 2], np.array([3, -1], dtype)
        matrix = Compressed(file["/"], (1, 70_000))
        with pytest.raises(Refused, match="beyond the matrix's 70000 columns"):
            matrix.rows(0, 1)
        file["indices"][1] = 100
        assert matrix.rows(0, 1).indices.tolist() == [3, 100]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("h5ad", "obs/doublet"),
        ("h5ad", "obs/type/codes"),
        ("h5ad", "var/symbol"),
        ("loom", "col_attrs/day"),
        ("tenx_v3", "matrix/features/feature_type"),
        ("tenx_v3", "matrix/features/id"),
        ("tenx_v2", "GRCh38/genes"),
    ],
)
@pytest.mark.parametrize("length", [0, 1, -1])
def test_columns_are_as_long_as_their_table(write, kind, name, length):
    """A single value would be repeated for all rows."""
    study = getattr(write, kind)()
    with h5py.File(study["path"]) as file:
        nullable = isinstance(file[name], h5py.Group)  # text, as pandas 3 writes it
    part = f"{name}/values" if nullable else name
    text = problem(change(study, part, stored(study, part)[:length]))
    assert name.removesuffix("/codes") in text and "but its table" in text
