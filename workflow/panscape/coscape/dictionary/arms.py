"""Entries that are parts of one programme: genes that rise with it, and genes that fall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

JOIN = 0.4  # smallest correlation with the other entry, relative to that with the own
ALIKE = 0.9  # smallest fraction of an entry's genes whose correlation with the other entry has one sign
FEWEST = 2  # genes of an entry that can join


def join_entries(
    placed: pd.DataFrame, membership: pd.DataFrame, programs: pd.DataFrame, *, min_kme: float = 0.12
) -> pd.DataFrame:
    """Find the entries whose genes follow, or oppose, the score of a larger entry.

    Weights of a dictionary are not negative, so that the genes which a programme represses make an entry of
    their own. Its genes are negatively correlated with the programme's score over cells within clusters. An
    entry of activity joins a larger one if the median correlation of its genes with the other's score is at
    least `min_kme` in absolute value and :data:`JOIN` times that with its own, with one sign in at least
    :data:`ALIKE` of them; a positive sign means that one group of genes was divided. Negative correlations of
    counts are about half as large as positive ones, since few counts cannot fall much.

    Parameters
    ----------
    placed, membership
        Of :func:`panscape.coscape.dictionary.membership.place_genes`.
    programs
        entry, kind of :func:`panscape.coscape.dictionary.membership.program_table`.
    min_kme
        Smallest absolute correlation, in [0, 1].

    Returns
    -------
    One row per entry: entry; programme, the entry that it is a part of, its own name for most; arm: ``""``,
    ``rises`` or ``falls`` with the programme; joined_kme: the median correlation of its genes with the score
    of the entry that it joins (NaN without one).

    Examples
    --------
    >>> genes = pd.DataFrame({"gene": list("abcde"), "entry": ["one"] * 3 + ["two"] * 2, "kme": 0.5})
    >>> kme = pd.DataFrame({"entry": ["one"] * 5 + ["two"] * 5, "gene": list("abcde") * 2})
    >>> kme["kme_within"] = [0.5, 0.5, 0.5, -0.3, -0.3, -0.2, -0.2, -0.2, 0.5, 0.5]
    >>> kinds = pd.DataFrame({"entry": ["one", "two"], "kind": "activity"})
    >>> join_entries(genes, kme, kinds)["programme"].tolist()
    ['one', 'one']
    """
    active = programs.loc[programs["kind"] == "activity", "entry"].tolist()
    table = membership.pivot(index="gene", columns="entry", values="kme_within")
    up = placed[placed["kme"] > 0]
    members = {entry: up.loc[up["entry"] == entry, "gene"].tolist() for entry in active}
    names = [entry for entry in active if len(members[entry]) >= FEWEST]
    size = placed["entry"].value_counts()
    order = sorted(names, key=lambda entry: (-size[entry], programs["entry"].tolist().index(entry)))
    target: dict[str, tuple[str, float]] = {}
    for at, entry in enumerate(order):
        if found := _joined(table.loc[members[entry]], entry, order[:at], min_kme):
            target[entry] = found
    rows = []
    for entry in programs["entry"]:
        root, sign = entry, 1.0
        while root in target:
            root, sign = target[root][0], sign * np.sign(target[root][1])
        arm = "" if root == entry else "rises" if sign > 0 else "falls"
        rows.append((entry, root, arm, target.get(entry, ("", np.nan))[1]))
    return pd.DataFrame(rows, columns=["entry", "programme", "arm", "joined_kme"])


def with_programmes(placed: pd.DataFrame, joined: pd.DataFrame) -> pd.DataFrame:
    """Add the programme of every gene, and whether the gene rises or falls with it.

    Parameters
    ----------
    placed
        gene, entry, kme of :func:`panscape.coscape.dictionary.membership.place_genes`.
    joined
        Of :func:`join_entries`.

    Returns
    -------
    The table with programme and direction (``rises`` or ``falls``) after the entry; both ``""`` for genes
    without a place.

    Examples
    --------
    >>> placed = pd.DataFrame({"gene": ["a", "b"], "entry": ["two", ""], "kme": [0.5, 0.0]})
    >>> joined = pd.DataFrame({"entry": ["two"], "programme": ["one"], "arm": ["falls"]})
    >>> with_programmes(placed, joined)[["programme", "direction"]].to_numpy().tolist()
    [['one', 'falls'], ['', '']]
    """
    table = joined.set_index("entry")
    programme = placed["entry"].map(table["programme"]).fillna("")
    turned = placed["entry"].isin(table.index[table["arm"] == "falls"])
    falls = (placed["kme"] < 0) ^ turned
    direction = np.where(programme == "", "", np.where(falls, "falls", "rises"))
    result = placed.copy()
    at = list(result).index("entry") + 1
    result.insert(at, "programme", programme)
    result.insert(at + 1, "direction", direction)
    return result


def _joined(kme: pd.DataFrame, own: str, others: Sequence[str], min_kme: float) -> tuple[str, float] | None:
    """Return the larger entry that the genes (rows of `kme`) of an entry go with most, and how much."""
    middle = kme[list(others)].median().dropna()  # scores that are constant within clusters have none
    if middle.empty:
        return None
    best = middle.abs().idxmax()
    value = float(middle[best])
    enough = max(min_kme, JOIN * float(kme[own].median()))
    alike = (np.sign(kme[best]) == np.sign(value)).mean()
    return (best, value) if abs(value) >= enough and alike >= ALIKE else None
