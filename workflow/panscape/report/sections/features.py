"""Gene sets as features of cells: which vary, which tell classes apart, which stand for their group."""

from __future__ import annotations

import pandas as pd

from panscape.report._blocks import Block, Gallery, Paragraph, table
from panscape.report._format import fixed, listing, plural
from panscape.report._results import Results, caption
from panscape.report._section import Section

FOLDER = "features"
FEATURES, STATISTICS = f"{FOLDER}/features.tsv", f"{FOLDER}/statistics.tsv"
FIGURES = {
    "choice": "Gene sets that vary and that tell classes apart",
    "correlation": "Correlation of the most important gene sets",
    "profiles": "Chosen features by class",
}
_TITLES = {
    "n_genes": "genes",
    "null_mean": "entropy by chance",
    "pvalue": "p",
}
_DECOY = "decoy-"


def chosen(results: Results) -> pd.DataFrame:
    """Return the gene sets that were chosen, most important first."""
    found = results.table(FEATURES, dtype={"term": str, "library": str})
    return found[found["selected"].astype(str) == "True"]


def statistics(results: Results) -> pd.DataFrame:
    """Return statistic -> value, null."""
    return results.table(STATISTICS, dtype={"statistic": str}).set_index("statistic")


def _label(results: Results) -> str:
    return str(results.settings(FOLDER).get("label") or "").replace("_", " ")


def _headline(results: Results) -> list[str]:
    found = statistics(results)
    tested, passed = (int(found.loc[name, "value"]) for name in ("sets_tested", "sets_passed"))
    text = (
        f"Of {plural(tested, 'gene set')} {passed} vary over cells more than random sets of their size and "
        "noise; "
        f"{int(found.loc['sets_selected', 'value'])} stand for their groups."
    )
    if "forest_balanced_accuracy" in found.index:
        own, chance = found.loc["forest_balanced_accuracy", ["value", "null"]]
        text += (
            f" A random forest tells {_label(results)} from them with a balanced accuracy of {fixed(own)} "
            f"(on cells it has not seen; by chance {fixed(chance)})."
        )
    return [text]


def _blocks(results: Results) -> list[Block]:
    rows = chosen(results)
    limit = results.settings("report").get("table_rows", 20)
    pictures = [
        results.picture(f"{FOLDER}/figures/{name}", title, caption=caption(f"{FOLDER}_{name}"))
        for name, title in FIGURES.items()
    ]
    library = ["library"] if rows["library"].nunique() > 1 else []
    shown = rows[["term", *library, "n_genes", "entropy", "null_mean", "pvalue", "importance", "group"]]
    return [
        Paragraph(
            "A cell's score of a gene set (AUCell) says how high the set's genes rank among the cell's "
            "genes, whatever "
            "its depth. The scores can supervise coordinates."
        ),
        *_planted(results),
        Gallery((pictures[0],)),
        table(
            shown,
            titles=_TITLES,
            caption="Chosen features. The p compares the entropy with that of random sets.",
            file=FEATURES,
            limit=limit,
        ),
        Gallery((pictures[1],)),
        Gallery((pictures[2],)),
    ]


def _planted(results: Results) -> list[Block]:
    """Say how planted sets fare beside random ones, where the system is simulated."""
    found = results.table(FEATURES, dtype={"term": str, "library": str})
    decoy = found["term"].str.startswith(_DECOY)
    ranked = found["importance"].notna()
    if not decoy.any() or not ranked.any():
        return []
    top = found[ranked].head(int((~decoy & ranked).sum()))
    right = int((~top["term"].str.startswith(_DECOY)).sum())
    kinds = {"types": "type-", "ages": "age-", "modules of coexpression": "module-"}
    passed = []
    for kind, prefix in kinds.items():
        own = found["term"].str.startswith(prefix)
        passed.append(f"{int((ranked & own).sum())} of {int(own.sum())} of {kind}")
    return [
        Paragraph(
            f"Planted sets that pass: {listing(passed)}, and {int((ranked & decoy).sum())} of "
            f"{int(decoy.sum())} sets "
            f"of random genes (which hold some of the planted genes). Of the {len(top)} most important sets "
            f"{right} are "
            "planted. Modules of coexpression are not meant to pass: their genes vary together, not in their "
            "mean."
        )
    ]


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    low, high = used.get("set_sizes", (50, 500))
    text = (
        f"Gene sets of {low} to {high} of the genes measured in all studies were scored in cells by AUCell "
        "(top "
        f"{100 * used.get('top_share', 0.05):g} % of the genes; genes of equal counts share their rank). "
        "Sets were kept "
        f"whose entropy over cells (p <= {used.get('max_pvalue')}) was above that of "
        f"{used.get('random_sets')} random "
        "sets of similar size, at equal noise."
    )
    if used.get("label"):
        text += (
            f" Sets were ranked by their importance in a random forest ({used.get('trees')} trees) for "
            f"{_label(results)}; the best {used.get('top')} were"
        )
    else:
        text += f" The {used.get('top')} sets of highest entropy above chance were"
    return [
        f"{text} grouped by average linkage on 1 - r into {used.get('groups')} groups, each represented by "
        "its set "
        "of highest entropy."
    ]


SECTION = Section(
    FOLDER,
    "Biological processes",
    (FEATURES, STATISTICS),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("unicoord", "aibar2017scenic", "benjamini1995fdr"),
    optional=True,
)
