"""A study prepared for draws of its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.cells import read_counts
from panscape.coscape.coexpression.drawn_scores import DrawnScorer
from panscape.coscape.coexpression.pair_scores import PairScorer
from panscape.coscape.coexpression.score_study import among_chosen, load_study
from panscape.coscape.landscape.cell_draws import CellDraws
from panscape.coscape.landscape.scores import Scores
from panscape.coscape.landscape.settings import DRAW_PAIRS
from panscape.coscape.landscape.units import AUTO
from panscape.data.counts import Counts


@dataclass(frozen=True)
class DrawnStudy:
    """A study of which cells are drawn.

    Parameters
    ----------
    name
        Its id.
    scorer
        Its counts, clusters and those chosen pairs that it measures.
    columns
        int: positions of these pairs among the chosen ones.
    draws
        What its cells are drawn by.
    """

    name: str
    scorer: DrawnScorer
    columns: np.ndarray
    draws: CellDraws

    @property
    def n_clusters(self) -> int:
        """Return the number of its clusters."""
        return self.scorer.contains.shape[0]

    @classmethod
    def of(
        cls,
        name: str,
        counts: Counts | str | Path,
        genes: Sequence[str],
        members: sparse.csr_matrix,
        chosen: pd.DataFrame,
        *,
        estimator: str = "pearson",
        normalisation: str = "depth-log1p",
        sample: str = AUTO,
        seed: int = 0,
    ) -> DrawnStudy:
        """Prepare a study.

        Parameters
        ----------
        name
            Study id.
        counts
            Its raw counts, or the path of its ``counts.h5ad``; `obs` has the ages and samples of the cells.
        genes
            Genes that it measures.
        members
            CSR (n_clusters, n_cells).
        chosen
            Pairs, `gene_a` and `gene_b`, see :func:`best_pairs`.
        estimator, normalisation
            See :func:`panscape.coscape.coexpression.score_study.score_study`.
        sample
            See :func:`panscape.coscape.landscape.units.choose_units`.
        """
        source, members = read_counts(counts), sparse.csr_matrix(members)
        values, weights, known, columns = load_study(source, genes, members, chosen, estimator, normalisation)
        scorer = PairScorer.of(values, members, weights, known)
        draws = CellDraws.of(name, source.obs, members, sample, atom=scorer.atom, seed=seed)
        return cls(name, DrawnScorer.of(scorer, draws.unit), columns, draws)

    def scores(
        self, times: np.ndarray, pairs: np.ndarray, weight: np.ndarray, *, min_expected: float, threads: int
    ) -> Iterator[Scores]:
        """Yield the scores of the clusters in each draw.

        Parameters
        ----------
        times
            (n_units, n_draws) how often the cells of each unit count.
        pairs, weight
            Genes and weight of the chosen pairs.
        min_expected, threads
            See :meth:`panscape.coscape.coexpression.drawn_scores.DrawnScorer.score`.
        """
        drawn = self.scorer.score(times, min_expected=min_expected, threads=threads)
        scorer = self.scorer
        for at, part in enumerate(drawn):
            matrix, often = among_chosen(part, self.columns, len(pairs)), times[scorer.units, at]
            yield Scores.of(matrix, pairs, weight, scorer.members, often, scorer.cells)


def best_pairs(chosen: pd.DataFrame, number: int = DRAW_PAIRS) -> pd.DataFrame:
    """Return the chosen pairs with the most signal, in their order.

    Parameters
    ----------
    chosen
        From :func:`panscape.coscape.coexpression.signal.choose_pairs`.
    number
        Largest number of pairs.
    """
    order = np.argsort(-chosen["signal"].to_numpy(dtype=np.float64), kind="stable")[:number]
    return chosen.iloc[np.sort(order)].reset_index(drop=True)
