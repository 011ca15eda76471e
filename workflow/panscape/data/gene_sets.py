"""Gene set libraries: read GMT files and restrict them to the genes of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from panscape.data.text import decode, strip
from panscape.errors import Problem, UserError, fail
from panscape.log import logger

MITOCHONDRIAL = "mitochondrial"
"""Library that ``networks.mito_set`` adds to those of the user."""


@dataclass(frozen=True)
class GeneSets:
    """Gene sets of one library, restricted to the genes analysed.

    Attributes
    ----------
    library
        Name of the library.
    terms
        Names of the T sets.
    genes
        The G genes analysed (background).
    member
        CSR (T, G), 1 where a gene belongs to a set.
    """

    library: str | np.ndarray
    terms: np.ndarray
    genes: np.ndarray
    member: sparse.csr_matrix


def named_paths(libraries: Iterable[str | Path | Mapping[str, str | None]]) -> dict[str, str]:
    """Return the path of each library by its name.

    Parameters
    ----------
    libraries
        Paths of GMT files, or mappings with `path` and `name`; without a name it is that of the file.

    Raises
    ------
    UserError
        If two libraries have the same name.

    Examples
    --------
    >>> named_paths(["sets/GO_BP.gmt", {"name": "own", "path": "sets/2024.gmt"}])
    {'GO_BP': 'sets/GO_BP.gmt', 'own': 'sets/2024.gmt'}
    """
    paths: dict[str, str] = {}
    for library in libraries:
        given = library if isinstance(library, Mapping) else {"path": str(library)}
        path = str(given["path"])
        name = given.get("name") or Path(path.removesuffix(".gz")).stem
        if name in paths:
            what = f"{paths[name]} and {path} are both called {name!r}"
            raise fail("gene_sets", what, "give one of them another name: {name: ..., path: ...}")
        paths[name] = path
    return paths


def read_gene_sets(path: str | Path) -> dict[str, list[str]]:
    """Read a GMT file: one set per line, name, description and genes separated by tabs.

    Parameters
    ----------
    path
        The file, gzipped or not, in any encoding of :func:`panscape.data.text.decode`.

    Returns
    -------
    The genes of each set by its name, in the order of the file.

    Raises
    ------
    UserError
        If the file is missing or empty, or lines lack genes or a name, or repeat a name; lists all of them.
    """
    where = str(path)
    sets: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    problems = []
    for number, line in enumerate(decode(path, where, expected="a GMT file").split("\n"), start=1):
        if not line.strip():
            continue
        fields = [strip(field) for field in strip(line).split("\t")]
        if len(fields) < 3 or not any(fields[2:]):
            problem = f"line {number} has {len(fields)} tab-separated fields: {line[:60]!r}"
            problems.append(Problem(where, problem, "write name, description and at least one gene"))
        elif fields[0] in seen:
            problem = f"line {number} repeats the name {fields[0]!r} of line {seen[fields[0]]}"
            problems.append(Problem(where, problem, "give every gene set its own name"))
        else:
            seen[fields[0]] = number
            sets[fields[0]] = [gene for gene in fields[2:] if gene]
    if problems:
        more = [Problem(where, f"and {len(problems) - 5} more lines like these")] if len(problems) > 5 else []
        raise UserError(problems[:5] + more)
    if not seen:
        raise fail(where, "the file has no gene set", "give a GMT file with one gene set per line")
    return sets


def unmangled(genes: Sequence[str], known: set[str]) -> dict[str, str]:
    """Return the names that R's ``make.names`` changed, with those that the gene sets know.

    R writes a dot for a hyphen or another sign, and X before a digit. A name is taken back only if gene sets
    do not know it, know the other, and no analysed gene has the other as its name.

    Parameters
    ----------
    genes
        Names of the genes analysed.
    known
        Names in the gene sets.

    Examples
    --------
    >>> unmangled(["HLA.DRA", "X7SK", "XIST", "A.B"], {"HLA-DRA", "7SK", "XIST"})
    {'HLA.DRA': 'HLA-DRA', 'X7SK': '7SK'}
    """
    taken, mended = set(genes), {}
    for gene in genes:
        if gene in known or not ("." in gene or gene[:1] == "X"):
            continue
        bare = gene[1:] if gene[:1] == "X" and gene[1:2].isdigit() else gene
        for other in (bare.replace(".", "-"), bare.replace(".", "-", 1), bare.replace(".", "/"), bare):
            if other in known and other not in taken:
                mended[gene] = other
                taken.add(other)
                break
    return mended


def restrict(
    sets: Mapping[str, Sequence[str]],
    genes: Sequence[str],
    *,
    library: str,
    min_size: int = 5,
    max_size: int = 500,
    low: float = 0.1,
) -> GeneSets:
    """Restrict gene sets to the genes analysed and check that both use the same symbols.

    Parameters
    ----------
    sets
        From :func:`read_gene_sets`.
    genes
        Genes analysed, the background of the tests.
    library
        Name used in messages and tables.
    min_size, max_size
        Minimum and maximum number of analysed genes in a set.
    low
        Fraction of the analysed genes in the library below which a warning is logged.

    Raises
    ------
    UserError
        If no analysed gene is in the library; the message says if symbols differ in case only.
    """
    names = np.asarray(genes, dtype=object)
    known = set().union(*sets.values())
    mended = unmangled(genes, known)
    genes = [mended.get(gene, gene) for gene in genes]
    n_known = sum(gene in known for gene in genes)
    folded = {gene.upper() for gene in known}
    caseless = sum(gene.upper() in folded for gene in genes)
    hint = (
        f"{caseless} match when upper and lower case are ignored ({names[0]!r} here, "
        f"{min(known)!r} there): the gene sets are probably those of another species"
    )
    where = f"gene sets {library}"
    if n_known == 0:
        raise fail(
            where,
            f"none of the {len(genes)} genes analysed is in any set" + (f"; {hint}" if caseless else ""),
            "give gene sets of the collection's species that use the same gene symbols",
        )
    if n_known < low * len(genes) or caseless > 2 * n_known:
        also = f"; {hint}" if caseless > 2 * n_known else ""
        logger.warning("%s: only %d of %d analysed genes are in any set%s", where, n_known, len(genes), also)
    else:
        share = 100 * n_known / len(genes)
        logger.info("%s: %d of %d analysed genes (%.0f %%) are in a set", where, n_known, len(genes), share)
    if mended:
        one = next(iter(mended))
        logger.info(
            "%s: %d names that R changed are matched, as %s with %s", where, len(mended), one, mended[one]
        )

    position = {gene: i for i, gene in enumerate(genes)}
    inside = {term: {position[g] for g in members if g in position} for term, members in sets.items()}
    terms = [term for term, members in inside.items() if min_size <= len(members) <= max_size]
    columns = [sorted(inside[term]) for term in terms]
    indptr = np.concatenate([[0], np.cumsum([len(c) for c in columns])]).astype(np.int64)
    indices = np.concatenate([*columns, []]).astype(np.int64)
    member = sparse.csr_matrix((np.ones(len(indices)), indices, indptr), shape=(len(terms), len(genes)))
    return GeneSets(library, np.asarray(terms, dtype=object), names, member)
