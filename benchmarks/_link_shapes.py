"""What the benchmark of links draws: multiome samples with planted links, of several shapes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from panscape.simulate.draw import _counts

CHROMOSOMES, SPACING = 10, 120_000


@dataclass(frozen=True)
class Shape:
    """A sample of genes that are regulated by one peak each, or by none.

    Parameters
    ----------
    cells, genes, peaks
        Sizes; `peaks` is the number of peaks about each gene, planted ones included.
    types
        Cell types, each with a state from 0 to 1 in every cell.
    varies
        Share of genes and of unlinked peaks that change between types and states.
    linked
        Share of the changing genes with a planted link.
    strength
        Correlation of the log rates of a linked peak and its gene: range of a uniform draw.
    programmes, shared
        Patterns that genes and peaks share, and the share of a pattern's variance that follows one: what
        makes unrelated genes and peaks correlate.
    neighbour
        Correlation of the log rates of a linked peak and an unplanted peak within 3 kb of it (0: no such
        peak).
    decoy
        A peak of every linked gene that is nearer than the planted one: "" for none; "free" changes
        independently; "types" follows the gene between types, but not along the states.
    reach
        Mean distance of planted peaks (exponential), base pairs; 0 draws it evenly over 100 kb.
    platforms
        Number of platforms with rates of their own for every gene and peak.
    effect
        Standard deviation of log rates over cells, of genes and peaks that change.
    depth
        Median counts of a cell by gene and by peak.
    """

    cells: int = 3000
    genes: int = 600
    peaks: int = 6
    types: int = 5
    varies: float = 0.5
    linked: float = 0.7
    strength: tuple[float, float] = (0.5, 1.0)
    programmes: int = 4
    shared: float = 0.3
    neighbour: float = 0.0
    decoy: str = "free"
    reach: float = 0.0
    platforms: int = 1
    effect: float = 0.8
    depth: tuple[float, float] = (0.6, 0.25)


@dataclass(frozen=True)
class Drawn:
    """A drawn sample; `truth` has gene, peak and decoy (the nearer peak, or '')."""

    rna: sparse.csr_matrix
    atac: sparse.csr_matrix
    genes: pd.DataFrame
    peaks: pd.DataFrame
    truth: pd.DataFrame


def draw(shape: Shape, seed: int) -> Drawn:
    """Draw a sample."""
    rng = np.random.default_rng([seed, 77])
    genes = _places(shape, rng)
    owner = np.repeat(np.arange(shape.genes), shape.peaks)
    offset = rng.uniform(-1, 1, len(owner)) * 100_000
    first = np.arange(shape.genes) * shape.peaks
    varying = rng.random(shape.genes) < shape.varies
    linked = varying & (rng.random(shape.genes) < shape.linked)
    reach = (
        np.minimum(rng.exponential(shape.reach, shape.genes), 95_000)
        if shape.reach
        else 95_000 * rng.random(shape.genes)
    )
    offset[first] = rng.choice([-1, 1], shape.genes) * (reach + 300)
    offset[first + 1] = offset[first] * rng.random(shape.genes) if shape.decoy else offset[first + 1]
    if shape.neighbour:
        offset[first + 2] = offset[first] + rng.choice([-1, 1], shape.genes) * rng.integers(
            1000, 3000, shape.genes
        )
    programmes = rng.standard_normal((shape.programmes, 2 * shape.types))
    gene_pattern = _patterns(shape.genes, programmes, shape, rng) * varying[:, None]
    peak_pattern = _patterns(len(owner), programmes, shape, rng)
    changing = rng.random(len(owner)) < shape.varies
    if shape.decoy:
        changing[first + 1] |= linked
    peak_pattern *= changing[:, None]
    if shape.decoy == "types":
        peak_pattern[first[linked] + 1, : shape.types] = gene_pattern[linked, : shape.types]
    mine = rng.uniform(*shape.strength, shape.genes)[linked, None]
    own = _patterns(int(linked.sum()), programmes, shape, rng)
    peak_pattern[first[linked]] = mine * gene_pattern[linked] + np.sqrt(1 - mine**2) * own
    if shape.neighbour:
        own = _patterns(int(linked.sum()), programmes, shape, rng)
        c = shape.neighbour
        peak_pattern[first[linked] + 2] = c * peak_pattern[first[linked]] + np.sqrt(1 - c**2) * own
    kind = rng.integers(0, shape.types, shape.cells)
    state = rng.random(shape.cells)
    factors = np.zeros((shape.cells, 2 * shape.types))
    factors[np.arange(shape.cells), kind] = 1
    factors[np.arange(shape.cells), shape.types + kind] = 2 * (state - 0.5)
    platform = rng.integers(0, shape.platforms, shape.cells)
    rna, atac = (
        _matrix(factors, pattern, platform, depth, shape, spread, dispersion, rng)
        for pattern, depth, spread, dispersion in (
            (gene_pattern, shape.depth[0], 1.0, 0.2),
            (peak_pattern, shape.depth[1], 0.7, 0.1),
        )
    )
    middle = (genes["tss"].to_numpy()[owner] + offset).astype(np.int64)
    half = rng.integers(150, 450, len(owner))
    names = np.array([f"p{i:05d}" for i in range(len(owner))], dtype=object)
    peaks = pd.DataFrame(
        {"chrom": genes["chrom"].to_numpy()[owner], "start": middle - half, "end": middle + half,
         "gc": rng.beta(20, 25, len(owner))}, index=names,
    )  # fmt: skip
    truth = pd.DataFrame(
        {"gene": genes.index[linked], "peak": names[first[linked]],
         "decoy": names[first[linked] + 1] if shape.decoy else ""}
    )  # fmt: skip
    return Drawn(rna, atac, genes, peaks, truth)


def _places(shape: Shape, rng: np.random.Generator) -> pd.DataFrame:
    at = np.arange(shape.genes)
    tss = 500_000.0 + (at // CHROMOSOMES) * SPACING + rng.integers(-20_000, 20_000, shape.genes)
    return pd.DataFrame(
        {"chrom": [f"chr{i % CHROMOSOMES + 1}" for i in at], "tss": tss,
         "strand": rng.choice([-1.0, 1.0], shape.genes), "start": tss, "end": tss},
        index=[f"g{i:04d}" for i in at],
    )  # fmt: skip


def _patterns(n: int, programmes: np.ndarray, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Return effects of types and states, features x factors."""
    follows = programmes[rng.integers(0, len(programmes), n)] * rng.choice([-1, 1], n)[:, None]
    own = rng.standard_normal((n, programmes.shape[1]))
    return shape.effect * (np.sqrt(shape.shared) * follows + np.sqrt(1 - shape.shared) * own)


def _matrix(factors, pattern, platform, depth, shape, spread, dispersion, rng) -> sparse.csr_matrix:
    """Draw counts, a block of cells at a time."""
    n = len(pattern)
    base = rng.normal(0, spread, n)
    shift = rng.normal(0, 0.5, (shape.platforms, n)) * (shape.platforms > 1)
    total = depth * n * np.exp(rng.normal(0, 0.4, len(factors)))
    parts = []
    for low in range(0, len(factors), 1000):
        rows = slice(low, low + 1000)
        rate = np.exp(base + factors[rows] @ pattern.T + shift[platform[rows]])
        mean = (rate * (total[rows] / rate.sum(axis=1))[:, None]).astype(np.float32)
        parts.append(_counts(mean, np.full(n, dispersion), rng))
    return sparse.csr_matrix(sparse.vstack(parts, format="csr"), dtype=np.float32)
