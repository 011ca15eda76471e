"""The figures and the section of learned coordinates, and the section of features."""

import json

import anndata
import numpy as np
import pandas as pd
import pytest

from panscape.data import files
from panscape.plot.style import new_figure, save_figure, style
from panscape.plot.unicoord import draw_unicoord
from panscape.report.results import Results
from panscape.report.sections import annotation, features, unicoord


def made_up_tables(*, discrete=True, continuous=True):
    rng = np.random.default_rng(0)
    steps = np.arange(10, 110, 10)
    training = pd.concat(
        pd.DataFrame({"step": steps, "split": split, "term": term, "value": size * (1 + 10 / steps)})
        for split in ("train", "heldout")
        for term, size in (("total", 100.0), ("classification", 0.3), ("hierarchy", 0.0), ("odd_term", 2.0))
    )
    active = pd.DataFrame(
        {
            "coordinate": ["latent-1", "latent-2", "latent-3"],
            "kl": [1.2, 0.4, 0.001],
            "active": [True, True, False],
            "best_label": ["cell_type", "age", None],
            "strength": [0.3, 0.1, np.nan],
        }
    )
    metrics, predictions = [], []
    confusion = pd.DataFrame(columns=["label", "truth", "predicted", "n"])
    calibration = pd.DataFrame(columns=["label", "confidence", "accuracy", "n"])
    if discrete:
        for model, value in (("unicoord", 0.9), ("logistic-pca", 0.95), ("majority", 0.3)):
            metrics += [
                ("cell_type", model, "macro_f1", value, 0.1),
                ("cell_type", model, "ece", 0.02, np.nan),
            ]
        metrics += [("cell_type", "unicoord", "coverage", 0.9, np.nan)]
        metrics += [("cell_type", "unicoord", "accuracy_covered", 0.99, np.nan)]
        metrics += [
            ("set cell_type", state, f"variance by {by}", value, 0.01)
            for state, value in (("measured", 0.5), ("reconstructed", 0.6), ("reconfigured", 0.02))
            for by in ("cell_type", "platform")
        ]
        metrics += [("leak cell_type", "knn", "balanced_accuracy", 0.4, 0.3)]
        names = ["a$b", "c", "d"]
        confusion = pd.DataFrame(
            [("cell_type", t, p, 9 if t == p else 1) for t in names for p in names], columns=confusion.columns
        )
        calibration = pd.DataFrame(
            {"label": "cell_type", "confidence": [0.5, 0.95], "accuracy": [0.4, 1], "n": [3, 90]}
        )
    if continuous:
        for model, value in (("unicoord", 0.97), ("ridge-pca", 0.95), ("mean", 0.0)):
            metrics += [("age", model, "r", value, 0.0), ("age", model, "mae", 1 - value, 2.0)]
        truth = rng.uniform(0, 9, 40)
        predictions = pd.DataFrame(
            {"label": "age", "kind": "continuous", "split": "test", "truth": truth, "value": truth + 0.2}
        )
    metrics += [
        ("reconstruction", "unicoord", "mse_share", 0.6, 1.0),
        ("reconstruction", "pca-20", "mse_share", 0.7, 1.0),
    ]
    columns = ["cell", "label", "kind", "split", "truth", "value"]
    return {
        "training": training,
        "active": active,
        "metrics": pd.DataFrame(metrics, columns=["task", "model", "metric", "value", "null"]),
        "confusion": confusion,
        "calibration": calibration,
        "predictions": predictions if continuous else pd.DataFrame(columns=columns),
        "model/model": {
            "genes": ["G1", "G2", "G3"],
            "labels": [
                {"name": "cell_type", "classes": ["a$b", "c", "d", "never tested"] if discrete else []},
                {"name": "age", "classes": []},
            ],
        },
    }


def restored():
    models = ["unicoord", "nearest", "mean", "true cells"]
    keys = {"label": "age", "low": 3.0, "high": 4.0}
    curve = pd.concat(
        pd.DataFrame(
            keys | {"model": model, "group": [1.0, 3.5, 6.0], "pcc_of_means": [0.8, 0.9, 0.7]}, index=range(3)
        )
        for model in models
    )
    scores = pd.DataFrame(
        [
            keys | {"model": model, "metric": metric, "value": 0.1 * at}
            for at, model in enumerate(models)
            for metric in ("e_distance", "covariance_error", "pcc_of_means", "pcc_of_change", "rank")
        ]
    )
    return {"restoration": scores, "restoration_curve": curve}


