import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.config import figures
from panscape.data.files import write_csr, write_tsv
from panscape.plot import names as names_module
from panscape.plot.figure_names import title
from panscape.plot.landscape import ends, find_statistic
from panscape.plot.maps import is_labels, missing_note, plain_ticks, plot_map
from panscape.plot.river import partition, plot_river, river_column
from panscape.plot.spaces import plot_pairs_by_size, plot_spaces
from panscape.plot.style import save_figure
from panscape.plot.trajectory import (
    Statistic,
    _bins_in_words,
    binned_median,
    plot_along,
    plot_heatmap,
    plot_pseudotime_age,
)
from panscape.plot.view import View, graph_edges, read_expression, read_pair_values
from panscape.plot.volcano import plot_volcano

N = 30


@pytest.fixture
def view():
    rng = np.random.default_rng(1)
    time = np.linspace(0, 1, N)
    time[-2:] = np.nan
    obs = pd.DataFrame(
        {
            "study": pd.Categorical(np.tile(["a", "b", "c"], N // 3)),
            "age": np.arange(N) / 3.0,
            "n_cells": rng.integers(10, 900, N),
            "n_pairs": rng.integers(0, 900, N),
            "resolution": np.tile([0.1, 1.0, np.nan], N // 3),
            "cell_type": np.tile(["x<b>", "y$1$", ""], N // 3),
            "dpt_pseudotime": time,
        },
        index=[f"c{i}" for i in range(N)],
    )
    edges = np.stack([np.arange(N - 1), np.arange(1, N)], axis=1)
    return View(obs, rng.normal(size=(N, 2)), edges, {"age": "days"})


def texts(fig):
    import matplotlib.text

    fig.canvas.draw()
    return [item.get_text() for item in fig.findobj(matplotlib.text.Text) if item.get_text()]


def test_every_map_is_drawn_and_named(view, tmp_path):
    for column in [*view.obs.columns, "not_there"]:
        fig = plot_map(view, column)
        assert title(column) in texts(fig)
        assert save_figure(fig, tmp_path / column, formats=("png",))[0].stat().st_size > 3000


def test_map_of_pseudotime_says_which_clusters_are_grey(view):
    words = texts(plot_map(view, "dpt_pseudotime"))
    assert "Grey: 2 of 30 clusters, not connected to the root; they have no pseudotime." in words
    assert "root" in words


def test_colour_of_a_number_is_its_value(view):
    ax = plot_map(view, "age").axes[0]
    shown = np.concatenate([np.asarray(c.get_array()) for c in ax.collections if c.get_array() is not None])
    assert sorted(shown) == sorted(view.obs["age"])


def test_points_without_a_value_are_grey_and_all_points_are_drawn(view):
    ax = plot_map(view, "dpt_pseudotime").axes[0]
    from matplotlib.collections import PathCollection

    sizes = [len(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection)]
    assert sizes[:2] == [2, 28]


def test_labels_are_in_the_legend_and_hostile_ones_are_drawn_as_they_are(view):
    words = texts(plot_map(view, "cell_type"))
    assert "x<b>" in words
    assert "Grey: 10 of 30 clusters without a value." in words


def test_a_dollar_sign_is_not_a_formula(view, tmp_path):
    odd = View(view.obs.assign(cell_type=r"$\frac$"), view.xy)
    save_figure(plot_map(odd, "cell_type"), tmp_path / "map")
    values = np.arange(N, dtype=float)[None]
    save_figure(plot_heatmap(values, [r"$\x$"], view, title="t", unit="u"), tmp_path / "heatmap")
    save_figure(plot_along(values, [r"$\x$"], view, rhos=[1], title="t", unit="u"), tmp_path / "along")


def test_all_cells_are_a_resolution_of_their_own(view):
    assert {"0.1", "1", "all cells"} <= set(texts(plot_map(view, "resolution")))


def test_studies_keep_the_order_of_the_collection(view):
    late_first = View(view.obs.assign(study=["z-early"] * 15 + ["a-late"] * 15), view.xy)
    legend = plot_map(late_first, "study").axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["z-early", "a-late"]


def test_labels_and_numbers_are_distinguished(view):
    assert [is_labels(view.obs, name) for name in ("study", "age", "resolution", "cell_type", "nothing")] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_missing_note():
    assert missing_note("age", 0, 5) == ""
    assert missing_note("age", 5, 5) == "Grey: all 5 clusters without a value."


def test_pseudotime_against_age_prints_rho_beside_its_null(view):
    fig = plot_pseudotime_age(view, Statistic(0.912, 0.06, 0.05, 0.001, 28))
    words = texts(fig)
    assert "Spearman ρ = 0.91 (null 0.06 ± 0.05, p = 0.001, n = 28)" in words
    assert "Mean age (days)" in words
    assert any("2 of 30" in text for text in words)
    drawn = np.concatenate([c.get_offsets() for c in fig.axes[0].collections])
    assert len(drawn) == 28


def test_a_statistic_without_a_null_does_not_mention_one():
    assert Statistic(0.5).sentence("ρ") == "ρ = 0.50"
    assert Statistic(float("nan")).sentence("ρ") == "ρ: not defined"


def test_heatmap_bins_by_pseudotime_and_standardises(view):
    values = np.stack([np.arange(N, dtype=float), np.zeros(N)])
    fig = plot_heatmap(values, ["up", "flat"], view, title="t", unit="u")
    image = fig.axes[1].images[0].get_array()
    assert image.shape == (2, 28)
    assert np.all(np.diff(image[0]) > 0)
    assert image[0].std() == pytest.approx(1)
    assert np.all(image[1] == 0)


def test_empty_figures_have_a_note(view):
    empty = np.empty((0, N))
    for fig in (
        plot_heatmap(empty, [], view, title="t", unit="u"),
        plot_along(empty, [], view, rhos=[], title="t", unit="u"),
    ):
        assert any("nothing to show" in text for text in texts(fig))


def test_nothing_reached_is_drawn(view, tmp_path):
    alone = View(view.obs.assign(dpt_pseudotime=np.nan, age=np.nan, n_pairs=0), view.xy)
    for fig in (
        plot_pseudotime_age(alone),
        plot_map(alone, "dpt_pseudotime"),
        plot_along(np.zeros((1, N)), ["g"], alone, rhos=[np.nan], title="t", unit="u"),
        plot_heatmap(np.zeros((1, N)), ["g"], alone, title="t", unit="u"),
        plot_pairs_by_size(alone),
    ):
        save_figure(fig, tmp_path / "x", formats=("svg",))


def test_one_cluster_is_drawn(view, tmp_path):
    one = View(view.obs.iloc[:1], view.xy[:1])
    for column in view.obs.columns:
        save_figure(plot_map(one, column), tmp_path / column, formats=("png",))


def test_binned_median_against_pandas():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=84), rng.normal(size=84)
    middle, line = binned_median(x, y)
    bins = pd.qcut(x, 12, labels=False)
    expected = pd.DataFrame({"x": x, "y": y}).groupby(bins).median()
    np.testing.assert_allclose(middle, expected["x"])
    np.testing.assert_allclose(line, expected["y"])
    assert len(binned_median(x[:7], y[:7])[0]) == 1
    assert len(binned_median(x[:0], y[:0])[0]) == 0


def test_spaces_draws_each_value_and_leaves_out_what_is_not_there():
    age = names_module.AGE
    table = pd.DataFrame(
        [
            ("coexpression", age, 0.91, 0.85, 0.95, 0.06, 0.05, 0.001, 9),
            ("expression", age, -0.4, np.nan, np.nan, 0.06, np.nan, 0.1, 9),
            ("n_cells", age, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, 9),
        ],
        columns=["space", "statistic", "value", "low", "high", "null_mean", "null_sd", "pvalue", "n"],
    )
    fig = plot_spaces(table)
    assert {"0.91", "−0.40", "coexpression", "expression"} <= set(texts(fig))
    assert "cluster size alone" not in texts(fig)
    assert len(fig.axes) == 1
    drawn = [tuple(line.get_xdata()) for line in fig.axes[0].lines]
    assert (0.85, 0.95) in drawn
    assert len(drawn) == 3  # zero, the null with a spread, and one interval
    assert any("no statistics" in text for text in texts(plot_spaces(table.head(0))))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (30, 700, [50, 100, 200, 500]),
        (1, 1e5, [1, 10, 100, 1000, 1e4, 1e5]),
        (900, 2600, [1000, 1500, 2000, 2500]),
    ],
)
def test_plain_ticks(low, high, expected):
    assert plain_ticks(low, high) == pytest.approx(expected)


def test_edges_are_drawn_once():
    graph = sparse.csr_matrix([[0, 0.5, 0], [0.5, 0, 0], [0.2, 0, 1]])
    assert graph_edges(graph).tolist() == [[0, 1], [0, 2]]


def test_layout_must_fit_the_clusters(view):
    with pytest.raises(ValueError, match="30 clusters"):
        View(view.obs, view.xy[:3])


def test_expression_is_put_in_the_order_of_the_clusters(tmp_path):
    paths = []
    for study, names in (("a", ["a1", "a2"]), ("b", ["b1"])):
        mean = np.arange(len(names) * 2, dtype=np.float32).reshape(-1, 2) + (10 if study == "b" else 0)
        data = anndata.AnnData(
            mean, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=["g", "h"]), layers={"mean": mean}
        )
        data.write_h5ad(tmp_path / f"{study}.h5ad")
        paths.append(tmp_path / f"{study}.h5ad")
    expression = read_expression(paths, ["h", "g"], pd.Index(["b1", "a2", "a1"]))
    assert expression.tolist() == [[11, 3, 1], [10, 2, 0]]
    with pytest.raises(KeyError, match="nowhere"):
        read_expression(paths, ["nowhere"], pd.Index(["b1"]))
    with pytest.raises(KeyError, match="c9"):
        read_expression(paths, ["g"], pd.Index(["b1", "c9"]))


