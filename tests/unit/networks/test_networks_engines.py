"""Effects, engines and the verdict, on files as the stage sivae writes them."""

from dataclasses import replace

import made_lines
import numpy as np
import pandas as pd
import pytest

from panscape.data import files
from panscape.plot.network_effects import _span, draw_effects, plot_ends
from panscape.report.results import Results
from panscape.report.sections.network_engines import MODELS, engine_blocks
from panscape.sivae.networks import ends as ends_module
from panscape.sivae.networks.centrality import BELOW, TEXT
from panscape.sivae.networks.effects import COLUMNS as EFFECT_COLUMNS
from panscape.sivae.networks.effects import SET_COLUMNS, effect_tables, set_members
from panscape.sivae.networks.ends import COLUMNS as END_COLUMNS
from panscape.sivae.networks.ends import end_table
from panscape.sivae.networks.engines import COLUMNS, engine_table, judged, line_agreement
from panscape.sivae.networks.gene_tests import gene_tables
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.sivae.networks.power import power
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.reliability import check_lines
from panscape.sivae.networks.set_tests import figure_genes
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.verdict import EVERY, enriched_calls, verdict_table

PHENOTYPES = ["phenotype", "group"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    path = tmp_path_factory.mktemp("sets") / "modules.gmt"
    rows = ["\t".join([name, "planted", *(f"{name}{at + 1:02d}" for at in range(10))]) for name in "ABC"]
    path.write_text("\n".join(rows) + "\n")
    return NetworkSettings(gene_sets=(str(path),), permutations=199, engines=("pca", "corrected"))


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sivae")
    made_lines.write(folder)
    return read_collection(read_lines(folder / "lines.tsv"), folder)


@pytest.fixture(scope="module")
def tables(collection, settings):
    genes, tests = gene_tables(collection, settings, PHENOTYPES, 0)
    return {"genes": genes, "tests": tests, "reliability": check_lines(collection, settings)}


@pytest.fixture(scope="module")
def measured(collection, settings):
    return effect_tables(collection, settings, PHENOTYPES, 0)


@pytest.fixture(scope="module")
def engines(collection, settings, tables):
    return engine_table(collection, settings, PHENOTYPES, tables, 0)


def test_effects_of_numbers_and_groups(collection, measured, settings):
    genes, _ = measured
    assert list(genes) == EFFECT_COLUMNS and len(genes) == 2 * 3 * 90
    subset = genes[(genes["model"] == "pca") & (genes["phenotype"] == "phenotype")].set_index("gene")
    y = collection.centralities("pca")
    x = collection.lines["phenotype"].to_numpy(float)
    direct = np.polyfit(x, y.T, 1)
    np.testing.assert_allclose(subset.loc[collection.genes, "effect"], direct[0], atol=1e-9)
    at_ends = np.stack([direct[0] * end + direct[1] for end in (x.min(), x.max())])
    np.testing.assert_allclose(subset.loc[collection.genes, ["low_end", "high_end"]].to_numpy().T, at_ends)
    lost = subset[subset.index.str.startswith("A")]
    assert (lost["effect_high"] < 0).mean() > 0.7 and lost["relative"].median() < -0.3
    assert (subset["effect_low"] < subset["effect"]).all() and (
        subset["effect"] < subset["effect_high"]
    ).all()
    groups = genes[(genes["model"] == "pca") & (genes["phenotype"] == "group")].set_index("gene")
    case = (collection.lines["group"] == "case").to_numpy()
    direct = y[:, case].mean(axis=1) - y[:, ~case].mean(axis=1)
    np.testing.assert_allclose(groups.loc[collection.genes, "effect"], direct, atol=1e-9)
    assert set(groups["per"]) == {"case against control"}


def test_sets_are_tested_by_the_mean_of_their_genes(measured):
    _, sets = measured
    assert list(sets) == SET_COLUMNS
    for model in ("sivae", "pca", "corrected"):
        subset = sets[(sets["model"] == model) & (sets["phenotype"] == "phenotype")].set_index("set")
        assert list(subset.index) == ["A", "B", "C"] and (subset["genes"] == 10).all()
        assert subset["call"].tolist()[0] == "connectivity" and subset.loc["C", "call"] != "connectivity"
        assert subset.loc["A", "effect_high"] < 0
    members = set_members({"x": {"few": ["a"], "some": ["a", "b", "z"]}}, ["a", "b"], (2, 5))
    assert list(members) == [("x", "some")] and members["x", "some"].tolist() == [0, 1]


def test_edges_of_a_set_at_both_ends(collection, settings, tables):
    sets = pd.DataFrame(columns=["model", "ranking", "pvalue", "fdr", "term"])
    chosen = replace(settings, figure_set="A")
    ends = end_table(collection, chosen, ["text", *PHENOTYPES], tables["genes"], sets)
    assert list(ends) == END_COLUMNS and set(ends["set"]) == {"A"}
    order = np.argsort(collection.lines["phenotype"].to_numpy(float))
    names = list(collection.genes)
    row = ends[ends["model"] == "pca"].iloc[0]
    has = [
        collection.files[at].graphs("pca", ["0"])[0][names.index(row.gene_a), names.index(row.gene_b)]
        for at in order
    ]
    assert row.low == np.mean(has[:4]) and row.high == np.mean(has[-4:])
    assert (ends.groupby("model")["change"].sum() < -5).all()
    assert end_table(collection, chosen, ["nowhere"], tables["genes"], sets).empty


def test_figures_of_effects(collection, settings, tables, measured):
    sets = pd.DataFrame(columns=["model", "ranking", "pvalue", "fdr", "term"])
    ends = end_table(collection, replace(settings, figure_set="A"), PHENOTYPES, tables["genes"], sets)
    drawn = dict(draw_effects(measured[0], tables["genes"], ends, settings.models))
    assert list(drawn) == ["effects", "hubs", "ends"]
    named = {text.get_text() for ax in drawn["effects"].axes for text in ax.texts}
    assert sum(name.startswith("A") for name in named) >= 4
    assert "A: 4 lines of high phenotype against 4 of low" in drawn["ends"].get_suptitle()
    labels = {ax.get_xlabel() for ax in drawn["hubs"].axes}
    assert labels == {"centrality (low)", "centrality (control)"}
    odd = measured[0].assign(per="drug $b$ against case against $\\q$")
    drawn = dict(draw_effects(odd, tables["genes"], ends, settings.models))
    assert drawn["hubs"].axes[0].get_ylabel() == r"centrality (drug \$b\$)"
    assert drawn["hubs"].axes[0].get_xlabel() == r"centrality (case against \$\q\$)"
    empty = draw_effects(measured[0].head(0), tables["genes"], ends.head(0), settings.models)
    assert len(dict(empty)) == 3


def test_kept_edges_are_drawn_from_the_file(tmp_path):
    edges = pd.DataFrame({
        "set": "1", "phenotype": "2", "model": "sivae", "gene_a": ["3", "4"], "gene_b": "5",
        "low": [0.5, 0.0], "high": [0.75, 1.0], "change": [0.25, 1.0], "lines_low": 2, "lines_high": 2,
    })  # fmt: skip
    files.write_tsv(edges, tmp_path / "ends.tsv")
    table = files.read_tsv(tmp_path / "ends.tsv", dtype=ends_module.TEXT)
    pd.testing.assert_frame_equal(table, edges)
    drawn = plot_ends(table, ["sivae"])
    alphas = [line.get_alpha() for line in drawn.axes[0].lines if line.get_alpha() is not None]
    assert alphas == pytest.approx([0.3 + 0.6 * 0.375, 0.9])


def test_engines_are_measured_on_these_lines(engines, collection, tables):
    assert list(engines) == COLUMNS and len(engines) == 2 * 3
    # modules of ten genes move together, so that the mean over 199 permutations is not exact
    assert engines["calibration"].between(0.025, 0.07).all() and engines["calibrated"].all()
    assert engines["calibration_partial"].between(0.025, 0.07).all()
    tests = tables["tests"][tables["tests"]["part"] == "genes"]
    means = tests.set_index(["phenotype", "model", "statistic"])["null_mean"]
    for row in engines.itertuples():
        assert row.calibration == means[row.phenotype, row.model, BELOW]
        assert row.calibration_partial == means[row.phenotype, row.model, f"{BELOW}, controlled"]
    assert (engines.groupby("phenotype")["believed"].sum() == 1).all()
    assert engines["power"].between(0, 1).all() and engines["odds_ratio"].isna().all()
    for model in ("pca", "corrected"):
        assert 0 < line_agreement(collection, model) < 1
    row = engines[engines["believed"] & (engines["phenotype"] == "phenotype")].iloc[0]
    assert "best mean rank" in row["reason"] and row["called"] >= 8


def test_the_report_names_the_engine_to_believe(tables, measured, engines, tmp_path):
    verdict = verdict_table(tables["genes"], measured[1], engines, ["sivae", "pca", "corrected"])
    for table, name in ((engines, "engines.tsv"), (verdict, "verdict.tsv")):
        files.write_tsv(table, tmp_path / "networks" / name)
    paths = list((tmp_path / "networks").iterdir())
    _, advice, first, second = engine_blocks(Results.of(tmp_path, paths, {}), 50)
    row = engines[engines["believed"] & (engines["phenotype"] == "phenotype")].iloc[0]
    assert f"for phenotype {MODELS[row['model']]} (" in advice.text
    assert "level with PCA on known interactions" in advice.text
    assert len(first.rows) == 6 and any("all engines" in text for text in second.rows[0])
    assert engine_blocks(Results.of(tmp_path, [], {}), 50) == []


def test_power_grows_with_the_number_of_lines():
    random = np.random.default_rng(0)
    levels = []
    for n in (6, 12, 24):
        values = 1 + 0.15 * random.normal(size=(200, n))
        phenotype, _ = read_phenotype(pd.Series(random.normal(size=n), name="y"))
        rng = np.random.default_rng(1)
        levels.append(power(values, phenotype, {}, use=(), fdr=0.05, rng=rng))
    assert levels[0] < levels[1] < levels[2] and levels[0] < 0.2 and levels[2] > 0.8


def test_power_is_that_of_both_tests():
    random = np.random.default_rng(0)
    values = 1 + 0.15 * random.normal(size=(200, 12))
    phenotype, _ = read_phenotype(pd.Series(random.normal(size=12), name="y"))
    controls = {name: random.normal(size=(200, 12)) for name in ("a", "b", "c")}
    found = [
        power(values, phenotype, controls, use=use, fdr=0.05, rng=np.random.default_rng(1))
        for use in ((), ("a", "b", "c"))
    ]
    assert 0 < found[1] < found[0] - 0.05


def test_calibration_comes_before_all_other_measures():
    table = pd.DataFrame(
        {
            "model": ["sivae", "pca", "corrected"], "calibration": [0.05, 0.12, 0.05],
            "calibration_partial": [0.05, 0.05, np.nan], "agreement": [0.3, 0.5, 0.2],
            "line_agreement": [0.2, 0.9, 0.4], "odds_ratio": np.nan, "power": [0.5, 0.9, 0.6],
        }
    )  # fmt: skip
    result = judged(table)
    assert result["calibrated"].tolist() == [True, False, True]
    assert result["mean_rank"].tolist() == [pytest.approx(8 / 3), 1.0, pytest.approx(7 / 3)]
    assert result["believed"].tolist() == [False, False, True]
    assert result["reason"][1].startswith("not calibrated: 0.120")
    assert result["reason"][2].endswith("best mean rank")
    unknown = judged(table.assign(**dict.fromkeys(("calibration", "calibration_partial"), np.nan)))
    assert not unknown["calibrated"].any() and "no test of genes" in unknown["reason"][0]
    assert not unknown["believed"].any()
    none = judged(table.assign(calibration=0.2))
    assert none["believed"].tolist() == [False, True, False] and not none["calibrated"].any()


def test_the_verdict_says_who_finds_what(tables, measured, engines):
    verdict = verdict_table(tables["genes"], measured[1], engines, ["sivae", "pca", "corrected"])
    subset = verdict[(verdict["phenotype"] == "phenotype") & (verdict["kind"] == "gene")]
    every = subset[subset["verdict"] == EVERY]
    assert every["name"].str.startswith("A").mean() > 0.9 and len(every) >= 7
    assert (every["n_engines"] == 3).all() and every["believed"].all()
    only = subset[subset["n_engines"] == 1]
    assert (only["verdict"] == "only " + only["engines"]).all() and not only["confirmed"].any()
    assert subset.loc[subset["n_engines"] > 1, "confirmed"].all()
    sets = verdict[(verdict["phenotype"] == "phenotype") & (verdict["kind"] == "set")]
    assert sets["name"].tolist()[0] == "A" and sets["verdict"].tolist()[0] == EVERY
    believed = engines.loc[engines["believed"] & (engines["phenotype"] == "phenotype"), "model"].iloc[0]
    genes = tables["genes"][(tables["genes"]["phenotype"] == "phenotype")]
    called = genes[(genes["model"] == believed) & (genes["call"] == "connectivity")]
    assert set(subset.loc[subset["believed"], "name"]) == set(called["gene"])
    nothing = verdict_table(tables["genes"].assign(call=""), measured[1].head(0), engines, ["sivae", "pca"])
    assert nothing.empty and "rho_pca" in nothing


def test_a_single_engine_confirms_its_own_genes(tables, measured, engines):
    genes = tables["genes"][tables["genes"]["model"] == "pca"]
    verdict = verdict_table(genes, measured[1].head(0), engines, ["pca"])
    assert len(verdict) and verdict["confirmed"].all()


def test_enriched_sets_are_called_where_both_rankings_and_labels_agree(engines):
    rows = [
        ("both", "raw", 2.0, 0.01, 0.01), ("both", "controlled", 1.9, 0.02, 0.03),
        ("turned", "raw", -2.0, 0.01, 0.01), ("turned", "controlled", 1.9, 0.02, 0.03),
        ("labels", "raw", 2.0, 0.01, 0.01), ("labels", "controlled", 1.9, 0.02, 0.2),
        ("raw only", "raw", 2.0, 0.01, 0.01), ("raw only", "controlled", 1.0, 0.4, 0.4),
        ("unknown", "raw", 2.0, 0.01, np.nan), ("unknown", "controlled", 2.0, 0.01, 0.01),
    ]  # fmt: skip
    names = ["term", "ranking", "nes", "fdr", "pvalue_labels"]
    table = pd.DataFrame(rows, columns=names).assign(library="go", phenotype="phenotype", model="sivae")
    called = enriched_calls(table, 0.05).set_index("enrichment")["call"]
    assert called.to_dict() == {
        "both": "connectivity", "turned": "", "labels": "", "raw only": "", "unknown": ""
    }  # fmt: skip
    empty = pd.DataFrame(columns=["gene", "phenotype", "model", "call", "rho_partial", "fdr_partial"])
    verdict = verdict_table(empty, empty, engines, ["sivae", "pca"], enriched=table)
    (row,) = verdict.to_dict("records")
    assert (row["kind"], row["name"], row["library"], row["verdict"]) == (
        "enrichment",
        "both",
        "go",
        "only sivae",
    )
    assert row["rho_sivae"] == 1.9 and row["fdr_sivae"] == 0.02


def test_outliers_do_not_stretch_the_figure_of_hubs():
    ends = np.random.default_rng(0).random((400, 2))
    none = np.zeros(400, bool)
    assert _span(ends, none) == (ends.min(), ends.max())
    ends[0] = 40.0
    low, high = _span(ends, none)
    assert low >= 0 and high <= 1
    called = none.copy()
    called[0] = True
    assert _span(ends, called)[1] == 40.0
    assert _span(np.full((3, 2), np.nan), none[:3]) == (0.0, 1.0)


def test_names_that_are_numbers_stay_text(tmp_path):
    genes = pd.DataFrame({"gene": ["101", "7"], "phenotype": "2", "model": "sivae", "call": "", "rho": 0.5})
    sets = pd.DataFrame({"term": ["1"], "model": "sivae", "ranking": "controlled", "pvalue": 0.1, "fdr": 0.1})
    for table, name in ((genes, "genes"), (sets, "sets")):
        files.write_tsv(table, tmp_path / name)
    genes, sets = (files.read_tsv(tmp_path / name, dtype=TEXT) for name in ("genes", "sets"))
    assert genes["gene"].tolist() == ["101", "7"] and genes["phenotype"].tolist() == ["2", "2"]
    assert figure_genes(genes, sets, {"library": {"1": ["7", "101"]}}, None) == ("1", ["7", "101"])