def made_up_coordinates(labels):
    rng = np.random.default_rng(1)
    obs = pd.DataFrame({"age": rng.uniform(0, 9, 50), "cell_type": rng.choice(["a", "b"], 50)})
    obs.loc[:3, "age"] = np.nan
    obs.loc[:3, "cell_type"] = None
    obs.index = obs.index.astype(str)
    var = pd.DataFrame(
        {"kind": ["supervised", "free", "free", "free"]}, index=["age", "latent-1", "latent-2", "latent-3"]
    )
    table = anndata.AnnData(rng.standard_normal((50, 4)).astype(np.float32), obs=obs, var=var)
    table.uns["labels"] = labels
    return table


LABELS = {"age": "continuous", "cell_type": "discrete"}


@pytest.mark.parametrize("kinds", [("discrete", "continuous"), ("discrete",), ("continuous",), ()])
def test_every_figure_is_drawn_whatever_labels_there_are(kinds, tmp_path):
    tables = made_up_tables(discrete="discrete" in kinds, continuous="continuous" in kinds)
    coordinates = made_up_coordinates({name: kind for name, kind in LABELS.items() if kind in kinds})
    names = []
    for name, figure in draw_unicoord(tables | (restored() if kinds else {}), coordinates):
        save_figure(figure, tmp_path / name, formats=["png"])
        names.append(name)
    expected = ["losses", "coordinates", "active", "classes", "values", "reconfiguration"]
    assert names == expected + (["restoration"] if kinds else [])
    assert all((tmp_path / f"{name}.png").stat().st_size > 1000 for name in names)


def test_terms_that_stay_zero_are_not_drawn():
    figure = next(figure for _, figure in draw_unicoord(made_up_tables(), made_up_coordinates(LABELS)))
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()]
    assert titles == ["Total", "Classification", "odd_term"]


def test_inactive_coordinates_are_not_in_the_map():
    tables, coordinates = made_up_tables(), made_up_coordinates(LABELS)
    drawn = dict(draw_unicoord(tables, coordinates))["coordinates"]
    before = drawn.axes[0].collections[-1].get_offsets()
    coordinates.X[:, 3] = 1e3 * np.arange(50)  # latent-3 is idle
    drawn = dict(draw_unicoord(tables, coordinates))["coordinates"]
    np.testing.assert_allclose(drawn.axes[0].collections[-1].get_offsets(), before)


def results(root, tables, config):
    for name, table in tables.items():
        if name == "model/model":
            (root / "unicoord/model").mkdir(parents=True)
            (root / f"unicoord/{name}.json").write_text(json.dumps(table))
            continue
        files.write_tsv(table, root / "unicoord" / f"{name}.tsv")
    split = pd.DataFrame(
        {"cell": list("abcd"), "study": "s", "split": ["train", "train", "validation", "test"]}
    )
    files.write_tsv(split, root / "unicoord/split.tsv")
    drawn = draw_unicoord(tables, made_up_coordinates(LABELS))
    for name, figure in drawn:
        save_figure(figure, root / "unicoord/figures" / name)
    return Results.of(root, [path for path in root.rglob("*") if path.is_file()], config)


CONFIG = {
    "unicoord": {
        "n_genes": 2000, "n_latent": 3, "held_out": 0.1, "validation": 0.1, "unknown_fraction": 0.05,
        "scenarios": [
            {"name": "old", "set": {"age": {"shift": 2}, "platform": "x"}, "from": {"cell_type": "a"}},
        ],
    },
    "report": {"table_rows": 20},
}  # fmt: skip


def flat(blocks):
    for block in blocks:
        yield block
        yield from flat(getattr(block, "blocks", ()))


