import random

import numpy as np

from panscape.plot.metacell_map import layout


def test_the_map_of_equal_centres_is_equal_whatever_was_drawn_before():
    centres = np.random.default_rng(0).normal(size=(40, 6))
    random.seed(1)
    first = layout(centres)
    random.seed(2)
    expected = random.Random(2).random()
    np.testing.assert_array_equal(layout(centres), first)
    assert random.random() == expected
    assert first.shape == (40, 2) and layout(centres[:3]).shape == (3, 2)
