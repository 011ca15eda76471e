"""Prepare one modality: features, likelihood, depths, input of the encoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from panscape import seeds
from panscape.coem.features import choose_features, choose_likelihood
from panscape.coem.settings import CoemSettings
from panscape.stats.decomposition import signs
from panscape.stats.singular import singular

START_CELLS = 20_000  # maximum number of cells for computing the initial components
GRID = 64  # grid points of the exposure; values between are interpolated
FOLLOWS_DEPTH = 0.7  # maximum correlation with log depth of a component that initialises a dimension


@dataclass(frozen=True)
class Modality:
    """Counts of one modality and the quantities fixed before training.

    Attributes
    ----------
    name
        ``"rna"`` or ``"atac"``.
    counts
        CSR float32, cells x selected features.
    features
        Selected columns of the given matrix, ascending.
    likelihood
        ``"nb"``, ``"zinb"``, ``"poisson"``, ``"zip"`` or ``"bernoulli"``.
    depth
        Counts of each cell over the selected features.
    profile
        Fraction of each feature in all counts; sums to 1.
    offset
        Log ratio of the fraction in each batch to `profile`, batches x features.
    weight, centre, scale, logged
        The encoder sees (f(count / depth x weight) - centre) x scale with f = log(1 + .) if `logged`, else
        the identity; `centre` has a row per batch.
    loadings
        Leading components of the encoder's input, features x components, orthonormal columns.
    """

    name: str
    counts: sparse.csr_matrix
    features: np.ndarray
    likelihood: str
    depth: np.ndarray
    profile: np.ndarray
    offset: np.ndarray
    weight: np.ndarray
    centre: np.ndarray
    scale: float
    logged: bool
    loadings: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """Return which cells have this modality, bool (cells,)."""
        return self.depth > 0

    def exposure(self, depth: np.ndarray) -> np.ndarray:
        """Return the exposure of each cell: the factor from a feature's fraction to its rate.

        The exposure is the depth; with the Bernoulli likelihood it is the exposure at which as many features
        are expected to be open.
        """
        depth = np.maximum(np.asarray(depth, dtype=float), 1e-2)
        if self.likelihood == "bernoulli":
            depth = np.interp(depth, *self._openness)
        return depth.astype(np.float32)

    @cached_property
    def _openness(self) -> tuple[np.ndarray, np.ndarray]:
        """Expected number of open features at a grid of exposures, and the grid."""
        grid = np.geomspace(1e-2, 1e2 * max(float(self.depth.max()), 1.0), GRID)
        return np.array([-np.expm1(-value * self.profile).sum() for value in grid]), grid

    def seen(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return f(count / depth x weight), sparse: the encoder's input before centring and scaling."""
        depth = np.asarray(counts.sum(axis=1)).ravel()
        seen = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
        seen.data = self.encoded(seen.data, seen.indices, np.repeat(depth, np.diff(seen.indptr)))
        return seen

    def encoded(self, counts: np.ndarray, column: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return f(count / depth x weight) of entries, float32.

        Parameters
        ----------
        counts, column, depth
            Count and feature of each entry, and its cell's sum of counts.
        """
        values = self.scaled(counts, column, depth)
        return np.log1p(values) if self.logged else values

    def scaled(self, counts: np.ndarray, column: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return count / depth x weight of entries, float32; see :meth:`encoded`."""
        return counts * (self.weight[column] / np.maximum(depth, 1.0)).astype(np.float32)


def prepare_modality(
    counts: sparse.csr_matrix, name: str, settings: CoemSettings, seed: int, batch: np.ndarray | None = None
) -> Modality:
    """Choose features and likelihood of a modality and compute its leading components.

    Parameters
    ----------
    counts
        Raw counts, cells x features; cells without any count lack the modality.
    name
        ``"rna"`` or ``"atac"``.
    settings, seed
        Settings of the embedding; seed of the random start of the decomposition.
    batch
        Index of each cell's batch; the encoder's input is centred by batch.
    """
    likelihood = choose_likelihood(counts, name, settings)
    features = choose_features(counts, name, settings)
    chosen = sparse.csr_matrix(counts[:, features], dtype=np.float32)
    chosen.sort_indices()
    depth = np.asarray(chosen.sum(axis=1)).ravel().astype(np.float32)
    batch = np.zeros(len(depth), dtype=np.int64) if batch is None else batch
    profile, offset = _profiles(chosen, batch)
    logged = name == "rna"
    # RNA: log of counts per median depth; ATAC: fractions in units of their Poisson noise, linear, because a
    # logarithm of mostly 0 and 1 would encode a cell's depth
    rows = np.flatnonzero(depth > 0)
    weight = np.full(len(features), np.median(depth[rows])) if logged else 1 / np.sqrt(profile * len(profile))
    nothing = np.zeros((len(features), 0), np.float32)
    bare = Modality(
        name=name, counts=chosen, features=features, likelihood=likelihood, depth=depth, profile=profile,
        offset=offset, weight=weight.astype(np.float32), centre=nothing, scale=1.0, logged=logged,
        loadings=nothing,
    )  # fmt: skip
    if len(rows) > START_CELLS:
        rows = np.sort(seeds.stream(seed, "start cells", name).choice(rows, START_CELLS, replace=False))
    return _started(bare, rows, batch[rows], settings.n_projection, seeds.derive(seed, "components", name))


def _started(bare: Modality, rows: np.ndarray, batch: np.ndarray, max_components: int, seed: int) -> Modality:
    """Return the modality with its centre and leading components, computed on a subset of the cells."""
    seen, n = bare.seen(bare.counts[rows]), len(rows)
    members = sparse.csr_matrix((np.ones(n), (batch, np.arange(n))), shape=(len(bare.offset), n))
    number = np.maximum(np.asarray(members.sum(axis=1)).reshape(-1, 1), 1)
    centre = np.asarray((members @ seen).todense()) / number
    scores, loadings = components(seen, centre, batch, max_components + 2, seed)
    depth = np.log(bare.depth[rows])
    with np.errstate(invalid="ignore"):
        follows = np.nan_to_num(np.abs([np.corrcoef(column, depth)[0, 1] for column in scores.T]))
    keep = np.flatnonzero(follows <= FOLLOWS_DEPTH)[:max_components]
    keep = keep if len(keep) else np.array([int(np.argmin(follows))])
    scale = 1 / max(float(scores[:, keep[0]].std()), 1e-12)
    start = np.ascontiguousarray(loadings[:, keep], dtype=np.float32)
    return replace(bare, centre=centre.astype(np.float32), scale=scale, loadings=start)


def _profiles(counts: sparse.csr_matrix, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fraction of each feature, and its shrunken log ratio in each batch to that fraction."""
    total = np.asarray(counts.sum(axis=0)).ravel().astype(float)
    profile = (total + 0.5) / (total + 0.5).sum()
    offset = np.zeros((int(batch.max()) + 1, len(profile)), dtype=np.float32)
    for number in range(len(offset) if len(offset) > 1 else 0):
        totals = np.asarray(counts[batch == number].sum(axis=0)).ravel().astype(float)
        expected = profile * totals.sum()
        offset[number] = np.log((totals + 5) / (expected + 5))
    return profile, offset


def components(
    values: sparse.csr_matrix, centre: np.ndarray, batch: np.ndarray, k: int, seed: int, *, rounds: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and orthonormal loadings of the `k` leading components of `values - centre[batch]`.

    Subspace iteration from a random start; the matrix stays sparse.

    Parameters
    ----------
    values
        CSR, cells x features.
    centre
        Means by batch, batches x features.
    batch
        Batch of each cell.
    k
        Maximum number of components.
    seed
        Seed of the random start.
    rounds
        Iterations.

    Returns
    -------
    Scores (cells x k) and loadings (features x k), by falling variance; fewer where the matrix is smaller. A
    loading's largest entry is positive.
    """
    from threadpoolctl import threadpool_limits

    n, p = values.shape
    k = max(min(k, n - 1, p - 1), 1)
    values = sparse.csr_matrix(values, dtype=np.float64)
    back = values.T.tocsr()
    members = sparse.csr_matrix((np.ones(n), (batch, np.arange(n))), shape=(len(centre), n))
    with threadpool_limits(1):
        basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((p, min(k + 10, n, p))))[0]
        for _ in range(rounds):
            left = np.linalg.qr(values @ basis - (centre @ basis)[batch])[0]
            basis = np.linalg.qr(back @ left - centre.T @ (members @ left))[0]
        turn = singular(values @ basis - (centre @ basis)[batch])[2]
    loadings = basis @ turn.T[:, :k]
    loadings = loadings * signs(loadings)
    return values @ loadings - (centre @ loadings)[batch], loadings
