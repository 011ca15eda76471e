"""Genes of an annotation, and which of them a name stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from panscape.log import logger

SAME_LOCUS = 1_000_000  # base pairs within which genes of one name count as one gene
_PATCH = re.compile(r"_|\.|^(?:CHR|HSCHR|HG\d)|^(?:GL|KI|JH|KN)\d{6}")  # scaffolds, patches, other haplotypes


@dataclass
class Locus:
    """A gene on one chromosome.

    Attributes
    ----------
    strand
        1, -1, or 0 where it is not known.
    start, end
        Extent of the gene and its transcripts, counted from 0, the end excluded.
    id, name
        As in the file; "" where it has none.
    length
        Length of the longest transcript so far.
    tss
        Transcription start of the longest transcript, -1 without one.
    all_tss
        Starts of all transcripts, if they are asked for.
    """

    strand: int
    start: int
    end: int
    id: str = ""
    name: str = ""
    length: int = -1
    tss: int = -1
    all_tss: set[int] = field(default_factory=set)

    def span(self, start: int, end: int) -> None:
        """Extend the gene."""
        self.start, self.end = min(self.start, start), max(self.end, end)

    def transcript(self, start: int, end: int, every: bool) -> None:
        """Add a transcript; of two of the same length, the one further upstream on the + strand counts."""
        self.span(start, end)
        tss = end - 1 if self.strand < 0 else start
        length = end - start
        if length > self.length or (length == self.length and tss < self.tss):
            self.length, self.tss = length, tss
        if every:
            self.all_tss.add(tss)


Loci = dict[tuple[str, str], Locus]  # by the file's key of a gene, and chromosome


def locus_table(loci: Loci, path: str, every: bool) -> pd.DataFrame:
    """Return the table of genes, as :func:`panscape.coem.annotation.read_annotation`.

    Parameters
    ----------
    loci
        The genes of an annotation.
    path
        Name of the file for the log.
    every
        Whether to add the column `all_tss`.
    """
    rows = [
        (
            locus.name or locus.id,
            locus.id,
            chrom,
            locus.tss if locus.tss >= 0 else (locus.end - 1 if locus.strand < 0 else locus.start),
            locus.strand,
            locus.start,
            locus.end,
            ",".join(map(str, sorted(locus.all_tss))),
        )
        for (_, chrom), locus in loci.items()
    ]
    columns = ["name", "id", "chrom", "tss", "strand", "start", "end", "all_tss"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.astype(dict.fromkeys(("tss", "strand", "start", "end"), float))
    found = _by_name(table)
    unnamed = int((~found).sum())
    logger.info("%s: %d genes; %d share their name with others and go by their id", path, len(table), unnamed)
    # genes that are found by their name come first, so that no id takes the place of a name
    table = pd.concat([table[found], table[~found].assign(name=table.loc[~found, "id"])])
    table = table.drop_duplicates("name").set_index("name").rename_axis(None)
    return table if every else table.drop(columns="all_tss")


def _by_name(table: pd.DataFrame) -> np.ndarray:
    """Return which genes are found by their name, at most one per name."""
    chrom = table["chrom"].astype(str)
    order = chrom.str.contains(_PATCH) & ~chrom.str.startswith("NC_")
    rank = order.astype(int) * 2 + chrom.str.removeprefix("chr").eq("Y").astype(int)
    best = rank == rank.groupby(table["name"]).transform("min")
    part = table[best]
    groups = part.groupby("name")
    near = (groups["end"].transform("max") - groups["start"].transform("min")) <= SAME_LOCUS
    one = (groups["chrom"].transform("nunique") == 1) & near
    # a gene may be longer than the limit; one row per name is never ambiguous
    one |= groups["chrom"].transform("size") == 1
    part = part[one]
    length = part["end"] - part["start"]
    longest = part.assign(length=length).sort_values("length", ascending=False, kind="stable")
    chosen = longest.index[~longest["name"].duplicated()]
    return table.index.isin(chosen)
