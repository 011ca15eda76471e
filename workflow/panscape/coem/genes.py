"""The table of genes' places, and its rows for the genes of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from panscape.coem.annotation import WHERE, annotation_kind, ids_of, read_annotation
from panscape.coem.peaks import (
    STRANDS,
    check_chromosomes,
    find_columns,
    gene_columns,
    gene_places,
    whole_numbers,
)
from panscape.data.readers.gene_names import without_version
from panscape.data.readers.genes import looks_like_ensembl
from panscape.data.readers.study import listing
from panscape.errors import UserError, fail
from panscape.log import logger

NAMES = ("gene", "symbol", "name", "gene_name")
IDS = ("gene_id", "gene_ids", "ensembl_id", "ensembl", "id", "feature_id", "ensemblid")
SYMBOLS = ("gene_name", "gene_symbol", "gene_symbols", "symbol", "feature_name", "gene_short_name", "name")
FEW = 0.5  # fraction of the genes with a place below which a warning is given
HEAD = 300_000  # lines of an annotation that are read before the first job, about a second


def read_genes(path: str, *, transcripts: str = "longest", lines: int | None = None) -> pd.DataFrame:
    r"""Read the places of genes: a GTF, GFF3 or BED file, or a table.

    Parameters
    ----------
    path
        Annotation (see :func:`panscape.coem.annotation.read_annotation`), or a TSV or CSV file with the
        columns gene (a symbol or id), chrom and tss (or start and end), and strand (+ or -) where known.
    transcripts
        ``"longest"``: the start of a gene's longest transcript, in a table the gene's first row; ``"all"``:
        also the starts of all transcripts, in a table those of all its rows on the same chromosome.
    lines
        Maximum number of lines of an annotation; None reads all.

    Returns
    -------
    DataFrame indexed by gene: chrom, tss, strand, start, end, `id` where known, `all_tss` if asked for.

    Raises
    ------
    UserError
        If the file cannot be read, columns are missing, or no gene has a place.

    Examples
    --------
    >>> import tempfile, os
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "genes.bed")
    >>> _ = open(path, "w").write("chr1\t100\t900\tGATA2\t0\t-\n")
    >>> read_genes(path).loc["GATA2", "tss"]
    np.float64(899.0)
    """
    if annotation_kind(path):
        return read_annotation(path, transcripts=transcripts, lines=lines)
    from panscape.data.sheets import read_sheet

    table = read_sheet(path, WHERE)
    lower = {str(column).lower(): column for column in table}
    known = gene_columns(table)
    name = next((lower[name] for name in (*NAMES, *IDS) if name in lower), None)
    if name is None or "chrom" not in known or not {"tss", "start"} & set(known):
        raise fail(
            WHERE,
            f"{path} has the columns {', '.join(map(str, table.columns))}",
            "give it the columns gene, chrom and tss (or start and end), and strand where known; or a GTF, "
            "GFF3 or BED file with its usual ending",
        )
    rows = table[table[name].notna()]
    table = rows[~rows[name].duplicated()].set_index(name)
    table.index.name = None
    places = gene_places(table)
    if places["tss"].isna().all():
        problem = f"none of the {len(places)} genes in {path} has a place"
        raise fail(WHERE, problem, "write whole numbers for tss (or start and end), and a chromosome")
    _check_numbers(rows, known, name, path)
    every = _all_starts(rows.set_index(name)) if transcripts == "all" else None
    ids = [lower[name] for name in IDS if name in lower and lower[name] in table]
    if ids:
        places["id"] = table[ids[0]].fillna("").astype(str)
    return places if every is None else places.assign(all_tss=every.reindex(places.index).fillna(""))


def _check_numbers(table: pd.DataFrame, columns: Mapping[str, str], name: str, path: str) -> None:
    """Raise a UserError if the place of a gene is text, negative, or ends before it starts."""
    for key in [key for key in ("tss", "start", "end") if key in columns]:
        given = table[table[columns[key]].notna()]
        try:
            whole_numbers(given[columns[key]])
        except ValueError as error:
            problem = f"column {columns[key]!r} of {path} cannot be read ({error})"
            raise fail(
                WHERE, problem, "write whole numbers from 0, or nothing where it is not known"
            ) from error
    if {"start", "end"} <= set(columns):
        start, end = (table[columns[key]].astype(float) for key in ("start", "end"))
        if (end < start).any():
            gene = table.loc[end < start, name].iloc[0]
            raise fail(
                WHERE, f"{path} has genes that end before they start, e.g. {gene}", "write start before end"
            )
    if "strand" in columns:
        strand = table[columns["strand"]].dropna().str.strip()
        unknown = strand[~strand.isin(STRANDS)]
        if len(unknown):
            problem = f"column {columns['strand']!r} of {path} has {listing(unknown.unique(), 3)}"
            raise fail(WHERE, problem, "write + or -, or . where it is not known")


def _all_starts(table: pd.DataFrame) -> pd.Series:
    """Return the starts in all rows of a gene, on the chromosome of its first row, as text."""
    places = gene_places(table)
    places = places[places["tss"].notna()]
    first = places["chrom"].groupby(level=0).transform("first")
    starts = places.loc[places["chrom"] == first, "tss"].astype(np.int64)
    return starts.groupby(level=0).agg(lambda values: ",".join(map(str, sorted(set(values)))))


def other_names(var: pd.DataFrame) -> pd.Series:
    """Return another name of each gene in a file's gene table: its id if named by symbol, else its symbol.

    Parameters
    ----------
    var
        The file's gene table.

    Returns
    -------
    Text by row of `var`, "" where there is none.
    """
    by_id = looks_like_ensembl(var.index[:2000])
    columns = find_columns(var, {"other": SYMBOLS if by_id else IDS})
    if "other" not in columns:
        return pd.Series("", index=var.index, dtype=object)
    return var[columns["other"]].astype(object).fillna("").astype(str)


def match_genes(
    table: pd.DataFrame, genes: pd.DataFrame, path: str = "the table", *, quiet: bool = False
) -> pd.DataFrame:
    """Return the places of a sample's genes.

    A gene is looked up by its name, then by its id without the version, then by its name whatever the case
    (where that is unique); and in the same way by its other name (column `alias`).

    Parameters
    ----------
    table
        From :func:`read_genes`.
    genes
        The sample's genes, indexed by name, with their `alias` where known.
    path
        Name of the table for messages.
    quiet
        Whether to leave out the log line with the fraction of genes that have a place.

    Returns
    -------
    The rows of `table` in the order of `genes`, NaN for genes without a place.

    Raises
    ------
    UserError
        If no gene is in the table.
    """
    at = _rows(table, genes.index.to_series())
    if "alias" in genes:
        other = _rows(table, genes["alias"].astype(object).fillna("").astype(str))
        at = np.where(at < 0, other, at)
    if (at < 0).all():
        alias = [f"; {listing(genes['alias'], 2)}"] if "alias" in genes and genes["alias"].any() else [""]
        raise fail(
            WHERE,
            f"none of the sample's genes ({listing(genes.index, 3)}{alias[0]}) is in {path} "
            f"({listing(table.index, 3)})",
            "give places for these names; a GTF or GFF3 file has symbols and ids, also without versions",
        )
    found = float((at >= 0).mean())
    tell = logger.warning if found < FEW else logger.info
    if not quiet:
        tell("%.1f %% of %d genes have a place in %s", 100 * found, len(genes), path)
    result = table.iloc[np.maximum(at, 0)].set_axis(genes.index, axis=0)
    unknown = np.repeat((at < 0)[:, None], result.shape[1], axis=1)
    return result.mask(unknown)


def check_places(
    settings: Mapping[str, Any], peaks: pd.DataFrame, var: pd.DataFrame, head: pd.DataFrame | None = None
) -> None:
    """Raise a UserError if no gene of a sample, or none of the peaks' chromosomes, is in the table of places.

    Only the first lines of an annotation are read, and the others if these do not have them: annotations are
    ordered by chromosome, and a sample may be of one.

    Parameters
    ----------
    settings
        The configuration's section ``metacells``.
    peaks
        The sample's peaks.
    var
        The gene table of the sample's file.
    head
        Places in the first lines of the file; None reads them.
    """
    path = settings.get("genes")
    if not path or not Path(path).is_file():
        return
    alias = pd.DataFrame({"alias": other_names(var).to_numpy()}, index=var.index.astype(str))
    try:
        _check_match(read_genes(path, lines=HEAD) if head is None else head, alias, peaks, path)
    except UserError:
        if not annotation_kind(path):
            raise
        _check_match(read_genes(path), alias, peaks, path)


def _check_match(table: pd.DataFrame, genes: pd.DataFrame, peaks: pd.DataFrame, path: str) -> None:
    match_genes(table, genes, path, quiet=True)
    check_chromosomes(peaks, table, WHERE)


def _rows(table: pd.DataFrame, names: pd.Series) -> np.ndarray:
    """Return the row of `table` of each name, -1 for none."""
    keys = pd.Index(table.index.astype(str))
    ids = pd.Index(ids_of(table))
    upper, plain_keys = keys.str.upper(), without_version(pd.Series(keys))
    at = np.full(len(names), -1, dtype=np.int64)
    text = names.astype(str)
    plain = without_version(text)
    for known, wanted in ((keys, text), (plain_keys, plain), (ids, plain), (upper, text.str.upper())):
        once = pd.Series(np.arange(len(table)), index=pd.Index(known))
        repeated = once.index.duplicated(keep=False if known is upper else "first")
        once = once[~repeated & (once.index != "")]
        at = np.where(at < 0, once.reindex(wanted).fillna(-1).to_numpy(dtype=np.int64), at)
    at[(text == "").to_numpy()] = -1
    return at


def starts_of(genes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return all transcription starts: (rows of `genes`, positions), at least one per gene with a place.

    Parameters
    ----------
    genes
        Table with `tss`, and `all_tss` where all starts are used.
    """
    tss = genes["tss"].to_numpy(dtype=float)
    if "all_tss" not in genes:
        return np.arange(len(genes)), tss
    texts = genes["all_tss"].fillna("").astype(str)
    lists = [
        [float(word) for word in text.split(",")] if text else [one]
        for text, one in zip(texts, tss, strict=True)
    ]
    row = np.repeat(np.arange(len(genes)), [len(part) for part in lists])
    return row, np.array([value for part in lists for value in part], dtype=float)


def nearest_start(genes: pd.DataFrame, gene: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the transcription start of each pair's gene that is nearest to a place.

    Parameters
    ----------
    genes
        Table with `tss`, and `all_tss` where all starts are used.
    gene
        Row of `genes` of each pair.
    place
        Position of each pair, e.g. the middle of a peak.

    Examples
    --------
    >>> genes = pd.DataFrame({"tss": [100.0], "all_tss": ["100,5000"]})
    >>> nearest_start(genes, np.array([0, 0]), np.array([0, 4000]))
    array([ 100., 5000.])
    """
    row, starts = starts_of(genes)
    if len(row) == len(genes):
        return starts[gene]
    order = np.lexsort((starts, row))
    starts, first = starts[order], np.searchsorted(row[order], np.arange(len(genes) + 1))
    result = np.empty(len(gene), dtype=float)
    by_gene = np.argsort(gene, kind="stable")
    for low, high in pairwise(np.flatnonzero(np.diff(gene[by_gene], prepend=-1, append=-1))):
        pairs = by_gene[low:high]
        own = starts[first[gene[pairs[0]]] : first[gene[pairs[0]] + 1]]
        result[pairs] = own[np.abs(own[None, :] - place[pairs][:, None]).argmin(axis=1)]
    return result
