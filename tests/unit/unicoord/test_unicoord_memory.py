"""Memory of training; compression, streaming and the linear initialisation do not change results."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch
from scipy import sparse
from unicoord_cells import LABELS, QUICK, atlas

import panscape
from panscape.data.counts import CountsWriter, narrow
from panscape.unicoord.cells import Cells
from panscape.unicoord.labels import Label, learn_labels
from panscape.unicoord.loader import StreamLoader
from panscape.unicoord.module import Network
from panscape.unicoord.settings import UniCoordSettings
from panscape.unicoord.start import gene_moments, principal_axes, start
from panscape.unicoord.store import CompressedCounts, Scale
from panscape.unicoord.targets import codes, targets

torch.set_num_threads(1)
SCALE = Scale("depth-log1p", 400.0)


def packed(matrix, scale=SCALE, step=70):
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    cuts = range(0, matrix.shape[0], step)
    return CompressedCounts(
        ((matrix[at : at + step], totals[at : at + step]) for at in cuts), matrix.shape[1], scale
    )


@pytest.mark.parametrize(("factor", "bytes_of_a_value"), [(1, 1), (20, 2), (0.1, 4)])
def test_compressed_counts_are_lossless(factor, bytes_of_a_value):
    matrix = atlas(300, 90).X
    matrix.data *= np.float32(factor)
    store, rows = packed(matrix), np.random.default_rng(0).permutation(300)[:120]
    wanted = SCALE(matrix, np.asarray(matrix.sum(axis=1)).ravel()).toarray()
    np.testing.assert_array_equal(store.dense(rows), wanted[rows])
    part = store.take(rows)
    np.testing.assert_array_equal(part.dense(np.arange(50, 60)), wanted[rows][50:60])
    np.testing.assert_array_equal(np.vstack([block.toarray() for _, block in part.blocks(7)]), wanted[rows])
    assert store.nbytes == part.nbytes == matrix.nnz * (2 + bytes_of_a_value)


@pytest.mark.parametrize("how", ["depth-log1p", "log1p", "none"])
@pytest.mark.parametrize(
    ("per_cell", "kind"), [(90, np.uint8), (90, np.uint16), (90, np.float32), (3, np.uint8)]
)
def test_logarithms_that_are_looked_up_are_those_that_are_taken(how, per_cell, kind):
    random = np.random.default_rng(0)
    lengths = random.poisson(per_cell, 50)
    counts = random.geometric(0.1, lengths.sum()).astype(kind)  # some beyond the table
    counts[::40] = 250
    totals = random.integers(0, 400, 50).astype(float)
    totals[3] = 0
    starts = np.concatenate([[0], lengths.cumsum()])
    matrix = sparse.csr_matrix((counts.astype(np.float32), np.zeros(len(counts), int), starts), shape=(50, 1))
    scale = Scale(how, 100.0)
    made = scale.values(counts, lengths, totals)
    np.testing.assert_array_equal(made, scale(matrix, totals).data)
    assert made.dtype == np.float32


def test_values_beyond_small_integers_stay_floats():
    for values, kind in (([0, 255], "uint8"), ([256], "uint16"), ([65536], "float32"), ([-1], "float32")):
        assert narrow(np.array(values, np.float32)).dtype == kind
    assert narrow(np.array([np.nan, 1.0])).dtype == "float32" and len(narrow(np.empty(0, np.float32))) == 0


def test_axes_are_principal_components():
    matrix = atlas(500, 80).X
    store = packed(matrix)
    sums, squares = gene_moments(store)
    x = store.dense(np.arange(500)).astype(np.float64)
    np.testing.assert_allclose(sums, x.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(squares, (x**2).sum(axis=0), rtol=1e-5)
    mean, scale = x.mean(axis=0), np.sqrt(x.std(axis=0) + 1e-3)
    axes = principal_axes(store, mean, scale, 5, seed=3)
    _, values, right = np.linalg.svd(np.clip((x - mean) / scale, -10, 10), full_matrices=False)
    sd = values[:5] / np.sqrt(500)
    wanted = right[:5].T / np.sqrt(sd * sd[0]) * 3
    overlap = np.abs((axes * wanted).sum(axis=0)) / (wanted**2).sum(axis=0)
    np.testing.assert_allclose(overlap[:4], 1, atol=1e-3)  # the fifth component is not well separated
    assert overlap[4] > 0.9


def network_of(cells, **changes):
    settings = UniCoordSettings.of(QUICK | changes)
    layout = learn_labels(cells.obs, [Label.of(label) for label in LABELS], ())
    code, given = codes(targets(cells.obs, layout), layout)
    return Network(layout, cells.n_vars, settings, settings.n_components), code, given


def test_the_start_is_the_linear_model():
    cells = atlas(500, 80)
    network, code, given = network_of(cells)
    store = packed(cells.X)
    start(network, store, code, given, seed=0)
    x = store.dense(np.arange(500)).astype(np.float64)
    design = np.column_stack([np.ones(500), code])
    rest = x - design @ np.linalg.lstsq(design, x, rcond=None)[0]
    values = np.linalg.svd(rest, compute_uv=False) ** 2 / 500
    left = values[network.continuous :].sum() / 80
    assert left * 0.98 <= float(network.noise) <= left * 1.15  # the components have nearly all variance
    labels = torch.from_numpy(code)
    with torch.no_grad():
        network.last.weight[:, : network.settings.n_hidden_decoder[-1]] = 0
        made = network.decode(labels, torch.zeros(500, network.continuous), labels[:, :0]).numpy()
    assert abs(made - (x - rest)).max() < 0.1


def test_initialisation_needs_no_dense_matrix():
    matrix = sparse.random(6000, 800, 0.05, format="csr", dtype=np.float32, random_state=0)
    matrix.data = np.ceil(matrix.data * 5)
    cells = atlas(6000, 60)
    network, code, given = network_of(cells, n_components=30)
    wide = Network(network.layout, 800, network.settings, 30)
    store = packed(matrix)
    tracemalloc.start()
    start(wide, store, code, given, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    dense = 6000 * 800 * 4
    assert peak < 0.6 * dense  # one dense copy would be 1


def test_training_imports_nothing_large():
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from unicoord_cells import LABELS, QUICK, atlas\n"
        "from panscape.unicoord.train import train\n"
        "train(atlas(), LABELS, QUICK | {'n_epochs': 1, 'min_steps': 2, 'linear_head': False}, seed=0)\n"
        "large = {'sklearn', 'torch._dynamo', 'scipy.stats', 'matplotlib', 'scanpy'}\n"
        "print(sorted(large & set(sys.modules)))"
    )
    paths = [panscape.__path__[0].rsplit("/", 1)[0], __file__.rsplit("/", 1)[0]]
    done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def streamed(tmp_path):
    cells = atlas(400, 50)
    with CountsWriter(tmp_path / "cells.h5ad", 50) as writer:
        writer.append(cells.X)
        writer.finish(cells.obs, cells.var)
    read = Cells([tmp_path / "cells.h5ad"])
    train = np.random.default_rng(1).random(400) < 0.8
    genes = [f"G{at}" for at in (40, 3, 7, 21)]
    wanted = SCALE(cells[:, genes].X, read.totals).toarray()
    return lambda: StreamLoader(read, train, genes, SCALE, 32, 5, max_values=600, mixed=4), train, wanted


def test_every_training_cell_is_streamed_once_an_epoch(streamed):
    make, train, wanted = streamed
    loader, orders = make(), []
    for epoch in range(2):
        batches = [loader.batch(epoch * loader.steps + at) for at in range(loader.steps)]
        rows = np.concatenate([batch[0] for batch in batches])
        np.testing.assert_array_equal(np.sort(rows), np.flatnonzero(train))
        np.testing.assert_array_equal(np.concatenate([batch[1] for batch in batches]), wanted[rows])
        orders.append(rows)
    loader.close()
    assert (orders[0] != orders[1]).any()


def test_a_resumed_stream_gives_the_same_batches(streamed):
    make = streamed[0]
    loader, again = make(), make()
    whole = [loader.batch(at) for at in range(2 * loader.steps)]
    for at in (loader.steps + 2, loader.steps - 1, 0):  # any step, as after a checkpoint
        for expected, batch in zip(whole[at], again.batch(at), strict=True):
            np.testing.assert_array_equal(batch, expected)
    loader.close()
    again.close()
