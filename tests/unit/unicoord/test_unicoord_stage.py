import anndata
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from unicoord_cells import LABELS, QUICK, atlas

from panscape.data import files
from panscape.data.counts import Counts, CountsWriter
from panscape.errors import UserError
from panscape.unicoord.configured import configured_labels
from panscape.unicoord.coordinates import active_coordinates, write_coordinates
from panscape.unicoord.label_checks import check_gap
from panscape.unicoord.label_transfer import cell_values
from panscape.unicoord.leave_out import restore_groups
from panscape.unicoord.model import CoordinateSystem
from panscape.unicoord.score import score_model
from panscape.unicoord.settings import Hierarchy, Label
from panscape.unicoord.stage import open_cells, write_predictions, write_scenario
from panscape.unicoord.train import train

torch.set_num_threads(1)


def write_study(folder, name, cells, rows, genes):
    path = folder / f"{name}.h5ad"
    obs = cells.obs.iloc[rows].assign(study=name)
    obs.index = [f"b{i}" for i in range(len(rows))]
    part = cells[rows][:, genes]
    obs["n_counts"] = np.asarray(cells.X[rows].sum(axis=1)).ravel()
    with CountsWriter(path, len(genes)) as writer:
        writer.append(part.X)
        writer.finish(obs, part.var)
    return str(path)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder, cells = tmp_path_factory.mktemp("studies"), atlas()
    rng = np.random.default_rng(0)
    genes = [rng.permutation(115), np.arange(5, 120)]
    paths = [
        write_study(folder, name, cells, rows, cells.var_names[order])
        for name, rows, order in zip("AB", (np.arange(300), np.arange(300, 600)), genes, strict=True)
    ]
    opened = open_cells(paths)
    return folder, cells, paths, opened, train(opened, LABELS, QUICK, seed=0)


def test_studies_are_joined_by_gene_and_name(stage):
    _, cells, _, opened, _ = stage
    assert set(opened.genes) == set(cells.var_names[5:115]) and len(opened) == 600
    assert opened.obs.index.is_unique and opened.obs.index[0] == "A:b0"
    rows = np.array([3, 299, 300, 555])
    np.testing.assert_array_equal(
        opened.take(rows, ["G7", "G60"]).toarray(), cells[rows, ["G7", "G60"]].X.toarray()
    )
    read = np.concatenate(
        [rows for rows, _ in (opened.piece(*piece, ["G7"]) for piece in opened.pieces(999))]
    )
    np.testing.assert_array_equal(np.sort(read), np.arange(600))


def test_tables_bring_labels(stage):
    folder, _, paths, opened, _ = stage
    table = pd.DataFrame(
        {"cell": opened.obs["barcode"], "study": opened.obs["study"], "score": np.arange(600.0)}
    )
    files.write_tsv(table.sample(frac=1, random_state=0).iloc[:500], folder / "table.tsv")
    again = open_cells(paths, [str(folder / "table.tsv")])
    there = again.obs["score"].notna()
    assert there.sum() == 500
    np.testing.assert_array_equal(again.obs["score"][there], np.arange(600.0)[there])
    files.write_tsv(table.assign(cell=[f"x{i}" for i in range(600)]), folder / "other.tsv")
    with pytest.raises(UserError, match="names none of the cells"):
        open_cells(paths, [str(folder / "other.tsv")])


def test_usual_labels_are_those_that_vary(stage):
    obs = stage[3].obs.assign(age=3.0)
    labels, hierarchy = configured_labels({"labels": []}, obs)
    assert [label.name for label in labels] == ["cell_type", "platform"] and hierarchy == []
    given = [
        {"name": "cell_type", "kind": "discrete", "parent": "lineage"},
        {"name": "lineage", "kind": "discrete"},
    ]
    labels, hierarchy = configured_labels({"labels": given}, obs)
    assert hierarchy == [Hierarchy("cell_type", "lineage")]
    with pytest.raises(UserError, match="none of cell_type"):
        configured_labels({"labels": []}, obs[["study"]])


def test_tables_of_the_stage(stage, tmp_path):
    _, _, _, opened, trained = stage
    write_coordinates(trained.model, opened, trained.split, tmp_path / "c.h5ad")
    placed = anndata.read_h5ad(tmp_path / "c.h5ad")
    assert (
        list(placed.var_names) == trained.model.coordinates and (placed.obs["split"] == trained.split).all()
    )
    write_predictions(trained.model, opened, trained.split, tmp_path / "p.tsv.gz")
    table = files.read_tsv(tmp_path / "p.tsv.gz")
    assert len(table) == 3 * 600
    kinds = table[table["label"] == "cell_type"]
    assert (kinds["truth"] == kinds["value"]).mean() > 0.95
    active = active_coordinates(trained.model, opened, np.arange(200))
    assert len(active) == 5 and active["strength"].between(0, 1).all()


