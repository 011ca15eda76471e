"""A resumed run is the uninterrupted one, and a killed one loses nothing that was saved."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from panscape.training.batches import batches
from panscape.training.best import Best
from panscape.training.checkpoint import Checkpoint
from panscape.training.layers import mlp
from panscape.training.loop import Plan, fit
from panscape.training.state import load_optimiser_state, optimiser_state, with_prefix, without_prefix


class Regression:
    """A small network with dropout, whose state is model and optimiser."""

    device = torch.device("cpu")

    def __init__(self, seed=0, patience=0, kill_at=None):
        torch.manual_seed(seed)
        self.model = mlp([5, 8, 1], norm="batch", dropout=0.5, last_linear=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.best = Best(patience)
        self.kill_at = kill_at
        random = np.random.default_rng(1)
        self.x = torch.from_numpy(random.normal(size=(64, 5)).astype(np.float32))
        self.y = self.x.sum(1, keepdim=True)

    def step(self, number):
        self.model.train()
        rows = batches(64, 16, 3, number // 4)[number % 4]
        loss = nn.functional.mse_loss(self.model(self.x[rows]), self.y[rows])
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        if number == self.kill_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": loss.detach()}

    def validate(self, number):
        self.model.eval()
        with torch.no_grad():
            loss = nn.functional.mse_loss(self.model(self.x), self.y)
        self.best.update(loss, self.model.state_dict())
        return {"loss": loss}

    def stop(self):
        return not bool(self.best.active.any())

    def state(self):
        return {
            **with_prefix("model", self.model.state_dict()),
            **with_prefix("optimiser", optimiser_state(self.optimiser)),
            **with_prefix("best", self.best.state()),
        }

    def load_state(self, tensors):
        self.model.load_state_dict(without_prefix("model", tensors))
        load_optimiser_state(self.optimiser, without_prefix("optimiser", tensors))
        self.best.load_state(without_prefix("best", tensors))


def same(left, right):
    assert left.keys() == right.keys()
    return all(torch.equal(left[name], right[name]) for name in left)


PLAN = Plan(60, validate_every=10, record_every=5)


def test_same_seed_same_weights_and_history():
    first, second, other = Regression(), Regression(), Regression()
    assert fit(first, PLAN, seed=7) == fit(second, PLAN, seed=7)
    assert same(first.state(), second.state())
    fit(other, PLAN, seed=8)
    assert not same(first.state(), other.state())


@pytest.mark.parametrize("kill_at", [0, 17, 30, 58])
def test_resumed_after_sigterm_equals_uninterrupted(tmp_path, kill_at):
    whole = Regression()
    history = fit(whole, PLAN, seed=7)
    checkpoint = Checkpoint(tmp_path / "c", {"data": "x"})
    with pytest.raises(SystemExit) as ended:
        fit(Regression(kill_at=kill_at), PLAN, seed=7, checkpoint=checkpoint)
    assert ended.value.code == 143
    assert checkpoint.load()[1]["number"] == kill_at + 1
    resumed = Regression(seed=5)  # other initial weights: all must come from the checkpoint
    assert fit(resumed, PLAN, seed=7, checkpoint=checkpoint) == history
    assert same(whole.state(), resumed.state())


def test_a_finished_run_is_not_trained_again(tmp_path):
    checkpoint = Checkpoint(tmp_path, {})
    first = Regression()
    history = fit(first, PLAN, seed=7, checkpoint=checkpoint)
    again = Regression(seed=3)
    again.step = None
    assert fit(again, PLAN, seed=7, checkpoint=checkpoint) == history
    assert same(first.state(), again.state())


def test_patience_stops_early_and_keeps_the_best():
    task = Regression(patience=1)
    task.optimiser.param_groups[0]["lr"] = 0.0  # nothing improves after the first validation
    task.model[1].momentum = 0.0
    history = fit(task, PLAN, seed=1)
    assert history[-1]["step"] == 20
    assert float(task.best.value) == pytest.approx(history[-1]["value"])


def test_a_loss_that_is_not_finite_is_an_error():
    task = Regression()
    task.y[:] = float("nan")
    with pytest.raises(FloatingPointError, match="step 5"):
        fit(task, PLAN, seed=1)


def test_killed_between_checkpoints_repeats_only_what_was_not_saved(tmp_path):
    """SIGKILL cannot be caught: the last saved state is taken up, and the end is the same."""
    script = textwrap.dedent(f"""
        import os, signal, sys, torch
        torch.set_num_threads({torch.get_num_threads()})  # other numbers of threads round differently
        sys.path[:0] = {[str(p) for p in sys.path]!r} + [{os.path.dirname(__file__)!r}]
        from test_training_loop import Regression
        from panscape.training.checkpoint import Checkpoint
        from panscape.training.loop import Plan, fit
        task = Regression()
        step = task.step
        def killing(number):
            if number == 41:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(number)
        killing.__name__ = "step"
        task.step = killing
        plan = Plan(60, validate_every=10, record_every=5, checkpoint_seconds=0)
        fit(task, plan, seed=7, checkpoint=Checkpoint({str(tmp_path)!r}, {{}}))
    """)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    checkpoint = Checkpoint(tmp_path, {})
    assert checkpoint.load()[1]["number"] == 41
    whole, resumed = Regression(), Regression(seed=9)
    assert fit(whole, PLAN, seed=7) == fit(resumed, PLAN, seed=7, checkpoint=checkpoint)
    assert same(whole.state(), resumed.state())
