"""Random seeds: one per collection, with an independent stream per named step."""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *names: str | int | float) -> int:
    """Derive a 32-bit seed for a step from the collection's seed and the step's names.

    Equal arguments give equal seeds on every machine, and different arguments independent ones, so that the
    results of a study do not depend on other studies.

    Examples
    --------
    >>> derive(0, "landscape", "layout") == derive(0, "landscape", "layout")
    True
    >>> derive(0, "landscape", "layout") == derive(1, "landscape", "layout")
    False
    """
    text = "\x1f".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def stream(seed: int, *names: str | int | float) -> np.random.Generator:
    """Return the random generator of a named step."""
    return np.random.default_rng(derive(seed, *names))
