import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import sparse
from sivae_cases import CLASSIC, made_bin, quick, trained

from panscape.errors import UserError
from panscape.plot.sivae import principal_reading
from panscape.sivae.attribution import Decoder, agreement, attributions
from panscape.sivae.baselines import pca, pearson
from panscape.sivae.bins import gene_features
from panscape.sivae.labels import label_transfer
from panscape.sivae.network import densest, dependence, neighbours, network, similarity
from panscape.sivae.readout import read_models
from panscape.sivae.values import ValueSettings, prepare_bin


@pytest.fixture(scope="module", params=["skip_connection", "classic"])
def fitted(request):
    settings = quick(n_steps=(0, 0, 80)) if request.param == "skip_connection" else quick(**CLASSIC)
    task, _ = trained([made_bin(), made_bin("1", seed=1)], settings)
    return task, read_models(task)[1]


def test_the_plain_decoder_is_the_model(fitted):
    task, result = fitted
    with torch.no_grad():
        v, _ = task.embed_genes()
        z, _, observed = task.predict(task.train.take(slice(None)), v)
    n = task.train.count[1]
    np.testing.assert_allclose(
        result.decoder.trace(z[1, :n].double().numpy())[0], observed.mean[1, :n], atol=1e-4
    )


def test_attributions_against_autograd(fitted):
    _, result = fitted
    z = torch.tensor(result.scores[:20], dtype=torch.float64)

    def decode(one):
        x = one
        for weight, bias, relu in result.decoder.layers:
            x = x @ torch.tensor(weight) + torch.tensor(bias)
            x = torch.relu(x) if relu else x
        mean = x @ torch.tensor(result.decoder.weights).T
        return mean if result.decoder.direct is None else mean + one @ torch.tensor(result.decoder.direct).T

    jacobian = torch.func.vmap(torch.func.jacrev(decode))(z).numpy()
    total = 0
    for dimension in range(4):
        parts = attributions(result.decoder, z.numpy(), dimension)
        np.testing.assert_allclose(parts["saliency"], np.abs(jacobian[..., dimension]), atol=1e-8)
        expected = jacobian[..., dimension] * z.numpy()[:, dimension, None]
        np.testing.assert_allclose(parts["grad_input"], expected, atol=1e-8)
        total = total + parts["deeplift"]
    whole = result.decoder.trace(z.numpy())[0] - result.decoder.trace(np.zeros((1, 4)))[0]
    np.testing.assert_allclose(total, whole, atol=1e-3)


def test_integrated_gradients_sum_to_the_difference_of_means(fitted):
    _, result = fitted
    z = result.scores[:20].astype(float)
    total = sum(attributions(result.decoder, z, at, 400)["integrated_gradients"] for at in range(4))
    whole = result.decoder.trace(z)[0] - result.decoder.trace(np.zeros((1, 4)))[0]
    np.testing.assert_allclose(total, whole, atol=0.02 * np.abs(whole).max())


def test_a_linear_decoder_agrees_with_its_loadings():
    random = np.random.default_rng(0)
    loadings = random.normal(size=(30, 3)) * [1, 0.8, 0.01]
    rows = agreement(Decoder([], loadings, np.zeros(30)), random.normal(size=(50, 3)), loadings)
    assert [row["active"] for row in rows] == [True, True, False]
    assert all(row["deeplift"] == pytest.approx(1) and row["grad_input"] == pytest.approx(1) for row in rows)


@given(st.integers(2, 40), st.floats(0.001, 0.5), st.integers(0, 5))
@example(31, 0.3, 0)  # half an edge
def test_networks_have_the_density_asked_for(genes, density, seed):
    random = np.random.default_rng(seed)
    values = random.integers(0, 4, size=(genes, genes)).astype(float)  # many ties
    values = values + values.T
    result = densest(values, density)
    pairs = genes * (genes - 1) // 2
    assert result.nnz == 2 * min(max(round(density * pairs), 1), pairs)
    dense = result.toarray()
    assert (dense == dense.T).all() and not dense.diagonal().any()
    upper = np.triu_indices(genes, 1)
    chosen = dense[upper]
    if chosen.any() and not chosen.all():
        assert values[upper][chosen].min() >= values[upper][~chosen].max()


def test_metrics_against_loops():
    random = np.random.default_rng(1)
    x = random.normal(size=(6, 3))
    for metric, measure in {
        "dot": lambda a, b: a @ b,
        "cosine": lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b),
        "euclidean": lambda a, b: -np.linalg.norm(a - b),
    }.items():
        expected = [[measure(a, b) for b in x] for a in x]
        np.testing.assert_allclose(similarity(x, metric), expected, atol=1e-7)
        near = neighbours(x, 2, metric)
        for at in range(6):
            others = sorted((other for other in range(6) if other != at), key=lambda o: -expected[at][o])
            assert list(near[at]) == others[:2]
    with pytest.raises(ValueError, match="metric"):
        similarity(x, "manhattan")


def test_unconnected_genes_are_neighbours_by_distance_only():
    random = np.random.default_rng(0)
    loadings = np.vstack([random.normal(2, 0.3, (10, 3)), random.normal(0, 0.02, (10, 3))])
    by_distance = network(loadings, 0.1, "euclidean")
    assert by_distance[10:, 10:].sum() > 0.9 * by_distance.sum()
    assert network(loadings, 0.1, "dot")[10:].sum() == 0
    assert network(loadings, 0.1, "euclidean", min_norm=0.3)[10:].sum() == 0


