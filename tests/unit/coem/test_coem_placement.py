"""Counts on the device, or sent ahead, train the same model as counts of the host, bit for bit."""

import numpy as np
import pytest
import torch
from scipy import sparse

from panscape.coem import task as tasks
from panscape.coem.device_cells import DeviceCounts
from panscape.coem.embed import _prepare, embed
from panscape.coem.entries import WHOLE, split
from panscape.coem.settings import CoemSettings

QUICK = {
    "n_epochs": 1, "min_steps": 14, "batch_size": 64, "n_latent": 6, "n_hidden": 8, "n_projection": 6,
    "peak_fraction": (0.0, 1.0),
}  # fmt: skip
CPU = torch.device("cpu")


@pytest.mark.parametrize("where", ["device", "ahead"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rna_likelihood": "poisson", "atac_likelihood": "bernoulli"},
        {"rna_likelihood": "zinb", "atac_likelihood": "nb", "thinning": 0.0},
        {"decoder": "mlp", "atac_likelihood": "poisson"},
    ],
)
def test_a_model_is_the_same_wherever_its_cells_are(cells, where, changes, monkeypatch):
    peaks = cells.atac.copy()
    if changes.get("atac_likelihood") == "bernoulli":
        peaks.data[:] = 1
    rna = sparse.csr_matrix(cells.rna)
    batch = np.arange(rna.shape[0]) % 2
    usual = embed(rna, peaks, batch=batch, settings=QUICK | changes, seed=2)
    asked, made = [], []
    monkeypatch.setattr(tasks, "placement", lambda nbytes, device: asked.append(nbytes) or where)
    usual_split = DeviceCounts.split
    monkeypatch.setattr(
        DeviceCounts, "split", lambda self, *given: made.append(1) or usual_split(self, *given)
    )
    other = embed(rna, peaks, batch=batch, settings=QUICK | changes, seed=2)
    assert asked[0] > 8 * rna.nnz * 0.5 and bool(made) == (where == "device")
    np.testing.assert_array_equal(other.joint, usual.joint)
    assert other.history == usual.history


@pytest.mark.parametrize("fraction", [0.0, 0.4, 1.0])
def test_counts_on_the_device_are_split_as_on_the_host(cells, fraction):
    prepared, _ = _prepare(cells.rna, None, None, None, CoemSettings.of(QUICK), 1, CPU)
    modality = prepared.modalities[0]
    rows, shares = np.array([7, 3, 7, 0, 99]), np.full(5, fraction)
    state = int(np.random.default_rng(4).integers(1 << 64, dtype=np.uint64))
    limit = torch.from_numpy((shares * WHOLE).astype(np.int64))
    made = DeviceCounts(modality, CPU).split(rows, torch.from_numpy(rows), limit, state)
    expected = split(modality.counts, rows, shares, np.random.default_rng(4))
    for part, values, totals in zip(
        expected, (made.kept, made.withheld), (made.kept_total, made.withheld_total), strict=True
    ):
        there = values > 0
        for name, values_there in (("row", made.row), ("column", made.column), ("value", values)):
            np.testing.assert_array_equal(values_there[there].numpy(), getattr(part, name))
        np.testing.assert_array_equal(totals.numpy(), part.total)


def test_cells_without_counts_have_no_entries():
    counts = sparse.csr_matrix(np.eye(30, 12, dtype=np.float32) + 1)
    counts = sparse.vstack([counts, sparse.csr_matrix((1, 12), dtype=np.float32)], format="csr")
    settings = CoemSettings.of(QUICK | {"min_peak_cells": 1})
    other = sparse.csr_matrix(counts.toarray() + 1)
    prepared, _ = _prepare(counts, other, None, None, settings, 1, CPU)
    stored = DeviceCounts(prepared.modalities[0], CPU)
    rows = np.array([30, 2, 30])
    made = stored.split(rows, torch.from_numpy(rows), torch.full((3,), WHOLE), 0)
    assert made.start.tolist() == [0, 0, 12] and set(made.row.tolist()) == {1}
    assert made.withheld_total.tolist() == [0, 13, 0] and not made.kept.any()
