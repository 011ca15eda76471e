"""P-values of metacells' homogeneity count the observation itself: never 0, smallest 1 / (nulls + 1)."""

import numpy as np
import pytest
from scipy import sparse

from panscape.coem.metacells.homogeneity import homogeneity


def test_the_smallest_p_value_is_one_over_the_nulls_and_one():
    rng = np.random.default_rng(0)
    rate = np.where(np.arange(40)[:, None] < 20, 1.0, np.where(np.arange(60) < 30, 8.0, 0.2))
    rate[:20] = 2.0  # the first metacell is of one kind, the second of two
    rate[20:30] = rate[20:30, ::-1]
    counts = sparse.csr_matrix(rng.poisson(rate).astype(np.float32))
    table = homogeneity(counts, np.repeat([0, 1], 20), permutations=25)
    assert table["pvalue"][1] == pytest.approx(1 / 51)  # 2 metacells x 25 permutations, none as large
    assert 1 / 51 < table["pvalue"][0] <= 1
