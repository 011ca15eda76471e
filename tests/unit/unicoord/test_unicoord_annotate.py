"""Annotation of new studies: two votes, alignment of batches, and cells of unknown types."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from unicoord_cells import LABELS, QUICK, atlas

from panscape.errors import UserError
from panscape.unicoord import align
from panscape.unicoord.apply import annotate_studies
from panscape.unicoord.calibrate import calibration_error, doubted, softmax
from panscape.unicoord.cells import Cells
from panscape.unicoord.estimator import UniCoord
from panscape.unicoord.head import fit_heads, linear_map, weigh_heads
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.targets import Targets

torch.set_num_threads(1)
TYPES = LabelInfo("type", "discrete", ("a", "b", "c"))
LAYOUT = Layout((LabelInfo("age", "continuous"), TYPES))


@pytest.fixture(scope="module")
def fitted():
    cells = atlas(700, seed=3)
    return UniCoord(QUICK).fit(cells, labels=LABELS), cells


def shifted(cells, size, seed=0):
    """Return cells whose genes are detected with other efficiencies, as by another laboratory."""
    factor = np.exp(np.random.default_rng(seed).normal(0, size, cells.n_vars))
    new = cells.copy()
    drawn = np.random.default_rng(1).poisson(np.asarray(cells.X.toarray()) * factor)
    new.X = sparse.csr_matrix(drawn.astype(np.float32))
    new.obs["study"] = "new"
    return new


def accuracy(predicted, cells, label="cell_type"):
    return float(np.mean(predicted.loc[predicted["label"] == label, "value"].to_numpy() == cells.obs[label]))


def test_linear_votes_are_logistic_regressions_also_of_two_classes_and_with_missing_ones():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 8))
    for count in (2, 3):
        code = (x[:, :3] + rng.normal(size=(300, 3)))[:, :count].argmax(axis=1)
        code[:20] = -1
        targets = Targets(np.zeros((300, 1), np.float32), code[:, None])
        (head,) = fit_heads(LAYOUT, sparse.csr_matrix(x), targets).values()
        oracle = LogisticRegression().fit(x[20:], code[20:]).predict_proba(x)
        weight, bias = linear_map({"type": head}, LAYOUT, 8)
        logits = (x @ weight + bias)[:, LAYOUT.part("type")]
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(share[:, :count], oracle, atol=2e-3)
        assert share[:, count:].max(initial=0) < 1e-3
        np.testing.assert_allclose(head.centres[1], x[code == 1].mean(axis=0), atol=1e-5)


def test_the_better_vote_counts_more_but_never_alone():
    rng = np.random.default_rng(1)
    code = rng.integers(3, size=400)
    targets = Targets(np.zeros((400, 1), np.float32), code[:, None])
    (head,) = fit_heads(LAYOUT, sparse.csr_matrix(rng.normal(size=(400, 4))), targets).values()
    right = np.zeros((400, LAYOUT.width))
    right[np.arange(400), 1 + code] = 3.0
    noise = rng.normal(size=right.shape)
    votes = np.exp(noise) / np.exp(noise).sum(axis=1, keepdims=True)
    linear = weigh_heads({"type": head}, LAYOUT, votes, right, targets)["type"].factors
    assert linear[1] > linear[0] > 0
    votes = np.exp(right) / np.exp(right).sum(axis=1, keepdims=True)
    network = weigh_heads({"type": head}, LAYOUT, votes, noise, targets)["type"].factors
    assert network[0] > network[1] > 0
    few = weigh_heads({"type": head}, LAYOUT, votes[:10], noise[:10], targets.rows(np.arange(10)))
    assert few["type"].factors.tolist() == [0.5, 0.5]


def test_alignment_helps_with_a_new_batch_and_trains_nothing(fitted):
    model, cells = fitted
    new = shifted(cells, 0.9)
    before = {name: value.clone() for name, value in model.model.network.state_dict().items()}
    alone, aligned = model.predict(new), model.predict(new, batch="study")
    assert accuracy(aligned, new) >= accuracy(alone, new)
    unknown = [part.loc[part["label"] == "cell_type", "unknown"].mean() for part in (alone, aligned)]
    assert unknown[1] < 0.5 * unknown[0] and unknown[1] < 0.15
    for name, value in model.model.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_studies_are_annotated_and_compared_with_labels_that_they_have(fitted):
    model, cells = fitted
    new, bare = shifted(cells[:200].copy(), 0.5), shifted(cells[200:400].copy(), 0.5, seed=7)
    bare.obs = bare.obs[[]].assign(study="bare")
    table, studies, classes = annotate_studies(model.model, Cells([new, bare]))
    assert len(table) == 3 * 400 and set(table["study"]) == {"new", "bare"}
    rows = studies.set_index(["study", "label"])
    assert (
        rows.loc["new", "unlabelled"].tolist() == [0, 0, 0] and (rows.loc["bare", "unlabelled"] == 200).all()
    )
    part = table[(table["study"] == "new") & (table["label"] == "cell_type")]
    right = (part["value"] == part["truth"]).mean()
    assert rows.loc[("new", "cell_type"), "agreement"] == pytest.approx(right) and right > 0.8
    assert rows.loc[("new", "time"), "agreement"] > 0.6
    assert rows.loc["bare", "agreement"].isna().all() and rows["confidence"].notna().sum() == 4
    of_types = classes[classes["label"] == "cell_type"].groupby("study")["cells"].sum()
    assert of_types.to_dict() == {"new": 200, "bare": 200} and "time" not in set(classes["label"])


def test_the_shift_of_every_batch_is_taken_away_except_in_absent_genes():
    rng = np.random.default_rng(4)
    code, groups = np.arange(400) % 2, np.repeat([0, 1], 200)
    centres, apart = rng.normal(size=(2, 5)), np.array([[2.0], [-3.0]]) + rng.normal(size=(2, 5))
    x = (centres[code] + apart[groups]).astype(np.float32)
    there = np.array([True, True, True, True, False])
    shares, sums = np.eye(2)[code], align._Sums(2, centres)
    for rows in (slice(0, 250), slice(250, 400)):
        sums.add(x[rows], shares[rows], groups[rows])
    moved = align._moved(x, shares, sums.shifts(there), groups)
    np.testing.assert_allclose(moved[:, :4], centres[code][:, :4], atol=1e-5)
    np.testing.assert_array_equal(moved[:, 4], x[:, 4])


def test_cells_are_read_three_times_however_many_labels_there_are(fitted, monkeypatch):
    model, cells = fitted
    read = []
    whole = model.model.dense
    monkeypatch.setattr(model.model, "dense", lambda *given: (read.append(1), whole(*given))[1])
    model.predict(shifted(cells[:200].copy(), 0.3), batch="study")
    assert len(read) == 3 and len(model.model.confidence.heads) == 2


def test_small_batches_and_those_of_one_class_are_taken_as_they_are(fitted):
    model, cells = fitted
    new = shifted(cells, 0.3)
    one = new[(new.obs["cell_type"] == "T0").to_numpy()].copy()
    for part, column, same in (
        (new, "probability", False), (new[:40].copy(), "probability", True), (one, "value", True)
    ):  # fmt: skip
        two = [model.predict(part, batch=batch).set_index("label") for batch in (None, "study")]
        alone, aligned = (table.loc["cell_type", column] for table in two)
        assert alone.equals(aligned) == same
    assert len(one) >= 50


def test_absent_genes_are_told_once(fitted, caplog):
    model, cells = fitted
    model.predict(shifted(cells[:200, 1:].copy(), 0.3), batch="study")
    assert caplog.text.count("1 of the model's 120 genes are not in the data") == 1


def test_cells_of_batches_do_not_affect_each_other(fitted):
    model, cells = fitted
    new = shifted(cells[:300].copy(), 0.9)
    both = new.copy()
    both.obs["study"] = np.where(np.arange(300) < 150, "new", "other")
    first = model.predict(new[:150].copy(), batch="study")
    together = model.predict(both, batch="study")
    names = set(new.obs_names[:150])
    part = together[together["cell"].isin(names) & (together["kind"] == "discrete")].reset_index(drop=True)
    first = first[first["kind"] == "discrete"].reset_index(drop=True)
    assert (part["value"] == first["value"]).all() and (part["unknown"] == first["unknown"]).all()
    with pytest.raises(UserError, match="obs has no column 'lab'"):
        model.predict(new, batch="lab")


def test_alignment_that_changes_many_cells_is_left_out(fitted, caplog, monkeypatch):
    model, cells = fitted
    new = shifted(cells, 0.9)
    monkeypatch.setattr("panscape.unicoord.align._MOST_CHANGED", -1.0)
    alone, aligned = model.predict(new), model.predict(new, batch="study")
    assert "alignment would change the class" in caplog.text
    assert alone["value"].equals(aligned["value"])


def test_types_that_the_model_has_not_seen_are_unknown_also_in_a_new_batch():
    cells = atlas(900, seed=5, types=5)
    hidden = (cells.obs["cell_type"] == "T4").to_numpy()
    model = UniCoord(QUICK).fit(cells[~hidden].copy(), labels={"cell_type": "discrete"})
    new = shifted(cells, 0.5)
    predicted = model.predict(new, batch="study")
    unknown = predicted["unknown"].to_numpy()
    assert unknown[hidden].mean() > 0.8 > 0.2 > unknown[~hidden].mean()


def test_models_without_linear_votes_predict_by_the_networks(fitted, tmp_path):
    _, cells = fitted
    model = UniCoord(QUICK, linear_head=False).fit(cells, labels=LABELS)
    assert not model.model.confidence.heads
    predicted = model.predict(cells)
    assert accuracy(predicted, cells) > 0.8
    model.save(tmp_path / "model")
    assert UniCoord.load(tmp_path / "model").predict(cells).equals(predicted)


def test_a_study_that_the_model_was_trained_on_is_refused_whatever_it_is_called(tmp_path):
    cells = atlas(300, seed=8)
    cells.obs["study"] = "atlas"
    UniCoord(QUICK, n_epochs=1, min_steps=20).fit(cells, labels={"cell_type": "discrete"}).save(
        tmp_path / "m"
    )
    model = UniCoord.load(tmp_path / "m").model
    for name, also in (("atlas", ""), ("mine", ", as study 'atlas'")):
        renamed = cells[:250].copy()  # another quality control removed some
        renamed.obs["study"] = name
        with pytest.raises(UserError, match=f"trained on the cells of '{name}'{also}: it knows"):
            annotate_studies(model, Cells([renamed]))
    new = atlas(300, seed=9)  # the same names of cells, with other counts
    new.obs["study"] = "new"
    assert len(annotate_studies(model, Cells([new]))[0]) == 300
    model.card.pop("studies")  # a model of an earlier version
    assert len(annotate_studies(model, Cells([cells]))[0]) == 300


def shifted_classifiers(shift, seed=0, n=4000):
    """Return aligned and plain probabilities, votes and linear logits of a batch, and the true classes.

    Both see the truth with a noise that they share and one of their own; both grow with the shift,
    and the probabilities do not know.
    """
    rng = np.random.default_rng(seed)
    code = rng.integers(4, size=n)
    seen = 4 * np.eye(4)[code] + (1 + shift) * rng.normal(size=(n, 4))
    votes, linear = (seen + 0.7 * (1 + shift) * rng.normal(size=(n, 4)) for _ in range(2))
    logits = (votes + linear) / 2
    return softmax(logits * 4), softmax(logits * 2), softmax(votes), linear, code


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_probabilities_of_a_batch_are_as_high_as_its_accuracy(shift):
    share, before, votes, linear, code = shifted_classifiers(shift)
    told = doubted(share, before, votes, linear, np.zeros(len(code), int), 50)
    right = share.argmax(axis=1) == code
    assert (told.argmax(axis=1) == share.argmax(axis=1)).all()
    np.testing.assert_allclose(told.sum(axis=1), 1)
    highest = told.max(axis=1).mean()
    assert highest <= min((votes.argmax(axis=1) == linear.argmax(axis=1)).mean(), before.max(axis=1).mean())
    errors = [calibration_error(part.max(axis=1), right) for part in (told, share)]
    assert errors[0] < 0.06 and (errors[0] < 0.5 * errors[1] or not shift), errors


def test_every_batch_has_its_own_doubt_and_small_ones_none():
    easy, hard = shifted_classifiers(0.0), shifted_classifiers(2.0, seed=1)
    share, before, votes, linear, _ = (np.concatenate(parts) for parts in zip(easy, hard, strict=True))
    groups = np.repeat([0, 1], 4000)
    told = doubted(share, before, votes, linear, groups, 50)
    for at, part in enumerate((easy, hard)):
        alone = doubted(*part[:4], np.zeros(4000, int), 50)
        np.testing.assert_array_equal(told[groups == at], alone)
    few = doubted(*(part[:49] for part in hard[:4]), np.zeros(49, int), 50)
    np.testing.assert_array_equal(few, hard[0][:49])
