"""The simulated multiome sample has the planted structure."""

import anndata
import h5py
import numpy as np
import pytest

from panscape.errors import UserError
from panscape.simulate.multiome import (
    MultiomeSettings,
    draw_multiome,
    multiome_from_config,
    write_multiome,
    write_multiome_truth,
)


def drawn(seed=0, **changes):
    options = {
        "cells": 900,
        "n_genes": 240,
        "n_peaks": 720,
        "rna_depth": 4000.0,
        "atac_depth": 4000.0,
        **changes,
    }
    return draw_multiome(MultiomeSettings("multi", **options), seed)


def profile(matrix, mask):
    """Return mean counts per 10,000 of a group of cells."""
    sums = np.asarray(matrix[mask].sum(axis=0)).ravel()
    return 1e4 * sums / sums.sum()


def test_equal_seeds_give_equal_samples():
    one, two, other = drawn(1), drawn(1), drawn(2)
    assert (one.rna != two.rna).nnz == 0 and (one.atac != two.atac).nnz == 0
    assert (one.rna != other.rna).nnz > 0
    assert one.peaks.index.is_unique and one.genes.index.is_unique


def test_two_types_are_alike_in_rna_and_two_others_in_accessibility():
    sample = drawn()
    kind = sample.obs["cell_type"].to_numpy()
    middle = np.abs(sample.obs["state"].to_numpy() - 0.5) < 0.3

    def difference(matrix, a, b):
        first, second = (profile(matrix, (kind == f"type-{t}") & middle) for t in (a, b))
        return np.abs(np.log((first + 5) / (second + 5))).mean()

    assert difference(sample.rna, 1, 2) < 0.5 * difference(sample.rna, 3, 4)
    assert difference(sample.atac, 3, 4) < 0.5 * difference(sample.atac, 1, 2)


def test_linked_peaks_follow_their_gene_and_lie_near_it():
    sample = drawn(type_effect=0.0, cells=1500, links=1, n_peaks=500)
    assert len(sample.links) and sample.links["distance"].abs().max() <= 80_500
    strong = sample.links.nlargest(10, "effect")
    state, kind = sample.obs["state"].to_numpy(), sample.obs["cell_type"].to_numpy()
    groups = [
        (kind == name) & (state >= low) & (state < low + 0.25)
        for name in set(kind)
        for low in (0, 0.25, 0.5, 0.75)
    ]
    rna = np.array([profile(sample.rna, group) for group in groups])
    atac = np.array([profile(sample.atac, group) for group in groups])
    r = [
        np.corrcoef(
            np.log1p(rna[:, sample.genes.index.get_loc(g)]), np.log1p(atac[:, sample.peaks.index.get_loc(p)])
        )[0, 1]
        for g, p in zip(strong["gene"], strong["peak"], strict=True)
    ]
    assert np.median(r) > 0.7


def test_no_effects_plant_no_links():
    assert not len(drawn(type_effect=0.0, state_effect=0.0).links)


def test_file_and_truth(tmp_path):
    sample = drawn(cells=60)
    write_multiome(sample, tmp_path / "m.h5mu")
    write_multiome_truth(sample, tmp_path / "links.tsv")
    with h5py.File(tmp_path / "m.h5mu") as file:
        rna = anndata.io.read_elem(file["mod/rna"])
    assert rna.shape == (60, 240) and (tmp_path / "links.tsv").read_text().startswith(
        "gene\tpeak\tdistance\teffect"
    )


def test_names_and_numbers_that_do_not_fit():
    values = {"studies": [{"name": "a"}], "multiome": [{"name": "a"}]}
    with pytest.raises(UserError, match=r"simulation.multiome\[0\].name: the name 'a' occurs twice"):
        multiome_from_config(values)
    with pytest.raises(UserError, match="raise it to 4000"):
        multiome_from_config({"multiome": [{"name": "m", "n_peaks": 100}]})
