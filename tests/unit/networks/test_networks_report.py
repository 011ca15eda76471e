"""The section of the report on networks of lines."""

import shutil

import made_lines
import pandas as pd
import pytest

from panscape.data import files
from panscape.plot.network_effects import draw_effects
from panscape.plot.networks import draw_networks
from panscape.plot.style import save_figure
from panscape.report.claims.lines import network_claims
from panscape.report.results import Results
from panscape.report.sections.network_engines import _advice
from panscape.report.sections.network_lines import TESTS, TEXT
from panscape.report.sections.networks import SECTION, _attainable, _gene_tables, bins, planted
from panscape.simulate.write import write_lines_truth
from panscape.sivae.networks.edge_tests import edge_tables
from panscape.sivae.networks.effects import effect_tables
from panscape.sivae.networks.ends import end_table
from panscape.sivae.networks.engines import engine_table
from panscape.sivae.networks.gene_tests import gene_tables
from panscape.sivae.networks.neighbours import neighbour_tables
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.reliability import check_lines
from panscape.sivae.networks.run import compare_lines, kernel_names
from panscape.sivae.networks.set_tests import set_tables
from panscape.sivae.networks.settings import NetworkSettings
from panscape.sivae.networks.verdict import verdict_table

COLUMNS = ["phenotype", "group"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    drawn, _ = made_lines.write(root / "sivae")
    truth = root / "truth" / "lines"
    write_lines_truth(drawn, truth / "genes.tsv", truth / "lines.tsv", truth / "modules.gmt")
    collection = read_collection(read_lines(root / "sivae" / "lines.tsv"), root / "sivae")
    settings = NetworkSettings(
        gene_sets=(str(truth / "modules.gmt"),), edge_sets=("A",), permutations=50, kernels=("cka",)
    )
    kernels = kernel_names(settings)
    compared = {
        name: compare_lines(collection, kernel, model, settings, COLUMNS, 0)
        for name, (kernel, model) in kernels.items()
    }
    genes, gene_tests = gene_tables(collection, settings, [*COLUMNS, "nowhere"], 0)
    edges = edge_tables(collection, settings, COLUMNS, 0)
    tests = [table for _, _, table in compared.values()]
    tables = {
        "centrality.tsv": genes,
        "gsea.tsv": set_tables(collection, genes, settings, COLUMNS, 0)[0],
        "set_edges.tsv": edges[1],
        "tests.tsv": pd.concat([*tests, gene_tests, edges[3]]),
        "reliability.tsv": check_lines(collection, settings),
    }
    of_genes, of_sets = effect_tables(collection, settings, COLUMNS, 0)
    tables |= {"effects.tsv": of_genes, "modules.tsv": of_sets}
    tables["end_edges.tsv"] = end_table(collection, settings, COLUMNS, genes, tables["gsea.tsv"])
    read = {"genes": genes, "tests": tables["tests.tsv"], "reliability": tables["reliability.tsv"]}
    tables["engines.tsv"] = engine_table(collection, settings, COLUMNS, read, 0)
    tables["verdict.tsv"] = verdict_table(genes, of_sets, tables["engines.tsv"], settings.models)
    near = neighbour_tables(collection, settings, genes)
    tables |= dict(zip(("neighbours.tsv.gz", "line_neighbours.tsv"), near, strict=True))
    for name, table in tables.items():
        files.write_tsv(table, root / "networks" / name)
    stems = {"tests": "tests", "genes": "centrality", "sets": "gsea", "reliability": "reliability"}
    shown = {name: files.read_tsv(root / "networks" / f"{file}.tsv") for name, file in stems.items()}
    embeddings = {name: table for name, (_, table, _) in compared.items()}
    for name, figure in draw_networks(collection, embeddings, shown, settings, COLUMNS, kernels):
        save_figure(figure, root / "networks" / "figures" / name)
    effects, again, ends = (
        files.read_tsv(root / "networks" / f"{name}.tsv") for name in ("effects", "centrality", "end_edges")
    )
    for name, figure in draw_effects(effects, again, ends, settings.models):
        save_figure(figure, root / "networks" / "figures" / name)
    given = [path for path in root.rglob("*") if path.is_file()]
    config = {
        "networks": {"kernels": ["cka"], "controls": ["mean"], "permutations": 50, "fdr": 0.05},
        "report": {},
    }
    return Results.of(root, given, config, named={"truth/lines/genes.tsv": truth / "genes.tsv"})


def test_headline_names_the_genes(results):
    (text,) = SECTION.headline(results)
    assert text.startswith("In siVAE's networks connectivity follows phenotype in ")
    assert "and group in" in text and "tests on lines" in text


def test_methods_name_the_engines_and_cite_what_was_used(results, tmp_path):
    words = " ".join(SECTION.methods(results))
    assert "Pearson correlations of log expression and correlations corrected for the noise" in words
    assert "at least two engines found were called confirmed" in words
    cited = SECTION.cited(results)
    assert "su2023cscore" in cited and not {"quinn2017propr", "bourgon2010filtering"} & set(cited)
    genes, path = results.table("networks/centrality.tsv"), tmp_path / "networks/centrality.tsv"
    files.write_tsv(genes.replace({"model": {"corrected": "proportionality"}}), path)
    other = Results.of(tmp_path, [path], {"networks": {"central_fraction": 0.5}, "report": {}})
    assert "(rho_p of centred log ratios)" in " ".join(SECTION.methods(other))
    cited = SECTION.cited(other)
    assert {"quinn2017propr", "bourgon2010filtering"} <= set(cited) and "su2023cscore" not in cited


def test_p_of_nought_is_told_as_below_one_permutation():
    sets = pd.DataFrame({"pvalue": [0.0, 0.02], "fdr": [0.0, 0.5]})
    shown = _attainable(sets, 1000)
    assert shown["pvalue"].tolist() == ["< 0.00100", "0.0200"]
    assert shown["fdr"].tolist() == ["< 0.00100", "0.500"]


def test_planted_modules_are_set_beside_what_is_found(results):
    result = planted(results).set_index(["phenotype", "model", "role"])
    assert result.loc[("phenotype", "siVAE", "loses"), "connectivity"] >= 8
    assert result.loc[("phenotype", "siVAE", "moves"), "connectivity"] == 0


def test_sizes_of_bins_are_as_they_are(results, tmp_path):
    assert bins(results) == "bins of 240 cells"
    lines = results.table("sivae/lines.tsv")
    lines.loc[:1, "bin_cells"] = [472, 306]
    files.write_tsv(lines, tmp_path / "sivae/lines.tsv")
    uneven = Results.of(tmp_path, [tmp_path / "sivae/lines.tsv"], {})
    assert bins(uneven).startswith("bins of 240 to 472 cells:")


def few_lines(results, root, number):
    """Return the results of a test of genes with the first lines only, whatever their number."""
    folder = results.root / "sivae"
    lines = read_lines(folder / "lines.tsv").head(number).assign(group=["a", "b"] * (number // 2))
    collection = read_collection(lines, folder)
    settings = NetworkSettings(engines=(), permutations=50, min_lines=4)
    genes, tests = gene_tables(collection, settings, ["group"], 0)
    files.write_tsv(genes, root / "networks/centrality.tsv")
    files.write_tsv(tests, root / "networks/tests.tsv")
    files.write_tsv(lines, root / "sivae/lines.tsv")
    return Results.of(root, [path for path in root.rglob("*") if path.is_file()], {})


def test_where_no_gene_can_pass_none_is_said_not_to_change(results, tmp_path):
    result = few_lines(results, tmp_path / "six", 6)
    (text,) = SECTION.headline(result)
    # three against three: 20 labellings, the smallest two-sided p is 2 / 20
    assert text == (
        "Genes and group: cannot be decided: with 3 lines against 3 the smallest p is 0.1, which is not "
        "below networks.fdr = 0.05."
    )
    tests = result.table(TESTS, dtype=TEXT)
    (none,) = _gene_tables(result, tests[tests["status"] == "tested"], 10)
    assert none.text.startswith("No gene's centrality in siVAE is found")
    (text,) = SECTION.headline(few_lines(results, tmp_path / "ten", 10))
    assert "gene" in text and "cannot" not in text


def claimed(results, floor, pvalue):
    """Return the claims on one phenotype, where ranks give no p below `floor`."""
    kept = {"model": "sivae", "phenotype": "age", "n": 4, "null_sd": 0.1}
    tests = [
        kept | {"part": "design", "model": "", "value": floor, "status": "permuted over 4 lines"},
        kept | {"part": "cka", "statistic": "mantel", "value": 0.5, "null_mean": 0.0, "pvalue": pvalue},
    ]
    table = pd.DataFrame(tests).fillna({"status": "tested"})
    files.write_tsv(table, results / "networks/tests.tsv")
    genes = {"gene": ["a"], "phenotype": ["age"], "model": ["sivae"], "unit": ["line"]}
    files.write_tsv(pd.DataFrame(genes), results / "networks/centrality.tsv")
    given = [results / "networks/tests.tsv", results / "networks/centrality.tsv"]
    return network_claims(Results.of(results, given, {}))


def test_a_claim_that_few_lines_cannot_support_is_not_decided(tmp_path):
    (claim,) = claimed(tmp_path, 0.083, 0.12)
    assert claim.kind == "undecided" and claim.why == "ranks of 4 lines give no p below 0.083"
    assert claimed(tmp_path, 0.04, 0.12)[0].verdict == "not better than chance"
    assert claimed(tmp_path, 0.083, 0.042)[0].kind == "supported"


def test_engines_without_a_test_of_genes_are_not_recommended():
    engines = pd.DataFrame({"phenotype": ["age"] * 2, "model": ["sivae", "pca"], "believed": False})
    text = _advice(engines, pd.DataFrame({"phenotype": [], "kind": [], "confirmed": [], "verdict": []}))
    assert text.startswith("No engine is to be believed more than another for age: no gene was tested")


def test_blocks(results):
    blocks = SECTION.content(results)
    captions = [block.caption for block in blocks if block.block == "table"]
    assert any("the null permutes phenotypes" in text for text in captions)
    assert any("Planted in the simulated lines" in text for text in captions)
    assert any(text.startswith("Engines on these lines") for text in captions)
    assert any("by at least one" in text for text in captions)
    assert any(text.startswith("Nearest genes of a few genes") for text in captions)
    skipped = next(block for block in blocks if block.block == "table" and "not performed" in block.caption)
    assert any("nowhere" in row for row in skipped.rows)
    pictures = [picture for block in blocks if block.block == "gallery" for picture in block.pictures]
    assert len(pictures) == 7 and all(picture.caption for picture in pictures)


def test_a_collection_in_which_nothing_can_be_tested(results, tmp_path):
    root = shutil.copytree(results.root, tmp_path / "untested")
    tests = results.table(TESTS, dtype=TEXT).head(2)
    empty = tests.assign(status="skipped: 4 lines have a value", statistic="", value=None, pvalue=None)
    files.write_tsv(empty, root / TESTS)
    given = [path for path in root.rglob("*") if path.is_file()]
    untested = Results.of(
        root, given, results.config, named={"truth/lines/genes.tsv": root / "truth/lines/genes.tsv"}
    )
    captions = [block.caption for block in SECTION.content(untested) if block.block == "table"]
    assert any("not performed" in text for text in captions)
    assert [claim.verdict for claim in network_claims(untested)] == []


def test_methods_name_the_settings(results):
    text = " ".join(SECTION.methods(results))
    assert (
        "by the alignment of their gene embeddings (CKA)" in text
        and "50 label permutations" in text
        and "mean expression" in text
    )


def test_without_its_files_the_section_is_left_out():
    assert SECTION.optional and not SECTION.ran(Results.of(".", [], {}))
