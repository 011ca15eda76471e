"""The landscape by the corrected distance, from counts to pseudotime."""

import numpy as np
import pytest

from panscape.data import files


@pytest.mark.parametrize("estimator", ["pearson", "corrected"])
def test_landscape_of_the_corrected_distance(workdir, snakemake, variant, estimator):
    config = variant(landscape__distance="corrected", coexpression__estimator=estimator)
    table = "results/tiny/landscape/pseudotime.tsv"
    run = snakemake(workdir, table, config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    folder = workdir / "results/tiny/coexpression"
    chosen = files.read_tsv(folder / "signal_pairs.tsv", dtype={"gene_a": str, "gene_b": str})
    assert chosen["weight"].between(0, 1).all() and (chosen["signal"] > 0).all()
    for study in ("early", "late"):
        scores = files.read_csr(folder / study / "scores.npz")
        members = files.read_csr(workdir / f"results/tiny/panclust/{study}/members.npz")
        assert scores.shape == (members.shape[0], len(chosen))
        if estimator == "pearson":
            assert np.abs(scores.data).max() <= 1 + 1e-6
    result = files.read_tsv(workdir / table)
    assert result["pseudotime"].notna().mean() > 0.5
    known = result.dropna(subset=["pseudotime_low"])
    assert len(known) > 0.5 * len(result) and (known["pseudotime_low"] <= known["pseudotime_high"]).all()
    assert (known["pseudotime_high"] > known["pseudotime_low"])[1:].mean() > 0.9
    assert result["placement"].isin(["placed", "uncertain", "unconnected"]).all()
    assert "Nothing to be done" in snakemake(workdir, table, config=config).stderr
