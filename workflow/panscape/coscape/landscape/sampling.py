"""Permutation and resampling of ages over the sampled units behind the clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from scipy import sparse

from panscape.coscape.landscape.arrangements import arrangements, every_order, stacked
from panscape.coscape.landscape.combine import Study
from panscape.coscape.landscape.disjoint import disjoint_clusters, disjoint_groups
from panscape.coscape.landscape.units import AUTO, CELL, STUDY, Units, choose_units, describe_units
from panscape.stats.means import divided, whole_multiples

AT_ONCE = 5_000_000  # number of ages per block of draws
TABLE_ENTRY = 4  # permuted ages that take the time of one drawn entry of a table (2.7 measured)
MANY = 1e15  # maximum number of arrangements that is counted exactly


@dataclass(frozen=True)
class Sampling:
    """Cells of each cluster, with the unit and the age at which they were sampled.

    Parameters
    ----------
    members
        CSR (n_clusters, n_cells) float64, ones; the cells of all studies.
    study
        int (n_clusters,): study of each cluster.
    unit
        int (n_cells,): sampled unit of each cell, over all studies; -1 where the age is unknown.
    unit_age
        (n_units,): age of each unit, in whole multiples of 1 / `scale`.
    scale
        See :func:`whole_multiples`.
    unit_study
        int (n_units,): study of each unit.
    block
        int (n_cells,): block of the bootstrap, over all studies: samples where there are any, else disjoint
        groups of cells; -1 for cells without a block.
    block_study
        int (n_blocks,).
    leaves
        Positions of disjoint clusters, of all studies.
    units
        Sampled units of each study.
    """

    members: sparse.csr_matrix
    study: np.ndarray
    unit: np.ndarray
    unit_age: np.ndarray
    scale: float
    unit_study: np.ndarray
    block: np.ndarray
    block_study: np.ndarray
    leaves: np.ndarray
    units: tuple[Units, ...]

    @property
    def described(self) -> str:
        """Return the number and kind of units, e.g. ``18 batch``."""
        return describe_units(self.units)

    def rows(self, index: np.ndarray) -> Sampling:
        """Return the clusters at the given positions (copies do not add leaves)."""
        first = np.full(self.members.shape[0], -1, dtype=np.int64)
        for place, row in reversed(list(enumerate(index))):
            first[row] = place
        leaves = first[self.leaves]
        return replace(
            self, members=self.members[index], study=self.study[index], leaves=np.sort(leaves[leaves >= 0])
        )

    def ages(self) -> np.ndarray:
        """Return the mean age of each cluster, (n_clusters,); NaN where no cell has an age."""
        return next(self._means(iter([self.unit_age[None, :]])))[0]

    def arrangements(self, within: Sequence[int] | None = None) -> float:
        """Return the number of ways to assign the ages to the units.

        Parameters
        ----------
        within
            Permute ages within studies; None permutes over all units of all studies.
        """
        groups = [self.unit_age] if within is None else [self.unit_age[self.unit_study == s] for s in within]
        return prod(min(arrangements(ages), MANY) for ages in groups)

    def shuffled(
        self, number: int, rng: np.random.Generator, *, within: bool = False
    ) -> Iterator[np.ndarray]:
        """Yield blocks of mean ages of the clusters after permuting ages over units.

        If there are at most `number` arrangements, each is returned once, independent of `rng`.

        Parameters
        ----------
        number
            Number of draws.
        rng
            Random number generator of the draws.
        within
            Permute ages within studies.

        Yields
        ------
        (draws, n_clusters) arrays, NaN for clusters without an age.
        """
        studies = range(int(self.unit_study.max(initial=-1) + 1))
        groups = [np.arange(len(self.unit_age))]
        if within:
            groups = [np.flatnonzero(self.unit_study == study) for study in studies]
        if self.arrangements(studies if within else None) <= number:
            yield from self._means(stacked(every_order(self.unit_age, groups)))
            return
        number_known, kinds, kind = self._kinds()
        ages = np.unique(self.unit_age)
        if kinds.shape[1] * len(ages) * TABLE_ENTRY < len(self.unit_age):
            total = self._tabled(number, groups, kind, ages, rng)
            yield self._divided(kinds @ total.T, number_known)
            return
        yield from self._means(self._dealt(number, groups, rng))

    def _tabled(self, number: int, groups, kind: np.ndarray, ages: np.ndarray, rng) -> np.ndarray:
        """Return the sums of permuted ages over units of each kind, (number, n_kinds), by random tables.

        Their time does not grow with the number of units.
        """
        from scipy.stats import random_table

        total = np.zeros((number, int(kind.max(initial=-1)) + 1))
        for group in groups:
            rows = np.bincount(kind[group], minlength=total.shape[1])
            columns = np.bincount(np.searchsorted(ages, self.unit_age[group]), minlength=len(ages))
            used = np.flatnonzero(rows)
            step = max(AT_ONCE // max(len(used) * len(ages), 1), 1)
            for start in range(0, number, step):
                part = slice(start, min(start + step, number))
                tables = random_table.rvs(
                    rows[used], columns, method="patefield", size=part.stop - start, random_state=rng
                )
                total[part, used] += tables @ ages
        return total

    def _dealt(self, number: int, groups, rng: np.random.Generator) -> Iterator[np.ndarray]:
        step = max(AT_ONCE // max(len(self.unit_age), 1), 1)
        for start in range(0, number, step):
            ages = np.tile(self.unit_age, (min(step, number - start), 1))
            for group in groups:
                ages[:, group] = rng.permuted(ages[:, group], axis=1)
            yield ages

    def _means(self, draws: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Convert (draws, n_units) ages to (draws, n_clusters) means."""
        number, kinds, kind = self._kinds()
        gathered = sparse.csr_matrix(_one_hot(kind, kinds.shape[1]).T)
        for ages in draws:
            yield self._divided(kinds @ (gathered @ np.ascontiguousarray(ages.T)), number)

    def _kinds(self) -> tuple[np.ndarray, sparse.csr_matrix, np.ndarray]:
        """Return the cells of known age of each cluster, those by kind of unit, and the kind of each unit."""
        known = np.flatnonzero(self.unit >= 0)
        assigned = _one_hot(self.unit[known], len(self.unit_age))
        counts = sparse.csr_matrix(self.members[:, known] @ assigned)
        return np.asarray(counts.sum(axis=1)).ravel(), *_distinct_columns(counts)

    def _divided(self, total: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Return (draws, n_clusters) means from (n_clusters, draws) sums."""
        return divided(total, np.broadcast_to(number[:, None], total.shape), self.scale).T

    def resampled(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Resample blocks with replacement within studies and recompute mean ages.

        Returns
        -------
        ages
            (draws, n_clusters): mean age of the drawn cells.
        weights
            (draws, n_clusters): cells drawn / cells of the cluster.
        """
        times = np.empty((number, len(self.block_study)))
        for study in np.unique(self.block_study):
            blocks = np.flatnonzero(self.block_study == study)
            chances = np.full(len(blocks), 1 / len(blocks))
            times[:, blocks] = rng.multinomial(len(blocks), chances, size=number)
        inside = np.flatnonzero(self.block >= 0)
        members = self.members[:, inside]
        blocks = _one_hot(self.block[inside], len(self.block_study))
        known = self.unit[inside] >= 0
        age = np.zeros(len(inside))
        age[known] = self.unit_age[self.unit[inside][known]]
        total, aged, cells = (
            np.asarray((members @ sparse.csr_matrix(sparse.diags(part) @ blocks)).todense())
            for part in (age, known.astype(np.float64), np.ones(len(inside)))
        )
        ages = divided(times @ total.T, times @ aged.T, self.scale)
        return ages, times @ cells.T / np.maximum(np.diff(self.members.indptr), 1)


def sampled_cells(studies: Sequence[Study], sample: str = AUTO) -> Sampling | None:
    """Collect the cells of the clusters of all studies.

    Parameters
    ----------
    studies
        As for :func:`panscape.coscape.landscape.build.compute_landscape`.
    sample
        See :func:`choose_units`.

    Returns
    -------
    None if the cells of a study's clusters are unknown.

    Raises
    ------
    UserError
        See :func:`choose_units`.
    """
    if any(study.members is None or study.cells is None for study in studies):
        return None
    parts = [sparse.csr_matrix(study.members, dtype=np.float64) for study in studies]
    ages = [_age(study) for study in studies]
    scaled, scale = whole_multiples(np.concatenate(ages), sum(map(len, ages)))
    chosen, codes, blocks, leaves = [], [], [], []
    rows = 0
    for study, part, age in zip(studies, parts, ages, strict=True):
        units = choose_units(study.name, study.cells, age, sample if np.isfinite(age).any() else AUTO)
        chosen.append(units)
        codes.append(units.code)
        grouped = units.column in (CELL, STUDY) or units.number == 0
        blocks.append(disjoint_groups(part) if grouped else units.code)
        leaves.append(rows + disjoint_clusters(part))
        rows += part.shape[0]
    unit, unit_study = _numbered(codes)
    block, block_study = _numbered(blocks)
    unit_age = np.zeros(len(unit_study))
    unit_age[unit[unit >= 0]] = scaled[unit >= 0]
    return Sampling(
        sparse.csr_matrix(sparse.block_diag(parts, format="csr")),
        np.repeat(np.arange(len(parts)), [part.shape[0] for part in parts]),
        unit, unit_age, scale, unit_study, block, block_study,
        np.concatenate(leaves),
        tuple(chosen),
    )  # fmt: skip


def _age(study: Study) -> np.ndarray:
    if study.cells is None or "age" not in study.cells:
        return np.full(0 if study.cells is None else len(study.cells), np.nan)
    return study.cells["age"].to_numpy(dtype=np.float64, na_value=np.nan)


def _numbered(codes: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return codes that are unique over studies, and the study of each."""
    unique, studies, start = [], [], 0
    for study, code in enumerate(codes):
        unique.append(np.where(code >= 0, code + start, -1))
        number = int(code.max(initial=-1) + 1)
        studies += [study] * number
        start += number
    return np.concatenate(unique), np.array(studies, dtype=np.int64)


def _one_hot(code: np.ndarray, width: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(code)), (np.arange(len(code)), code)), shape=(len(code), width))


def _distinct_columns(matrix: sparse.csr_matrix) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return the distinct columns of a matrix of counts, and the index of each column among them.

    Cells in the same clusters are exchangeable: summing their ages before the product with the clusters makes
    it many times smaller.
    """
    rng = np.random.default_rng(0)
    keys = [rng.integers(1 << 62, size=matrix.shape[0], dtype=np.uint64) for _ in range(2)]
    turned = sparse.csr_matrix(matrix.T).astype(np.uint64)
    hashes = np.stack([turned @ key for key in keys], axis=1)
    _, first, kind = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    return matrix[:, first], kind.reshape(-1)
