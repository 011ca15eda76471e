"""Sentences of the report match the collection."""

import html
import re

import anndata
import made_up
import numpy as np
import pandas as pd
import pytest

from panscape.data.files import read_tsv, write_tsv
from panscape.report.blocks import Picture
from panscape.report.methods import markdown, methods
from panscape.report.page import _code, page, summary
from panscape.report.run import _first_sentence
from panscape.report.sections import (
    SECTIONS,
    coexpression,
    dictionary,
    landscape,
    landscape_places,
    landscape_sentences,
    landscape_tables,
    overlap,
    panclust,
    sivae,
    unicoord,
)


@pytest.fixture(scope="module")
def without_ages(tmp_path_factory):
    """One study without ages and without pseudotime, of 40 clusters in one piece."""
    config = made_up.configuration(studies=["atlas"], landscape={"root": "none"})
    out = made_up.write_results(tmp_path_factory.mktemp("one"), studies=["atlas"])
    land = out / "landscape"
    data = anndata.read_h5ad(land / "landscape.h5ad")
    data.obs["dpt_pseudotime"] = data.obs["age"] = np.nan
    data.write_h5ad(land / "landscape.h5ad")
    table = read_tsv(land / "pseudotime.tsv")
    write_tsv(table.assign(pseudotime=np.nan, age=np.nan, component=0), land / "pseudotime.tsv")
    for name in ("genes", "pairs"):
        write_tsv(read_tsv(land / f"{name}.tsv").assign(rho=np.nan), land / f"{name}.tsv")
    nan = dict.fromkeys(("low", "high", "null_mean", "null_sd", "pvalue"), np.nan) | {"note": ""}
    counts = [("components", 1.0), ("reached", 0.0)]
    spaces = ("coexpression", "expression")
    rows = [{"space": space, "statistic": name, "value": value, "n": 40, "units": "", **nan}
            for space in spaces for name, value in counts]  # fmt: skip
    write_tsv(pd.DataFrame(rows)[made_up.COLUMNS], land / "statistics.tsv")
    made_up.draw(out, config, names={"map-study", "map-n-cells"})
    return made_up.results_of(out, config)


def test_one_study_without_ages_is_not_described_as_several_with_ages(without_ages):
    described = methods(without_ages, SECTIONS)
    paragraphs = " ".join(described.paragraphs)
    assert "Pseudotime was compared with age" not in paragraphs and "bootstrap" not in paragraphs
    assert "Panclusters were joined in a graph" in paragraphs and "all studies" not in paragraphs
    assert "the 60 genes that rank highest were kept." in paragraphs
    assert not any(name in text for text in described.references for name in ("Haghverdi", "Benjamini"))
    sentences = summary(without_ages, SECTIONS)
    assert "40 panclusters." in sentences
    assert "Clusters have no pseudotime: landscape.root is none." in sentences
    assert "The landscape is connected: paths of neighbours join all clusters." in sentences
    text = html.unescape(page(without_ages, SECTIONS, described))
    assert "measured in every study" not in text and "highest by dispersion are analysed" in text
    for word in ("In brackets 95 %", "By chance:", "Connected parts of", "map of pseudotime these"):
        assert word not in text


def test_the_distance_of_the_landscape_is_described(tmp_path):
    out, config = made_up.write_results(tmp_path), made_up.configuration()
    for distance in ("corrected", "thresholded"):
        config["landscape"] |= {"distance": distance, "neighbor_sweep": [10, 20], "metric": "euclidean"}
        results = made_up.results_of(out, config)
        text = " ".join(methods(results, SECTIONS).paragraphs)
        shown = " ".join(str(getattr(block, "text", "")) for block in coexpression._blocks(results))
        if distance == "corrected":
            assert "1 - cosine of their unthresholded correlations over the gene pairs with the most" in text
            assert (
                "100,000 at most" in text
                and "(the median over graphs of 10 and 20 neighbours, at most " in text
            )
            assert "over the 20 gene pairs with any signal over all panclusters" in shown
            assert "55 % for a typical pair, 23 % to 87 % for nine in ten" in shown
            assert "Distances and networks" not in shown
            (out / coexpression.CHOSEN).unlink()
        else:
            assert "Euclidean distance" in text and "median over graphs" not in text
            assert "with any signal" not in shown and "Distances and networks exclude pairs" in shown


