import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import rankdata

from panscape.stats import aucell as aucell_module
from panscape.stats.aucell import aucell, top_count, weight_blocks


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, 1.0, 200) + 0.02
    counts = rng.poisson(rates * rng.uniform(0.05, 2.0, (80, 1)))
    counts[:, 0] = 1  # no cell without counts
    member = rng.random((15, 200)) < rng.uniform(0.02, 0.4, (15, 1))
    member[:, :2] = True
    return sparse.csr_matrix(counts, dtype=np.float32), sparse.csr_matrix(member.astype(float))


def recovery(row, genes, n_up):
    """Sum the recovery curve of ordinal ranks rank by rank, as a fraction of the best possible one."""
    rank = rankdata(-row, method="ordinal")
    curve = [(rank[genes] <= step).sum() for step in range(1, n_up)]
    best = [min(step, genes.sum()) for step in range(1, n_up)]
    return sum(curve) / sum(best)


def test_scores_are_the_area_under_the_recovery_curve(cells):
    counts, member = cells
    scores = aucell(counts, member, top_fraction=0.1, ties="order")
    dense, sets = counts.toarray(), member.toarray().astype(bool)
    expected = [[recovery(row, genes, 20) for genes in sets] for row in dense]
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert scores.min() >= 0 and scores.max() <= 1


def test_scores_equal_decoupler(cells):
    decoupler = pytest.importorskip("decoupler")
    anndata = pytest.importorskip("anndata")
    counts, member = cells
    counts = counts[:, np.asarray(counts.sum(axis=0)).ravel() > 0]
    member = member[:, : counts.shape[1]]
    genes = np.array([f"g{i}" for i in range(counts.shape[1])])
    row, column = member.nonzero()
    net = pd.DataFrame({"source": [f"s{i:02d}" for i in row], "target": genes[column]})
    data = anndata.AnnData(counts, var=pd.DataFrame(index=genes))
    decoupler.mt.aucell(data, net, tmin=1)
    theirs = data.obsm["score_aucell"].sort_index(axis=1).to_numpy()
    # decoupler shuffles the genes with this seed, so that ties are broken at random
    order = np.random.default_rng(0).choice(len(genes), len(genes), replace=False)
    ours = aucell(counts[:, order], member[:, order], ties="order")
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    # averaging ties changes scores no more than random order does
    shared = aucell(counts, member)
    assert np.corrcoef(shared.ravel(), theirs.ravel())[0, 1] > 0.85


def test_shared_ties_are_the_mean_over_all_orders_of_tied_genes():
    counts = sparse.csr_matrix(np.array([[5.0, 2, 2, 2, 1, 1, 0, 0, 0, 0]]))
    member = sparse.csr_matrix(np.array([[1.0, 1, 0, 0, 0, 0, 0, 0, 1, 0]]))
    n_up = top_count(10, 0.4)  # ranks 1 to 3 weigh 3, 2, 1
    assert n_up == 4
    (_, weights), *_ = weight_blocks(counts, n_up)
    np.testing.assert_allclose(weights.toarray()[0], [3, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    scores = aucell(counts, member, top_fraction=0.4)
    np.testing.assert_allclose(scores, [[4 / 6]])


def test_the_order_of_genes_does_not_matter_and_neither_does_the_scale_of_a_cell(cells):
    counts, member = cells
    order = np.random.default_rng(1).permutation(200)
    depth = sparse.diags(np.random.default_rng(2).uniform(0.1, 10, 80))
    base = aucell(counts, member)
    np.testing.assert_allclose(aucell(counts[:, order], member[:, order]), base, atol=1e-6)
    np.testing.assert_allclose(aucell((depth @ counts).tocsr(), member), base, atol=1e-6)


@pytest.mark.parametrize("ties", ["mean", "order"])
def test_blocks_do_not_change_the_scores(cells, ties, monkeypatch):
    counts, member = cells
    base = aucell(counts, member, ties=ties)
    monkeypatch.setattr(aucell_module, "_BLOCK_VALUES", 100)
    np.testing.assert_array_equal(aucell(counts, member, ties=ties), base)


def test_unexpressed_genes_and_stored_zeros_have_no_weight(cells):
    counts, member = cells
    dense = counts.toarray()
    absent = np.argwhere(dense == 0)[::50]
    row, column = np.nonzero(dense)
    place = np.r_[row, absent[:, 0]], np.r_[column, absent[:, 1]]
    values = np.r_[dense[row, column], np.zeros(len(absent), dtype=np.float32)]
    stored = sparse.csr_matrix((values, place), shape=counts.shape)
    assert stored.nnz > counts.nnz
    np.testing.assert_array_equal(aucell(stored, member), aucell(counts, member))
    empty = sparse.csr_matrix((2, 200), dtype=np.float32)
    assert (aucell(empty, member) == 0).all()


def test_invalid_input_raises(cells):
    counts, member = cells
    with pytest.raises(ValueError, match="non-negative"):
        aucell(-counts, member)
    with pytest.raises(ValueError, match="over 200 genes"):
        aucell(counts[:, :100], member)
    with pytest.raises(ValueError, match="ties"):
        aucell(counts, member, ties="lot")