def test_pca_and_pearson_against_libraries():
    from sklearn.decomposition import PCA

    bin_ = made_bin(cells=80)
    bin_.inputs[:, 2] = 0
    train = bin_.inputs[~bin_.test].astype(float)
    result = pca(bin_, 4)
    model = PCA(4, svd_solver="full").fit(train)
    np.testing.assert_allclose(
        result.predict(), model.inverse_transform(model.transform(bin_.inputs)), atol=1e-4
    )
    kept = np.delete(np.arange(30), 2)
    np.testing.assert_allclose(pearson(bin_)[np.ix_(kept, kept)], np.corrcoef(train[:, kept].T), atol=1e-5)
    assert not pearson(bin_)[2].any()
    many = pca(made_bin(cells=12, genes=30), 20)  # more components than cells
    assert np.isfinite(many.loadings).all() and not many.loadings[:, 10:].any()


def test_gene_features_keep_inner_products():
    for cells in (20, 90):
        bin_ = made_bin(cells=cells)
        settings = quick(feature_dim=200)
        result = gene_features(bin_, settings, 0).astype(float)
        train = bin_.inputs[~bin_.test].astype(float)
        gram = train.T @ train
        ratio = gram.diagonal().sum() / np.square(result).sum()
        np.testing.assert_allclose(result @ result.T * ratio, gram, atol=1e-3 * np.abs(gram).max())
        assert np.square(result).mean() == pytest.approx(1, rel=1e-5)
    drawn = gene_features(bin_, quick(feature_input="sample", feature_dim=10), 0)
    assert drawn.shape == (30, 10)
    again = gene_features(bin_, quick(feature_input="sample", feature_dim=10), 0)
    assert np.array_equal(drawn, again)


def test_clr_against_loops():
    random = np.random.default_rng(0)
    values = random.normal(size=(40, 6))
    values[:, 1] += values[:, 0]
    r = np.corrcoef(values.T)
    information = -0.5 * np.log(1 - r**2 + np.eye(6))
    np.fill_diagonal(information, 0)
    expected = np.zeros((6, 6))
    for a in range(6):
        for b in range(6):
            scores = [
                max(0, (information[a, b] - row.mean()) / row.std())
                for row in (information[a], information[b])
            ]
            expected[a, b] = np.hypot(*scores)
    result = dependence(values, "clr")
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(result[off], expected[off], atol=1e-6)
    np.testing.assert_allclose(dependence(values)[off], np.abs(r)[off], atol=1e-9)


def test_labels_carry_over_between_neighbours():
    random = np.random.default_rng(0)
    labels = np.array(["a"] * 40 + ["b"] * 40 + ["rare"] * 2 + [""] * 5)
    scores = np.r_[random.normal(0, 1, (40, 2)), random.normal(9, 1, (40, 2)), random.normal(0, 1, (7, 2))]
    result = label_transfer(scores, labels, 0)
    assert (
        result["accuracy"] == 1
        and result["n_labels"] == 2
        and result["n_cells"] == 80
        and result["chance"] == 0.5
    )
    shuffled = label_transfer(random.normal(size=(87, 2)), labels, 0)
    assert 0.3 < shuffled["accuracy"] < 0.7
    assert label_transfer(scores, np.array(["a"] * 87), 0) is None


def test_the_linear_reading_turned_to_its_axes_is_the_same_product():
    random = np.random.default_rng(0)
    scores, loadings = random.normal(size=(50, 2)), random.normal(size=(20, 2))
    cells, genes = principal_reading(scores, loadings)
    np.testing.assert_allclose(cells @ genes.T, (scores - scores.mean(0)) @ loadings.T, atol=1e-8)
    assert (genes**2).sum(0)[0] >= (genes**2).sum(0)[1]
    np.testing.assert_allclose((cells**2).mean(0), 1, atol=1e-8)


def test_values_of_a_bin_are_scaled_by_its_training_cells():
    random = np.random.default_rng(0)
    drawn = random.poisson(2.0, size=(50, 6)).astype(np.float32)
    drawn[:, 4] = 0
    counts = sparse.csr_matrix(drawn)
    logged = sparse.csr_matrix(np.log1p(counts.toarray()))
    obs = pd.DataFrame({"batch": ["x"] * 25 + ["y"] * 25, "n_counts": 10.0, "cell_type": ["a", "b"] * 25})
    obs.index = [f"c{i}" for i in range(50)]
    settings = ValueSettings(labels="cell_type", regress=("batch",), covariates=("batch",))
    result = prepare_bin("l", "0", logged, counts, obs, settings, 0)
    train = ~result.bin.test
    kept = np.delete(np.arange(6), 4)
    np.testing.assert_allclose(result.bin.inputs[train][:, kept].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(result.bin.inputs[train][:, kept].std(0), 1, atol=1e-4)
    subset = train & (obs["batch"] == "x").to_numpy()
    np.testing.assert_allclose(
        result.bin.inputs[subset][:, kept].mean(0), 0, atol=1e-5
    )  # batch means are gone
    assert not result.bin.inputs[:, 4].any() and result.detection[4] == 0
    np.testing.assert_allclose(result.mean, logged.toarray().mean(0), rtol=1e-5)
    assert result.bin.covariates.shape == (50, 2) and result.bin.test.sum() == 10
    with pytest.raises(UserError, match="no 'sex'"):
        prepare_bin("l", "0", logged, counts, obs, ValueSettings(regress=("sex",)), 0)