def test_pairs_absent_from_a_study_are_zero(tmp_path):
    write_tsv(pd.DataFrame({"cluster": ["a1", "a2"]}), tmp_path / "clusters.tsv")
    write_tsv(pd.DataFrame({"gene_a": ["g", "g"], "gene_b": ["h", "i"]}), tmp_path / "pairs.tsv")
    write_csr(sparse.csr_matrix(np.array([[0.5, 0.7], [0, -0.9]])), tmp_path / "m.npz")
    wanted = pd.DataFrame({"gene_a": ["g", "x"], "gene_b": ["i", "y"]})
    paths = [(tmp_path / "clusters.tsv", tmp_path / "m.npz", tmp_path / "pairs.tsv")]
    values = read_pair_values(paths, wanted, pd.Index(["a2", "other", "a1"]))
    np.testing.assert_allclose(values, [[-0.9, 0, 0.7], [0, 0, 0]])


def test_ends_takes_the_strongest_of_both_signs():
    table = pd.DataFrame({"gene": list("abcde"), "rho": [0.1, -0.9, 0.8, np.nan, -0.2]})
    assert ends(table, 1)["gene"].tolist() == ["c", "b"]
    assert ends(table, 9)["gene"].tolist() == ["c", "a", "e", "b"]


def test_find_statistic():
    table = pd.DataFrame(
        [("coexpression", "rho", 0.5, 0.4, 0.6, np.nan, np.nan, np.nan, np.nan)],
        columns=["space", "statistic", "value", "low", "high", "null_mean", "null_sd", "pvalue", "n"],
    )
    statistic = find_statistic(table, "coexpression", "rho")
    assert (statistic.value, statistic.low, statistic.high) == (0.5, 0.4, 0.6)
    assert statistic.sentence("ρ") == "ρ = 0.50 (95 % 0.40 to 0.60)"
    assert find_statistic(table, "expression", "rho") is None


