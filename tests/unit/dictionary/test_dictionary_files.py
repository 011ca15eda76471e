import numpy as np
import pandas as pd
import pytest
from planted_networks import planted
from scipy import sparse

from panscape.coscape.dictionary.choose import fit_starts
from panscape.coscape.dictionary.enrich import enrich_genes
from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow, stack_fit
from panscape.coscape.dictionary.interpret import entry_tables
from panscape.coscape.dictionary.networks import marker_edges
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import make_stack
from panscape.coscape.dictionary.write import SavedDictionary, dictionary_to_anndata, read_dictionary
from panscape.coscape.landscape.combine import Combined
from panscape.coscape.overlap.curves import overlap_curves
from panscape.coscape.overlap.scores import overlap_table, supported_edges
from panscape.coscape.overlap.targets import (
    all_cells_graph,
    baseline_graphs,
    graph_table,
    table_graphs,
    union_graph,
)
from panscape.coscape.project.collection import FinishedCollection, project_stack
from panscape.data.edge_lists import Graph, Network
from panscape.data.gene_sets import restrict
from panscape.errors import UserError
from panscape.plot.dictionary import Tables, draw_dictionary
from panscape.plot.entry_networks import PANELS, most_used
from panscape.plot.overlap import draw_overlap


def combined(seed=0, n=90, genes=60):
    """Make panclusters of two studies along pseudotime, with a diagonal."""
    data, _, _, first, second = planted(seed, n=n, genes=genes, modules=4)
    values = data.toarray()
    pairs = np.concatenate([np.stack([first, second], 1), np.stack([np.arange(genes)] * 2, 1)])
    values = np.concatenate([values, np.ones((n, genes))], axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    names = np.array([f"G{i}" for i in range(genes)], dtype=object)
    study = np.where(np.arange(n) % 2 == 0, "a", "b")
    clusters = pd.DataFrame(
        {
            "cluster": [f"{s}-r1-l0-c{i}" for i, s in enumerate(study)],
            "study": study,
            "resolution": np.where(np.arange(n) < n // 2, 1.0, 10.0),
            "duplicates": "",
            "n_cells": 200,
            "multiplicity": 1 + np.arange(n) % 2,
        }
    )
    obs = clusters.set_index("cluster").assign(
        dpt_pseudotime=np.linspace(0, 1, n),
        age=np.linspace(3, 9, n),
        cell_type=np.where(np.arange(n) < 40, "x", "y"),
    )
    matrix = sparse.csr_matrix(values[:, order].astype(np.float32))
    detection = np.full((n, genes), 0.5)
    return Combined(clusters, matrix, pairs[order], names, detection=detection), obs


SETTINGS = DictionarySettings(k=4, starts=2, min_panclusters=5, k_range=(2, 6))


def test_stack_settings():
    data, obs = combined()
    stack = make_stack(data, obs, SETTINGS)
    np.testing.assert_allclose(np.linalg.norm(stack.data.toarray(), axis=1), 1)
    assert not stack.diagonal.any()
    assert (np.bincount(stack.data.indices) >= 3).all()
    paper = DictionarySettings(
        entries="free", pairs="upper-triangle", min_expected=0, min_z=0, pair_support=1, scale="none",
        duplicates=True,
    )  # fmt: skip
    stack = make_stack(data, obs, paper)
    assert stack.diagonal.sum() == 60 and stack.data.nnz == data.matrix.nnz
    assert stack.times.tolist() == data.clusters["multiplicity"].tolist()
    whole = make_stack(data, obs, DictionarySettings(**{**paper.__dict__, "pairs": "symmetric"}))
    # squared norms are those of the full symmetric matrices
    off = data.matrix.toarray()[:, ~data.diagonal]
    np.testing.assert_allclose(
        np.square(whole.data.toarray()).sum(), 2 * np.square(off).sum() + 60 * 90, rtol=1e-6
    )


def test_small_panclusters_need_stronger_correlations():
    data, obs = combined()
    data.clusters.loc[::2, "n_cells"] = 20
    stack = make_stack(data, obs, DictionarySettings(scale="none", min_z=3, min_expected=0))
    least = np.tanh(3 / np.sqrt(17))
    small = stack.data[::2].data
    assert small.min() >= least - 1e-6 and stack.data[1::2].data.min() < least
    few = make_stack(data, obs, DictionarySettings(scale="none", min_z=0, min_expected=6))
    assert (
        few.data[::2].nnz == 0 and few.data[1::2].nnz > 0
    )  # 20 cells, half of them with each gene: 5 with both


def test_bad_stacks_are_reported():
    data, obs = combined()
    with pytest.raises(UserError, match=r"no gene pair is positively coexpressed in at least 1000"):
        make_stack(data, obs, DictionarySettings(pair_support=1000))
    with pytest.raises(UserError, match="1 pancluster"):
        make_stack(data.rows(np.array([0])), obs.iloc[:1], SETTINGS)
    stack = make_stack(data, obs, SETTINGS)
    with pytest.raises(UserError, match=r"dictionary.k: 91 entries for 90 panclusters"):
        stack_fit(stack, 91, SETTINGS, 0)
    with pytest.raises(UserError, match="no entry is used by 1000 panclusters"):
        learn_stack(stack, 4, DictionarySettings(starts=1, min_panclusters=1000), 0)
    with pytest.raises(ValueError, match="k is 0"):
        DictionarySettings(k=0)


def test_matrices_without_positive_pairs_are_reported():
    data, obs = combined()
    for factor in (0, -1):
        data.matrix.data[:] = factor * np.abs(data.matrix.data)
        with pytest.raises(UserError, match=r"no gene pair is positively coexpressed"):
            make_stack(data, obs, SETTINGS)
        data, obs = combined()


def test_ages_and_pseudotime_may_be_missing():
    data, obs = combined()
    bare = obs.drop(columns=["dpt_pseudotime", "age"])
    stack = make_stack(data, bare, SETTINGS)
    choice, result = learn_stack(stack, 4, SETTINGS, 0)
    kept = result.table[result.table["kept"]]
    assert kept["pseudotime"].isna().all() and (np.diff(kept["share"]) <= 0).all()
    saved = SavedDictionary(dictionary_to_anndata(result, stack, choice, {}))
    reading = entry_tables(saved, stack.obs, ["age", "cell_type"])
    assert set(reading.usage["column"]) == {"cell_type"}
    projected = project_stack(FinishedCollection(saved, stack, np.zeros((90, 2)), SETTINGS), stack)
    assert "age" not in projected and (projected["nearest"] == projected["cluster"]).all()


def test_copies_count_in_the_fit_but_are_given_once():
    data, obs = combined()
    settings = DictionarySettings(**{**SETTINGS.__dict__, "duplicates": True})
    stack = make_stack(data, obs, settings)
    choice = stack_fit(stack, 4, settings, 0)
    assert choice.fit.codes.shape == (90, 4)
    rows = np.repeat(np.arange(90), stack.times)
    ends = PairIndex.of(stack.gene_a, stack.gene_b)
    by_hand = fit_starts(stack.data[rows], 4, alpha=settings.alpha, starts=2, seed=0, ends=ends)
    np.testing.assert_allclose(choice.fit.codes[rows], by_hand.fit.codes)


def test_elbow_range_ends_at_the_panclusters(caplog):
    data, obs = combined(n=8)
    settings = DictionarySettings(pair_support=1, k_range=(2, 30))
    table = stack_elbow(make_stack(data, obs, settings), settings, 0)
    assert table["k"].max() == 8 and "the number of panclusters" in caplog.text


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    data, obs = combined()
    stack = make_stack(data, obs, SETTINGS)
    choice, result = learn_stack(stack, 5, SETTINGS, 0)
    path = tmp_path_factory.mktemp("dictionary") / "dictionary.h5ad"
    dictionary_to_anndata(result, stack, choice, SETTINGS.__dict__).write_h5ad(path)
    return stack, choice, result, path


def test_file_keeps_everything(written):
    stack, _, result, path = written
    saved = read_dictionary(path)
    kept = int(result.table["kept"].sum())
    assert saved.names == result.table["entry"].tolist()[:kept]
    assert len(saved.table) + len(saved.aside) == 5
    np.testing.assert_allclose(saved.usage, result.usage, rtol=1e-6)
    np.testing.assert_allclose(saved.edges.toarray(), result.edges.toarray(), rtol=1e-6)
    assert saved.gene_a.tolist() == stack.gene_a.tolist() and list(saved.genes) == stack.genes.tolist()
    assert list(saved.panclusters) == stack.obs.index.tolist()


def test_reading_of_entries(written):
    stack, _, _, path = written
    saved = read_dictionary(path)
    width = len(saved.edge_columns())
    rng = np.random.default_rng(0)
    agreement = [rng.random((len(saved.names), width)) for _ in range(2)]
    size = [np.ones((len(saved.names), width))] * 2
    chance = pd.DataFrame({"cluster": stack.obs.index, "share": 0.25})
    reading = entry_tables(
        saved,
        stack.obs,
        ["study", "age", "cell_type", "absent"],
        agreement=agreement,
        size=size,
        chance=chance,
    )
    assert reading.entries["chance_share"].dropna().tolist() == pytest.approx([0.25] * len(saved.names))
    assert set(reading.usage["column"]) == {"study", "age", "cell_type"}
    edge = reading.edges.iloc[0]
    k = saved.names.index(edge["entry"])
    pair = np.flatnonzero((saved.gene_a == edge["gene_a"]) & (saved.gene_b == edge["gene_b"]))[0]
    column = np.searchsorted(saved.edge_columns(), pair)
    ratio = (agreement[0] + agreement[1])[k, column] / 2
    assert edge["reliability"] == pytest.approx(2 * ratio / (1 + ratio))
    expected = marker_edges(saved.edges, saved.names, saved.gene_a, saved.gene_b)
    assert len(reading.markers) == len(expected) > 0
    gene = reading.centrality.iloc[0]
    edges = reading.edges[(reading.edges["entry"] == gene["entry"])]
    edges = edges[(edges["gene_a"] == gene["gene"]) | (edges["gene_b"] == gene["gene"])]
    assert len(edges) == gene["degree"]
    assert gene["reliability"] == pytest.approx(np.average(edges["reliability"], weights=edges["weight"]))
    plain = entry_tables(saved, stack.obs, [])
    assert plain.edges["reliability"].isna().all() and plain.entries["reliability"].isna().all()


def test_every_figure_is_drawn(written, monkeypatch):
    from panscape.plot.view import View

    stack, _, _, path = written
    saved = read_dictionary(path)
    rng = np.random.default_rng(0)
    view = View(stack.obs, rng.random((90, 2)), np.array([[0, 1], [2, 3]]))
    monkeypatch.setattr("panscape.plot.view.read_view", lambda *_, **__: view)
    reading = entry_tables(saved, stack.obs, ["study", "cell_type"])
    elbow = stack_elbow(stack, SETTINGS, 0)
    genes = reading.centrality["gene"].drop_duplicates().tolist()
    sets = restrict({"a": genes[:12], "b": genes[5:20]}, list(saved.genes), library="l")
    enrichment = enrich_genes({saved.names[0]: genes[:11]}, [sets], nominal=1)
    chance = pd.DataFrame({"n_cells": [50, 500], "share": [0.8, np.nan]})
    tables = Tables(
        saved, "", elbow, reading.entries, reading.edges, reading.centrality, reading.links, reading.usage,
        enrichment, chance,
    )  # fmt: skip
    drawn = dict(draw_dictionary(tables, units={"age": "days"}))
    assert list(drawn) == [
        "elbow", "usage-maps", "usage-labels", "networks", "confidence", "enrichment",
    ]  # fmt: skip
    assert len(drawn["networks"].axes) == min(len(saved.names), PANELS)
    labels = {text.get_text() for ax in drawn["networks"].axes for text in ax.texts}
    most = most_used(reading.entries.set_index("entry")["share"])
    assert labels == {
        *reading.links.loc[reading.links["entry"].isin(most), ["gene_a", "gene_b"]].to_numpy().ravel()
    }


def test_baselines_of_single_resolutions(written, caplog):
    stack, _, _, path = written
    saved = read_dictionary(path)
    main = union_graph(saved.edges, saved.gene_a, saved.gene_b, saved.genes)
    assert main.n_edges == len(saved.edge_columns())
    graphs = baseline_graphs(stack, 4, SETTINGS, resolutions=[10, 1, 0.5])
    assert list(graphs) == ["resolution-10", "resolution-1"] and "at 0.5" in caplog.text
    empty = Graph(main.genes, np.empty((0, 2), np.int32), np.empty(0))
    table = graph_table({"panclusters": main, **graphs, "all-cells": empty})
    again = table_graphs(table, saved.genes)
    assert list(again) == ["panclusters", "resolution-10", "resolution-1", "all-cells"]
    for name, graph in {"panclusters": main, **graphs, "all-cells": empty}.items():
        np.testing.assert_array_equal(again[name].edges, graph.edges)
    network = Network("known", [(main.genes[a], main.genes[b]) for a, b in main.edges[:40]], 40, 0, 0)
    scores = overlap_table(again, [network], saved.genes, rewirings=20)
    edges = supported_edges(again, [network], saved.genes, main="panclusters")
    curves = overlap_curves(again, [network], saved.genes, rewirings=20)
    figures = dict(draw_overlap(scores, curves, edges, min_networks=1))
    assert list(figures) == ["zscores", "curves", "supported-edges"]


def test_left_out_study_is_projected():
    data, obs = combined(n=120)
    stack = make_stack(data, obs, SETTINGS)
    inside = (stack.obs["study"] == "a").to_numpy()
    old, new = stack.rows(inside), stack.rows(~inside)
    choice, result = learn_stack(old, 4, SETTINGS, 0)
    saved = SavedDictionary(dictionary_to_anndata(result, old, choice, {}))
    layout = np.random.default_rng(0).random((len(old.obs), 2))
    finished = FinishedCollection(saved, old, layout, SETTINGS)
    table = project_stack(finished, new)
    assert table["cluster"].tolist() == new.obs.index.tolist() and set(table["nearest"]) <= set(old.obs.index)
    assert table[["x", "y"]].to_numpy().min() >= 0 and table[["x", "y"]].to_numpy().max() <= 1
    again = project_stack(finished, old)
    np.testing.assert_allclose(again[saved.names], saved.usage, rtol=0.05, atol=0.05)
    assert (again["nearest"] == again["cluster"]).mean() > 0.95


def test_all_cells_graph_pools_studies():
    rng = np.random.default_rng(0)
    one, two = (sparse.csr_matrix(rng.poisson(1.0, (200, 12)).astype(float)) for _ in range(2))
    two[:, 1] = two[:, 0] + 0.1 * sparse.csr_matrix(rng.random((200, 1)))
    graph = all_cells_graph([one, sparse.csr_matrix(two)], [f"g{i}" for i in range(12)], 0.4, block=37)
    r = np.corrcoef(np.concatenate([one.toarray(), two.toarray()]).T)
    assert graph.edges.tolist() == [[0, 1]] and graph.weight[0] == pytest.approx(r[0, 1])
