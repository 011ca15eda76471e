from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panscape.data.external_sort import ExternalSort


@settings(max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(0, 300),
    st.integers(1, 80),
    st.integers(0, 2000),
    st.integers(0, 2**32 - 1),
)
def test_any_order_comes_back_by_cell(n_cells, n_genes, n_entries, max_values, expected, seed):
    rng = np.random.default_rng(seed)
    dense = np.zeros((n_cells, n_genes), np.float32)
    sorter = ExternalSort((n_cells, n_genes), expected, max_values)
    for size in np.diff(np.sort(np.append(rng.integers(0, n_entries + 1, 3), [0, n_entries]))):
        # squared, so that some cells have far more than their share
        cells = (rng.random(size) ** 2 * n_cells).astype(int)
        genes, values = rng.integers(0, n_genes, size), rng.integers(1, 9, size).astype(np.float32)
        np.add.at(dense, (cells, genes), values)
        sorter.add(cells, genes, values)
    for _ in range(2):
        blocks = list(sorter.blocks())
        assert [rows.start for rows, _ in blocks] == [0, *(rows.stop for rows, _ in blocks[:-1])]
        assert blocks[-1][0].stop == n_cells
        np.testing.assert_array_equal(np.concatenate([block.toarray() for _, block in blocks]), dense)


def test_blocks_stay_small_when_entries_were_not_expected():
    rng = np.random.default_rng(0)
    sorter = ExternalSort((1000, 50), expected=1, max_values=500)
    for _ in range(20):
        sorter.add(rng.integers(0, 1000, 1000), rng.integers(0, 50, 1000), np.ones(1000, np.float32))
    sizes = [block.nnz for _, block in sorter.blocks()]
    assert max(sizes) <= 1000 and len(sizes) < 60  # and not a cell each


def test_little_data_writes_no_file():
    sorter = ExternalSort((10, 10), expected=5, max_values=100)
    sorter.add(np.arange(10), np.arange(10), np.ones(10))
    assert sorter._folder is None
    np.testing.assert_array_equal(next(sorter.blocks())[1].toarray(), np.eye(10))


def test_scratch_files_go_away(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sorter = ExternalSort((10, 10), expected=50, max_values=5)
    for _ in range(5):
        sorter.add(np.arange(10), np.arange(10), np.ones(10))
    list(sorter.blocks())
    assert any(tmp_path.rglob("*.bin"))
    del sorter
    assert not list(tmp_path.iterdir())


def test_wrong_lengths_are_refused():
    with pytest.raises(ValueError):
        ExternalSort((3, 3), 1, 1).add(np.arange(2), np.arange(3), np.ones(3))
