import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn import linear_model, metrics

from panscape.stats.ranks import auroc
from panscape.unicoord import baselines, calibrate, evaluate


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((400, 4)) * 2
    truth = np.array(list("abcd"), dtype=object)[[rng.choice(4, p=p) for p in calibrate.softmax(logits)]]
    return truth, logits, np.array(list("abcd"), dtype=object)


def test_classification_agrees_with_scikit_learn(predictions):
    truth, logits, names = predictions
    probability = calibrate.softmax(logits)
    predicted = names[probability.argmax(axis=1)]
    scores = evaluate.classification(truth, predicted, probability, names)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
    assert scores["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, predicted))
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(truth, probability, labels=list(names)))
    hot = truth[:, None] == names
    assert scores["brier"] == pytest.approx(((probability - hot) ** 2).sum(axis=1).mean())


def test_a_class_met_only_in_predictions_or_only_in_truth_counts_as_in_scikit_learn():
    truth, predicted = ["a", "a", "b", "c"], ["a", "d", "b", "b"]
    scores = evaluate.classification(truth, predicted)
    expected = metrics.f1_score(truth, predicted, average="macro", zero_division=0)
    assert scores["macro_f1"] == pytest.approx(expected)


def test_cells_without_a_label_are_left_out_and_unknown_is_never_right():
    truth = ["a", None, float("nan"), "", "b", "a"]
    scores = evaluate.classification(truth, ["a", "a", "b", "a", "unknown", "b"])
    assert scores["n"] == 3
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["coverage"] == pytest.approx(2 / 3)
    assert scores["accuracy_covered"] == pytest.approx(1 / 2)
    assert evaluate.confusion(truth, ["a", "a", "b", "a", "unknown", "b"]).loc["b", "unknown"] == 1


def test_unknown_classes_affect_accuracy_but_not_log_loss(predictions):
    truth, logits, names = predictions
    probability = calibrate.softmax(logits)
    foreign = truth.copy()
    foreign[:100] = "e"
    scores = evaluate.classification(foreign, names[probability.argmax(axis=1)], probability, names)
    assert scores["log_loss"] == pytest.approx(
        metrics.log_loss(truth[100:], probability[100:], labels=list(names))
    )
    assert scores["accuracy"] < 0.76


def test_probabilities_need_names(predictions):
    truth, logits, names = predictions
    with pytest.raises(ValueError, match="name the class"):
        evaluate.classification(truth, truth, logits, names[:2])


def test_scores_without_cells_are_nan():
    assert np.isnan(evaluate.classification([None], ["a"])["accuracy"])
    assert np.isnan(evaluate.regression([np.nan], [1.0])["mae"])


def test_calibration_error_is_small_for_true_probabilities_and_large_for_sharpened_ones(predictions):
    truth, logits, names = predictions
    for factor, low, high in ((1.0, 0.0, 0.07), (6.0, 0.15, 1.0)):
        probability = calibrate.softmax(logits * factor)
        hit = names[probability.argmax(axis=1)] == truth
        assert low <= calibrate.calibration_error(probability.max(axis=1), hit) < high


def test_calibration_error_by_hand():
    confidence, correct = np.array([0.95, 0.85, 0.25, 0.2]), np.array([1, 0, 1, 0])
    table = calibrate.reliability(confidence, correct, bins=5)
    assert table["n"].tolist() == [1, 1, 2]  # .2 is in the first bin: the lower edge belongs below
    expected = (abs(0.2 - 0) + abs(0.25 - 1) + 2 * abs(0.9 - 0.5)) / 4
    assert calibrate.calibration_error(confidence, correct, bins=5) == pytest.approx(expected)


@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
def test_temperature_undoes_a_factor_on_the_logits(factor):
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((5000, 3)) * 2
    codes = np.array([rng.choice(3, p=p) for p in calibrate.softmax(logits)])
    temperature = calibrate.fit_temperature(logits * factor, codes)
    assert temperature == pytest.approx(factor, rel=0.1)
    assert calibrate.fit_temperature(logits[:0], codes[:0]) == 1.0


def test_large_logits_do_not_overflow():
    assert np.allclose(calibrate.softmax(np.array([[1e4, 0.0]])), [[1, 0]])


def test_prediction_sets_have_the_nominal_coverage():
    rng = np.random.default_rng(2)
    share, rare = [], []
    for _ in range(40):
        logits = rng.standard_normal((600, 4)) + np.array([2.0, 0, 0, -1])
        codes = np.array([rng.choice(4, p=p) for p in calibrate.softmax(logits)])
        probability = calibrate.softmax(3 * logits)  # a badly calibrated model
        for per_class, into in ((False, share), (True, rare)):
            threshold = calibrate.conformal_threshold(
                probability[:300], codes[:300], 0.1, per_class=per_class
            )
            inside = calibrate.prediction_sets(probability[300:], threshold)[np.arange(300), codes[300:]]
            into.append(inside[codes[300:] == 3].mean() if per_class else inside.mean())
    assert 0.89 < np.mean(share) < 0.92
    assert 0.87 < np.mean(rare) < 0.95


