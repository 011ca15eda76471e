"""Overlap of the dictionary's networks with known ones, compared with baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.report.blocks import Block, Gallery, Paragraph, Picture, table
from panscape.report.format import fixed, plural
from panscape.report.results import Results, caption
from panscape.report.section import Section

FOLDER, MAIN, MEAN = "overlap", "panclusters", "mean-correlation"
ZSCORES, EDGES = f"{FOLDER}/zscores.tsv", f"{FOLDER}/supported_edges.tsv"
VERDICTS = f"{FOLDER}/verdicts.tsv"
FIGURES = {
    "zscores": "Overlap with known networks",
    "curves": "Overlap by number of edges",
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
    "best_baseline": "strongest baseline",
    "shared": "known edges",
    "shared_baseline": "its known edges",
    "se": "± se",
    "baselines": "all differences",
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
    """Return the dictionary or baseline with the largest z per network."""
    known = scores[scores["target"] != MEAN].dropna(subset=["z"])
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
        f"and for {best[1]} when all have equal numbers of edges.",
        *_claim(results),
    ]


def _claim(results: Results) -> list[str]:
    """Say for which networks the paper's claim holds, for the dictionary and for the mean correlation."""
    if not results.has(VERDICTS):
        return []
    rows = results.table(VERDICTS, dtype=str)
    if "target" not in rows:
        return []
    said = [
        f"{who} it {_outcome(part)}"
        for target, who in (
            (MAIN, "with the dictionary"),
            (MEAN, "with the pairs most correlated within them"),
        )
        if len(part := rows[rows["target"] == target])
    ]
    return [
        "The paper's claim, that panclusters recover known networks better than clusters of one resolution "
        f"and all cells at once: {'; '.join(said)} (known edges among the heaviest at equal numbers, tested "
        "over the edges that only one graph has, with communities of genes as units)."
    ]


def _outcome(rows: pd.DataFrame) -> str:
    """Return for which networks the claim holds, fails or is open."""
    by = {name: part["network"].tolist() for name, part in rows.groupby("verdict")}
    if len(by) == 1:
        word = {"holds": "holds", "fails": "fails"}.get(next(iter(by)), "is open")
        return f"{word} for {'all networks' if len(rows) > 1 else rows['network'].iloc[0]}"
    against = rows.set_index("network")["best_baseline"]
    parts = []
    for verdict, word in (("holds", "holds for"), ("fails", "fails for"), ("open", "is open for")):
        named = [
            f"{name} (against {against[name]})" if verdict == "fails" else name
            for name in by.get(verdict, [])
        ]
        parts += [f"{word} {', '.join(named)}"] if named else []
    return ", ".join(parts)


def _blocks(results: Results) -> list[Block]:
    scores = zscores(results)
    columns = ["network", "target", "edges", "observed", "null_mean", "null_sd", "z", "pvalue", "fold"]
    edges = only_here(results)
    main, supported = (_picture(results, name) for name in ("zscores", "supported-edges"))
    drawn = ["gene_a", "gene_b", "weight", "n_networks", "networks"]
    return [
        Paragraph(
            "Targets: the union of the dictionary's networks, as many pairs of genes with the largest mean "
            "correlation over panclusters, dictionaries of the panclusters of one resolution alone, and the "
            "pairs that are strongly correlated over all cells at once."
        ),
        Gallery((main,)),
        table(
            scores[~scores["matched"]][columns],
            titles=_TITLES,
            caption="Overlap with known networks, all edges.",
            file=ZSCORES,
        ),
        *_by_number(results),
        *_supported(results, edges[drawn], supported),
    ]


def _picture(results: Results, name: str) -> Picture:
    text = caption(f"overlap_{name.replace('-', '_')}")
    return results.picture(f"{FOLDER}/figures/{name}", FIGURES[name], caption=text)


def _by_number(results: Results) -> list[Block]:
    """Return the curves over numbers of edges and the comparison they give."""
    if not results.has(VERDICTS):
        return []
    rows = results.table(VERDICTS, dtype={"network": str, "best_baseline": str, "baselines": str})
    text = "Graphs from panclusters beside the closest baseline, at the largest number of edges of both."
    return [Gallery((_picture(results, "curves"),)), table(rows, titles=_TITLES, caption=text, file=VERDICTS)]


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