def test_the_section_names_the_best_baseline(tmp_path):
    made_up = results(tmp_path, made_up_tables() | restored(), CONFIG)
    assert unicoord.SECTION.ran(made_up)
    (headline,) = unicoord.SECTION.headline(made_up)
    best = "(best baseline, logistic regression (PCA): 0.950)"
    assert f"cell type with macro-F1 0.900 over 3 of 4 classes {best}" in headline
    assert "age with r 0.970 (best baseline, ridge (PCA): 0.950)" in headline
    blocks = list(flat(unicoord.SECTION.content(made_up)))
    text = " ".join(getattr(block, "text", "") for block in blocks)
    assert "2 of 3 unsupervised coordinates" in text and "10 % of the test cells are called unknown" in text
    assert (
        "model's output, not measurement" in text
        and "0.600 of that of the genes' means (PCA-20 0.700)" in text
    )
    captions = " ".join(block.caption for block in blocks if block.block == "table")
    assert "Leaks" in captions and "Groups left out of training" in captions
    (scenario,) = [block for block in blocks if block.block == "table" and block.header[0] == "scenario"]
    assert scenario.rows[0][1] == "age: shifted by 2; platform: x"
    pictures = [picture for block in blocks if block.block == "gallery" for picture in block.pictures]
    assert len(pictures) == 7 and all(picture.caption for picture in pictures)
    methods = unicoord.SECTION.methods(made_up)[0]
    assert "cell_type (discrete) and age (continuous)" in methods
    # only three genes were available, fewer than requested
    assert "trained on 3 genes (all that the studies share; 2,000 were requested)" in methods
    assert "Not all classes have test cells: the scores are of cell type over 3 of 4 classes" in text


def test_effects_and_the_confidence_of_scenarios_are_shown(tmp_path):
    tables = made_up_tables()
    scores = [
        {"value": "x", "class": kind, "model": model, "r": r, "mse_share": error}
        for kind in "ab"
        for model, r, error in (("ridge of effects", 0.9, 0.1), ("mean of effects", 0.7, 0.4),
                                ("pooled shift", 0.6, 0.5))
    ]  # fmt: skip
    learned = [{"label": "platform", "context": "cell_type", "scores": scores}]
    tables["model/model"] = tables["model/model"] | {"interactions": learned}
    rows = [
        ("unknown cell_type", "a", "fraction", 0.02, 0.05), ("unknown cell_type", "a", "n", 90, np.nan),
        ("unknown cell_type", "b", "fraction", 0.6, 0.05), ("unknown cell_type", "b", "n", 5, np.nan),
        ("effect of platform", "unicoord", "mse_share", 0.2, 1.0),
        ("effect of platform", "unicoord", "r_of_change", 0.9, 0.0),
        ("effect of platform", "unicoord", "n", 4, 0),
    ]  # fmt: skip
    more = pd.DataFrame(rows, columns=tables["metrics"].columns)
    tables["metrics"] = pd.concat([tables["metrics"], more], ignore_index=True)
    made_up = results(tmp_path, tables, CONFIG)
    shown = [block for block in flat(unicoord.SECTION.content(made_up)) if block.block == "table"]
    (confidence,) = [block for block in shown if "Confidence of the scenarios" in block.caption]
    # the shift of age has no classes, and no confidence
    assert [list(row[:4]) for row in confidence.rows] == [["old", "platform: x", "cell_type", "2"]]
    assert "pooled shift" in confidence.header and "0.5" in str(confidence.rows[0])
    (effects,) = [block for block in shown if block.header[0] == "effect"]
    assert effects.rows[0][0] == "effect of platform"
    (headline,) = unicoord.SECTION.headline(made_up)
    assert "effect" not in headline and "effect" not in unicoord.SECTION.methods(made_up)[0]
    (unknown,) = [block for block in shown if "called unknown, by class" in block.caption]
    assert [row[1] for row in unknown.rows] == ["b", "a"] and "5 %" in unknown.caption


def test_the_section_omits_what_was_not_requested(tmp_path):
    made_up = results(tmp_path, made_up_tables(continuous=False), {"unicoord": {}, "report": {}})
    blocks = list(flat(unicoord.SECTION.content(made_up)))
    captions = " ".join(block.caption for block in blocks if block.block == "table")
    assert "Continuous" not in captions and "left out of training" not in captions
    assert "age" not in unicoord.SECTION.headline(made_up)[0]
    empty = Results.of(tmp_path / "nothing", [], {})
    assert not unicoord.SECTION.ran(empty) and unicoord.SECTION.optional