def test_too_few_cells_put_every_class_into_the_set():
    assert calibrate.conformal_threshold(np.array([[0.9, 0.1]]), np.array([0]), 0.05).tolist() == [0, 0]
    assert calibrate.unknown_threshold(np.arange(5.0), 0.05) == np.inf


@given(st.lists(st.integers(0, 20), min_size=20, max_size=60), st.sampled_from([0.05, 0.1, 0.3]))
def test_threshold_and_pvalue_agree_on_what_is_unknown(reference, alpha):
    reference = np.array(reference, dtype=float)
    score = np.linspace(-1, 21, 45)
    threshold = calibrate.unknown_threshold(reference, alpha)
    flagged = calibrate.conformal_pvalue(score, reference) <= alpha
    assert np.array_equal(flagged, score > threshold)
    assert (reference > threshold).mean() <= alpha


def test_invalid_calibration_input_raises():
    with pytest.raises(ValueError, match="leave out"):
        calibrate.fit_temperature(np.zeros((2, 2)), np.array([0, -1]))
    with pytest.raises(ValueError, match="alpha"):
        calibrate.conformal_threshold(np.ones((2, 1)), np.zeros(2), 1.5)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auroc_agrees_with_scikit_learn(pairs):
    score, positive = zip(*pairs, strict=True)
    area = auroc(score, positive)
    if len(set(positive)) < 2:
        assert np.isnan(area)
    else:
        assert area == pytest.approx(metrics.roc_auc_score(positive, score))


def test_regression_agrees_with_scipy_and_shows_shrinkage_and_bias():
    rng = np.random.default_rng(3)
    truth = np.r_[rng.uniform(0, 500, 300), np.nan]
    predicted = 0.5 * truth + 40 + rng.standard_normal(301) * 5
    scores, true, estimate = evaluate.regression(truth, predicted), truth[:-1], predicted[:-1]
    assert scores["n"] == 300
    assert scores["r"] == pytest.approx(stats.pearsonr(true, estimate)[0])
    assert scores["rho"] == pytest.approx(stats.spearmanr(true, estimate)[0])
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(true, estimate))
    assert scores["r2"] == pytest.approx(metrics.r2_score(true, estimate))
    assert scores["slope"] == pytest.approx(stats.linregress(true, estimate).slope)
    assert scores["bias"] == pytest.approx((estimate - true).mean())


def test_a_leak_is_detected_only_where_there_is_one():
    rng = np.random.default_rng(4)
    labels = rng.choice(["x", "y", "z"], 600).astype(object)
    labels[:20] = None
    noise = rng.standard_normal((600, 5))
    leaking = noise + 2.0 * (labels == "x")[:, None]
    clean = evaluate.label_leak(noise, labels).set_index("probe")
    dirty = evaluate.label_leak(leaking, labels).set_index("probe")
    assert (clean["n"] == 580).all()
    assert (clean["value"] < 0.4).all() and (dirty["value"] > 0.6).all()
    assert dirty["null"].between(0.25, 0.42).all()


def test_a_nonlinear_leak_is_detected_by_the_neighbours():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((600, 2))
    probes = evaluate.label_leak(x, np.where((x**2).sum(axis=1) > 1.4, "out", "in")).set_index("probe")
    assert probes.loc["knn", "value"] > 0.85 > 0.65 > probes.loc["linear", "value"]


def test_a_leak_of_a_number_is_measured_by_r2():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((300, 3))
    probes = evaluate.label_leak(x, x[:, 0] * 100 + 5, continuous=True).set_index("probe")
    assert probes.loc["linear", "value"] > 0.99 and (probes["null"] < 0.1).all()
    assert evaluate.label_leak(x, ["one"] * 300).empty


def test_explained_variance_is_that_of_an_analysis_of_variance():
    rng = np.random.default_rng(7)
    labels = rng.choice(["a", "b", "c"], 90)
    scores = rng.standard_normal((90, 4))
    within = sum(((scores[labels == n] - scores[labels == n].mean(0)) ** 2).sum() for n in "abc")
    total = ((scores - scores.mean(0)) ** 2).sum()
    assert evaluate.explained_by(scores, labels) == pytest.approx(1 - within / total)
    shifted = scores + 100 * (labels == "a")[:, None]
    assert evaluate.explained_by(shifted, labels) > 0.99


