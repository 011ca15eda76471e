"""rho_p against its definition, pair by pair, and what it must not depend on."""

from __future__ import annotations

import numpy as np
import pytest

from panscape.stats.proportionality import proportionality


def made(cells=200, genes=12, seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(cells, genes)) * np.linspace(0.5, 2.0, genes) + rng.normal(size=(cells, 1))


def test_every_pair_has_the_value_of_its_definition():
    log = made()
    found = proportionality(log).rho
    ratios = np.array([[value - row.mean() for value in row] for row in log])
    for first in range(log.shape[1]):
        for second in range(log.shape[1]):
            a, b = ratios[:, first], ratios[:, second]
            expected = 1 - np.var(a - b, ddof=1) / (np.var(a, ddof=1) + np.var(b, ddof=1))
            assert found[first, second] == pytest.approx(expected, abs=1e-12)


def test_proportional_genes_and_correlated_ones_of_another_size():
    log = made()
    log[:, 1] = log[:, 0] + 3.0  # three powers of e more in every cell
    log[:, 3] = 4 * log[:, 2]
    rho = proportionality(log).rho
    assert rho[0, 1] == pytest.approx(1.0) and rho[2, 3] < 0.6


def test_factors_of_whole_cells_cancel():
    log = made()
    shifted = log + np.random.default_rng(0).normal(size=(len(log), 1)) * 5
    np.testing.assert_allclose(proportionality(shifted).rho, proportionality(log).rho, atol=1e-9)


def test_connectivity_of_independent_genes_is_zero_on_average_and_error_is_that_of_repeats():
    rng = np.random.default_rng(11)
    spread = np.repeat([0.5, 1.0, 2.0], 40)
    fits = [proportionality(rng.normal(size=(30, 120)) * spread) for _ in range(60)]
    levels = np.array([fit.connectivity().mean() for fit in fits])
    # far below the 1 / 29 of squared correlations of 30 cells
    assert abs(levels.mean()) < 0.002
    for pair in ((0, 1), (0, 119)):
        repeated = np.std([fit.rho[pair] for fit in fits])
        assert repeated == pytest.approx(fits[0].error[pair], rel=0.3)


def test_genes_that_do_not_vary_have_no_pairs():
    log = made()
    log[:, 4] = 2.0
    usable = np.arange(log.shape[1]) != 4
    fit = proportionality(log, usable)
    assert (fit.rho[4, usable] == 0).all() and fit.rho[4, 4] == 1
    assert fit.connectivity()[4] == 0 and np.isfinite(fit.connectivity()).all()
    assert (proportionality(np.ones((5, 3))).rho == np.eye(3)).all()
    with pytest.raises(ValueError, match="at least two"):
        proportionality(log[:1])
