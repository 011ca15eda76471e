"""Which of two graphs shares more edges with a known network: a paired comparison of their own edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from panscape.coscape.overlap.scores import rewired_null
from panscape.data.edge_lists import Graph
from panscape.graph.louvain import adjacency, louvain_levels
from panscape.graph.umap_weights import NeighborGraph


@dataclass(frozen=True)
class KnownEdges:
    """Which edges of some graphs a known network has, and how often rewirings of it have them.

    Attributes
    ----------
    n_genes
        Number of genes.
    codes
        (E,) sorted numbers of the edges of all graphs.
    known
        bool (E,): the network has the edge.
    chance
        (E,) fraction of the rewired networks that have it.
    """

    n_genes: int
    codes: np.ndarray
    known: np.ndarray
    chance: np.ndarray

    @classmethod
    def of(
        cls,
        network: Graph,
        graphs: Sequence[Graph],
        *,
        rewirings: int = 100,
        tries_per_edge: int = 10,
        seed: int = 0,
        threads: int = 1,
    ) -> KnownEdges:
        """Look up the edges of graphs in a network and its rewirings.

        Parameters
        ----------
        network, graphs
            On the same genes.
        rewirings, tries_per_edge, seed, threads
            See :func:`panscape.coscape.overlap.scores.rewired_null`.
        """
        n_genes = len(network.genes)
        none = np.empty(0, dtype=np.int64)
        codes = np.unique(np.concatenate([none, *(_codes(graph.edges, n_genes) for graph in graphs)]))

        def there(edges: np.ndarray) -> np.ndarray:
            return np.isin(codes, _codes(edges, n_genes))

        options = {"rewirings": rewirings, "tries_per_edge": tries_per_edge, "seed": seed, "threads": threads}
        return cls(n_genes, codes, there(network.edges), rewired_null(network, there, **options).mean(axis=0))


def paired_difference(one: Graph, two: Graph, edges: KnownEdges, *, seed: int = 0) -> dict[str, float]:
    r"""Test whether one graph shares more edges with a known network than another one does.

    Two graphs share the known network, its rewirings and many of their edges, so their z are not independent;
    and graphs that are equally good differ by the groups of genes that each happens to find, which is more
    than rewired graphs differ. So the edges that only one of them has are compared. Each counts 1 if
    it is known, less the fraction of rewired networks that have it, with the sign of its graph. The variance
    of the sum allows for dependence between all edges that touch the same community of genes (Louvain, of
    the edges of both graphs):

    .. math:: V = \sum_c S_c^2 - \sum_{c<d} S_{cd}^2

    with :math:`S_c` the sum over the edges that touch community c and :math:`S_{cd}` that over the edges
    between two (as for dyads, Aronow, Samii and Assenova 2015), but at least V with every gene as a community
    of its own. The sum over the root of V is taken as standard normal, which is conservative where few
    communities make up the sum.

    Parameters
    ----------
    one, two
        Graphs with equal numbers of edges.
    edges
        Of the known network, with the edges of both graphs.
    seed
        Seed of the communities.

    Returns
    -------
    shared, shared_other: number of known edges of each; difference: that of known edges beyond expectation;
    se: its standard error; pvalue: two-sided, 1 without any evidence.

    Raises
    ------
    ValueError
        If the graphs have different numbers of edges.

    Examples
    --------
    >>> genes = np.array(list("abcdef"), dtype=object)
    >>> one, two = (Graph(genes, np.array(ends, dtype=np.int32)) for ends in ([[0, 1]], [[2, 3]]))
    >>> result = paired_difference(one, two, KnownEdges.of(one, [one, two], rewirings=2))
    >>> result["shared"], result["shared_other"], result["difference"]  # an edge alone cannot be rewired
    (1, 0, 0.0)
    """
    if one.n_edges != two.n_edges:
        raise ValueError(f"graphs of {one.n_edges} and {two.n_edges} edges cannot be compared")
    first, second = (_codes(graph.edges, edges.n_genes) for graph in (one, two))
    own = [np.setdiff1d(first, second), np.setdiff1d(second, first)]
    code = np.concatenate(own)
    sign = np.repeat([1.0, -1.0], [len(part) for part in own])
    place = np.searchsorted(edges.codes, code)
    excess = sign * (edges.known[place] - edges.chance[place])
    ends = np.divmod(code, edges.n_genes)
    groups = (np.arange(edges.n_genes), _communities(np.union1d(first, second), edges.n_genes, seed))
    variance = max(_variance(excess, *(labels[end] for end in ends)) for labels in groups)
    difference, error = float(excess.sum()), float(np.sqrt(variance))
    return {
        "shared": int(edges.known[np.searchsorted(edges.codes, first)].sum()),
        "shared_other": int(edges.known[np.searchsorted(edges.codes, second)].sum()),
        "difference": difference,
        "se": error,
        "pvalue": _pvalue(difference, error),
    }


def _pvalue(difference: float, error: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(difference) / error)) if error > 0 else 1.0


def _codes(edges: np.ndarray, n_genes: int) -> np.ndarray:
    """Return sorted int64 numbers of edges, whatever the order of their ends."""
    ends = np.sort(np.asarray(edges, dtype=np.int64).reshape(-1, 2), axis=1)
    return np.unique(ends[:, 0] * n_genes + ends[:, 1])


def _communities(code: np.ndarray, n_genes: int, seed: int) -> np.ndarray:
    """Return the community (n_genes,) of every gene in the graph of the numbered edges."""
    edges = np.stack(np.divmod(code, n_genes), axis=1)
    return louvain_levels(adjacency(NeighborGraph(n_genes, edges, None)), 1.0, seed=seed)[-1]


def _variance(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return the sum of products of all two values whose groups, `first` and `second` of each, meet; >= 0."""
    within = first == second
    count = int(max(first.max(initial=0), second.max(initial=0))) + 1
    touching = np.bincount(first, values, count) + np.bincount(second, np.where(within, 0, values), count)
    low, high = np.minimum(first, second)[~within], np.maximum(first, second)[~within]
    pair = np.unique(low.astype(np.int64) * count + high, return_inverse=True)[1]
    between = np.bincount(pair, values[~within])
    return max(float(touching @ touching - between @ between), 0.0)
