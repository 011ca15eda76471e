"""Lines that are divided by cell type: a model per line and type, and like compared with like."""

import logging

import numpy as np
import pandas as pd
import pytest
from made_lines import write
from scipy import sparse

from panscape.config.cross import lines as check_lines_of
from panscape.data import files
from panscape.errors import UserError
from panscape.plot.networks import draw_networks, plot_genes, plot_lines
from panscape.report.explorer.maps import lines_map
from panscape.report.results import Results
from panscape.report.sections.network_lines import networks_of, within_types
from panscape.simulate.donors import DonorsSettings, donors_study
from panscape.sivae.baselines import pca
from panscape.sivae.bins import Bin
from panscape.sivae.depth import kept_fractions, thinned_depths
from panscape.sivae.line_names import file_names, line_of_cells
from panscape.sivae.lines import LineSettings, plan_lines
from panscape.sivae.networks.centrality import associate_genes
from panscape.sivae.networks.engines import engine_table
from panscape.sivae.networks.gene_tests import gene_tables
from panscape.sivae.networks.lines_table import with_table
from panscape.sivae.networks.neighbours import neighbour_tables
from panscape.sivae.networks.phenotype import read_phenotype
from panscape.sivae.networks.read import Collection, read_collection, read_lines
from panscape.sivae.networks.reliability import check_lines
from panscape.sivae.networks.run import compare_lines, kernel_names
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.tested import read_phenotypes

DONORS = pd.DataFrame({
    "donor": np.repeat(["d1", "d2"], 60), "type": np.tile(np.repeat(["T cell", "B"], [40, 20]), 2),
    "age": np.repeat([30, 50], 60), "n_counts": np.tile(np.repeat([900.0, 300.0], [40, 20]), 2),
}, index=[f"c{at}" for at in range(120)])  # fmt: skip
DONORS.loc["c60":, "n_counts"] *= 2
DIVIDED = LineSettings(line="donor", within="type", min_cells=20, labels="type")


def test_a_line_of_each_type_has_its_own_cells_and_depth():
    plan = plan_lines({"s": DONORS}, DIVIDED, 0, ["age", "type", "donor"])
    lines = plan.lines.set_index("line")
    assert list(lines.index) == ["d1-B", "d1-T-cell", "d2-B", "d2-T-cell"]
    assert lines["name"].tolist() == ["d1", "d1", "d2", "d2"]
    assert lines["within"].tolist() == ["B", "T cell"] * 2 and lines["age"].tolist() == [30, 30, 50, 50]
    assert "type" not in lines and "donor" not in lines
    chosen = plan.cells[(plan.cells["line"] == "d2-B") & (plan.cells["bin"] == "0")]["cell"]
    assert set(chosen) == set(DONORS.index[100:])
    # cells are thinned to the shallowest line of their own type
    assert thinned_depths(plan.lines) == {"d1-B": 300, "d1-T-cell": 900, "d2-B": 300, "d2-T-cell": 900}
    assert kept_fractions(plan.lines) == {"d1-B": 1, "d1-T-cell": 1, "d2-B": 0.5, "d2-T-cell": 0.5}


def test_types_with_too_few_cells_are_named(caplog):
    cells = DONORS.drop(index=[f"c{at}" for at in range(105, 120)])
    with caplog.at_level(logging.WARNING):
        plan = plan_lines({"s": cells}, DIVIDED, 0)
    assert "B: 1 of 2 lines have fewer than 20 cells and no model: d2 (5)" in caplog.text
    assert plan.lines.set_index("line")["status"].to_dict() == {
        "d1-B": "ok", "d1-T-cell": "ok", "d2-B": "too few cells", "d2-T-cell": "ok"
    }  # fmt: skip


def test_cells_without_a_type_belong_to_no_line(caplog):
    cells = DONORS.assign(type=DONORS["type"].mask(DONORS["type"] == "B"))
    plan = plan_lines({"s": cells}, DIVIDED, 0)
    assert plan.lines["n_cells"].tolist() == [40, 40, 40] or plan.lines["status"].tolist()[0] == "unnamed"
    assert "40 cells have no type" in caplog.text
    with pytest.raises(UserError, match=r"sivae\.within names it"):
        line_of_cells(DONORS.drop(columns="type"), "donor", "type", "s")


def test_names_that_would_share_files_are_refused():
    cells = pd.DataFrame({"donor": ["a-b", "a"], "type": ["c", "b-c"]})
    labels = line_of_cells(cells, "donor", "type", "s")["label"]
    with pytest.raises(UserError, match="would have the same files"):
        file_names({"s": labels})


def test_the_column_has_to_be_mapped():
    study = {"id": "s", "use": ["sivae"], "obs": {"donor": {}, "cell_type": {}}}
    config = {"sivae": {"line": "donor", "within": "celltype"}, "networks": {}}
    (problem,) = check_lines_of(config, [(0, study)])
    assert "'s' has no 'celltype'" in problem.what and "cell_type" in problem.fix
    config["sivae"]["within"] = "donor"
    assert "is the column of the lines" in next(iter(check_lines_of(config, [(0, study)]))).what
    config["sivae"]["within"] = "cell_type"
    assert list(check_lines_of(config, [(0, study)])) == []


