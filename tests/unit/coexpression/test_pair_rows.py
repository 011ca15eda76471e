"""The compiled passes over correlations give the bytes of those in numpy."""

from dataclasses import replace

import numpy as np
import pytest
from dense_scores import made_study

from panscape.coscape.coexpression import coexpress, corrected
from panscape.coscape.coexpression.pair_rows import Passes
from panscape.coscape.coexpression.settings import CoexpressionSettings
from panscape.coscape.coexpression.signal import Signal
from panscape.coscape.coexpression.weights import fit_weights


@pytest.fixture(scope="module")
def study():
    return made_study(seed=3)


def results(study, estimator, options):
    values, _, members, *_ = study
    genes = [f"g{number}" for number in range(values.counts.shape[1])]
    if estimator == "pearson":
        signal = Signal.empty(genes)
        kept = list(coexpress.correlate_clusters(values, members, options, signal=signal))
    else:
        weights = fit_weights(values, members)
        kept, signal = corrected.correct_clusters(values, genes, members, options, weights, signal=True)
    arrays = [array for _, part in kept for array in (part.first, part.second, part.value)]
    return [*arrays, signal.squares, signal.noise]


@pytest.mark.parametrize("shrinkage", ["none", "garrote"])
@pytest.mark.parametrize("estimator", ["pearson", "corrected"])
def test_few_and_many_pairs_give_the_same_bytes(study, estimator, shrinkage, monkeypatch):
    options = CoexpressionSettings(eta=0.1, shrinkage=shrinkage, min_expected=5.0)
    few = results(study, estimator, options)
    assert Passes.of_work(255, 2000) != Passes() and Passes.of_work(10, 2000) == Passes()
    monkeypatch.setattr("panscape.coscape.coexpression.pair_rows.WORTH", 0)
    many = results(study, estimator, options)
    assert len(few) == len(many) and sum(len(array) for array in few[:-2]) > 0 and few[-2].max() > 0
    for one, other in zip(few, many, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    none = results(study, estimator, replace(options, min_expected=1e9))
    assert none[-2].max() == 0


def test_signal_is_that_of_unshrunk_correlations(study):
    plain, shrunk = (
        results(study, "pearson", CoexpressionSettings(shrinkage=how, min_expected=5.0))
        for how in ("none", "soft")
    )
    np.testing.assert_array_equal(plain[-2], shrunk[-2])
    assert sum(map(len, plain[:-2])) > sum(map(len, shrunk[:-2]))
