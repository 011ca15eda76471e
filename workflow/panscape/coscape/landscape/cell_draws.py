"""Draws of the cells and samples of a study: how often each cell counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.nesting import finest_clusters
from panscape.coscape.landscape.units import AUTO, CELL, STUDY, choose_units
from panscape.seeds import stream

# a set of more cells is drawn in so many random parts, which makes the variance of draws 9 % uncertain; with
# 50 draws it is 20 % uncertain anyway
UNITS = 256
# effective number of samples from which they are drawn: of two, a draw takes one, and with it the part of all
# correlations that is between samples, so that draws would differ from the data by more than new samples do
ENOUGH = 4.5


@dataclass(frozen=True)
class CellDraws:
    """What the cells of a study are drawn by.

    Another experiment at the same ages has other samples, and other cells of these. The ages were chosen, and
    are not drawn. Where the cells of a finest cluster at an age are of about five or more samples, a draw
    takes n - 1 of the n samples of the age with replacement, which is unbiased for the variance of their mean
    (Rao and Wu 1988), and the cells of the finest cluster at the age keep their number. Elsewhere every cell
    has an exponential weight (Rubin 1981), and what differs between samples is not drawn. Large sets of cells
    are divided into :data:`UNITS` random parts, whose cells have one weight; the sum of a set's weights has
    the distribution that it has cell by cell, so that all sums vary as much, in the mean.

    Attributes
    ----------
    column
        Column of the samples; ``"cell"`` if there are none.
    sample
        int (n_cells,): sample of each cell from 0; -1 for cells that are drawn by themselves.
    stratum
        int (n_samples,): age of each sample, as a number from 0.
    group
        int (n_cells,): finest cluster and age of each cell, from 0.
    unit
        int64 (n_cells,): cells of one unit, numbered from 0 by their first cell, always have the same weight.
    divided
        int64 (n_cells,): number of the divided set that a cell is in, from 0; -1 for other cells.
    """

    column: str
    sample: np.ndarray
    stratum: np.ndarray
    group: np.ndarray
    unit: np.ndarray
    divided: np.ndarray

    @classmethod
    def of(
        cls,
        study: str,
        cells: pd.DataFrame,
        members: sparse.csr_matrix,
        wanted: str = AUTO,
        *,
        atom: np.ndarray | None = None,
        seed: int = 0,
    ) -> CellDraws:
        """Return the draws of a study.

        Parameters
        ----------
        study
            Its id.
        cells
            One row per cell, with their `age` and samples if known.
        members
            CSR (n_clusters, n_cells).
        wanted
            See :func:`panscape.coscape.landscape.units.choose_units`.
        atom
            int64 (n_cells,) set of each cell, see :func:`panscape.coscape.coexpression.atoms.atoms_of`,
            within which cells may be drawn together. None: no cells are.
        seed
            The collection's seed, by which large sets are divided.

        Examples
        --------
        >>> cells = pd.DataFrame({"age": [2.0] * 10 + [5.0, 5.0], "donor": list("aabbccddee") + ["f", "g"]})
        >>> draws = CellDraws.of("lab", cells, sparse.csr_matrix(np.ones((1, 12))))
        >>> draws.column, draws.sample.tolist()
        ('donor', [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, -1, -1])
        """
        age = np.full(len(cells), np.nan)
        if "age" in cells:
            age = cells["age"].to_numpy(dtype=np.float64, na_value=np.nan)
        units = choose_units(study, cells, age, wanted if np.isfinite(age).any() else AUTO)
        if units.column in (CELL, STUDY) or units.number == 0:
            sample, group = np.full(len(cells), -1), np.zeros(len(cells), dtype=np.int64)
            together = _units(atom, sample, group, stream(seed, "landscape", "units", study))
            return cls(CELL, sample, np.zeros(0, dtype=np.int64), group, *together)
        known = units.code >= 0
        stratum = np.zeros(units.number, dtype=np.int64)
        stratum[units.code[known]] = np.unique(age[known], return_inverse=True)[1]
        at = np.where(known, stratum[units.code], -1)
        leaf = finest_clusters(sparse.csr_matrix(members))
        group = np.unique(np.stack([leaf, at]), axis=1, return_inverse=True)[1].reshape(-1)
        enough = known & (_effective(group, units.code) >= ENOUGH)
        sample = np.where(enough, units.code, -1)
        together = _units(atom, sample, group, stream(seed, "landscape", "units", study))
        return cls(units.column, sample, stratum, group, *together)

    @property
    def by_sample(self) -> float:
        """Return the fraction of cells that are drawn by their sample."""
        return float((self.sample >= 0).mean()) if len(self.sample) else 0.0

    def draw(self, first: int, last: int, seed: int, *names: str) -> np.ndarray:
        """Return how often the cells of each unit count in some draws, (n_units, last - first).

        Parameters
        ----------
        first, last
            Numbers of the first draw, and of the one after the last; each has a random stream of its own.
        seed, names
            Of the random stream, see :func:`panscape.seeds.stream`.
        """
        one = np.unique(self.unit, return_index=True)[1]  # any cell stands for its unit
        times = np.empty((len(one), last - first))
        alone, divided = self.sample[one] < 0, self.divided[one]
        inside, cells = divided >= 0, np.bincount(self.unit)
        whole = np.bincount(divided[inside], cells[inside])
        for at in range(last - first):
            rng = stream(seed, *names, first + at)
            times[:, at] = self._samples(rng)[one]
            times[alone, at] = rng.exponential(size=int(alone.sum()))
            drawn = np.bincount(divided[inside], cells[inside] * times[inside, at])
            times[inside, at] *= (rng.gamma(whole) / drawn)[divided[inside]]
        return times

    def _samples(self, rng: np.random.Generator) -> np.ndarray:
        """Return the weight of each cell by its sample, 1 for those without."""
        drawn = np.ones(len(self.stratum))
        for age in range(int(self.stratum.max(initial=-1)) + 1):
            inside = np.flatnonzero(self.stratum == age)
            if len(inside) > 1:
                drawn[inside] = rng.multinomial(len(inside) - 1, np.full(len(inside), 1 / len(inside)))
        known = self.sample >= 0
        weight = np.ones(len(self.sample))
        weight[known] = drawn[self.sample[known]]
        total, cells = np.bincount(self.group, weight), np.bincount(self.group)
        scale = np.divide(cells, total, out=np.zeros(len(total)), where=total > 0)[self.group]
        return np.where(scale > 0, weight * scale, 1.0)  # 1: none of the group's samples was drawn


def _units(
    atom: np.ndarray | None, sample: np.ndarray, group: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit of each cell and its divided set, see :class:`CellDraws`."""
    label, divided = np.arange(len(sample)), np.full(len(sample), -1)
    if atom is None:
        return label, divided
    order = rng.permutation(np.flatnonzero((sample < 0) & (atom >= 0)))
    order = order[np.argsort(atom[order], kind="stable")]
    sets = np.split(order, np.flatnonzero(np.diff(atom[order])) + 1)
    for number, cells in enumerate(one for one in sets if len(one) > UNITS):
        divided[cells] = number
        for part in range(UNITS):
            label[cells[part::UNITS]] = cells[part::UNITS].min()
    drawn = np.flatnonzero((sample >= 0) & (atom >= 0))
    keys = np.stack([atom[drawn], sample[drawn], group[drawn]])
    _, first, inverse = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    label[drawn] = drawn[first[inverse.reshape(-1)]]
    return np.unique(label, return_inverse=True)[1].reshape(-1), divided


def _effective(group: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the effective number of samples of each cell's group."""
    table = sparse.csr_matrix((np.ones(len(group)), (group, sample + 1)))  # the first column: no sample
    share = sparse.csr_matrix(sparse.diags(1 / np.bincount(group)) @ table)
    return 1 / np.asarray(share.multiply(share).sum(axis=1)).ravel()[group]
