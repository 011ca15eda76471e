"""Gene sets as features of cells: those that separate classes, and representatives of groups."""

from __future__ import annotations

import pandas as pd

from panscape.report.blocks import Block, Gallery, Paragraph, table
from panscape.report.format import fixed, listing, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.unicoord.features.settings import FeatureSettings

FOLDER = "features"
FEATURES, STATISTICS = f"{FOLDER}/features.tsv", f"{FOLDER}/statistics.tsv"
CLASSES = f"{FOLDER}/classes.tsv.gz"
FIGURES = {
    "choice": "Gene sets that separate classes",
    "correlation": "Correlation of the most important gene sets",
    "profiles": "Chosen features by class",
}
_TITLES = {
    "n_genes": "genes",
    "best_class": "best class",
    "auroc": "AUROC",
    "auroc_null": "of random sets",
    "auroc_lowest": "lowest unit",
    "class_fdr": "fdr",
    "entropy_null": "entropy by chance",
    "entropy_fdr": "fdr of entropy",
}
_BEST = 5  # sets shown of each class
_DECOY = "decoy-"


def chosen(results: Results) -> pd.DataFrame:
    """Return the gene sets that were chosen, most important first."""
    table_ = _all(results)
    return table_[table_["selected"].astype(str) == "True"]


def _all(results: Results) -> pd.DataFrame:
    return results.table(FEATURES, dtype={"term": str, "library": str, "best_class": str})


def _test(results: Results) -> str:
    """Return the test that decided, `class` or `entropy`."""
    return FeatureSettings.of(results.settings(FOLDER)).test_of(_all(results))


def statistics(results: Results) -> pd.DataFrame:
    """Return statistic -> value, null."""
    return results.table(STATISTICS, dtype={"statistic": str}).set_index("statistic")


def _label(results: Results) -> str:
    return str(results.settings(FOLDER).get("label") or "").replace("_", " ")


def _headline(results: Results) -> list[str]:
    values = statistics(results)
    tested, passed = (int(values.loc[name, "value"]) for name in ("sets_tested", "sets_passed"))
    fdr = f"(false discovery rate {fixed(results.settings(FOLDER).get('max_fdr', 0.05))})"
    if _test(results) == "class":
        text = (
            f"Of {plural(tested, 'gene set')} {passed} separate a {_label(results)} from the others better "
            f"than random sets of equal size and detection {fdr}; "
        )
    else:
        text = (
            f"Of {plural(tested, 'gene set')} {passed} vary over cells more than random sets of equal size "
            f"and noise {fdr}; "
        )
    text += f"{int(values.loc['sets_selected', 'value'])} represent their groups."
    if "forest_balanced_accuracy" in values.index:
        accuracy, chance = values.loc["forest_balanced_accuracy", ["value", "null"]]
        units = int(values.loc["forest_units_left_out", "value"])
        seen = f"{plural(units, 'sampled unit')} left out in turn" if units else "cells that were left out"
        text += (
            f" A random forest predicts {_label(results)} from the passing sets with a balanced accuracy of "
            f"{fixed(accuracy)} (on {seen}; by chance {fixed(chance)})."
        )
    return [text]


def _blocks(results: Results) -> list[Block]:
    rows = chosen(results)
    limit = results.table_rows
    pictures = [
        results.picture(f"{FOLDER}/figures/{name}", title, caption=caption(f"{FOLDER}_{name}"))
        for name, title in FIGURES.items()
    ]
    library = ["library"] if rows["library"].nunique() > 1 else []
    if _test(results) == "class":
        columns = [
            "best_class",
            "auroc",
            "auroc_null",
            "auroc_lowest",
            "class_fdr",
            "entropy_fdr",
            "importance",
        ]
        said = (
            "Chosen features. AUROC of the best class against the others, computed within sampled units "
            "and averaged, with the median of random sets and the lowest unit. The fdr is over all "
            "gene sets."
        )
    else:
        columns = ["entropy", "entropy_null", "entropy_fdr"]
        if _all(results)["class_fdr"].notna().any():
            columns = ["best_class", "auroc", "class_fdr", *columns, "importance"]
        said = "Chosen features. The fdr of entropy is against random sets, over all gene sets."
    return [
        Paragraph(
            "The score of a gene set in a cell (AUCell) measures how high its genes rank among the cell's "
            "genes, independently of depth. The scores can supervise coordinates."
        ),
        *_without_classes(results),
        *_planted(results),
        Gallery((pictures[0],)),
        table(
            rows[["term", *library, "n_genes", *columns, "group"]],
            titles=_TITLES,
            caption=said,
            file=FEATURES,
            limit=limit,
        ),
        *_by_class(results),
        Gallery((pictures[1],)),
        Gallery((pictures[2],)),
    ]


def _without_classes(results: Results) -> list[Block]:
    """Return a note that sets were tested by entropy, if no study has classes."""
    if results.settings(FOLDER).get("label") is None or _all(results)["class_fdr"].notna().any():
        return []
    return [
        Paragraph(
            f"No two classes of {_label(results)} could be compared, so gene sets were tested and ranked by "
            "how much their scores vary over cells. This misses sets that are active in few cells.",
            kind="warning",
        )
    ]


