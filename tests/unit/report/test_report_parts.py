import re
from dataclasses import replace

import made_up
import numpy as np
import pandas as pd
import pytest

from panscape.config.load import load
from panscape.report import format as form
from panscape.report.blocks import table
from panscape.report.methods import markdown, methods
from panscape.report.page import page
from panscape.report.results import Results
from panscape.report.run import flatten, parameters, runtimes, sections_used
from panscape.report.sections import SECTIONS
from panscape.report.sections.truth import same_module
from panscape.stats.ranks import auroc


def test_auc_against_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 9, 200).astype(float), rng.random(200) < 0.3
    assert auroc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    assert np.isnan(auroc(score, np.zeros(200, bool)))


def test_same_module_needs_a_module():
    truth = pd.DataFrame({"gene": list("abcd"), "module": ["m", "m", "", ""]})
    pairs = pd.DataFrame({"gene_a": ["a", "c", "a"], "gene_b": ["b", "d", "x"]})
    assert same_module(pairs, truth).tolist() == [True, False, False]


def test_methods_name_every_parameter_version_and_reference(collection):
    out, config = collection
    results = made_up.results_of(out, config)
    described = methods(results, SECTIONS)
    text = markdown(described, "demo")
    for stage in ("preprocess", "panclust", "coexpression", "landscape", "report"):
        for key, _ in flatten(config[stage], stage):
            assert f"`{key}`" in text
    for key in ("`seed`", "`preset`", "`species`", "`studies[2].obs.age.column`"):
        assert key in text
    assert "simulation." not in text
    for name in ("Hie B", "Csárdi", "Blondel", "Jacomy", "Haghverdi", "numpy 2", "panscape 0"):
        assert name in text
    assert (
        "at least 129 to 130 cells (by the size of the study)" in text
        and "`panclust.min_cells` | auto" in text
    )


@pytest.mark.parametrize("preset", ["best", "paper", "code"])
def test_methods_claim_a_preset_where_it_changes_something_and_list_the_departures(collection, preset):
    out, config = collection
    config = load({**{key: config[key] for key in ("collection", "studies", "simulation")}, "preset": preset})
    results = made_up.results_of(out, config)
    assert sections_used(results) == ["preprocess", "panclust", "coexpression", "landscape"]
    described = methods(results, SECTIONS)
    text = markdown(described, "demo")
    whose = {"best": "panscape's own settings", "paper": "the settings of the published method in",
             "code": "the settings of the method's released program in"}[preset]  # fmt: skip
    assert f"(preset “{preset}”: {whose}" in described.paragraphs[0]
    for section in ("preprocess", "panclust", "coexpression", "landscape"):
        assert (section in described.paragraphs[0]) == (preset != "best")
    assert "coem" not in described.paragraphs[0] and "COEM" not in set(described.departures["method"])
    assert "## Departures from the published methods" in text
    points = set(described.departures["point"])
    assert ("The diagonal" in points) == (preset == "best")
    assert "Selection of genes" in points  # no setting reproduces the paper


def test_a_learned_embedding_is_described_only_if_one_was_trained(collection):
    out, config = collection
    listed = made_up.results_of(out, config)
    for embedding, compare, learned in (("coem", [], True), ("rna", ["coem"], True), ("rna", ["wnn"], False)):
        metacells = {**config["metacells"], "embedding": embedding, "compare": compare}
        results = replace(
            listed,
            files=listed.files | {"metacells/s/metrics.tsv"},
            config={**config, "metacells": metacells},
        )
        assert ("coem" in sections_used(results)) == learned


def test_methods_survive_a_pipe_in_a_value(collection):
    out, config = collection
    config = {**config, "studies": [{**config["studies"][0], "keep": "a == 'x|y'"}]}
    text = markdown(methods(made_up.results_of(out, config), SECTIONS), "demo")
    assert "a == 'x\\|y'" in text