def test_a_table_of_statistics_has_no_empty_columns(without_ages):
    shown = landscape_tables.statistics_table(without_ages)
    assert shown.header == ("measure", "clusters", "coexpression space", "expression space")
    assert shown.rows == (("connected parts", "40", "1", "1"), ("clusters with a pseudotime", "40", "0", "0"))
    assert shown.numeric == (False, True, True, True)


def test_parts_without_a_root_are_reported_without_pseudotime(without_ages, tmp_path):
    path = without_ages.path(landscape.PSEUDOTIME)
    before = path.read_bytes()
    try:
        table = read_tsv(path)
        write_tsv(table.assign(component=[0] * 30 + [1] * 10), path)
        blocks = landscape._parts(without_ages)
        assert blocks[2].header == ("part", "clusters", "studies")
        assert "root" not in blocks[1].text
        assert landscape_sentences._parts_sentences(without_ages) == ["The landscape has 2 connected parts."]
    finally:
        path.write_bytes(before)


def test_ages_without_p_values_or_intervals_are_not_said_to_have_them(collection, tmp_path):
    out, config = made_up.write_results(tmp_path), made_up.configuration()
    path = out / "landscape" / "statistics.tsv"
    table = read_tsv(path)
    write_tsv(table.assign(pvalue=np.nan, low=np.nan), path)
    (_, _, text) = landscape._methods(made_up.results_of(out, config))
    assert text.startswith("Pseudotime was compared with age") and text.endswith("clusters' expression.")
    write_tsv(table, path)
    (_, _, text) = landscape._methods(made_up.results_of(out, config))
    assert "p-values are from shuffling" in text and "95 % intervals are from a bootstrap" in text


def test_settings_set_by_hand_are_not_called_the_defaults(collection):
    out, _ = collection
    config = made_up.configuration(preprocess={"n_genes": 900}, panclust={"min_cells": 50})
    first = methods(made_up.results_of(out, config), SECTIONS).paragraphs[0]
    assert "panscape's own settings; preprocess.n_genes and panclust.min_cells set by hand; seed 0" in first
    config = made_up.configuration(preset="paper", panclust={"resolutions": [1]})
    first = methods(made_up.results_of(out, config), SECTIONS).paragraphs[0]
    assert first.endswith("panclust.resolutions set by hand; seed 0).")


@pytest.mark.parametrize(
    ("algorithm", "levels"),
    [("louvain", True), ("louvain-igraph", True), ("leiden", False), ("ward", False)],
)
def test_levels_and_citations_are_those_of_the_algorithm(collection, algorithm, levels):
    out, _ = collection
    results = made_up.results_of(out, made_up.configuration(panclust={"algorithm": algorithm}))
    text = panclust.SECTION.blocks(results)[0].text + panclust.SECTION.methods(results)[0]
    assert ("level of agglomeration" in text) == levels
    assert ("level of the refined communities" in text and "level of refinement" in text) == (
        algorithm == "leiden"
    )
    assert ("blondel2008louvain" in panclust.SECTION.cited(results)) == levels
    assert ("traag2019leiden" in panclust.SECTION.cited(results)) == (algorithm == "leiden")


def test_medians_are_written_alike():
    table = pd.DataFrame({"study": "a", "resolution": [1.0] * 2 + [2.0] * 3, "level": 0,
                          "n_cells": [50, 51, 80, 83, 1500]})  # fmt: skip
    assert panclust.per_resolution(table)["median (cells)"].tolist() == ["50.5", "83"]


def test_genes_left_aside_are_named(collection):
    out, _ = collection
    config = made_up.configuration(preprocess={"exclude_genes": ["ribosomal", "^HB"], "score": "detection"})
    text = markdown(methods(made_up.results_of(out, config), SECTIONS), "x")
    assert "ribosomal genes and those that match ^HB excluded; the 60 genes that rank highest" in text
    config = made_up.configuration(preprocess={"exclude_genes": []})
    assert " excluded" not in " ".join(methods(made_up.results_of(out, config), SECTIONS).paragraphs)


