import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from panscape.plot.qc import plot_qc
from panscape.plot.qc_histograms import draw_failure, histograms
from panscape.plot.style import save_figure
from panscape.preprocess.qc import qc
from panscape.preprocess.settings import QcSettings


def result(tmp_path, matrix, **limits):
    obs = pd.DataFrame(index=[f"c{at}" for at in range(matrix.shape[0])])
    genes = pd.Index(["MT-ND1", "RPS2", *(f"G{at}" for at in range(matrix.shape[1] - 2))])
    settings = QcSettings(**{"min_genes": 0, "max_mito": 1, "min_cells_per_gene": 0, **limits})
    blocks = [(slice(0, matrix.shape[0]), sparse.csr_matrix(matrix, dtype=np.float32))]
    return qc(blocks, obs, genes, tmp_path / "c.h5ad", settings, study="s", species="human")


def test_panels_show_all_cells_and_the_limits(tmp_path):
    rng = np.random.default_rng(0)
    made = result(tmp_path, rng.poisson(rng.gamma(1, 1, (300, 1)), (300, 20)), min_genes=5, max_mito=0.1)
    fig = plot_qc(histograms(made), made.table, title="lab")
    assert [ax.get_title(loc="left").strip() for ax in fig.axes] == [
        "Counts per cell", "Genes per cell", "Mitochondrial share", "Ribosomal share"
    ]  # fmt: skip
    lines = [[line.get_xdata()[0] for line in ax.lines] for ax in fig.axes]
    assert lines == [[], [5], [0.1], []]
    counted = sum(bar.get_height() for bar in fig.axes[2].patches)
    assert counted == 300
    removed = (made.cells["removed_by"] == "max_mito").sum()
    assert removed and f"{removed} removed" in fig.axes[2].texts[0].get_text()
    assert f"{(made.cells['removed_by'] == '').sum()} of 300 cells kept" in fig.get_suptitle()
    written = save_figure(fig, tmp_path / "qc.svg")
    assert [path.name for path in written] == ["qc.png", "qc.svg"]


@pytest.mark.parametrize("matrix", [np.ones((5, 4)), np.zeros((5, 4)), np.eye(5, 4)])
def test_cells_that_are_all_alike_or_empty(tmp_path, matrix):
    made = result(tmp_path, matrix)
    fig = plot_qc(histograms(made), made.table)
    save_figure(fig, tmp_path / "qc.png", formats=("png",))
    assert sum(bar.get_height() for bar in fig.axes[3].patches) == 5


def test_histograms_count_every_cell_once(tmp_path):
    rng = np.random.default_rng(1)
    made = result(tmp_path, rng.poisson(rng.gamma(1, 1, (300, 1)), (300, 20)), min_genes=5)
    table = histograms(made)
    sums = table.groupby("measure", sort=False)[["kept", "removed"]].sum()
    left = int((made.cells["removed_by"] == "").sum())
    assert (sums["kept"] == left).all() and (sums["removed"] == 300 - left).all() and 0 < left < 300
    genes = table[table["measure"] == "n_genes"]
    expected = np.histogram(made.cells.loc[made.cells["removed_by"] == "", "n_genes"], [5, 1e9])[0][0]
    assert genes.loc[genes["high"] > 5, "kept"].sum() == expected == left


def test_a_failure_is_drawn_beside_its_tables(tmp_path):
    made = result(tmp_path, np.ones((5, 4)), min_genes=3)
    draw_failure(made, tmp_path / "logs" / "qc.svg", "lab")
    written = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert written == ["histograms.tsv", "qc.png", "qc.svg", "qc.tsv"]


def test_a_limit_far_beyond_all_shares_does_not_hide_them(tmp_path):
    rng = np.random.default_rng(2)
    matrix = rng.poisson(20, (300, 40))
    matrix[:, 0] = rng.integers(0, 3, 300)  # mitochondrial shares of at most 0.3 %
    made = result(tmp_path, matrix, max_mito=0.2)
    ax = plot_qc(histograms(made), made.table).axes[2]
    assert not ax.lines and ax.get_xlim()[1] < 0.02
    assert "> 0.2: 0 removed" in ax.texts[0].get_text()
