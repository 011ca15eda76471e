"""Files of peaks and genes' places that are damaged or incomplete: refused before the first job."""

import gzip
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from multiome_cases import folder_of, written
from scipy import sparse

from panscape.coem.genes import read_genes
from panscape.coem.multiome import check_peaks
from panscape.data.readers.check import check_study
from panscape.data.readers.fragments import refuse_fragments
from panscape.errors import UserError

CELLS = [f"{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16]}TTACGGA-1" for i in range(40)]
PEAKS = [f"chr1:{1000 * i}-{1000 * i + 500}" for i in range(1, 9)]
COUNTS = sparse.csr_matrix(np.random.default_rng(5).poisson(1.5, (40, 8)).astype(np.float32))
BED = "".join(peak.replace(":", "\t").replace("-", "\t") + "\n" for peak in PEAKS)


def refusal(path):
    """Return the message on a file of peaks beside the genes."""
    study = {"id": "s", "path": "rna.h5ad", "atac": {"path": str(path)}}
    with pytest.raises(UserError) as error:
        check_peaks(study, pd.Index(CELLS), "studies[0]")
    assert "studies[0].atac" in str(error.value)
    return str(error.value)


def plain(folder):
    """Unpack the matrix of a folder, and return it."""
    text = gzip.decompress((folder / "matrix.mtx.gz").read_bytes())
    (folder / "matrix.mtx.gz").unlink()
    (folder / "matrix.mtx").write_bytes(text)
    return folder / "matrix.mtx"


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_folder_whose_matrix_lost_its_end(tmp_path, share):
    folder = Path(folder_of(tmp_path / "f", BED, COUNTS, CELLS, name="peaks.bed"))
    packed = (folder / "matrix.mtx.gz").read_bytes()
    (folder / "matrix.mtx.gz").write_bytes(packed[: int(len(packed) * share)])
    assert "damaged, truncated or in another format" in refusal(folder)
    (folder / "matrix.mtx.gz").write_bytes(packed)
    matrix = plain(folder)
    text = matrix.read_bytes()
    matrix.write_bytes(text[: text.index(b"\n", int(len(text) * (share - 0.02))) + 1])
    assert f"matrix.mtx declares {COUNTS.nnz} entries but has" in refusal(folder)


def test_a_large_matrix_that_lost_its_end(tmp_path):
    counts = sparse.csr_matrix(np.random.default_rng(0).integers(1, 90, (40, 5000)).astype(np.float32))
    bed = "".join(f"chr1\t{at}\t{at + 50}\n" for at in range(0, 500_000, 100))
    folder = Path(folder_of(tmp_path / "f", bed, counts, CELLS, name="peaks.bed"))
    packed = (folder / "matrix.mtx.gz").read_bytes()
    (folder / "matrix.mtx.gz").write_bytes(packed[:-1000])  # after the values that are sampled
    assert "damaged, truncated or in another format" in refusal(folder)


@pytest.mark.parametrize("at", [14, -40])
def test_a_packed_table_with_wrong_bytes(tmp_path, at):
    table = pd.DataFrame(COUNTS.toarray().astype(int), index=CELLS, columns=PEAKS)
    packed = bytearray(gzip.compress(table.to_csv(sep="\t").encode()))
    packed[at : at + 10] = b"\xff" * 10
    (tmp_path / "a.tsv.gz").write_bytes(packed)
    assert "damaged, truncated or in another format" in refusal(tmp_path / "a.tsv.gz")


@pytest.mark.parametrize(("old", "new"), [("1000\t", "-5\t"), ("1000\t", "\t"), ("1000\t", "1.5\t")])
def test_a_bed_with_a_start_that_cannot_be(tmp_path, old, new):
    bed = BED.replace(old, new, 1)
    folder = folder_of(tmp_path / "f", bed, COUNTS, CELLS, name="peaks.bed")
    assert "1 of 8 peak names are not chrom:start-end" in refusal(folder)


