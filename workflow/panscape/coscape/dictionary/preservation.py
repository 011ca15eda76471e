"""Preservation of a dictionary's entries in other cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.coscape.coexpression.nesting import finest_clusters
from panscape.coscape.dictionary.residuals import Moments
from panscape.coscape.dictionary.study_cells import BLOCK_CELLS
from panscape.data.counts import Counts, smaller
from panscape.stats.fdr import benjamini_hochberg
from panscape.stats.permutation import permutation_pvalue

NEAR = 10  # least number of places in the order of detection within which a random gene is drawn, each way
MIN_GENES = 4
LARGEST = 1 / 3  # of the measured genes; of larger entries there are too few other genes to draw from
STATISTICS = ("density", "connectivity", "separability")


def gene_correlations(
    source: Counts, genes: Sequence[str], members: sparse.csr_matrix
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the correlations of genes over a study's cells, and how often genes are detected.

    Parameters
    ----------
    source
        Counts of the study.
    genes
        G genes that it measures.
    members
        CSR (n_clusters, n_cells): panclusters of the study.

    Returns
    -------
    within, total : (G, G) correlations of residuals (see
    :func:`panscape.coscape.dictionary.scores.study_scores`) over cells within the smallest panclusters, and
    over all cells; 0 for genes that do not vary, and on the diagonal.
    detection : (G,) fraction of cells with the gene.
    """
    columns = source.genes.get_indexer(pd.Index(genes))
    depth = np.maximum(source.obs["n_counts"].to_numpy(dtype=float), 1)
    group = np.unique(finest_clusters(members), return_inverse=True)[1]

    def blocks():
        for rows, block in smaller(source.blocks(), BLOCK_CELLS):
            yield rows, sparse.csr_matrix(block[:, columns])

    moments = Moments.of(blocks(), depth, group, len(columns))
    fine, coarse = moments.rates(), moments.together().rates()
    within, total = np.zeros((2, len(columns), len(columns)))
    detected = np.zeros(len(columns))
    for rows, block in blocks():
        values = fine.residuals(block, depth[rows], group[rows])
        within += values.T @ values
        values = coarse.residuals(block, depth[rows], np.zeros(block.shape[0], dtype=int))
        total += values.T @ values
        detected += np.bincount(block.indices, minlength=len(columns))
    return _scaled(within), _scaled(total), detected / max(source.shape[0], 1)


def _scaled(cross: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.diag(cross))
    scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    cross = cross * scale[:, None] * scale
    np.fill_diagonal(cross, 0)
    return cross