@pytest.fixture
def cells():
    rng = np.random.default_rng(8)
    kind = rng.integers(0, 3, 300)
    rates = np.exp(rng.standard_normal((3, 40)))
    expression = np.log1p(rng.poisson(rates[kind]))
    return sparse.csr_matrix(expression, dtype=np.float32), np.array(["k0", "k1", "k2"], dtype=object)[kind]


def test_baselines_predict_planted_types_from_sparse_and_dense_alike(cells):
    x, labels = cells
    labels = labels.copy()
    train, test = slice(0, 200), slice(200, 300)
    truth = labels[test].copy()
    labels[:5] = None
    predictions = baselines.label_baselines(x[train], labels[train], x[test], n_components=10)
    assert set(predictions) == {"majority", "logistic-pca", "knn-pca", "logistic-genes"}
    for name, prediction in predictions.items():
        assert np.allclose(prediction.probability.sum(axis=1), 1)
        if name != "majority":
            assert evaluate.classification(truth, prediction.labels)["accuracy"] > 0.95
    dense = baselines.label_baselines(x[train].toarray(), labels[train], x[test].toarray(), n_components=10)
    assert np.allclose(dense["logistic-pca"].probability, predictions["logistic-pca"].probability, atol=1e-3)


def test_one_class_leaves_only_the_majority(cells):
    x, _ = cells
    assert set(baselines.label_baselines(x, ["k"] * 300, x)) == {"majority"}


def test_components_agree_with_a_singular_value_decomposition(cells):
    x = cells[0].toarray().astype(float)
    scores = baselines.components(cells[0], 5).scores(cells[0])
    left, size, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert np.allclose(np.abs(scores), np.abs(left[:, :5] * size[:5]), atol=1e-5)


@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_ridge_agrees_with_scikit_learn(cells, alpha):
    x = cells[0]
    y = np.asarray(x[:, 3].todense()).ravel() * 7 + np.random.default_rng(9).standard_normal(300) + 100
    expected = linear_model.Ridge(alpha).fit(x[:200].toarray(), y[:200]).predict(x[200:].toarray())
    for data in (x, x.toarray()):
        predicted = baselines.ridge(data[:200], y[:200], data[200:], alphas=[alpha])
        assert np.allclose(predicted, expected, atol=1e-3)


def test_value_baselines_follow_a_planted_number_and_skip_missing_ones(cells):
    x = cells[0]
    y = np.asarray(x[:, :10].sum(axis=1)).ravel().astype(float)
    given_values = y[:200].copy()
    given_values[::10] = np.nan
    predictions = baselines.value_baselines(x[:200], given_values, x[200:], n_components=20)
    assert evaluate.regression(y[200:], predictions["ridge-genes"])["r"] > 0.98
    assert evaluate.regression(y[200:], predictions["ridge-pca"])["r"] > 0.8
    assert evaluate.regression(y[200:], predictions["knn-pca"])["r"] > 0.7
    assert predictions["mean"] == pytest.approx(np.full(100, np.nanmean(given_values)))


def test_a_constant_prediction_has_no_correlation():
    truth = np.random.default_rng(4).uniform(8, 20, 1448)
    scores = evaluate.regression(truth, np.full(1448, 13.271828))
    assert np.isnan(scores["r"]) and np.isnan(scores["rho"])
    assert scores["mae"] == pytest.approx(np.abs(truth - 13.271828).mean())


def test_baselines_share_the_sums_of_the_same_cells(cells, monkeypatch):
    x, labels = cells
    made, sums = [], baselines._co_sums
    monkeypatch.setattr(baselines, "_co_sums", lambda part: made.append(part.shape) or sums(part))
    train, y, gap = x[:200], np.arange(200.0), labels[:200].copy()
    gap[:5] = None
    old = baselines.Training(train)
    space = baselines.components(old, 5)
    shared = [baselines.label_baselines(old, names, x[200:]) for names in (labels[:200], gap)]
    values = [baselines.ridge(old, more, x[200:]) for more in (y, y + 1)]
    # all cells, those with a label, and the four fifths of the ridge penalty
    assert [n for n, _ in made] == [200, 195, 160]
    assert np.array_equal(space.axes, baselines.components(train, 5).axes)
    for names, found in zip((labels[:200], gap), shared, strict=True):
        alone = baselines.label_baselines(train, names, x[200:])
        assert all(np.array_equal(found[name].probability, alone[name].probability) for name in alone)
    for more, found in zip((y, y + 1), values, strict=True):
        assert np.array_equal(found, baselines.ridge(train, more, x[200:]))
