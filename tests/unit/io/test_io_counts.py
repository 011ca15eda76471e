from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from panscape.data.readers.integers import check_counts
from panscape.errors import UserError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 1, -1], "negative values (lowest -1)"),
        ([0.5, 1, 2], "fractional values (e.g. 0.5); they look logarithmic"),
        ([0.5, 1, 2000], "fractional values (e.g. 0.5); as after normalisation"),
        ([np.nan, 1, 2], "1 values are NaN or infinite"),
        ([np.inf, np.nan, 2], "2 values are NaN or infinite"),
        (np.log1p([1, 5, 300]), "logarithmic (highest 5.7"),
    ],
)
@pytest.mark.parametrize("form", [sparse.csr_matrix, np.array])
def test_what_is_not_counts(values, message, form):
    block = form(np.array([values], dtype=np.float32))
    with pytest.raises(UserError) as caught:
        check_counts(block, "studies[0].counts", ["raw", "layer:counts"])
    assert message in str(caught.value) and str(caught.value).count("studies[0].counts") == 1
    if "NaN" not in message:
        assert "this file also has raw, layer:counts" in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16, bool])
def test_counts_pass(dtype):
    check_counts(sparse.random(20, 20, 0.3, format="csr", random_state=0).ceil().astype(dtype), "here")
    check_counts(np.array([[0, 1]], dtype=dtype), "here")
    check_counts(sparse.csr_matrix((3, 3), dtype=dtype), "here")


def test_negative_integers_are_seen():
    with pytest.raises(UserError, match="negative"):
        check_counts(np.array([3, -4]), "here")
