"""Which genes are mitochondrial or ribosomal, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.errors import fail

GROUPS = ("mitochondrial", "ribosomal")

# Transcripts of the mitochondrial genome; proteins of the cytoplasmic ribosome without kinases (RPS6KA1).
_VERTEBRATE = {"mitochondrial": r"(?i)^mt-", "ribosomal": r"(?i)^rp[sl](?!\d+k|19bp)(\d|p\d|a(-|$))"}
PATTERNS = {
    "human": _VERTEBRATE,
    "mouse": _VERTEBRATE,
    # the worm's mitochondrial genes have ordinary names; MTCE is the prefix of the sequence names
    "worm": {
        "mitochondrial": r"(?i)^(nduo-[1-6]|ndfl-4|ctb-1|ctc-[1-3]|atp-6|mtce\..*)$",
        "ribosomal": r"(?i)^rp[sl]-",
    },
    "other": {"mitochondrial": r"(?i)^mt[-:]", "ribosomal": r"(?i)^rp[sl]-?(\d|p\d)"},
}


def pattern(group: str, species: str) -> str:
    """Return the regular expression that finds a group's genes in a species."""
    return PATTERNS.get(species, PATTERNS["other"])[group]


def gene_group(names: Sequence[str], expression: str, where: str = "pattern") -> np.ndarray:
    """Return which names a regular expression finds (bool, one per name).

    Raises
    ------
    UserError
        If it is no regular expression; `where` names the key it comes from.
    """
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise fail(
            where, f"{expression!r} is no regular expression ({error})", "write e.g. '^MT-'"
        ) from error
    return np.fromiter((compiled.search(name) is not None for name in names), dtype=bool, count=len(names))


def exclusions(names: Sequence[str], exclude: Sequence[str], species: str) -> pd.DataFrame:
    """Say which genes are not to be selected.

    Parameters
    ----------
    names
        Genes.
    exclude
        ``"mitochondrial"``, ``"ribosomal"`` (by the species' patterns) and regular expressions.
    species
        Of the collection.

    Returns
    -------
    bool table, genes x exclusions.
    """
    columns = {}
    for at, item in enumerate(exclude):
        expression = pattern(item, species) if item in GROUPS else item
        columns[item] = gene_group(names, expression, f"preprocess.exclude_genes[{at}]")
    return pd.DataFrame(columns, index=pd.Index(names), dtype=bool)
