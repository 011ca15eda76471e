"""Compiled steps of the Louvain method on a symmetric CSR graph.

Imported only where needed: loading the compiler takes about a third of a second.
"""

from __future__ import annotations

import numpy as np

from panscape.stats.compiled import compiled

TINY = 1e-300  # marks a community as seen, and is lost when a weight is added


@compiled(nogil=True)
def move_nodes(indptr, indices, weights, degree, resolution, order, min_gain):
    """Move nodes to the neighbouring community with the largest gain, until no move gains.

    Nodes wait in a queue; a node that moves puts its neighbours outside its new community back into it, so
    that only nodes whose best community may have changed are visited again.

    Parameters
    ----------
    indptr, indices, weights
        CSR of the graph, n x n, symmetric, without the diagonal.
    degree
        float (n,): weight of each node's edges, loops counted twice.
    resolution
        Resolution of the modularity.
    order
        int64 (n,): order of the first visits.
    min_gain
        Smallest difference of gains, in units of edge weight, that is worth a move.

    Returns
    -------
    community, n_moves
        int64 (n,) numbers of communities, not consecutive, and the number of moves.
    """
    n = len(order)
    community, total, twice = np.arange(n), degree.copy(), degree.sum()
    link, seen, near = np.zeros(n), np.empty(n + 1, np.int64), np.empty(n, np.int64)
    waits, queue, head, count, moves = np.ones(n, np.bool_), order.copy(), 0, n, 0
    while count > 0:
        node = queue[head]
        head = head + 1 if head + 1 < n else 0
        count -= 1
        waits[node] = False
        here, known, first, stop = community[node], 1, indptr[node], indptr[node + 1]
        # in a loop of its own: the processor waits for many communities at once
        for at in range(stop - first):
            near[at] = community[indices[first + at]]
        seen[0], link[here] = here, TINY
        for at in range(stop - first):
            other = near[at]
            seen[known] = other
            known += link[other] == 0.0  # a branch would be mispredicted
            link[other] += weights[first + at]
        total[here] -= degree[node]
        scale = resolution * degree[node] / twice
        best, most = here, link[here] - scale * total[here]
        for at in range(known):
            gain = link[seen[at]] - scale * total[seen[at]]
            if gain > most + min_gain:
                best, most = seen[at], gain
            link[seen[at]] = 0.0
        total[best] += degree[node]
        if best == here:
            continue
        community[node] = best
        moves += 1
        for other in indices[first:stop]:
            if not waits[other] and community[other] != best:
                waits[other] = True
                place = head + count
                queue[place if place < n else place - n] = other
                count += 1
    return community, moves


@compiled(nogil=True)
def renumber(community):
    """Renumber communities consecutively, in the order of their first nodes.

    Parameters
    ----------
    community
        int64 (n,), each from 0 to n - 1.

    Returns
    -------
    label, n_communities
        int64 (n,), and their number.
    """
    number, label, k = np.full(len(community), -1), np.empty(len(community), np.int64), 0
    for node, name in enumerate(community):
        if number[name] < 0:
            number[name] = k
            k += 1
        label[node] = number[name]
    return label, k


@compiled(nogil=True)
def aggregate(indptr, indices, weights, loops, label, k):
    """Merge the nodes of each community into one.

    Parameters
    ----------
    indptr, indices, weights
        CSR of the graph, without the diagonal.
    loops
        float (n,): weight of the edges within each node.
    label
        int64 (n,): communities from 0 to k - 1.
    k
        Number of communities.

    Returns
    -------
    indptr, indices, weights, loops
        The graph of the communities.
    """
    starts = np.zeros(k + 1, np.int64)
    for name in label:
        starts[name + 1] += 1
    starts = np.cumsum(starts)
    place, members = starts[:-1].copy(), np.empty(len(label), np.int64)
    for node, name in enumerate(label):
        members[place[name]] = node
        place[name] += 1
    link, seen, inside = np.zeros(k), np.empty(k, np.int64), np.zeros(k)
    out_ptr, used = np.zeros(k + 1, indptr.dtype), 0
    out_indices, out_weights = np.empty_like(indices), np.empty_like(weights)
    for name in range(k):
        known = 0
        for node in members[starts[name] : starts[name + 1]]:
            inside[name] += loops[node]
            for at in range(indptr[node], indptr[node + 1]):
                other = label[indices[at]]
                if other == name:
                    inside[name] += weights[at] / 2
                    continue
                if link[other] == 0.0:
                    seen[known] = other
                    known += 1
                link[other] += weights[at]
        for other in seen[:known]:
            out_indices[used], out_weights[used] = other, link[other]
            link[other] = 0.0
            used += 1
        out_ptr[name + 1] = used
    return out_ptr, out_indices[:used].copy(), out_weights[:used].copy(), inside
