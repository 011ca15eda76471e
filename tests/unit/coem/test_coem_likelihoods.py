import numpy as np
import pytest
import torch
from scipy import stats

from panscape.coem.likelihoods import Target, log_likelihood, open_or_not, sparse_log_likelihood


@pytest.fixture
def drawn():
    random = np.random.default_rng(0)
    rate = random.gamma(1.0, 2.0, (7, 5)) + 0.01
    return random.poisson(rate * 1.5).astype(float), rate, random.normal(1, 1, 5), random.normal(-1, 1, 5)


def ours(kind, x, rate, log_theta, zero_logit):
    tensors = (torch.tensor(value, dtype=torch.float64) for value in (x, np.log(rate), log_theta, zero_logit))
    return log_likelihood(kind, *tensors).numpy()


def zero_inflated(log_probability, at_zero, x, zero_logit):
    share = 1 / (1 + np.exp(-zero_logit))
    return np.log((1 - share) * np.exp(log_probability) + share * (x == 0)) + 0 * at_zero


@pytest.mark.parametrize("kind", ["poisson", "nb", "zip", "zinb"])
def test_counts_have_the_likelihood_that_scipy_gives_them(kind, drawn):
    x, rate, log_theta, zero_logit = drawn
    theta = np.exp(log_theta)
    plain = stats.poisson(rate) if kind in ("poisson", "zip") else stats.nbinom(theta, theta / (theta + rate))
    expected = plain.logpmf(x)
    if kind.startswith("z"):
        expected = zero_inflated(expected, plain.logpmf(0), x, zero_logit)
    np.testing.assert_allclose(ours(kind, *drawn), expected.sum(1), rtol=1e-6)


def test_a_peak_is_open_where_its_poisson_count_is_not_zero(drawn):
    _, rate, *_ = drawn
    x = np.random.default_rng(1).integers(0, 2, rate.shape).astype(float)
    expected = np.where(x > 0, stats.poisson.logsf(0, rate), stats.poisson.logpmf(0, rate))
    result = open_or_not(torch.tensor(x), torch.tensor(rate)).numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_extreme_rates_stay_finite_with_finite_gradients():
    for kind in ("poisson", "nb", "zip", "zinb", "bernoulli"):
        log_rate = torch.tensor([[-40.0, 0.0, 9.0]], requires_grad=True)
        x = torch.tensor([[1.0, 0.0, 1.0]])
        value = log_likelihood(kind, x, log_rate, torch.zeros(3), torch.zeros(3)).sum()
        value.backward()
        assert value.isfinite() and log_rate.grad.isfinite().all(), kind


def test_an_unknown_likelihood_is_refused():
    with pytest.raises(ValueError, match="gauss"):
        log_likelihood("gauss", *(torch.zeros(1, 1),) * 4)


@pytest.mark.parametrize("kind", ["poisson", "bernoulli", "nb"])
def test_what_is_not_zero_and_the_exposure_give_the_same_likelihood_and_gradient(kind, drawn):
    x = torch.tensor(drawn[0])
    x = (x > 2).double() if kind == "bernoulli" else x
    row, column = x.nonzero(as_tuple=True)
    exposure = torch.tensor([0.5, 3.0, 5.0, 8.0, 1.0, 20.0, 2.0], dtype=torch.float64)
    result = []
    for sparse in (True, False):
        logits = torch.randn(
            7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
        ).requires_grad_()
        log_theta = torch.tensor(drawn[2]).requires_grad_()
        if sparse:
            target = Target(row=row, column=column, value=x[row, column])
            value = sparse_log_likelihood(kind, target, logits, exposure, log_theta)
        else:
            log_rate = logits.log_softmax(1) + exposure.log()[:, None]
            value = log_likelihood(kind, x, log_rate, log_theta, torch.zeros(5))
        value.sum().backward()
        result.append((value.detach(), logits.grad, log_theta.grad))
    torch.testing.assert_close(result[0], result[1], rtol=1e-5, atol=1e-5)
