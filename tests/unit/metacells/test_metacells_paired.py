"""Paired input in every form, and what is wrong with it."""

import anndata
import numpy as np
import pandas as pd
import pytest
from multiome_cases import tenx
from scipy import sparse

from panscape.coem.metacells.pool import pool
from panscape.coem.multiome import atac_study, check_peaks, read_paired
from panscape.coem.paired import Paired, load_paired, write_paired
from panscape.data import h5mu
from panscape.data.counts import CountsWriter
from panscape.errors import UserError

CELLS = [f"AAAC-{i}" for i in range(30)]
PEAKS = [f"chr1:{1000 * i}-{1000 * i + 500}" for i in range(8)]


def rna(seed=0, n=30, genes=6):
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(2.0, (n, genes)).astype(np.float32))


def atac(seed=1, n=30, peaks=8):
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(1.5, (n, peaks)).astype(np.float32))


def table(values, cells=CELLS, names=None, **var):
    names = names if names is not None else [f"G{i}" for i in range(values.shape[1])]
    return anndata.AnnData(X=values, obs=pd.DataFrame(index=cells), var=pd.DataFrame(var, index=names))


def counts_file(folder, values, cells=CELLS, names=None, **obs):
    names = names if names is not None else [f"G{i}" for i in range(values.shape[1])]
    with CountsWriter(folder / "counts.h5ad", values.shape[1]) as writer:
        writer.append(values)
        writer.finish(pd.DataFrame(obs, index=cells), pd.DataFrame(index=names))
    return folder / "counts.h5ad"


def two_files(folder, peaks=None, values=None, cells=CELLS, **study):
    values = atac() if values is None else values
    table(rna(), chrom=["chr1"] * 6, tss=range(0, 6000, 1000)).write_h5ad(folder / "rna.h5ad")
    table(values, cells, PEAKS if peaks is None else peaks).write_h5ad(folder / "atac.h5ad")
    return {"id": "s", "path": str(folder / "rna.h5ad"), "atac": {"path": str(folder / "atac.h5ad")}, **study}


def test_two_files_are_joined_by_barcode_in_any_order(tmp_path):
    order = np.random.default_rng(2).permutation(30)
    values = atac()
    study = two_files(tmp_path, values=values[order], cells=[CELLS[i] for i in order])
    sample = read_paired(study, counts_file(tmp_path, rna(), kind="a"))
    keep = [CELLS.index(cell) for cell in sample.obs.index]
    assert (sample.atac != values[keep]).nnz == 0 and (sample.rna != rna()[keep]).nnz == 0
    assert sample.genes.loc["G2", "tss"] == 2000 and sample.peaks.loc[PEAKS[3], "start"] == 3000
    assert not sample.binary


def test_cells_of_one_file_only_are_left_out_and_counted(tmp_path):
    study = two_files(tmp_path, values=atac()[:20], cells=CELLS[:20])
    sample = read_paired(study, counts_file(tmp_path, rna()))
    log = dict(sample.log)
    assert log["cells after quality control"] == 30 and log["cells in both"] == 20
    assert sample.n_cells <= 20


def test_zeros_and_ones_are_recognised(tmp_path):
    values = atac()
    values.data[:] = 1
    sample = read_paired(two_files(tmp_path, values=values), counts_file(tmp_path, rna()))
    assert sample.binary and set(sample.atac.data) == {1.0}


def test_cells_and_peaks_without_counts_are_dropped_and_logged(tmp_path):
    values = atac().tolil()
    values[3], values[7], values[:, 5] = 0, 0, 0
    sample = read_paired(two_files(tmp_path, values=values.tocsr()), counts_file(tmp_path, rna()))
    assert CELLS[3] not in sample.obs.index and CELLS[7] not in sample.obs.index
    assert PEAKS[5] not in sample.peaks.index and sample.atac.shape[1] == 7
    log = dict(sample.log)
    assert (
        log["cells without counts of peaks, left out"] == 2 and log["peaks that no cell has, left out"] == 1
    )


