"""The data and the policy of the part of the report that is explored."""

import base64
import gzip
import hashlib
import html
import json
import re
import shutil
import subprocess

import anndata
import made_up
import numpy as np
import pandas as pd
import pytest

from panscape.data.files import write_tsv
from panscape.report.explorer import embed, gene_sets, genes, maps
from panscape.report.explorer.bounds import bytes_of
from panscape.report.methods import methods
from panscape.report.page import page
from panscape.report.results import Results
from panscape.report.sections import SECTIONS

LINES = ("l1", "l2", "l3")


def write_sets(out, first):
    """Write gene sets with `first`: a chosen feature, one of an entry and one of lines, and weaker ones."""
    (out / "features").mkdir(exist_ok=True)
    var = {"best_class": ["beta"], "auroc": [0.981], "genes": [f"{first};Elsewhere"]}
    var = pd.DataFrame(var, index=["INSULIN_SECRETION"])
    anndata.AnnData(np.ones((2, 1)), var=var).write_h5ad(out / "features" / "scores.h5ad")
    row = {"entry": "entry-01", "library": "l", "term": "SECRETION", "pvalue": 1e-4, "fdr": 0.001}
    row |= {"representative": True, "genes": f"Gene1;{first}", "overlap": 2, "size": 9}
    rows = [row, row | {"term": "WEAK", "fdr": 0.2}, row | {"term": "SAME", "representative": False}]
    write_tsv(pd.DataFrame(rows), out / "dictionary" / "enrichment.tsv")
    row = {"term": "GRANULES", "phenotype": "dose", "model": "sivae", "ranking": "raw", "nes": -2.1}
    row |= {"pvalue": 0.001, "fdr": 0.02, "lead": first}
    rows = [row, row | {"term": "OTHER", "model": "pca"}, row | {"term": "NONE", "lead": None}]
    write_tsv(pd.DataFrame(rows), out / "networks" / "gsea.tsv")
    placed = {"gene": [first, "Gene3"], "entry": ["entry-01", ""], "kme": [0.42, 0.01]}
    write_tsv(pd.DataFrame(placed | {"confidence": [0.97, np.nan]}), out / "programs" / "genes.tsv")


def enriched(collection, folder, first="Gene0"):
    """Return the made-up results with expression, a dictionary, lines and links; `first` replaces Gene0."""
    out, config = collection
    shutil.copytree(out.parents[1], folder / "copy")
    out = folder / "copy" / "results" / "demo"
    path = out / "landscape" / "landscape.h5ad"
    old = anndata.read_h5ad(path)
    names = [first, *made_up.GENES[1:]]
    values = np.random.default_rng(0).random((old.n_obs, len(names)))
    new = anndata.AnnData(values, obs=old.obs, var=pd.DataFrame(index=names))
    new.obsm.update(dict(old.obsm))
    new.obsp.update(dict(old.obsp))
    new.write_h5ad(path)
    ranked = pd.read_csv(out / "landscape" / "genes.tsv", sep="\t").replace({"gene": {"Gene0": first}})
    write_tsv(ranked, out / "landscape" / "genes.tsv")
    entries = pd.DataFrame(
        {"entry": "entry-01", "gene_a": first, "gene_b": ["Gene1", "Gene2"], "weight": [0.2, 0.9]}
    )
    write_tsv(entries, out / "dictionary" / "marker_edges.tsv")
    marked = pd.DataFrame({"entry": "entry-01", "gene": ["Gene2", first], "marker_edges": [1, 2]})
    write_tsv(marked, out / "dictionary" / "marker_genes.tsv")
    row = {
        "gene": first,
        "phenotype": "dose",
        "model": "sivae",
        "rho": -0.9,
        "fdr": 0.01,
        "fdr_partial": 0.02,
    }
    rows = [row | {"call": "connectivity"}, row | {"model": "pca", "call": ""}]
    write_tsv(pd.DataFrame(rows), out / "networks" / "centrality.tsv")
    write_sets(out, first)
    for at, line in enumerate(LINES):
        near = ["Gene7", "Gene8" if at else "Gene9", "Gene5"]
        table = pd.DataFrame({"bin": "0", "gene": first, "rank": [1, 2, 11], "neighbour": near})
        other = table.assign(model="pca", neighbour=["Gene3", "Gene4", "Gene6"])
        both = pd.concat([table.assign(model="sivae"), other])
        write_tsv(both if at else table, out / "sivae" / line / "neighbours.tsv.gz")
    peak = {"gene": first, "peak": "chr1:5-9", "distance": -300, "fdr": 0.02}
    rows = [peak | {"found": True}, peak | {"peak": "chr1:50-90", "found": False}]
    write_tsv(pd.DataFrame(rows), out / "metacells" / "s" / "best_links.tsv")
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    return Results.of(out, files, config)


def test_values_return_within_half_a_step_and_missing_ones_stay_missing():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 50))
    values[1, 3], values[2] = np.nan, np.nan
    text, low, high = bytes_of(values)
    steps = np.frombuffer(base64.b64decode(text), np.uint8).reshape(4, 50)
    span = np.array(high) - np.array(low)
    again = np.array(low)[:, None] + steps / 254 * span[:, None]
    again[steps == 255] = np.nan
    np.testing.assert_array_equal(np.isnan(again), np.isnan(values))
    for row in (0, 1, 3):
        assert np.nanmax(np.abs(again[row] - values[row])) <= span[row] / 254 * 0.55 + 1e-3