def test_scores_include_baselines(stage):
    _, _, _, opened, trained = stage
    scores = score_model(trained.model, opened, trained.split)
    table = scores["metrics"].set_index(["task", "model", "metric"])["value"]
    assert table["cell_type", "unicoord", "accuracy"] > 0.95 > table["cell_type", "majority", "accuracy"]
    assert table["time", "unicoord", "r"] > 0.85 and ("time", "ridge-pca", "r") in table.index
    assert (
        table["set platform", "reconfigured", "variance by platform"]
        < 0.3 * (table["set platform", "measured", "variance by platform"])
    )
    assert table["set time", "reconfigured", "r of requested and read"] > 0.8
    assert table["unknown cell_type"].xs("n", level="metric").sum() == (trained.split == "test").sum()
    assert table["unknown cell_type"].xs("fraction", level="metric").max() < 0.3
    assert not scores["metrics"].duplicated(["task", "model", "metric"]).any()
    assert scores["confusion"].groupby("label")["n"].sum().eq((trained.split == "test").sum()).all()
    assert {"label", "confidence", "accuracy", "n"} <= set(scores["calibration"])


@pytest.mark.parametrize("counts", [False, True])
def test_scenarios_are_written(stage, tmp_path, counts):
    _, _, _, opened, trained = stage
    scenario = {
        "name": "later", "set": {"time": {"shift": 0.2}, "platform": "P0"},
        "from": {"cell_type": ["T0", "T1"], "time": [0.2, 0.6]},
        "cells": 40, "copies": 2, "samples": True, "counts": counts,
    }  # fmt: skip
    write_scenario(trained.model, opened, scenario, tmp_path / "g.h5ad", seed=1)
    made = Counts(tmp_path / "g.h5ad")
    assert made.shape == (80, len(trained.model.genes)) and (made.obs["platform"] == "P0").all()
    assert set(made.obs["cell_type"]) <= {"T0", "T1"}
    values = made.select().data
    assert (values == np.round(values)).all() == counts
    if counts:
        table = CoordinateSystem.predict(trained.model, str(tmp_path / "g.h5ad"))
        platforms = table.loc[table["label"] == "platform", "value"]
        assert (platforms == "P0").mean() > 0.8
    with pytest.raises(UserError, match="no cell matches"):
        write_scenario(
            trained.model, opened, scenario | {"from": {"cell_type": "T77"}}, tmp_path / "x.h5ad", seed=1
        )


def test_a_group_is_restored(stage):
    _, _, _, opened, _ = stage
    wanted = {"label": "time", "leave": [0.4, 0.6], "groups": 4}
    settings = QUICK | {"held_out": 0.4, "restore": [wanted]}
    labels = [Label.of(label) for label in LABELS]
    scores, curve = restore_groups(opened, labels, [], settings, 0)
    table = scores.set_index(["model", "metric"])["value"]
    assert table["unicoord", "pcc_of_means"] > 0.97
    assert {"nearest", "linear", "mean"} <= set(scores["model"]) and set(scores["label"]) == {"time"}
    errors = table.xs("mse_over_linear", level="metric")
    for name in ("unicoord-local", "unicoord-local-residual"):
        assert errors[name] < 1.3 * errors["local-linear"], name
    assert table["unicoord-local-residual", "covariance_error"] < table["unicoord", "covariance_error"]
    assert not curve["group"].between(0.4, 0.49).any()


def test_cells_take_the_value_of_their_smallest_pancluster():
    members = sparse.csr_matrix(
        np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0]])
    )
    values = np.array([[0.0], [1.0], [2.0], [4.0]])
    means = cell_values(members, np.array([5, 3, 2, 2]), values)
    np.testing.assert_array_equal(means[:, 0], [2, 3, 4, 0, 0])
    values[0] = np.nan
    np.testing.assert_array_equal(
        cell_values(members, np.array([5, 3, 2, 2]), values)[3:, 0], [np.nan, np.nan]
    )


@pytest.mark.parametrize(
    ("leave", "message"), [([5, 9], "no cell has time from 5 to 9"), ([-1, 2], "fewer than two other values")]
)
def test_invalid_ranges_of_restoration_raise(stage, leave, message):
    labels = [Label.of(label) for label in LABELS]
    settings = QUICK | {"restore": [{"label": "time", "leave": leave}]}
    with pytest.raises(UserError, match=f"unicoord.restore.*{message}"):
        restore_groups(stage[3], labels, [], settings)


def test_a_range_of_a_label_without_values_raises():
    with pytest.raises(UserError, match="no cell has day from 1 to 2; none has a value"):
        check_gap(np.full(3, np.nan), "day", 1, 2)


@pytest.mark.parametrize("content", [b"", b"cell\tscore\nb0\t1\t2\t3\n\tb1", b"cell\t\xff\xfe\n"])
def test_invalid_label_tables_raise(stage, content):
    path = stage[0] / "broken.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken.tsv: "):
        open_cells(stage[2], [str(path)])
