"""The map of genes, and figures of programmes by genes and traits."""

import random

import numpy as np
import pandas as pd
import pytest

from panscape.coscape.dictionary.gene_map import gene_map
from panscape.plot.program_maps import plot_gene_map, plot_traits, plot_volcano

NAMES = [f"entry-{at + 1:02d}" for at in range(12)]
PROGRAMS = pd.DataFrame({"entry": NAMES, "top_genes": "A, B", "name": ""})


def tables(genes=12, seed=0):
    """Return the membership and places of 12 groups of genes, and of as many genes in no group."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(13), genes)
    kme = rng.normal(0, 0.05, (len(owner), 12))
    kme[np.arange(12 * genes), owner[: 12 * genes]] += 0.5
    gene = [f"g{at:03d}" for at in rng.permutation(len(owner))]
    entry = [(*NAMES, "")[at] for at in owner]
    placed = pd.DataFrame({"gene": gene, "entry": entry, "kme": np.abs(kme).max(axis=1)})
    membership = pd.DataFrame({"entry": np.repeat(NAMES, len(gene)), "gene": gene * 12, "kme": kme.T.ravel()})
    return membership, placed


def test_genes_of_an_entry_lie_together():
    membership, placed = tables()
    state = random.getstate()
    drawn = gene_map(membership, placed, NAMES)
    assert random.getstate() == state
    pd.testing.assert_frame_equal(drawn, gene_map(membership.sample(frac=1, random_state=1), placed, NAMES))
    inside = drawn[drawn["entry"] != ""]
    assert drawn.loc[drawn["entry"] == "", "map_1"].isna().all() and inside["map_1"].notna().all()
    xy = inside[["map_1", "map_2"]].to_numpy()
    apart = np.linalg.norm(xy[:, None] - xy, axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = inside["entry"].to_numpy()[apart.argmin(axis=1)]
    assert (nearest == inside["entry"].to_numpy()).mean() > 0.95
    assert max(xy.std(axis=0)) == pytest.approx(1, abs=1e-3)


def test_too_few_genes_have_no_map():
    membership, placed = tables()
    few = placed.assign(entry=np.where(np.arange(len(placed)) < 4, placed["entry"], ""))
    drawn = gene_map(membership, few, NAMES)
    assert drawn["map_1"].isna().all()
    assert "Too few genes" in plot_gene_map(PROGRAMS, drawn).axes[0].texts[0].get_text()


def changes(columns=("age", "sex")):
    rng = np.random.default_rng(3)
    rows = [
        (column, measure, entry, kind)
        for column, kind in zip(columns, ("number", "m against f"), strict=True)
        for measure in ("level", "activity", "connectivity")
        for entry in NAMES
    ]
    table = pd.DataFrame(rows, columns=["column", "measure", "entry", "kind"])
    rho = rng.uniform(-1, 1, len(table))
    sure = {"pvalue": np.maximum((1 - np.abs(rho)) ** 3, 1e-3), "fdr": 0.2 - 0.2 * np.abs(rho)}
    return table.assign(n_samples=12, rho=rho, **sure)


def test_texts_of_the_figures_do_not_overprint():
    membership, placed = tables()
    figures = [
        plot_gene_map(PROGRAMS, gene_map(membership, placed, NAMES)),
        plot_volcano(PROGRAMS, changes()),
    ]
    for figure in figures:
        figure.canvas.draw()
        for ax in figure.axes:
            boxes = [text.get_window_extent() for text in ax.texts]
            assert not any(a.overlaps(b) for at, a in enumerate(boxes) for b in boxes[:at])
    assert len(figures[0].axes[0].texts) == 12
    named = sum(len(ax.texts) for ax in figures[1].axes)
    assert 6 <= named <= 36


def test_traits_are_starred_where_they_are_sure():
    table = changes()
    figure = plot_traits(PROGRAMS, table)
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in panels] == ["level", "activity", "connectivity"]
    stars = sum(len(ax.texts) for ax in panels)
    assert stars == (table["fdr"] < 0.05).sum() > 0
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == ["age", "sex: m against f"]
    assert panels[0].images[0].get_array()[3, 0] == pytest.approx(table["rho"][3])


def test_nothing_compared_is_said():
    empty = changes().head(0)
    for draw in (plot_traits, plot_volcano):
        assert "No column could be compared" in draw(PROGRAMS, empty).axes[0].texts[0].get_text()
