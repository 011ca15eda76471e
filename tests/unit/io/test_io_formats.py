"""Every format gives the same study."""

from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest
from scipy import sparse

from panscape.data import limits
from panscape.data.readers import hdf5, mtx
from panscape.data.readers import source as source_module
from panscape.data.readers.format import study_format
from panscape.data.readers.open import open_source
from panscape.data.readers.open import probe as io_probe
from panscape.data.readers.source import Source
from panscape.errors import UserError

WHERE = "studies[0]"


def whole(source: Source, max_values: int = 10_000) -> np.ndarray:
    """Read a source to its end, asserting the form of its blocks."""
    parts, expected = [], 0
    for rows, block in source.blocks(max_values):
        assert rows.start == expected and rows.stop - rows.start == block.shape[0] > 0
        assert block.format == "csr" and block.dtype == np.float32 and block.has_canonical_format
        parts.append(block.toarray())
        expected = rows.stop
    return np.concatenate(parts)


@pytest.mark.parametrize("max_values", [1, 60, 10_000])
def test_counts_are_the_same_in_every_format_and_block_size(any_study, counts, cells, genes, max_values):
    source = open_source(any_study, where=WHERE)
    assert source.shape == counts.shape
    assert list(source.cells) == cells and list(source.genes.index) == genes
    np.testing.assert_array_equal(whole(source, max_values), counts)
    np.testing.assert_array_equal(whole(source, max_values), counts)  # and a second time


def test_probe_agrees_with_the_opened_source(any_study, counts, genes):
    source, probe = open_source(any_study, where=WHERE), io_probe(any_study, where=WHERE)
    assert list(probe.genes) == genes and probe.format == source.format
    assert list(probe.obs_columns) == list(source.obs.columns)
    if not probe.estimated:
        assert (probe.n_cells, probe.n_genes) == source.shape
    assert probe.nnz == source.nnz and source.nnz in (None, np.count_nonzero(counts))


def test_stored_values_are_known_beforehand_in_sparse_formats(write, counts):
    for study in (write.h5ad(), write.csc(), write.tenx_v2(), write.mtx_v3()):
        assert io_probe(study | {"format": "auto"}).nnz == np.count_nonzero(counts)
    assert io_probe(write.dense()).nnz is None


def test_sample_has_values_of_the_matrix(any_study, counts):
    values = open_source(any_study, where=WHERE).sample()
    assert np.size(values) and np.isin(values, counts).all()


@pytest.mark.parametrize("max_values", [40, 200, 10_000])
def test_cells_spread_over_the_file_are_those_of_the_matrix(any_study, counts, max_values):
    source = open_source(any_study, where=WHERE)
    seen = [(rows, block.toarray()) for rows, block in source.spread(max_values)]
    for rows, block in seen:
        np.testing.assert_array_equal(block, counts[rows])
    starts = [rows.start for rows, _ in seen]
    assert starts == sorted(set(starts))
    if max_values == 10_000:
        assert sum(len(block) for _, block in seen) == len(counts)


def test_a_part_of_the_cells_comes_from_all_over_the_file(write):
    rng = np.random.default_rng(0)
    large = sparse.random(4000, 31, 0.5, format="csr", random_state=rng, dtype=np.float32)
    path = Path(write.h5ad()["path"])
    adata = anndata.AnnData(large)
    for matrix in (large, large.toarray()):
        adata.X = matrix
        adata.write_h5ad(path)
        source = open_source({"id": "a", "path": str(path)}, where=WHERE)
        seen = list(source.spread(20_000))
        cells = np.concatenate([np.arange(rows.start, rows.stop) for rows, _ in seen])
        assert 500 < len(cells) < 2000 and cells[0] == 0 and cells[-1] > 3900
        assert np.diff(cells).max() < 100
        for rows, block in seen:
            assert (block != large[rows]).nnz == 0


