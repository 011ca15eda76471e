"""Figures of the comparison of lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from panscape.plot.network_parts import draw_circle, draw_lines, name_points
from panscape.plot.style import empty_figure
from panscape.sivae.networks.ends import SET_GENES
from panscape.sivae.networks.read import Collection
from panscape.sivae.networks.set_tests import figure_genes, library_sets
from panscape.sivae.networks.settings import TITLES, NetworkSettings
from panscape.sivae.networks.within import comparisons
from panscape.stats.gsea import MITO

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL_TITLES = {
    "sivae": "siVAE", "pca": "PCA", "pearson": "Pearson", "corrected": "noise-corrected",
    "proportionality": "proportionality",
}  # fmt: skip
MODEL_COLOURS = {
    "sivae": "#0072B2", "pca": "#E69F00", "pearson": "#009E73", "corrected": "#CC79A7",
    "proportionality": "#56B4E9",
}  # fmt: skip
CALLS = {"": "#b8b8b8", "with expression": "#E69F00", "connectivity": "#0072B2"}
CALL_TITLES = {"": "not found", "with expression": "goes with expression", "connectivity": "connectivity"}
LABELS = 6  # number of genes named per panel
SHOWN = 40  # maximum number of lines in the figure of reliability


def draw_networks(
    collection: Collection,
    embeddings: Mapping[str, pd.DataFrame],
    tables: Mapping[str, pd.DataFrame],
    settings: NetworkSettings,
    columns: Sequence[str],
    kernels: Mapping[str, tuple[str, str]],
) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of all figures.

    Parameters
    ----------
    collection
        The lines' models.
    embeddings
        Name of a comparison -> coordinates and phenotypes of lines.
    tables
        ``tests``, ``genes``, ``sets``, ``reliability``.
    settings, columns
        Settings of the stage; columns with phenotypes, the first of which colours the maps.
    kernels
        See `panscape.sivae.networks.run.kernel_names`.
    """
    yield "lines", plot_lines(embeddings, tables["tests"], tables["reliability"], columns, kernels)
    yield "genes", plot_genes(tables["genes"], settings.models)
    yield "reliability", plot_reliability(tables["reliability"])
    libraries = library_sets(settings.gene_sets, list(collection.genes), settings.mito_set)
    title, genes = figure_genes(tables["genes"], tables["sets"], libraries, settings.figure_set)
    label = first_phenotype(tables["tests"], [one.label for one in comparisons(collection.lines, columns)])
    first = next((one for one in comparisons(collection.lines, columns) if one.label == label), None)
    if first is not None:  # lines of one cell type, if they are divided by type
        collection = collection.of_kind(first.within)
        columns = [first.column, *(name for name in columns if name != first.column)]
    yield "networks", plot_set(collection, title, genes, settings, columns)