def test_a_gene_joins_what_the_methods_say_of_it(collection, tmp_path):
    results = enriched(collection, tmp_path)
    made = genes.facts(results)["Gene0"]
    assert made["along"] == [0.93, 1e-8]
    # named by its genes, the strongest neighbour first
    assert made["entries"] == [["01 Gene0, Gene2", ["Gene2", "Gene1"]]]
    assert made["place"] == ["01 Gene0, Gene2", 0.42, 0.97]
    assert made["lines"] == [["dose", -0.9, 0.01, 0.02, "connectivity"]]
    assert made["near"] == [3, [["Gene7", 3], ["Gene8", 2], ["Gene9", 1]]]
    assert made["peaks"] == [["s", "chr1:5-9", -300, 0.02]]
    assert made["sets"] == [
        ["INSULIN SECRETION", "tells beta from other cells (AUROC 0.98)"],
        ["SECRETION", "enriched in network 01 Gene0, Gene2 (FDR 0.001)"],
        ["GRANULES", "centrality goes with dose (NES -2.10, FDR 0.02)"],
    ]


def test_a_gene_has_few_sets_and_sets_bring_no_gene_of_their_own(collection, tmp_path, monkeypatch):
    results = enriched(collection, tmp_path)
    monkeypatch.setattr(gene_sets, "SETS", 2)
    made = gene_sets.sets_of_genes(results)
    assert len(made["Gene0"]) == 2 and made["Elsewhere"] == [made["Gene0"][0]]
    assert "Elsewhere" not in genes.facts(results)


def test_genes_that_change_most_are_kept_within_the_bound(collection, tmp_path, monkeypatch):
    results = enriched(collection, tmp_path)
    monkeypatch.setattr(genes, "MOST_GENES", 5)
    shown = genes.expression(results)
    assert shown["names"] == ["Gene0", *results.table("landscape/genes.tsv")["gene"][1:5]]
    assert shown["total"] == 60 and len(genes.facts(results)) == 5


def test_large_maps_are_drawn_from_at_random(monkeypatch):
    monkeypatch.setattr(maps, "MOST_POINTS", 10)
    monkeypatch.setattr(maps, "CROWDED", 20)
    names = pd.Index([f"c{i}" for i in range(50)])
    columns = pd.DataFrame({"label": ["a", "b"] * 25, "many": names, "none": np.nan}, index=names)
    columns["yes"] = True
    made = [
        maps.points("Cells", "cell", names, np.random.default_rng(0).random((50, 2)), columns)
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert len(made[0]["names"]) == 10 and made[0]["total"] == 50
    assert [column["name"] for column in made[0]["columns"]] == ["label", "many", "yes"]
    monkeypatch.setattr(maps, "MOST_LEVELS", 5)
    assert maps.coloured_by("many", columns["many"]) is None


def test_strongest_pairs_leave_the_diagonal_out(collection, tmp_path):
    results = enriched(collection, tmp_path)
    made = genes.strongest_pairs(results)
    assert made
    for pairs in made.values():
        values = [value for _, _, value in pairs]
        assert len(pairs) <= genes.PAIRS and values == sorted(values, reverse=True)
        assert all(a != b for a, b, _ in pairs)


def test_the_policy_allows_the_programs_of_the_page_only(collection, tmp_path, monkeypatch):
    monkeypatch.setattr(embed, "library", lambda: ("let Bokeh = 1;", "Bokeh = 2;"))
    results = enriched(collection, tmp_path)
    text = page(results, SECTIONS, methods(results, SECTIONS))
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]*)"', text)[1])
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    own = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    packed = re.findall(r'<script type="text/plain" class="library"[^>]*>([^<]*)</script>', text)
    scripts = [own, *(gzip.decompress(base64.b64decode(one)).decode() for one in packed)]
    assert scripts[1:] == ["let Bokeh = 1;", "Bokeh = 2;"]
    digests = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    data = re.search(r'id="explorer-data">([^<]*)<', text)[1]
    assert json.loads(gzip.decompress(base64.b64decode(data)))["maps"][0]["title"] == "Landscape"


def test_without_bokeh_the_page_is_static_and_says_so(collection, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(embed, "find_spec", lambda name: None)
    results = enriched(collection, tmp_path)
    with caplog.at_level("WARNING", logger="panscape"):
        made = embed.explorer(results)
    assert made["library"] == [] and made["bokeh"] == ""
    assert json.loads(gzip.decompress(base64.b64decode(made["data"]))) == {"maps": []}
    assert "install bokeh" in caplog.text


@pytest.mark.skipif(
    shutil.which("node") is None, reason="no node; the browser's tests load the programs as well"
)
@pytest.mark.parametrize("name", embed.OWN)
def test_own_programs_are_valid(name):
    subprocess.run(["node", "--check", str(embed.SCRIPTS / name)], check=True)


def test_own_programs_put_names_into_text_only():
    text = "".join((embed.SCRIPTS / name).read_text() for name in embed.OWN)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|fetch\(|XMLHttp", text
    )
    assert len(text) < 25_000