def test_obs_of_files_that_have_one(write, obs):
    for study in (write.h5ad(), write.h5ad_of_anndata_07(), write.h5ad_of_anndata_06(), write.loom()):
        result = open_source(study, where=WHERE).obs
        np.testing.assert_allclose(result["day"], obs["day"])
        assert list(result.index) == list(obs.index)
        if "type" in result:
            assert list(result["type"].astype(str)) == list(obs["type"].astype(str))
    assert "umap" not in result


def test_agrees_with_anndata(write):
    study = write.csc()
    source = open_source(study, where=WHERE)
    adata = anndata.read_h5ad(study["path"])
    np.testing.assert_array_equal(whole(source), adata.X.toarray())
    assert source.genes.equals(adata.var) and source.obs["type"].equals(adata.obs["type"])


def test_loom_layer(write, counts):
    study = write.loom() | {"counts": "layer:spliced"}
    np.testing.assert_array_equal(whole(open_source(study, where=WHERE)), 2 * counts)


def test_only_gene_expression_is_kept(write, counts):
    kinds = ["Gene Expression", "Antibody Capture"] * 15 + ["Peaks"]
    genes = np.array([kind == "Gene Expression" for kind in kinds])
    for study in (write.tenx_v3(kinds), write.mtx_lines(write.triplets(), kinds=kinds)):
        source = open_source(study | {"format": "auto"}, where=WHERE)
        assert source.shape == (len(counts), genes.sum())
        np.testing.assert_array_equal(whole(source), counts[:, genes])


def test_genome_of_a_mixed_experiment(write, counts):
    study = write.tenx_v2()
    with h5py.File(study["path"], "r+") as file:
        file.copy("GRCh38", "mm10")
        file["mm10/data"][:] *= 3
    with pytest.raises(source_module.UserError, match="genomes are GRCh38, mm10"):
        open_source(study, where=WHERE)
    source = open_source(study | {"genes": {"genome": "mm10"}}, where=WHERE)
    np.testing.assert_array_equal(whole(source), 3 * counts)

    study = write.tenx_v3()
    with h5py.File(study["path"], "r+") as file:
        file["matrix/features/genome"][:10] = b"mm10"
    source = open_source(study | {"genes": {"genome": "mm10"}}, where=WHERE)
    np.testing.assert_array_equal(whole(source), counts[:, :10])


def test_entries_out_of_order_within_a_cell(write):
    parts = ([1, 2, 4, 8], [3, 0, 4, 30], [0, 3, *[4] * (len(write.cells) - 1)])
    source = open_source(write.h5ad(sparse.csr_matrix(parts, (len(write.cells), 31))), where=WHERE)
    result = whole(source)
    assert result[0, [3, 0, 4]].tolist() == [1, 2, 4] and result[1, 30] == 8 and result.sum() == 15


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix])
def test_entries_given_twice_are_refused_in_hdf5(write, kind):
    matrix = kind(write.counts)
    row = int(np.argmax(np.diff(matrix.indptr) > 1))
    matrix.indices[matrix.indptr[row] + 1] = matrix.indices[matrix.indptr[row]]
    source = open_source(write.h5ad(matrix), where=WHERE)
    with pytest.raises(UserError, match=f"{matrix.nnz} values, only {matrix.nnz - 1} are of"):
        whole(source)


def test_entries_given_twice_are_summed_in_mtx(write, counts):
    source = open_source(write.mtx_lines(write.triplets() * 2), where=WHERE)
    np.testing.assert_array_equal(whole(source), 2 * counts)


def test_text_is_read_in_pieces(write, counts, monkeypatch):
    monkeypatch.setattr(mtx, "_CHUNK_BYTES", 37)
    for study in (write.mtx_v3(), write.mtx_unsorted(), write.mtx_cells_in_rows()):
        np.testing.assert_array_equal(whole(open_source(study, where=WHERE), 50), counts)


def test_mtx_whose_pieces_are_sorted_but_not_their_order(write, counts, monkeypatch):
    monkeypatch.setattr(mtx, "_CHUNK_BYTES", 1)  # a line each
    half = len(write.triplets()) // 2
    study = write.mtx_lines(write.triplets()[half:] + write.triplets()[:half])
    np.testing.assert_array_equal(whole(open_source(study, where=WHERE), 50), counts)