def test_figures_follow_the_configuration():
    config = {
        "age_unit": "days",
        "studies": [
            {"id": "a", "obs": {"age": {}, "cell_type": {}}},
            {"id": "b", "obs": {"Sex": {}}, "use": ["landscape"]},
            {"id": "c", "obs": {"elsewhere": {}}, "use": ["sivae"]},
        ],
        "report": {"colour_by": None},
    }
    names = figures.landscape(config)
    assert {"map-age", "map-cell-type", "map-Sex", "spaces"} <= set(names)
    assert "map-elsewhere" not in names
    assert names["map-cell-type"] == "Cell type"
    assert figures.units(config) == {"age": "days"}
    assert figures.formats(config) == ["png", "svg"]
    few = figures.landscape(config | {"report": {"colour_by": ["Sex"], "pdf": True}})
    assert "map-Sex" in few
    assert "map-cell-type" not in few
    assert "map-study" in few


def test_heat_map_leaves_values_out_that_are_not_measured(view):
    values = np.vstack([np.arange(N, dtype=float), np.where(np.arange(N) < 10, np.nan, 1.0)])
    fig = plot_heatmap(values, ["g1", "g2"], view, title="t", unit="u", standardise=False)
    (image,) = [ax.images[0] for ax in fig.axes if ax.images and len(ax.get_yticks()) == 2]
    shown = np.ma.filled(image.get_array().astype(float), np.nan)
    assert np.isnan(shown[1, :10]).all() and (shown[1, 10:] == 1).all() and not np.isnan(shown[0]).any()


def test_bins_of_uneven_clusters_are_not_called_about_as_large_as_the_first():
    assert _bins_in_words(np.array_split(np.arange(41), 40)) == "40 bins of 1 to 2 clusters"
    assert _bins_in_words(np.array_split(np.arange(40), 20)) == "20 bins of 2 clusters"
    assert _bins_in_words(np.array_split(np.arange(9), 9)) == "9 bins of 1 cluster"


