"""Cells on the device, or sent ahead, train the same network as cells of the host, bit for bit."""

import numpy as np
import pytest
import torch
from scipy import sparse
from unicoord_cells import atlas

from panscape.unicoord import placed
from panscape.unicoord.device_cells import DeviceCells
from panscape.unicoord.store import CompressedCounts, Scale
from panscape.unicoord.train import train

CPU = torch.device("cpu")
QUICK = {"n_epochs": 1, "min_steps": 12, "batch_size": 64}
LABELS = [{"name": "cell_type", "kind": "discrete"}, {"name": "time", "kind": "continuous"}]


def trained(**changes):
    result = train(atlas(), LABELS, QUICK | changes, seed=1)
    return result.model.network.state_dict(), result.history


@pytest.mark.parametrize("where", ["device", "ahead"])
@pytest.mark.parametrize("changes", [{}, {"diffusion": 2}])
def test_a_network_is_the_same_wherever_its_cells_are(where, changes, monkeypatch):
    usual, history = trained(**changes)
    asked = []
    monkeypatch.setattr(placed, "placement", lambda nbytes, device: asked.append(nbytes) or where)
    other, again = trained(**changes)
    assert asked[0] > 0 and list(usual) == list(other)
    assert all(torch.equal(usual[name], other[name]) for name in usual)
    assert history.equals(again)


def test_cells_read_from_files_are_sent_ahead(monkeypatch):
    usual, _ = trained(stream_above_mb=0.001)
    asked = []
    monkeypatch.setattr(placed, "placement", lambda nbytes, device: asked.append(nbytes) or "ahead")
    other, _ = trained(stream_above_mb=0.001)
    assert asked == [None]
    assert all(torch.equal(usual[name], other[name]) for name in usual)


@pytest.mark.parametrize("genes", [50, 40_000])
def test_cells_on_the_device_are_those_of_the_host(genes):
    random = np.random.default_rng(0)
    counts = sparse.random(60, genes, 0.1, format="csr", random_state=1, dtype=np.float32)
    counts.data = random.poisson(3.0, counts.nnz).astype(np.float32) + 1
    counts[7] = 0
    counts.eliminate_zeros()
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    blocks = [(counts[at : at + 25], totals[at : at + 25]) for at in (0, 25, 50)]
    cells = CompressedCounts(blocks, genes, Scale("depth-log1p", 100.0)).take(np.arange(59, 1, -1))
    stored, positions = DeviceCells(cells, CPU), np.array([52, 0, 52, 57, 3])
    np.testing.assert_array_equal(stored.dense(positions).numpy(), cells.dense(positions))
    held = (stored._value, stored._gene, stored._start, stored._length)
    assert DeviceCells.nbytes(cells) == sum(part.nbytes for part in held)
