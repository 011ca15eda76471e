"""Barcodes that several samples of one file have: `keep` may choose those of one."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.counts import Counts
from panscape.data.readers.check import check_study
from panscape.errors import UserError
from panscape.preprocess.study import filter_study

CELLS = [f"ACGTACGTAC{a}{b}-1" for a in "ACGT" for b in "ACGT"]
GENES = ["ACTB", "GAPDH", "SOX2", "PAX6", "NES"]
COUNTS = np.random.default_rng(0).poisson(3.0, (32, 5)) + 1
SETTINGS = {"min_genes": 1, "max_mito": 1, "min_cells_per_gene": 1}

pytestmark = pytest.mark.filterwarnings("ignore:Observation names are not unique")


@pytest.fixture
def merged(tmp_path):
    kinds = [f"{sample}{at % 3}" for sample in "AB" for at in range(16)]
    obs = pd.DataFrame({"my sample": np.repeat(["A", "B"], 16), "kind": kinds, "day": kinds}, index=CELLS * 2)
    obs["day"] = np.repeat([3.0, 5.0], 16)
    made = anndata.AnnData(sparse.csr_matrix(COUNTS * 1.0), obs, pd.DataFrame(index=GENES))
    made.write_h5ad(tmp_path / "s.h5ad")
    return {"id": "s", "path": str(tmp_path / "s.h5ad")}


def problems(study):
    return " ".join(map(str, check_study(study, "studies[0]", "human")))


def test_the_message_says_how_to_divide_the_file(merged):
    text = problems(merged)
    assert "16 barcodes occur more than once" in text
    assert "write a study for each my sample, with keep: \"`my sample` == 'A'\"" in text


@pytest.mark.parametrize(("keep", "rows"), [("`my sample` == 'B'", slice(16, 32)), ("day < 4", slice(0, 16))])
def test_cells_of_one_sample_are_read(merged, tmp_path, keep, rows):
    study = {
        **merged,
        "keep": keep,
        "obs": {"cell_type": "kind", "age": "day", "x": {"column": "kind", "values": {"A1": "other"}}},
    }
    assert problems(study) == ""
    filter_study(study, tmp_path / "out.h5ad", SETTINGS, species="human")
    found = Counts(tmp_path / "out.h5ad")
    np.testing.assert_array_equal(found.select().toarray(), COUNTS[rows])
    sample = "B" if rows.start else "A"
    assert found.obs["cell_type"].tolist() == [f"{sample}{at % 3}" for at in range(16)]
    assert found.obs["age"].tolist() == [5.0 if rows.start else 3.0] * 16
    assert found.obs.index.tolist() == CELLS


def test_a_sheet_of_one_sample_joins_to_its_cells(merged, tmp_path):
    rows = [f"{sample},{cell},{sample}-{at}" for sample in "AB" for at, cell in enumerate(CELLS)]
    (tmp_path / "m.csv").write_text("sample,barcode,label\n" + "\n".join(rows) + "\n")
    sheet = {"path": str(tmp_path / "m.csv"), "barcode": "barcode", "rows": "sample == 'B'"}
    study = {**merged, "keep": "`my sample` == 'B'", "metadata": sheet, "obs": {"cell_type": "label"}}
    filter_study(study, tmp_path / "out.h5ad", SETTINGS, species="human")
    labels = Counts(tmp_path / "out.h5ad").obs["cell_type"]
    assert labels.tolist() == [f"B-{at}" for at in range(16)]


@pytest.mark.parametrize("keep", ["day > 0", "cell_type == 'A0' or cell_type == 'B0'"])
def test_cells_of_the_same_name_that_are_kept_are_refused(merged, tmp_path, keep):
    study = {**merged, "keep": keep, "obs": {"cell_type": "kind"}}
    assert "barcodes occur more than once among the" in problems(study)
    with pytest.raises(UserError, match="select the cells of one sample"):
        filter_study(study, tmp_path / "out.h5ad", SETTINGS, species="human")


def test_without_an_annotation_that_divides_the_file_names_are_to_be_changed(tmp_path):
    made = anndata.AnnData(np.ones((4, 2)), pd.DataFrame(index=["a", "a", "b", "c"]))
    made.write_h5ad(tmp_path / "s.h5ad")
    assert "put the library's name before each" in problems({"id": "s", "path": str(tmp_path / "s.h5ad")})