def test_the_note_below_the_spaces_names_only_what_is_drawn():
    rows = [("coexpression", names_module.MIXING, 0.58, *[np.nan] * 2, 0.71, *[np.nan] * 2, 55)]
    names = ["space", "statistic", "value", "low", "high", "null_mean", "null_sd", "pvalue", "n"]
    drawn = texts(plot_spaces(pd.DataFrame(rows, columns=names)))
    assert "point: observed    bar: by chance" in drawn
    rows = [("coexpression", names_module.AGE, 0.9, 0.8, 0.95, 0.1, 0.05, 0.01, 55)]
    drawn = texts(plot_spaces(pd.DataFrame(rows, columns=names)))
    assert any("line: 95 % interval" in text and "2 sd" in text for text in drawn)


def nested():
    """Return two studies: in `a` resolution 2 splits all cells, in `b` it keeps half of them."""
    names = ["a-all", "a-r1-l0-c0", "a-r1-l1-c1", "a-r2-l0-c0", "a-r2-l0-c1", "a-r2-l0-c2", "b-r1-l0-c0"]
    names += ["b-r2-l0-c0", "b-r2-l0-c1"]
    same = ["", "", "r1-l0-c1;r1-l2-c1", "", "", "", "", "", ""]
    obs = pd.DataFrame({"study": [name[0] for name in names], "duplicates": same}, index=names)
    obs["n_cells"] = [100, 60, 40, 50, 30, 20, 80, 20, 20]
    obs["cell_type"] = pd.Categorical(["x", "x", "y", "x", "y$1$", None, "y$1$", "x", "x"])
    obs["dpt_pseudotime"] = [0.5, 0.1, 0.9, 0.2, 0.8, 0.4, 0.6, 0.1, 0.2]
    return View(obs, np.zeros((len(obs), 2)))


def test_the_river_counts_no_cell_twice_and_leaves_few_out():
    assert nested().obs.index[partition(nested().obs)].tolist() == [
        "a-r2-l0-c0", "a-r2-l0-c1", "a-r2-l0-c2", "b-r1-l0-c0",
    ]  # fmt: skip
    fewer = nested().obs.drop(index="a-r2-l0-c0")  # resolution 2 holds half of the cells, so 1 is taken
    assert "a-r1-l1-c1" in fewer.index[partition(fewer)]
    small = nested().obs.loc[["a-all", "a-r2-l0-c2", "b-r2-l0-c0"]]  # of a study with one cluster, this one
    assert small.index[partition(small)].tolist() == ["a-all", "b-r2-l0-c0"]


def test_the_river_names_studies_and_labels():
    view = nested()
    assert river_column(view, ["study", "component", "n_cells", "cell_type"]) == "cell_type"
    assert river_column(View(view.obs.assign(cell_type="x"), view.xy), ["cell_type"]) is None
    fig = plot_river(view, "cell_type")
    assert {"a", "b", "no label", "4 panclusters in order of pseudotime", "cell type"} <= set(texts(fig))
    heights = np.array([np.ptp(path.get_path().vertices[[3, 4], 1]) for path in fig.axes[0].patches])
    # a ribbon on either side of each cluster, as high as its share of the cells
    np.testing.assert_allclose(heights / heights.sum(), np.tile([50, 20, 80, 30], 2) / 360, atol=1e-9)
    unordered = View(view.obs.assign(dpt_pseudotime=np.nan), view.xy)
    assert "4 panclusters by label" in texts(plot_river(unordered, "cell_type"))


def test_the_volcano_names_the_strongest_genes_apart_from_each_other():
    rho = np.linspace(-0.95, 0.95, 41)
    genes = pd.DataFrame({"gene": [f"g{i}" for i in range(41)], "rho": 0.0, "rho_within": rho})
    genes["fdr"] = 10.0 ** (-8 * np.abs(rho))
    genes.loc[40, "fdr"] = np.nan  # not tested
    fig = plot_volcano(genes)
    named = [item for item in fig.axes[0].texts if item.get_text().startswith("g")]
    assert {"g0", "g39"} <= {item.get_text() for item in named} and len(named) == 16
    assert "g40" not in texts(fig) and "of 40" in fig.axes[0].get_title(loc="left")
    right = sorted(item.xyann[1] for item in named if item.xyann[0] > 0)
    assert np.diff(right).min() > 0.05 * fig.axes[0].get_ylim()[1]
