"""The landscape: maps, pseudotime against age, both spaces beside their nulls."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from panscape import figures
from panscape.plot import read_statistics
from panscape.plot import statistics_names as names
from panscape.report._blocks import Block, Gallery, Heading, Paragraph, Table, table
from panscape.report._format import count, fixed, listing, percent, plural, pvalue
from panscape.report._results import Results, caption
from panscape.report._section import Section

STATISTICS, PSEUDOTIME = "landscape/statistics.tsv", "landscape/pseudotime.tsv"
FIGURES = "landscape/figures"
SENSITIVITY = "landscape/sensitivity"


def statistics(results: Results) -> pd.DataFrame:
    """Return the statistics of both spaces."""
    return read_statistics(results.path(STATISTICS))


def statistic(table_: pd.DataFrame, space: str, name: str) -> pd.Series | None:
    """Return one statistic's row; None if it is not there or not defined."""
    rows = table_[(table_["space"] == space) & (table_["statistic"] == name)]
    return None if rows.empty or not math.isfinite(rows.iloc[0]["value"]) else rows.iloc[0]


def beside_null(row: pd.Series, what: str = "by chance") -> str:
    """Return e.g. ``by chance 0.06 ± 0.05, p = 0.001``."""
    if not math.isfinite(row["null_mean"]):
        return "no null"
    spread = f" ± {fixed(row['null_sd'])}" if math.isfinite(row["null_sd"]) else ""
    chance = f", p = {pvalue(row['pvalue'])}" if math.isfinite(row["pvalue"]) else ""
    return f"{what} {fixed(row['null_mean'])}{spread}{chance}"


def _headline(results: Results) -> list[str]:
    found = statistics(results)
    return [*_age_sentences(found), *_mixing_sentences(found), *_parts_sentences(results)]


def _age_sentences(found: pd.DataFrame) -> list[str]:
    own = statistic(found, "coexpression", names.AGE)
    if own is None:
        return ["Pseudotime is not compared with age: the clusters have no ages, or no pseudotime."]
    text = (
        f"Pseudotime in coexpression space goes with age at Spearman ρ = {fixed(own['value'])} over "
        f"{plural(int(own['n']), 'cluster')} ({beside_null(own, '|ρ| with permuted ages')})."
    )
    others = []
    for space in found["space"].unique():
        row = statistic(found, space, names.AGE)
        if space != "coexpression" and row is not None:
            others.append(f"{names.space_label(space)} {fixed(row['value'])}")
    return [f"{text} Other descriptions of the same clusters: {'; '.join(others)}." if others else text]


def _mixing_sentences(found: pd.DataFrame) -> list[str]:
    own, other = (statistic(found, space, names.MIXING) for space in ("coexpression", "expression"))
    if own is None:
        return []
    chance = own["null_mean"]
    null = f", {percent(chance)} if studies were mixed at random" if math.isfinite(chance) else ""
    text = f"Of a cluster's neighbours {percent(own['value'])} belong to other studies{null}"
    return [f"{text}; in expression space {percent(other['value'])}." if other is not None else f"{text}."]


def _parts_sentences(results: Results) -> list[str]:
    table_ = results.table(PSEUDOTIME, dtype={"cluster": str, "study": str})
    parts, without = table_["component"].nunique(), int(table_["pseudotime"].isna().sum())
    if parts <= 1 and not without:
        return ["The landscape is one connected piece."]
    text = f"The landscape has {plural(parts, 'connected part')}"
    if not without:
        return [f"{text}."]
    verb = "has" if without == 1 else "have"
    return [
        f"{text}; {count(without)} of {plural(len(table_), 'cluster')} {verb} no pseudotime, and are given "
        "none."
    ]


def spaces_table(results: Results) -> Table:
    """Return the headline statistics, one row per space, each beside its null."""
    found = statistics(results)
    panels = [
        name for name, _ in names.PANELS if np.isfinite(found.loc[found["statistic"] == name, "value"]).any()
    ]
    rows = []
    for space in found["space"].unique():
        own = {name: statistic(found, space, name) for name in panels}
        if any(row is not None for row in own.values()):
            rows.append([names.space_label(space), *map(_with_null, own.values())])
    header = ["space", *map(names.label, panels)]
    caption_ = (
        "Coexpression space beside other descriptions of the same clusters; in brackets what chance gives: "
        "mean ± "
        "standard deviation under permutation (of absolute values for ρ)."
    )
    numeric = (False, *(True for _ in header[1:]))
    return Table(tuple(header), tuple(map(tuple, rows)), numeric, caption_, STATISTICS)


