"""Places of genes from GTF, GFF3 and BED files, read line by line."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from panscape.coem.loci import Loci, Locus, locus_table
from panscape.data.readers.gene_names import without_version
from panscape.data.readers.text import open_bytes
from panscape.errors import fail

WHERE = "metacells.genes"
KINDS = {".gtf": "gtf", ".gff2": "gtf", ".gff3": "gff3", ".gff": "gff", ".bed": "bed"}
PARTS = frozenset(  # parts of transcripts, most lines of a file
    b"exon CDS start_codon stop_codon UTR 5UTR 3UTR five_prime_utr three_prime_utr five_prime_UTR "
    b"three_prime_UTR intron Selenocysteine stop_codon_redefined_as_selenocysteine".split()
)
_PAIR = re.compile(rb'(\w+) "?([^";]*)"?')
_ID_PREFIX = re.compile(r"^gene[:-]", re.IGNORECASE)


def annotation_kind(path: str) -> str | None:
    """Return ``"gtf"``, ``"gff3"``, ``"gff"`` (one of the two) or ``"bed"`` by a file's name, else None.

    Examples
    --------
    >>> annotation_kind("gencode.v44.annotation.gtf.gz"), annotation_kind("tss.tsv")
    ('gtf', None)
    """
    name = Path(path).name.lower()
    for end in (".gz", ".bgz"):
        name = name.removesuffix(end)
    return KINDS.get(Path(name).suffix)


def read_annotation(path: str, *, transcripts: str = "longest", lines: int | None = None) -> pd.DataFrame:
    """Read the places of genes from a GTF, GFF3 or BED file, gzipped or not, in one pass.

    Lines of exons and other parts of transcripts are skipped, unless a GTF has nothing else; memory is needed
    per gene, not per line. Coordinates of the result count from 0, as those of peaks do.

    Parameters
    ----------
    path
        The file.
    transcripts
        ``"longest"``: a gene's `tss` is the start of its longest transcript (from first to last base);
        ``"all"``: in addition, `all_tss` has the starts of all its transcripts.
    lines
        Number of lines to read; None reads all.

    Returns
    -------
    DataFrame indexed by gene name: id ("" where the file has none), chrom, tss, strand (1, -1, 0), start,
    end, and `all_tss` (text, separated by commas) if asked for. Of several genes of one name, those on
    chromosomes count before those on scaffolds and X before Y; if they are still more than 1 Mb apart, none
    of them is found by its name, and each is indexed by its id.

    Raises
    ------
    UserError
        If the file is missing or damaged, a line cannot be read, or there are no genes.
    """
    if not Path(path).is_file():
        raise fail(WHERE, f"there is no file {path} (looked from {Path.cwd()})", "correct the path")
    kind, every = annotation_kind(path), transcripts == "all"
    try:
        if kind == "bed":
            loci = _bed(path, every, lines)
        else:
            gff3 = kind == "gff3" or (kind == "gff" and _is_gff3(path))
            loci = _gff3(path, every, lines) if gff3 else _gtf(path, every, lines)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise fail(WHERE, f"{path} cannot be read ({error})", "copy or download it again") from error
    if not loci:
        fix = "give an annotation with lines of genes, transcripts or exons with gene_id (or ID)"
        if kind == "bed":
            fix = "write chrom, start, end, name of the gene, score and strand in each line"
        raise fail(WHERE, f"{path} has no genes", fix)
    return locus_table(loci, path, every)


def _lines(path: str, lines: int | None) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) without comments and empty lines."""
    with open_bytes(Path(path)) as handle:
        for number, line in enumerate(islice(handle, lines), 1):
            if line.startswith((b"##FASTA", b">")):
                return
            if line.startswith((b"#", b"track", b"browser")) or not line.strip():
                continue
            yield number, line


def _feature(path: str, number: int, line: bytes) -> tuple[str, int, int, int, bytes]:
    """Return (chromosome, start, end, strand, attributes) of a line of GTF or GFF3."""
    fields = line.rstrip(b"\r\n").split(b"\t")
    try:
        start, end = int(fields[3]) - 1, int(fields[4])
        if not 0 <= start < end:
            raise ValueError("start after end, or before the first base")
        return fields[0].decode(), start, end, _sign(fields[6]), fields[8]
    except (IndexError, ValueError, KeyError) as error:
        raise _unread(path, number, line) from error


def _unread(path: str, number: int, line: bytes) -> Exception:
    text = line.decode("utf-8", "replace").strip()
    return fail(
        WHERE,
        f"{path}: line {number} cannot be read: {text[:60]!r}",
        "GTF and GFF3 have nine fields (4 and 5 are start and end, 7 the strand), BED at least four (2 and 3 "
        "are start and end, 4 the name, 6 the strand), separated by tabs; the start is before the end, and "
        "the strand +, - or .",
    )


def _sign(text: bytes) -> int:
    """Return the strand, 0 where it is not known; a KeyError for any other text."""
    return {b"+": 1, b"-": -1, b".": 0, b"?": 0, b"": 0}[text.strip()]


