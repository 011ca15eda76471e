"""Genes' places from GTF, GFF3, BED and tables, and their match with the names of a sample."""

import gzip

import numpy as np
import pandas as pd
import pytest

from panscape.coem.annotation import annotation_kind
from panscape.coem.genes import check_places, match_genes, nearest_start, other_names, read_genes
from panscape.coem.links.activity import peaks_near, placed
from panscape.coem.links.pairs import candidate_pairs
from panscape.coem.peaks import check_chromosomes, chromosome
from panscape.errors import UserError

IDS = {"AAA": "ENSG00000000001.4", "BBB": "ENSG00000000002.1"}


def gtf_line(chrom, kind, start, end, strand, gene, transcript="", name=True):
    text = f'gene_id "{IDS.get(gene, gene)}"; '
    text += f'transcript_id "{transcript}"; ' if transcript else ""
    text += f'gene_name "{gene}"; level 2;' if name else ""
    return f"{chrom}\tHAVANA\t{kind}\t{start}\t{end}\t.\t{strand}\t.\t{text}\n"


GTF = (
    "##description: made here\n"
    + gtf_line("chr1", "gene", 101, 5000, "+", "AAA")
    + gtf_line("chr1", "transcript", 101, 700, "+", "AAA", "T1")
    + gtf_line("chr1", "exon", 101, 200, "+", "AAA", "T1")
    + gtf_line("chr1", "transcript", 1001, 5000, "+", "AAA", "T2")
    + gtf_line("chrM", "gene", 3001, 9000, "-", "BBB")
    + gtf_line("chrM", "transcript", 3001, 8000, "-", "BBB", "T3")
    + gtf_line("chrM", "transcript", 3001, 9000, "-", "BBB", "T4")
)
GFF3 = (
    "##gff-version 3\n"
    "NC_000001.11\tRefSeq\tregion\t1\t9\t.\t+\t.\tID=r1;chromosome=1;genome=chromosome\n"
    "NC_012920.1\tRefSeq\tregion\t1\t9\t.\t+\t.\tID=r2;genome=mitochondrion\n"
    "NC_000001.11\tx\tlnc_RNA\t101\t700\t.\t+\t.\tID=T1;Parent=gene:ENSG00000000001\n"
    "NC_000001.11\tx\tgene\t101\t5000\t.\t+\t.\tID=gene:ENSG00000000001;Name=AAA\n"
    "NC_000001.11\tx\tmRNA\t1001\t5000\t.\t+\t.\tID=T2;Parent=gene:ENSG00000000001\n"
    "NC_000001.11\tx\texon\t1001\t5000\t.\t+\t.\tParent=T2\n"
    "NC_012920.1\tx\tncRNA_gene\t3001\t9000\t.\t-\t.\tID=gene-BBB;Name=BBB;gene_id=ENSG00000000002\n"
    "NC_012920.1\tx\tmRNA\t3001\t8000\t.\t-\t.\tID=T3;Parent=gene-BBB\n"
    "NC_012920.1\tx\tmRNA\t3001\t9000\t.\t-\t.\tID=T4;Parent=gene-BBB\n"
)
BED = (
    "track name=genes\n"
    "chr1\t100\t700\tAAA\t0\t+\nchr1\t1000\t5000\tAAA\t0\t+\n"
    "chrM\t3000\t8000\tBBB\t0\t-\nchrM\t3000\t9000\tBBB\t0\t-\n"
)
TSV = (
    "gene\tchrom\ttss\tstrand\n"
    "AAA\tchr1\t1000\t+\nAAA\tchr1\t100\t+\nBBB\tchrM\t8999\t-\nBBB\tchrM\t7999\t-\n"
)
EXONS = "".join(
    line for line in GTF.replace("\ttranscript\t", "\texon\t").splitlines(True) if "\tgene\t" not in line
)
FILES = {
    "a.gtf": GTF,
    "a.gff3": GFF3,
    "a.gff": GFF3,
    "b.gff": GTF,
    "a.bed": BED,
    "a.tsv": TSV,
    "e.gtf": EXONS,
}


