import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch.distributions import Independent, Normal, kl_divergence

from panscape.coem._layers import Attention, Channel, Decoder, Prior


def gaussian(seed=0, n=6, dims=3):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(n, dims, generator=random), torch.randn(n, dims, generator=random) * 0.5


@pytest.fixture
def mixture():
    prior = Prior(4, 3)
    random = torch.Generator().manual_seed(1)
    means, spreads = torch.randn(4, 3, generator=random), torch.rand(4, 3, generator=random) + 0.2
    prior.start(means, spreads, torch.tensor([0.1, 0.2, 0.3, 0.4]))
    return prior


def test_the_divergence_from_the_standard_normal_is_that_of_torch():
    mean, log_variance = gaussian()
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    expected = kl_divergence(posterior, Independent(Normal(torch.zeros(3), torch.ones(3)), 1))
    torch.testing.assert_close(Prior(4, 3).divergence(mean, log_variance, mean), expected)


def test_a_given_component_has_the_closed_divergence_of_torch(mixture):
    mean, log_variance = gaussian()
    label = torch.tensor([0, 1, 2, 3, 0, 1])
    chosen = Normal(mixture.means[label], (0.5 * mixture.log_variances[label]).exp())
    expected = kl_divergence(Independent(Normal(mean, (0.5 * log_variance).exp()), 1), Independent(chosen, 1))
    torch.testing.assert_close(mixture.divergence(mean, log_variance, mean, label), expected)


def test_density_and_responsibilities_are_those_of_a_gaussian_mixture(mixture):
    reference = GaussianMixture(4, covariance_type="diag")
    reference.weights_ = mixture.logits.softmax(0).detach().numpy().astype(float)
    reference.means_ = mixture.means.detach().numpy().astype(float)
    reference.covariances_ = mixture.log_variances.exp().detach().numpy().astype(float)
    reference.precisions_cholesky_ = reference.covariances_**-0.5
    z = gaussian(3)[0]
    points = z.numpy().astype(float)
    log_density = mixture.log_joint(z).logsumexp(1).detach().numpy()
    np.testing.assert_allclose(log_density, reference.score_samples(points), rtol=1e-5)
    np.testing.assert_allclose(
        mixture.responsibilities(z).detach().numpy(), reference.predict_proba(points), atol=1e-5
    )


def test_the_sampled_divergence_is_right_on_average():
    prior = Prior(1, 3)
    prior.start(torch.full((1, 3), 0.3), torch.full((1, 3), 0.7), torch.ones(1))
    mean, log_variance = (value[:1].expand(40_000, 3) for value in gaussian())
    z = mean + (0.5 * log_variance).exp() * torch.randn(
        mean.shape, generator=torch.Generator().manual_seed(2)
    )
    exact = prior.divergence(mean[:1], log_variance[:1], z[:1], torch.zeros(1, dtype=torch.int64))
    assert prior.divergence(mean, log_variance, z).mean().item() == pytest.approx(exact.item(), rel=0.02)


def test_the_weights_of_the_mixture_can_be_learned_and_sum_to_one(mixture):
    mean, log_variance = gaussian()
    mixture.divergence(mean, log_variance, mean + 0.1).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in mixture.parameters())
    assert mixture.logits.softmax(0).sum().item() == pytest.approx(1)


def test_a_channel_starts_as_its_loadings():
    loadings = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    x = torch.randn(5, 9, generator=torch.Generator().manual_seed(1))
    for kind in ("mlp", "gate", "attention"):
        centre = torch.tensor([[0.5] * 9, [-1.0] * 9])
        batch = torch.tensor([0, 1, 1, 0, 0])
        projected, hidden = Channel(loadings, centre, 2.0, 16, kind, 0.0)(x, batch)
        torch.testing.assert_close(projected, (x - centre[batch]) * 2 @ loadings)
        assert hidden.shape == (5, 16) and hidden.isfinite().all()


def test_attention_adds_a_weighted_mean_of_the_values():
    layer = Attention(8, heads=4)
    hidden = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    query, key, value = (layer.mix(hidden)[:, 8 * i : 8 * i + 8].reshape(3, 4, 2) for i in range(3))
    expected = torch.zeros(3, 4, 2)
    for cell in range(3):
        for head in range(4):
            for token in range(2):
                weights = (query[cell, head, token] * key[cell, head] / 2**0.5).softmax(0)
                expected[cell, head, token] = (weights * value[cell, head]).sum()
    torch.testing.assert_close(layer(hidden), hidden + expected.reshape(3, 8))


def test_a_decoder_gives_shares_and_starts_at_the_profile():
    profile = torch.tensor([0.5, 0.3, 0.2])
    for width, batches in ((0, 1), (4, 3)):
        decoder = Decoder(profile, 2, width, torch.zeros(batches, 3))
        shares = decoder(torch.zeros(6, 2), torch.arange(6) % batches, torch.zeros(6, 0)).softmax(1)
        torch.testing.assert_close(shares.sum(1), torch.ones(6))
        if not width:
            torch.testing.assert_close(shares[0], profile)


def test_a_decoder_takes_depth_beside_z():
    decoder = Decoder(torch.tensor([0.5, 0.3, 0.2]), 2, 0, torch.zeros(1, 3), depths=2)
    assert decoder.weight.shape == (3, 4) and (decoder.weight[:, 2:] == 0).all()
    with torch.no_grad():
        decoder.weight[0, 3] = 2.0
    z, depth = torch.randn(5, 2), torch.randn(5, 2)
    change = decoder(z, torch.zeros(5, dtype=int), depth) - decoder(z, torch.zeros(5, dtype=int), 0 * depth)
    torch.testing.assert_close(change, decoder.by_depth(depth))
    torch.testing.assert_close(change[:, 0], 2 * depth[:, 1])
    assert (change[:, 1:] == 0).all()