def _is_gff3(path: str) -> bool:
    with open_bytes(Path(path)) as handle:
        if handle.readline().startswith(b"##gff-version 3"):
            return True
    for _, line in _lines(path, 1000):
        attributes = line.rstrip().rsplit(b"\t", 1)[-1]
        return re.match(rb"\s*\w+=", attributes) is not None
    return False


def _kind_of(path: str, number: int, line: bytes) -> bytes:
    parts = line.split(b"\t", 3)
    if len(parts) < 4:
        raise _unread(path, number, line)
    return parts[2]


def _attributes(text: bytes) -> dict[str, str]:
    """Return the attributes of a line of GTF."""
    return {key.decode(): value.decode() for key, value in _PAIR.findall(text)}


def _symbol(known: dict[str, str]) -> str:
    return known.get("gene_name") or known.get("gene") or ""


def _gtf(path: str, every: bool, lines: int | None) -> Loci:
    loci: Loci = {}
    for number, line in _lines(path, lines):
        kind = _kind_of(path, number, line)
        if kind in PARTS:
            continue
        chrom, start, end, strand, text = _feature(path, number, line)
        known = _attributes(text)
        if not known.get("gene_id"):
            continue
        locus = loci.setdefault((known["gene_id"], chrom), Locus(strand, start, end, known["gene_id"]))
        locus.name = locus.name or _symbol(known)
        if known.get("transcript_id") and kind != b"gene":
            locus.transcript(start, end, every)
        else:
            locus.span(start, end)
    return loci or _gtf_of_exons(path, every, lines)


def _gtf_of_exons(path: str, every: bool, lines: int | None) -> Loci:
    """Read a GTF that has no lines of genes and transcripts."""
    whole: dict[tuple[str, str, str], list[int]] = {}
    names: dict[str, str] = {}
    for number, line in _lines(path, lines):
        if _kind_of(path, number, line) != b"exon":
            continue
        chrom, start, end, strand, text = _feature(path, number, line)
        known = _attributes(text)
        gene = known.get("gene_id")
        if not gene:
            continue
        names.setdefault(gene, _symbol(known))
        part = whole.setdefault((gene, chrom, known.get("transcript_id", "")), [start, end, strand])
        part[0], part[1] = min(part[0], start), max(part[1], end)
    loci: Loci = {}
    for (gene, chrom, _), (start, end, strand) in whole.items():
        locus = loci.setdefault((gene, chrom), Locus(strand, start, end, gene, names[gene]))
        locus.transcript(start, end, every)
    return loci


def _gff3(path: str, every: bool, lines: int | None) -> Loci:
    genes: Loci = {}
    children: Loci = {}  # by parent, which may come later in the file
    renamed: dict[str, str] = {}
    for number, line in _lines(path, lines):
        kind = _kind_of(path, number, line)
        if kind in PARTS:
            continue
        chrom, start, end, strand, text = _feature(path, number, line)
        pairs = (item.split("=", 1) for item in text.decode().split(";") if "=" in item)
        known = {key.strip(): unquote(value.strip()) for key, value in pairs}
        if kind == b"region":  # NCBI names chromosomes by accession
            mitochondrial = known.get("genome") == "mitochondrion"
            if mitochondrial or (known.get("genome") == "chromosome" and known.get("chromosome")):
                renamed[chrom] = "MT" if mitochondrial else known["chromosome"]
        elif known.get("Parent"):
            parent = (known["Parent"].split(",")[0], chrom)
            children.setdefault(parent, Locus(strand, start, end)).transcript(start, end, every)
        elif kind.endswith(b"gene") and known.get("ID"):
            name = known.get("gene_name") or known.get("locus") or known.get("gene") or known.get("Name", "")
            symbol = known.get("gene_id") or _ID_PREFIX.sub("", known["ID"])
            genes[(known["ID"], chrom)] = Locus(strand, start, end, symbol, name)
    for key, locus in genes.items():
        if key in children:
            child = children[key]
            locus.length, locus.tss, locus.all_tss = child.length, child.tss, child.all_tss
            locus.span(child.start, child.end)
    return {(gene, renamed.get(chrom, chrom)): locus for (gene, chrom), locus in genes.items()}


def _bed(path: str, every: bool, lines: int | None) -> Loci:
    loci: Loci = {}
    for number, line in _lines(path, lines):
        fields = line.rstrip(b"\r\n").split(b"\t")
        try:
            chrom, start, end, name = fields[0].decode(), int(fields[1]), int(fields[2]), fields[3].decode()
            strand = _sign(fields[5]) if len(fields) > 5 else 0
            if not (0 <= start <= end and name.strip()):
                raise ValueError("start after end, or no name")
        except (IndexError, ValueError, KeyError) as error:
            raise _unread(path, number, line) from error
        locus = loci.setdefault((name, chrom), Locus(strand, start, end, name, name))
        locus.transcript(start, max(end, start + 1), every)
    return loci


def ids_of(table: pd.DataFrame) -> pd.Series:
    """Return the stable id of each gene without its version, "" where it has none."""
    text = table["id"] if "id" in table else table.index.to_series()
    return without_version(text.fillna("").astype(str).set_axis(table.index))