def _by_class(results: Results) -> list[Block]:
    """Return the table of the best sets of each class."""
    names = {"term": str, "class": str}
    ranked = results.table(CLASSES, dtype=names)
    if not len(ranked):
        return []
    fdr = results.settings(FOLDER).get("max_fdr", 0.05)
    passing = ranked[ranked["fdr"] <= fdr]
    nothing = sorted(set(ranked["class"]) - set(passing["class"]))
    said = f"The {_BEST} best sets of each class (fdr over all sets and classes at most {fixed(fdr)})."
    if nothing:
        said += f" None for {listing(nothing)}."
    return [
        table(
            passing.groupby("class", sort=True).head(_BEST)[
                ["class", "n_cells", "units", "term", "auroc", "auroc_null", "auroc_lowest", "fdr"]
            ],
            titles=_TITLES | {"n_cells": "cells"},
            caption=said,
            file=CLASSES,
            limit=_BEST * max(ranked["class"].nunique(), 1),
        )
    ]


def _planted(results: Results) -> list[Block]:
    """Return the comparison of planted and random sets, for simulated systems."""
    every = _all(results)
    decoy = every["term"].str.startswith(_DECOY)
    if not decoy.any():
        return []
    passed = FeatureSettings.of(results.settings(FOLDER)).passed(every)
    selected = every["selected"].astype(str) == "True"
    kinds = {"cell types": "type-", "ages": "age-", "modules of coexpression": "module-"}
    parts = []
    for kind, prefix in kinds.items():
        planted = every["term"].str.startswith(prefix)
        parts.append(f"{int((passed & planted).sum())} of {int(planted.sum())} sets of {kind}")
    return [
        Paragraph(
            f"Planted sets that pass: {listing(parts)}, and {int((passed & decoy).sum())} of "
            f"{int(decoy.sum())} sets of random genes (which contain some of the planted genes). Of the "
            f"{int(selected.sum())} chosen sets {int((selected & decoy).sum())} are random. Modules of "
            "coexpression are not expected to pass: their genes vary together, not in their mean."
        )
    ]


def _grouped(results: Results, values: pd.DataFrame, what: str) -> str:
    """Return how many of the passing sets were grouped."""
    number, top = int(values.loc["sets_grouped", "value"]), results.settings(FOLDER).get("top", 100)
    if what == "best":
        return f"the best {top}" if number >= top else f"all {number} that were kept"
    return f"{min(number, top)} {what}"


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    low, high = used.get("set_sizes", (50, 500))
    text = (
        f"Gene sets of {low} to {high} of the genes measured in all studies were scored in cells by AUCell "
        f"(top {100 * used.get('top_fraction', 0.05):g} % of the genes"
        + ("; genes of equal counts share their rank). " if used.get("ties", "mean") == "mean" else "). ")
    )
    random = (
        f"{used.get('random_sets')} random sets in each stratum of size and detection, whose genes were "
        "exchanged for genes of similar detection"
        + (" in proportion to their number of gene sets" if used.get("random_genes") == "membership" else "")
    )
    limits = [f"false discovery rate <= {used.get('max_fdr')}"]
    if used.get("max_pvalue", 1) < 1:
        limits.insert(0, f"p <= {used.get('max_pvalue')}")
    values = statistics(results)
    if _test(results) == "class":
        units = int(values.loc["units", "value"])
        within = (
            f"computed within each of {units} sampled units and averaged; tested without the unit in which a "
            "set did best"
            if units > 1
            else "over all cells"
        )
        text += (
            f"Sets were kept that separate a {_label(results)} from the others ({listing(limits)}, "
            f"Benjamini-Hochberg): AUROC per class ({within}) was compared with {random}, the best class of "
            "a set with the best classes of random sets, and with shuffled labels."
        )
    else:
        text += (
            f"Sets were kept whose entropy over cells exceeds that of {random}, at equal noise "
            f"({listing(limits)}, Benjamini-Hochberg)."
        )
    if "forest_balanced_accuracy" in values.index:
        text += (
            f" Sets were ranked by their importance in a random forest ({used.get('trees')} trees) for "
            f"{_label(results)}; {_grouped(results, values, 'best')}"
            + (", at most an equal share for each class," if _test(results) == "class" else "")
            + " were"
        )
    else:
        text += f" The {_grouped(results, values, 'sets of highest entropy above chance')} were"
    standing = "set of highest entropy" if used.get("representative") == "entropy" else "highest-ranked set"
    return [
        f"{text} grouped by average linkage on 1 - r into {used.get('groups')} groups, each represented by "
        f"its {standing}"
        + ("; a class has at most twice its equal share." if _test(results) == "class" else ".")
    ]


SECTION = Section(
    FOLDER,
    "Biological processes",
    (FEATURES, CLASSES, STATISTICS),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("unicoord", "aibar2017scenic", "benjamini1995fdr"),
    optional=True,
)