def statistics_table(results: Results) -> Table:
    """Return every statistic of coexpression and expression space, each beside its null."""
    found = statistics(results)
    spaces = ("coexpression", "expression")
    rows = []
    for name in dict.fromkeys(found.loc[found["space"].isin(spaces), "statistic"]):
        rows.append(
            [
                names.label(name),
                *(text for space in spaces for text in _beside(statistic(found, space, name))),
            ]
        )
    header = ("measure", "coexpression space", "by chance", "expression space", "by chance")
    return Table(header, tuple(map(tuple, rows)), (False, True, True, True, True), _NULLS, STATISTICS)


_NULLS = (
    "By chance: mean ± standard deviation under permutation (of absolute values for correlations), with the "
    "permutation p-value."
)


def _with_null(row: pd.Series | None) -> str:
    """Return e.g. ``0.91 (0.06 ± 0.05)``."""
    if row is None:
        return "–"
    if not math.isfinite(row["null_mean"]):
        return _value(row["value"])
    spread = f" ± {fixed(row['null_sd'])}" if math.isfinite(row["null_sd"]) else ""
    return f"{_value(row['value'])} ({fixed(row['null_mean'])}{spread})"


def _beside(row: pd.Series | None) -> tuple[str, str]:
    """Return a statistic's texts: value and null."""
    if row is None:
        return "–", "–"
    return _value(row["value"]), _null(row) if math.isfinite(row["null_mean"]) else "–"


def _value(value: float) -> str:
    return count(value) if float(value).is_integer() and abs(value) >= 1 else fixed(value)


def _null(row: pd.Series) -> str:
    spread = f" ± {fixed(row['null_sd'])}" if math.isfinite(row["null_sd"]) else ""
    chance = f" (p = {pvalue(row['pvalue'])})" if math.isfinite(row["pvalue"]) else ""
    return f"{fixed(row['null_mean'])}{spread}{chance}"


def _blocks(results: Results) -> list[Block]:
    drawn = {stem.rsplit("/", 1)[-1] for stem in results.figures(f"{FIGURES}/*")}
    titles = {name: title for name, title in figures.landscape(results.config).items() if name in drawn}
    blocks: list[Block] = []
    for name, text in (("pseudotime-age", "pseudotime_age"), ("spaces", "spaces")):
        if name in titles:
            blocks.append(results.picture(f"{FIGURES}/{name}", titles[name], caption=caption(text)))
    blocks.append(statistics_table(results))
    maps = [
        results.picture(f"{FIGURES}/{name}", title)
        for name, title in titles.items()
        if name.startswith("map-")
    ]
    if maps:
        blocks += [Heading("Maps"), Gallery(tuple(maps), caption("landscape_map"))]
    return [*blocks, *_sensitivity(results), *_parts(results)]


def _sensitivity(results: Results) -> list[Block]:
    if not results.figures(SENSITIVITY):
        return []
    title = "Sensitivity to threshold and neighbours"
    return [Heading(title), results.picture(SENSITIVITY, title, caption=caption("sensitivity"))]


def _parts(results: Results) -> list[Block]:
    table_ = results.table(PSEUDOTIME, dtype={"cluster": str, "study": str})
    rows = []
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
    text = (
        "Clusters of different connected parts share no path of neighbours, so nothing says how far apart "
        "they are: "
        "pseudotime is defined inside the root's part only."
    )
    rows = pd.DataFrame(rows)
    return [
        Heading("Connected parts"),
        Paragraph(text),
        table(rows, caption="Connected parts of the neighbour graph.", file=PSEUDOTIME),
    ]


def _methods(results: Results) -> list[str]:
    settings = results.settings("landscape")
    inside = [
        f"{settings['distance']} distance" if "distance" in settings else "",
        f"{settings['neighbours']} neighbours" if "neighbours" in settings else "",
        "the diagonal included" if settings.get("diagonal") else "",
        "duplicate clusters included" if settings.get("duplicates") else "",
    ]
    graph = "Panclusters of all studies were joined in a graph of nearest neighbours by coexpression"
    graph += f" ({', '.join(part for part in inside if part)})" if any(inside) else ""
    root = settings.get("root", "lowest-age")
    start = {"lowest-age": "the cluster of lowest mean age", "none": ""}.get(root, root)
    order = f" and ordered by diffusion pseudotime from {start}" if start else ""
    return [
        f"{graph}, laid out with ForceAtlas2{order}.",
        "Pseudotime was compared with age by Spearman correlation over clusters, beside its permutation null "
        "and "
        "beside the same analysis of the clusters' expression.",
    ]


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
    use="landscape",
)
