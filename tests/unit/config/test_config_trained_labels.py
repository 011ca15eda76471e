"""Labels, scenarios and tests of coordinates that the cells make impossible, told before the first job."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config.inputs import _check
from panscape.config.load import load
from panscape.errors import UserError

GENES = [f"GENE{number}" for number in range(60)]
OBS = {"tissue": "tissue", "day": "day", "organ": "organ", "chemistry": "chemistry"}
TISSUE, DAY = {"name": "tissue", "kind": "discrete"}, {"name": "day", "kind": "continuous"}


def write(path, **obs):
    counts = np.random.default_rng(0).poisson(1.0, (120, len(GENES))).astype(np.float32)
    table = pd.DataFrame(obs, index=[f"cell{number}" for number in range(120)])
    anndata.AnnData(sparse.csr_matrix(counts), obs=table, var=pd.DataFrame(index=GENES)).write_h5ad(path)
    return str(path)


@pytest.fixture
def study(tmp_path):
    path = write(
        tmp_path / "a.h5ad", day=np.arange(120.0), tissue=["x", "y", "z"] * 40, organ=["u", "u", "v"] * 40,
        chemistry=["droplet"] * 120, mixed=["u", "v"] * 60, early=["e"] * 60 + [None] * 60,
    )  # fmt: skip
    return {"id": "a", "path": path, "use": ["unicoord"], "obs": OBS}


def checked(*studies, **unicoord):
    # what is checked in its own process, here without one
    report = unicoord.pop("report", {})
    base = {"collection": "t", "species": "other", "landscape": {"root": "none"}, "report": report}
    return _check(load(base | {"studies": list(studies), "unicoord": unicoord}))


def problems(*studies, **unicoord):
    with pytest.raises(UserError) as caught:
        checked(*studies, **unicoord)
    return [str(problem) for problem in caught.value.problems]


def scenario(**keys):
    return {"labels": [TISSUE, DAY], "scenarios": [{"name": "one", "set": {"day": 3}, **keys}]}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"set": {"tissue": "w"}}, "unicoord.scenarios[0].set.tissue: no cell is 'w' -> there are x, y, z"),
        ({"set": {"tissue": {"between": ["x", "yy", 0.5]}}}, "no cell is 'yy' -> there are x, y, z"),
        ({"from": {"tissue": ["x", "w"]}}, "unicoord.scenarios[0].from.tissue: no cell is 'w'"),
        ({"from": {"tissue": "x", "day": [500, 600]}}, "unicoord.scenarios: one.from: no cell matches"),
        ({"from": {"organ": "v", "tissue": "x"}}, "unicoord.scenarios: one.from: no cell matches"),
    ],
)
def test_scenarios_that_no_cell_fits(study, keys, expected):
    (problem,) = problems(study, **scenario(**keys))
    assert expected in problem


def test_a_scenario_that_cells_fit(study):
    checked(study, **scenario(set={"tissue": "y"}, **{"from": {"tissue": "x", "day": [1, 50]}}))


def test_cells_left_out_by_keep_are_not_counted(study):
    kept = study | {"keep": "tissue != 'z'"}
    (problem,) = problems(kept, **scenario(set={"tissue": "z"}))
    assert "no cell is 'z' -> there are x, y" in problem


def test_nothing_is_said_of_cells_that_are_yet_to_come(study):
    other = study | {"id": "b", "path": None, "url": "https://example.org/b.h5ad", "sha256": "0" * 64}
    checked(study, other, **scenario(set={"tissue": "w"}))
    (problem,) = problems(study, {**study, "id": "b", "keep": "day > 3"}, **scenario(set={"tissue": "w"}))
    assert "no cell is 'w'" in problem


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ({"name": "chemistry", "kind": "discrete"}, "all cells are 'droplet'"),
        ({"name": "study", "kind": "discrete"}, "all cells are 'a'"),
        ({"name": "tissue", "kind": "continuous"}, "'x' is not a number"),
        ({"name": "tissue", "kind": "ordinal", "order": ["x", "y"]}, "'z' is not in its order"),
        ({"name": "tissue", "kind": "discrete", "min_cells": 41}, "have 41 training cells"),
    ],
)
def test_labels_that_cannot_be_learned(study, label, expected):
    (problem,) = problems(study, labels=[DAY, label])
    assert problem.startswith(f"unicoord.labels: {label['name']}: ") and expected in problem


def test_a_label_of_cells_that_are_left_out(study):
    mapped = study | {"obs": OBS | {"early": "early"}, "keep": "day > 80"}
    (problem,) = problems(mapped, labels=[DAY, {"name": "early", "kind": "discrete"}])
    assert problem.startswith("unicoord.labels: early: no cell to train on has a value")


def test_a_label_without_a_value_in_any_study_is_no_matter_of_one_study(study, caplog):
    """The problem is told, and no advice to annotate all studies instead of training on them."""
    empty = study | {"obs": OBS | {"early": "early"}, "keep": "day > 80"}
    labels = [DAY, {"name": "early", "kind": "discrete"}]
    (problem,) = problems(empty, empty | {"id": "b", "keep": "day > 70"}, labels=labels)
    assert "no cell to train on has a value" in problem and "apply" not in caplog.text


def test_one_class_in_each_of_two_studies_is_a_label(study, tmp_path):
    path = write(tmp_path / "b.h5ad", day=np.arange(120.0), chemistry=["plate"] * 120)
    other = study | {"id": "b", "path": path, "obs": {"chemistry": "chemistry", "day": "day"}}
    labels = [{"name": "chemistry", "kind": "discrete"}, {"name": "study", "kind": "discrete"}]
    checked(study, other, labels=labels, integrate="study")
    # cells to be annotated are not trained on
    found = problems(study, other, labels=labels, apply={"studies": ["b"]})
    assert len(found) == 2 and all("all cells are" in problem for problem in found)


def test_a_parent_whose_classes_cut_through_others(study):
    mapped = study | {"obs": OBS | {"mixed": "mixed"}}
    parts = [{"name": name, "kind": "discrete"} for name in ("organ", "mixed")]
    checked(mapped, labels=[TISSUE | {"parent": "organ"}, *parts])
    (problem,) = problems(mapped, labels=[TISSUE | {"parent": "mixed"}, *parts])
    assert "'mixed' is not a union of classes of 'tissue'" in problem


@pytest.mark.parametrize(
    ("leave", "expected"),
    [
        ([200, 300], "no cell has day from 200 to 300; it is 0 to 119"),
        ([0, 118], "fewer than two other values"),
        ([5, 9], None),
    ],
)
def test_ranges_to_restore(study, leave, expected):
    settings = {"labels": [TISSUE, DAY], "restore": [{"label": "day", "leave": leave}]}
    if expected is None:
        checked(study, **settings)
    else:
        (problem,) = problems(study, **settings)
        assert problem.startswith("unicoord.restore: ") and expected in problem


def test_classes_to_restore_are_numbered_by_their_order(study):
    label = {"name": "tissue", "kind": "ordinal", "order": ["z", "y", "x"]}
    checked(study, labels=[label], restore=[{"label": "tissue", "leave": [1, 1]}])
    (problem,) = problems(study, labels=[label], restore=[{"label": "tissue", "leave": [3, 4]}])
    assert "it is 0 to 2" in problem


def test_default_labels_that_all_cells_share(study):
    mapped = study | {"obs": {"platform": "chemistry", "cell_type": "tissue"}}
    checked(mapped, integrate="cell_type")
    checked(mapped, integrate="auto")
    (problem,) = problems(mapped, integrate="platform")
    assert problem == (
        "unicoord.integrate: 'platform' is no label, since all cells are 'droplet' -> "
        "write cell_type, auto or null"
    )


def test_cells_without_any_label_matter_if_coordinates_are_reported(study):
    bare = {key: value for key, value in study.items() if key != "obs"}
    (problem,) = problems(bare, report={"unicoord": True})
    assert "the cells have none of cell_type, platform, age" in problem
    checked(bare, report={"unicoord": False})


def test_a_study_without_labels_is_better_annotated_than_trained_on(study, tmp_path):
    path = write(tmp_path / "b.h5ad", day=np.arange(120.0))
    other = study | {"id": "b", "path": path, "obs": {"day": "day"}}
    (warning,) = [w for w in checked(study, other, labels=[TISSUE, DAY]).warnings if "unicoord" in w]
    assert "tissue has no value in b" in warning and "unicoord.apply.studies" in warning
    applied = checked(study, other, labels=[TISSUE, DAY], apply={"studies": ["b"]})
    assert not [w for w in applied.warnings if "unicoord" in w]
