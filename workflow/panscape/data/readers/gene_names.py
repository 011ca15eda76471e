"""Gene names as programs leave them: prefixes of genomes, R's dots, rows that are no genes, and tables."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from panscape.data.readers.genome import PREFIX
from panscape.data.readers.study import Refused, at, listing
from panscape.data.sheets import read_sheet
from panscape.data.text import strip
from panscape.errors import fail
from panscape.log import logger

VERSION = re.compile(r"(ENS[A-Z]{0,6}[GTP]\d{11})(?:\.\d+)?(?:_PAR_Y)?")
STABLE_ID = r"ENS[A-Z]{0,6}[GTP]\d{11}(?:\.\d+)?(?:_PAR_Y)?|WBGene\d{8}|FBgn\d{7}"
MOST = 0.9  # fraction of names that share a pattern which is then removed from all
# summary rows of HTSeq and STAR, and spike-ins of the ERCC
NO_GENE = re.compile(
    r"__(no_feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique)|"
    r"N_(unmapped|multimapping|noFeature|ambiguous)|ERCC-\d{5}|.+\|pAbO",  # antibodies of BD Rhapsody
    re.IGNORECASE,
)
# as HTSeq wrote them before 0.6: no genes if most of them are there
_OLD_HTSEQ = ("no_feature", "ambiguous", "too_low_aqual", "not_aligned", "alignment_not_unique")
_JOINED = re.compile(rf"(?:{STABLE_ID})[_|](?P<symbol>.+)")
# behind the symbol: an id (ACTB_ENSG00000075624), BD Rhapsody's transcript (ACTB|NM_001101|PolyA_1)
_BEHIND = re.compile(
    rf"(?P<symbol>[^|]+?)(?:[_|](?:{STABLE_ID})|\|(?:[NX][MR]_\d+|ENST\d+)[^|]*(?:\|.*)?)", re.IGNORECASE
)
_KIND = re.compile(r"(?:gene|transcript)[:-](.+)", re.IGNORECASE)
# alevin-fry counts spliced, unspliced (-U) and ambiguous (-A) molecules of a gene in three features
_STATE = {"": "spliced", "-U": "unspliced", "-A": "ambiguous"}
_MONTH = "Mar|MAR|Sep|SEP|Dec|DEC|Oct|OCT|Apr|APR|Feb|FEB|Mrz|Okt|Dez"  # sep-1 is a gene of the worm
_EXCEL = re.compile(
    rf"\d{{1,2}}(?:-|\. ?)({_MONTH})|({_MONTH})-\d{{1,2}}|\d{{4}}-0[39]-\d\d( 00:00:00)?|[34]\d{{4}}"
)
_DOTS = re.compile(r"(MT|HLA|H2|NKX\d|mt|Nkx\d)\.(.+)")  # names whose dot was a hyphen before R's make.names


def repaired(names: pd.Series, study: dict, where: str) -> pd.Series:
    """Return the names of features without what programs added to them; empty for those that are no genes.

    Blanks and quotation marks around names are removed; prefixes of genomes (``GRCh38_ACTB``) and ids joined
    with symbols (``ENSG00000075624_ACTB``, ``ACTB|NM_001101|PolyA_1``) if at least :data:`MOST` of the names
    have one; R's dots where the hyphen is certain (``MT.CO1``); summary rows of HTSeq and STAR, spike-ins of
    the ERCC and antibodies of BD Rhapsody. All of this is logged. Names that Excel made dates of cannot be
    repaired and give a warning.

    Parameters
    ----------
    names
        Names in the file, with "" for none.
    study, where
        Configuration of the study and its key, for messages.

    Examples
    --------
    >>> repaired(pd.Series(["GRCh38_ACTB", "GRCh38_MT.CO1", "__no_feature"]), {}, "s").tolist()
    ['ACTB', 'MT-CO1', '']
    """
    place = at(study, where, "genes")
    names = names.map(strip)
    quoted = names.str.fullmatch(r'"[^"]*"|' + r"'[^']*'")
    if len(names) and quoted[names != ""].all():
        names = names.str[1:-1]
    removed = names.str.fullmatch(NO_GENE)
    old = names.str.lower().isin(_OLD_HTSEQ)
    if old.sum() >= 3:
        removed |= old
    if removed.any():
        text = "%s: %s features are no genes and left out: %s"
        logger.info(text, place, int(removed.sum()), listing(names[removed], 4))
        names = names.mask(removed, "")
    for pattern, what in (
        (PREFIX, "a genome's name before the gene's"),
        (_KIND, "a word before the gene's"),
        (_JOINED, "an id before the symbol"),
        (_BEHIND, "an id behind the symbol"),
    ):
        names = _without(names, pattern, what, place)
    names = _with_hyphens(names, place)
    dates = names[names.str.fullmatch(_EXCEL)]
    if len(dates) and names.str.isdigit().mean() < 0.5:  # else names are numbers, as of Entrez
        logger.warning(
            "%s: Excel made dates of %s gene names (%s): take the names from the original file, or give the "
            "symbols by genes.mapping",
            place, len(dates), listing(dates, 4),
        )  # fmt: skip
    return names


def _without(names: pd.Series, pattern: re.Pattern, what: str, place: str) -> pd.Series:
    """Return names without a part that most of them have."""
    known = names[names != ""]
    if not len(known) or not _most_match(known, pattern):
        return names
    example = next(name for name in known if pattern.fullmatch(name))
    short = names.str.replace(pattern, lambda match: match.groups()[-1], regex=True)
    logger.info(
        "%s: names have %s, which is removed: %s is %s",
        place,
        what,
        example,
        short[known[known == example].index[0]],
    )
    return short


def _most_match(names: pd.Series, pattern: re.Pattern) -> bool:
    """Return whether at least :data:`MOST` of the names match; as a rule, a few show that they don't."""
    left = len(names) - math.ceil(MOST * len(names))
    for name in names:
        left -= pattern.fullmatch(name) is None
        if left < 0:
            return False
    return True


