import dataclasses
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import sparse

from panscape.data.counts import Counts
from panscape.data.normalise import HOW
from panscape.errors import UserError
from panscape.preprocess.genes import SCORES
from panscape.preprocess.settings import QcSettings
from panscape.preprocess.study import filter_study

SCHEMA = Path(__file__).parents[3] / "workflow/schemas/stages/preprocess.yaml"
LIMITS = {"min_genes": 3, "max_mito": 0.5, "min_cells_per_gene": 0}


@pytest.fixture
def study(tmp_path):
    """Return a study with two features of one gene and a column to filter by."""
    rng = np.random.default_rng(0)
    data = anndata.AnnData(
        sparse.csr_matrix(rng.poisson(1.5, (60, 9)).astype(np.float32)),
        obs=pd.DataFrame(
            {"day": rng.choice([8.0, 9.0], 60), "tissue": rng.choice(["gut", "brain"], 60)},
            index=[f"b{at}" for at in range(60)],
        ),
        var=pd.DataFrame(index=["a1", "A1", "b", "c", "d", "e", "f", "mt-nd1", "rps3"]),
    )
    data.write_h5ad(tmp_path / "in.h5ad")
    entry = {"id": "lab", "path": str(tmp_path / "in.h5ad"), "obs": {"age": {"column": "day"}}}
    return entry, data, tmp_path / "out" / "counts.h5ad"


def test_a_study_becomes_counts(study):
    settings, data, path = study
    result = filter_study(settings, path, LIMITS, species="human")
    made = Counts(path)
    assert list(made.genes) == ["A1", "B", "C", "D", "E", "F", "MT-ND1", "RPS3"]
    left = result.cells["removed_by"].to_numpy() == ""
    summed = data.X.toarray()
    summed = np.column_stack([summed[:, 0] + summed[:, 1], summed[:, 2:]])
    np.testing.assert_array_equal(made.select().toarray(), summed[left])
    np.testing.assert_array_equal(made.obs["age"], data.obs["day"][left])
    assert made.obs["mito_share"].max() > 0


def test_keep_and_the_study_s_own_limits(study):
    settings, data, path = study
    settings |= {"keep": "tissue == 'gut' and age > 8", "qc": {"min_genes": 7}}
    result = filter_study(settings, path, LIMITS, species="human")
    wanted = (data.obs["tissue"] == "gut") & (data.obs["day"] > 8)
    assert result.table.set_index("filter").loc["keep", "removed"] == (~wanted).sum()
    assert result.table.set_index("filter").loc["min_genes", "limit"] == "7"
    assert set(Counts(path).cells) <= set(data.obs_names[wanted])


def test_problems_name_the_study(study):
    settings, _, path = study
    with pytest.raises(UserError, match=r"studies\[lab\].*obs.age"):
        filter_study(settings | {"obs": {"age": {"column": "dya"}}}, path, LIMITS, species="human")
    assert not path.exists()


def test_defaults_of_the_schema_are_those_of_the_library():
    schema = yaml.safe_load(SCHEMA.read_text())["properties"]
    for field in dataclasses.fields(QcSettings):
        assert schema[field.name]["default"] == field.default, field.name
        assert schema[field.name]["x-per-study"] is True
    assert set(schema["score"]["enum"]) == set(SCORES)
    assert set(schema["normalisation"]["enum"]) == set(HOW)


def test_genes_of_another_species_are_mapped_after_the_cells_are_measured(tmp_path):
    rng = np.random.default_rng(1)
    genes = ["Gcg", "Ins1", "Ins2", "mt-Nd1", "Gm1", "Sst"]
    counts = rng.poisson(4.0, (80, 6)).astype(np.float32)
    counts[:5, 3] = 200  # mostly mitochondrial, and mt-Nd1 has no orthologue in the table
    obs = pd.DataFrame(index=[f"b{at}" for at in range(80)])
    anndata.AnnData(sparse.csr_matrix(counts), obs, pd.DataFrame(index=genes)).write_h5ad(
        tmp_path / "in.h5ad"
    )
    (tmp_path / "t.tsv").write_text("human\tmouse\nGCG\tGcg\nINS\tIns1\nINS\tIns2\nSST\tSst\n")
    orthologues = {"tables": [str(tmp_path / "t.tsv")], "relation": "summed", "reference": "human"}
    entry = {"id": "m", "path": str(tmp_path / "in.h5ad"), "species": "mouse", "orthologues": orthologues}
    path = tmp_path / "counts.h5ad"
    result = filter_study(entry, path, LIMITS, species="human")
    made, left = Counts(path), result.cells["removed_by"].to_numpy() == ""
    assert result.table.set_index("filter").loc["max_mito", "removed"] == 5 and not left[:5].any()
    assert list(made.genes) == ["GCG", "INS", "SST"]
    summed = np.column_stack([counts[:, 0], counts[:, 1] + counts[:, 2], counts[:, 5]])[left]
    np.testing.assert_array_equal(made.select().toarray(), summed)
    np.testing.assert_allclose(made.obs["n_counts"], summed.sum(axis=1))
    np.testing.assert_allclose(made.obs["mito_share"], (counts[:, 3] / counts.sum(axis=1))[left], rtol=1e-5)
    table = result.orthologues.set_index("gene")
    assert table.loc["Ins1", "orthologue"] == "INS" and table.loc["Gm1", "relation"] == "none"
    np.testing.assert_allclose(table["counts"].to_numpy(), counts.sum(axis=0))


@pytest.mark.parametrize("logged", [False, True])
def test_counts_of_genes_without_an_orthologue_are_of_the_kept_cells(tmp_path, logged):
    counts = np.random.default_rng(1).poisson(4.0, (80, 3)).astype(np.float64)
    obs = pd.DataFrame({"kind": ["a", "b"] * 40}, index=[f"b{at}" for at in range(80)])
    values = sparse.csr_matrix(np.log1p(counts) if logged else counts)
    anndata.AnnData(values, obs, pd.DataFrame(index=["Gcg", "Ins1", "Gm1"])).write_h5ad(tmp_path / "in.h5ad")
    (tmp_path / "t.tsv").write_text("human\tmouse\nGCG\tGcg\nINS\tIns1\n")
    orthologues = {"tables": [str(tmp_path / "t.tsv")], "relation": "summed", "reference": "human"}
    entry = {"id": "m", "path": str(tmp_path / "in.h5ad"), "species": "mouse", "orthologues": orthologues}
    entry |= {"keep": "kind == 'a'"} | ({"values": "log"} if logged else {})
    result = filter_study(entry, tmp_path / "c.h5ad", LIMITS, species="human")
    np.testing.assert_allclose(result.orthologues["counts"], counts[::2].sum(axis=0), rtol=1e-5)