def test_a_row_of_the_table_is_that_of_all_types_of_a_donor():
    lines = plan_lines({"s": DONORS}, DIVIDED, 0).lines
    table = pd.DataFrame({"trait": ["1", "2"]}, index=["d1", "d2"])
    assert with_table(lines, table, "t.tsv")["trait"].tolist() == [1, 1, 2, 2]
    twice = pd.concat([lines, lines.assign(study="t", line="t-" + lines["line"])], ignore_index=True)
    table = pd.DataFrame({"trait": range(4)}, index=["s-d1", "s-d2", "t-d1", "t-d2"])
    assert with_table(twice, table, "t.tsv")["trait"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


SETTINGS = NetworkSettings(min_lines=5, permutations=40, mito_set=False)


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """Return the collection of 12 lines, of two types in turns, and the folder."""
    folder = tmp_path_factory.mktemp("sivae")
    write(folder, lines=lambda table: table.assign(within=np.resize(["x", "y"], 12), depth=900.0))
    return read_collection(read_lines(folder / "lines.tsv"), folder), folder


@pytest.fixture(scope="module")
def alone(divided):
    """Return the lines of type x as a collection that is not divided."""
    part = divided[0].of_kind("x")
    return Collection(part.lines.drop(columns="within"), part.files, part.genes)


def test_tests_of_a_type_are_those_of_its_lines_alone(divided, alone):
    collection, _ = divided
    genes, tests = gene_tables(collection, SETTINGS, ["phenotype"], 0)
    expected, _ = gene_tables(alone, SETTINGS, ["phenotype"], 0)
    assert set(genes["phenotype"]) == {"phenotype (x)", "phenotype (y)"}
    found = genes[genes["phenotype"] == "phenotype (x)"].reset_index(drop=True)
    columns = ["gene", "model", "rho", "pvalue", "fdr", "rho_partial", "fdr_partial", "n", "call"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    designs = tests[tests["part"] == "design"]
    assert designs["n"].tolist() == [6, 6]
    few = NetworkSettings(min_lines=7)
    phenotypes, skipped = read_phenotypes(collection.lines, ["phenotype"], few)
    assert not phenotypes and skipped["phenotype"].tolist() == ["phenotype (x)", "phenotype (y)"]


def test_maps_reliability_and_engines_are_of_one_type(divided, alone):
    collection, _ = divided
    similarity, embedding, tests = compare_lines(
        collection, "neighbours", "sivae", SETTINGS, ["phenotype"], 0
    )
    _, expected, expected_tests = compare_lines(alone, "neighbours", "sivae", SETTINGS, ["phenotype"], 0)
    assert similarity.shape == (12, 13)
    shown = embedding[embedding["within"] == "x"].drop(columns="within").reset_index(drop=True)
    pd.testing.assert_frame_equal(shown, expected)
    np.testing.assert_allclose(tests["value"][:3], expected_tests["value"])
    reliability, own = check_lines(collection, SETTINGS), check_lines(alone, SETTINGS)
    part = reliability[reliability["line"].isin(alone.names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, own)
    genes, nulls = gene_tables(collection, SETTINGS, ["phenotype"], 0)
    tables = {"genes": genes, "tests": nulls, "reliability": reliability}
    engines = engine_table(collection, SETTINGS, ["phenotype"], tables, 0)
    genes, nulls = gene_tables(alone, SETTINGS, ["phenotype"], 0)
    single = engine_table(
        alone, SETTINGS, ["phenotype"], {"genes": genes, "tests": nulls, "reliability": own}, 0
    )
    measures = ["agreement", "line_agreement", "follows_depth", "called"]
    pd.testing.assert_frame_equal(engines.loc[:3, measures], single[measures])
    assert engines.groupby("phenotype")["believed"].sum().tolist() == [1, 1]


def test_neighbours_are_of_the_lines_of_a_type(divided, alone):
    genes = pd.DataFrame({"gene": [], "model": [], "call": [], "pvalue": []})
    consensus, _ = neighbour_tables(divided[0], SETTINGS, genes)
    expected, _ = neighbour_tables(alone, SETTINGS, genes)
    part = consensus[consensus["within"] == "x"].drop(columns="within").reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected)
    assert "within" not in expected


def test_figures_show_the_lines_of_one_type(divided):
    collection, _ = divided
    kernels = {name: pair for name, pair in kernel_names(SETTINGS).items() if pair == ("neighbours", "sivae")}
    _, embedding, tests = compare_lines(collection, "neighbours", "sivae", SETTINGS, ["phenotype"], 0)
    genes, nulls = gene_tables(collection, SETTINGS, ["phenotype"], 0)
    tables = {
        "tests": pd.concat([tests, nulls]), "genes": genes, "reliability": check_lines(collection, SETTINGS),
        "sets": pd.DataFrame(columns=["term", "library", "phenotype", "model", "pvalue", "fdr", "ranking"]),
    }  # fmt: skip
    drawn = dict(
        draw_networks(collection, {"neighbours": embedding}, tables, SETTINGS, ["phenotype"], kernels)
    )
    points = [len(part.get_offsets()) for part in drawn["lines"].axes[0].collections]
    assert sum(points) == 6
    titles = [ax.get_title("left") for ax in drawn["networks"].axes]
    of_x = set(collection.of_kind("x").names)
    assert titles and all(any(name in title for name in of_x) for title in titles)


def called(study, within):
    """Return associated genes and called ones by role, of PCA models of whole lines or of cells of a type."""
    counts = sparse.vstack([block for _, block in study.blocks()], format="csr")
    totals = np.asarray(counts.sum(axis=1)).ravel()
    obs = study.obs.assign(n_counts=totals)
    settings = LineSettings(min_cells=60, within="cell_type" if within else None, halves=False)
    plan = plan_lines({"s": obs}, settings, 0, ["trait"])
    lines = plan.lines[plan.lines["status"] == "ok"]
    lines = lines[lines["within"] == within] if within else lines
    columns, means = [], []
    for line in lines["line"]:
        rows = obs.index.get_indexer(plan.cells.loc[plan.cells["line"] == line, "cell"])
        log = np.log1p(counts[rows].toarray() / totals[rows, None] * np.median(totals))
        scaled = ((log - log.mean(axis=0)) / np.maximum(log.std(axis=0), 1e-9)).astype(np.float32)
        fitted = pca(Bin(line, "0", scaled, np.zeros(len(scaled), bool)), 8)
        columns.append(1 - np.square(scaled - fitted.predict()).mean(axis=0))
        means.append(log.mean(axis=0))
    phenotype, reason = read_phenotype(lines["trait"])
    assert phenotype is not None, reason
    table, _ = associate_genes(
        np.stack(columns, axis=1), phenotype, {"mean": np.stack(means, axis=1)}, study.genes["gene"],
        use=["mean"], permutations=0,
    )  # fmt: skip
    found = pd.DataFrame({"associated": table["fdr"] < 0.05, "called": table["call"] == "connectivity"})
    return found.groupby(study.genes["role"]).sum()


def test_differences_of_composition_are_not_found_within_a_type():
    settings = DonorsSettings(
        donors=16, cells=300, n_genes=200, connects=20, moves=20, stays=20, composition=0.15,
        composition_rho=0.98,
    )  # fmt: skip
    study = donors_study(settings, seed=5)
    mixed, divided = called(study, None), called(study, "A")
    same = ["plain", "stays"]
    assert mixed.loc[same, "associated"].sum() >= 8 and divided.loc[same, "associated"].sum() <= 2
    assert divided["called"].drop(["connects", "moves"]).sum() <= 2
    assert divided.loc["connects", "called"] >= 16 and divided.loc["moves", "called"] <= 1


def test_the_report_says_that_types_were_compared(divided, tmp_path):
    collection, _ = divided
    _, embedding, _ = compare_lines(collection, "neighbours", "sivae", SETTINGS, ["phenotype"], 0)
    files.write_tsv(embedding, tmp_path / "networks" / "neighbours" / "embedding.tsv")
    files.write_tsv(collection.lines, tmp_path / "sivae" / "lines.tsv")
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    config = {"networks": {"kernels": ["neighbours"]}, "sivae": {"within": "cell_type"}}
    results = Results.of(tmp_path, paths, config)
    drawn = lines_map(results)
    assert len(drawn["names"]) == 6 and drawn["title"].endswith("(neighbours, x)")
    assert "each of its cell types (x and y)" in networks_of(results)
    assert within_types(results) == " within each cell type"


def test_names_of_types_are_drawn_as_they_are_and_doubts_are_those_of_the_engine(tmp_path):
    label = "age (T$\\frac$)"
    names = [f"d{at}" for at in range(6)]
    genes = pd.DataFrame({"phenotype": label, "model": "sivae", "call": "", "gene": ["a", "b"], "rho": 0.1})
    embedding = pd.DataFrame({"line": names, "axis_1": range(6), "axis_2": 1.0, "age": range(6)})
    embedding["within"] = "T$\\frac$"
    tests = pd.DataFrame(
        {"part": "cka", "model": "sivae", "phenotype": label, "statistic": "permanova", "pvalue": 0.5},
        index=[0],
    ).assign(status="tested")
    doubts = {"line": "d1", "model": "pca", "measure": "neighbours", "flag": "unreliable"}
    kernels = {"cka": ("cka", "sivae"), "cka-pca": ("cka", "pca")}
    shown = dict.fromkeys(kernels, embedding)
    drawn = plot_lines(shown, tests, pd.DataFrame([doubts]), ["age"], kernels)
    drawn.savefig(tmp_path / "lines.png")
    hollow = [[len(part.get_offsets()) for part in axes.collections] for axes in drawn.axes[:2]]
    assert hollow == [[6, 0], [5, 1]]
    plot_genes(genes.assign(rho_mean_expression=0.2), ["sivae"]).savefig(tmp_path / "genes.png")
