import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.data.counts import Counts
from panscape.data.files import read_tsv
from panscape.simulate import draw
from panscape.simulate.design import coupling, design
from panscape.simulate.draw import study as simulate_study
from panscape.simulate.settings import Settings, StudySettings
from panscape.simulate.write import write_study, write_truth


@pytest.fixture(scope="module")
def system():
    studies = (StudySettings("a", 2500, (0, 10), depth=300), StudySettings("b", 40, (5, 20)))
    return design(Settings(studies=studies, n_genes=200, n_modules=5, module_genes=6), 3)


def test_a_written_study_is_the_drawn_one(system, tmp_path, monkeypatch):
    monkeypatch.setattr(draw, "BLOCK_VALUES", 200 * 700)
    path = tmp_path / "deeper" / "a.h5ad"
    write_study(system, "a", path)
    drawn = simulate_study(system, "a")
    data = anndata.read_h5ad(path)
    whole = sparse.vstack([block for _, block in drawn.blocks()])
    assert (whole != data.X).nnz == 0
    pd.testing.assert_frame_equal(data.obs, drawn.obs, check_names=False)
    assert list(data.var_names) == list(system.genes["gene"])
    np.testing.assert_array_equal(data.obsm["X_activity"], drawn.activity())
    assert Counts(path).shape == (2500, 200)
    assert [item.name for item in path.parent.iterdir()] == ["a.h5ad"]


def test_the_truth_is_written(system, tmp_path):
    write_truth(system, tmp_path)
    modules, genes = read_tsv(tmp_path / "modules.tsv"), read_tsv(tmp_path / "genes.tsv")
    for row in modules.itertuples():
        assert set(row.genes.split(";")) == set(genes.loc[genes["module"] == row.module, "gene"])
    table = read_tsv(tmp_path / "coupling.tsv")
    assert set(table["module"]) == set(modules["module"]) and table["coupling"].between(0, 0.9).all()
    row = table.sample(1, random_state=0).iloc[0]
    at = modules["module"].tolist().index(row["module"])
    direct = coupling(system, np.array([row["age"]]), np.array([row["lineage"]]))[0, at]
    assert row["coupling"] == pytest.approx(direct, rel=1e-6)
    assert list(read_tsv(tmp_path / "shifts.tsv").columns) == ["gene", "a", "b"]
    assert set(read_tsv(tmp_path / "types.tsv")["cell_type"]) == set(system.types["cell_type"])


def test_coexpression_separates_ages_and_expression_separates_studies():
    """Group cells by study, lineage and sampling time, and compare nearest groups in both spaces."""
    studies = tuple(
        StudySettings(name, 2600, (4, 16), depth=3000, platform=name, timepoints=4) for name in ("a", "b")
    )
    system = design(
        Settings(studies=studies, n_genes=400, n_modules=16, module_genes=12, lineages=2, low_quality=0), 0
    )
    labels, spaces = [], {"coexpression": [], "expression": []}
    for study in studies:
        drawn = simulate_study(system, study.name)
        values = sparse.vstack([block for _, block in drawn.blocks()]).toarray()
        log = np.log1p(values / values.sum(axis=1, keepdims=True) * 3000)
        for (age, lineage), cells in drawn.obs.groupby(["age", "lineage"], observed=True):
            part = log[drawn.obs.index.get_indexer(cells.index)]
            if len(part) < 150:
                continue
            with np.errstate(invalid="ignore", divide="ignore"):
                r = np.nan_to_num(np.corrcoef(part.T))[np.triu_indices(400, 1)]
            spaces["coexpression"].append(np.where(np.abs(r) >= 0.3, r, 0))
            spaces["expression"].append(part.mean(axis=0))
            labels.append((study.name, age, lineage))
    table = pd.DataFrame(labels, columns=["study", "age", "lineage"])
    separation = {}
    for name, rows in spaces.items():
        unit = np.array(rows) / np.linalg.norm(rows, axis=1, keepdims=True)
        similarity = unit @ unit.T
        np.fill_diagonal(similarity, -1)
        nearest = similarity.argmax(axis=1)
        other = similarity.copy()
        other[table["study"].to_numpy()[:, None] == table["study"].to_numpy()[None]] = -1
        match = other.argmax(axis=1)
        separation[name] = (
            (table["study"].to_numpy()[nearest] == table["study"]).mean(),
            np.abs(table["age"].to_numpy()[match] - table["age"]).mean(),
        )
    assert separation["expression"][0] > 0.95 > 0.8 > separation["coexpression"][0]
    assert separation["coexpression"][1] <= 1.0  # of 12: the sampling times are 4 apart
