"""What the dry run says it understood, and which doubts it has."""

import numpy as np
import pandas as pd
import pytest

from panscape.config.inputs import look_at_inputs
from panscape.config.load import load
from panscape.data.known_genes import common_symbols, known_share, recognised
from panscape.errors import UserError
from panscape.preprocess.doubts import doubts
from panscape.preprocess.understood import as_text

HUMAN = sorted(common_symbols("human"))[:60]


def study(folder, name, genes=HUMAN, cells=None, **obs):
    import anndata
    from scipy import sparse

    rng = np.random.default_rng(1)
    cells = cells or [f"{name}-{at}" for at in range(80)]
    counts = rng.poisson(2.0, (len(cells), len(genes))).astype(np.float32)
    table = pd.DataFrame({key: np.resize(values, len(cells)) for key, values in obs.items()}, index=cells)
    anndata.AnnData(sparse.csr_matrix(counts), table, pd.DataFrame(index=genes)).write_h5ad(
        folder / f"{name}.h5ad"
    )
    return {"id": name, "path": str(folder / f"{name}.h5ad"), "obs": {key: key for key in obs}}


def checked(*studies, **more):
    settings = {"preprocess": {"min_genes": 0}, "landscape": {"root": "none"}, **more}
    return look_at_inputs(load({"collection": "test", "studies": list(studies), **settings}))


def test_a_line_per_study_has_what_was_read(tmp_path):
    one = study(tmp_path, "one", kind=["a", "b"], age=[1.0, 3.0])
    result = checked({**one, "keep": "kind == 'a'"})
    (item,) = result.understood
    assert (item.n_cells, item.n_kept, item.n_genes, item.known) == (80, 40, 60, 1.0)
    assert item.labels == {"kind": ("a",)} and item.ages == (1.0, 1.0)
    assert item.counts[1] == pytest.approx(120, abs=10) and item.detected[1] == pytest.approx(52, abs=3)
    text = as_text(result.understood)
    assert "40 of 80" in text and "100% human" in text and "kind:  one: a" in text
    assert result.warnings == [] and item.row()["study"] == "one"


def test_genes_of_another_species_are_doubted(tmp_path):
    worm = study(tmp_path, "worm", [f"unc-{at}" for at in range(40)])
    (warning,) = checked(worm, species="worm").warnings or [""]
    assert warning == "" or "mito" in warning
    assert any("known genes of human" in text for text in checked({**worm, "species": "human"}).warnings)


def test_cells_with_the_names_of_genes_are_an_error(tmp_path):
    turned = study(tmp_path, "turned", [f"P1_C{at}" for at in range(40)], cells=HUMAN)
    with pytest.raises(UserError, match="cells are named as genes of human"):
        checked(turned)
    table = tmp_path / "t.csv"
    rows = "".join(f"{gene},{','.join('12' for _ in range(40))}\n" for gene in HUMAN)
    table.write_text("," + ",".join(f"P1_C{at}" for at in range(40)) + "\n" + rows)
    with pytest.raises(UserError, match="orientation: genes-by-cells"):
        checked({"id": "t", "path": str(table)})


def test_classes_that_differ_in_spelling_only_are_told(tmp_path):
    one, two = (
        study(tmp_path, "one", kind=["T cell", "B cell"]),
        study(tmp_path, "two", kind=["T-cells", "NK"]),
    )
    warnings = checked(one, two).warnings
    assert any(
        "'T cell' (one) and 'T-cells' (two)" in text and "'T-cells': 'T cell'" in text for text in warnings
    )
    plus = study(tmp_path, "plus", kind=["CD4+", "CD4-"])
    assert not [text for text in checked(plus).warnings if "different classes" in text]


def test_ages_in_two_units_are_told(tmp_path):
    days, hours = study(tmp_path, "days", age=[1.0, 3.0]), study(tmp_path, "hours", age=[100.0, 300.0])
    assert any("two units" in text for text in checked(days, hours).warnings)
    assert not [text for text in checked(days).warnings if "two units" in text]
    later = study(tmp_path, "later", age=[10.0, 20.0])  # older, but in the same unit as likely as not
    assert not [text for text in checked(days, later).warnings if "two units" in text]


def test_annotations_near_a_role_are_told(tmp_path):
    one = study(tmp_path, "one", celltype=["a"], Batch=["x"])
    texts = " ".join(checked(one).warnings)
    assert "obs.celltype has no role: write obs.cell_type" in texts and "write obs.batch" in texts


def test_a_sheet_of_another_sample_is_told(tmp_path):
    one = study(tmp_path, "one")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("cell,kind\n" + "".join(f"one-{at},a\n" for at in range(20)))
    texts = checked({**one, "metadata": {"path": str(sheet)}}).warnings
    assert any("only 25% of its cells are in the metadata sheet" in text for text in texts)


