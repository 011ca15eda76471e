"""Scores of entries in cells and the places of genes, on planted modules."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scored_study import KNOWN, MODULES, SIZE, dictionary, scored_study
from sklearn.metrics import roc_auc_score

from panscape.coscape.cells import MemoryCounts
from panscape.coscape.dictionary import study_cells
from panscape.coscape.dictionary.gene_weights import gene_weights
from panscape.coscape.dictionary.membership import Membership, place_genes, program_table
from panscape.coscape.dictionary.residuals import Moments
from panscape.coscape.dictionary.scores import scores_to_anndata, study_scores
from panscape.coscape.dictionary.use import label_means
from panscape.plot.programs import plot_scores


@pytest.fixture(scope="module")
def case():
    return scored_study(3)


@pytest.fixture(scope="module")
def scored(case):
    return study_scores(case.counts, case.clusters, case.members, case.saved)


def test_scores_find_the_cells_in_which_a_module_is_active(case, scored):
    for k in range(MODULES):
        active = case.activity[:, k] > np.quantile(case.activity[:, k], 0.75)
        assert roc_auc_score(active, scored.within[:, k]) >= 0.9
        assert roc_auc_score(active, scored.rank[:, k]) >= 0.6
        others = np.delete(np.arange(MODULES), k)
        assert abs(roc_auc_score(active, scored.within[:, others[0]]) - 0.5) < 0.06


def test_scores_do_not_depend_on_depth_and_within_scores_not_on_clusters(case, scored):
    label = case.counts.obs["kind"].to_numpy()
    depth = np.log(case.counts.obs["n_counts"].to_numpy())
    for part in ("0", "1", "2"):
        inside = label == part
        assert np.abs(scored.within[inside].mean(axis=0)).max() < 1e-5
        for k in range(MODULES):
            assert abs(np.corrcoef(depth[inside], scored.within[inside, k])[0, 1]) < 0.12
    assert scored.within.std(axis=0) == pytest.approx(1, abs=1e-5)
    assert scored.total.std(axis=0) == pytest.approx(1, abs=1e-5)
    pooled = depth - pd.Series(depth).groupby(label).transform("mean").to_numpy()
    assert np.abs([np.corrcoef(pooled, scored.within[:, k])[0, 1] for k in range(MODULES)]).max() < 1e-4


def test_scores_do_not_depend_on_blocks(case, scored, monkeypatch):
    monkeypatch.setattr(study_cells, "BLOCK_CELLS", 101)
    again = study_scores(case.counts, case.clusters, case.members, case.saved)
    np.testing.assert_allclose(again.total, scored.total, atol=1e-5)
    np.testing.assert_allclose(again.membership.kme_within, scored.membership.kme_within, atol=1e-10)


def test_anndata_of_scores_opens_in_scanpy(case, scored):
    data = scores_to_anndata(scored, case.counts, case.clusters, case.saved.names)
    assert list(data.obs_names) == list(case.counts.cells) and set(data.obs["cluster"]) == {
        "s-0",
        "s-1",
        "s-2",
    }
    between = pd.DataFrame(data.layers["between"].round(4)).groupby(data.obs["cluster"].to_numpy())
    assert (between.nunique() == 1).all(axis=None)
    assert data.obsm["X_programs"].shape == (1500, MODULES) and data.layers["rank"].max() <= 1


def test_kme_is_the_correlation_with_the_score_of_the_other_genes(case, scored):
    """The sums agree with scores computed anew without the gene."""
    genes = np.asarray(case.saved.genes, dtype=object)
    depth = case.counts.obs["n_counts"].to_numpy(dtype=float)
    group = case.counts.obs["kind"].astype(int).to_numpy()
    moments = Moments.of([(slice(0, 1500), case.counts.matrix)], depth, group, len(genes))
    values = moments.rates().residuals(case.counts.matrix, depth, group)
    weights = gene_weights(case.saved.edges, case.saved.gene_a, case.saved.gene_b, genes)
    for gene in (0, KNOWN + 1, 13, 200):
        for k in range(MODULES):
            weight = weights[k].copy()
            weight[gene] = 0
            raw = values @ weight
            # the score without its own part: depth is corrected by the slope of the whole score
            assert scored.membership.kme_within[gene, k] == pytest.approx(
                np.corrcoef(raw, values[:, gene])[0, 1], abs=0.03
            )


def test_genes_are_placed_in_their_modules(case, scored):
    placed, membership = place_genes([scored.membership], case.saved.genes, case.saved.names)
    names = np.array([*case.saved.names, ""])[case.module]
    names[-1] = "entry-01"  # repressed by module 1
    assert placed["entry"].tolist() == names.tolist()
    assert placed["kme"].iloc[-1] < -0.12 and (placed["confidence"].dropna() > 0.99).all()
    unknown = (case.module >= 0) & (np.arange(len(case.module)) % SIZE >= KNOWN)
    assert (placed["entry"].to_numpy()[unknown] != "").all()  # genes without an edge
    table = program_table([scored.membership], placed, case.saved.names)
    assert table["n_placed"].tolist() == [SIZE + 1, SIZE, SIZE, SIZE]
    assert table["n_negative"].tolist() == [1, 0, 0, 0] and (table["kind"] == "activity").all()
    assert len(membership) == MODULES * len(case.saved.genes)


def test_higher_thresholds_place_fewer_genes(case, scored):
    counts = [
        (
            place_genes([scored.membership], case.saved.genes, case.saved.names, min_kme=least)[0]["entry"]
            != ""
        ).sum()
        for least in (0.05, 0.3, 0.99)
    ]
    assert counts[0] >= counts[1] > counts[2] == 0


def test_pvalues_of_unrelated_genes_are_uniform(case, scored):
    _, membership = place_genes([scored.membership], case.saved.genes, case.saved.names)
    plain = membership[membership["gene"].isin(np.asarray(case.saved.genes)[case.module < 0][:-1])]
    rate = (plain["pvalue"] <= 0.05).mean()
    assert 0.03 < rate < 0.08  # of 764 tests


def test_sums_of_studies_add_up_and_missing_genes_have_none(case, scored):
    fewer = np.arange(0, len(case.saved.genes), 2)
    counts = MemoryCounts(
        case.counts.matrix[:, fewer], case.counts.obs, pd.DataFrame(index=case.counts.genes[fewer])
    )
    half = study_scores(counts, case.clusters, case.members, case.saved).membership
    assert (half.cells_gene[1::2] == 0).all() and (half.kme_within[1::2] == 0).all()
    both = scored.membership + half
    np.testing.assert_allclose(both.cells_cross[1::2], scored.membership.cells_cross[1::2])
    again = Membership.from_anndata(both.to_anndata(case.saved.genes, case.saved.names))
    np.testing.assert_array_equal(again.kme_within, both.kme_within)
    np.testing.assert_array_equal(again.effective, both.effective)


def test_programmes_of_identity_are_told_from_those_of_activity(case):
    rng = np.random.default_rng(0)
    marker = np.arange(100, 110)
    counts = case.counts.matrix.toarray()
    counts[:, marker] = rng.poisson(np.where(case.counts.obs["kind"] == "0", 8.0, 0.3)[:, None], (1500, 10))
    genes = np.asarray(case.saved.genes, dtype=object)
    saved = dictionary(
        genes, [[0, 1, 2, 3, 4], list(marker)], case.saved.panclusters, np.ones((4, 2)), ["a", "b"]
    )
    memory = MemoryCounts(counts, case.counts.obs.drop(columns="n_counts"), pd.DataFrame(index=genes))
    scored = study_scores(memory, case.clusters, case.members, saved)
    placed, _ = place_genes([scored.membership], genes, saved.names)
    assert program_table([scored.membership], placed, saved.names)["kind"].tolist() == [
        "activity",
        "identity",
    ]
    across = scored.membership.kme_panclusters
    assert (across[marker, 1] > 0.9).all() and np.abs(across[50:90, 1]).mean() < 0.9


def test_weights_are_the_leading_eigenvector():
    rng = np.random.default_rng(0)
    loading = rng.uniform(0.5, 1, 6)
    first, second = np.triu_indices(6, 1)
    genes = np.array([f"g{i}" for i in range(7)], dtype=object)
    edges = sparse.csr_matrix(np.stack([loading[first] * loading[second], np.zeros(len(first))]))
    weights = gene_weights(edges, genes[first], genes[second], genes)
    dense = np.zeros((7, 7))
    dense[first, second] = dense[second, first] = loading[first] * loading[second]
    vector = np.abs(np.linalg.eigh(dense)[1][:, -1])
    np.testing.assert_allclose(weights[0], vector, atol=1e-8)
    assert not weights[1].any()


def test_moments_give_the_planted_dispersion():
    rng = np.random.default_rng(0)
    depth, group = rng.uniform(50, 200, 20_000), rng.integers(2, size=20_000)
    mean = depth * np.where(group == 0, 0.02, 0.05)
    counts = sparse.csr_matrix(rng.poisson(rng.gamma(2.0, mean / 2.0))[:, None].astype(float))
    rates = Moments.of([(slice(0, 20_000), counts)], depth, group, 1).rates()
    np.testing.assert_allclose(rates.rate.ravel(), [0.02, 0.05], rtol=0.03)
    assert rates.dispersion[0] == pytest.approx(0.5, rel=0.05)
    values = rates.residuals(counts, depth, group)
    assert values.mean() == pytest.approx(0, abs=0.02) and values.std() == pytest.approx(1, abs=0.03)


def test_means_by_label_group_numbers_and_leave_out_depth():
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {"age": rng.uniform(0, 10, 400), "kind": rng.choice(["a", "b"], 400), "n_counts": 1.0, "site": "x"}
    )
    scores = np.stack([obs["age"], (obs["kind"] == "a").astype(float)], axis=1)
    table = label_means([(obs, scores)], ["one", "two"], ["kind", "age", "n_counts", "site", "lost"])
    assert set(table["column"]) == {"kind", "age"}
    age = table[(table["column"] == "age") & (table["entry"] == "one")]
    assert len(age) == 8 and age["score"].is_monotonic_increasing and (age["n_cells"] == 50).all()
    kind = table[(table["column"] == "kind") & (table["entry"] == "two")]
    assert kind["score"].tolist() == [1.0, 0.0]


def test_scores_are_drawn(case, scored):
    placed, _ = place_genes([scored.membership], case.saved.genes, case.saved.names)
    programs = program_table([scored.membership], placed, case.saved.names)
    means = label_means([(case.counts.obs, scored.total)], case.saved.names, ["kind"])
    fig = plot_scores(programs, means, units={})
    texts = [label.get_text() for ax in fig.axes for label in ax.get_yticklabels()]
    assert any(text.startswith("01 G0") for text in texts)
    empty = plot_scores(programs, means.iloc[:0])
    assert "no labels" in empty.axes[0].texts[0].get_text()
