"""Gene names: uniform spelling per species, and features merged by name."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from panscape.data.once import remembered
from panscape.data.readers.features import check_genes
from panscape.data.readers.gene_names import STABLE_ID, mapped, of_splicing, repaired, without_version
from panscape.data.readers.source import Source
from panscape.data.readers.study import at, damage_told, listing
from panscape.errors import fail
from panscape.log import logger


@dataclass(frozen=True)
class GeneMap:
    """Mapping of a file's features to genes.

    Attributes
    ----------
    names
        Gene names (Index, unique), by first appearance in the file.
    matrix
        CSR float32, features of the file x genes, 1 where a feature belongs to a gene: features of the same
        name are summed, features without a name dropped.
    n_merged, n_dropped
        Numbers of features summed into an earlier one, and of features dropped.
    """

    names: pd.Index
    matrix: sparse.csr_matrix
    n_merged: int
    n_dropped: int

    def apply(self, block: sparse.csr_matrix) -> sparse.csr_matrix:
        """Convert a block of cells x features of the file to cells x genes."""
        if not self.n_merged and not self.n_dropped:  # the columns are already in order
            return block
        result = sparse.csr_matrix(block @ self.matrix)
        result.sort_indices()
        return result


def gene_map(study: dict, source: Source, species: str, where: str) -> GeneMap:
    """Map the features of a study to genes; once within :func:`panscape.data.once.remembering`.

    Parameters
    ----------
    study
        One item of the configuration's `studies`. Of its `genes`: `column` is the file's column with the
        symbols (default: the file's own names), `mapping` a TSV or CSV file with two columns, the name in the
        file and the symbol; `case` = ``"species"`` (default, see :func:`spelling`) or ``"keep"``.
    source
        The open study.
    species
        Species of the study if it has no `species` of its own: ``"human"``, ``"mouse"``, ``"worm"`` or any
        other.
    where
        Configuration key of the study for error messages.

    Raises
    ------
    UserError
        If the features are peaks, or the column or the mapping is missing or matches no gene.
    """
    return remembered(["genes", where, species, study], lambda: _gene_map(study, source, species, where))


def _gene_map(study: dict, source: Source, species: str, where: str) -> GeneMap:
    with damage_told(study, where, "genes"):
        check_genes(source, study, where)
        names = written_names(study, source, where)
    if ((study.get("genes") or {}).get("case") or "species") == "species":
        names = pd.Series(spelling(names, study.get("species") or species))
    named = (names != "").to_numpy()
    if not named.any():
        raise fail(at(study, where, "genes"), "no gene has a name", "correct genes.column or genes.mapping")
    codes, unique = pd.factorize(names[named])
    shape = (len(names), len(unique))
    matrix = sparse.csr_matrix((np.ones(len(codes), np.float32), (np.flatnonzero(named), codes)), shape=shape)
    result = GeneMap(pd.Index(unique, dtype=object), matrix, len(codes) - len(unique), int((~named).sum()))
    if result.n_merged or result.n_dropped:
        text = "%s: %s genes; %s features summed with others of the same name, %s without a name dropped"
        level = logging.WARNING if _doubtful(result, study, source) else logging.INFO
        logger.log(level, text, study.get("id"), len(unique), result.n_merged, result.n_dropped)
    return result


def _doubtful(genes: GeneMap, study: dict, source: Source) -> bool:
    """Return whether features of the same name, or without one, are not to be expected.

    They are where names come from a column or a mapping; where features have ids, as in Cell Ranger's files,
    some names repeat. Rows that are no genes (of HTSeq, ERCC) have names.
    """
    settings = study.get("genes") or {}
    if settings.get("column") or settings.get("mapping") or settings.get("splicing"):
        return False
    unnamed = source.genes.index.isna() | (source.genes.index.astype(str).str.strip() == "")
    return bool(unnamed.any()) or (genes.n_merged > 0 and "id" not in source.genes)


def written_names(study: dict, source: Source, where: str) -> pd.Series:
    """Return the gene names of a study's features before :func:`spelling`; empty for features without one.

    Parameters
    ----------
    study, source, where
        As for :func:`gene_map`.

    Raises
    ------
    UserError
        If the column or the mapping is missing or matches no gene.
    """
    settings = study.get("genes") or {}
    names = _raw_names(settings, source, study, where)
    names = names.astype(object).where(names.notna(), "").astype(str)
    with damage_told(study, where, "genes"):
        names = of_splicing(repaired(names, study, where), settings.get("splicing"))
    names = without_version(names)
    return mapped(names, settings["mapping"], study, where) if settings.get("mapping") else names


def _raw_names(settings: dict, source: Source, study: dict, where: str) -> pd.Series:
    column = settings.get("column")
    if not column:
        return source.genes.index.to_series().reset_index(drop=True)
    if column not in source.genes:
        raise fail(
            at(study, where, "genes.column"),
            f"there is no column {column!r}",
            f"write one of: {listing(source.genes.columns)}; or leave it out to use the file's own names",
        )
    return source.genes[column].reset_index(drop=True)


def spelling(names: Iterable[str], species: str) -> list[str]:
    """Return gene names in the standard spelling of a species.

    human: upper case, except names such as C1orf112. mouse: if most names of a study are in upper (or lower)
    case, capitalised as in MGI (Trp53, mt-Co1, H2-Ab1, 1700001A01Rik; accession numbers are unchanged), else
    unchanged. worm: gene names in lower case (unc-119), sequence names in upper case (Y71H2AM.3). Other
    species: unchanged. Ensembl, WormBase and FlyBase ids are never changed.
    """
    names = list(names)
    if species == "mouse":
        return names if _mixed_case(names) else [_mouse(name) for name in names]
    rule = {"human": _human, "worm": _worm}.get(species)
    return [rule(name) for name in names] if rule else names


def _mixed_case(names: list[str]) -> bool:
    lettered = [name for name in names if len(re.findall("[A-Za-z]", name)) > 1]
    mixed = sum(name not in (name.upper(), name.lower()) for name in lettered)
    return mixed > len(lettered) / 2


def _human(name: str) -> str:
    upper = name.upper()
    if upper.startswith("CHR") and re.fullmatch(r"(?i)chr\w+[:_-]\d+[_-]\d+", name):  # a genomic range
        return name
    return re.sub(r"\bC([0-9]+|X|Y)ORF(\d+)", r"C\1orf\2", upper) if "ORF" in upper else upper


def _mouse(name: str) -> str:
    upper = name.upper()
    if re.fullmatch(STABLE_ID, name) or (name == name.lower() and name[:3] == "mt-"):
        return name
    if re.fullmatch(r"(?!GM\d)[A-Z]{1,4}\d{5,}(\.\d+)?|LOC\d+|RP\d+-.*", upper):  # sequence accessions
        return upper
    if upper.endswith("RIK"):
        return upper[:-3] + "Rik"
    if upper.startswith("MT-"):
        return "mt-" + upper[3:].capitalize()
    first, *parts = upper.split("-")
    small = first in ("HBA", "HBB")  # haemoglobins alone have small letters after the hyphen
    return "-".join([first.capitalize(), *(part.lower() if small else part.capitalize() for part in parts)])


def _worm(name: str) -> str:
    if re.fullmatch(STABLE_ID, name):
        return name
    if re.fullmatch(r"(?i)[a-z]{2,5}-[a-z]?\d+(\.\d+)?", name):
        return name.lower()
    if name.lower().startswith("ctel"):
        return "cTel" + name[4:]
    sequence = re.fullmatch(r"(?i)([a-z]+\d+[a-z0-9]*\.)(t?\d+)([a-z]?)", name)
    return sequence[1].upper() + sequence[2].lower() + sequence[3].lower() if sequence else name


def looks_like_ensembl(names: Iterable[str]) -> bool:
    """Return whether most names are stable ids (Ensembl, WormBase, FlyBase) rather than symbols."""
    table = pd.Series(list(names), dtype=object).astype(str)
    return bool(len(table)) and bool(table.str.fullmatch(STABLE_ID).mean() > 0.5)
