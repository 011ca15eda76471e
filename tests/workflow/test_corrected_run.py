"""The landscape by either distance, from counts to pseudotime."""

import numpy as np
import pytest

from panscape.data import files

TABLE = "results/tiny/landscape/pseudotime.tsv"


def check_scores(folder, *, pearson):
    """Check the chosen pairs of a finished tiny collection and their scores."""
    chosen = files.read_tsv(folder / "signal_pairs.tsv", dtype={"gene_a": str, "gene_b": str})
    assert chosen["weight"].between(0, 1).all() and (chosen["signal"] > 0).all()
    for study in ("early", "late"):
        scores = files.read_csr(folder / study / "scores.npz")
        members = files.read_csr(folder.parent / f"panclust/{study}/members.npz")
        assert scores.shape == (members.shape[0], len(chosen))
        assert not pearson or np.abs(scores.data).max() <= 1 + 1e-6


def test_the_default_compares_pairs_of_most_signal(finished):
    check_scores(finished / "results/tiny/coexpression", pearson=True)
    result = files.read_tsv(finished / TABLE)
    assert result["pseudotime"].notna().mean() > 0.5
    known = result.dropna(subset=["pseudotime_low"])
    assert len(known) > 0.5 * len(result) and (known["pseudotime_low"] <= known["pseudotime_high"]).all()
    assert (known["pseudotime_high"] > known["pseudotime_low"])[1:].mean() > 0.9
    assert result["placement"].isin(["placed", "uncertain", "unconnected"]).all()
    methods = (finished / "results/tiny/methods.md").read_text()
    assert "unthresholded correlations over the gene pairs with the most signal" in methods
    assert "The landscape does not use this threshold" in (finished / "results/tiny/report.html").read_text()


@pytest.mark.parametrize(("distance", "estimator"), [("corrected", "corrected"), ("thresholded", "pearson")])
def test_other_landscapes(workdir, snakemake, variant, distance, estimator):
    before = files.read_tsv(workdir / TABLE)
    config = variant(landscape__distance=distance, coexpression__estimator=estimator)
    run = snakemake(workdir, TABLE, config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    rerun = {"rule correlate_genes:", "rule score_pairs:"}
    assert {rule for rule in rerun if rule in run.stderr} == (rerun if estimator == "corrected" else set())
    if distance == "corrected":
        check_scores(workdir / "results/tiny/coexpression", pearson=False)
    after = files.read_tsv(workdir / TABLE)
    assert after["pseudotime"].notna().mean() > 0.5 and not after.equals(before)
    assert "Nothing to be done" in snakemake(workdir, TABLE, config=config).stderr
    if distance == "corrected":
        check_sensitivity(workdir, snakemake, config)


def check_sensitivity(workdir, snakemake, config):
    varied = "results/tiny/landscape/sensitivity.tsv"
    run = snakemake(workdir, varied, config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    rows = files.read_tsv(workdir / varied, dtype={"varied": str, "value": str}).set_index("varied")
    assert rows.loc["estimator", "value"] == "pearson" and rows.loc["estimator", "rho_configured"] > 0.5
    assert rows.loc["as configured", "rho_configured"] == pytest.approx(1)
    assert {"neighbours", "clusters", "genes", "weights"} <= set(rows.index)
