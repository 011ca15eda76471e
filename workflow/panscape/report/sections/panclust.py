"""Panclusters: the clusters of all resolutions and levels."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from panscape.coscape.panclust.cluster_size import smallest_cluster
from panscape.report.blocks import Block, Paragraph, table
from panscape.report.format import between, listing, plural
from panscape.report.results import Results
from panscape.report.section import Section
from panscape.report.sections.studies import QC, cell_counts, each_study

CLUSTERS = "panclust/*/clusters.tsv"


def clusters(results: Results) -> pd.DataFrame:
    """Return the clusters of all studies."""
    rows = results.table(CLUSTERS, dtype={"cluster": str, "study": str, "parent": str, "duplicates": str})
    order = {study: place for place, study in enumerate(results.studies)}
    return rows.sort_values("study", key=lambda study: study.map(order), kind="stable", ignore_index=True)


_KEPT = {
    "louvain": "The cells of {} were clustered at each resolution, and every level of agglomeration "
    "on the way is kept (level 0 is the finest).",
    "leiden": "The cells of {} were clustered at each resolution, and every level of the refined communities "
    "on the way is kept (level 0 is the finest).",
    "ward": "The cells of {} were joined in a tree, and its nodes are kept.",
}


def _algorithm(results: Results) -> str:
    """Return the algorithm of the clusters, whichever program ran it."""
    return results.settings("panclust").get("algorithm", "louvain").removesuffix("-igraph")


def _blocks(results: Results) -> list[Block]:
    panclusters = clusters(results)
    again = int(panclusters["multiplicity"].sum() - len(panclusters))
    return [
        Paragraph(
            f"{plural(len(panclusters), 'pancluster')} in all. "
            f"{_KEPT[_algorithm(results)].format(each_study(results))} "
            f"{plural(again, 'cluster')} with exactly the same cells as another one "
            f"{'is' if again == 1 else 'are'} not counted again (see `multiplicity`)."
        ),
        replace(
            table(per_resolution(panclusters), caption="Panclusters per study and resolution."),
            numeric=(False, False, True, False, True, True, True),  # medians are texts
        ),
    ]


def per_resolution(panclusters: pd.DataFrame) -> pd.DataFrame:
    """Return the clusters per study and resolution (per level from the finest), and their sizes."""
    rows = []
    for (study, resolution), inside in panclusters.groupby(["study", "resolution"], sort=False, dropna=False):
        levels = inside["level"].value_counts().sort_index()
        rows.append(
            {
                "study": study,
                "order": -1.0 if pd.isna(resolution) else resolution,
                "resolution": "all cells" if pd.isna(resolution) else f"{resolution:g}",
                "clusters": len(inside),
                "at level 0, 1, 2 …": ", ".join(
                    str(levels.get(level, 0)) for level in range(int(levels.index.max()) + 1)
                )
                if len(levels)
                else "",
                "smallest (cells)": inside["n_cells"].min(),
                "median (cells)": f"{inside['n_cells'].median():,.10g}",
                "largest (cells)": inside["n_cells"].max(),
            }
        )
    place = {study: at for at, study in enumerate(dict.fromkeys(panclusters["study"]))}
    rows.sort(key=lambda row: (place[row["study"]], row["order"]))
    return pd.DataFrame(rows).drop(columns="order")


def _headline(results: Results) -> list[str]:
    panclusters = clusters(results)
    each = panclusters.groupby("study", sort=False).size()
    spread = between(each.min(), each.max())
    of_each = f", {spread} per study" if len(each) > 1 else ""
    return [f"{plural(len(panclusters), 'pancluster')}{of_each}."]


def _min_cells(results: Results) -> str:
    """Return e.g. `` with at least 500 cells``, or the range over the studies."""
    if "min_cells" not in results.settings("panclust"):
        return ""
    kept = cell_counts(results)["kept"] if results.has(QC) else {}
    numbers = set()
    for study in results.studies_config:
        asked = study.get("panclust", {}).get("min_cells", results.settings("panclust")["min_cells"])
        if asked != "auto":
            numbers.add(int(asked))
        elif study["id"] in kept and "landscape" in study.get("use", ("landscape",)):
            numbers.add(smallest_cluster(asked, int(kept[study["id"]])))
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    return f" with at least {between(low, high)} cells" + (
        " (by the size of the study)" if low < high else ""
    )


def _methods(results: Results) -> list[str]:
    settings = results.settings("panclust")
    algorithm = _algorithm(results).capitalize()
    graph = (
        f"the {settings['n_neighbors']} nearest neighbours (the cell itself not counted)"
        if "n_neighbors" in settings
        else "nearest neighbours"
    )
    space = f" in {settings['n_components']} principal components" if "n_components" in settings else ""
    resolutions = settings.get("resolutions") or ()
    at = f" at resolutions {listing([f'{value:g}' for value in resolutions])}" if len(resolutions) else ""
    least = _min_cells(results)
    if algorithm == "Ward":
        return [
            f"Cells of {each_study(results)} were joined in a Ward tree{space}; its nodes{least} are the "
            "panclusters."
        ]
    levels = "agglomeration" if algorithm == "Louvain" else "refinement"
    return [
        f"Cells of {each_study(results)} were clustered by {algorithm}{at} on the graph of {graph}{space}; "
        f"the clusters of every level of {levels}{least} are the panclusters."
    ]


def _idle(results: Results) -> list[str]:
    cited = {"louvain": "blondel2008louvain", "leiden": "traag2019leiden"}
    return [key for algorithm, key in cited.items() if algorithm != _algorithm(results)]


SECTION = Section(
    "panclust",
    "Panclusters",
    (CLUSTERS,),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("hie2019coscape", "blondel2008louvain", "traag2019leiden"),
    idle=_idle,
    use="landscape",
)
