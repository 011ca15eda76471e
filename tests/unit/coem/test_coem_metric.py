import numpy as np

from panscape.coem.metric import information_units


def drawn(signal_sd, noise_sd, n=4000):
    random = np.random.default_rng(0)
    mean = random.normal(0, 1, (n, len(signal_sd))) * signal_sd
    return mean, np.tile(np.square(noise_sd), (n, 1))


def test_a_dimension_counts_by_signal_over_noise():
    mean, variance = drawn([3.0, 3.0, 0.01], [1.0, 0.5, 1.0])
    unit = information_units(mean, variance, np.arange(4000))
    spread = (mean * unit).std(0)
    # sqrt(v / (1 + v)) sd / noise with v = 9, 36 and 1e-4
    np.testing.assert_allclose(spread, [3 * 0.9**0.5, 6 * (36 / 37) ** 0.5, 1e-4], rtol=0.05)


def test_the_model_s_own_scale_does_not_matter():
    mean, variance = drawn([3.0, 1.0], [1.0, 0.5])
    rows = np.arange(4000)
    plain, stretched = (
        mean * c * information_units(mean * c, variance * c**2, rows) for c in (1.0, np.array([10.0, 0.1]))
    )
    np.testing.assert_allclose(plain, stretched)


def test_what_only_trained_cells_spread_along_counts_little():
    mean, variance = drawn([2.0, 2.0], [1.0, 1.0])
    held = np.arange(500)
    mean[held, 1] *= 0.1
    unit = information_units(mean, variance, held)
    assert unit[1] < 0.3 * unit[0]
    assert information_units(mean, variance, held[:5])[1] > 0.9 * unit[0]  # too few to tell
