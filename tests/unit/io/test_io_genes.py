from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.readers.gene_names import mapped, repaired
from panscape.data.readers.genes import GeneMap, gene_map, looks_like_ensembl, spelling
from panscape.data.readers.open import open_source
from panscape.errors import UserError

WHERE = "studies[0]"


def find(study: dict, species: str = "other") -> GeneMap:
    return gene_map(study, open_source(study, where=WHERE), species, WHERE)


def test_equal_names_are_summed(write, counts):
    write.genes = [f"G{i % 20}" if i != 4 else "" for i in range(31)]
    result = find(write.csv())
    assert list(result.names) == [f"G{i}" for i in [*range(4), *range(5, 20), 4]]
    assert result.n_merged == 10 and result.n_dropped == 1
    brute = pd.DataFrame(counts, columns=write.genes).T.groupby(level=0, sort=False).sum().T
    block = result.apply(sparse.csr_matrix(counts))
    np.testing.assert_array_equal(block.toarray(), brute[result.names])
    assert block.format == "csr" and block.dtype == np.float32 and block.has_sorted_indices
    np.testing.assert_array_equal((sparse.csr_matrix(counts) @ result.matrix).toarray(), brute[result.names])


def test_names_left_out_without_any_sum(write, counts):
    write.genes = ["", *write.genes[1:]]
    result = find(write.csv())
    assert (result.n_merged, result.n_dropped) == (0, 1)
    np.testing.assert_array_equal(result.apply(sparse.csr_matrix(counts)).toarray(), counts[:, 1:])


def test_unique_names_leave_the_block_alone(write, counts):
    block = sparse.csr_matrix(counts)
    assert find(write.h5ad()).apply(block) is block


def test_column_of_symbols(write):
    study = write.h5ad() | {"genes": {"column": "symbol", "mapping": None}}
    assert list(find(study).names) == [f"gene{i}" for i in range(31)]
    study["genes"]["column"] = "symbols"
    with pytest.raises(UserError, match=r"studies\[0\].genes.column .*no column 'symbols'.*symbol"):
        find(study)


def test_mapping_of_ids(write, counts):
    write.genes = [f"ENSG{i:011d}.{i}" for i in range(31)]
    path = write.folder / "ids.tsv"
    lines = [f"ENSG{i:011d}.1\t{'S' + str(i // 2) if i < 20 else ''}\n" for i in range(25)]
    path.write_text("id\tsymbol\n" + "".join(lines))
    result = find(write.h5ad() | {"genes": {"mapping": str(path)}})
    assert list(result.names) == [f"S{i}" for i in range(10)]
    assert result.n_merged == 10 and result.n_dropped == 11
    brute = counts[:, 0:20:2] + counts[:, 1:20:2]
    np.testing.assert_array_equal(result.apply(sparse.csr_matrix(counts)).toarray(), brute)


def test_mapping_that_fits_nothing(write):
    path = write.folder / "ids.tsv"
    path.write_text("id\tsymbol\nENSMUSG00000000001\tGnai3\n")
    with pytest.raises(UserError, match=r"genes.mapping .*none of the genes \(GENE0, .*ENSMUSG00000000001"):
        find(write.h5ad() | {"genes": {"mapping": str(path)}})
    path.write_text("id\nGENE0\n")
    with pytest.raises(UserError, match="one column"):
        find(write.h5ad() | {"genes": {"mapping": str(path)}})


def test_versions_of_ensembl_ids_fall_away_but_not_of_clones(write):
    write.genes = [f"ENSG{i:011d}.12" for i in range(28)] + [
        "AC012345.1",
        "ENSG00000182378.13_PAR_Y",
        "RP11-1.2",
    ]
    names = list(find(write.h5ad(), "human").names)
    assert names[:2] == ["ENSG00000000000", "ENSG00000000001"]
    assert names[-3:] == ["AC012345.1", "ENSG00000182378", "RP11-1.2"]


MGI = [
    "Trp53", "mt-Co1", "H2-Ab1", "1700001A01Rik", "Gm12345", "Hba-a1", "Hbb-bs", "Nkx2-1", "AI123456",
    "AC149090.1", "LOC1001", "RP23-100C5.3", "Igkv1-110", "Zfp36l1", "F2", "Tcrg-C1", "ENSMUSG00000000001",
]  # fmt: skip


def test_mouse_names_in_capitals_become_those_of_mgi():
    assert spelling([name.upper() for name in MGI], "mouse") == MGI
    assert spelling(MGI, "mouse") == MGI


def test_correct_mouse_names_stay():
    names = [*MGI, "a", "Cd8b1", "T", "BC002163", "D130043K22Rik", "RNASE"]
    assert spelling(names, "mouse") == names


