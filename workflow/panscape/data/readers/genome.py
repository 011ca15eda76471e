"""Genomes of features: files of mixed-species samples have the genes of two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from panscape.data.readers.study import Refused
from panscape.data.species import id_species

# a genome before a gene's name: GRCh38_ACTB, mm10___Actb, hg19-ACTB
PREFIX = re.compile(
    r"((?:GRC[a-z]\d+|hg\d+|mm\d+|rn\d+|ce\d+|dm\d+|danRer\d+|WBcel\d+|BDGP\d+)[^\W_]*?"
    r"(?:[._-]pre-?mrna)?(?:_+|-))(.+)",
    re.IGNORECASE,
)
SECOND = 0.05  # fraction of the features from which another genome is one of a mixture, not a transgene


def genomes(table: pd.DataFrame) -> pd.Series | None:
    """Return the genome of each feature, None if the file does not say.

    It is in the column `genome` (Cell Ranger, Parse), before the names of all features, or told by ids of
    Ensembl, whose species then stands for it.

    Parameters
    ----------
    table
        The file's features, indexed by name.

    Examples
    --------
    >>> genomes(pd.DataFrame(index=["GRCh38_ACTB", "mm10___Actb"])).tolist()
    ['GRCh38', 'mm10']
    """
    if "genome" in table:
        column = table["genome"].astype(object)
        return column.where(column.notna(), "").astype(str)
    if not len(table):
        return None
    names = table.index.to_series().astype(str)
    if PREFIX.fullmatch(names.iloc[0]):  # as a rule the first name shows that there is none
        found = names.str.extract(PREFIX, expand=True)[0]
        if found.notna().all():
            return found.str.rstrip("_-")
    for ids in (names, *(table[name].astype(str) for name in ("id", "gene_ids", "gene_id") if name in table)):
        if id_species(ids.iloc[0]) and (found := ids.map(id_species)).notna().all():
            return found
    return None


def of_genome(table: pd.DataFrame, settings: Mapping[str, Any]) -> np.ndarray | None:
    """Return which features are of the genome in the settings, bool; None if none is asked for.

    Parameters
    ----------
    table
        The file's features, indexed by name.
    settings
        The study's `genes`.

    Raises
    ------
    Refused
        If no feature is of the genome, or the file does not say.
    """
    wanted = settings.get("genome")
    if not wanted:
        return None
    found = genomes(table)
    if found is None:
        raise Refused("the file does not say which genome its features are of", "remove it", "genes.genome")
    if not (found == wanted).any():
        there = ", ".join(sorted(set(found) - {""})) or "none"
        raise Refused(f"the file has {there}, not {wanted}", "correct the genome", "genes.genome")
    return (found == wanted).to_numpy()


def require_one_genome(table: pd.DataFrame) -> None:
    """Raise a Refused if genes are of several genomes: orthologues of the same name would be added up.

    Parameters
    ----------
    table
        The genes, without those of genomes that are not asked for.

    Examples
    --------
    >>> require_one_genome(pd.DataFrame({"genome": ["hg38", "mm10"]}, index=["ACTB", "Actb"]))
    Traceback (most recent call last):
    panscape.data.readers.study.Refused: its genes are of several genomes: hg38 (1), mm10 (1)
    """
    found = genomes(table)
    if found is None:
        return
    numbers = found[found != ""].value_counts().sort_index()
    numbers = numbers[numbers > SECOND * len(found)]
    if len(numbers) > 1:
        told = ", ".join(f"{name} ({number:,})" for name, number in numbers.items())
        fix = f"write genes: {{genome: {numbers.index[0]}}} in the study's entry, or another of them"
        raise Refused(f"its genes are of several genomes: {told}", fix, "genes.genome")