def test_annotated_studies_are_shown_with_unlabelled_cells_first(tmp_path):
    columns = ["study", "label", "kind", "cells", "unlabelled", "unknown", "confidence", "agreement"]
    studies = [
        ("labelled", "cell_type", "discrete", 100, 0, 0.02, 0.99, 0.95),
        ("bare", "cell_type", "discrete", 300, 300, 0.5, 0.7, np.nan),
    ]
    classes = [("bare", "cell_type", "b", 200, 200, 0.6, 0.7), ("bare", "cell_type", "a", 100, 100, 0.3, 0.8)]
    files.write_tsv(pd.DataFrame(studies, columns=columns), tmp_path / annotation.STUDIES)
    names = ["study", "label", "value", "cells", "unlabelled", "unknown", "confidence"]
    files.write_tsv(pd.DataFrame(classes, columns=names), tmp_path / annotation.CLASSES)
    config = {"unicoord": {"apply": {"model": None, "studies": ["bare", "labelled"]}}, "report": {}}
    made_up = Results.of(tmp_path, [path for path in tmp_path.rglob("*") if path.is_file()], config)
    blocks = annotation.SECTION.content(made_up)
    first, second = [block for block in blocks if block.block == "table"]
    assert [row[0] for row in first.rows] == ["bare", "labelled"] and first.rows[1][-1] == "0.950"
    assert [row[2] for row in second.rows] == ["b", "a"]
    text = " ".join(getattr(block, "text", "") for block in blocks)
    assert "the model of this collection" in text
    assert "Many cells are unknown in bare (cell_type, 50 %)" in text and "labelled (" not in text
    (headline,) = annotation.SECTION.headline(made_up)
    assert "2 studies were annotated" in headline and "300 unlabelled cells, 38 % of all unknown" in headline
    assert "bare and labelled" in annotation.SECTION.methods(made_up)[0]


def test_the_section_of_features_compares_planted_and_random_sets(tmp_path):
    table = pd.DataFrame(
        {
            "term": ["type-a", "decoy-type-a-1", "module-1", "age-rising"],
            "library": "l", "n_genes": 20, "detection": 0.3, "stratum": 0, "best_class": ["a", "a", "b", "b"],
            "units": 1, "auroc": 0.9, "auroc_null": 0.5, "auroc_lowest": 0.8, "class_pvalue": 0.01,
            "class_fdr": [0.01, 0.04, 0.3, 0.4], "entropy": 3.0, "entropy_null": 2.0, "entropy_sd": 0.3,
            "entropy_pvalue": 0.01, "entropy_fdr": 0.1, "importance": [0.7, 0.3, np.nan, np.nan],
            "group": pd.array([1, 2, pd.NA, pd.NA], dtype="Int64"), "selected": [True, True, False, False],
        }
    )  # fmt: skip
    rows = [("sets_tested", 4, np.nan), ("sets_passed", 2, np.nan), ("sets_selected", 2, np.nan)]
    rows.append(("sets_grouped", 2, np.nan))
    rows += [("classes_tested", 2, np.nan), ("units", 1, np.nan), ("forest_units_left_out", 0, np.nan)]
    rows.append(("forest_balanced_accuracy", 0.8, 0.25))
    classes = table.assign(n_cells=9, pvalue=0.01, fdr=table["class_fdr"], **{"class": table["best_class"]})
    files.write_tsv(classes, tmp_path / "features/classes.tsv.gz")
    files.write_tsv(table, tmp_path / "features/features.tsv")
    files.write_tsv(
        pd.DataFrame(rows, columns=["statistic", "value", "null"]), tmp_path / "features/statistics.tsv"
    )
    with style():
        for name in features.FIGURES:
            save_figure(new_figure(1, 1), tmp_path / "features/figures" / name)
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    made_up = Results.of(tmp_path, paths, {"features": {"label": "cell_type", "trees": 9}, "report": {}})
    (headline,) = features.SECTION.headline(made_up)
    assert (
        "Of 4 gene sets 2 separate a cell type from the others better than random sets" in headline
        and "balanced accuracy of 0.80 (on cells that were left out; by chance 0.25)" in headline
    )
    (sentence,) = features.SECTION.methods(made_up)
    assert (
        "for cell type; all 2 that were kept, at most an equal share for each class, were grouped" in sentence
    )
    blocks = list(features.SECTION.content(made_up))
    text = " ".join(getattr(block, "text", "") for block in blocks)
    assert "None for b" in " ".join(block.caption for block in blocks if block.block == "table")
    assert (
        "1 of 1 sets of cell types, 0 of 1 sets of ages and 0 of 1 sets of modules" in text
        and "1 of 1 sets of random genes" in text
        and "Of the 2 chosen sets 1 are random" in text
    )
    assert "9 trees" in features.SECTION.methods(made_up)[0]