def _with_hyphens(names: pd.Series, place: str) -> pd.Series:
    """Return names with the hyphens that R replaced by dots; names are R's if none has a hyphen."""
    if names.str.contains("-", regex=False).any():
        return names
    changed = names.str.fullmatch(_DOTS)
    if not changed.any():
        return names
    logger.info("%s: R wrote dots for hyphens: %s read with hyphens", place, listing(names[changed], 4))
    return names.str.replace(_DOTS, r"\1-\2", regex=True)


def of_splicing(names: pd.Series, wanted: Sequence[str] | None) -> pd.Series:
    """Return the names of genes for features that count spliced and other molecules apart (alevin-fry).

    Parameters
    ----------
    names
        Names of the features.
    wanted
        Of ``"spliced"``, ``"unspliced"`` and ``"ambiguous"``, the counts to add up; None if not given.

    Returns
    -------
    Names without -U and -A, "" for features that are not wanted; other files' names unchanged.

    Raises
    ------
    Refused
        If names are of this kind and nothing is given, or the other way round.

    Examples
    --------
    >>> of_splicing(pd.Series(["ACTB", "ACTB-U", "ACTB-A"]), ["spliced", "ambiguous"]).tolist()
    ['ACTB', '', 'ACTB']
    """
    known = set(names)
    genes = {name for name in known if f"{name}-U" in known and f"{name}-A" in known}
    if 3 * len(genes) < MOST * len(known) or not genes:
        if wanted:
            raise Refused("the file has one feature per gene", "remove it", "genes.splicing")
        return names
    if not wanted:
        raise Refused(
            f"its features are spliced, unspliced (-U) and ambiguous (-A) counts of {len(genes)} genes",
            "write genes: {splicing: [spliced, ambiguous]} in the study's entry for cells, or with unspliced "
            "for nuclei, too",
            "genes.splicing",
        )
    parts = names.str.extract("^(.+?)(-[UA])?$", expand=True)
    chosen = parts[1].fillna("").map(_STATE).isin(list(wanted))
    return parts[0].where(chosen, "")


def without_version(names: pd.Series) -> pd.Series:
    """Return names with the version of Ensembl ids (.7, _PAR_Y) removed; other names are unchanged.

    Examples
    --------
    >>> without_version(pd.Series(["ENSG00000141510.18", "AC004.1"])).tolist()
    ['ENSG00000141510', 'AC004.1']
    """
    if not names.str.contains("ENS", regex=False).any():
        return names
    return names.str.replace(VERSION, r"\1", regex=True)


def mapped(names: pd.Series, path: str, study: dict, where: str) -> pd.Series:
    """Return the symbols that a table gives to names; "" for names that are not in it.

    Parameters
    ----------
    names
        Names in the study's file, without versions.
    path
        A table, with or without a header. Its column with most of the names is the key; the symbols are in
        the column called so, else in the first other one that does not hold ids.
    study, where
        Configuration of the study and its key, for messages.

    Raises
    ------
    UserError
        If the table has one column or none of the names.
    """
    place = at(study, where, "genes.mapping")
    sheet = read_sheet(path, place)
    if sheet.shape[1] < 2:
        raise fail(place, f"{path} has one column", "give two: name in the file, symbol")
    known = set(names) - {""}
    head = without_version(pd.Series(sheet.columns, dtype=object))
    if set(head) & known:
        sheet = pd.concat(
            [sheet.columns.to_frame().T.set_axis(sheet.columns, axis=1), sheet], ignore_index=True
        )
        logger.info("%s: %s has no header: its first line is a gene", place, path)
    columns = [without_version(sheet[name].fillna("")) for name in sheet]
    hits = [len(known & set(column)) for column in columns]
    key = hits.index(max(hits))
    if not hits[key]:
        raise fail(
            place,
            f"none of the genes ({listing(names, 3)}) is in {path} ({listing(columns[0], 3)}, ...)",
            "write the names in the study's file in the first column, the symbols in the second",
        )
    value = _symbols(sheet, columns, key)
    logger.info(
        "%s: %s of %s names are in column %s of %s, their symbols in column %s",
        place, hits[key], len(known), key + 1, path, value + 1,
    )  # fmt: skip
    table = sheet.iloc[:, value].fillna("").set_axis(columns[key])
    table = table[~table.index.duplicated()]
    return names.map(table).fillna("")


def _symbols(sheet: pd.DataFrame, columns: list[pd.Series], key: int) -> int:
    """Return the number of the column of symbols."""
    others = [number for number in range(len(columns)) if number != key]
    for number in others:
        if re.fullmatch(
            r"(?i)(gene[ _.]?)?(symbol|name)s?|(hgnc|mgi)[ _.]symbol", str(sheet.columns[number])
        ):
            return number
    ids = [columns[number].str.fullmatch(STABLE_ID).mean() for number in others]
    return next((number for number, share in zip(others, ids, strict=True) if share < 0.5), others[0])
