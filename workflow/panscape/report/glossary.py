"""Words of the methods, explained where a page first uses them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

WORDS = {
    "pancluster": "a group of similar cells of one study, at one of several resolutions; they may overlap",
    "coexpression": "correlation of the expression of two genes over the cells of a cluster",
    "pseudotime": "place of a cluster along the order from the root (0) to the most distant cluster (1)",
    "disjoint cluster": "clusters that share no cell, so that they count as separate samples",
    "connected part": "clusters that paths of neighbours join; there is no distance between parts",
    "metacell": "a small group of nearly equal cells whose counts are added up",
    "macro-F1": "mean over classes of the harmonic mean of precision and recall; 1 is perfect",
    "FDR": "false discovery rate: expected share of false ones among those called",
    "Spearman": "correlation of ranks, from −1 to 1",
    "AUC": "probability that a true one ranks above a false one; 0.5 by chance",
    "AUROC": "probability that a cell of the class scores higher than another cell; 0.5 by chance",
    "siVAE": "an autoencoder that places cells and genes in one space, so that genes have neighbours",
    "centrality": "how much of a gene's network goes through it",
    "Mantel": "correlation of two tables of similarities between the same samples",
    "PERMANOVA": "test whether samples of one group are more alike than samples of different groups",
    "dictionary": "networks of genes whose sums describe the coexpression of every cluster",
    "TF-IDF": "weighting of peaks by how rare they are",
    "LSI": "principal directions of accessibility after weighting peaks by rarity",
    "COEM": "the joint embedding of expression and accessibility, learned by a network",
    "purity": "largest share of one label among the cells of a group",
    "chance": "the same after shuffling",
}
"""Word -> explanation; plurals in s are recognised."""

_FORMS = re.compile(
    r"(?<![\w-])(" + "|".join(sorted(map(re.escape, WORDS), key=len, reverse=True)) + r")(s?)(?![\w-])"
)


def explainer() -> Callable[[str], str]:
    """Return a function that marks up the first use of each word in escaped text, over all its calls.

    Examples
    --------
    >>> explain = explainer()
    >>> explain("by chance"), explain("chance")
    ('by <dfn tabindex="0" title="the same after shuffling">chance</dfn>', 'chance')
    """
    left = set(WORDS)

    def first(found: re.Match[str]) -> str:
        word = found[1]
        if word not in left:
            return found[0]
        left.discard(word)
        return f'<dfn tabindex="0" title="{escape(WORDS[word])}">{found[0]}</dfn>'

    return lambda html: "".join(
        # text between tags only
        part if part.startswith("<") else _FORMS.sub(first, part)
        for part in re.split(r"(<[^>]*>)", html)
    )
