"""Edge lists of known networks, and gene-gene graphs on a common set of genes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from panscape.data.text import open_text
from panscape.errors import Problem, UserError, fail
from panscape.log import logger

_HEADER = re.compile(
    r"^#?(gene|source|target|tf|ligand|receptor|from|to|protein|node|interactor|symbol|regulator|producer|"
    r"consumer|partner|official_symbol|entrez|ensembl|name|id)[\s_.-]*(gene|symbol|name|id|[0-9ab])*\b.*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Network:
    """A known network: undirected, without self loops or duplicate edges.

    Attributes
    ----------
    name
        Name of the network.
    pairs
        Sorted list of (gene, gene), the smaller name first.
    n_lines, n_loops, n_repeats
        Numbers of edge lines in the file, of self loops, and of duplicates (the same pair in either
        direction).
    """

    name: str
    pairs: list[tuple[str, str]]
    n_lines: int
    n_loops: int
    n_repeats: int


@dataclass(frozen=True)
class Graph:
    """An undirected simple graph on numbered genes.

    Attributes
    ----------
    genes
        (G,) names.
    edges
        int32 (E, 2), each pair once, smaller index first, sorted.
    weight
        (E,) weights, or None.
    """

    genes: np.ndarray
    edges: np.ndarray
    weight: np.ndarray | None = None

    @property
    def n_edges(self) -> int:
        """Return the number of edges."""
        return len(self.edges)

    def heaviest(self, count: int) -> Graph:
        """Return the graph of the `count` edges of largest weight (ties by position)."""
        if self.weight is None:
            raise ValueError("the graph has no weights")
        chosen = np.sort(np.argsort(-self.weight, kind="stable")[:count])
        return Graph(self.genes, self.edges[chosen], self.weight[chosen])

    def within(self, inside: np.ndarray) -> Graph:
        """Return the subgraph of edges with both genes `inside` (bool, (G,)), indices unchanged."""
        kept = inside[self.edges].all(axis=1)
        return Graph(self.genes, self.edges[kept], None if self.weight is None else self.weight[kept])


def read_network(path: str | Path, name: str, *, lines: int | None = None) -> Network:
    """Read an edge list from its first two columns, the gene names.

    The file may be gzipped; columns are separated by tabs, commas or blanks. The first line is
    a header if its words are those of one (``gene1``, ``source``, ``tf`` ...) and no gene of other lines has
    them as a name; lines that start with ``#`` are comments. Direction, self loops and repeats are dropped,
    counted and logged.

    Parameters
    ----------
    path
        The file, in UTF-8 or UTF-16.
    name
        Name of the network.
    lines
        Number of lines that are read, e.g. to check a file; all by default.

    Raises
    ------
    UserError
        If the file cannot be read, a line has fewer than two columns or nothing is left.
    """
    where = str(path)
    seen: set[tuple[str, str]] = set()
    used = loops = 0
    problems: list[Problem] = []
    split = head = None
    with open_text(path, where, expected="an edge list, plain or gzipped") as handle:
        for number, line in enumerate(islice(handle, lines), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            if "\0" in line:
                raise fail(where, f"line {number} has zero bytes, so it is not text", "copy the file again")
            split = split or _splitter(line)
            fields = [field.strip().strip('"') for field in split(line.rstrip("\r\n"))]
            if len(fields) < 2 or not fields[0] or not fields[1]:
                problem = f"line {number} has one column: {line.strip()[:40]!r}"
                problems.append(Problem(where, problem, "give two columns of gene names on every line"))
                continue
            first, second = sorted(fields[:2])
            if used == 0 and head is None and _HEADER.match(first) and _HEADER.match(second):
                head = (first, second)
                continue
            used += 1
            if first == second:
                loops += 1
            else:
                seen.add((first, second))
    if head and any(gene in head for pair in seen for gene in pair):  # ID1 and TF are genes, too
        used += 1
        loops += head[0] == head[1]
        seen |= {head} if head[0] != head[1] else set()
    repeats = used - loops - len(seen)
    if problems:
        raise UserError(
            problems[:5] + ([Problem(where, f"{len(problems)} such lines")] if len(problems) > 5 else [])
        )
    if not seen:
        raise fail(where, f"no edge between two genes in {used} lines", "give an edge list of gene pairs")
    logger.info("%s: %d edges (%d lines, %d self loops, %d repeats)", name, len(seen), used, loops, repeats)
    return Network(name, sorted(seen), used, loops, repeats)


def _splitter(line: str):
    """Return the separator of a line: tab, comma, else blanks."""
    for mark in ("\t", ","):
        if mark in line:
            return lambda text: text.split(mark)
    return str.split


def graph_of(
    pairs: Iterable[tuple[str, str]], genes: Sequence[str], weight: Sequence[float] | None = None
) -> Graph:
    """Return the graph of the pairs on `genes`, without self loops; duplicates keep the largest weight.

    Parameters
    ----------
    pairs
        Pairs of gene names; pairs with a gene outside `genes` are dropped.
    genes
        Names of the G genes.
    weight
        One per pair, or None.
    """
    position = {gene: i for i, gene in enumerate(genes)}
    ends = np.array([(position.get(a, -1), position.get(b, -1)) for a, b in pairs], dtype=np.int64).reshape(
        -1, 2
    )
    kept = (ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])
    ends = np.sort(ends[kept], axis=1)
    code = ends[:, 0] * len(position) + ends[:, 1]
    heavy = None
    if weight is None:
        code = np.unique(code)
    else:
        value = np.asarray(weight, dtype=float)[kept]
        order = np.lexsort((-value, code))
        code, first = np.unique(code[order], return_index=True)
        heavy = value[order][first]
    edges = np.stack([code // max(len(position), 1), code % max(len(position), 1)], axis=1).astype(np.int32)
    return Graph(np.asarray(genes, dtype=object), edges, heavy)


def measurable(network: Network, genes: Sequence[str], measured: Iterable[np.ndarray]) -> Network:
    """Return the network without edges between genes that no study measures together.

    Such edges are not observable.

    Parameters
    ----------
    network
        The known network.
    genes
        Names of the genes analysed.
    measured
        bool (n_genes,) of each study; empty if all studies measure all genes.
    """
    flags = np.array(list(measured), dtype=float)
    if not len(flags):
        return network
    together = flags.T @ flags > 0
    position = {gene: i for i, gene in enumerate(genes)}
    ends = [(position.get(a), position.get(b)) for a, b in network.pairs]
    kept = [
        pair
        for pair, (a, b) in zip(network.pairs, ends, strict=True)
        if a is None or b is None or together[a, b]
    ]
    if len(kept) < len(network.pairs):
        lost = len(network.pairs) - len(kept)
        logger.info("%s: %d edges between genes that no study measures together", network.name, lost)
    return replace(network, pairs=kept)


def shared_genes(network: Network, genes: Sequence[str]) -> np.ndarray:
    """Return the mask (G,) of genes that occur in the network.

    Raises
    ------
    UserError
        If no gene occurs; the message says if names differ in case only.
    """
    known = {gene for pair in network.pairs for gene in pair}
    inside = np.array([gene in known for gene in genes], dtype=bool)
    if not inside.any():
        folded = {gene.upper() for gene in known}
        count = sum(gene.upper() in folded for gene in genes)
        case = f"; {count} match when case is ignored, so it is probably of another species" if count else ""
        raise fail(
            f"overlap.networks: {network.name}",
            f"none of the {len(genes)} genes analysed is in the network ({min(known)!r} there, "
            f"{genes[0]!r} here){case}",
            "give a network of the collection's species that uses the same gene symbols",
        )
    return inside
