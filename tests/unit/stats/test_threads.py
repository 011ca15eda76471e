"""Same bytes for every number of threads."""

import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from panscape.coscape.landscape import intervals
from panscape.stats.decomposition import leading_eigen
from panscape.stats.threads import limited, single_threaded


def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["internal_api"] == "openblas"}


def test_the_number_is_one_inside_and_restored_outside():
    with limited(2):
        with single_threaded():
            assert threads() == {1}
            with single_threaded():
                assert threads() == {1}
            assert threads() == {1}
        assert threads() == {2}


def test_it_is_restored_after_an_error():
    with limited(2):
        with pytest.raises(ValueError, match="no"), single_threaded():
            raise ValueError("no")
        assert threads() == {2}


def test_the_end_of_a_block_does_not_end_the_limit_of_another_thread():
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    seen = []

    def second():
        first_is_in.wait(10)
        with single_threaded():
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(threads())

    with limited(2):
        other = threading.Thread(target=second)
        other.start()
        with single_threaded():
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()
        other.join(10)
        assert seen == [{1}]


def test_it_decorates():
    @single_threaded()
    def eigen(matrix):
        assert threads() == {1}
        return leading_eigen(matrix, 5)

    x = np.random.default_rng(0).normal(size=(300, 300))
    symmetric = x + x.T
    results = []
    for number in (1, 2):
        with limited(number):
            results.append(eigen(symmetric)[1].tobytes())
    assert results[0] == results[1]


def test_drawn_pseudotimes_compute_in_one_thread(monkeypatch):
    seen = []
    study = SimpleNamespace(
        name="a", n_clusters=3, columns=np.arange(2), scorer=SimpleNamespace(n_at_once=2),
        draws=SimpleNamespace(draw=lambda *_: None), scores=lambda *_, **__: iter([None, None]),
    )  # fmt: skip
    monkeypatch.setattr(intervals, "stack_scores", lambda parts: SimpleNamespace(rows=lambda rows: None))

    def pseudotime(*_):
        seen.append(threads())
        return np.zeros(3)

    monkeypatch.setattr(intervals, "_pseudotime", pseudotime)
    clusters = pd.DataFrame({"n_used_pairs": [2, 2, 2], "multiplicity": 1})
    settings = SimpleNamespace(n_draws=2, duplicates=False, min_pairs=1, min_expected=1.0)
    pairs = np.array([[0, 1], [1, 2]])
    with limited(2):
        times = intervals.drawn_pseudotimes([study], pairs, np.ones(2), clusters, 0, settings, 0, threads=2)
    assert times.shape == (2, 3) and seen == [{1}, {1}]
