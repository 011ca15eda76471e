"""The landscape: maps, pseudotime against age, both spaces beside their nulls."""

from __future__ import annotations

import math

import pandas as pd

from panscape.config import figures
from panscape.plot import names
from panscape.report.blocks import Block, Gallery, Heading, Paragraph, table
from panscape.report.format import count, fixed, listing, percent, plural, pvalue
from panscape.report.results import Results, caption
from panscape.report.section import Section
from panscape.report.sections.drawn import drawn, left_out
from panscape.report.sections.landscape_tables import (
    STATISTICS,
    interval,
    missing_statistics,
    statistic,
    statistics,
    statistics_table,
)
from panscape.report.sections.studies import landscape_studies

FEW = 20  # clusters below which a landscape shows next to nothing
PSEUDOTIME = "landscape/pseudotime.tsv"
FIGURES = "landscape/figures"
SENSITIVITY = "landscape/sensitivity"


def beside_null(row: pd.Series, what: str = "by chance") -> str:
    """Return e.g. ``by chance 0.06 ± 0.05, p = 0.001``."""
    if not math.isfinite(row["null_mean"]):
        return row["note"] or "no null"
    spread = f" ± {fixed(row['null_sd'])}" if math.isfinite(row["null_sd"]) else ""
    chance = f", p = {pvalue(row['pvalue'])}" if math.isfinite(row["pvalue"]) else ""
    undecided = f"; {row['note']}" if row["note"] and not chance else ""
    return f"{what} {fixed(row['null_mean'])}{spread}{chance}{undecided}"


def with_interval(row: pd.Series) -> str:
    """Return e.g. ``0.91 (95 % interval 0.85 to 0.95)``."""
    return f"{fixed(row['value'])}{interval(row, ' (95 % interval {})')}"


def _headline(results: Results) -> list[str]:
    found = statistics(results)
    return [
        *few_clusters(results),
        *_age_sentences(results, found),
        *_mixing_sentences(found),
        *_parts_sentences(results),
    ]


def few_clusters(results: Results) -> list[str]:
    """Return the sentence that a landscape has too few clusters to be read, if it has."""
    number = len(_clusters(results))
    if number >= FEW:
        return []
    return [
        f"The landscape has only {plural(number, 'cluster')}; fewer than {FEW} show no reliable order and no "
        "reliable statistics. A smaller panclust.min_cells gives more clusters."
    ]


def _clusters(results: Results) -> pd.DataFrame:
    return results.table(PSEUDOTIME, dtype={"cluster": str, "study": str})


def ordered(results: Results) -> bool:
    """Tell whether clusters have a pseudotime."""
    return bool(_clusters(results)["pseudotime"].notna().any())


def no_order(results: Results) -> str:
    """Return why no cluster has a pseudotime."""
    if results.settings("landscape").get("root") == "none":
        return "landscape.root is none"
    return "no cluster could be taken as the root"


def _age_sentences(results: Results, found: pd.DataFrame) -> list[str]:
    own = statistic(found, "coexpression", names.REACHED)
    if own is None:
        if not ordered(results):
            return [f"Clusters have no pseudotime: {no_order(results)}."]
        why = _reason(found, "coexpression", names.REACHED) or "no cluster has an age"
        return [f"Pseudotime is not compared with age: {why}."]
    text = (
        f"Pseudotime in coexpression space goes with age at Spearman ρ = {with_interval(own)} over "
        f"{plural(int(own['n']), 'cluster')} ({beside_null(own, '|ρ| with shuffled ages')}"
        f"{_shuffled_over(own)})."
    )
    return [text, *_between_studies(found), *_other_descriptions(found)]


def _between_studies(found: pd.DataFrame) -> list[str]:
    """Return the correlation within studies and that with the ages of other studies, or why there is none."""
    sentences = []
    between = "Between the ages of clusters and of their nearest clusters of other studies"
    for name, start, chance in (
        (names.WITHIN, "Within studies", "|ρ| with ages shuffled within studies"),
        (names.OTHER_STUDIES, between, "ρ with ages shuffled within studies"),
    ):
        row = statistic(found, "coexpression", name)
        if row is not None:
            over = plural(int(row["n"]), "cluster")
            sentences.append(f"{start} ρ = {with_interval(row)} over {over} ({beside_null(row, chance)}).")
        elif reason := _reason(found, "coexpression", name):
            sentences.append(f"{start} there is no ρ: {reason}.")
    return sentences


def _other_descriptions(found: pd.DataFrame) -> list[str]:
    """Return all descriptions on the clusters that every one of them reaches, and which are left out."""
    shown, left_out, numbers = [], [], []
    for space in found["space"].unique():
        row = statistic(found, space, names.AGE)
        if row is not None:
            shown.append(f"{names.space_label(space)} {fixed(row['value'])}{interval(row)}")
            numbers.append(int(row["n"]))
        elif reason := _reason(found, space, names.AGE):
            left_out.append(f"{names.space_label(space)}: {reason}.")
    if len(shown) < 2:
        return left_out
    clusters = plural(numbers[0], "cluster")
    return [f"On the {clusters} that all descriptions reach: {'; '.join(shown)}.", *left_out]