def written(folder, name, text, zipped=False):
    path = folder / (name + ".gz" * zipped)
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    return str(path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_every_form_gives_the_same_places(tmp_path, name, zipped):
    path = written(tmp_path, name, FILES[name], zipped)
    table = read_genes(path)
    assert table.loc[["AAA", "BBB"], "tss"].tolist() == [1000, 8999]
    assert table.loc[["AAA", "BBB"], "strand"].tolist() == [1, -1]
    assert chromosome(table.loc[["AAA", "BBB"], "chrom"]).tolist() == ["1", "MT"]
    assert len(table) == 2 and "all_tss" not in table
    every = read_genes(path, transcripts="all")
    assert every.loc[["AAA", "BBB"], "all_tss"].tolist() == ["100,1000", "7999,8999"]
    assert every.loc["AAA", "tss"] == 1000
    if not name.endswith("tsv"):
        assert table.loc["AAA", ["start", "end"]].tolist() == [100, 5000]


def test_a_gtf_without_transcripts_gives_the_starts_of_genes(tmp_path):
    text = gtf_line("1", "gene", 101, 500, "-", "AAA") + gtf_line("1", "gene", 901, 990, "+", "BBB")
    assert read_genes(written(tmp_path, "a.gtf", text))["tss"].tolist() == [499, 900]


def test_names_at_several_places(tmp_path):
    lines = [
        ("chr1_KI270706v1_random", 1, 900, "AAA", "G1"),  # a scaffold does not count
        ("chr1", 101, 200, "AAA", "G2"),
        ("chrX", 11, 20, "PAR", "G3"),
        ("chrY", 11, 20, "PAR", "G4"),
        ("chr2", 1001, 1100, "TWIN", "G5"),
        ("chr2", 1101, 9000, "TWIN", "G6"),  # overlapping genes of one name: the longest
        ("chr3", 1, 90, "Y_RNA", "G7"),
        ("chr4", 1, 90, "Y_RNA", "G8"),  # everywhere: nowhere by name
    ]
    text = "".join(
        f'{chrom}\t.\tgene\t{start}\t{end}\t.\t+\t.\tgene_id "{key}"; gene_name "{name}"\n'
        for chrom, start, end, name, key in lines
    )
    table = read_genes(written(tmp_path, "a.gtf", text))
    assert table.loc[["AAA", "PAR", "TWIN"], "id"].tolist() == ["G2", "G3", "G6"]
    assert "Y_RNA" not in table.index and table.loc["G8", "chrom"] == "chr4"
    assert table.index.is_unique and len(table) == 8


def sample(names, alias=None):
    return pd.DataFrame({"alias": "" if alias is None else alias}, index=names)


@pytest.mark.parametrize(
    ("names", "alias"),
    [
        (["AAA", "BBB", "CCC"], None),
        (["aaa", "Bbb", "CCC"], None),
        (["ENSG00000000001", "ENSG00000000002.9", "ENSG00000000003"], None),
        (["new", "newer", "CCC"], ["ENSG00000000001.1", "ENSG00000000002", ""]),
        (["ENSG09999999991", "ENSG09999999992", "x"], ["AAA", "BBB", "CCC"]),
    ],
)
def test_genes_are_matched_by_symbol_or_id(tmp_path, names, alias):
    table = read_genes(written(tmp_path, "a.gtf", GTF))
    found = match_genes(table, sample(names, alias))
    assert found.index.tolist() == names and found["tss"].tolist()[:2] == [1000, 8999]
    assert np.isnan(found["tss"].iloc[2]) and found["chrom"].isna().tolist() == [False, False, True]


def test_a_table_by_ensembl_id_for_a_sample_by_symbol(tmp_path):
    text = "gene\tchrom\ttss\nENSG00000000001.7\tchr1\t5\nENSG00000000002\tchr1\t9\n"
    path = written(tmp_path, "a.tsv", text)
    genes = sample(["AAA", "BBB"], ["ENSG00000000001", "ENSG00000000002"])
    assert placed(genes, path)["tss"].tolist() == [5, 9]
    with pytest.raises(UserError, match=r"none of the sample's genes \(AAA, BBB\) is in .*a.tsv \(ENSG0"):
        placed(sample(["AAA", "BBB"]), path)


def test_names_that_differ_in_case_only_stay_apart(tmp_path):
    path = written(tmp_path, "a.tsv", "gene\tchrom\ttss\nabc\tchr1\t5\nABC\tchr1\t9\n")
    found = match_genes(read_genes(path), sample(["ABC", "abc", "Abc"]))
    assert found["tss"].tolist()[:2] == [9, 5] and np.isnan(found["tss"].iloc[2])


def test_other_names_of_a_file():
    var = pd.DataFrame({"gene_ids": ["ENSG00000000001"]}, index=["AAA"])
    assert other_names(var).tolist() == ["ENSG00000000001"]
    var = pd.DataFrame({"feature_name": ["AAA"]}, index=["ENSG00000000001"])
    assert other_names(var).tolist() == ["AAA"] and other_names(var[[]]).tolist() == [""]


def test_all_starts_have_a_window_and_the_nearest_counts(tmp_path):
    table = read_genes(
        written(tmp_path, "a.bed", BED.replace("1000\t5000", "900000\t950000")), transcripts="all"
    )
    peaks = pd.DataFrame({"chrom": "1", "start": [60, 899_000, 500_000], "end": [160, 899_200, 500_100]})
    gene, peak = peaks_near(peaks, table, 2000)
    assert gene.tolist() == [0, 0] and peak.tolist() == [0, 1]
    pairs = candidate_pairs(table, peaks, np.full(3, 9), np.ones(2, bool), {"window": 2000, "peak_cells": 1})
    assert pairs.distance.tolist() == [10, -900]
    longest = table.drop(columns="all_tss")
    assert peaks_near(peaks, longest, 2000)[1].tolist() == [1]


def test_the_nearest_start_is_that_of_a_search_through_all():
    rng = np.random.default_rng(0)
    lists = [rng.integers(0, 10_000, rng.integers(1, 6)) for _ in range(30)]
    genes = pd.DataFrame(
        {
            "tss": [float(one[0]) for one in lists],
            "all_tss": [",".join(map(str, sorted(one))) for one in lists],
        }
    )
    gene, place = rng.integers(0, 30, 400), rng.integers(0, 10_000, 400)
    wanted = [min(abs(lists[g] - p)) for g, p in zip(gene, place, strict=True)]
    np.testing.assert_array_equal(np.abs(nearest_start(genes, gene, place) - place), wanted)


def test_chromosome_styles():
    names = ["chr1", "1", "Chr1", "CHRM", "MT", "M", "chrMT", "chrX", "GL000194.1", "chr"]
    assert chromosome(names).tolist() == ["1", "1", "1", "MT", "MT", "MT", "MT", "X", "GL000194.1", "chr"]
    assert len(chromosome([])) == 0


def test_no_chromosome_in_common(tmp_path):
    table = read_genes(written(tmp_path, "a.bed", BED))
    peaks = pd.DataFrame({"chrom": ["CM000663.2"], "start": [1], "end": [9]})
    with pytest.raises(
        UserError, match=r"no chromosome of the genes \(chr1, chrM\) is among those .*CM000663"
    ):
        check_chromosomes(peaks, table, "metacells.genes")
    check_chromosomes(peaks.assign(chrom="MT"), table, "metacells.genes")


def test_places_are_checked_before_the_first_job(tmp_path):
    settings = {"genes": written(tmp_path, "a.gtf", GTF)}
    peaks = pd.DataFrame({"chrom": ["1"], "start": [1], "end": [9]})
    check_places(settings, peaks, pd.DataFrame(index=["AAA", "x"]))
    with pytest.raises(UserError, match=r"none of the sample's genes \(Trp53\)"):
        check_places(settings, peaks, pd.DataFrame(index=["Trp53"]))
    with pytest.raises(UserError, match=r"no chromosome of the genes"):
        check_places(settings, peaks.assign(chrom="II"), pd.DataFrame(index=["AAA"]))


def test_genes_of_a_chromosome_late_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("panscape.coem.genes.HEAD", 5)  # lines of AAA on chr1; BBB on chrM follows
    settings = {"genes": written(tmp_path, "a.gtf", GTF)}
    peaks = pd.DataFrame({"chrom": ["MT"], "start": [1], "end": [9]})
    check_places(settings, peaks, pd.DataFrame(index=["BBB"]))
    with pytest.raises(UserError, match=r"none of the sample's genes \(Trp53\)"):
        check_places(settings, peaks, pd.DataFrame(index=["Trp53"]))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.gtf", 'chr1\tx\tgene\tfar\t9\t.\t+\t.\tgene_id "A"\n', r"line 1 cannot be read: 'chr1\\tx"),
        ("a.gtf", GTF + "chr1 x gene 1 9\n", r"line 9 cannot be read"),
        ("a.gtf", "#nothing\n", r"a.gtf has no genes -> give an annotation"),
        ("a.gff3", "##gff-version 3\nchr1\tx\texon\t1\t9\t.\t+\t.\tParent=T\n", r"a.gff3 has no genes"),
        ("a.bed", "chr1\t1\t9\n", r"line 1 cannot be read.*BED at least four"),
        ("a.bed.gz", "plain", r"line 1 cannot be read"),
        ("a.tsv", "gene\tplace\nA\t1\n", r"or a GTF, GFF3 or BED file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, text, message):
    with pytest.raises(UserError, match=message) as error:
        read_genes(written(tmp_path, name, text))
    assert "metacells.genes" in str(error.value)


def test_missing_and_truncated_files(tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*none.gtf"):
        read_genes(str(tmp_path / "none.gtf"))
    whole = gzip.compress((GTF * 50).encode())
    (tmp_path / "cut.gtf.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut.gtf.gz cannot be read"):
        read_genes(str(tmp_path / "cut.gtf.gz"))


def test_kinds_by_name():
    kinds = [
        annotation_kind(f"x/{name}")
        for name in ("A.GTF.gz", "a.gff3.bgz", "a.gff", "a.bed", "a.csv", "a.tsv.gz")
    ]
    assert kinds == ["gtf", "gff3", "gff", "bed", None, None]