def test_mitochondrial_limits_without_counts_are_reported(tmp_path):
    out, config = made_up.write_results(tmp_path), made_up.configuration()
    text = "At least half of the cells of atlas have no mitochondrial counts"
    assert text not in html.unescape(page_of(out, config))
    path = out / "preprocess" / "qc.tsv"
    qc = read_tsv(path)
    mine = (qc["study"] == "atlas") & (qc["filter"] == "max_mito")
    qc.loc[mine, ["median", "removed"]] = [0, 0]
    write_tsv(qc, path)
    assert text in html.unescape(page_of(out, config))


def page_of(out, config):
    results = made_up.results_of(out, config)
    return page(results, SECTIONS, methods(results, SECTIONS))


def test_the_first_sentence_does_not_end_in_an_abbreviation():
    text = "Genes not to select: regular expressions, e.g. `^HB[AB]`. They still count."
    assert _first_sentence(text) == "Genes not to select: regular expressions, e.g. `^HB[AB]`."
    assert _first_sentence("One. Two.") == "One." and _first_sentence("One") == "One"


def test_backticks_become_code_and_hostile_text_stays_escaped():
    assert _code("set `a.b` to <1>") == "set <code>a.b</code> to &lt;1&gt;"
    assert _code("`<b>`") == "<code>&lt;b&gt;</code>"
    assert _code("a lone ` stays") == "a lone ` stays"


def test_no_backtick_is_left_on_the_page(collection):
    out, config = collection
    body = re.sub(
        r"<(style|script).*?</(style|script)>|data:image[^\"]*", "", page_of(out, config), flags=re.DOTALL
    )
    assert "`" not in body and "<code>panclust.min_cells</code>" in body


def test_studies_without_ages_are_compared_by_mixing_alone(tmp_path):
    out, config = made_up.write_results(tmp_path), made_up.configuration()
    path = out / "landscape" / "statistics.tsv"
    table = read_tsv(path)
    table = table[table["statistic"].isin(["other_study_share", "study_entropy", "components"])]
    write_tsv(table, path)
    results = made_up.results_of(out, config)
    head = landscape_tables.spaces_table(results)
    assert len(head.header) == 2 and "bootstrap" not in head.caption
    caption = landscape_tables.statistics_table(results).caption
    assert "bootstrap" not in caption and "ages" not in caption and "studies were reassigned" in caption


def test_an_overlap_without_supported_edges_has_no_figure_of_them(collection):
    out, _ = collection
    results = made_up.results_of(out, made_up.configuration())
    edges = pd.DataFrame({"gene_a": ["A"], "gene_b": ["B"], "weight": [1.0]})
    (note,) = overlap._supported(results, edges.head(0), PICTURE)
    assert note.text.startswith("Not shown: supported edges") and "2 known networks or more" in note.text
    first, gallery, table = overlap._supported(results, edges, PICTURE)
    assert first.text == "1 edge is in 2 known networks or more and found by panclustering only."
    assert gallery.pictures == (PICTURE,) and len(table.rows) == 1


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (["holds", "holds"], "with the dictionary it holds for all networks; with the pairs most"),
        (["holds", "fails"], "with the dictionary it holds for one, fails for two (against all-cells);"),
        (["open", "holds"], "with the dictionary it holds for two, is open for one;"),
        (["open", "open"], "with the dictionary it is open for all networks;"),
    ],
)
def test_the_claim_about_known_networks_is_said_to_hold_or_not(tmp_path, verdict, wanted):
    out, config = made_up.write_results(tmp_path), made_up.configuration()
    before = made_up.results_of(out, config)  # as of an older version
    assert overlap._claim(before) == [] and overlap._by_number(before) == []
    (out / "overlap").mkdir(exist_ok=True)
    table = pd.DataFrame({"network": ["one", "two"], "verdict": verdict, "best_baseline": "all-cells"})
    write_tsv(table, out / overlap.VERDICTS)
    assert overlap._claim(made_up.results_of(out, config)) == []  # verdicts by a rule that was not valid
    both = [
        table.assign(target="panclusters"),
        table.head(1).assign(target="mean-correlation", verdict="fails"),
    ]
    write_tsv(pd.concat(both), out / overlap.VERDICTS)
    (sentence,) = overlap._claim(made_up.results_of(out, config))
    assert wanted in sentence and "correlated within them it fails for one (known edges" in sentence


