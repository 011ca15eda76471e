"""Dictionaries of panclusters of which not all measure all genes."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.coscape.dictionary.choose import fit_starts
from panscape.coscape.dictionary.fit_stack import learn_stack, stack_elbow
from panscape.coscape.dictionary.learn import learn_entries
from panscape.coscape.dictionary.measured import Measured, code_products, entry_products
from panscape.coscape.dictionary.nmf_programs import factor_tables
from panscape.coscape.dictionary.pair_index import PairIndex
from panscape.coscape.dictionary.products import group_products, inner_products, learn_products
from panscape.coscape.dictionary.settings import DictionarySettings
from panscape.coscape.dictionary.stack import make_stack
from panscape.coscape.dictionary.study import study_confidence
from panscape.coscape.dictionary.write import dictionary_to_anndata, read_dictionary
from panscape.coscape.landscape.combine import Combined
from panscape.coscape.overlap.targets import all_cells_graph
from panscape.coscape.project.collection import FinishedCollection, project_stack
from panscape.data.edge_lists import Network, measurable

GENES, N = 14, 60
FIRST, SECOND = np.triu_indices(GENES, 1)


def planted(seed=0, noise=0.02, lost=((), (0, 1, 7), (2, 12, 13))):
    """Return data, ends, groups, planted loadings and codes: three groups, each without some genes."""
    rng = np.random.default_rng(seed)
    loadings = np.zeros((2, GENES))
    loadings[0, :6], loadings[1, 7:13] = rng.uniform(0.7, 1.1, 6), rng.uniform(0.7, 1.1, 6)
    codes = rng.gamma(2.0, 1.0, (N, 2)) * (rng.uniform(size=(N, 2)) < 0.7)
    group = np.arange(N) % 3
    genes = np.ones((3, GENES), dtype=bool)
    for row, gone in enumerate(lost):
        genes[row, list(gone)] = False
    columns = genes[:, FIRST] & genes[:, SECOND]
    data = codes @ (loadings[:, FIRST] * loadings[:, SECOND]) + noise * rng.normal(size=(N, len(FIRST)))
    data = np.where(columns[group], data, 0)
    ends = PairIndex(FIRST, SECOND, GENES)
    return sparse.csr_matrix(data), ends, Measured(group, columns, genes), loadings, codes


def cosines(one, two):
    one, two = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, two))
    return (one @ two.T).max(axis=1)


def test_products_of_groups_are_those_of_what_they_measure():
    _, ends, measured, loadings, codes = planted()
    entries = ends.products(loadings)
    by_pair, by_gene = entry_products(entries, measured), group_products(loadings, loadings, measured.genes)
    np.testing.assert_allclose(by_pair, by_gene)
    whole = code_products(codes, measured)
    np.testing.assert_allclose(whole.sum(axis=0), codes.T @ codes)
    everything = Measured(measured.group, np.ones_like(measured.columns), np.ones_like(measured.genes))
    np.testing.assert_allclose(
        group_products(loadings, loadings, everything.genes)[1], inner_products(loadings, loadings)
    )


@pytest.mark.parametrize("form", ["products", "free"])
def test_planted_networks_are_found_whole(form):
    data, ends, measured, loadings, _ = planted()
    wanted = ends.products(loadings)

    def fit(groups):
        options = {"alpha": 0.001, "starts": 3, "seed": 1, "measured": groups}
        return fit_starts(data, 2, ends=ends if form == "products" else None, **options).fit

    result, as_zero = fit(measured), fit(None)
    assert cosines(wanted, result.entries).min() > 0.99
    assert cosines(wanted, as_zero.entries).min() < 0.985  # absent genes as zeros make networks smaller
    assert result.error < 0.01 < as_zero.error
    fitted = result.codes @ result.entries
    square = ((data.toarray() - fitted) ** 2)[measured.columns[measured.group]].sum()
    assert square / data.multiply(data).sum() == pytest.approx(result.error, rel=0.2)


@pytest.mark.parametrize("form", ["products", "free"])
def test_objective_falls_and_counts_what_is_measured(form):
    data, ends, measured, *_ = planted(noise=0.2)
    rng = np.random.default_rng(3)
    if form == "products":
        fit, loadings = learn_products(
            data, ends, rng.uniform(size=(3, GENES)), alpha=0.05, max_iter=40, tol=0.0, measured=measured
        )
        entries = ends.products(loadings)
    else:
        start = rng.uniform(size=(3, len(FIRST)))
        fit = learn_entries(data, start, alpha=0.05, max_iter=40, tol=0.0, rng=rng, measured=measured)
        entries = fit.entries
    history = np.array(fit.history)
    assert (np.diff(history) <= 1e-5 * history[0]).all()  # entries of norm above 1 are scaled back
    assert history[-1] < 0.9 * history[0]
    if form == "free":
        inside = measured.columns[measured.group]
        square = ((data.toarray() - fit.codes @ entries) ** 2)[inside].sum()
        assert fit.objective == pytest.approx(0.5 * square + 0.05 * fit.codes.sum(), rel=1e-9)


@pytest.mark.parametrize("form", ["products", "free"])
def test_groups_that_measure_all_change_nothing(form):
    data, ends, measured, *_ = planted(lost=((), (), ()))
    options = {"alpha": 0.01, "starts": 2, "seed": 2, "max_iter": 15}
    ends = ends if form == "products" else None
    one = fit_starts(data, 3, ends=ends, **options).fit
    two = fit_starts(data, 3, ends=ends, measured=measured, **options).fit
    np.testing.assert_allclose(two.entries, one.entries, atol=1e-6)
    np.testing.assert_allclose(two.codes, one.codes, atol=1e-5)


def test_chance_is_of_genes_that_a_pancluster_measures():
    from panscape.coscape.dictionary.grow import _at, _renamed

    data, ends, measured, *_ = planted()
    other, its_ends = _renamed(data, ends, np.random.default_rng(0), measured)
    at = _at(its_ends, measured)
    outside = other.toarray()[~at.columns[at.group]]
    assert not outside.any()
    np.testing.assert_allclose(
        np.sort(np.abs(other.toarray()).sum(axis=1)), np.sort(np.abs(data.toarray()).sum(axis=1))
    )


def combined():
    """Return a Combined of two studies of planted networks, and its obs."""
    data, _, measured, loadings, _ = planted(noise=0.0, lost=((), (0, 1, 7), (0, 1, 7)))
    study = np.where(measured.group == 0, "a", "b")
    detection = np.where(measured.genes[measured.group], 0.5, np.nan)
    clusters = pd.DataFrame(
        {
            "cluster": [f"{s}-c{at}" for at, s in enumerate(study)],
            "study": study,
            "n_cells": 500,
            "multiplicity": 1,
        }
    )
    genes = np.array([f"g{at:02d}" for at in range(GENES)], dtype=object)
    scaled = data / abs(data).max() * 0.9
    pairs = np.stack([FIRST, SECOND], axis=1)
    made = Combined(clusters, sparse.csr_matrix(scaled), pairs, genes, detection=detection)
    return made, clusters.set_index("cluster").assign(dpt_pseudotime=np.linspace(0, 1, N)), loadings


def learned():
    made, obs, loadings = combined()
    settings = DictionarySettings(k=2, starts=2, min_z=0, min_panclusters=5)
    stack = make_stack(made, obs, settings)
    choice, result = learn_stack(stack, 2, settings, 0)
    return stack, choice, result, settings, loadings


def test_stack_and_file_know_who_measures_what(tmp_path):
    stack, choice, result, *_ = learned()
    by_study = stack.measured_by_study()
    assert by_study["a"].all() and np.flatnonzero(~by_study["b"]).tolist() == [0, 1, 7]
    assert stack.rows(stack.obs["study"].to_numpy() == "b").groups().columns.shape[0] == 1
    dictionary_to_anndata(result, stack, choice, {}).write_h5ad(tmp_path / "d.h5ad")
    saved = read_dictionary(tmp_path / "d.h5ad")
    assert saved.genes_of("a").all() and (saved.genes_of("b") == by_study["b"]).all()
    table = stack_elbow(stack, DictionarySettings(k_range=(1, 4)), 0)
    assert table["error"].min() < 0.05


def test_confidence_leaves_edges_out_that_a_study_does_not_measure(tmp_path):
    from panscape.data.counts import CountsWriter

    stack, choice, result, *_ = learned()
    dictionary_to_anndata(result, stack, choice, {}).write_h5ad(tmp_path / "d.h5ad")
    saved = read_dictionary(tmp_path / "d.h5ad")
    measured = np.asarray(saved.genes, dtype=object)[saved.genes_of("b")]
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(2.0, (80, len(measured))).astype(np.float32))
    with CountsWriter(tmp_path / "c.h5ad", len(measured)) as writer:
        writer.append(counts)
        cells = pd.DataFrame(
            {"n_counts": counts.sum(axis=1).A1, "study": "b"}, index=[f"x{i}" for i in range(80)]
        )
        writer.finish(cells, pd.DataFrame(index=measured))
    clusters = pd.DataFrame({"cluster": [stack.obs.index[1]], "study": "b", "n_cells": 80})
    members = sparse.csr_matrix(np.ones((1, 80)))
    pairs = pd.DataFrame({"gene_a": [measured[0]], "gene_b": [measured[1]]})
    output = study_confidence(
        tmp_path / "c.h5ad", clusters, members, sparse.csr_matrix(np.ones((1, 1))), pairs, saved,
        normalisation="log1p", coexpression={"estimator": "pearson", "eta": 0.2},
    )  # fmt: skip
    columns = saved.edge_columns()
    known = set(measured)
    here = np.array([a in known and b in known for a, b in zip(saved.gene_a, saved.gene_b, strict=True)])[
        columns
    ]
    assert 0 < here.sum() < len(here)
    assert not output.size[:, ~here].any() and (output.size[:, here].sum(axis=0) > 0).any()


def test_expression_factors_are_of_genes_that_all_measure():
    import anndata

    stack, *_ = learned()
    values = np.random.default_rng(0).gamma(2.0, 1.0, (N, GENES)).astype(np.float32)
    values[np.isnan(combined()[0].detection)] = np.nan
    names = list(stack.genes)
    data = anndata.AnnData(values, obs=stack.obs[["dpt_pseudotime"]], var=pd.DataFrame(index=names))

    class Saved:
        names = ("entry-01", "entry-02")
        usage = np.random.default_rng(1).uniform(size=(N, 2))
        edges = sparse.csr_matrix(np.ones((2, len(FIRST))))
        gene_a, gene_b = np.array(names)[[0, 0]][:1].repeat(len(FIRST)), np.array(stack.genes)[SECOND]

    tables = factor_tables(Saved, data)
    assert set(tables.genes["gene"]) <= set(names) - {"g00", "g01", "g07"}
    data.X[:, :] = np.nan
    empty = factor_tables(Saved, data)
    assert empty.matches["factor"].tolist() == ["", ""] and empty.genes.empty


def test_all_cells_are_correlated_where_both_genes_are_measured():
    rng = np.random.default_rng(0)
    one, two = rng.poisson(2.0, (50, 4)).astype(float), rng.poisson(3.0, (70, 4)).astype(float)
    one[:, 1] += one[:, 0]
    two[:, 3] += two[:, 0]
    flags = np.array([[True] * 4, [True, False, True, True]])
    parts = [sparse.csr_matrix(one), sparse.csr_matrix(two[:, flags[1]])]
    graph = all_cells_graph(parts, list("abcd"), 0.0, block=13, measured=flags)
    weight = {tuple(edge): w for edge, w in zip(graph.edges.tolist(), graph.weight, strict=True)}
    both = np.vstack([one, two])
    assert weight[0, 3] == pytest.approx(abs(np.corrcoef(both[:, 0], both[:, 3])[0, 1]))
    assert weight[0, 1] == pytest.approx(abs(np.corrcoef(one[:, 0], one[:, 1])[0, 1]))
    full = [sparse.csr_matrix(part) for part in (one, two)]
    same = all_cells_graph(full, list("abcd"), 0.0, measured=np.ones((2, 4), dtype=bool))
    plain = all_cells_graph(full, list("abcd"), 0.0)
    np.testing.assert_allclose(same.weight, plain.weight)


def test_known_edges_that_no_study_could_find_do_not_count():
    known = Network("n", [("a", "b"), ("a", "c"), ("b", "c"), ("b", "x")], 4, 0, 0)
    flags = [np.array([True, False, True]), np.array([False, True, True])]
    assert measurable(known, list("abc"), flags).pairs == [("a", "c"), ("b", "c"), ("b", "x")]
    assert measurable(known, list("abc"), []) is known


def test_projection_leaves_pairs_out_that_one_side_does_not_measure(tmp_path):
    stack, choice, result, *_ = learned()
    dictionary_to_anndata(result, stack, choice, {}).write_h5ad(tmp_path / "d.h5ad")
    saved = read_dictionary(tmp_path / "d.h5ad")
    layout = np.random.default_rng(0).normal(size=(len(stack.obs), 2))
    finished = FinishedCollection(saved, stack, layout, DictionarySettings(alpha=0.001, scale="unit"))
    placed = project_stack(finished, stack)
    assert placed["cluster"].tolist() == list(stack.obs.index)
    used = stack.data.multiply(stack.data).sum(axis=1).A1 > 0
    output = placed.loc[used, saved.names].to_numpy()
    usage = saved.usage[used]
    share = [rows / rows.sum(axis=1, keepdims=True) for rows in (output, usage)]
    np.testing.assert_allclose(*share, atol=0.05)  # study b lacks genes and is coded as if it had them
    complete = project_stack(finished, stack.rows(stack.measured.all(axis=1)))
    assert complete["cluster"].isin(placed["cluster"]).all()
