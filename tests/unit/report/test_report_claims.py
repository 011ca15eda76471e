"""Verdicts of claims, alerts and the first screen."""

import re

import made_up
import numpy as np
import pandas as pd
import pytest

from panscape.data.files import read_tsv, write_tsv
from panscape.report.claims import alerts
from panscape.report.claims.claim import by_chance, verdict
from panscape.report.claims.every import claims
from panscape.report.claims.known import overlap_claims
from panscape.report.first_screen import first_screen, numbers
from panscape.report.glossary import WORDS, explainer
from panscape.report.methods import methods
from panscape.report.page import page
from panscape.report.results import Results
from panscape.report.sections import SECTIONS

NAN = float("nan")


@pytest.mark.parametrize(
    "given, decided",
    [
        ({"beats_chance": None, "baseline": "PCA", "margin": 1.0, "low": 0.5}, "cannot be decided here"),
        ({"beats_chance": False, "baseline": "PCA", "margin": 1.0, "low": 0.5}, "not better than chance"),
        ({"beats_chance": True}, "supported"),
        ({"beats_chance": True, "baseline": "PCA", "margin": 0.1, "low": 0.01}, "supported"),
        ({"beats_chance": True, "baseline": "PCA", "margin": 0.1, "low": 0.0}, "not better than PCA"),
        ({"beats_chance": True, "baseline": "PCA", "margin": 0.1, "error": 0.06}, "not better than PCA"),
        ({"beats_chance": True, "baseline": "PCA", "margin": 0.13, "error": 0.06}, "supported"),
        ({"beats_chance": True, "baseline": "PCA", "margin": -0.1}, "not better than PCA"),
        ({"beats_chance": True, "baseline": "PCA", "margin": 0.1}, "cannot be decided here"),
        ({"beats_chance": True, "baseline": "PCA"}, "cannot be decided here"),
    ],
)
def test_verdicts_follow_from_chance_and_margin(given, decided):
    assert verdict(**given) == decided


def test_chance_is_excluded_at_a_twentieth():
    assert by_chance(0.05) is True
    assert by_chance(0.051) is False
    assert by_chance(NAN) is None


def by_text(results):
    return {claim.text: claim for claim in claims(results)}


def changed(collection, tmp_path, **values):
    """Return the made-up results with other values of the landscape's statistics."""
    import shutil

    out, config = collection
    shutil.copytree(out, tmp_path / "results" / "demo")
    path = tmp_path / "results" / "demo" / "landscape" / "statistics.tsv"
    table = read_tsv(path)
    for key, value in values.items():
        space, statistic, column = key.split("__")
        table.loc[(table["space"] == space.replace("_", "-")) & (table["statistic"] == statistic), column] = (
            value
        )
    write_tsv(table, path)
    return made_up.results_of(tmp_path / "results" / "demo", config)


def test_the_order_by_age_is_compared_with_the_best_plain_space(collection, tmp_path):
    out, config = collection
    claim = by_text(made_up.results_of(out, config))["Coexpression orders the clusters by age"]
    # the made-up principal components are better than coexpression by the interval of the difference
    assert claim.verdict == "not better than expression (principal components)"
    assert claim.baseline == "expression (principal components): 0.55 (0.40 to 0.60)"
    assert (claim.evidence, claim.n) == ("ρ = 0.91 (0.81 to 0.96)", "113 clusters, 18 batches")
    better = changed(collection, tmp_path, expression_pca__rho_age_margin__low=0.02)
    assert by_text(better)[claim.text].verdict == "supported"


def test_few_clusters_or_no_p_value_decide_nothing(collection, tmp_path):
    few = changed(
        collection, tmp_path, coexpression__rho_age__n=19, coexpression__rho_age_other_studies__pvalue=np.nan
    )
    made = by_text(few)
    claim = made["Coexpression orders the clusters by age"]
    assert (claim.verdict, claim.why) == ("cannot be decided here", "fewer than 20 clusters")
    other = made["Clusters of other studies with similar coexpression have similar ages"]
    assert (other.kind, other.why) == ("undecided", "no p-value")
    assert made["Studies mix in the landscape"].kind == "undecided"


def test_a_landscape_that_is_nothing_but_chance_is_not_supported(collection, tmp_path):
    chance = changed(collection, tmp_path, coexpression__rho_age__pvalue=0.4)
    assert by_text(chance)["Coexpression orders the clusters by age"].verdict == "not better than chance"


def of_tables(folder, config, **tables):
    for name, rows in tables.items():
        stage, file = name.split("__")
        write_tsv(pd.DataFrame(rows), folder / stage / f"{file}.tsv")
    return Results.of(folder, list(folder.rglob("*.tsv")), config)


def test_lines_are_paired_and_baselines_are_plain(collection, tmp_path):
    lines = [f"l{i}" for i in range(8)]
    models = [
        {"line": line, "bin": part, "test_mse": 0.8 + 0.01 * at, "pca_mse": 0.9 + 0.012 * at, "null_mse": 1.0,
         "train_mse": 0.7, "pca_train_mse": 0.7, "collapsed": at == 3}
        for at, line in enumerate(lines) for part in ("0", "half-a")
    ]  # fmt: skip
    table = [
        {
            "line": line,
            "name": line,
            "depth": 1000 + 10 * at,
            "dose": at,
            "group": "ab"[at % 2],
            "status": "ok",
        }
        for at, line in enumerate(lines)
    ]
    results = of_tables(tmp_path, collection[1], sivae__models=models, sivae__lines=table)
    (claim,) = claims(results)
    assert (claim.verdict, claim.n, claim.baseline) == ("supported", "8 lines", "PCA: 0.942")
    texts = alerts.alerts(results)
    assert len(texts) == 2
    assert "Depth of the lines follows dose (ρ = 1.00" in texts[0]
    assert "collapsed in 1 line (l3)" in texts[1]


