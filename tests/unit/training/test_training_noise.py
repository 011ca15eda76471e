"""Counter-based noise, against SplitMix64 in whole numbers, and the distributions it is meant to have."""

import numpy as np
import pytest
import torch
from scipy import stats

from panscape.training.noise import Draws, Noise, dropout, key, normal_quantiles

CPU = torch.device("cpu")
WORD = (1 << 64) - 1


def mixed(x):
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & WORD
    return x ^ (x >> 31)


def splitmix(state, count):
    return [mixed((state + (i + 1) * 0x9E3779B97F4A7C15) & WORD) for i in range(count)]


def test_the_generator_is_the_published_one():
    # the first numbers of Java's SplittableRandom and of Vigna's splitmix64.c from the state 1234567
    assert splitmix(1234567, 2) == [6457827717110365317, 3203168211198807973]
    keys = [key(3, "a"), key(3, "b"), -1]
    bits = Noise(keys, CPU).bits(5, 40)
    for row, start in zip(bits.contiguous().view(torch.int64).numpy(), keys, strict=True):
        state = splitmix(start & WORD, 6)[5]
        assert [int(word) & WORD for word in row] == splitmix(state, 10)


def test_numbers_depend_on_key_and_step_alone():
    noise = Noise([key(0, "a"), key(0, "b")], CPU)
    alone = Noise([key(0, "b")], CPU)
    assert torch.equal(noise.normal(9, (5, 3))[1:], alone.normal(9, (5, 3)))
    assert torch.equal(noise.bits(9, 7), noise.bits(9, 9)[:, :7])
    assert not torch.equal(noise.bits(9, 7), noise.bits(10, 7))
    assert not torch.equal(noise.bits(9, 7)[0], noise.bits(9, 7)[1])


def test_normal_numbers_are_normal_and_independent():
    noise = Noise([key(1, "n")], CPU)
    drawn = torch.cat([noise.normal(step, (20_000,)) for step in range(10)])
    assert abs(normal_quantiles().square().mean() - 1) < 1e-6 and normal_quantiles().max() < 4.5
    assert stats.kstest(drawn.flatten().numpy(), "norm").pvalue > 1e-3
    apart = np.corrcoef(drawn.numpy())[np.triu_indices(10, 1)]
    assert np.abs(apart).max() < 5 / np.sqrt(20_000)
    lagged = [np.corrcoef(drawn[0, lag:], drawn[0, :-lag])[0, 1] for lag in (1, 2, 3, 4)]
    assert np.abs(lagged).max() < 5 / np.sqrt(20_000)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.7, 0.99])
def test_dropout_drops_its_rate(rate):
    kept = Noise([key(2, "m")], CPU).kept(0, (400, 500), rate)
    assert kept.shape == (1, 400, 500) and set(kept.unique().tolist()) <= {0.0, 1.0}
    error = 4 * np.sqrt(rate * (1 - rate) / kept.numel())
    assert abs(1 - kept.mean().item() - rate) <= error + 1e-5


def test_draws_follow_the_generator_of_the_cpu():
    torch.manual_seed(4)
    first = [Draws.normal((50, 40), CPU), Draws.normal((50, 40), CPU)]
    assert not torch.equal(first[0], first[1])
    torch.manual_seed(4)
    assert torch.equal(Draws.normal((50, 40), CPU), first[0])
    drawn = Draws.gumbel((300, 300), CPU).flatten()
    assert drawn.isfinite().all()
    assert stats.kstest(drawn[:20_000].numpy(), "gumbel_r").pvalue > 1e-3


def test_dropout_keeps_the_mean_and_is_off_outside_training():
    x = torch.ones(200, 300, requires_grad=True)
    assert dropout(x, 0.3, False) is x and dropout(x, 0.0, True) is x
    dropped = dropout(x, 0.3, True)
    assert abs(dropped.mean().item() - 1) < 0.02
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())