PICTURE = Picture("data:image/png;base64,", 100, "title")


def test_networks_are_in_the_order_of_pseudotime_only_where_there_is_one():
    assert "pseudotime" in dictionary._order(pd.DataFrame({"pseudotime": [0.1, np.nan]}))
    assert dictionary._order(pd.DataFrame({"pseudotime": [np.nan, np.nan]})) == ""


def test_errors_of_training_are_not_called_those_of_held_out_cells():
    assert sivae._on_what(pd.DataFrame({"test_mse": [np.nan, np.nan]})) == "Error on the training cells"
    assert sivae._on_what(pd.DataFrame({"test_mse": [0.5, 0.6]})) == "Error on held-out cells"


def test_only_baselines_of_the_labels_at_hand_are_named():
    (text,) = unicoord._baselines(["cell_type"], [])
    assert (
        text.startswith("Baselines were logistic regression and nearest neighbours") and "ridge" not in text
    )
    assert "logistic" not in unicoord._baselines([], ["age"])[0]
    assert unicoord._baselines([], []) == []


def test_methods_of_the_landscape_name_its_studies_where_others_are_left_out(collection):
    out, config = collection
    text = " ".join(methods(made_up.results_of(out, config), SECTIONS).paragraphs)
    assert "Cells of each study were clustered" in text and "within each study" in text
    studies = [
        {**study, "use": ["sivae"]} if study["id"] == "atlas" else study for study in config["studies"]
    ]
    text = " ".join(methods(made_up.results_of(out, {**config, "studies": studies}), SECTIONS).paragraphs)
    assert "Cells of each of early-embryo and late-embryo were clustered" in text
    assert "within each of early-embryo and late-embryo" in text


def test_clusters_that_are_not_placed_are_counted_and_listed(collection, tmp_path):
    out, config = made_up.write_results(tmp_path), made_up.configuration(landscape={"distance": "corrected"})
    results = made_up.results_of(out, config)
    (text,) = landscape_places.placement_sentences(results)
    assert text.startswith(
        "The 95 % interval of a cluster's pseudotime, over 50 draws of cells or samples, has"
    )
    assert text.endswith("of 120 clusters, 110 are placed, 3 uncertain and 7 unconnected.")
    heading, words, shown = landscape_places.placement_blocks(results)
    assert heading.text == "Clusters that are not placed" and words.text.startswith("Unconnected:")
    assert [row[-1] for row in shown.rows] == ["unconnected"] * 7 + ["uncertain"] * 3
    assert shown.rows[-1][-2].endswith("(0.00 to 0.80)") and shown.rows[0][-2] == "–"
    (method,) = landscape_places.placement_methods(results)
    assert "percentiles over 50 draws" in method


def test_a_landscape_without_intervals_says_why(tmp_path):
    out = made_up.write_results(tmp_path)
    path = out / "landscape" / "pseudotime.tsv"
    table = read_tsv(path).drop(columns=["pseudotime_low", "pseudotime_high"])
    write_tsv(table, path)
    for settings, why in (
        ({"distance": "thresholded"}, "they need landscape.distance: corrected"),
        ({"distance": "corrected", "pseudotime_draws": 0}, "landscape.pseudotime_draws is 0"),
    ):
        results = made_up.results_of(out, made_up.configuration(landscape=settings))
        assert landscape_places.placement_sentences(results) == [f"Pseudotime has no intervals: {why}."]
        assert landscape_places.placement_methods(results) == []
    write_tsv(table.drop(columns="placement"), path)
    assert landscape_places.placement_sentences(results) == []
    assert landscape_places.placement_blocks(results) == []
