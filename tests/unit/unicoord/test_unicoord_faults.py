"""Data and requests that cannot be used as they are: a clear error, or the right behaviour."""

import numpy as np
import pandas as pd
import pytest
import torch
from unicoord_cells import LABELS, QUICK, atlas

from panscape.errors import UserError
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings
from panscape.unicoord.cells import Cells
from panscape.unicoord.estimator import UniCoord
from panscape.unicoord.label_checks import label_problems
from panscape.unicoord.labels import learn_labels
from panscape.unicoord.reconfigure import reconfigured_code
from panscape.unicoord.settings import Hierarchy, Label, UniCoordSettings
from panscape.unicoord.stage import open_cells

torch.set_num_threads(1)
FAST = QUICK | {"n_epochs": 1, "min_steps": 20, "n_latent": 30}


@pytest.fixture(scope="module")
def cells():
    return atlas(300)


@pytest.fixture(scope="module")
def fitted(cells):
    return UniCoord(FAST).fit(cells, labels=LABELS)


def test_a_column_of_obs_is_the_depth_only_if_it_is_named(cells, fitted, caplog):
    wrong = cells.copy()
    wrong.obs["n_counts"] = np.nan
    pd.testing.assert_frame_equal(fitted.predict(wrong), fitted.predict(cells))
    assert "is not obs['n_counts']" in caplog.text
    some = cells[:, :60].copy()
    some.obs["total"] = np.asarray(cells.X.sum(axis=1)).ravel()
    some.uns["depth"] = "total"
    np.testing.assert_allclose(Cells([some]).totals, some.obs["total"])
    assert (Cells([cells[:, :60].copy()]).totals < some.obs["total"]).all()
    wrong.uns["depth"] = "n_counts"
    with pytest.raises(UserError, match="the depth, is nan in 300 cells"):
        fitted.predict(wrong)
    some.uns["depth"] = "missing"
    with pytest.raises(UserError, match="no column 'missing'"):
        Cells([some])


def test_genes_rarely_detected_in_a_small_study_stay_in_the_model(tmp_path, caplog):
    large, small = atlas(300, seed=0), atlas(25, seed=1)
    paths = []
    for name, study in (("large", large), ("small", small)):
        study.X.data[:] = 1.0
        if name == "small":
            study.X[:, 100:] = 0
            study.X.eliminate_zeros()
        path = tmp_path / f"{name}.h5ad"
        blocks = [(slice(0, len(study)), study.X)]
        qc(blocks, study.obs, study.var_names, path, QcSettings(min_genes=0), study=name)
        paths.append(str(path))
    opened = open_cells(paths)
    assert len(opened.genes) == 120  # 20 of which no cell of the small study has
    read = opened.take(np.arange(300, 325), ["G110", "G0"]).toarray()
    assert not read[:, 0].any() and read[:, 1].any()
    without = Cells([large, small[:, :30].copy()])
    assert len(without.genes) == 30 and "30 instead of 120" not in caplog.text
    assert "without it, 120 instead of 30 genes would be shared" in caplog.text


@pytest.mark.parametrize(("rows", "genes"), [(14, 120), (300, 3)])
def test_few_cells_or_genes_get_fewer_coordinates(cells, rows, genes, caplog):
    model = UniCoord(FAST).fit(cells[:rows, :genes].copy(), labels={"time": "continuous"})
    assert model.model.settings.n_latent < 30 and "n_latent is" in caplog.text
    assert np.isfinite(model.embed(cells).to_numpy()).all()


def test_no_cells_give_empty_results(cells, fitted):
    none = cells[:0].copy()
    assert fitted.embed(none).shape == (0, len(fitted.model.coordinates))
    assert len(fitted.predict(none)) == 0
    assert fitted.generate(none, {"time": 0.5}).shape == (0, 120)
    with pytest.raises(UserError, match="0 cells are left to train on"):
        UniCoord(FAST).fit(none, labels=LABELS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": {"between": [0, 1]}}, r"between has \[0, 1\], not two values and a position"),
        ({"cell_type": {"between": "T0"}}, "between has 'T0'"),
        ({"time": {"between": [0, 1, np.inf]}}, "the position inf is not a finite number"),
        ({"time": {"between": [0, 1, "half"]}}, "the position 'half' is not a finite number"),
        ({"cell_type": {"between": ["T0", "T1", 2]}}, "a mixture of two classes at t = 2"),
        ({"time": np.nan}, "nan is not a finite number"),
    ],
)
def test_impossible_changes_are_errors(fitted, change, message):
    code = np.zeros((3, fitted.model.layout.width), dtype=np.float32)
    with pytest.raises(UserError, match=message):
        reconfigured_code(fitted.model.layout, code, change)


def test_infinite_labels_are_a_problem_and_empty_ones_are_not(cells):
    label = Label("time", "continuous")
    obs = pd.DataFrame({"time": [0.0, 1.0, np.inf, np.nan]})
    assert [problem.what for problem in label_problems(obs, label)] == ["1 values are infinite"]
    assert not list(label_problems(obs[:2], label))


@pytest.mark.parametrize(
    ("hierarchy", "message"),
    [
        ([Hierarchy("cell_type", "platform")], "'platform' is not a union of classes of 'cell_type'"),
        ([Hierarchy("cell_type", "cell_type")], "a label is its own parent"),
        (
            [Hierarchy("cell_type", "lineage"), Hierarchy("lineage", "cell_type")],
            "cell_type -> lineage -> cell_type",
        ),
    ],
)
def test_a_parent_that_is_none_is_an_error(cells, hierarchy, message):
    labels = [Label(name, "discrete") for name in ("cell_type", "platform", "lineage")]
    with pytest.raises(UserError, match=message):
        learn_labels(cells.obs, labels, hierarchy)
    assert learn_labels(cells.obs, labels, [Hierarchy("cell_type", "lineage")]).tables


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UniCoordSettings(n_epochs=-3), "unicoord.n_epochs: found -3 -> write 1 or more"),
        (lambda: UniCoordSettings(dropout=2.0), "unicoord.dropout: found 2.0 -> write 0 to 1"),
        (lambda: UniCoordSettings(loss_weights={"recon": 1}), "unicoord.loss_weights.recon: unknown setting"),
        (lambda: Label.of({"name": "a", "knd": "discrete"}), "has no kind"),
        (lambda: Label.of({"name": "a", "kind": "discrete", "mincells": 3}), "did you mean 'min_cells'"),
    ],
)
def test_mistyped_settings_are_errors(build, message):
    with pytest.raises(UserError, match=message):
        build()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": ["train"] * 10}, "10 entries for 300 cells"),
        ({"split": ["trian"] * 300}, "'trian' is not one of train"),
        ({"genes": ["G1", "G1", "G2"]}, "'G1' is given twice"),
        ({"genes": ["G1", "nope"]}, "1 are not in the data, e.g. 'nope'"),
        ({"genes": ["G1"]}, "there is 1 gene"),
    ],
)
def test_splits_and_genes_are_checked(cells, options, message):
    with pytest.raises(UserError, match=message):
        UniCoord(FAST).fit(cells, labels=LABELS, **options)


def test_evaluation_needs_test_cells(cells, fitted):
    with pytest.raises(UserError, match="there are no test cells"):
        fitted.evaluate(cells, split=["train"] * 300)
