"""Random numbers of training steps: computed from a key and a counter, with equal bits on every device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from panscape import seeds

# constants of SplitMix64, as signed 64-bit integers
GOLDEN = -7046029254386353131
FIRST, SECOND = -4658895280553007687, -7723592293110705685
PER_WORD = 4  # 16-bit numbers in a 64-bit word
LEVELS = 1 << 16
WORD = (1 << 64) - 1


class Noise:
    """Random streams of one or more models, of which any number of any step can be computed on its own.

    The generator is SplitMix64 [steele2014fast]_: number `i` of a step is a bijective mixture of ``state + i
    x constant``, where the state is the mixture of the stream's key and the step. Only products, shifts and
    sums of integers are used, so that a GPU draws the bits that a CPU draws, without a copy between them and
    without a state to be saved with a checkpoint.

    Numbers have 16 bits: a probability is met to 1 / 65,536, and a standard normal number is one of 65,536
    quantiles, with a variance of 1 and none beyond 4.4.

    Parameters
    ----------
    keys
        A 64-bit key per model, from :func:`key`.
    device
        Where numbers are drawn.

    Examples
    --------
    >>> noise = Noise([key(0, "cells")], torch.device("cpu"))
    >>> noise.normal(7, (2, 3)).shape
    torch.Size([1, 2, 3])
    >>> torch.equal(noise.normal(7, (2, 3)), noise.normal(7, (2, 3)))
    True
    """

    def __init__(self, keys: Sequence[int], device: torch.device):
        self.device = device
        self._host = np.array([value & WORD for value in keys], dtype=np.uint64)[:, None]
        self._keys = torch.tensor(keys, dtype=torch.int64).to(device)[:, None]
        self._quantiles: Tensor | None = None

    def bits(self, number: int, count: int) -> Tensor:
        """Return `count` numbers of each model in a step, int16, (M, count), uniform over all values.

        Parameters
        ----------
        number
            Step, at least 0.
        count
            How many.
        """
        words = -(-count // PER_WORD)
        if self.device.type == "cpu":
            state = _mixed_words(self._host + np.uint64((number + 1) * GOLDEN & WORD))
            mixed = _mixed_words(state + _counted_words(words))
            return torch.from_numpy(mixed.view(np.int16))[:, :count]
        state = _mixed(self._keys + _signed((number + 1) * GOLDEN))
        return _mixed(state + _counters(words, self.device)).view(torch.int16)[:, :count]

    def kept(self, number: int, shape: Sequence[int], rate: float) -> Tensor:
        """Return 1 with probability 1 - `rate` and else 0, float32, (M, *shape), for dropout.

        Parameters
        ----------
        number
            Step.
        shape
            Shape of the numbers of one model.
        rate
            Dropout rate, in [0, 1).
        """
        bits = self.bits(number, math.prod(shape))
        kept = torch.empty(bits.shape, device=self.device)
        torch.ge(bits, round(rate * LEVELS) - LEVELS // 2, out=kept)
        return kept.reshape(len(bits), *shape)

    def normal(self, number: int, shape: Sequence[int]) -> Tensor:
        """Return standard normal numbers, float32, (M, *shape)."""
        if self._quantiles is None:
            self._quantiles = normal_quantiles().to(self.device)
        bits = self.bits(number, math.prod(shape))
        place = bits.to(torch.int32) + LEVELS // 2
        return self._quantiles.index_select(0, place.reshape(-1)).reshape(len(bits), *shape)


@lru_cache(maxsize=64)
def _counters(words: int, device: torch.device) -> Tensor:
    return torch.arange(1, words + 1, device=device) * GOLDEN


def _mixed(x: Tensor) -> Tensor:
    """Mix 64-bit words. Shifts are of unsigned numbers: the bits that come in on the left are cut off."""
    x = x ^ ((x >> 30) & (1 << 34) - 1)
    x *= FIRST
    x ^= (x >> 27) & (1 << 37) - 1
    x *= SECOND
    x ^= (x >> 31) & (1 << 33) - 1
    return x


@lru_cache(maxsize=64)
def _counted_words(words: int) -> np.ndarray:
    return np.arange(1, words + 1, dtype=np.uint64) * np.uint64(GOLDEN & WORD)


def _mixed_words(x: np.ndarray) -> np.ndarray:
    """Mix unsigned 64-bit words in place, as :func:`_mixed` does, in half the time on a CPU."""
    shifted = x >> np.uint64(30)
    x ^= shifted
    x *= np.uint64(FIRST & WORD)
    x ^= np.right_shift(x, np.uint64(27), out=shifted)
    x *= np.uint64(SECOND & WORD)
    x ^= np.right_shift(x, np.uint64(31), out=shifted)
    return x


def words(state: int, count: int, device: torch.device) -> Tensor:
    """Return the first 64-bit numbers of SplitMix64 after a state, int64 (count,).

    Parameters
    ----------
    state
        The generator's state, a whole number.
    count
        How many.
    device
        Where to compute them.

    Examples
    --------
    >>> words(0, 1, torch.device("cpu")).item() == 0xE220A8397B1DCDAF - (1 << 64)
    True
    """
    return _mixed(torch.arange(1, count + 1, device=device) * GOLDEN + _signed(state))


def key(seed: int, *names: str | int) -> int:
    """Return the key of a named stream, a signed 64-bit integer.

    Examples
    --------
    >>> key(0, "cells") == key(0, "cells") != key(0, "genes")
    True
    """
    halves = (seeds.derive(seed, "noise", *names, half) for half in (0, 1))
    return _signed(next(halves) << 32 | next(halves))


def _signed(value: int) -> int:
    """Return the signed 64-bit integer of the same bits as the lowest 64 of a whole number."""
    value &= WORD
    return value - (1 << 64) if value >> 63 else value


@lru_cache(maxsize=1)
def normal_quantiles() -> Tensor:
    """Return the standard normal quantiles of (i + 1/2) / 65,536, scaled to a variance of 1, float32."""
    shares = (torch.arange(LEVELS, dtype=torch.float64) + 0.5) / LEVELS
    values = torch.special.ndtri(shares)
    return (values / values.square().mean().sqrt()).float()


class Draws:
    """Random numbers of a forward pass, seeded by PyTorch's generator of the CPU and drawn on any device.

    Each call takes one number from the generator, which :func:`panscape.training.loop.fit` seeds at every
    step, as the step of a :class:`Noise`: a GPU draws the bits that a CPU draws, and nothing is copied.

    Examples
    --------
    >>> _ = torch.manual_seed(3)
    >>> first = Draws.normal((2, 3), torch.device("cpu"))
    >>> _ = torch.manual_seed(3)
    >>> torch.equal(first, Draws.normal((2, 3), torch.device("cpu")))
    True
    """

    @staticmethod
    def _noise(device: torch.device) -> tuple[Noise, int]:
        return _keyless(device), int(torch.randint(1 << 62, ()))

    @staticmethod
    def normal(shape: Sequence[int], device: torch.device) -> Tensor:
        """Return standard normal numbers, float32."""
        noise, number = Draws._noise(device)
        return noise.normal(number, shape)[0]

    @staticmethod
    def kept(shape: Sequence[int], rate: float, device: torch.device) -> Tensor:
        """Return 1 with probability 1 - `rate` and else 0, float32; `rate` in [0, 1)."""
        noise, number = Draws._noise(device)
        return noise.kept(number, shape, rate)[0]

    @staticmethod
    def gumbel(shape: Sequence[int], device: torch.device) -> Tensor:
        """Return standard Gumbel numbers, float32; the largest of them plus logits draws a class."""
        noise, number = Draws._noise(device)
        bits = noise.bits(number, math.prod(shape))[0].reshape(tuple(shape))
        uniform = (bits.float() + (LEVELS // 2 + 0.5)) / LEVELS
        return -(-uniform.log()).log()


@lru_cache(maxsize=8)
def _keyless(device: torch.device) -> Noise:
    return Noise([0], device)


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Return `x` with a fraction of its values set to 0 and the others scaled to keep the mean.

    Parameters
    ----------
    x
        Values.
    rate
        Dropout rate, in [0, 1).
    training
        Otherwise `x` is returned as it is.
    """
    if not training or not rate:
        return x
    return x * Draws.kept(x.shape, rate, x.device).div_(1 - rate)
