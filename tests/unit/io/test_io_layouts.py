"""Matrix Market files of every program, and what they are called: the same counts from each."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import io as scipy_io
from scipy import sparse

from panscape.data.readers.genes import gene_map
from panscape.data.readers.metadata import read_metadata
from panscape.data.readers.open import open_source
from panscape.errors import UserError

CELLS = [f"ACGTACGTAC{a}{b}-1" for a in "ACGT" for b in "ACGT"]
GENES = ["ACTB", "GAPDH", "SOX2", "PAX6", "NES"]
IDS = [f"ENSG{at:011d}" for at in range(5)]
COUNTS = np.random.default_rng(0).poisson(1.0, (16, 5))


def lines(path, texts, packed=False):
    with (gzip.open if packed else open)(path, "wt") as file:
        file.write("\n".join(texts) + "\n")


def matrix(path, values, packed=False):
    whole = sparse.coo_matrix(values)
    plain = path.with_suffix("") if packed else path
    scipy_io.mmwrite(str(plain), whole, field="integer")
    if packed:
        plain = plain.with_suffix(".mtx") if not plain.exists() else plain
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()


def cell_ranger(folder):
    matrix(folder / "matrix.mtx", COUNTS.T)
    lines(folder / "barcodes.tsv", CELLS)
    lines(folder / "features.tsv", [f"{a}\t{b}\tGene Expression" for a, b in zip(IDS, GENES, strict=True)])
    return folder


def kallisto(folder):
    matrix(folder / "cells_x_genes.mtx", COUNTS)
    lines(folder / "cells_x_genes.barcodes.txt", CELLS)
    lines(folder / "cells_x_genes.genes.txt", IDS)
    lines(folder / "cells_x_genes.genes.names.txt", GENES)
    return folder


def parse(folder):
    matrix(folder / "count_matrix.mtx", COUNTS)
    table = {"gene_id": IDS, "gene_name": GENES, "genome": "hg38"}
    pd.DataFrame(table).to_csv(folder / "all_genes.csv", index=False)
    pd.DataFrame({"bc_wells": CELLS, "sample": "s1"}).to_csv(folder / "cell_metadata.csv", index=False)
    return folder


def alevin_fry(folder):
    matrix(folder / "quants_mat.mtx", COUNTS)
    lines(folder / "quants_mat_rows.txt", CELLS)
    lines(folder / "quants_mat_cols.txt", GENES)
    return folder


def geo(folder):
    matrix(folder / "GSM1_counts.mtx.gz", COUNTS.T, packed=True)
    lines(folder / "GSM1_genes.txt.gz", GENES, packed=True)
    lines(folder / "GSM1_cells.txt.gz", CELLS, packed=True)
    matrix(folder / "GSM2_counts.mtx.gz", COUNTS.T * 2, packed=True)
    lines(folder / "GSM2_cells.txt.gz", CELLS[::-1], packed=True)
    return folder / "GSM1_counts.mtx.gz"


def shared_features(folder):
    matrix(folder / "GSM1_A-matrix.mtx.gz", COUNTS.T, packed=True)
    lines(folder / "GSM1_A-barcodes.tsv.gz", CELLS, packed=True)
    matrix(folder / "GSM2_B-matrix.mtx.gz", COUNTS.T * 2, packed=True)
    lines(folder / "GSM2_B-barcodes.tsv.gz", CELLS, packed=True)
    lines(
        folder / "GSE0_features.tsv.gz", [f"{a}\t{b}" for a, b in zip(IDS, GENES, strict=True)], packed=True
    )
    return folder / "GSM1_A-matrix.mtx.gz"


def velocyto(folder):
    for name, factor in (("spliced", 1), ("unspliced", 2), ("ambiguous", 3)):
        matrix(folder / f"{name}.mtx", COUNTS.T * factor)
    lines(folder / "barcodes.tsv", CELLS)
    lines(folder / "features.tsv", [f"{a}\t{b}\tGene Expression" for a, b in zip(IDS, GENES, strict=True)])
    return folder / "spliced.mtx"


LAYOUTS = [cell_ranger, kallisto, parse, alevin_fry, geo, shared_features, velocyto]


def read(path, **more):
    study = {"id": "s", "path": str(path), **more}
    source = open_source(study, where="studies[0]")
    genes = gene_map(study, source, "other", "studies[0]")
    whole = sparse.vstack([genes.apply(block) for _, block in source.blocks()]).toarray()
    return pd.DataFrame(whole, index=source.cells, columns=genes.names)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_has_the_same_counts(tmp_path, layout):
    table = read(layout(tmp_path))
    assert table.index.tolist() == CELLS and table.columns.tolist() == GENES
    np.testing.assert_array_equal(table.to_numpy(), COUNTS)


def test_annotations_of_parse_come_with_the_cells(tmp_path):
    study = {"id": "s", "path": str(parse(tmp_path)), "obs": {"batch": "sample"}}
    assert set(read_metadata(study, open_source(study, where="s"), "s")["batch"]) == {"s1"}


def test_several_counts_of_the_same_cells_have_to_be_chosen(tmp_path):
    velocyto(tmp_path)
    with pytest.raises(UserError, match=r"several counts of the same cells.*spliced\.mtx"):
        read(tmp_path)


def test_several_matrices_are_named(tmp_path):
    shared_features(tmp_path)
    with pytest.raises(UserError, match=r"more than one matrix \(GSM1_A-matrix\.mtx\.gz, GSM2_B"):
        read(tmp_path)


def test_files_with_names_of_their_own_are_named_by_the_user(tmp_path):
    matrix(tmp_path / "m.mtx", COUNTS.T)
    lines(tmp_path / "these.lst", CELLS)
    lines(tmp_path / "those.lst", GENES)
    with pytest.raises(UserError, match=r"no file names its cells.*mtx: \{barcodes: PATH\}"):
        read(tmp_path / "m.mtx")
    named = {"barcodes": str(tmp_path / "these.lst"), "feature_names": str(tmp_path / "those.lst")}
    np.testing.assert_array_equal(read(tmp_path / "m.mtx", mtx=named).to_numpy(), COUNTS)
    with pytest.raises(UserError, match=r"mtx\.feature_names .*no file"):
        read(tmp_path / "m.mtx", mtx={**named, "feature_names": str(tmp_path / "gone.lst")})


def test_a_folder_without_a_matrix_says_where_one_is(tmp_path):
    inner = tmp_path / "filtered_feature_bc_matrix"
    inner.mkdir()
    cell_ranger(inner)
    with pytest.raises(UserError, match=r"no matrix \(\.mtx\).*filtered_feature_bc_matrix"):
        read(tmp_path)


def test_marks_and_quotes_around_all_names_are_no_part_of_them(tmp_path):
    cell_ranger(tmp_path)
    lines(tmp_path / "barcodes.tsv", [f"\ufeff{CELLS[0]}", *CELLS[1:]])
    lines(tmp_path / "features.tsv", [f'"{a}"\t"{b}"' for a, b in zip(IDS, GENES, strict=True)])
    table = read(tmp_path)
    assert table.index.tolist() == CELLS and table.columns.tolist() == GENES
    lines(tmp_path / "features.tsv", [f'"{IDS[0]}"\t{GENES[0]}', *(f"{a}\tx" for a in IDS[1:])])
    with pytest.raises(UserError, match="quotes in some places"):
        read(tmp_path)


def test_square_matrices_are_read_by_their_program_or_asked_for(tmp_path):
    square = COUNTS[:5]
    for name in ("ranger", "kallisto", "plain"):
        (tmp_path / name).mkdir()
    matrix(tmp_path / "ranger" / "matrix.mtx", square.T)
    lines(tmp_path / "ranger" / "barcodes.tsv", CELLS[:5])
    lines(tmp_path / "ranger" / "features.tsv", [f"{a}\t{b}" for a, b in zip(IDS, GENES, strict=True)])
    matrix(tmp_path / "kallisto" / "cells_x_genes.mtx", square)
    lines(tmp_path / "kallisto" / "cells_x_genes.barcodes.txt", CELLS[:5])
    lines(tmp_path / "kallisto" / "cells_x_genes.genes.txt", GENES)
    for name in ("ranger", "kallisto"):
        np.testing.assert_array_equal(read(tmp_path / name).to_numpy(), square)
    plain = tmp_path / "plain" / "x.mtx"
    matrix(plain, square)
    lines(tmp_path / "plain" / "cells.txt", CELLS[:5])
    lines(tmp_path / "plain" / "genes.txt", GENES)
    with pytest.raises(UserError, match="as many rows as columns"):
        read(plain)
    np.testing.assert_array_equal(read(plain, orientation="cells-by-genes").to_numpy(), square)
    np.testing.assert_array_equal(read(plain, orientation="genes-by-cells").to_numpy(), square.T)


@pytest.mark.parametrize("orientation", ["cells-by-genes", "genes-by-cells"])
def test_comments_before_a_table_of_counts(tmp_path, orientation):
    path = tmp_path / "s_RSEC_MolsPerCell.csv"
    table = pd.DataFrame(COUNTS, index=CELLS, columns=GENES)
    table = table if orientation == "cells-by-genes" else table.T
    path.write_text("##### BD Rhapsody\n## Version 1.9\n" + table.rename_axis("Cell_Index").to_csv())
    np.testing.assert_array_equal(read(path, orientation=orientation).to_numpy(), COUNTS)
    path.write_text(path.read_text().replace("\n" + path.read_text().splitlines()[4], "\nx,a,b", 1))
    with pytest.raises(UserError, match="line 5"):
        read(path, orientation=orientation)


def kallisto_nac(folder):
    for at, name in enumerate(("mature", "nascent", "ambiguous", "cell", "nucleus", "total"), 1):
        matrix(folder / f"cells_x_genes.{name}.mtx", COUNTS * at)
    lines(folder / "cells_x_genes.barcodes.txt", CELLS)
    lines(folder / "cells_x_genes.genes.txt", IDS)
    lines(folder / "cells_x_genes.genes.names.txt", GENES)


def test_counts_of_kallisto_by_splicing_have_to_be_chosen(tmp_path):
    kallisto_nac(tmp_path)
    with pytest.raises(
        UserError, match=r"several counts of the same cells.*e\.g\. .*cells_x_genes\.cell\.mtx"
    ):
        read(tmp_path)
    table = read(tmp_path / "cells_x_genes.cell.mtx")
    assert table.columns.tolist() == GENES and table.index.tolist() == CELLS
    np.testing.assert_array_equal(table.to_numpy(), COUNTS * 4)


@pytest.mark.parametrize(
    ("barcodes", "features"),
    [
        (["barcode", *CELLS], ["gene_id\tgene_name", *map("\t".join, zip(IDS, GENES, strict=True))]),
        (
            [f"{at}\t{cell}" for at, cell in enumerate(CELLS, 1)],
            [f"{at}\t{gene}" for at, gene in enumerate(GENES)],
        ),
        (
            ['"x"', *(f'"{cell}"' for cell in CELLS)],
            ['"V1"\t"V2"', *(f'"{a}"\t"{b}"' for a, b in zip(IDS, GENES, strict=True))],
        ),
    ],
)
def test_headers_and_numbers_of_lines_are_no_names(tmp_path, barcodes, features):
    cell_ranger(tmp_path)
    lines(tmp_path / "barcodes.tsv", barcodes)
    lines(tmp_path / "features.tsv", features)
    table = read(tmp_path)
    assert table.index.tolist() == CELLS and table.columns.tolist() == GENES
    np.testing.assert_array_equal(table.to_numpy(), COUNTS)


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("header", [True, False])
def test_names_in_csv(tmp_path, index, header):
    matrix(tmp_path / "matrix.mtx", COUNTS.T)
    for name, values in (("barcodes.csv", CELLS), ("genes.csv", GENES)):
        pd.DataFrame({"x": values}).to_csv(tmp_path / name, index=index, header=header)
    table = read(tmp_path)
    assert table.index.tolist() == CELLS and table.columns.tolist() == GENES


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_names_in_other_encodings(tmp_path, encoding):
    cell_ranger(tmp_path)
    genes = ["ACTB\u00e9", *GENES[1:]]
    text = "".join(f"{a}\t{b}\n" for a, b in zip(IDS, genes, strict=True))
    (tmp_path / "features.tsv").write_bytes(text.encode(encoding))
    assert read(tmp_path).columns.tolist() == genes


def test_one_name_too_many_that_is_no_header_is_refused(tmp_path):
    cell_ranger(tmp_path)
    lines(tmp_path / "barcodes.tsv", ["ACGTACGTACGT-1", *CELLS])
    with pytest.raises(UserError, match="17 cell and 5 feature names for a matrix of"):
        read(tmp_path)


@pytest.mark.parametrize(
    "inner", ["Gene/filtered", "alevin", "DGE_filtered", "outs/filtered_feature_bc_matrix"]
)
def test_folders_of_results_say_where_the_matrix_is(tmp_path, inner):
    folder = tmp_path / "run" / inner
    folder.mkdir(parents=True)
    cell_ranger(folder)
    with pytest.raises(UserError, match=rf"no matrix .*here: {folder}"):
        read(tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("s.rds", "an object of R, .*write10xCounts"), ("s.RData", "an object of R"),
        ("s.h5Seurat", r"SeuratDisk::Convert\('.*s\.h5Seurat', dest = 'h5ad'\)"),
        ("s.xlsx", "a workbook, .*save the sheet"), ("s.tar.gz", "an archive, .*unpack"),
        ("s.bam", "sequencing reads"), ("s_Expression_Data.st", "MolsPerCell"),
        ("s.parquet", "write it as h5ad"),
    ],
)  # fmt: skip
def test_files_of_other_programs_have_their_cure(tmp_path, name, cure):
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=cure):
        read(tmp_path / name)


def test_an_object_of_seurat_under_another_name(tmp_path):
    import h5py

    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_group("assays/RNA/counts")
        file["cell.names"] = np.array(CELLS, dtype="S")
    with pytest.raises(UserError, match=r"an object of Seurat.*Convert\('.*s\.h5'"):
        read(tmp_path / "s.h5")


@pytest.mark.parametrize(
    ("field", "cure"), [("array integer", "coo_matrix"), ("coordinate pattern", "with counts")]
)
def test_matrix_market_files_without_sparse_counts_have_their_cure(tmp_path, field, cure):
    cell_ranger(tmp_path)
    (tmp_path / "matrix.mtx").write_text(f"%%MatrixMarket matrix {field} general\n5 16\n")
    with pytest.raises(UserError, match=rf"begins with .* -> .*{cure}"):
        read(tmp_path)
