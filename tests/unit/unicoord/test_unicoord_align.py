"""Alignment of new batches: shifts of classes, and which batches are aligned."""

import numpy as np
import pytest

from panscape.unicoord import align
from panscape.unicoord.labels import LabelInfo

TYPES = LabelInfo("type", "discrete", ("a", "b", "c"))


def test_the_shift_of_a_class_with_few_cells_is_shrunk_to_that_of_the_others():
    sums = align._Sums(1, np.array([[1.0], [0.0], [5.0], [0.0]]))
    shares = np.zeros((102, 4))
    shares[:100, 0] = shares[100, 1] = 1
    shares[101, 3] = 0.4  # less than half a cell: nothing is known of the class
    x = np.r_[np.full(100, 3.0), 10.0, -8.0][:, None]
    sums.add(x, shares, np.zeros(102, int))
    sure = np.array([100 / 200, 1 / 101, 0, 0.4 / 100.4])
    own = np.array([2.0, 10.0, 0.0, 0.0])
    common = (sure * own).sum() / sure.sum()
    expected = common + sure * (own - common)
    found = sums.shifts(np.array([True]))
    np.testing.assert_allclose(found[0, :, 0], expected)
    assert found[0, 2, 0] == pytest.approx(common) and 1.9 < common < 2.3  # a class without cells


def kept(classes, changed):
    """Return whether a batch is aligned, of cells in numbered classes, the first of which change theirs."""
    classes = np.asarray(classes)
    after = classes.copy()
    after[:changed] = (after[:changed] + 1) % 3
    groups = np.r_[np.zeros(60, int), np.ones(len(classes), int)]  # another batch, which is aligned
    other = np.arange(60) % 3
    before, after = (np.eye(3)[np.r_[other, part]] for part in (classes, after))
    first, second = align._kept(TYPES, before, after, groups)
    assert first
    return bool(second)


@pytest.mark.parametrize(
    ("classes", "changed", "aligned"),
    [
        (np.arange(49) % 3, 0, False),
        (np.arange(50) % 3, 0, True),
        (np.arange(100) % 3, 5, True),
        (np.arange(100) % 3, 6, False),
        (np.arange(100) // 89, 0, True),
        (np.arange(100) // 90, 0, False),
    ],
)
def test_batches_that_are_small_of_one_class_or_change_are_left_as_they_are(
    caplog, classes, changed, aligned
):
    assert kept(classes, changed) == aligned
    assert ("would change the class of 6 %" in caplog.text) == (changed == 6)
    assert ("would change" in caplog.text) == (changed == 6)