def test_parameters_describe_themselves(collection):
    _, config = collection
    rows = parameters(config).set_index("key")
    assert rows.loc["seed", "meaning"].startswith("Random seed")
    assert rows.loc["studies[1].obs.age.unit", "value"] == "days"
    assert (rows["value"] != "").all()


def test_runtimes_survive_what_was_not_measured(tmp_path):
    (tmp_path / "a" / "s1").mkdir(parents=True)
    (tmp_path / "a" / "s2").mkdir()
    for study, memory in (("s1", "-"), ("s2", "12.5")):
        text = f"s\th:m:s\tmax_rss\tcpu_time\n1.5\t0:00:01\t{memory}\tNA\n"
        (tmp_path / "a" / study / "rule.tsv").write_text(text)
    row = runtimes(tmp_path).iloc[0]
    assert (row["stage"], row["rule"], row["jobs"], row["wall"], row["memory"]) == ("a", "rule", 2, 3.0, 12.5)
    assert np.isnan(row["cpu"])
    assert runtimes(tmp_path / "nowhere").empty


def test_runtimes_follow_the_order_of_the_stages(tmp_path):
    for stage in ("report", "dictionary", "landscape", "preprocess"):
        (tmp_path / stage).mkdir()
        (tmp_path / stage / "rule.tsv").write_text("s\n1\n")
    assert runtimes(tmp_path)["stage"].tolist() == ["preprocess", "landscape", "dictionary", "report"]


def test_table_cuts_long_ones_and_says_so():
    made = table(pd.DataFrame({"n": [1, 2, 3], "x": [0.5, np.nan, 2.0]}), caption="All.", limit=2)
    assert made.rows == (("1", "0.500"), ("2", "–"))
    assert made.caption == "All. First 2 of 3 rows."
    assert made.numeric == (True, True)


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (form.number, 0.000123456, "1.23e−4"),
        (form.number, -0.91234, "−0.912"),
        (form.number, 12345.6, "12,346"),
        (form.number, float("nan"), "–"),
        (form.number, 0, "0"),
        (form.count, 1234567, "1,234,567"),
        (form.percent, 0.514, "51 %"),
        (form.pvalue, 0.000999, "0.001"),
        (form.duration, 9.26, "9.3 s"),
        (form.duration, 200, "3 min 20 s"),
        (form.duration, 7500, "2 h 05 min"),
        (form.listing, ["a", "b", "c"], "a, b and c"),
        (form.cell, True, "yes"),
        (form.cell, np.int64(-4), "−4"),
    ],
)
def test_numbers_are_written_for_readers(function, value, text):
    assert function(value) == text


def test_the_files_of_a_folder_are_listed(tmp_path):
    folder = tmp_path / "unicoord" / "model"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    results = Results.of(tmp_path, [folder], {})
    assert results.has("unicoord/model/model.json")
    assert results.path("unicoord/model/model.json").read_text() == "{}"


@pytest.mark.parametrize("name", ["unicoord", "dictionary", "metacells"])
def test_requested_sections_are_always_shown(name, tmp_path):
    (section,) = [section for section in SECTIONS if section.name == name]
    config = {"studies": [{"id": "a"}], "report": {name: True}}
    assert section.shown(Results.of(tmp_path, [], config))
    assert not section.shown(Results.of(tmp_path, [], config | {"report": {name: False}}))


def test_a_chapter_counts_the_figures_that_it_shows(collection):
    results = made_up.results_of(*collection)
    text = page(results, SECTIONS, methods(results, SECTIONS))
    chapters = re.findall(r'<section id="(\w+)">(.*?)</section>', text, re.DOTALL)
    said = {}
    for name, inside in chapters:
        summary = re.search(r'<details class="chapter">\s*<summary>(?:(\d+) figures?)?', inside)
        if summary:
            said[name] = int(summary[1] or 0)
            assert said[name] == inside.count("<img "), name
    assert said["landscape"] > 0 and "further up in this page" in text