def test_networks_of_lines_are_compared_with_plain_networks(collection, tmp_path):
    values = {"sivae": (0.5, 20), "pca": (0.45, 12), "pearson": (0.2, 30)}
    tests = [
        {"part": part, "model": model, "phenotype": "dose", "statistic": name,
         "value": pair[at],
         "null_mean": 0.0, "null_sd": 0.01 * (1 + 99 * at), "pvalue": 0.001, "n": 9, "status": "tested"}
        for model, pair in values.items()
        for at, (part, name) in enumerate((("cka", "mantel"), ("genes", "genes found, controlled")))
    ]  # fmt: skip
    genes = [{"gene": "A", "phenotype": "dose", "model": "sivae", "unit": "donor"}]
    made = claims(of_tables(tmp_path, collection[1], networks__tests=tests, networks__centrality=genes))
    assert [(claim.verdict, claim.n) for claim in made] == [
        ("supported", "9 donors"),
        ("not better than Pearson networks", "9 donors"),
    ]
    assert made[0].baseline == "PCA networks: 0.45"


def test_metacells_of_one_platform_each_are_an_alert(collection, tmp_path):
    rows = [
        {"metacell": f"m{i}", "n_cells": 30, "platform": "ab"[i % 2], "platform_purity": 0.97}
        for i in range(4)
    ]
    path = tmp_path / "metacells" / "s"
    write_tsv(pd.DataFrame(rows), path / "metacells.tsv")
    results = Results.of(tmp_path, [path / "metacells.tsv"], collection[1])
    (text,) = alerts.alerts(results)
    assert text.startswith("Metacells of s follow platform (97 %")
    write_tsv(pd.DataFrame(rows).assign(platform_purity=0.6), path / "metacells.tsv")
    assert alerts.alerts(results) == []


def test_every_alert_says_what_to_do(collection, tmp_path):
    results = changed(
        collection, tmp_path, coexpression__rho_n_counts__value=-0.7, coexpression__rho_n_counts__low=-0.8
    )
    texts = alerts.alerts(results)
    assert any(text.startswith("Depth follows pseudotime (ρ = −0.70)") for text in texts)
    assert any("Study atlas" in text and "Relax the filter" in text for text in texts)


def test_the_first_screen_has_numbers_map_and_claims(collection):
    out, config = collection
    results = made_up.results_of(out, config)
    top = first_screen(results)
    assert [noun for _, noun in numbers(results)] == ["cells", "studies", "panclusters", "genes"]
    assert top["claims"] and top["unordered"] == []
    text = page(results, SECTIONS, methods(results, SECTIONS))
    assert text.index("best plain baseline") < text.index('<section id="preprocess">')
    for claim in top["claims"]:
        assert f'<span class="verdict {claim.kind}">' in text


def test_a_collection_without_an_order_shows_its_clusters(collection, tmp_path):
    results = changed(collection, tmp_path)
    path = results.path("landscape/pseudotime.tsv")
    write_tsv(read_tsv(path).assign(pseudotime=np.nan), path)
    shown, labels = first_screen(results)["unordered"]
    assert [row[0] for row in shown.rows] == results.studies
    assert shown.header[1] == "clusters"
    assert labels.header == ("label", "class", "clusters", "studies", "median purity")
    assert {row[0] for row in labels.rows} == {"cell type"}
    assert sum(int(row[2]) for row in labels.rows) == 120


def test_words_are_explained_once_and_never_inside_tags():
    explain = explainer()
    text = explain('<a href="#pseudotime">metacells</a> and <code>metacell</code> along pseudotime')
    assert text.count("<dfn") == 2
    assert 'href="#pseudotime"' in text
    assert "<dfn" not in explain("metacell pseudotime")
    assert all(not re.search("[<>]", meaning) for meaning in WORDS.values())


@pytest.mark.parametrize(
    "verdicts, decided",
    [
        (["holds", "holds", "holds"], "supported"),
        (["holds", "fails", "open"], "not better than all cells"),
        (["holds", "open", "open"], "cannot be decided here"),
    ],
)
def test_the_claim_on_known_networks_holds_for_all_or_fails_for_one(tmp_path, verdicts, decided):
    table = pd.DataFrame({"network": ["string", "biogrid", "kegg"], "verdict": verdicts})
    table = table.assign(
        target="panclusters", edges=100, shared=[9, 4, 1], best_baseline="all-cells", shared_baseline=2
    )
    both = pd.concat([table, table.assign(target="mean-correlation", verdict="holds")])
    write_tsv(both, tmp_path / "overlap/verdicts.tsv")
    made = overlap_claims(Results.of(tmp_path, [tmp_path / "overlap"], {}))
    assert [claim.verdict for claim in made] == [decided, "supported"]
    assert made[0].n == "3 known networks" and "of 3 networks" in made[0].evidence
    assert "9 of 100 edges known (string)" in made[0].evidence and made[0].baseline == "all cells: 2"
    write_tsv(table.drop(columns="target"), tmp_path / "overlap/verdicts.tsv")  # of an older version
    assert overlap_claims(Results.of(tmp_path, [tmp_path / "overlap"], {})) == []
    assert overlap_claims(Results.of(tmp_path, [], {})) == []
