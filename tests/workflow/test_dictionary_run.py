"""Dictionary and overlap in the report, and what cannot be learned."""

import shutil

import numpy as np
import pytest

from panscape.data import files

SETTINGS = {"k_range": [2, 6], "starts": 2, "max_iter": 20, "min_panclusters": 3}


@pytest.fixture(scope="module")
def reported(finished, tmp_path_factory, snakemake):
    """Return (folder, configuration) of the tiny collection with its networks in the report."""
    import yaml
    from tiny_collection import TINY

    folder = tmp_path_factory.mktemp("reported") / "copy"
    shutil.copytree(finished, folder, symlinks=True)
    pairs = files.read_tsv(folder / "results/tiny/landscape/pairs.tsv", dtype=str)
    files.write_tsv(pairs.loc[::2, ["gene_a", "gene_b"]], folder / "known.tsv")
    sets = pairs["gene_a"].drop_duplicates().to_numpy()
    lines = [
        "\t".join([f"set-{at}", "made up", *part]) for at, part in enumerate(np.array_split(sets[:60], 4))
    ]
    (folder / "sets.gmt").write_text("\n".join(lines) + "\n")
    config = yaml.safe_load(TINY.read_text())
    config["dictionary"] = {**SETTINGS, "gene_sets": [str(folder / "sets.gmt")]}
    config["overlap"] = {"networks": [{"name": "known", "path": str(folder / "known.tsv")}]}
    config["report"] = {"dictionary": True, "overlap": True}
    path = folder / "reported.yaml"
    path.write_text(yaml.safe_dump(config))
    run = snakemake(folder, config=path)
    assert run.returncode == 0, run.stderr[-4000:]
    return folder, path


def test_networks_and_overlap_are_in_the_report(reported, snakemake):
    folder, config = reported
    html = (folder / "results/tiny/report.html").read_text()
    for words in ("Marker edges", "Planted modules", "Known networks", "degree-preserving", "Gene sets"):
        assert words in html, words
    figures = {path.stem for path in (folder / "results/tiny").glob("*/figures/*.png")}
    assert {"elbow", "usage-maps", "usage-labels", "networks", "confidence", "enrichment"} <= figures
    assert {"zscores", "supported-edges"} <= figures
    assert "Nothing to be done" in snakemake(folder, config=config).stderr


def test_confidence_stands_beside_centrality_and_markers(reported):
    folder = reported[0] / "results/tiny/dictionary"
    for name in ("centrality", "marker_edges", "entries"):
        trust = files.read_tsv(folder / f"{name}.tsv")["reliability"]
        assert trust.notna().any() and trust.dropna().between(-1, 1).all(), name


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"dictionary": {**SETTINGS, "k": 5000}}, "dictionary.k"),
        ({"dictionary": {**SETTINGS, "min_panclusters": 5000}}, "dictionary.min_panclusters"),
    ],
)
def test_what_cannot_be_learned_is_told(reported, snakemake, variant, settings, words):
    run = snakemake(reported[0], "results/tiny/dictionary/dictionary.h5ad", config=variant(**settings))
    assert run.returncode != 0
    log = (reported[0] / "logs/tiny/dictionary/learn_dictionary.log").read_text()
    assert words in log + run.stderr


def test_products_need_pairs_of_two_genes(reported, snakemake, variant):
    run = snakemake(reported[0], "-n", config=variant(dictionary={"pairs": "symmetric"}))
    assert run.returncode != 0 and "dictionary.pairs" in run.stdout + run.stderr