def first_phenotype(tests: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return the first phenotype that was tested, else the first phenotype, else an empty string."""
    used = set(tests.loc[tests["status"] == "tested", "phenotype"].fillna(""))
    return next((name for name in columns if name in used), columns[0] if columns else "")


def plot_lines(
    embeddings: Mapping[str, pd.DataFrame],
    tests: pd.DataFrame,
    reliability: pd.DataFrame,
    columns: Sequence[str],
    kernels: Mapping[str, tuple[str, str]],
) -> Figure:
    """Draw a map of lines per comparison, a row per model, coloured by the first phenotype.

    If lines are divided by cell type, those of the first phenotype's type are drawn.

    Parameters
    ----------
    embeddings
        Name of a comparison -> coordinates and phenotypes of lines.
    tests, reliability
        Tables of the stage.
    columns
        Columns with phenotypes.
    kernels
        Name of a comparison -> (kernel, model).
    """
    from panscape.plot.style import DOUBLE, new_figure, plain_text, style

    names = list(dict.fromkeys(kernel for kernel, _ in kernels.values()))
    models = list(dict.fromkeys(model for _, model in kernels.values()))
    table = next(iter(embeddings.values()), pd.DataFrame())
    every = comparisons(table, columns)
    phenotype = first_phenotype(tests, [one.label for one in every])
    first = next((one for one in every if one.label == phenotype), None)
    doubtful = reliability["flag"].isin(["unreliable", "collapsed"]) & (
        reliability["measure"] == "neighbours"
    )
    flagged = reliability[doubtful].groupby("model")["line"].agg(set)
    with style():
        fig = new_figure(DOUBLE, 0.6 + 2.0 * len(models))
        axes = fig.subplots(len(models), len(names), squeeze=False)
        drawn = None
        for i, model in enumerate(models):
            for j, kernel in enumerate(names):
                ax = axes[i, j]
                view = next((key for key, pair in kernels.items() if pair == (kernel, model)), None)
                if view is None:
                    ax.set_axis_off()
                    continue
                of_kernel = tests[(tests["part"] == kernel) & (tests["model"] == model)]
                shown = embeddings[view] if first is None else embeddings[view][first.inside]
                column = phenotype if first is None else first.column
                drawn = draw_lines(ax, shown, column, flagged.get(model, set())) or drawn
                ax.set_title(
                    f"{MODEL_TITLES[model]}:\n{TITLES[kernel]}\n{_verdict(of_kernel, phenotype)}", fontsize=7
                )
        if drawn is not None:
            bar = fig.colorbar(drawn, ax=axes.ravel().tolist(), shrink=0.5, aspect=30, pad=0.02)
            bar.outline.set_visible(False)
            bar.set_label(plain_text(phenotype))
        elif phenotype:
            fig.suptitle(plain_text(phenotype), fontsize=8)
    return fig


def _verdict(tests: pd.DataFrame, phenotype: str) -> str:
    rows = tests[(tests["phenotype"] == phenotype) & (tests["statistic"] == "permanova")]
    if rows.empty or not np.isfinite(float(rows["pvalue"].iloc[0])):
        return "not tested"
    return f"PERMANOVA p = {float(rows['pvalue'].iloc[0]):.2g}"


def plot_genes(genes: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw each gene's association by centrality against that by mean expression, a row per phenotype."""
    from panscape.plot.style import DOUBLE, new_figure, plain_text, style

    phenotypes = list(dict.fromkeys(genes["phenotype"]))[:3]
    if not phenotypes:
        return empty_figure("No phenotype was tested")
    with style():
        fig = new_figure(DOUBLE, 0.4 + 2.4 * len(phenotypes))
        axes = fig.subplots(len(phenotypes), len(models), squeeze=False, sharex=True, sharey=True)
        for i, phenotype in enumerate(phenotypes):
            for j, model in enumerate(models):
                of_model = genes[(genes["phenotype"] == phenotype) & (genes["model"] == model)]
                _draw_genes(axes[i, j], of_model)
                axes[i, j].set_title(plain_text(f"{MODEL_TITLES[model]}, {phenotype}"))
                if j == 0:
                    axes[i, j].set_ylabel("ρ of centrality")
                if i == len(phenotypes) - 1:
                    axes[i, j].set_xlabel("ρ of mean expression")
        handles = [axes[0, 0].scatter([], [], s=10, color=colour) for colour in CALLS.values()]
        fig.legend(handles, list(CALL_TITLES.values()), loc="outside lower center", ncols=3)
    return fig


def _draw_genes(ax, table: pd.DataFrame) -> None:
    for call, colour in CALLS.items():
        part = table[table["call"].fillna("") == call]
        ax.scatter(
            part["rho_mean_expression"], part["rho"], s=6 if call == "" else 12, color=colour, linewidths=0
        )
    ax.axhline(0, color="#d0d0d0", linewidth=0.6, zorder=0)
    ax.axvline(0, color="#d0d0d0", linewidth=0.6, zorder=0)
    ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
    named = table[table["call"] == "connectivity"].head(LABELS)
    name_points(
        ax, pd.DataFrame({"name": named["gene"], "x": named["rho_mean_expression"], "y": named["rho"]})
    )


def plot_reliability(table: pd.DataFrame) -> Figure:
    """Draw the similarity of the parts of a line (dot), and that to parts of other lines (bar)."""
    from panscape.plot.style import DOUBLE, new_figure, style

    measured = table[table["measure"].isin(["neighbours", "centrality"])]
    lines = list(dict.fromkeys(measured["line"]))
    if len(lines) > SHOWN:  # the least reliable ones are the most important to show
        first = measured[(measured["model"] == "sivae") & (measured["measure"] == "neighbours")]
        lines = first.sort_values("within")["line"].head(SHOWN).tolist()
    place = {line: at for at, line in enumerate(lines)}
    with style():
        fig = new_figure(DOUBLE, 1.0 + 0.2 * len(lines))
        for panel, (measure, title) in enumerate(
            {"neighbours": "Neighbours (Jaccard)", "centrality": "Centrality (Spearman)"}.items()
        ):
            ax = fig.add_subplot(1, 2, panel + 1)
            handles, models = [], list(dict.fromkeys(measured["model"]))
            for number, model in enumerate(models):
                part = measured[
                    (measured["measure"] == measure)
                    & (measured["model"] == model)
                    & measured["line"].isin(place)
                ]
                shift = (number - (len(models) - 1) / 2) * 0.66 / len(models)
                y = part["line"].map(place).to_numpy(float) + shift
                colour = MODEL_COLOURS[model]
                bad = part["flag"].isin(["unreliable", "collapsed"]).to_numpy()
                ax.vlines(part["others"], y - 0.1, y + 0.1, color=colour, linewidth=1.2, alpha=0.6)
                ax.scatter(
                    part["within"][bad], y[bad], s=14, facecolors="none", edgecolors=colour, linewidths=0.9
                )
                handles.append(ax.scatter(part["within"][~bad], y[~bad], s=12, color=colour, linewidths=0))
            ax.set_yticks(range(len(lines)), lines if panel == 0 else [""] * len(lines))
            ax.set(
                ylim=(len(lines) - 0.4, -0.6),
                title=title,
                xlabel="within the line (dot), to other lines (bar)",
            )
        fig.legend(handles, [MODEL_TITLES[model] for model in models], loc="outside lower center", ncols=4)
    return fig


def chosen_lines(lines: pd.DataFrame, settings: NetworkSettings, columns: Sequence[str]) -> list[str]:
    """Return the lines drawn: those named, or two of lowest and two of highest first phenotype.

    Parameters
    ----------
    lines
        Table of lines.
    settings
        Settings of the stage.
    columns
        Columns with phenotypes.
    """
    names = list(lines["line"])
    if settings.figure_lines:
        return [name for name in settings.figure_lines if name in names]
    for column in columns:
        if column in lines and lines[column].notna().sum() > 1:
            order = lines.dropna(subset=[column]).sort_values(column, kind="stable")["line"].tolist()
            return list(dict.fromkeys([*order[:2], *order[-2:]]))
    return names[:4]


def plot_set(
    collection: Collection,
    title: str,
    genes: Sequence[str],
    settings: NetworkSettings,
    columns: Sequence[str],
) -> Figure:
    """Draw the edges among the genes of a set in several lines, siVAE's above and Pearson's below.

    Parameters
    ----------
    collection
        The lines' models.
    title, genes
        Name and genes of the set.
    settings, columns
        Settings of the stage; columns with phenotypes.
    """
    from panscape.plot.style import DOUBLE, new_figure, plain_text, style

    known = {gene: at for at, gene in enumerate(collection.genes)}
    chosen = np.array([known[gene] for gene in genes if gene in known][:SET_GENES], dtype=int)
    names = chosen_lines(collection.lines, settings, columns)
    if len(chosen) < 2 or not names:
        return empty_figure(f"Fewer than two genes of {title} are analysed" if names else "No line to draw")
    models = [model for model in ("sivae", "pearson") if model in settings.models]
    column = next((name for name in columns if name in collection.lines), None)
    with style():
        fig = new_figure(DOUBLE, 0.3 + 2.0 * len(models))
        axes = fig.subplots(len(models), len(names), squeeze=False)
        for i, model in enumerate(models):
            for j, name in enumerate(names):
                at = collection.names.index(name)
                bins = collection.files[at].graphs(model, collection.whole(at))
                weights = sum(graph[chosen][:, chosen].toarray().astype(float) for graph in bins) / len(bins)
                draw_circle(axes[i, j], weights, collection.genes[chosen])
                value = "" if column is None else f"\n{column} {_short(collection.lines[column].iloc[at])}"
                axes[i, j].set_title(plain_text(f"{MODEL_TITLES[model]}, {name}{value}"), fontsize=7)
        what = "mitochondrial genes" if title == MITO else title
        fig.suptitle(plain_text(f"Edges among {len(chosen)} genes: {what}"), fontsize=8.5, fontweight="bold")
    return fig


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
