"""Features of several genomes and states of splicing, and names that programs joined."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io as scipy_io
from scipy import sparse

from panscape.data.readers.gene_names import of_splicing, repaired
from panscape.data.readers.genes import gene_map
from panscape.data.readers.genome import genomes, of_genome
from panscape.data.readers.open import open_source
from panscape.errors import UserError

CELLS = [f"ACGTACGTAC{a}{b}-1" for a in "ACGT" for b in "ACGT"]
HUMAN = ["ACTB", "GAPDH", "SOX2", "PAX6", "NES"]
MOUSE = [name.capitalize() for name in HUMAN]
COUNTS = np.random.default_rng(0).poisson(1.0, (16, 5))
BOTH = np.hstack([COUNTS, COUNTS * 2])
PREFIXED = [f"GRCh38_{name}" for name in HUMAN] + [f"mm10___{name}" for name in MOUSE]
IDS = [f"ENSG{at:011d}" for at in range(5)] + [f"ENSMUSG{at:011d}" for at in range(5)]


def lines(path, texts):
    path.write_text("\n".join(texts) + "\n")


def ranger_h5(folder):
    with h5py.File(folder / "s.h5", "w") as file:
        group, by_cell = file.create_group("matrix"), sparse.csr_matrix(BOTH)
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(by_cell, name)
        group["shape"], group["barcodes"] = np.array(BOTH.shape[::-1]), np.array(CELLS, dtype="S")
        for name, values in (
            ("id", IDS),
            ("name", PREFIXED),
            ("feature_type", ["Gene Expression"] * 10),
            ("genome", ["GRCh38"] * 5 + ["mm10"] * 5),
        ):
            group[f"features/{name}"] = np.array(values, dtype="S")
    return folder / "s.h5", "GRCh38"


def ranger_mtx(folder):
    scipy_io.mmwrite(str(folder / "matrix.mtx"), sparse.coo_matrix(BOTH.T), field="integer")
    lines(folder / "barcodes.tsv", CELLS)
    lines(folder / "features.tsv", [f"{a}\t{b}\tGene Expression" for a, b in zip(IDS, PREFIXED, strict=True)])
    return folder, "GRCh38"


def parse(folder):
    scipy_io.mmwrite(str(folder / "count_matrix.mtx"), sparse.coo_matrix(BOTH), field="integer")
    table = {"gene_id": IDS, "gene_name": HUMAN + MOUSE, "genome": ["hg38"] * 5 + ["mm10"] * 5}
    pd.DataFrame(table).to_csv(folder / "all_genes.csv", index=False)
    pd.DataFrame({"bc_wells": CELLS, "sample": "a"}).to_csv(folder / "cell_metadata.csv", index=False)
    return folder, "hg38"


def prefixed_h5ad(folder):
    var = pd.DataFrame(index=PREFIXED)
    anndata.AnnData(sparse.csr_matrix(BOTH * 1.0), pd.DataFrame(index=CELLS), var).write_h5ad(
        folder / "s.h5ad"
    )
    return folder / "s.h5ad", "GRCh38"


def ids_h5ad(folder):
    var = pd.DataFrame({"symbol": HUMAN + MOUSE}, index=IDS)
    anndata.AnnData(sparse.csr_matrix(BOTH * 1.0), pd.DataFrame(index=CELLS), var).write_h5ad(
        folder / "s.h5ad"
    )
    return folder / "s.h5ad", "human"


def read(path, **genes):
    study = {"id": "s", "path": str(path), "genes": genes}
    source = open_source(study, where="studies[0]")
    found = gene_map(study, source, "human", "studies[0]")
    whole = sparse.vstack([found.apply(block) for _, block in source.blocks()]).toarray()
    return pd.DataFrame(whole, index=source.cells, columns=found.names), source


@pytest.mark.parametrize("layout", [ranger_h5, ranger_mtx, parse, prefixed_h5ad, ids_h5ad])
def test_genes_of_two_genomes_are_asked_for_and_not_added_up(tmp_path, layout):
    path, genome = layout(tmp_path)
    more = {"column": "symbol"} if layout is ids_h5ad else {}
    with pytest.raises(UserError, match=rf"genes\.genome .*several genomes: {genome} \(5\), m.* write genes"):
        read(path, **more)
    table, source = read(path, genome=genome, **more)
    assert table.columns.tolist() == HUMAN and source.left_out == {"features of another genome": 5}
    np.testing.assert_array_equal(table.to_numpy(), COUNTS)
    with pytest.raises(UserError, match=rf"the file has {genome}, m.*, not dm6"):
        read(path, genome="dm6", **more)


def test_a_transgene_is_no_second_genome(tmp_path):
    path = tmp_path / "s.h5ad"
    var = pd.DataFrame(
        {"genome": ["GRCh38"] * 29 + ["virus"]}, index=[*HUMAN, *(f"G{at}" for at in range(25))]
    )
    counts = np.ones((16, 30))
    anndata.AnnData(sparse.csr_matrix(counts), pd.DataFrame(index=CELLS), var).write_h5ad(path)
    assert read(path)[0].shape == (16, 30)


def test_a_genome_that_the_file_does_not_tell_is_refused():
    with pytest.raises(OSError, match="does not say which genome"):
        of_genome(pd.DataFrame(index=HUMAN), {"genome": "hg38"})
    assert genomes(pd.DataFrame(index=["GRCh38_ACTB", "SOX2"])) is None
    assert genomes(pd.DataFrame(index=["GRCh38.premrna_ACTB"])).tolist() == ["GRCh38.premrna"]


def test_states_of_splicing_are_asked_for_and_added_up(tmp_path):
    whole = np.hstack([COUNTS, COUNTS * 2, COUNTS * 3])
    scipy_io.mmwrite(str(tmp_path / "quants_mat.mtx"), sparse.coo_matrix(whole), field="integer")
    lines(tmp_path / "quants_mat_rows.txt", CELLS)
    lines(tmp_path / "quants_mat_cols.txt", [name + end for end in ("", "-U", "-A") for name in HUMAN])
    with pytest.raises(UserError, match=r"genes\.splicing .*counts of 5 genes -> write genes: \{splicing"):
        read(tmp_path)
    for wanted, factor in ((["spliced", "ambiguous"], 4), (["unspliced"], 2), (["spliced"], 1)):
        table, _ = read(tmp_path, splicing=wanted)
        np.testing.assert_array_equal(table.to_numpy(), COUNTS * factor)
        assert table.columns.tolist() == HUMAN
    with pytest.raises(OSError, match="one feature per gene"):
        of_splicing(pd.Series(HUMAN), ["spliced"])


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ([f"{name}_{gene}" for name, gene in zip(HUMAN, IDS, strict=False)], HUMAN),
        ([f"{name}|NM_00{at}|PolyA_1" for at, name in enumerate(HUMAN)], HUMAN),
        ([f"gene:{gene}" for gene in IDS[:5]], IDS[:5]),
        ([f"hg38-{name}" for name in HUMAN], HUMAN),
        ([*HUMAN[:3], "no_feature", "ambiguous", "too_low_aQual"], [*HUMAN[:3], "", "", ""]),
        ([*HUMAN[:3], "ambiguous"], [*HUMAN[:3], "ambiguous"]),  # alone it may be a name
        ([*HUMAN[:3], "CD3:UCHT1|CD3E|AHS0231|pAbO"], [*HUMAN[:3], ""]),
        (["ZIKV_ENV", *HUMAN], ["ZIKV_ENV", *HUMAN]),
    ],
)
def test_what_programs_join_with_names_is_removed(written, names):
    assert repaired(pd.Series(written), {}, "s").tolist() == names


@pytest.mark.parametrize("date", ["2-Sep", "Mar-01", "2021-03-01", "1. Mrz", "44256", "1-DEC"])
def test_dates_in_place_of_genes_are_told(date, caplog):
    with caplog.at_level("WARNING", logger="panscape"):
        assert repaired(pd.Series([*HUMAN, date]), {}, "s").tolist() == [*HUMAN, date]
    assert f"Excel made dates of 1 gene names ({date})" in caplog.text


@pytest.mark.parametrize("name", ["sep-1", "SEPTIN2", "mar-2", "10-formyl", "51234"])
def test_genes_that_are_no_dates(name, caplog):
    repaired(pd.Series([*HUMAN, name]), {}, "s")
    assert "dates" not in caplog.text


def test_rows_that_are_no_genes_give_no_second_warning(tmp_path, caplog):
    var = pd.DataFrame(index=[*HUMAN[:4], "__no_feature"])
    path = tmp_path / "s.h5ad"
    anndata.AnnData(sparse.csr_matrix(COUNTS * 1.0), pd.DataFrame(index=CELLS), var).write_h5ad(path)
    with caplog.at_level("INFO", logger="panscape"):
        assert read(path)[0].columns.tolist() == HUMAN[:4]
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