def _reason(found: pd.DataFrame, space: str, name: str) -> str:
    """Return why a statistic has no value; empty if it has one or nothing is known of it."""
    rows = found[(found["space"] == space) & (found["statistic"] == name)]
    return "" if rows.empty or math.isfinite(rows.iloc[0]["value"]) else str(rows.iloc[0]["note"])


def _shuffled_over(row: pd.Series) -> str:
    """Return what the ages were shuffled over, e.g. ``; shuffled over 18 batches``."""
    kinds = [part.split(" ", 1) for part in row["units"].split(", ") if " " in part]
    named = [plural(int(number_of), what, _plural(what)) for number_of, what in kinds]
    return f"; shuffled over {listing(named)}" if named else ""


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return "mice" if noun == "mouse" else f"{noun}s"


def _mixing_sentences(found: pd.DataFrame) -> list[str]:
    own, other = (statistic(found, space, names.MIXING) for space in ("coexpression", "expression"))
    if own is None:
        return []
    chance = own["null_mean"]
    null = f", {percent(chance)} if studies were mixed at random" if math.isfinite(chance) else ""
    text = f"Of a cluster's neighbours {percent(own['value'])} belong to other studies{null}"
    return [f"{text}; in expression space {percent(other['value'])}." if other is not None else f"{text}."]


def _parts_sentences(results: Results) -> list[str]:
    table_ = _clusters(results)
    parts, without = table_["component"].nunique(), int(table_["pseudotime"].isna().sum())
    if parts <= 1:
        return ["The landscape is connected: paths of neighbours join all clusters."]
    text = f"The landscape has {plural(parts, 'connected part')}"
    if not without or not ordered(results):
        return [f"{text}."]
    verb = "has" if without == 1 else "have"
    return [
        f"{text}; {count(without)} of {plural(len(table_), 'cluster')} {verb} no pseudotime, because no path "
        "of neighbours joins them to the root."
    ]


_TIME = "dpt-pseudotime"
_GREY = " In the map of pseudotime these are clusters that no path of neighbours joins to the root."


def _blocks(results: Results) -> list[Block]:
    titles = drawn(results)
    blocks: list[Block] = [Paragraph(text, "warning") for text in few_clusters(results)]
    for name, text in (("pseudotime-age", "pseudotime_age"), ("spaces", "spaces")):
        if name in titles:
            blocks.append(results.picture(f"{FIGURES}/{name}", titles[name], caption=caption(text)))
    blocks += [statistics_table(results), *missing_statistics(results)]
    maps = [
        results.picture(f"{FIGURES}/{name}", title)
        for name, title in titles.items()
        if name.startswith("map-")
    ]
    if maps:
        text = caption("landscape_map") + (_GREY if f"map-{_TIME}" in titles else "")
        blocks += [Heading("Maps"), Gallery(tuple(maps), text)]
    names = [name for name in figures.landscape(results.config) if name.startswith("map-")]
    blocks += left_out(results, ["pseudotime-age", "spaces", *names])
    return [*blocks, *_sensitivity(results), *_parts(results)]


def _sensitivity(results: Results) -> list[Block]:
    if not results.figures(SENSITIVITY):
        return []
    title = "Sensitivity to threshold and neighbours"
    return [Heading(title), results.picture(SENSITIVITY, title, caption=caption("sensitivity"))]


def _parts(results: Results) -> list[Block]:
    table_, rows = _clusters(results), []
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
    text = "No path of neighbours joins clusters of different connected parts, so their distance is unknown"
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


_DISTANCES = {"euclidean": "Euclidean"}


def _methods(results: Results) -> list[str]:
    settings = results.settings("landscape")
    inside = [
        f"{_DISTANCES.get(settings['distance'], settings['distance'])} distance"
        if "distance" in settings
        else "",
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
    order = f" and ordered by diffusion pseudotime from {start}" if start and ordered(results) else ""
    return [f"{graph}, laid out with ForceAtlas2{order}.", *_age_methods(results)]


def _age_methods(results: Results) -> list[str]:
    """Return how pseudotime was compared with age, if it was."""
    rows = statistics(results)
    rows = rows[rows["statistic"].isin([names.AGE, names.REACHED]) & rows["value"].notna()]
    if rows.empty:
        return []
    text = (
        "Pseudotime was compared with age by Spearman correlation over the clusters that all compared spaces "
        "reach, beside the same analysis of the clusters' expression"
    )
    if rows["pvalue"].notna().any():
        text += (
            "; p-values are from shuffling the ages over what was sampled (clusters' mean ages, root and "
            "correlation were computed again)"
        )
    if rows["low"].notna().any():
        text += "; 95 % intervals are from a bootstrap over samples or disjoint groups of cells"
    return [f"{text}."]


def _idle(results: Results) -> list[str]:
    weights = results.settings("landscape").get("kernel", "umap")
    unused = [] if ordered(results) else ["haghverdi2016dpt", "benjamini1995fdr"]
    return unused + ([] if weights == "umap" else ["mcinnes2018umap"])


SECTION = Section(
    "landscape",
    "Landscape",
    (STATISTICS, PSEUDOTIME),
    _blocks,
    headline=_headline,
    methods=_methods,
    references=(
        "hie2019coscape",
        "jacomy2014forceatlas2",
        "haghverdi2016dpt",
        "mcinnes2018umap",
        "benjamini1995fdr",
    ),
    idle=_idle,
    use="landscape",
)
