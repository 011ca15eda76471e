"""Linear votes: which labels have one, and how much it counts beside the networks."""

import numpy as np
import pytest
from scipy import sparse

from panscape.unicoord.head import fit_heads, weigh_heads
from panscape.unicoord.labels import LabelInfo, Layout
from panscape.unicoord.targets import Targets

TYPES = LabelInfo("type", "discrete", ("a", "b", "c"))
LINEAGE = LabelInfo("lineage", "discrete", ("x", "y"))
LAYOUT = Layout((TYPES, LINEAGE))


def targets_of(*codes):
    return Targets(np.zeros((len(codes[0]), 0), np.float32), np.stack(codes, axis=1))


def votes_of(code, sd, rng):
    """Return logits and probabilities of a vote that is right but for noise, in the columns of the types."""
    logits = rng.normal(0, sd, (len(code), LAYOUT.width))
    logits[np.arange(len(code)), code] += 3
    share = np.exp(logits[:, :3])
    return logits, np.hstack([share / share.sum(axis=1, keepdims=True), logits[:, 3:]])


def head_of(code):
    x = np.random.default_rng(0).normal(size=(len(code), 4))
    return {"type": fit_heads(LAYOUT, sparse.csr_matrix(x), targets_of(code, code * 0))["type"]}


def weighed(code, votes, logits):
    return weigh_heads(head_of(code), LAYOUT, votes, logits, targets_of(code, code * 0))["type"].factors


def test_labels_with_two_classes_that_are_no_sums_have_a_classifier():
    x = sparse.csr_matrix(np.random.default_rng(0).normal(size=(60, 4)))
    code, above = np.arange(60) % 3, np.array([0, 0, 1])[np.arange(60) % 3]
    assert set(fit_heads(LAYOUT, x, targets_of(code, above))) == {"type", "lineage"}
    nested = Layout((TYPES, LINEAGE), {"lineage": ("type", (0, 0, 1))})
    assert set(fit_heads(nested, x, targets_of(code, above))) == {"type"}
    assert set(fit_heads(LAYOUT, x, targets_of(code, above * 0))) == {"type"}
    assert set(fit_heads(LAYOUT, x, targets_of(code, above * 0 - 1))) == {"type"}


def test_the_centre_of_a_class_of_one_cell_is_that_cell():
    x = np.random.default_rng(0).normal(size=(41, 4))
    code = np.append(np.arange(40) % 2, 2)
    head = fit_heads(LAYOUT, sparse.csr_matrix(x), targets_of(code, code * 0))["type"]
    np.testing.assert_allclose(head.centres[2], x[40], atol=1e-6)


@pytest.mark.parametrize(("cells", "chosen"), [(19, False), (20, True)])
def test_votes_are_weighed_on_at_least_twenty_cells(cells, chosen):
    rng = np.random.default_rng(1)
    code = np.arange(cells) % 3
    right, noise = votes_of(code, 0.1, rng)[0], votes_of(code * 0 + 1, 0.1, rng)[1]
    factors = weighed(code, noise, right)
    assert (factors[1] > 2 * factors[0]) == chosen


def test_a_gain_within_its_standard_error_changes_nothing():
    rng = np.random.default_rng(11)
    code = rng.integers(3, size=40)
    linear, votes = votes_of(code, 1.6, rng)[0], votes_of(code, 1.9, rng)[1]
    few = weighed(code, votes, linear)  # 3/4 gains .015 nats a cell, with a standard error of .037
    assert 0 < few[1] < 2 * few[0]
    many = [np.tile(part, (10, 1)) for part in (votes, linear)]
    clear = weighed(np.tile(code, 10), *many)  # the same gain, and a standard error of .012
    assert clear[1] > 2 * clear[0]


def test_a_vote_that_is_right_in_all_of_a_few_cells_is_not_sharpened():
    code = np.arange(30) % 3
    logits, votes = votes_of(code, 0.1, np.random.default_rng(0))
    assert weighed(code, votes, logits).sum() == pytest.approx(1, rel=1e-3)
