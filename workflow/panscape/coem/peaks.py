"""Genomic positions of peaks and genes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from panscape.data.readers.study import listing
from panscape.errors import fail

_NAME = re.compile(r"^(?P<chrom>.*?[^:-])[:_-](?P<start>\d+)[_-](?P<end>\d+)$")  # no sign before a number
PEAK_COLUMNS = {
    "chrom": ("chrom", "chr", "chromosome", "seqnames", "seqname"),
    "start": ("start", "chromstart", "chrom_start"),
    "end": ("end", "stop", "chromend", "chrom_end"),
}
_GENE_COLUMNS = {
    **PEAK_COLUMNS,
    "tss": ("tss",),
    "strand": ("strand",),
}
STRANDS = {
    **dict.fromkeys(("+", "1", "1.0"), 1.0),
    **dict.fromkeys(("-", "-1", "-1.0"), -1.0),
    **dict.fromkeys((".", "*", "?", "0", "0.0"), 0.0),
}
_MITOCHONDRIAL = dict.fromkeys(("M", "MT", "MITO", "MTDNA", "MITOCHONDRION"), "MT")
_UNKNOWN = ("", "nan", "None", "NA")  # chromosomes that are missing
LARGEST = 2.0**53  # from here on floats are no longer all whole numbers
NEAR = 1000  # base pairs; peaks this close to a transcription start count as promoters


def parse_peaks(names: Iterable[str], where: str) -> pd.DataFrame:
    """Read peak names such as ``chr1:9805-10450`` (also with - or _ between).

    Parameters
    ----------
    names
        Peak names.
    where
        Key and file for messages.

    Returns
    -------
    DataFrame indexed by name: chrom (text), start, end (int64).

    Raises
    ------
    UserError
        If a name cannot be parsed, or an end is not greater than its start.
    """
    names = [str(name) for name in names]
    matches = [_NAME.match(name) for name in names]
    wrong = [name for name, match in zip(names, matches, strict=True) if match is None]
    if wrong:
        raise fail(
            where,
            f"{len(wrong)} of {len(names)} peak names are not chrom:start-end, e.g. {', '.join(wrong[:3])}",
            "name peaks like chr1:9805-10450, or give var the columns chrom, start and end",
        )
    places = [match for match in matches if match is not None]
    table = pd.DataFrame(
        {
            "chrom": pd.array([match["chrom"] for match in places], dtype=object),
            "start": np.array([int(match["start"]) for match in places], dtype=np.int64),
            "end": np.array([int(match["end"]) for match in places], dtype=np.int64),
        },
        index=pd.Index(names, dtype=object),
    )
    return _ordered(table, where)


def peak_table(var: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the positions of peaks from columns (chrom, start, end; also chr, seqnames ...) or names.

    Returns
    -------
    DataFrame indexed as `var`: chrom, start, end, and `gc` where `var` has it.

    Raises
    ------
    UserError
        If neither can be read, or a peak occurs twice.
    """
    names = pd.Index([str(name) for name in var.index], dtype=object)
    doubles = names[names.duplicated()].unique()
    if len(doubles):
        raise fail(
            where,
            f"{len(doubles)} peaks occur more than once, e.g. {', '.join(doubles[:3])}",
            "sum or drop the duplicates",
        )
    columns = find_columns(var, PEAK_COLUMNS)
    if len(columns) == 3:
        try:
            start, end = (whole_numbers(var[columns[key]]) for key in ("start", "end"))
        except (ValueError, TypeError) as error:
            raise fail(where, f"columns of peaks cannot be read ({error})", "write whole numbers") from error
        chrom = var[columns["chrom"]]
        unknown = chrom.isna() | chrom.astype(str).isin(_UNKNOWN)
        if unknown.any():
            example = names[unknown.to_numpy()][0]
            problem = f"{int(unknown.sum())} peaks have no chromosome, e.g. {example}"
            raise fail(where, problem, "write the chromosome of every peak")
        chrom = chrom.astype(str).to_numpy(dtype=object)
        table = pd.DataFrame({"chrom": chrom, "start": start, "end": end}, index=names)
        table = _ordered(table, where)
    else:
        text = var["interval"].astype(str) if "interval" in var else names
        table = parse_peaks(text, where).set_axis(names, axis=0)
    gc = [name for name in var.columns if str(name).lower() in ("gc", "gc_content")]
    if gc:
        table["gc"] = pd.to_numeric(var[gc[0]], errors="coerce").to_numpy(dtype=float)
    return table


def whole_numbers(values: pd.Series) -> np.ndarray:
    """Return values as int64; a ValueError if one is missing, negative, too large or has a fraction.

    Examples
    --------
    >>> whole_numbers(pd.Series(["10", 20.0]))
    array([10, 20])
    """
    numbers = pd.to_numeric(values).to_numpy(dtype=float)
    wrong = ~((numbers >= 0) & (numbers < LARGEST) & (numbers == np.floor(numbers)))
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} are not whole numbers from 0, e.g. {numbers[wrong][0]:g}")
    return numbers.astype(np.int64)


