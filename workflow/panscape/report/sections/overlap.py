"""Overlap of the dictionary's networks with known ones, compared with baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.report.blocks import Block, Gallery, Paragraph, Picture, table
from panscape.report.format import fixed, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section

FOLDER, MAIN = "overlap", "panclusters"
ZSCORES, EDGES = f"{FOLDER}/zscores.tsv", f"{FOLDER}/supported_edges.tsv"
FIGURES = {
    "zscores": "Overlap with known networks",
    "supported-edges": "Supported edges that only panclustering finds",
}
_TITLES = {
    "null_mean": "by chance",
    "null_sd": "± sd",
    "pvalue": "p",
    "density_ratio": "over uniform",
    "network_edges": "network's edges",
    "n_networks": "networks",
    "networks": "which",
    "n_baselines": "baselines with it",
}


def zscores(results: Results) -> pd.DataFrame:
    """Return the scores with `matched` as bool."""
    rows = results.table(ZSCORES, dtype={"network": str, "target": str})
    return rows.assign(matched=rows["matched"].astype(str) == "True")


def only_here(results: Results) -> pd.DataFrame:
    """Return the edges absent from all baselines and present in enough networks."""
    rows = results.table(EDGES, dtype={"gene_a": str, "gene_b": str, "networks": str})
    min_networks = results.settings(FOLDER).get("min_networks", 2)
    return rows[(rows["only_here"].astype(str) == "True") & (rows["n_networks"] >= min_networks)]


def winners(scores: pd.DataFrame) -> pd.Series:
    """Return the target with the largest z per network."""
    known = scores.dropna(subset=["z"])
    return known.loc[known.groupby("network", sort=False)["z"].idxmax()].set_index("network")["target"]


def _headline(results: Results) -> list[str]:
    scores = zscores(results)
    networks = scores["network"].nunique()
    main = scores[(scores["target"] == MAIN) & ~scores["matched"]]
    strong = int((main["z"] > 3).sum())
    best = [int((winners(scores[scores["matched"] == matched]) == MAIN).sum()) for matched in (False, True)]
    return [
        f"The dictionary's edges overlap with {strong} of {plural(networks, 'known network')} more than "
        "graphs of the same degrees do (z > 3). Compared with dictionaries of single resolutions and with "
        f"one correlation matrix of all cells, its z is the largest for {best[0]} of {networks} networks, "
        f"and for {best[1]} when all have equal numbers of edges."
    ]


def _blocks(results: Results) -> list[Block]:
    scores = zscores(results)
    columns = ["network", "target", "edges", "observed", "null_mean", "null_sd", "z", "pvalue", "fold"]
    edges = only_here(results)
    main, supported = (
        results.picture(
            f"{FOLDER}/figures/{name}", title, caption=caption(f"overlap_{name.replace('-', '_')}")
        )
        for name, title in FIGURES.items()
    )
    drawn = ["gene_a", "gene_b", "weight", "n_networks", "networks"]
    return [
        Paragraph(
            "Targets: the union of the dictionary's networks, the same from panclusters of one resolution "
            "alone, and the pairs that are strongly correlated over all cells at once."
        ),
        Gallery((main,)),
        table(
            scores[~scores["matched"]][columns],
            titles=_TITLES,
            caption="Overlap with known networks, all edges.",
            file=ZSCORES,
        ),
        *_supported(results, edges[drawn], supported),
    ]


def _supported(results: Results, edges: pd.DataFrame, picture: Picture) -> list[Block]:
    """Return figure and table of the edges found by panclustering only, or a note that there are none."""
    min_networks = results.settings(FOLDER).get("min_networks", 2)
    if edges.empty:
        text = (
            "Not shown: supported edges that only panclustering finds (no edge that is missing from all "
            f"baselines is in {plural(min_networks, 'known network')} or more)."
        )
        return [Paragraph(text, "note")]
    return [
        Paragraph(
            f"{plural(len(edges), 'edge is', 'edges are')} in {plural(min_networks, 'known network')} "
            "or more and found by panclustering only."
        ),
        Gallery((picture,)),
        table(
            edges,
            titles=_TITLES,
            caption="Edges found by panclustering only and supported by known networks.",
            file=EDGES,
            limit=results.table_rows,
        ),
    ]


def _rewired(used: Mapping[str, Any]) -> str:
    """Return the name of the graph that the null rewires."""
    return "known network" if used.get("rewire") == "known" else "coexpression graph"


def _methods(results: Results) -> list[str]:
    used = results.settings(FOLDER)
    return [
        "Overlap with known networks was tested against "
        f"{used.get('rewirings')} degree-preserving rewirings of the {_rewired(used)} "
        f"({used.get('tries_per_edge')} swaps tried per edge, each from the observed graph), "
        "both graphs restricted to the genes of the known network; "
        f"lowest attainable p {fixed(1 / (1 + used.get('rewirings', 100)), 3)}."
    ]


SECTION = Section(
    "overlap",
    "Known networks",
    (ZSCORES, EDGES),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=("hie2019coscape", "maslov2002rewiring"),
    optional=True,
)