def preservation(
    correlation: np.ndarray,
    kme: np.ndarray,
    members: np.ndarray,
    detection: np.ndarray,
    *,
    permutations: int = 200,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Test whether the genes of entries form groups in other cells.

    The null of an entry is as many random genes outside it that are detected about as often. After Langfelder
    et al. (2011), with correlations in place of adjacencies.

    Parameters
    ----------
    correlation
        (G, G) correlations of genes in the other cells, 0 on the diagonal.
    kme
        (G, K) correlation of every gene with every entry in the reference.
    members
        bool (G, K): genes of each entry.
    detection
        (G,) fraction of the other cells with the gene.
    permutations
        Number of random sets per entry.
    rng
        Random number generator.

    Returns
    -------
    One row per entry: n_genes; density (mean correlation of its genes), connectivity (correlation of a gene's
    kME in the reference with its mean correlation to the others here), separability (density minus the mean
    correlation with genes of other entries), each with z (difference to the mean of the null in its standard
    deviations); zsummary (mean of the first two z); pvalue (of density) and fdr. Entries of fewer than four
    genes, or of more than a third of all genes, have missing values.
    """
    rows = []
    for k in range(members.shape[1]):
        mine = np.flatnonzero(members[:, k])
        row: dict[str, float] = {"n_genes": len(mine)}
        if MIN_GENES <= len(mine) <= LARGEST * len(members):
            others = np.flatnonzero(members.any(axis=1) & ~members[:, k])
            observed = _statistics(correlation, kme[:, k], mine, others)
            pool = np.flatnonzero(~members[:, k])
            pool = pool[np.argsort(detection[pool], kind="stable")]
            place = np.searchsorted(detection[pool], detection[mine])
            null = np.array(
                [
                    _statistics(correlation, kme[:, k], pool[_matched(place, len(pool), rng)], others)
                    for _ in range(permutations)
                ]
            )
            spread = null.std(axis=0, ddof=1)
            z = np.divide(observed - null.mean(axis=0), spread, out=np.full(3, np.nan), where=(spread > 0))
            row |= dict(zip(STATISTICS, observed, strict=True))
            row |= {f"z_{name}": value for name, value in zip(STATISTICS, z, strict=True)}
            row["zsummary"] = float(z[:2].mean())
            row["pvalue"] = permutation_pvalue(float(observed[0]), null[:, 0])
        rows.append(row)
    named = [*STATISTICS, *(f"z_{name}" for name in STATISTICS), "zsummary", "pvalue"]
    table = pd.DataFrame(rows).reindex(columns=["n_genes", *named])
    return table.assign(fdr=benjamini_hochberg(table["pvalue"].to_numpy()))


def _statistics(correlation: np.ndarray, kme: np.ndarray, mine: np.ndarray, others: np.ndarray) -> np.ndarray:
    inside = correlation[np.ix_(mine, mine)].sum(axis=1) / (len(mine) - 1)
    apart = np.setdiff1d(others, mine)
    away = correlation[np.ix_(mine, apart)].mean() if len(apart) else 0.0
    known = kme[mine]
    varies = known.std() > 0 and inside.std() > 0
    fit = np.corrcoef(known, inside)[0, 1] if varies else 0.0
    return np.array([inside.mean(), fit, inside.mean() - away])


def _matched(place: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw different positions below `size`, each near one of the places; fewer if there are fewer."""
    reach = max(NEAR, len(place))
    taken = np.zeros(size, dtype=bool)
    left = place
    while len(left) and not taken.all():
        drawn = np.abs(left + rng.integers(-reach, reach + 1, len(left)))
        drawn = np.clip(np.minimum(drawn, 2 * (size - 1) - drawn), 0, size - 1)  # reflected at the ends
        first = np.zeros(len(drawn), dtype=bool)
        first[np.unique(drawn, return_index=True)[1]] = True
        fresh = first & ~taken[drawn]
        taken[drawn[fresh]] = True
        left = left[~fresh]
        reach = min(2 * reach, size)
    return np.flatnonzero(taken)


def study_preservation(
    source: Counts,
    clusters_members: sparse.csr_matrix,
    membership: pd.DataFrame,
    placed: pd.DataFrame,
    programs: pd.DataFrame,
    *,
    permutations: int = 200,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Test the entries of a finished collection in the cells of one study.

    Entries of activity are tested over cells within the study's panclusters, those of identity over all
    cells. The genes of an entry are those placed in it with a positive correlation.

    Parameters
    ----------
    source
        Counts of the study.
    clusters_members
        CSR (n_clusters, n_cells): panclusters of the study.
    membership, placed, programs
        Tables of the reference: entry, gene, kme; gene, entry, kme; entry, kind.
    permutations
        Number of random sets per entry.
    rng
        Random number generator.

    Returns
    -------
    entry, kind, and the columns of :func:`preservation`.
    """
    names = list(programs["entry"])
    wide = membership.pivot(index="gene", columns="entry", values="kme")[names]
    wide = wide[wide.index.isin(source.genes)]
    genes = list(wide.index)
    of_gene = placed[placed["kme"] > 0].set_index("gene")["entry"].reindex(genes).to_numpy(dtype=object)
    members = of_gene[:, None] == np.asarray(names, dtype=object)
    within, total, detection = gene_correlations(source, genes, clusters_members)
    identity = (programs["kind"] == "identity").to_numpy()
    tables = []
    for correlation, chosen in ((within, ~identity), (total, identity)):
        if chosen.any():
            values = wide.to_numpy()[:, chosen]
            table = preservation(
                correlation, values, members[:, chosen], detection, permutations=permutations, rng=rng
            )
            tables.append(table.assign(entry=np.asarray(names, dtype=object)[chosen]))
    result = pd.concat(tables, ignore_index=True).set_index("entry").reindex(names).reset_index()
    result["fdr"] = benjamini_hochberg(result["pvalue"].to_numpy())  # over the entries of both kinds
    result.insert(1, "kind", programs["kind"].to_numpy())
    return result