def find_columns(var: pd.DataFrame, wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the column of a table for each key: the first of its names that is there, whatever the case.

    Parameters
    ----------
    var
        The table.
    wanted
        Key -> possible names in lower case.
    """
    lower = {str(name).lower(): name for name in var.columns}
    columns = {key: [lower[name] for name in names if name in lower] for key, names in wanted.items()}
    return {key: names[0] for key, names in columns.items() if names}


def gene_columns(var: pd.DataFrame) -> dict[str, str]:
    """Return the columns with genes' places, of chrom, start, end, tss and strand."""
    return find_columns(var, _GENE_COLUMNS)


def _ordered(table: pd.DataFrame, where: str) -> pd.DataFrame:
    wrong = table["end"] <= table["start"]
    if wrong.any():
        example = table.index[wrong.to_numpy()][0]
        problem = f"{int(wrong.sum())} peaks do not end after they start, e.g. {example}"
        raise fail(where, problem, "write start before end")
    return table


def gene_places(var: pd.DataFrame) -> pd.DataFrame:
    """Return the known positions of genes: chrom, tss, strand, start, end (NaN if unknown).

    `tss` may be given, or follows from start, end and strand, or from an `interval` such as chr1:9805-10450
    (Cell Ranger's: one base at the start, if it has no length).
    """
    result = pd.DataFrame(index=var.index)
    columns = gene_columns(var)
    table = pd.DataFrame({key: var[name] for key, name in columns.items()}, index=var.index)
    if "chrom" not in table and "interval" in var:
        parts = var["interval"].astype(str).str.extract(_NAME)
        table["chrom"] = parts["chrom"]
        table["start"], table["end"] = parts["start"], parts["end"]
    if "chrom" not in table or not ({"tss", "start"} & set(table)):
        return result.assign(chrom="", tss=np.nan, strand=0.0, start=np.nan, end=np.nan)
    numbers = {
        key: pd.to_numeric(table[key], errors="coerce") for key in ("tss", "start", "end") if key in table
    }
    strand = _strand(table["strand"]) if "strand" in table else pd.Series(0.0, index=var.index)
    start = numbers["start" if "start" in numbers else "tss"]
    end = numbers.get("end", numbers.get("tss", start))
    tss = numbers["tss"] if "tss" in numbers else start.where(strand >= 0, end)
    known = (tss >= 0) & table["chrom"].notna() & ~table["chrom"].astype(str).isin(_UNKNOWN)
    result["chrom"] = table["chrom"].astype(object).where(known, "").astype(str)
    result["tss"] = tss.where(known)
    result["strand"] = strand.where(known, 0.0)
    result["start"], result["end"] = start.where(known), end.where(known)
    return result


def _strand(values: pd.Series) -> pd.Series:
    return values.astype(str).str.strip().map(STRANDS).fillna(0.0).astype(float)


def chromosome(names: Iterable[object]) -> np.ndarray:
    """Return chromosome names in one style: without the prefix ``chr``, the mitochondrial one as MT.

    Examples
    --------
    >>> chromosome(["chr1", "1", "chrM", "MT", "GL000194.1"])
    array(['1', '1', 'MT', 'MT', 'GL000194.1'], dtype=object)
    """
    codes, unique = pd.factorize(pd.Series([str(name) for name in names], dtype=object))
    styled = [re.sub(r"^chr[._]?(?=.)", "", str(name), flags=re.IGNORECASE) for name in unique]
    styled = [_MITOCHONDRIAL.get(name.upper(), name) for name in styled]
    return np.array(styled, dtype=object)[codes] if len(styled) else np.empty(0, dtype=object)


def check_chromosomes(peaks: pd.DataFrame, genes: pd.DataFrame, where: str) -> None:
    """Raise a UserError if peaks and genes have no chromosome in common.

    Parameters
    ----------
    peaks
        From :func:`peak_table`.
    genes
        From :func:`gene_places`; genes without a place are ignored.
    where
        Key for the message.
    """
    of_genes = genes.loc[genes["tss"].notna(), "chrom"].unique()
    of_peaks = peaks["chrom"].unique()
    if not len(of_genes) or not len(of_peaks) or np.isin(chromosome(of_genes), chromosome(of_peaks)).any():
        return
    raise fail(
        where,
        f"no chromosome of the genes ({listing(of_genes, 3)}) is among those of the peaks "
        f"({listing(of_peaks, 3)})",
        "name the chromosomes of both alike (chr1 and 1 are the same, as are M and MT)",
    )


def promoter_share(peaks: pd.DataFrame, genes: pd.DataFrame, near: int = NEAR) -> tuple[float, float]:
    """Return the fraction of peaks near transcription starts, and near positions shifted by 50 kb.

    If genes and peaks come from the same genome build, the first is several times the second; otherwise they
    are similar.

    Parameters
    ----------
    peaks
        From :func:`peak_table`.
    genes
        From :func:`gene_places`.
    near
        Base pairs.
    """
    known = genes[genes["tss"].notna()]
    fractions = []
    for shift in (0, 50_000):
        hits = 0
        gene_chromosome = chromosome(known["chrom"])
        chrom = chromosome(peaks["chrom"])
        for name in np.unique(gene_chromosome):
            tss = np.sort(known["tss"].to_numpy(dtype=float)[gene_chromosome == name] + shift)
            part = peaks[chrom == name]
            low = np.searchsorted(tss, part["start"].to_numpy() - near, side="left")
            high = np.searchsorted(tss, part["end"].to_numpy() + near, side="right")
            hits += int((high > low).sum())
        fractions.append(hits / max(len(peaks), 1))
    return fractions[0], fractions[1]