def test_human_names():
    names = [
        "tp53",
        "MT-CO1",
        "C1ORF112",
        "C1orf112",
        "Cxorf38",
        "HLA-DRB1",
        "chr1:100-200",
        "RNASEK-C17orf49",
    ]
    expected = ["TP53", "MT-CO1", "C1orf112", "C1orf112", "CXorf38", "HLA-DRB1", "chr1:100-200"]
    assert spelling(names, "human") == [*expected, "RNASEK-C17orf49"]


def test_worm_names():
    names = ["UNC-119", "let-7", "y71h2am.3", "F53F4.16", "K07A1.t1", "WBGene00000001", "21ur-1", "cTel55X.1"]
    expected = [
        "unc-119",
        "let-7",
        "Y71H2AM.3",
        "F53F4.16",
        "K07A1.t1",
        "WBGene00000001",
        "21ur-1",
        "cTel55X.1",
    ]
    assert spelling(names, "worm") == expected


@pytest.mark.parametrize("species", ["human", "mouse", "worm", "other"])
def test_spelling_twice_is_spelling_once(species):
    once = spelling([*MGI, "unc-119", "tp53", "C1ORF2", "Y71H2AM.3"], species)
    assert spelling(once, species) == once


def test_other_species_and_case_keep(write):
    assert spelling(["aB", "CD"], "other") == ["aB", "CD"]
    write.genes = [f"gene{i}" for i in range(31)]
    study = write.h5ad()
    assert find(study, "human").names[0] == "GENE0"
    assert find(study | {"genes": {"case": "keep"}}, "human").names[0] == "gene0"


def test_looks_like_ensembl():
    assert looks_like_ensembl(["ENSG00000000001.3", "ENSMUSG00000000001", "WBGene00000001", "Actb"])
    assert not looks_like_ensembl(["Actb", "Trp53", "ENSA"])
    assert not looks_like_ensembl([])


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["GRCh38_ACTB", "GRCh38_MT-CO1"], ["ACTB", "MT-CO1"]),
        (["mm10___Actb", "mm10___mt-Co1"], ["Actb", "mt-Co1"]),
        (["hg19_A", "mm10_B"], ["A", "B"]),
        (["ENSG00000075624.3_ACTB", "ENSG00000075625_SOX2"], ["ACTB", "SOX2"]),
        (["MT.CO1", "HLA.A", "NKX2.1", "AC004.1"], ["MT-CO1", "HLA-A", "NKX2-1", "AC004.1"]),
        (["MT.CO1", "HLA-A"], ["MT.CO1", "HLA-A"]),  # hyphens survived, so the dot is the file's own
        (['"ACTB"', '"SOX2"'], ["ACTB", "SOX2"]),
        (["\ufeffACTB", "SOX2\u00a0"], ["ACTB", "SOX2"]),
        (["ACTB", "__no_feature", "N_unmapped", "ERCC-00002", "ERCC1"], ["ACTB", "", "", "", "ERCC1"]),
        (["HG38_A", "SOX2", "PAX6"], ["HG38_A", "SOX2", "PAX6"]),  # one name is no pattern
    ],
)
def test_what_programs_add_to_names_is_removed(names, wanted):
    assert repaired(pd.Series(names), {"id": "s"}, "studies[0]").tolist() == wanted


def test_names_that_excel_made_dates_are_told(caplog):
    assert repaired(pd.Series(["1-Mar", "2-Sep", "ACTB"]), {"id": "s"}, "studies[0]").tolist()[0] == "1-Mar"
    assert "Excel made dates of 2 gene names (1-Mar, 2-Sep)" in caplog.text


@pytest.mark.parametrize(
    "table",
    [
        "ENSG00000000001\tACTB\nENSG00000000002\tSOX2\n",
        "id\tsymbol\nENSG00000000001\tACTB\nENSG00000000002\tSOX2\n",
        "Gene name,Gene stable ID\nACTB,ENSG00000000001\nSOX2,ENSG00000000002.3\n",
        "ENST00000000011.2\tENSG00000000001.7\tACTB\nENST00000000012.1\tENSG00000000002.1\tSOX2\n",
        "gene_id\tversion\tgene_name\nENSG00000000001\tENSG00000000001.4\tACTB\nENSG00000000002\tx\tSOX2\n",
    ],
)
def test_tables_of_symbols_as_people_have_them(tmp_path, table):
    path = tmp_path / "genes.txt"
    path.write_text(table)
    names = pd.Series(["ENSG00000000002", "ENSG00000000001"])
    assert mapped(names, str(path), {"id": "s"}, "studies[0]").tolist() == ["SOX2", "ACTB"]


def test_repeated_names_are_told_as_a_warning_where_there_are_no_ids(write, caplog):
    write.genes = [*write.genes[:-1], write.genes[0]]
    for study, level in ((write.csv(), "WARNING"), (write.tenx_v3(), "INFO")):
        caplog.clear()
        with caplog.at_level("INFO"):
            gene_map(study, open_source(study, where="studies[0]"), "human", "studies[0]")
        told = [record for record in caplog.records if "1 features summed" in record.getMessage()]
        assert [record.levelname for record in told] == [level]
