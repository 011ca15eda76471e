"""The whole comparison on files as the stage sivae writes them."""

import dataclasses
import shutil

import made_lines
import numpy as np
import pandas as pd
import pytest

from panscape.data import digests, files
from panscape.errors import UserError
from panscape.plot.networks import draw_networks
from panscape.sivae.networks.edge_tests import edge_tables
from panscape.sivae.networks.effects import effect_tables
from panscape.sivae.networks.ends import end_table
from panscape.sivae.networks.engines import engine_table
from panscape.sivae.networks.gene_tests import gene_tables
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.reliability import check_lines
from panscape.sivae.networks.run import compare_lines, kernel_names, phenotype_columns
from panscape.sivae.networks.set_tests import set_tables
from panscape.sivae.networks.settings import RULE_KEYS, NetworkSettings, rule_settings, usable_engines

COLUMNS = ["phenotype", "group"]


@pytest.fixture(scope="module")
def gmt(tmp_path_factory):
    path = tmp_path_factory.mktemp("sets") / "modules.gmt"
    rows = ["\t".join([name, "planted", *(f"{name}{at + 1:02d}" for at in range(10))]) for name in "ABC"]
    path.write_text("\n".join(rows) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def settings(gmt):
    return NetworkSettings(
        gene_sets=(gmt,),
        edge_sets=("A", "B"),
        permutations=100,
        gsea_permutations=100,
        kernels=("cka", "edges"),
        controls=("mean", "detection", "depth", "n_cells"),  # these lines are not thinned
    )


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sivae")
    made_lines.write(folder)
    return read_collection(read_lines(folder / "lines.tsv"), folder)


@pytest.fixture(scope="module")
def genes(collection, settings):
    return gene_tables(collection, settings, COLUMNS, 0)


def test_bins_and_halves_are_told_apart(collection, tmp_path):
    assert collection.files[0].bins() == ["0", "half-a", "half-b"]
    assert collection.whole(0) == ["0"] and collection.parts(0) == (["half-a", "half-b"], "halves")
    made_lines.write(tmp_path, bins=2)
    result = read_collection(read_lines(tmp_path / "lines.tsv"), tmp_path)
    assert result.whole(3) == ["0", "1"] and result.parts(3) == (["0", "1"], "bins")
    table = result.files[3].table()
    subset = table[table["model"] == "pca"].groupby("gene")["centrality"].mean()
    np.testing.assert_allclose(result.centralities("pca")[:, 3], subset.loc[result.genes], rtol=1e-6)


def test_similarity_is_symmetric_and_finds_the_phenotype(collection, settings):
    similarity, embedding, tests = compare_lines(collection, "cka", "sivae", settings, COLUMNS, 0)
    assert list(similarity) == ["line", *collection.names]
    values = similarity.drop(columns="line").to_numpy()
    np.testing.assert_allclose(values, values.T)
    assert embedding["line"].tolist() == collection.names and "phenotype" in embedding
    assert (tests["pvalue"] < 0.05).all() and set(tests["status"]) == {"tested"}


def test_same_seed_same_tables(collection, settings):
    one, two = (compare_lines(collection, "edges", "pearson", settings, COLUMNS, 0) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(a, b)


@pytest.fixture(scope="module")
def proportional(collection, settings):
    return gene_tables(collection, dataclasses.replace(settings, engines=("proportionality",)), COLUMNS, 0)


@pytest.mark.parametrize("optional", [False, True])
def test_the_planted_module_is_found_and_the_mean_only_one_is_not(genes, proportional, optional):
    result, tests = proportional if optional else genes
    models = ("sivae", "proportionality") if optional else ("sivae", "pca", "pearson", "corrected")
    assert set(result["model"]) == set(models)
    for model in models:
        subset = result[(result["model"] == model) & (result["phenotype"] == "phenotype")].set_index("gene")
        called = subset.index[subset["call"] == "connectivity"]
        assert sum(gene.startswith("A") for gene in called) >= 8
        assert not any(gene.startswith("B") for gene in called)
        lost = called.str.startswith("A")
        assert (subset.loc[called[lost], "rho"] < 0).all() and (~lost).sum() <= 2
    null = tests[(tests["statistic"] == "genes found") & (tests["phenotype"] == "phenotype")]
    assert (null["value"] > null["null_95"]).all()


def test_groups_name_the_high_one(genes):
    subset = genes[0][genes[0]["phenotype"] == "group"]
    assert set(subset["high"]) == {"case"}
    assert subset.loc[subset["gene"].str.startswith("A") & (subset["call"] != ""), "rho"].max() < 0


def test_gene_sets(collection, genes, settings):
    result, tests = set_tables(collection, genes[0], settings, COLUMNS, 0)
    subset = result[(result["model"] == "sivae") & (result["phenotype"] == "phenotype")]
    best = subset.sort_values("pvalue").groupby("ranking").first()
    assert best["term"].tolist() == ["A", "A"] and (best["nes"] < -1.5).all()
    assert (best["pvalue_labels"] < 0.05).all() and tests.empty


def test_edges(collection, settings):
    edges, sets, groups, tests = edge_tables(collection, settings, COLUMNS, 0)
    subset = sets[(sets["set_b"] == "A") & (sets["phenotype"] == "phenotype") & (sets["model"] == "sivae")]
    assert subset["rho"].iloc[0] < -0.8 and subset["fdr"].iloc[0] < 0.05
    assert subset["fdr_partial"].iloc[0] < 0.05
    # edges of B follow the genes' means; with these controlled only those of A are left
    assert {"A"} <= set(edges.loc[edges["fdr"] < 0.05, "set_a"])
    assert set(edges.loc[edges["fdr_partial"] < 0.05, "set_a"]) <= {"A"}
    inside = groups[groups["gene_a"].str.startswith("A") & groups["gene_b"].str.startswith("A")]
    counted = inside[inside["only_here"]].groupby("group").size()
    assert counted.get("control", 0) > counted.get("case", 0)
    assert set(tests["part"]) == {"edges of groups"}


def test_reliability_of_halves(collection, settings):
    result = check_lines(collection, settings)
    assert set(result["source"]) == {"halves"} and set(result["model"]) == {
        "sivae",
        "pca",
        "pearson",
        "corrected",
    }
    assert len(result) == 12 * (3 + 3 + 2 + 2) and result["line"].tolist()[:3] == ["line01"] * 3
    subset = result[result["measure"] == "centrality"]
    assert (subset["within"] > subset["others"]).mean() > 0.8


def test_lines_of_one_bin_and_no_halves_are_of_unknown_reliability(tmp_path, settings):
    made_lines.write(tmp_path, halves=False)
    result = read_collection(read_lines(tmp_path / "lines.tsv"), tmp_path)
    table = check_lines(result, settings)
    assert set(table["flag"]) == {"unknown"} and table["within"].isna().all() and len(table) == 120


def test_collapsed_models_are_flagged(tmp_path, settings):
    made_lines.write(tmp_path)
    bins = pd.DataFrame({"bin": ["0", "half-a", "half-b"], "collapsed": [True, False, False]})
    files.write_tsv(bins, tmp_path / "line02" / "models.tsv")
    files.write_tsv(bins.assign(collapsed=[False, True, False]), tmp_path / "line03" / "models.tsv")
    result = read_collection(read_lines(tmp_path / "lines.tsv"), tmp_path)
    table = check_lines(result, settings)
    flagged = table[table["flag"] == "collapsed"]
    assert set(flagged["line"]) == {"line02"} and set(flagged["model"]) == {"sivae"}


def test_one_line_only(tmp_path, settings, gmt):
    made_lines.write(tmp_path, lines=lambda table: table.head(1))
    result = read_collection(read_lines(tmp_path / "lines.tsv"), tmp_path)
    similarity, embedding, tests = compare_lines(result, "cka", "sivae", settings, COLUMNS, 0)
    assert similarity.shape == (1, 2) and len(embedding) == 1
    assert tests["status"].str.startswith("skipped: 1 lines have a value, networks.min_lines is 6").all()
    genes, tests = gene_tables(result, settings, COLUMNS, 0)
    assert genes.empty and "rho_partial" in genes and len(tests) == 2
    sets, _ = set_tables(result, genes, settings, COLUMNS, 0)
    edges = edge_tables(result, settings, COLUMNS, 0)
    assert sets.empty and edges[0].empty and edges[2].empty
    reliability = check_lines(result, settings)
    assert set(reliability["flag"]) <= {"", "unreliable"} and reliability["others"].isna().all()


def test_missing_phenotypes_and_lines_without_a_model(tmp_path, settings):
    def spoil(table):
        table = table.assign(constant=1, text=table["line"])
        table.loc[table.index[:2], "phenotype"] = np.nan
        extra = pd.DataFrame([{"line": "small", "name": "small", "n_cells": 3, "status": "too few cells"}])
        return pd.concat([table, extra])

    made_lines.write(tmp_path, lines=spoil)
    result = read_collection(read_lines(tmp_path / "lines.tsv"), tmp_path)
    assert len(result.files) == 12
    columns = ["phenotype", "constant", "text", "nowhere"]
    genes, tests = gene_tables(result, settings, columns, 0)
    assert set(genes["phenotype"]) == {"phenotype"} and (genes["n"] == 10).all()
    skipped = tests[tests["status"] != "tested"].set_index("phenotype")["status"]
    assert "all 12 lines have the value '1" in skipped["constant"]
    assert "tells lines apart" in skipped["text"] and "0 lines have a value" in skipped["nowhere"]


def test_a_gene_that_is_constant_in_a_line_counts_as_unconnected(tmp_path, settings):
    made_lines.write(tmp_path)
    path = tmp_path / "line03" / "genes.tsv.gz"
    table = files.read_tsv(path, dtype={"bin": str})
    table.loc[table["gene"] == "C01", "centrality"] = np.nan
    files.write_tsv(table, path)
    result = read_collection(read_lines(tmp_path / "lines.tsv"), tmp_path)
    values = result.centralities("sivae")[list(result.genes).index("C01")]
    assert values[2] == 0 and (np.delete(values, 2) > 0).all()
    genes, _ = gene_tables(result, settings, ["phenotype"], 0)
    assert genes.loc[genes["gene"] == "C01", "pvalue"].notna().all()


def test_files_that_do_not_belong_together(tmp_path):
    made_lines.write(tmp_path)
    shutil.copy(tmp_path / "line01" / "graph.npz", tmp_path / "graph.npz")
    files.write_csr(files.read_csr(tmp_path / "graph.npz")[:90], tmp_path / "line01" / "graph.npz")
    result = read_collection(read_lines(tmp_path / "lines.tsv"), tmp_path)
    with pytest.raises(UserError, match="90 rows of 90 genes, where there are 3 bins"):
        result.graphs("sivae")
    table = read_lines(tmp_path / "lines.tsv")
    with pytest.raises(UserError, match="no line has a model"):
        read_collection(table.assign(status="too few cells"), tmp_path)


def test_every_file_of_a_line_is_compared_with_its_record(tmp_path):
    made_lines.write(tmp_path)
    path = tmp_path / "line02" / "graph_pearson.npz"
    digests.write(path, digests.Digest.of(path, "train_lines"))
    lines = read_lines(tmp_path / "lines.tsv")
    figure = path.with_name("training.svg")
    figure.write_text("drawn")
    digests.write(figure, digests.Digest.of(figure, "plot_lines"))
    figure.write_text("edited")  # no file that is read here
    read_collection(lines, tmp_path)  # not the file that jobs name as their input
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"line02/graph_pearson\.npz.* is damaged"):
        read_collection(lines, tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=r"line02/graph_pearson\.npz.* is missing"):
        read_collection(lines, tmp_path)


def test_gene_sets_without_overlap_are_reported(collection, genes, tmp_path):
    other = tmp_path / "mouse.gmt"
    other.write_text("set\tx\tActb\tGapdh\n")
    settings = NetworkSettings(gene_sets=(str(other),), edge_sets=("set", "unheard"), permutations=20)
    sets, tests = set_tables(collection, genes[0], settings, COLUMNS, 0)
    assert sets.empty and tests["status"].str.contains("no set has 5 to 500 of the ").all()
    *tables, tests = edge_tables(collection, settings, ["phenotype"], 0)
    assert tables[0].empty
    assert {"skipped: 0 genes of the set set are analysed", "skipped: no set unheard"} <= set(tests["status"])


def test_names_of_comparisons():
    names = kernel_names({"kernels": ["cka", "wl-name"], "engines": ["pca", "pearson"]})
    assert names == {
        "cka": ("cka", "sivae"), "wl-name": ("wl-name", "sivae"), "cka-pca": ("cka", "pca"),
        "wl-name-pca": ("wl-name", "pca"), "wl-name-pearson": ("wl-name", "pearson"),
    }  # fmt: skip


def test_counts_are_needed_for_corrected_correlations():
    studies = [{"id": "a"}, {"id": "b", "use": ["landscape"], "values": "log"}]
    config = {"studies": studies, "networks": {"engines": ["pca", "corrected"]}}
    assert usable_engines(config) == ["pca", "corrected"]
    assert usable_engines(config | {"studies": [*studies, {"id": "c", "values": "log"}]}) == ["pca"]
    assert NetworkSettings(engines=("corrected",)).models == ("sivae", "corrected")


def test_phenotypes_are_the_mapped_columns_but_roles():
    studies = [
        {"use": ["sivae"], "obs": {"line": {}, "donor": {}, "age": {}, "batch": {}, "response": {}}},
        {"use": ["landscape"], "obs": {"tissue": {}}},
    ]
    settings = {"phenotypes": None, "block": None, "covariates": []}
    config = {"studies": studies, "networks": settings}
    assert phenotype_columns(config) == ["donor", "age", "response"]
    assert phenotype_columns(config | {"networks": settings | {"phenotypes": ["x"]}}) == ["x"]
    blocked = settings | {"block": "donor", "covariates": ["age"]}
    assert phenotype_columns(config | {"networks": blocked}) == ["response"]


def test_figures_are_drawn(collection, genes, settings, tmp_path):
    kernels = kernel_names(settings)
    result = {
        name: compare_lines(collection, kernel, model, settings, COLUMNS, 0)
        for name, (kernel, model) in kernels.items()
    }
    tables = {
        "tests": pd.concat([tests for _, _, tests in result.values()]),
        "genes": genes[0],
        "sets": set_tables(collection, genes[0], settings, COLUMNS, 0)[0],
        "reliability": check_lines(collection, settings),
    }
    embeddings = {name: embedding for name, (_, embedding, _) in result.items()}
    drawn = dict(draw_networks(collection, embeddings, tables, settings, COLUMNS, kernels))
    assert list(drawn) == ["lines", "genes", "reliability", "networks"]
    assert "Edges among 10 genes: A" in drawn["networks"].get_suptitle()
    titles = [ax.get_title(loc="left") for ax in drawn["lines"].axes]
    assert any("PERMANOVA p = " in title for title in titles)
    # nothing to draw is said and not an error
    empty = {name: table.head(0) for name, table in tables.items()}
    assert len(dict(draw_networks(collection, embeddings, empty, settings, COLUMNS, kernels))) == 4


FIELDS = {item.name for item in dataclasses.fields(NetworkSettings)}


class Recorded:
    """Settings that remember which of them were asked for."""

    def __init__(self, settings):
        self.settings, self.asked = settings, set()

    def __getattr__(self, name):
        if name in FIELDS:
            self.asked.add(name)
        if name == "models":
            self.asked.add("engines")
        if name == "table":
            self.asked.add("phenotypes")
        return getattr(self.settings, name)


def test_every_rule_gets_the_settings_that_it_uses_and_no_others(collection, genes, settings):
    """A change of one setting runs again only what it changes: `fdr` no kernel, no model."""
    tables = {"genes": genes[0], "tests": genes[1], "reliability": check_lines(collection, settings)}
    no_sets = pd.DataFrame(columns=["model", "ranking", "pvalue", "fdr", "term"])
    calls = {
        "compare_lines": [
            lambda given: compare_lines(collection, "wl-degree", "sivae", given, COLUMNS, 0),
            lambda given: compare_lines(
                collection, "edges", "pca", dataclasses.replace(given.settings, genes="central"), COLUMNS, 0
            ),
        ],
        "check_lines": [lambda given: check_lines(collection, given)],
        "associate_genes": [lambda given: gene_tables(collection, given, COLUMNS, 0)],
        "rank_sets": [lambda given: set_tables(collection, genes[0], given, COLUMNS, 0)],
        "associate_edges": [lambda given: edge_tables(collection, given, COLUMNS, 0)],
        "measure_effects": [lambda given: effect_tables(collection, given, COLUMNS, 0)],
        "judge_engines": [lambda given: engine_table(collection, given, COLUMNS, tables, 0)],
        "compare_ends": [lambda given: end_table(collection, given, COLUMNS, genes[0], no_sets)],
    }
    for rule, functions in calls.items():
        asked = set()
        for function in functions:
            recorded = Recorded(settings)
            function(recorded)
            asked |= recorded.asked
        assert asked <= set(RULE_KEYS[rule]), (rule, asked - set(RULE_KEYS[rule]))
        # read by the script (kernels, table of lines), or only if genes are chosen
        unused = set(RULE_KEYS[rule]) - asked - {"phenotypes", "kernels", "central_top", "engines"}
        assert not unused, (rule, unused)
    affected = {rule for rule, names in RULE_KEYS.items() if "fdr" in names}
    assert affected == {
        "associate_genes", "rank_sets", "associate_edges", "measure_effects", "judge_engines"
    }  # fmt: skip
    given = rule_settings(dataclasses.asdict(settings), "check_lines")
    assert NetworkSettings.of(given).min_reliability == settings.min_reliability
