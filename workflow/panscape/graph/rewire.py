"""Degree-preserving rewiring by edge swaps, compiled."""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

_LIMIT = 65_536  # genes, for which the bit matrix takes 512 MB


@compiled(nogil=True)
def _swap(edges: np.ndarray, bits: np.ndarray, n_words: int, tries: int, seed: np.uint64) -> int:
    """Try `tries` swaps of the ends of two edges in place; return the number of swaps made.

    `bits` is the adjacency, one bit per ordered pair (smaller, larger), so that it stays in cache: 0.5 MB
    for 2,000 genes. Each random number (splitmix64) gives both edges (its halves, scaled) and the
    orientation (its lowest bit).
    """
    state = seed
    n_edges = np.uint64(len(edges))
    one = np.uint64(1)
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    six = np.uint64(6)
    mask = np.uint64(63)
    made = 0
    for _ in range(tries):
        state += np.uint64(0x9E3779B97F4A7C15)
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        i = ((z & low) * n_edges) >> half
        j = ((z >> half) * n_edges) >> half
        a, b = edges[i, 0], edges[i, 1]
        if z & one:
            c, d = edges[j, 1], edges[j, 0]
        else:
            c, d = edges[j, 0], edges[j, 1]
        # (a, b), (c, d) -> (a, d), (c, b)
        if a == d or c == b:
            continue
        x, y = np.uint64(min(a, d)), np.uint64(max(a, d))
        word_ad, bit_ad = x * np.uint64(n_words) + (y >> six), one << (y & mask)
        if bits[word_ad] & bit_ad:
            continue
        x, y = np.uint64(min(c, b)), np.uint64(max(c, b))
        word_cb, bit_cb = x * np.uint64(n_words) + (y >> six), one << (y & mask)
        if bits[word_cb] & bit_cb:
            continue
        x, y = np.uint64(min(a, b)), np.uint64(max(a, b))
        bits[x * np.uint64(n_words) + (y >> six)] ^= one << (y & mask)
        x, y = np.uint64(min(c, d)), np.uint64(max(c, d))
        bits[x * np.uint64(n_words) + (y >> six)] ^= one << (y & mask)
        bits[word_ad] |= bit_ad
        bits[word_cb] |= bit_cb
        edges[i, 1] = d
        edges[j, 0], edges[j, 1] = c, b
        made += 1
    return made


@compiled(nogil=True)
def _fill(edges: np.ndarray, bits: np.ndarray, n_words: int) -> None:
    """Set the bit of every edge."""
    for e in range(len(edges)):
        x, y = min(edges[e, 0], edges[e, 1]), max(edges[e, 0], edges[e, 1])
        bits[x * n_words + (y >> 6)] |= np.uint64(1) << np.uint64(y & 63)


@compiled(nogil=True)
def _count(edges: np.ndarray, bits: np.ndarray, n_words: int) -> int:
    """Count the edges whose bit is set."""
    count = 0
    for e in range(len(edges)):
        x, y = min(edges[e, 0], edges[e, 1]), max(edges[e, 0], edges[e, 1])
        if bits[x * n_words + (y >> 6)] & (np.uint64(1) << np.uint64(y & 63)):
            count += 1
    return count


def adjacency_bits(edges: np.ndarray, n_genes: int) -> tuple[np.ndarray, int]:
    """Return the adjacency as bits and the number of 64-bit words per gene.

    Parameters
    ----------
    edges
        int32 (E, 2).
    n_genes
        At most 65,536.
    """
    if n_genes > _LIMIT:
        raise ValueError(f"{n_genes} genes, but at most {_LIMIT} are possible")
    n_words = (n_genes + 63) // 64
    bits = np.zeros(n_genes * n_words, dtype=np.uint64)
    _fill(np.ascontiguousarray(edges, dtype=np.int32), bits, n_words)
    return bits, n_words


def rewire(edges: np.ndarray, n_genes: int, *, tries: int, seed: int) -> np.ndarray:
    """Return a random simple graph with the same degrees.

    Each try draws two edges and an orientation, and swaps their ends unless that creates a self loop or a
    multiple edge. The Markov chain converges to the uniform distribution over simple graphs of these degrees;
    rejected tries count, as this requires. Time is O(tries).

    Parameters
    ----------
    edges
        int32 (E, 2), a simple undirected graph; not changed.
    n_genes
        Vertices are 0 .. n_genes - 1.
    tries
        Number of tries; ten per edge replace nearly all edges.
    seed
        Seed, 32 or 64 bits.

    Returns
    -------
    int32 (E, 2); the order of edges and of their ends has no meaning.
    """
    edges = np.array(edges, dtype=np.int32, order="C").reshape(-1, 2)
    bits, n_words = adjacency_bits(edges, n_genes)
    if len(edges) > 1:
        _swap(edges, bits, n_words, int(tries), np.uint64(seed))
    return edges


def count_shared(edges: np.ndarray, bits: np.ndarray, n_words: int) -> int:
    """Count the edges of a graph that are also edges of another one.

    Parameters
    ----------
    edges
        int (E, 2), edges of the first graph; the order of edges and of their ends has no meaning.
    bits, n_words
        Adjacency of the other graph, on the same genes, from :func:`adjacency_bits`.

    Returns
    -------
    Number of shared edges, 0 to E.
    """
    return int(_count(np.ascontiguousarray(edges, dtype=np.int32), bits, n_words))
