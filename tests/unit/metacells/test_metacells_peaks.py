"""Peak names, gene places, and which peaks are near which genes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from panscape.coem.genes import read_genes
from panscape.coem.links.activity import gene_activity, peaks_near
from panscape.coem.peaks import gene_places, parse_peaks, peak_table, promoter_share
from panscape.errors import UserError


@settings(max_examples=100)
@given(
    chrom=st.from_regex(r"(chr)?([0-9]{1,2}|X|Y|M|[A-Z]{2}[0-9]{6}\.[0-9])", fullmatch=True),
    start=st.integers(0, 3 * 10**8),
    length=st.integers(1, 10**6),
    marks=st.sampled_from([":-", "--", "__", ":_"]),
)
def test_any_peak_name_is_read_back(chrom, start, length, marks):
    name = f"{chrom}{marks[0]}{start}{marks[1]}{start + length}"
    row = parse_peaks([name], "here").iloc[0]
    assert (row["chrom"], row["start"], row["end"]) == (chrom, start, start + length)


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        result = parse_peaks([text], "here").iloc[0]
    except UserError:
        return
    assert result["end"] > result["start"] >= 0 and result["chrom"]


def test_names_that_are_no_peaks_are_an_error_with_examples():
    with pytest.raises(UserError, match=r"2 of 3 peak names are not chrom:start-end, e.g. GATA2, peak_7"):
        parse_peaks(["chr1:1-5", "GATA2", "peak_7"], "studies[0].atac")


def test_a_peak_that_ends_before_it_starts():
    with pytest.raises(UserError, match=r"1 peaks do not end after they start, e.g. chr1:9-5"):
        parse_peaks(["chr1:1-5", "chr1:9-5"], "here")


def test_columns_are_preferred_to_names_and_gc_is_kept():
    var = pd.DataFrame(
        {"seqnames": ["chr1", "chr2"], "start": [1.0, 5.0], "end": ["10", "20"], "GC": [0.4, 0.6]},
        index=["p1", "p2"],
    )
    result = peak_table(var, "here")
    assert result["chrom"].tolist() == ["chr1", "chr2"] and result["end"].tolist() == [10, 20]
    assert result["gc"].tolist() == [0.4, 0.6] and result["start"].dtype == np.int64


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("start", [-5, 1], r"1 are not whole numbers from 0, e.g. -5\) -> write whole numbers"),
        ("start", [np.nan, 1], "1 are not whole numbers from 0, e.g. nan"),
        ("start", [1.5, 1], "1 are not whole numbers from 0, e.g. 1.5"),
        ("end", ["", "9"], "1 are not whole numbers from 0, e.g. nan"),
        ("end", [np.inf, 9], "1 are not whole numbers from 0, e.g. inf"),
        ("end", ["1e30", 9], r"1 are not whole numbers from 0, e.g. 1e\+30"),
        ("chrom", [None, "chr1"], "1 peaks have no chromosome, e.g. p1 -> write the chromosome"),
        ("chrom", ["", "chr1"], "1 peaks have no chromosome"),
    ],
)
def test_columns_that_are_no_places(column, values, message):
    var = pd.DataFrame({"chrom": "chr1", "start": [1, 5], "end": [10, 20]}, index=["p1", "p2"])
    with pytest.raises(UserError, match=message):
        peak_table(var.assign(**{column: values}), "here")


@pytest.mark.parametrize("name", ["chr1:-5-10", "chr1--5-10"])
def test_a_name_with_a_negative_start(name):
    with pytest.raises(UserError, match="1 of 2 peak names are not chrom:start-end"):
        parse_peaks(["chr1:1-5", name], "here")


def test_peaks_that_are_there_twice():
    with pytest.raises(UserError, match=r"1 peaks occur more than once, e.g. chr1:1-5"):
        peak_table(pd.DataFrame(index=["chr1:1-5", "chr1:9-12", "chr1:1-5"]), "here")


def test_gene_places_from_any_columns():
    var = pd.DataFrame(
        {"Chrom": ["chr1", "chr2", None], "start": [10, 50, 1], "end": [30, 90, 2], "strand": ["+", "-", "."]}
    )
    result = gene_places(var)
    assert result["tss"].tolist()[:2] == [10, 90] and np.isnan(result["tss"].iloc[2])
    interval = gene_places(pd.DataFrame({"interval": ["chr1:7-8", "NA"]}))
    assert interval["tss"].iloc[0] == 7 and interval["chrom"].tolist() == ["chr1", ""]
    nothing = gene_places(pd.DataFrame(index=["a"]))
    assert nothing["tss"].isna().all()


def test_a_table_of_genes_without_columns(tmp_path):
    path = tmp_path / "genes.tsv"
    path.write_text("gene\tplace\nA\t1\n")
    with pytest.raises(UserError, match=r"metacells.genes: .* has the columns gene, place"):
        read_genes(str(path))
    path.write_text("gene\tchrom\tend\nA\tchr1\t1\n")
    with pytest.raises(UserError, match=r"tss \(or start and end\)"):
        read_genes(str(path))
    for text, message in (
        ("", "is empty"),
        ("gene\tchrom\ttss\n", "none of the 0 genes"),
        ("gene\tchrom\ttss\nA\tchr1\tfar\n", "none of the 1 genes"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_genes(str(path))
    path.write_text("gene\tchrom\ttss\tstrand\nA\tchr1\t100\t-\nA\tchr1\t200\t-\n")
    assert read_genes(str(path)).loc["A", "tss"] == 100


@pytest.mark.parametrize("anchor", ["tss", "body"])
def test_near_peaks_are_those_of_a_search_through_all(anchor):
    rng = np.random.default_rng(0)
    start = rng.integers(0, 100_000, 300)
    peaks = pd.DataFrame(
        {"chrom": rng.choice(["chr1", "2"], 300), "start": start, "end": start + rng.integers(1, 3000, 300)}
    )
    tss = rng.integers(0, 100_000, 40).astype(float)
    genes = pd.DataFrame(
        {"chrom": rng.choice(["1", "chr2"], 40), "tss": tss, "start": tss, "end": tss + 5000}
    )
    genes.loc[:4, ["start", "end"]] = np.nan
    gene, peak = peaks_near(peaks, genes, 2000, anchor=anchor)
    expected = set()
    for g in range(40):
        last = genes.end[g] if anchor == "body" and g > 4 else tss[g]
        for p in range(300):
            same = str(genes.chrom[g])[-1] == str(peaks.chrom[p])[-1]
            if same and peaks.start[p] <= last + 2000 and peaks.end[p] > tss[g] - 2000:
                expected.add((g, p))
    assert set(zip(gene.tolist(), peak.tolist(), strict=True)) == expected and len(expected) > 20


def test_activity_sums_the_peaks_at_a_gene():
    peaks = pd.DataFrame({"chrom": "chr1", "start": [100, 300, 9000], "end": [200, 400, 9100]})
    genes = pd.DataFrame(
        {"chrom": ["chr1", "chr2"], "tss": [250.0, 5.0], "start": np.nan, "end": np.nan}, index=["A", "B"]
    )
    counts = sparse.csr_matrix(np.array([[1, 2, 4], [0, 0, 8]], dtype=np.float32))
    sums, known = gene_activity(counts, peaks, genes, window=1000)
    assert list(known.index) == ["A"] and sums.toarray().tolist() == [[3], [0]]


def test_another_genome_build_shows_in_the_peaks_at_starts():
    rng = np.random.default_rng(1)
    tss = np.sort(rng.integers(0, 50_000_000, 400))
    genes = pd.DataFrame({"chrom": "chr1", "tss": tss.astype(float)})
    at = np.concatenate([tss[:200], rng.integers(0, 50_000_000, 800)])
    peaks = pd.DataFrame({"chrom": "1", "start": at - 100, "end": at + 100})
    near, beside = promoter_share(peaks, genes)
    assert near > 0.2 and beside < 0.06
    near, beside = promoter_share(peaks.assign(start=at + 777_777, end=at + 778_000), genes)
    assert near < 0.06
