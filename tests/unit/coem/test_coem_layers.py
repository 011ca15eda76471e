import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch.distributions import Independent, Normal, kl_divergence

from panscape.coem.entries import SparseInput
from panscape.coem.layers import Channel, Decoder
from panscape.coem.prior import Prior
from panscape.coem.published import Attention, GatedChannel, GatedDecoder, GatedEncoder


def entries_of(x):
    """Return a dense input as the encoder takes it."""
    row, column = x.nonzero(as_tuple=True)
    start = torch.searchsorted(row, torch.arange(len(x)))
    return SparseInput(start, row, column, x[row, column], x.shape[1])


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


@pytest.mark.parametrize(("log_variance", "true"), [(-3, 12.23), (-1, 5.50), (0, 4.03), (1, 6.90)])
def test_the_divergence_of_held_out_cells_is_exact_where_the_mixture_is_one_gaussian(log_variance, true):
    prior, random = Prior(5, 8), torch.Generator().manual_seed(0)
    prior.start(torch.zeros(5, 8), torch.ones(5, 8), torch.full((5,), 0.2))
    mean = torch.nn.functional.normalize(torch.randn(3, 8, generator=random), dim=1) * 8.06**0.5
    spread, noise = torch.full((3, 8), float(log_variance)), torch.randn(4, 3, 8, generator=random)
    result = prior.expected_divergence(mean, spread, noise)
    posterior = Independent(Normal(mean, (0.5 * spread).exp()), 1)
    expected = kl_divergence(posterior, Independent(Normal(torch.zeros(8), torch.ones(8)), 1))
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(result, torch.full((3,), true), rtol=0, atol=0.005)


def test_the_divergence_of_held_out_cells_from_a_mixture_is_the_mean_over_many_draws(mixture):
    mean, log_variance = gaussian()
    noise = torch.randn(8000, 6, 3, generator=torch.Generator().manual_seed(5))
    each = mixture.divergence(
        mean.repeat(8000, 1),
        log_variance.repeat(8000, 1),
        (mean + (0.5 * log_variance).exp() * noise).flatten(0, 1),
    ).reshape(8000, 6)
    error = each.std(0) / 8000**0.5
    result = torch.stack([mixture.expected_divergence(mean, log_variance, part) for part in noise.split(16)])
    total = (error.square() + result.var(0) / len(result)).sqrt()
    assert ((result.mean(0) - each.mean(0)).abs() < 4 * total).all()
    chosen = torch.tensor([0, 1, 2, 3, 0, 1])
    exact = mixture.divergence(mean, log_variance, mean, chosen)
    torch.testing.assert_close(mixture.expected_divergence(mean, log_variance, noise[:1], chosen), exact)


def test_the_published_divergence_counts_the_component_and_is_never_less(mixture):
    mean, log_variance = gaussian()
    noise = torch.randn(400, 6, 3, generator=torch.Generator().manual_seed(5))
    plain = mixture.expected_divergence(mean, log_variance, noise)
    mixture.assigned = True
    result = mixture.expected_divergence(mean, log_variance, noise)
    assert (result > plain - 0.02).all() and (result > plain + 0.01).any()
    z = mean + 0.3
    share, log_share = mixture.responsibilities(z), mixture.logits.log_softmax(0)
    by_hand = 0.0
    for c in range(4):
        one = Independent(Normal(mixture.means[c], (0.5 * mixture.log_variances[c]).exp()), 1)
        apart = kl_divergence(Independent(Normal(mean, (0.5 * log_variance).exp()), 1), one)
        by_hand = by_hand + share[:, c] * (apart + share[:, c].log() - log_share[c])
    torch.testing.assert_close(mixture.divergence(mean, log_variance, z), by_hand)


def test_the_weights_of_the_mixture_can_be_learned_and_sum_to_one(mixture):
    mean, log_variance = gaussian()
    mixture.divergence(mean, log_variance, mean + 0.1).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in mixture.parameters())
    assert mixture.logits.softmax(0).sum().item() == pytest.approx(1)


def test_a_channel_starts_as_its_loadings():
    loadings = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    x = torch.randn(5, 9, generator=torch.Generator().manual_seed(1))
    centre = torch.tensor([[0.5] * 9, [-1.0] * 9])
    batch = torch.tensor([0, 1, 1, 0, 0])
    projected, hidden = Channel(loadings, centre, 2.0, 16, 0.0)(entries_of(x), batch)
    torch.testing.assert_close(projected, (x - centre[batch]) * 2 @ loadings)
    assert hidden.shape == (5, 16) and hidden.isfinite().all()


def test_published_attention_is_the_weighted_mean_of_a_heads_values_neither_scaled_nor_residual():
    layer = Attention(8, heads=4)
    hidden = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    query, key, value = (part(hidden).reshape(3, 4, 2) for part in (layer.query, layer.key, layer.value))
    expected = torch.zeros(3, 4, 2)
    for cell in range(3):
        for head in range(4):
            for unit in range(2):
                weights = (query[cell, head, unit] * key[cell, head]).softmax(0)
                expected[cell, head, unit] = (weights * value[cell, head]).sum()
    torch.testing.assert_close(layer(hidden), expected.reshape(3, 8))
    with pytest.raises(ValueError, match="multiple of 8 heads"):
        Attention(12)


def test_published_channels_gate_rna_and_attend_in_accessibility():
    x, centre = torch.randn(5, 9, generator=torch.Generator().manual_seed(1)), torch.full((2, 9), 0.5)
    batch = torch.tensor([0, 1, 1, 0, 0])
    gated, attending = (GatedChannel(centre, 2.0, 16, 0.0, attention=kind) for kind in (False, True))
    seen = (x - 0.5) * 2
    torch.testing.assert_close(gated(entries_of(x), batch), gated.hidden(seen) * gated.gate(seen))
    assert ((gated.gate(seen) > 0) & (gated.gate(seen) < 1)).all()
    torch.testing.assert_close(attending(entries_of(x), batch), attending.attend(attending.hidden(seen)))
    encoder = GatedEncoder([gated, attending], 16, 2, 3)
    shown = torch.tensor([[1.0, 0.0]] * 5)
    mean, log_variance = encoder([entries_of(x)] * 2, shown, batch, shown)
    assert mean.shape == log_variance.shape == (5, 3) and (log_variance > np.log(1e-4)).all()
    other = encoder([entries_of(x), entries_of(x + 1)], shown, batch, shown)[0]
    torch.testing.assert_close(mean, other)  # what is not shown has no part
    assert not torch.allclose(mean, encoder([entries_of(x + 1), entries_of(x)], shown, batch, shown)[0])


def test_the_published_decoder_is_gated_by_the_component_and_its_zeros_are_the_cells():
    profile = torch.tensor([0.5, 0.3, 0.2])
    z, batch = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 2
    for attention in (False, True):
        decoder = GatedDecoder(profile, 2, 16, 4, 2, attention=attention)
        one, other = torch.eye(4)[[0] * 6], torch.eye(4)[[1] * 6]
        logits, zeros = decoder.decode(z, batch, torch.zeros(6, 2), one)
        assert logits.shape == zeros.shape == (6, 3) and zeros.std(0).min() > 0
        assert not torch.allclose(logits, decoder.decode(z, batch, torch.zeros(6, 2), other)[0])
        assert not torch.allclose(logits, decoder.decode(z, 1 - batch, torch.zeros(6, 2), one)[0])
        again = decoder.decode(z, batch, torch.ones(6, 2), one)[0]
        torch.testing.assert_close(logits, again)
        assert (decoder.by_depth(torch.ones(6, 2)) == 0).all()


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