def test_h5mu_holds_both(tmp_path):
    path = tmp_path / "s.h5mu"
    h5mu.write_h5mu(
        path, {"rna": table(rna()), "atac": table(atac(), names=PEAKS)}, pd.DataFrame(index=CELLS)
    )
    sample = read_paired({"id": "s", "path": str(path)}, counts_file(tmp_path, rna()))
    assert sample.atac.shape[1] == 8 and list(sample.genes.index) == [f"G{i}" for i in range(6)]


def test_an_h5mu_with_rna_alone_gives_a_sample_with_rna(tmp_path):
    path = tmp_path / "s.h5mu"
    h5mu.write_h5mu(path, {"rna": table(rna())}, pd.DataFrame(index=CELLS))
    sample = read_paired({"id": "s", "path": str(path)}, counts_file(tmp_path, rna()))
    assert sample.atac is None and sample.rna is not None


@pytest.mark.filterwarnings("error:The HDF5 file was not created:UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_mudata_reads_what_is_written_and_scanpy_goes_on(tmp_path):
    import mudata
    import scanpy

    path = tmp_path / "s.h5mu"
    modalities = {"rna": table(rna()), "atac": table(atac(), names=PEAKS)}
    h5mu.write_h5mu(path, modalities, pd.DataFrame({"kind": "x"}, index=CELLS), obsm={"X": np.ones((30, 2))})
    sample = mudata.read_h5mu(path)
    assert sample.shape == (30, 14) and sample.obs["kind"].tolist() == ["x"] * 30
    assert (atac() != sample["atac"].X).nnz == 0 and sample.obsm["X"].shape == (30, 2)
    genes = sample["rna"].copy()
    scanpy.pp.normalize_total(genes)
    scanpy.pp.log1p(genes)
    scanpy.pp.pca(genes, n_comps=3)
    scanpy.pp.neighbors(genes, n_neighbors=5)
    scanpy.tl.leiden(genes, flavor="igraph", n_iterations=2, directed=False)
    assert genes.obs["leiden"].notna().all()


def multiome(path, kinds=("Gene Expression",) * 6 + ("Peaks",) * 8):
    places = [*[f"chr1:{i}000-{i}001" for i in range(6)], *PEAKS]
    names = [*[f"G{i}" for i in range(6)], *PEAKS]
    tenx(path, sparse.hstack([rna(), atac()]), CELLS, names, kinds, interval=places)


def test_a_10x_multiome_file_holds_both(tmp_path):
    multiome(tmp_path / "s.h5")
    sample = read_paired(
        {"id": "s", "path": str(tmp_path / "s.h5"), "format": "10x-h5"}, counts_file(tmp_path, rna())
    )
    assert sample.atac.shape[1] == 8 and sample.peaks.index.tolist() == PEAKS
    assert sample.genes.loc["G3", "tss"] == 3000


def test_a_10x_file_of_genes_gives_a_sample_with_rna(tmp_path):
    multiome(tmp_path / "s.h5", ("Gene Expression",) * 14)
    cells = counts_file(
        tmp_path,
        sparse.csr_matrix(sparse.hstack([rna(), atac()])),
        names=[*[f"G{i}" for i in range(6)], *PEAKS],
    )
    sample = read_paired({"id": "s", "path": str(tmp_path / "s.h5"), "format": "10x-h5"}, cells)
    assert sample.atac is None


def test_a_sample_with_peaks_alone(tmp_path):
    table(atac(), names=PEAKS).write_h5ad(tmp_path / "a.h5ad")
    study = {"id": "s", "path": str(tmp_path / "a.h5ad"), "atac": {"only": True}}
    sample = read_paired(study, counts_file(tmp_path, atac(), names=PEAKS))
    assert sample.rna is None and sample.genes is None and sample.atac.shape[1] == 8


def test_what_is_written_is_read_back(tmp_path):
    sample = read_paired(two_files(tmp_path), counts_file(tmp_path, rna(), kind="a"))
    write_paired(sample, tmp_path / "m.h5mu", "s")
    again = load_paired(tmp_path / "m.h5mu")
    assert (again.atac != sample.atac).nnz == 0 and (again.rna != sample.rna).nnz == 0
    assert again.log == sample.log and again.binary == sample.binary
    pd.testing.assert_frame_equal(again.peaks, sample.peaks, check_dtype=False)


def test_samples_are_pooled_on_what_they_share():
    def one(name, peaks):
        obs = pd.DataFrame({"kind": pd.Categorical(["a"] * 30)}, index=CELLS)
        places = pd.DataFrame({"chrom": "chr1", "start": 1, "end": 2}, index=peaks)
        genes = pd.DataFrame({"chrom": "chr1", "tss": 1.0}, index=[f"G{i}" for i in range(6)])
        return Paired(obs, rna(), atac(), genes, places, log=(("cells", 30.0),))

    other = [*PEAKS[:6], "chr2:1-2", "chr2:5-6"][::-1]
    sample = pool({"a": one("a", PEAKS), "b": one("b", other)})
    assert sample.n_cells == 60 and sample.peaks.index.tolist() == PEAKS[:6]
    assert sample.obs["sample"].value_counts().to_dict() == {"a": 30, "b": 30}
    assert (sample.atac[:30] != atac()[:, :6]).nnz == 0 and sample.obs.index[30] == f"b:{CELLS[0]}"
    np.testing.assert_array_equal(sample.atac[30:, 0].toarray(), atac()[:, 7].toarray())
    with pytest.raises(UserError, match=r"metacells.pool: no peaks are common to all samples"):
        pool({"a": one("a", PEAKS), "b": one("b", [f"chr3:{i}-{i + 1}" for i in range(8)])})


# what users get wrong


def test_barcodes_that_do_not_match(tmp_path):
    study = two_files(tmp_path, cells=[cell.replace("-", "#") for cell in CELLS])
    with pytest.raises(
        UserError, match=r"no barcode of the peaks \(AAAC#0, .*among the cells of the genes \(AAAC-0"
    ):
        read_paired(study, counts_file(tmp_path, rna()))
    with pytest.raises(
        UserError,
        match=r"-> write studies\[0\].atac: \{..., strip: '\^AAAC#', prefix: 'AAAC-'\}, which matches 30",
    ):
        check_peaks(study, pd.Index(CELLS), "studies[0]")


@pytest.mark.parametrize(
    ("peaks", "message"),
    [
        ([*PEAKS[:7], "promoter7"], "1 of 8 peak names are not chrom:start-end, e.g. promoter7"),
        ([*PEAKS[:7], PEAKS[0]], "1 peaks occur more than once, e.g. chr1:0-500"),
        ([*PEAKS[:7], "chr1:9-5"], "1 peaks do not end after they start"),
    ],
)
def test_peaks_that_cannot_be_read(tmp_path, peaks, message):
    study = two_files(tmp_path, peaks=peaks)
    with pytest.raises(UserError, match=message) as error:
        check_peaks(study, pd.Index(CELLS), "studies[0]")
    assert "studies[0].atac" in str(error.value) and "atac.h5ad" in str(error.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [(-1.0, "negative values"), (0.5, "there are fractional values"), (np.nan, "NaN or infinite")],
)
def test_values_that_are_no_counts(tmp_path, value, message):
    values = atac()
    values.data[4] = value
    with pytest.raises(UserError, match=message):
        read_paired(two_files(tmp_path, values=values), counts_file(tmp_path, rna()))


def test_no_counts_at_all(tmp_path):
    with pytest.raises(UserError, match=r"0 of 30 cells have counts in every modality"):
        read_paired(two_files(tmp_path, values=atac() * 0), counts_file(tmp_path, rna()))


def test_a_missing_file_of_peaks(tmp_path):
    study = two_files(tmp_path)
    study["atac"]["path"] = str(tmp_path / "nothing.h5ad")
    with pytest.raises(UserError, match=r"there is no file"):
        check_peaks(study, pd.Index(CELLS), "studies[0]")


def test_where_the_peaks_are(tmp_path):
    assert atac_study({"id": "s", "path": "x.csv"}) is None
    assert atac_study({"id": "s", "path": "x.h5ad"})["features"] == "Peaks"
    assert atac_study({"id": "s", "path": "x.h5ad", "atac": {"path": "y.h5ad"}})["path"] == "y.h5ad"
    named = {"id": "s", "path": "x.h5mu", "atac": {"modality": "chromatin"}}
    assert atac_study(named)["modality"] == "chromatin"
