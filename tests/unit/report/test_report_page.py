import base64
import html
import re
import shutil
from html.parser import HTMLParser

import anndata
import made_up
import numpy as np
import pandas as pd
import pytest

from panscape.config import figures
from panscape.data.files import read_tsv, write_tsv
from panscape.plot.figure_names import caption as figure_caption
from panscape.report.blocks import Paragraph
from panscape.report.methods import markdown, methods
from panscape.report.page import page, write_report
from panscape.report.results import Results
from panscape.report.section import Section
from panscape.report.sections import SECTIONS


class Reader(HTMLParser):
    """Collect the text, the tags and the tables of a page, and check that tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.open, self.tables, self.links = [], [], [], [], []
        self.joined = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.joined = tag == "dfn"
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in ("img", "meta", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            if self.joined:  # a word explained, or what follows it
                self.words[-1] += data
            else:
                self.words.append(data)
            self.joined = self.open[-1] == "dfn"
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def table(self, *header):
        return next(rows[1:] for rows in self.tables if set(header) <= set(rows[0]))


def read(results, sections=SECTIONS):
    return Reader(page(results, sections, methods(results, sections)))


@pytest.fixture(scope="module")
def whole(collection, tmp_path_factory):
    out, config = collection
    truth = made_up.write_truth(tmp_path_factory.mktemp("truth"))
    results = made_up.results_of(out, config, truth)
    return results, read(results)


def copy_of(collection, tmp_path):
    out, config = collection
    shutil.copytree(out.parents[1], tmp_path / "copy")
    return tmp_path / "copy" / "results" / "demo", config


def test_page_is_complete_and_self_contained(whole):
    _, parsed = whole
    assert parsed.open == []
    assert "style" in parsed.tags and "iframe" not in parsed.tags
    outside = [link for link in parsed.links if re.match(r"(https?:)?//", link)]
    assert outside == []
    assert parsed.tags.count("img") == 4


def test_headline_numbers_are_those_of_the_table(whole):
    results, parsed = whole
    given = results.table("landscape/statistics.tsv").set_index(["space", "statistic"])
    assert (
        "correlates with age at Spearman ρ = 0.91 (95 % interval 0.81 to 0.96) over 116 clusters (|ρ| with "
        "shuffled ages 0.06 ± 0.05, p = 0.001; shuffled over 18 batches)" in parsed.text
    )
    assert "Within studies ρ = 0.71 (95 % interval 0.51 to 0.91) over 113 clusters" in parsed.text
    assert "nearest clusters of other studies ρ = 0.81 (95 % interval 0.61 to 0.91)" in parsed.text
    assert "On the 113 clusters reached in all spaces: coexpression 0.91 (0.81 to 0.96)" in parsed.text
    assert (
        "Coexpression orders the 113 clusters by age better than expression (difference 0.30 (95 % interval "
        "0.10 to 0.50)); worse than expression (principal components) (difference -0.10 (95 % interval "
        "-0.20 to -0.05)); not distinguishably from which genes vary at all"
    ) in parsed.text.replace("−", "-")
    for space, label in (("expression", "expression"), ("diagonal", "which genes vary at all")):
        assert f"{label} {given.loc[(space, 'rho_age'), 'value']:.2f}" in parsed.text
    assert "depth alone −0.31 (−0.40 to −0.10)" in parsed.text
    assert "which genes are detected: not compared: it falls to pieces." in parsed.text
    assert "Pseudotime with age within blank (ρ): no ages are known of blank." in parsed.text
    share = given.loc[("coexpression", "other_study_share")]
    assert f"{100 * share['value']:.0f} % belong to other studies" in parsed.text
    assert f"{100 * share['null_mean']:.0f} % if studies were mixed at random" in parsed.text
    null = "0.06 ± 0.05 (p = 0.001)"
    rows = {row[0]: row[1:] for row in parsed.table("measure", "expression space")}
    both = ["0.91 (0.81 to 0.96)", null, "0.42 (0.32 to 0.47)", null]
    assert rows["pseudotime with age (ρ)"] == ["113", *both]
    assert rows["pseudotime with age within atlas (ρ)"][0::2] == ["40", "–", "–"]
    assert rows["connected parts"] == ["120", "2", "–", "2", "–"]
    assert "pseudotime with age within blank (ρ)" not in rows
    rows = {row[0]: row[1:] for row in parsed.table("space")}
    assert list(rows) == [
        "coexpression",
        "expression",
        "expression (principal components)",
        "which genes vary at all",
        "depth alone",
    ]
    assert rows["coexpression"] == [
        "0.91 (0.81 to 0.96)", "0.71 (0.51 to 0.91)", "0.81 (0.61 to 0.91)", "0.51",
    ]  # fmt: skip
    assert rows["depth alone"] == ["−0.31 (−0.40 to −0.10)", "–", "–", "–"]
    assert any("pseudotime with age (ρ), n = 113" in row for rows in parsed.tables for row in rows)


def test_numbers_of_cells_clusters_genes_and_pairs(whole):
    results, parsed = whole
    qc = results.table("preprocess/qc.tsv")
    cells = qc[qc["unit"] == "cells"].groupby("study")["left"].last().sum()
    clusters = sum(len(results.table(f"panclust/{study}/clusters.tsv")) for study in results.studies)
    genes = results.table("preprocess/genes.tsv")["selected"].sum()
    # cells not chosen by `keep` do not count in quality control
    share = f"{100 * cells / 18_000:.0f} % of 18,000 chosen by keep"
    assert f"3 studies with {cells:,} cells after quality control ({share})" in parsed.text
    assert f"{clusters} panclusters" in parsed.text
    assert f"and {genes} genes" in parsed.text
    assert "20 gene pairs pass the coexpression threshold in some pancluster, 1 % of all pairs" in parsed.text
    assert "in a typical pancluster 80 % of those that pass are due to chance (" in parsed.text
    assert "Most pairs of a typical pancluster are therefore noise" in parsed.text


def test_qc_table_is_complete(whole):
    _, parsed = whole
    rows = {row[0]: row for row in parsed.table("filter", "limit")}
    removed = ["700 (5,300)", "701 (5,299)", "702 (5,298)"]
    assert rows["min_genes"] == ["min_genes", "500 to 502", "cells", *removed]
    assert rows["keep"][3:] == ["0 (6,000)", "0 (6,000)", "3,000 (6,000)"]
    assert rows["min_cells_per_gene"][2:4] == ["genes", "300 (1,700)"]
    studies = {row[0]: row for row in parsed.table("study", "cells in the file")}
    assert studies["atlas"][1:6] == ["atlas.h5ad", "9,000", "6,000", "5,198", "1,700"]


def test_panclusters_per_resolution_add_up(whole):
    results, parsed = whole
    rows = parsed.table("study", "resolution", "clusters")
    assert sum(int(row[2]) for row in rows) == 120
    clusters = results.table("panclust/atlas/clusters.tsv")
    for resolution in (0.1, 1.0, 10.0):
        inside = clusters[clusters["resolution"] == resolution]
        row = next(row for row in rows if row[0] == "atlas" and row[1] == f"{resolution:g}")
        assert int(row[2]) == len(inside)
        assert [int(n) for n in row[3].split(", ")] == [
            int((inside["level"] == level).sum()) for level in (0, 1)
        ]
        assert row[4:6] == [f"{inside['n_cells'].min():,}", f"{inside['n_cells'].median():,.0f}"]
    assert [row[0] for row in rows if row[1] == "all cells"] == results.studies


def test_genes_are_ranked_by_strength_and_cut(whole):
    results, parsed = whole
    rows = parsed.table("gene", "ρ", "FDR")
    given = results.table("landscape/genes.tsv")
    strongest = given.reindex(given["rho"].abs().sort_values(ascending=False, kind="stable").index)
    assert [row[0] for row in rows] == strongest["gene"].head(20).tolist()
    assert rows[0][1] == f"{strongest['rho'].iloc[0]:.3f}"
    assert "First 20 of 60 rows." in parsed.text


def test_parts_without_pseudotime_are_reported(whole):
    _, parsed = whole
    assert "The landscape has 2 connected parts; 7 of 120 clusters have no pseudotime" in parsed.text
    rows = parsed.table("part", "clusters")
    assert [row[:3] for row in rows] == [["0", "113", "113"], ["1", "7", "0"]]


def test_runtime_and_memory(whole):
    _, parsed = whole
    rows = {row[1]: row for row in parsed.table("stage", "rule")}
    assert rows["filter_cells"] == ["preprocess", "filter_cells", "1", "12 s", "12 s", "19 s", "812"]
    assert "All jobs took 20 s of wall time in total and 29 s of CPU time" in parsed.text


def test_planted_truth_beside_chance(whole):
    results, parsed = whole
    truth = read_tsv(results.path("truth/genes.tsv"))
    ranked = results.table("landscape/pairs.tsv")
    module = dict(zip(truth["gene"], truth["module"], strict=True))
    inside = [
        module[a] == module[b] and isinstance(module[a], str)
        for a, b in zip(ranked["gene_a"], ranked["gene_b"], strict=True)
    ]
    rows = parsed.table("measure", "value", "by chance")
    assert rows[0][1] == f"{100 * np.mean(inside):.0f} %"
    possible, everything = 6 * 10, 60 * 59 // 2
    assert rows[0][2] == f"{100 * possible / everything:.0f} % of all pairs of analysed genes"
    assert rows[1][1] == f"{100 * sum(inside) / possible:.0f} %"


def test_figures_are_embedded_once_in_their_smaller_form(whole):
    results, parsed = whole
    shown = [link for link in parsed.links if link.startswith("data:image/")]
    assert len(shown) == len(set(shown))
    stem = results.path("landscape/figures/map-study.svg").with_suffix("")
    sizes = [stem.with_suffix(kind).stat().st_size for kind in (".svg", ".png")]
    bodies = [base64.b64decode(link.split(",", 1)[1]) for link in shown]
    assert min(map(len, bodies)) < min(sizes)
    assert "landscape/figures/map-study.svg" in parsed.links


def test_maps_beyond_the_first_are_links(collection, tmp_path):
    out, config = copy_of(collection, tmp_path)
    made_up.draw(out, config)
    parsed = read(made_up.results_of(out, config))
    assert "The same map by other columns:" in parsed.text
    others = [link for link in parsed.links if "figures/map-" in link and link.endswith(".svg")]
    assert "landscape/figures/map-n-cells.svg" in others
    shown = [link for link in parsed.links if "figures/map-" in link and link.endswith(".png")]
    assert sorted(shown) == [
        f"landscape/figures/map-{name}.png" for name in ("age", "cell-type", "dpt-pseudotime", "study")
    ]


def test_stages_that_did_not_run_are_reported_unless_optional(collection):
    out, config = collection
    only = [path for path in out.rglob("*") if path.is_file() and "landscape" not in path.parts]
    results = Results.of(out, only, config)
    parsed = read(results)
    assert "This stage is not part of this report: run snakemake landscape" in html.unescape(parsed.text)
    assert "Planted truth" not in parsed.text
    assert "120 panclusters" in parsed.text
    assert "Jacomy" not in markdown(methods(results, SECTIONS), "x")


def test_a_collection_without_a_landscape_does_not_mention_it(collection):
    out, config = collection
    only = [path for path in out.rglob("*") if path.name.startswith(("qc.", "kept.", "understood."))]
    config = config | {"studies": [study | {"use": ["sivae"]} for study in config["studies"]]}
    results = Results.of(out, only, config)
    text = html.unescape(read(results).text)
    assert "Quality control" in text and "not part of this report" not in text
    assert not any(word in text for word in ("Panclusters", "Landscape", "in every study"))
    assert "ranked" not in " ".join(methods(results, SECTIONS).paragraphs)


def test_a_report_of_nothing_is_still_a_report(collection, tmp_path):
    _, config = collection
    results = Results.of(tmp_path, [], config)
    assert "What was found" not in read(results).text
    assert "No rule of this collection has been timed." in read(results).text


def test_files_that_were_not_given_are_not_read(collection):
    out, config = collection
    results = Results.of(out, [out / "preprocess" / name for name in ("qc.tsv", "kept.tsv")], config)
    assert not results.has("panclust/*/clusters.tsv")
    with pytest.raises(KeyError, match=r"genes\.tsv"):
        results.table("preprocess/genes.tsv")


HOSTILE = "<script>alert('x')</script>"


def test_hostile_names_are_escaped(collection, tmp_path):
    out, config = copy_of(collection, tmp_path)
    genes = read_tsv(out / "landscape" / "genes.tsv")
    genes.loc[0, "gene"] = HOSTILE
    write_tsv(genes, out / "landscape" / "genes.tsv")
    config = {
        **config,
        "report": {**config["report"], "title": HOSTILE, "introduction": f"{HOSTILE}\n\n& more"},
    }
    config["studies"] = [{**study, "path": f"{HOSTILE}.h5ad"} for study in config["studies"]]
    results = made_up.results_of(out, config)
    text = page(results, SECTIONS, methods(results, SECTIONS))
    assert HOSTILE not in text
    assert Reader(text).text.count(HOSTILE) >= 3
    hostile = Section(HOSTILE, HOSTILE, (), lambda results: [Paragraph(HOSTILE)])
    assert read(results, (hostile,)).tags.count("script") == read(results, ()).tags.count("script")


def test_missing_values_and_columns(collection, tmp_path):
    out, config = copy_of(collection, tmp_path)
    statistics = read_tsv(out / "landscape" / "statistics.tsv")
    write_tsv(statistics[statistics["statistic"] == "study_entropy"], out / "landscape" / "statistics.tsv")
    genes = read_tsv(out / "landscape" / "genes.tsv")
    write_tsv(genes.assign(rho=np.nan, pvalue=np.nan, fdr=np.nan), out / "landscape" / "genes.tsv")
    pseudotime = read_tsv(out / "landscape" / "pseudotime.tsv")
    write_tsv(pseudotime.assign(pseudotime=np.nan, component=0), out / "landscape" / "pseudotime.tsv")
    (out / "landscape" / "pairs.tsv").unlink()
    parsed = read(made_up.results_of(out, config))
    assert "Clusters have no pseudotime: no cluster could be taken as the root." in parsed.text
    assert "The landscape is connected: paths of neighbours join all clusters." in parsed.text
    assert "Gene pairs along" not in parsed.text


def test_tables_without_rows_are_reported(collection, tmp_path):
    out, config = copy_of(collection, tmp_path)
    for name in ("statistics", "genes", "pairs"):
        path = out / "landscape" / f"{name}.tsv"
        write_tsv(read_tsv(path).head(0), path)
    shutil.rmtree(out / "landscape" / "figures")
    assert made_up.draw(out, config) == list(figures.landscape(config))
    parsed = read(made_up.results_of(out, config))
    assert "Pseudotime is not compared with age" in parsed.text
    assert "Strongest genes" not in parsed.text


def test_a_landscape_of_few_clusters_says_so_first_and_leaves_empty_figures_out(tmp_path):
    config = made_up.configuration(studies=["atlas"], landscape={"root": "none"})
    out = made_up.write_results(tmp_path, number=12, studies=["atlas"])
    land = out / "landscape"
    data = anndata.read_h5ad(land / "landscape.h5ad")
    data.obs["dpt_pseudotime"] = data.obs["age"] = np.nan
    data.obs["cell_type"] = ""
    data.write_h5ad(land / "landscape.h5ad")
    write_tsv(
        read_tsv(land / "pseudotime.tsv").assign(pseudotime=np.nan, age=np.nan), land / "pseudotime.tsv"
    )
    for name in ("genes", "pairs"):
        write_tsv(read_tsv(land / f"{name}.tsv").assign(rho=np.nan), land / f"{name}.tsv")
    write_tsv(read_tsv(land / "statistics.tsv").assign(value=np.nan), land / "statistics.tsv")
    assert made_up.draw(out, config) == list(
        figures.landscape(config)
    )  # a file for each, also without content
    results = made_up.results_of(out, config)
    (section,) = [section for section in SECTIONS if section.name == "landscape"]
    sentences = section.headline(results)
    assert sentences[0].startswith(
        "The landscape has only 12 clusters; with fewer than 20, neither the order"
    )
    parsed = read(results)
    assert parsed.text.count("The landscape has only 12 clusters") == 2
    assert (
        "Not drawn: Pseudotime against age, Pseudotime with its intervals, map of diffusion pseudotime (the "
        "landscape has no pseudotime); "
        "Coexpression space beside other spaces (no statistic of the spaces is defined: there is one study "
        "and no age); map of age, map of cell type (no cluster has a value)." in parsed.text
    )
    assert "No gene is ranked: clusters have no pseudotime (landscape.root is none)." in parsed.text
    assert "Clusters have no pseudotime: landscape.root is none." in sentences
    html = page(results, SECTIONS, methods(results, SECTIONS))
    for name in ("map-age", "map-cell-type", "pseudotime-age", "genes-heatmap", "pairs-heatmap", "spaces"):
        assert f"figures/{name}." not in html
    assert "figures/map-study." in html and "figures/map-n-cells." in html


def test_genes_that_studies_do_not_measure_are_reported(collection, tmp_path):
    out, config = copy_of(collection, tmp_path)
    genes = read_tsv(out / "preprocess" / "genes.tsv")
    genes.loc[:6, "rank_atlas"] = np.nan
    write_tsv(genes, out / "preprocess" / "genes.tsv")
    results = made_up.results_of(out, config)
    parsed = read(results)
    assert (
        "61 genes are measured in at least 2 of 3 studies; mitochondrial and ribosomal genes left aside, the "
        "60 that rank highest by dispersion in every study that measures them are analysed" in parsed.text
    )
    assert "7 of them are not measured in every study, and are treated as unknown there" in parsed.text
    assert ["atlas", "1,700", "53", "7"] in [row for rows in parsed.tables for row in rows]
    text = markdown(methods(results, SECTIONS), "demo")
    assert (
        "of those measured in at least 2 of 3 studies; genes that a study does not measure were treated "
        "as unknown" in text
    )


def test_unknown_statistics_are_shown_by_their_name(collection, tmp_path):
    out, config = copy_of(collection, tmp_path)
    statistics = read_tsv(out / "landscape" / "statistics.tsv")
    extra = statistics.head(1).assign(statistic="a_new_one", value=0.777)
    write_tsv(pd.concat([statistics, extra]), out / "landscape" / "statistics.tsv")
    tables = read(made_up.results_of(out, config)).tables
    assert ["a_new_one", "113", "0.78 (0.81 to 0.96)"] in [row[:3] for rows in tables for row in rows]


def test_report_is_the_same_twice_and_appears_whole(collection, tmp_path):
    out, config = collection
    results = made_up.results_of(out, config)
    for name in ("a", "b"):
        write_report(results, tmp_path / name / "report.html", tmp_path / name / "methods.md")
    for name in ("report.html", "methods.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["methods.md", "report.html"]


def test_every_figure_that_the_rules_promise_is_drawn(collection):
    out, config = collection
    assert made_up.draw(out, config, names=set()) == list(figures.landscape(config))


def test_every_figure_has_a_caption(collection):
    from panscape.report.results import caption

    _, config = collection
    for name in figures.landscape(config):
        text = caption(figure_caption(name).removesuffix(".rst"))
        assert len(text) > 80
        assert "{{" not in text
