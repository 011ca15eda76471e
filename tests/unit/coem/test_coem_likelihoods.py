import numpy as np
import pytest
import torch
from scipy import stats

from panscape.coem import linear_fractions
from panscape.coem.layers import Decoder
from panscape.coem.likelihoods import (
    Target,
    fraction_log_likelihood,
    log_likelihood,
    open_or_not,
    sparse_log_likelihood,
)
from panscape.coem.linear_fractions import log_fractions


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


def test_the_compiled_negative_binomial_is_scipys_with_the_gradient_of_the_dense_one():
    random = np.random.default_rng(5)
    exposure = random.uniform(20, 3000, 6)
    # overdispersed to nearly Poisson; counts below and above those that are summed unit by unit
    log_theta = random.normal(1, 3, 30)
    x = random.negative_binomial(0.5, 0.02, (6, 30)).astype(float)
    x[0, :4], x[3] = [1, 16, 17, 5000], 0
    logits, upstream = random.normal(0, 2, (6, 30)), random.normal(size=6)
    row, column = (torch.from_numpy(place) for place in x.nonzero())
    given = [torch.tensor(values, dtype=torch.float32) for values in (logits, log_theta, exposure)]
    leaves = [given[0].clone().requires_grad_(), given[1].clone().requires_grad_()]
    target = Target(row=row, column=column, value=torch.tensor(x[x > 0], dtype=torch.float32))
    value = sparse_log_likelihood("nb", target, leaves[0], given[2], leaves[1])
    (value * torch.tensor(upstream, dtype=torch.float32)).sum().backward()

    rate = exposure[:, None] * np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
    theta = np.exp(log_theta)
    expected = stats.nbinom(theta, theta / (theta + rate)).logpmf(x).sum(axis=1)
    np.testing.assert_allclose(value.detach(), expected, rtol=2e-6)
    exact = [torch.tensor(values, dtype=torch.float64).requires_grad_() for values in (logits, log_theta)]
    log_rate = exact[0].log_softmax(1) + torch.tensor(exposure).log()[:, None]
    dense = log_likelihood("nb", torch.tensor(x), log_rate, exact[1], torch.zeros(30))
    (dense * torch.tensor(upstream)).sum().backward()
    for ours_, theirs in zip(leaves, exact, strict=True):
        scale = float(theirs.grad.abs().max())
        np.testing.assert_allclose(ours_.grad, theirs.grad, rtol=1e-4, atol=1e-6 * scale)


@pytest.mark.parametrize("batches", [0, 3])
@pytest.mark.parametrize("block", [1, 100, 10_000])
def test_log_fractions_of_blocks_are_those_of_a_linear_layer_and_a_softmax(batches, block, monkeypatch):
    monkeypatch.setattr(linear_fractions, "BLOCK", block)
    random = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=random)

    values = [draw(13, 5), draw(5, 40), draw(40), *([draw(3, 40)] if batches else [])]
    batch = torch.randint(3, (13,), generator=random)
    open_ = torch.rand(13, 40, generator=random) < 0.2
    open_[3] = False
    row, column = open_.nonzero(as_tuple=True)
    upstream, results = draw(len(row)), []
    for ours_ in (True, False):
        leaves = [value.clone().requires_grad_() for value in values]
        x, weight, bias, *offset = leaves
        if ours_:
            value = log_fractions(x, weight.T, bias, *(offset or [None]), batch, row, column)
        else:
            logits = x @ weight + bias + (offset[0][batch] if offset else 0)
            value = logits.log_softmax(1)[row, column]
        (value * upstream).sum().backward()
        results.append([value.detach(), *(leaf.grad for leaf in leaves)])
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize("kind", ["poisson", "bernoulli"])
def test_a_linear_decoder_gives_the_likelihood_of_its_logits(kind):
    torch.manual_seed(0)
    decoder = Decoder(torch.full((20,), 0.05), 3, 0, torch.randn(2, 20), depths=1)
    z, depth, batch = torch.randn(4, 3), torch.randn(4, 1), torch.tensor([0, 1, 1, 0])
    x = torch.poisson(torch.full((4, 20), 0.7))
    row, column = (x > 0).nonzero(as_tuple=True)
    value = torch.ones(len(row)) if kind == "bernoulli" else x[row, column]
    target, exposure = Target(row=row, column=column, value=value), torch.tensor([3.0, 9.0, 14.0, 20.0])
    told = decoder.log_fractions(z, batch, depth, row, column)
    expected = sparse_log_likelihood(kind, target, decoder(z, batch, depth), exposure, decoder.log_theta)
    torch.testing.assert_close(fraction_log_likelihood(kind, target, told, exposure), expected)


def test_the_penalty_is_the_negative_log_density_of_the_weights_with_its_gradient():
    torch.manual_seed(0)
    decoder = Decoder(torch.full((20,), 0.05), 3, 0, torch.zeros(1, 20), depths=1)
    variances = torch.tensor([0.1, 1.0, 3.0, 0.5])
    value = decoder.penalty(variances)
    value.backward()
    weight = decoder.weight.detach().clone().requires_grad_()
    expected = -torch.distributions.Normal(torch.zeros(4), variances.sqrt()).log_prob(weight).sum()
    constant = 20 * (0.5 * (2 * torch.pi * variances).log()).sum()
    expected.backward()
    torch.testing.assert_close(value, expected - constant)
    torch.testing.assert_close(decoder.weight.grad, weight.grad)
