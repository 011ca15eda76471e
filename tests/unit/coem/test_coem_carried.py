"""What coordinates tell of withheld counts: each modality alone, its error, and the null."""

import numpy as np
import pytest
import torch

from panscape.coem.embed import train
from panscape.coem.evaluate import _gains, _others, carried

QUICK = {"n_epochs": 12, "min_steps": 1, "batch_size": 64, "n_latent": 8, "n_hidden": 16, "n_projection": 8}
NAMES = ("rna", "atac")


@pytest.fixture(scope="module")
def trained(cells):
    return train(cells.rna, cells.atac, settings=QUICK, seed=1, device=torch.device("cpu"))


def test_each_modality_tells_most_of_itself_and_the_coordinates_of_others_nothing(trained):
    told = {(one.shown, one.of): one for one in carried(trained.module, trained.cells, trained.held_out, 1)}
    assert set(told) == {(shown, of) for shown in ("all", *NAMES) for of in NAMES}
    for one in told.values():
        assert one.shuffled < one.nats - one.se and one.cells == len(trained.held_out)
    for own, other in (NAMES, NAMES[::-1]):
        assert told[own, own].nats > told[other, own].nats + told[own, own].se
        assert told["all", own].nats > 0 > told["all", own].shuffled


def test_mean_and_standard_error_are_those_of_the_cells(trained):
    rows = trained.held_out
    told = carried(trained.module, trained.cells, rows, 1)
    gain, shuffled, nll = _gains(trained.module, trained.cells, rows, 1, None)
    for m, one in enumerate(told[:2]):
        assert (one.shown, one.of) == ("all", NAMES[m])
        known = gain[:, m].mean(), gain[:, m].std(ddof=1) / len(rows) ** 0.5
        assert (one.nats, one.se) == pytest.approx(known)
        assert (one.shuffled, one.nll) == pytest.approx((shuffled[:, m].mean(), nll[:, m].mean()))


def test_another_cell_is_of_the_same_batch():
    batch = np.array([0, 1, 0, 2, 0, 1, 0])
    other = _others(batch, np.random.default_rng(0))
    assert sorted(other) == list(range(7)) and (batch[other] == batch).all()
    assert np.flatnonzero(other == np.arange(7)).tolist() == [3]  # the only one of its batch
