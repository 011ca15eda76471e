"""Name patterns of mitochondrial and ribosomal genes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from panscape.data.expressions import compiled, found_in

GROUPS = ("mitochondrial", "ribosomal")

# Transcripts of the mitochondrial genome; proteins of the cytoplasmic ribosome, not kinases such as RPS6KA1.
_VERTEBRATE = {"mitochondrial": r"(?i)^mt-", "ribosomal": r"(?i)^rp[sl](?!\d+k|19bp)(\d|p\d|a(-|$))"}
PATTERNS = {
    "human": _VERTEBRATE,
    "mouse": _VERTEBRATE,
    # worm mitochondrial genes have ordinary names; their sequence names start with MTCE
    "worm": {
        "mitochondrial": r"(?i)^(nduo-[1-6]|ndfl-4|ctb-1|ctc-[1-3]|atp-6|mtce\..*)$",
        "ribosomal": r"(?i)^rp[sl]-",
    },
    "other": {"mitochondrial": r"(?i)^mt[-:]", "ribosomal": r"(?i)^rp[sl]-?(\d|p\d)"},
}


def pattern(group: str, species: str) -> str:
    """Return the regular expression of a gene group in a species."""
    return PATTERNS.get(species, PATTERNS["other"])[group]


def gene_group(names: Sequence[str], expression: str, where: str = "pattern") -> np.ndarray:
    """Return the mask of names that match a regular expression.

    Parameters
    ----------
    names
        Gene names.
    expression
        Regular expression, found anywhere in a name unless it is anchored.
    where
        Configuration key of the expression for error messages.

    Returns
    -------
    bool (len(names),).

    Raises
    ------
    UserError
        If the regular expression is invalid, or takes too long.
    """
    return found_in(names, compiled(expression, where, "write e.g. '^MT-'"), where)


def exclusions(names: Sequence[str], exclude: Sequence[str], species: str) -> pd.DataFrame:
    """Return the masks of genes to exclude from selection.

    Parameters
    ----------
    names
        Gene names.
    exclude
        ``"mitochondrial"``, ``"ribosomal"`` (by the species' patterns) and regular expressions.
    species
        Species of the collection.

    Returns
    -------
    bool table, genes x exclusions.
    """
    columns = {}
    for at, item in enumerate(exclude):
        expression = pattern(item, species) if item in GROUPS else item
        columns[item] = gene_group(names, expression, f"preprocess.exclude_genes[{at}]")
    return pd.DataFrame(columns, index=pd.Index(names), dtype=bool)
