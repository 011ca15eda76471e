"""Landscape: maps, pseudotime against age, and feature spaces with their nulls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from panscape.config import figures
from panscape.plot import names
from panscape.plot.figure_names import map_name
from panscape.report.blocks import Block, Files, Gallery, Heading, Paragraph, table
from panscape.report.format import count, listing
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections.coexpression import corrected
from panscape.report.sections.drawn import drawn, left_out
from panscape.report.sections.landscape_places import PSEUDOTIME, placement_blocks, placement_methods
from panscape.report.sections.landscape_sensitivity import sensitivity
from panscape.report.sections.landscape_sentences import clusters, few_clusters, headline, ordered
from panscape.report.sections.landscape_tables import (
    STATISTICS,
    missing_statistics,
    statistics,
    statistics_table,
)
from panscape.report.sections.studies import landscape_studies

FIGURES = "landscape/figures"


_TIME = "dpt-pseudotime"
SHOWN_MAPS = 4
_FIRST = ("map-study", f"map-{_TIME}", "map-age")
_GREY = " In the map of pseudotime these are clusters that are not connected to the root."


def _blocks(results: Results) -> list[Block]:
    titles = drawn(results)
    blocks: list[Block] = [Paragraph(text, "warning") for text in few_clusters(results)]
    for name, text in (
        ("pseudotime-age", "pseudotime_age"),
        ("pseudotime-intervals", "pseudotime_intervals"),
        ("spaces", "spaces"),
    ):
        if name in titles:
            blocks.append(results.picture(f"{FIGURES}/{name}", titles[name], caption=caption(text)))
    blocks += [statistics_table(results), *missing_statistics(results)]
    blocks += _maps(results, titles)
    names = [name for name in figures.landscape(results.config) if name.startswith("map-")]
    blocks += left_out(results, ["pseudotime-age", "pseudotime-intervals", "spaces", *names])
    return [
        *blocks,
        *_river(results, titles),
        *placement_blocks(results),
        *sensitivity(results),
        *_parts(results),
    ]


def _river(results: Results, titles: Mapping[str, str]) -> list[Block]:
    if "river" not in titles:
        return left_out(results, ["river"])
    return [results.picture(f"{FIGURES}/river", titles["river"], caption=caption("river"))]


def _maps(results: Results, titles: Mapping[str, str]) -> list[Block]:
    """Return the maps that say most, and links to the others: they differ in their colours only."""
    there = [name for name in titles if name.startswith("map-")]
    if not there:
        return []
    own = [map_name(name) for name in figures.columns(results.config) if name not in figures.ALWAYS]
    first = [name for name in (*_FIRST, *own, *there) if name in there]
    shown = list(dict.fromkeys(first))[:SHOWN_MAPS]
    text = caption("landscape_map") + (_GREY if f"map-{_TIME}" in shown else "")
    pictures = tuple(results.picture(f"{FIGURES}/{name}", titles[name]) for name in shown)
    blocks: list[Block] = [Heading("Maps"), Gallery(pictures, text)]
    links = []
    for name in there:
        kinds = [kind for kind in ("svg", "png", "pdf") if results.has(f"{FIGURES}/{name}.{kind}")]
        if name not in shown and kinds:
            links.append((titles[name], f"{FIGURES}/{name}.{kinds[0]}"))
    return [*blocks, Files("The same map by other columns:", tuple(links))] if links else blocks


def _parts(results: Results) -> list[Block]:
    table_, rows = clusters(results), []
    if table_["component"].nunique() < 2:
        return []
    for part, inside in table_.groupby("component"):
        studies = inside["study"].value_counts()
        rows.append(
            {
                "part": int(part),
                "clusters": len(inside),
                "with pseudotime": int(inside["pseudotime"].notna().sum()),
                "studies": listing([f"{study} ({number_of})" for study, number_of in studies.items()]),
            }
        )
    text = "Clusters in different connected parts have no finite distance"
    rows = pd.DataFrame(rows)
    if ordered(results):
        text += ": pseudotime is defined inside the root's part only"
    else:
        rows = rows.drop(columns="with pseudotime")
    return [
        Heading("Connected parts"),
        Paragraph(f"{text}."),
        table(rows, caption="Connected parts of the neighbour graph.", file=PSEUDOTIME),
    ]


_METRICS = {"euclidean": "Euclidean"}


def _swept(settings: Mapping[str, Any]) -> str:
    """Return over which numbers of neighbours pseudotime is the median, if over several."""
    sweep = settings.get("neighbor_sweep") or ()
    if not corrected(settings) or not sweep:
        return ""
    numbers = listing([str(k) for k in sweep])
    return f" (the median over graphs of {numbers} neighbours, at most three quarters of the panclusters)"


def _distance(settings: Mapping[str, Any]) -> str:
    """Return e.g. "cosine distance"; files of the previous version have the metric in `distance`."""
    if corrected(settings):
        return (
            "1 - cosine of their unthresholded correlations over the gene pairs with the most signal, "
            f"{count(settings['top_pairs'])} at most, weighted by their signal and without the noise of "
            "common cells, plus two standard errors"
        )
    metric = settings.get("metric", settings.get("distance"))
    return f"{_METRICS.get(metric, metric)} distance" if metric else ""


def _methods(results: Results) -> list[str]:
    settings = results.settings("landscape")
    inside = [
        _distance(settings),
        f"{settings['n_neighbors']} neighbours, the cluster itself not counted"
        if "n_neighbors" in settings
        else "",
        "the diagonal included" if settings.get("diagonal") else "",
        "duplicate clusters included" if settings.get("duplicates") else "",
    ]
    several = len(landscape_studies(results)) > 1
    whose = "Panclusters of all these studies" if several else "Panclusters"
    graph = f"{whose} were joined in a graph of nearest neighbours by coexpression"
    graph += f" ({', '.join(part for part in inside if part)})" if any(inside) else ""
    root = settings.get("root", "lowest-age")
    start = {"lowest-age": "the cluster of lowest mean age", "none": ""}.get(root, root)
    order = f" and ordered by diffusion pseudotime from {start}{_swept(settings)}"
    order = order if start and ordered(results) else ""
    return [
        f"{graph}, laid out with ForceAtlas2{order}.",
        *placement_methods(results),
        *_age_methods(results),
    ]


def _age_methods(results: Results) -> list[str]:
    """Return a sentence on the comparison of pseudotime with age, if there was one."""
    rows = statistics(results)
    rows = rows[rows["statistic"].isin([names.AGE, names.REACHED]) & rows["value"].notna()]
    if rows.empty:
        return []
    text = (
        "Pseudotime was compared with age by Spearman correlation over the clusters reached in all compared "
        "spaces, alongside the same analysis of the clusters' expression"
    )
    if rows["pvalue"].notna().any():
        text += (
            "; p-values are from shuffling ages over the sampled units (clusters' mean ages, root and "
            "correlation were recomputed)"
        )
    if rows["low"].notna().any():
        text += "; 95 % intervals are from a bootstrap over samples or disjoint groups of cells"
    return [f"{text}."]


def _idle(results: Results) -> list[str]:
    weights = results.settings("landscape").get("kernel", "umap")
    unused = [] if ordered(results) else ["haghverdi2016dpt", "benjamini1995fdr"]
    unused += [] if placement_methods(results) else ["rubin1981bayesian", "rao1988resampling"]
    return unused + ([] if weights == "umap" else ["mcinnes2018umap"])


SECTION = Section(
    "landscape",
    "Landscape",
    (STATISTICS, PSEUDOTIME),
    _blocks,
    headline=headline,
    methods=_methods,
    references=(
        "hie2019coscape",
        "jacomy2014forceatlas2",
        "haghverdi2016dpt",
        "mcinnes2018umap",
        "benjamini1995fdr",
        "rubin1981bayesian",
        "rao1988resampling",
    ),
    idle=_idle,
    use="landscape",
)