def test_table_saved_with_a_byte_order_mark(write, counts, genes):
    study = write.csv_of_r()
    content = Path(study["path"]).read_bytes()
    Path(study["path"]).write_bytes(b"\xef\xbb\xbf" + content)
    source = open_source(study, where=WHERE)
    assert list(source.genes.index) == genes
    np.testing.assert_array_equal(whole(source), counts)


def test_mtx_without_a_last_line_end_and_with_empty_lines(write, counts):
    study = write.mtx_v2()
    path = write.folder / "matrix.mtx"
    path.write_text(path.read_text().rstrip("\n").replace("\n1 ", "\n\n1 "))
    np.testing.assert_array_equal(whole(open_source(study, where=WHERE)), counts)


def test_mtx_named_by_its_file(write, counts):
    write.mtx_v3()
    study = write.mtx_of_geo()
    path = write.folder / "GSM12345_lab_matrix.mtx.gz"
    source = open_source(study | {"path": str(path)}, where=WHERE)
    np.testing.assert_array_equal(whole(source), counts)


def test_one_cell(write, counts):
    matrix = sparse.csr_matrix(counts[3:4])
    write.obs, write.cells, write.counts = write.obs[3:4], write.cells[3:4], counts[3:4]
    for study in (write.h5ad(matrix), write.mtx_v3() | {"format": "10x-mtx"}, write.csv(), write.loom()):
        np.testing.assert_array_equal(whole(open_source(study, where=WHERE)), counts[3:4])


def test_format_is_found_by_content_where_the_name_says_nothing(write):
    for study, format in ((write.h5ad(), "h5ad"), (write.tenx_v2(), "10x-h5"), (write.loom(), "loom")):
        download = write.folder / "s.download"
        download.write_bytes(Path(study["path"]).read_bytes())
        result = {"id": "s", "path": str(download), "url": "https://example.org/get?file=17"}
        assert open_source(result, where=WHERE).format == format
    assert study_format({"url": "https://example.org/a/counts.tsv.gz?x=1"}, WHERE) == "tsv"


def test_positions_beyond_32_bits(tmp_path, monkeypatch):
    """A file with 3e9 values, nearly all of them in one unwritten (hence tiny) stretch."""
    monkeypatch.setattr(limits, "_current", limits.Limits(expansion=1e6))  # such a file is refused
    monkeypatch.setattr(hdf5, "values_of", lambda dataset, **_: dataset)
    n_genes, low = 1_000_000, 3_000_000_000
    path = tmp_path / "huge.h5ad"
    with h5py.File(path, "w") as file:
        for name in ("obs", "var"):
            group = file.create_group(name)
            group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "i"})
            group.attrs["column-order"] = np.array([], dtype=h5py.string_dtype())
        text = h5py.string_dtype()
        file["obs"].create_dataset(
            "i", data=np.array([f"c{i}" for i in range(3002)], dtype=object), dtype=text
        )
        file["var"].create_dataset(
            "i", data=np.array([str(i) for i in range(n_genes)], dtype=object), dtype=text
        )
        for column in ("obs/i", "var/i"):
            file[column].attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        group.attrs["shape"] = np.array([3002, n_genes])
        for name, dtype in (("data", np.float32), ("indices", np.int64)):
            group.create_dataset(name, shape=(low + 5,), dtype=dtype, chunks=(1 << 16,))
        group["data"][low:], group["indices"][low:] = [1, 2, 3, 4, 5], [10, 20, 999_999, 0, 1]
        starts = np.concatenate([np.arange(3001) * n_genes, [low + 3, low + 5]])
        group["indptr"] = starts.astype(np.int64)
    source = open_source({"id": "huge", "path": str(path)}, where=WHERE)
    assert source.nnz == low + 5
    with h5py.File(path) as file:
        matrix = hdf5.Compressed(file["X"], source.raw_shape)
        last = matrix.rows(3000, 3002)
    assert last.nnz == 5 and last[0, 999_999] == 3 and last[1, 0] == 4