def test_known_genes_of_panels_ids_and_others():
    assert known_share(HUMAN[:20], "human") == 1.0 and known_share(["x"] * 40, "human") == 0.0
    ids = [f"ENSMUSG{at:011d}" for at in range(9)]
    assert known_share(ids, "mouse") == 1.0 and known_share(ids, "human") == 0.0
    assert np.isnan(known_share(["a"], "axolotl")) and recognised(["P1", "P2"]) is None
    assert recognised([name.upper() for name in HUMAN]) == "human" and not list(doubts([]))


def test_lines_with_the_same_files_are_told_before_the_run(tmp_path):
    one = study(tmp_path, "one", line=["IFN+", "IFN-"])
    with pytest.raises(UserError, match="would have the same files"):
        checked({**one, "use": ["sivae"]})
    assert checked({**one, "use": ["landscape"]}).understood


def test_a_damaged_library_of_gene_sets_is_told_before_the_run(tmp_path):
    library = tmp_path / "sets.gmt"
    library.write_text("set one\tno gene\n")
    with pytest.raises(UserError, match=r"dictionary\.gene_sets\[0\] .*write name, description"):
        checked(study(tmp_path, "one"), dictionary={"gene_sets": [str(library)]})


def test_ages_are_read_of_the_cells_that_keep_takes(tmp_path):
    one = study(tmp_path, "one", age=["3", "adult"], kind=["a", "b"])
    with pytest.raises(UserError, match="adult"):
        checked(one)
    assert checked({**one, "keep": "kind == 'a'"}).understood[0].ages == (3.0, 3.0)


def test_missing_in_values_is_a_missing_label(tmp_path):
    one = study(tmp_path, "one", kind=["a", "b"], age=["1", "old"])
    one["obs"] = {
        "kind": {"column": "kind", "values": {"b": "missing"}},
        "age": {"column": "age", "values": {"1": 1, "old": float("nan")}},
    }
    (item,) = checked(one).understood
    assert item.labels == {"kind": ("a",)} and item.ages == (1.0, 1.0)


def test_roles_are_shown_and_columns_that_lose_theirs(tmp_path):
    one = study(tmp_path, "one", CellType=["a", "b"], donor_id=["x"], day=[3.0, 5.0])
    one["obs"] = {"age": {"column": "day", "unit": "days"}, "line": {"value": "H9"}}
    result = checked(one, age_unit="hours")
    (item,) = result.understood
    assert item.roles == {"age": "day", "line": "'H9'"} and item.not_taken == {"CellType": "cell_type"}
    text = as_text(result.understood)
    assert "72 to 120 hours" in text and "taken:  one: age from day, line from 'H9'" in text
    assert "not taken:  one: CellType as cell_type" in text
    row = item.row()
    assert (row["unit"], row["roles"], row["not_taken"]) == (
        "hours",
        "age: day, line: 'H9'",
        "CellType: cell_type",
    )


def test_features_that_are_no_genes_are_shown(tmp_path):
    import anndata

    path = tmp_path / "s.h5ad"
    kinds = ["Gene Expression"] * 58 + ["Antibody Capture"] * 2
    var = pd.DataFrame({"feature_types": kinds}, index=[*HUMAN[:58], "CD3", "CD4"])
    cells = pd.DataFrame(index=[f"c{at}" for at in range(30)])
    anndata.AnnData(np.full((30, 60), 3.0), cells, var).write_h5ad(path)
    (item,) = checked({"id": "s", "path": str(path)}).understood
    assert item.n_genes == 58 and item.left_out == {"Antibody Capture": 2}
    assert "left out:  s: 2 Antibody Capture" in as_text([item])


@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        ([1, 0], '"0": "False", "1": "True"'),
        (["1", "0"], '"0": "False", "1": "True"'),
        (["yes", "no"], '"no": "False", "yes": "True"'),
        (["t", "f"], 'f: "False", t: "True"'),
    ],
)
def test_true_and_1_are_not_two_classes(tmp_path, values, pairs):
    """The cure that the message gives leads on, to one pair of classes."""
    import yaml

    one, two = study(tmp_path, "one", treated=[True, False]), study(tmp_path, "two", other=values)
    two["obs"] = {"treated": "other"}
    with pytest.raises(UserError, match="which would be different classes") as caught:
        checked(one, two)
    cure = str(caught.value).partition("write ")[2].partition(" in obs of")[0]
    assert f"{{{pairs}}}" in cure
    two["obs"] = yaml.safe_load(cure)
    assert [item.labels["treated"] for item in checked(one, two).understood] == [("False", "True")] * 2
    assert checked({**two, "obs": {"treated": "other"}}).understood  # alone it is clear


def test_mitochondrial_genes_that_are_missing_are_told(tmp_path):
    genes = sorted(common_symbols("human"))
    genes = [name for name in genes if not name.startswith("MT-")] + [f"G{at}" for at in range(5000)]
    one = study(tmp_path, "one", genes)
    (warning,) = checked(one).warnings
    assert "named as a mitochondrial one of human" in warning and "qc: {max_mito: 1}" in warning
    assert checked({**one, "qc": {"max_mito": 1}}).warnings == []
    assert checked(one, preprocess={"min_genes": 0, "mito_pattern": "^G1"}).warnings == []
