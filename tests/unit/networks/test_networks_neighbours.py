"""Neighbors of single genes in all lines."""

import logging

import made_lines
import numpy as np
import pandas as pd
import pytest

from panscape.data import files
from panscape.report.results import Results
from panscape.report.sections.network_engines import neighbour_blocks
from panscape.sivae.networks.neighbours import COLUMNS, LINE_COLUMNS, TOP, neighbour_tables, shown_genes
from panscape.sivae.networks.read import read_collection, read_lines
from panscape.sivae.networks.settings import NetworkSettings

SHOW = NetworkSettings(engines=("pca", "corrected"), show_genes=("C01", "absent"))
NONE = pd.DataFrame(columns=["gene", "model", "call", "pvalue"])


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("neighbours")
    made_lines.write(folder, bins=2, lines=lambda table: table.head(4))
    return read_collection(read_lines(folder / "lines.tsv"), folder)


@pytest.fixture(scope="module")
def tables(collection):
    return neighbour_tables(collection, SHOW, NONE)


def test_partners_in_a_module_are_neighbours_in_most_lines(tables):
    consensus, by_line = tables
    assert list(consensus) == COLUMNS and list(by_line) == LINE_COLUMNS
    best = consensus[consensus["gene"].str.startswith("C") & (consensus["rank"] <= 5)]
    assert set(best["model"]) == {"sivae", "pca", "corrected"}
    assert best["neighbour"].str.startswith("C").groupby(best["model"]).mean().min() > 0.9
    assert (best["lines"] <= best["n"]).all() and (best["n"] == 4).all()
    assert by_line["neighbours"].str.split(", ").str[0].str.startswith("C").all()
    assert len(by_line) == 3 * 4 and set(by_line["gene"]) == {"C01"}


def test_lines_count_by_the_fraction_of_their_bins(collection, tables):
    consensus = tables[0]
    subset = consensus[(consensus["gene"] == "C02") & (consensus["model"] == "pca")]
    parts = []
    for file in collection.files:
        table = file.neighbours().query("model == 'pca' and gene == 'C02'")
        parts.append(table.groupby("neighbour").agg(lines=("rank", "size"), total=("rank", "sum")))
    expected = pd.concat(parts).groupby("neighbour").sum()
    direct = expected["lines"] / 2
    np.testing.assert_allclose(subset["lines"], direct[subset["neighbour"]])
    np.testing.assert_allclose(
        subset["mean_rank"], (expected["total"] / expected["lines"])[subset["neighbour"]], rtol=1e-6
    )
    assert len(subset) == TOP and subset["lines"].is_monotonic_decreasing
    assert subset["lines"].min() >= direct.drop(subset["neighbour"]).max() - 1e-9


def test_named_genes_then_called_ones_then_central_ones(collection, caplog):
    with caplog.at_level(logging.WARNING):
        assert shown_genes(collection, SHOW, NONE) == ["C01"]
    assert "absent" in caplog.text
    table = pd.DataFrame(
        {"gene": ["A01", "A02", "A03"], "model": ["sivae", "sivae", "pca"], "pvalue": [0.02, 0.01, 0.001]}
    ).assign(call="connectivity")
    chosen = shown_genes(collection, NetworkSettings(), table)
    assert chosen[:2] == ["A02", "A01"] and len(chosen) == len(set(chosen)) == 6


def test_the_report_lists_them_by_engine_and_by_line(tables, tmp_path):
    for table, name in zip(tables, ("neighbours.tsv.gz", "line_neighbours.tsv"), strict=True):
        files.write_tsv(table, tmp_path / "networks" / name)
    paths = list((tmp_path / "networks").iterdir())
    _, first, second = neighbour_blocks(Results.of(tmp_path, paths, {}), 50)
    assert [row[:2] for row in first.rows] == [
        ("C01", "siVAE"), ("C01", "PCA"), ("C01", "noise-corrected")
    ]  # fmt: skip
    assert first.rows[0][2].startswith("C") and "(4)" in first.rows[0][2] and len(second.rows) == 4
    assert neighbour_blocks(Results.of(tmp_path, [], {}), 50) == []