@pytest.mark.parametrize("missing", ["", " "])
def test_features_of_which_some_have_no_type(tmp_path, missing):
    names = [*[f"G{i}" for i in range(4)], *PEAKS[:4]]
    kinds = [missing] + ["Gene Expression"] * 3 + ["Peaks"] * 4
    var = pd.DataFrame({"feature_types": kinds}, index=names)
    anndata.AnnData(COUNTS, pd.DataFrame(index=CELLS), var).write_h5ad(tmp_path / "m.h5ad")
    (problem,) = check_study({"id": "s", "path": str(tmp_path / "m.h5ad")}, "studies[0]", "human")
    assert "1 of 8 features have no feature_types (G0)" in problem.what
    assert problem.fix == "write 'Gene Expression' or 'Peaks' for each"
    kinds = pd.Categorical([None] * 4 + ["Peaks"] * 4)
    anndata.AnnData(COUNTS, pd.DataFrame(index=CELLS), var.assign(feature_types=kinds)).write_h5ad(
        tmp_path / "m.h5ad"
    )
    (problem,) = check_study({"id": "s", "path": str(tmp_path / "m.h5ad")}, "studies[0]", "human")
    assert "4 of 8 features have no feature_types (G0, G1 and 2 more)" in problem.what


@pytest.mark.parametrize("end", ["", "chr1\t50", "chr1\t50\t90\tACGT"])
def test_fragments_that_lost_their_end(tmp_path, end):
    written(tmp_path / "f.tsv", "chr1\t10\t60\tACGT-1\t1\n" * 3 + end)
    with pytest.raises(UserError, match=r"f.tsv has fragments"):
        refuse_fragments(tmp_path / "f.tsv", "here")


@pytest.mark.parametrize("text", ["chr1\t10", "chr1\t50\nchr1\t10\t60\tACGT-1\t1\n", ""])
def test_text_that_is_no_fragments_passes(tmp_path, text):
    written(tmp_path / "f.tsv", text)
    refuse_fragments(tmp_path / "f.tsv", "here")
    written(tmp_path / "g.tsv", "chr1\t10\t60\tACGT-1\t1\nchr1\t5\nchr1\t10\t60\tACGT-1\t1\n")
    refuse_fragments(tmp_path / "g.tsv", "here")


def places(path, text, **how):
    written(path, text)
    return read_genes(str(path), **how)


LINE = 'chr1\tx\tgene\t101\t500\t.\t+\t.\tgene_id "AAA";\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.gtf", LINE.replace("101", "-5")),
        ("a.gtf", LINE.replace("101", "0")),
        ("a.gtf", LINE.replace("101", "900")),
        ("a.gtf", LINE.replace("101", "NaN")),
        ("a.gtf", LINE.replace("\t+\t", "\tplus\t")),
        ("a.gtf", LINE + LINE[:25]),
        ("a.gff3", "##gff-version 3\nchr1\tx\tgene\t-4\t9\t.\t+\t.\tID=A;Name=A\n"),
        ("a.bed", "chr1\t-100\t900\tA\t0\t+\n"),
        ("a.bed", "chr1\t100\t9\tA\t0\t-\n"),
        ("a.bed", "chr1\t100\t900\tA\t0\tminus\n"),
        ("a.bed", "chr1\t100\t900\t \t0\t-\n"),
    ],
)
def test_lines_that_give_no_place(tmp_path, name, text):
    with pytest.raises(UserError, match=r"line \d cannot be read: .*the strand \+, - or \."):
        places(tmp_path / name, text)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("-5\t9\t+", r"column 'start' of .* cannot be read \(1 are not whole numbers from 0, e.g. -5\)"),
        ("5.5\t9\t+", r"not whole numbers from 0, e.g. 5.5"),
        ("5\tinf\t+", r"column 'end' .*not whole numbers from 0, e.g. inf"),
        ("far\t9\t+", r"""Unable to parse string "far" at position 1\) -> write whole numbers from 0"""),
        ("50\t9\t-", r"genes that end before they start, e.g. BBB"),
        ("5\t9\tminus", r"column 'strand' of .* has minus -> write \+ or -, or \."),
    ],
)
@pytest.mark.parametrize("transcripts", ["longest", "all"])
def test_a_table_with_a_wrong_place(tmp_path, row, message, transcripts):
    text = f"gene\tchrom\tstart\tend\tstrand\nAAA\tchr1\t5\t90\t.\nBBB\tchr1\t{row}\n"
    with pytest.raises(UserError, match=message):
        places(tmp_path / "a.tsv", text, transcripts=transcripts)


def test_a_gene_without_a_place_in_a_table(tmp_path):
    text = "gene\tchrom\ttss\tstrand\nAAA\tchr1\t5\t+\nBBB\tchr1\tNA\t.\n"
    assert places(tmp_path / "a.tsv", text)["tss"].isna().tolist() == [False, True]
