"""Agreement of pseudotime with age, vectorised over draws of the ages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.roots import Roots
from panscape.coscape.landscape.space import Space
from panscape.graph.knn import nearest
from panscape.stats.weighted_ranks import (
    group_products,
    group_ranks,
    partial_products,
    products,
    standard_ranks,
)

OTHERS = 5  # number of neighbors from other studies that predict a cluster's age
MIN_SHARED = 5  # minimum number of clusters within the age range of other studies
COMPARABLE = 0.5  # minimum size of a space's largest component relative to that of coexpression space
AT_ONCE = 1_000_000  # maximum entries of an array
GLOBAL, WITHIN, DEPTH = "global", "within", "depth"

Values = dict[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Viewed:
    """A space with its vectors and metric."""

    space: Space
    vectors: sparse.csr_matrix | np.ndarray
    metric: str


@dataclass(frozen=True)
class Design:
    """Spaces and control variables that are compared on the same clusters.

    Parameters
    ----------
    views
        Spaces to compare, coexpression space first.
    common
        int (n,): label of the component; clusters with the same label are connected in every space.
    study
        int (n,), from 0.
    study_names
        Names of the studies.
    controls
        Name -> (n,) finite values of control variables: size, pairs, depth.
    roots
        Rule for choosing the root.
    n_maps, clip
        Settings of pseudotime.
    others
        Space -> int (n, 5): nearest clusters of other studies, padded with -1.
    """

    views: Sequence[Viewed]
    common: np.ndarray
    study: np.ndarray
    study_names: Sequence[str]
    controls: dict[str, np.ndarray]
    roots: Roots
    n_maps: int
    clip: float | None
    others: dict[str, np.ndarray]
    _times: dict[tuple[str, int], np.ndarray] = field(default_factory=dict, repr=False)

    def times(self, view: Viewed, roots: np.ndarray) -> np.ndarray:
        """Return the pseudotime from each root, (draws, n)."""
        distinct, which = np.unique(roots, return_inverse=True)
        return np.stack([self._time(view.space, int(root)) for root in distinct])[which]

    def _time(self, space: Space, root: int) -> np.ndarray:
        key = (space.name, root)
        if key not in self._times:
            self._times[key] = space.times(root, self.n_maps, self.clip)
        return self._times[key]


def comparable_views(views: Sequence[Viewed]) -> tuple[list[Viewed], np.ndarray, dict[str, str]]:
    """Select the spaces to compare with the first one, and the common clusters.

    Returns
    -------
    views
        Spaces whose largest component has at least half the size of the first space's; a fragmented space
        would leave too few clusters for the comparison. Ages are not used.
    common
        int (n,): components common to these spaces.
    left_out
        Name of each other space -> reason.
    """
    first = views[0].space.diffusion.component == 0
    kept, left_out = [], {}
    for view in views:
        both = int((first & (view.space.diffusion.component == 0)).sum())
        if both >= COMPARABLE * first.sum():
            kept.append(view)
        else:
            left_out[view.space.name] = (
                f"not compared: its largest connected part has {both} of the {int(first.sum())} clusters of "
                f"{views[0].space.name} space"
            )
    parts = np.stack([view.space.diffusion.component for view in kept], axis=1)
    return kept, np.unique(parts, axis=0, return_inverse=True)[1].reshape(-1), left_out


def nearest_others(views: Sequence[Viewed], study: np.ndarray, known: np.ndarray) -> dict[str, np.ndarray]:
    """Return each cluster's nearest clusters of known age from other studies, by space.

    Clusters without such neighbors in one space get none in any, so that all spaces use the same clusters.

    Parameters
    ----------
    views
        The spaces.
    study
        int (n_clusters,).
    known
        bool (n_clusters,): clusters of known age.
    """
    allowed = (study[:, None] != study[None, :]) & known[None, :]
    nearest_of = {
        view.space.name: nearest(
            view.vectors, OTHERS, metric=view.metric, allowed=allowed, distances=view.space.distances,
            refine=False,
        ).index
        for view in views
    }  # fmt: skip
    lacking = np.any([(index < 0).all(axis=1) for index in nearest_of.values()], axis=0)
    for index in nearest_of.values():
        index[lacking] = -1
    return nearest_of


def evaluate_spaces(
    design: Design, ages: np.ndarray, weights: np.ndarray | None, kinds: Iterable[str]
) -> tuple[Values, dict[tuple[str, str], int]]:
    """Compute statistics of draws.

    Parameters
    ----------
    design
        Clusters and spaces to compare.
    ages
        (draws, n) mean ages of the clusters, NaN where unknown.
    weights
        (draws, n) fraction of each cluster's cells that were drawn; None: all.
    kinds
        Some of ``"global"``: `rho_age`, `rho_age_reached`, `partial_rho_age`, and `rho_age` of the controls;
        ``"within"``: `rho_age_within_studies`, `rho_age_of_{study}`, `rho_age_other_studies`; ``"depth"``:
        `rho_{control}`.

    Returns
    -------
    values
        (space, statistic) -> (draws,), NaN where it is not defined.
    counts
        (space, statistic) -> number of clusters in the first draw.
    """
    step = max(AT_ONCE // max(ages.shape[1], 1), 1)
    parts: dict[tuple[str, str], list[np.ndarray]] = {}
    counts: dict[tuple[str, str], int] = {}
    kinds = frozenset(kinds)
    for start in range(0, len(ages), step):
        rows = slice(start, start + step)
        some = None if weights is None else weights[rows]
        for key, value, count in _draws(design, ages[rows], some, kinds):
            parts.setdefault(key, []).append(value)
            counts.setdefault(key, count)
    return {key: np.concatenate(value) for key, value in parts.items()}, counts


class _AgeRanks:
    """Ranks of the ages, computed once for equal weights."""

    def __init__(self, ages: np.ndarray):
        self.ages = ages
        self._known: list[tuple[np.ndarray, np.ndarray]] = []

    def of(self, weight: np.ndarray) -> np.ndarray:
        for same, ranks in self._known:
            if np.array_equal(same, weight):
                return ranks
        self._known.append((weight, standard_ranks(self.ages, weight)))
        return self._known[-1][1]


def _draws(design: Design, ages, weights, kinds) -> Iterator[tuple[tuple[str, str], np.ndarray, int]]:
    roots = design.roots.choose(ages, weights)
    drawn = np.ones(ages.shape) if weights is None else weights
    connected = design.common[None, :] == design.common[roots][:, None]
    aged = drawn * np.isfinite(ages)
    weight = aged * connected
    of_age = _AgeRanks(ages)
    shared = _shared(design, ages, weight, drawn * connected, kinds)
    for view in design.views:
        times = design.times(view, roots)
        name = view.space.name
        if GLOBAL in kinds:
            component = view.space.diffusion.component
            reach = aged * (component[None, :] == component[roots][:, None])
            ranks = standard_ranks(times, weight)
            reached = ranks if np.array_equal(reach, weight) else standard_ranks(times, reach)
            number, age = int((weight[0] > 0).sum()), of_age.of(weight)
            yield (name, "rho_age"), products(ranks, age), number
            yield (name, "partial_rho_age"), partial_products(ranks, age, shared["controls"]), number
        yield from _of_space(design, name, times, weight, drawn * connected, shared)
        if GLOBAL in kinds:
            yield (name, "rho_age_reached"), products(reached, of_age.of(reach)), int((reach[0] > 0).sum())
        if WITHIN in kinds and name in design.others:
            yield (name, "rho_age_other_studies"), *_other_studies(design, design.others[name], of_age, aged)
    if GLOBAL in kinds:
        for control, ranks in zip(design.controls, shared["controls"], strict=True):
            yield (control, "rho_age"), products(ranks, of_age.of(weight)), int((weight[0] > 0).sum())


def _shared(design: Design, ages, weight, connected, kinds) -> dict:
    """Return the ranks common to all spaces."""
    ranks: dict = {}
    orders = [np.broadcast_to(values, ages.shape) for values in design.controls.values()]
    if GLOBAL in kinds:
        ranks["controls"] = [standard_ranks(values, weight) for values in orders]
    if WITHIN in kinds and len(design.study_names) > 1:
        ranks["within"] = group_ranks(ages, weight, design.study)
    if DEPTH in kinds and orders:
        ranks["depth"] = [standard_ranks(values, connected) for values in orders]
    return ranks


def _of_space(design: Design, name: str, times, weight, connected, shared):
    """Yield the statistics within studies and those of depth."""
    if "within" in shared:
        ranks = group_ranks(times, weight, design.study)
        each, together = group_products(ranks, shared["within"], weight, design.study)
        sizes = [int((weight[0, design.study == code] > 0).sum()) for code in range(len(design.study_names))]
        compared = sum(size for size, rho in zip(sizes, each[0], strict=True) if np.isfinite(rho))
        yield (name, "rho_age_within_studies"), together, compared
        for code, study in enumerate(design.study_names):
            yield (name, f"rho_age_of_{study}"), each[:, code], sizes[code]
    if "depth" in shared:
        ranks = standard_ranks(times, connected)
        for control, other in zip(design.controls, shared["depth"], strict=True):
            yield (name, f"rho_{control}"), products(ranks, other), int((connected[0] > 0).sum())


def _other_studies(
    design: Design, index: np.ndarray, of_age: _AgeRanks, weight: np.ndarray
) -> tuple[np.ndarray, int]:
    """Correlate the ages of clusters with those of their nearest clusters of other studies.

    Only clusters within the age range of another study are used. Otherwise the neighbors of the oldest
    clusters are always younger and those of the youngest always older, and rho is near -1.
    """
    known, ages = weight > 0, of_age.ages
    near = np.where((index >= 0)[None], ages[:, np.where(index >= 0, index, 0)], np.nan)
    number = np.isfinite(near).sum(axis=2)
    mean = np.where(np.isfinite(near), near, 0.0).sum(axis=2) / np.maximum(number, 1)
    matched = np.zeros(ages.shape, dtype=bool)
    for code in range(len(design.study_names)):
        inside = design.study == code
        part = known[:, inside]
        low = np.where(part, ages[:, inside], np.inf).min(axis=1)[:, None]
        high = np.where(part, ages[:, inside], -np.inf).max(axis=1)[:, None]
        matched |= ~inside[None, :] & (ages >= low) & (ages <= high)
    weight = weight * (matched & (number > 0))
    value = products(standard_ranks(mean, weight), of_age.of(weight))
    few = (weight > 0).sum(axis=1) < MIN_SHARED
    return np.where(few, np.nan, value), int((weight[0] > 0).sum())
