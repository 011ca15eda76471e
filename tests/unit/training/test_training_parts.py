"""Checkpoints, early stopping, batches and likelihoods, each against an independent statement."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, special, stats

from panscape.training.batches import Batches, batches, dense_rows, held_out
from panscape.training.best import Best
from panscape.training.checkpoint import Checkpoint
from panscape.training.device import choose_device
from panscape.training.distributions import (
    bernoulli,
    negative_binomial,
    normal_kl,
    poisson,
    zero_inflated_negative_binomial,
    zero_inflated_poisson,
)
from panscape.training.layers import mlp
from panscape.training.optimiser import AdamW
from panscape.training.state import digest, load_optimiser_state, optimiser_state
from panscape.training.weights import read_weights, write_weights


def test_weights_round_trip_and_damage(tmp_path):
    path = tmp_path / "w.safetensors"
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "n": torch.tensor(3)}
    write_weights(path, tensors, {"genes": ["x", "y"], "value": 0.5})
    read, meta = read_weights(path)
    assert all(torch.equal(tensors[name], read[name]) for name in tensors)
    assert meta == {"genes": ["x", "y"], "value": 0.5}
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="complete"):
        read_weights(path)


def test_pickle_is_not_read(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="complete"):
        read_weights(tmp_path / "w.pt")


def test_stale_checkpoint_is_not_used(tmp_path, caplog):
    first = Checkpoint(tmp_path, {"data": "a", "settings": {"k": (1, 2)}})
    first.save({"t": torch.ones(2)}, {"number": 4})
    assert first.load()[1] == {"number": 4}
    assert Checkpoint(tmp_path, {"data": "a", "settings": {"k": [1, 2]}}).load() is not None
    assert Checkpoint(tmp_path, {"data": "b", "settings": {"k": [1, 2]}}).load() is None
    assert "another data" in caplog.text
    first.path.write_bytes(b"half")
    assert first.load() is None
    first.remove()
    assert not tmp_path.exists() or not list(tmp_path.iterdir())


def test_best_keeps_each_model_of_a_stack_apart():
    best = Best(patience=2)
    losses = [[3.0, 1.0], [2.0, 2.0], [2.5, 3.0], [1.0, 0.5]]
    for step, loss in enumerate(losses):
        best.update(torch.tensor(loss), {"w": torch.full((2, 3), float(step))})
    # the second model stopped after two validations without improvement and ignores its later, lower value
    assert best.value.tolist() == [1.0, 1.0]
    assert best.weights["w"][:, 0].tolist() == [3.0, 0.0]
    assert best.active.tolist() == [True, False]
    other = Best(patience=2)
    other.load_state(best.state())
    assert other.value.tolist() == best.value.tolist() and other.active.tolist() == best.active.tolist()


def test_best_ignores_values_that_are_not_numbers():
    best = Best(patience=0)
    best.update(torch.tensor(float("nan")), {"w": torch.zeros(1)})
    best.update(torch.tensor(2.0), {"w": torch.ones(1)})
    best.update(torch.tensor(float("nan")), {"w": torch.full((1,), 2.0)})
    assert float(best.value) == 2.0 and float(best.weights["w"]) == 1.0 and bool(best.active)


@given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 5))
def test_batches_visit_every_cell_once(n, size, epoch):
    parts = batches(n, size, 1, epoch)
    assert sorted(np.concatenate(parts)) == list(range(n))
    assert all(len(part) == size for part in parts[:-1])
    assert all(len(part) == size for part in batches(n, size, 1, epoch, drop_last=True)[1:])


def test_batches_differ_between_epochs_also_where_the_size_divides_the_cells():
    first, second = (np.concatenate(batches(100, 20, 1, epoch)) for epoch in (0, 1))
    assert not np.array_equal(first, second)


def test_steps_go_through_the_epochs_batches():
    order = Batches(11, 4, 3, "name")
    drawn = [order.at(step).tolist() for step in (0, 1, 2, 3, 4, 1)]
    first, second = ([part.tolist() for part in batches(11, 4, 3, epoch, "name")] for epoch in (0, 1))
    assert drawn == [*first, *second[:2], first[1]]


def test_held_out_share_holds_in_every_group():
    strata = np.repeat(["a", "b", "c"], [100, 11, 1])
    mask = held_out(112, 0.2, 3, strata=strata)
    assert [mask[strata == name].sum() for name in "abc"] == [20, 2, 0]
    assert held_out(50, 0, 3).sum() == 0
    assert np.array_equal(mask, held_out(112, 0.2, 3, strata=strata))


def test_dense_rows_and_digest():
    matrix = sparse.random(20, 7, 0.3, format="csr", random_state=1)
    rows = np.array([3, 0, 3])
    assert np.allclose(dense_rows(matrix, rows), matrix.toarray()[rows])
    assert np.allclose(dense_rows(matrix.toarray(), rows), matrix.toarray()[rows])
    other = matrix.copy()
    other.data[0] += 1
    assert digest(matrix, "a") == digest(matrix.copy(), "a")
    assert digest(matrix, "a") != digest(other, "a")
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(np.array(["g1", "g2"], object)) != digest(np.array(["g1", "g3"], object))


X = torch.tensor([0.0, 1.0, 2.0, 7.0, 40.0])
MEAN = torch.tensor([0.3, 2.0, 0.01, 5.0, 80.0])
THETA = torch.tensor([0.5, 3.0, 10.0, 1.0, 0.2])
LOGIT = torch.tensor([-2.0, 0.0, 3.0, 0.5, -0.5])


def close(ours, reference):
    np.testing.assert_allclose(ours.numpy(), reference, rtol=2e-4, atol=2e-5)


def test_poisson_and_negative_binomial_are_scipys():
    x, mean, theta = X.numpy(), MEAN.numpy(), THETA.numpy()
    close(poisson(X, MEAN), stats.poisson.logpmf(x, mean))
    close(negative_binomial(X, MEAN, THETA), stats.nbinom.logpmf(x, theta, theta / (theta + mean)))


def test_zero_inflation_mixes_a_point_at_zero():
    x, mean, theta, extra = X.numpy(), MEAN.numpy(), THETA.numpy(), special.expit(LOGIT.numpy())
    for ours, base in [
        (zero_inflated_poisson(X, MEAN, LOGIT), stats.poisson.pmf(x, mean)),
        (
            zero_inflated_negative_binomial(X, MEAN, THETA, LOGIT),
            stats.nbinom.pmf(x, theta, theta / (theta + mean)),
        ),
    ]:
        close(ours, np.log((1 - extra) * base + extra * (x == 0)))


def test_bernoulli_and_gaussian_divergence():
    binary = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])
    close(bernoulli(binary, LOGIT), stats.bernoulli.logpmf(binary, special.expit(LOGIT.numpy())))
    sd = THETA
    reference = torch.distributions.kl_divergence(
        torch.distributions.Normal(LOGIT, sd), torch.distributions.Normal(torch.zeros(5), torch.ones(5))
    )
    close(normal_kl(LOGIT, sd), reference.numpy())


def test_likelihoods_have_finite_gradients_at_the_edges():
    x = torch.tensor([0.0, 0.0, 5.0])
    mean = torch.tensor([0.0, 1e-12, 1e6], requires_grad=True)
    theta = torch.tensor([1e-4, 1e6, 1.0], requires_grad=True)
    logit = torch.tensor([50.0, -50.0, 0.0], requires_grad=True)
    zero_inflated_negative_binomial(x, mean, theta, logit).sum().backward()
    zero_inflated_poisson(x, mean, logit).sum().backward()
    assert all(t.grad.isfinite().all() for t in (mean, theta, logit))


def test_device_is_the_cpu_unless_a_gpu_was_granted(caplog):
    assert choose_device(None).type == "cpu"
    assert choose_device(0).type == "cpu"
    caplog.set_level("INFO", "panscape")
    granted = choose_device(1)
    assert granted.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_mlp_starts_with_the_asked_form():
    net = mlp([4, 6, 3], norm="layer", dropout=0.1, last_linear=True)
    kinds = [type(layer).__name__ for layer in net]
    assert kinds == ["Linear", "LayerNorm", "ReLU", "Dropout", "Linear"]
    assert float(net[0].bias.detach().abs().sum()) == 0
    with pytest.raises(ValueError, match="norm"):
        mlp([2, 2], norm="other")


def test_weights_are_readable_like_other_files_and_keep_the_order_of_keys(tmp_path):
    write_weights(tmp_path / "w.safetensors", {"a": torch.ones(2)}, {"step": 1, "split": "train"})
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert list(read_weights(tmp_path / "w.safetensors")[1]) == ["step", "split"]


@pytest.mark.parametrize("implementation", [{}, {"foreach": True}, {"fused": True}])
@pytest.mark.parametrize("decay", [0.1, 0.0])
def test_the_optimiser_is_pytorchs_bit_for_bit(implementation, decay):
    torch.manual_seed(0)
    first = [torch.randn(7, 5, requires_grad=True), torch.randn(7, requires_grad=True), torch.zeros(2)]
    first[2].requires_grad_()  # never gets a gradient
    second = [p.detach().clone().requires_grad_() for p in first]
    first_groups, second_groups = (
        [{"params": of[:1], "weight_decay": decay}, {"params": of[1:], "weight_decay": 0.0}]
        for of in (first, second)
    )
    ours = AdamW(first_groups, 1e-2, **implementation)
    # without decay Adam and AdamW are the same
    theirs = (torch.optim.AdamW if decay else torch.optim.Adam)(second_groups, lr=1e-2, **implementation)
    x, y = torch.randn(20, 5), torch.randn(20, 7)
    for step in range(30):
        if step == 15:  # goes on from its saved state
            saved = optimiser_state(ours)
            ours = AdamW(first_groups, 1e-2, **implementation)
            load_optimiser_state(ours, saved)
        for group in (*ours.param_groups, *theirs.param_groups):
            group["lr"] = 1e-2 / (step + 1)
        for parameters, optimiser in ((first, ours), (second, theirs)):
            optimiser.zero_grad()
            (x @ parameters[0].T + parameters[1] - y).square().mean().backward()
            optimiser.step()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_optimiser_does_not_import_the_compiler():
    code = (
        "import sys, torch; from panscape.training.optimiser import AdamW\n"
        "w = torch.ones(2, requires_grad=True); w.sum().backward()\n"
        "AdamW([{'params': [w], 'weight_decay': 0.0}], 0.1, foreach=True).step()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": os.pathsep.join(sys.path)})


def test_the_same_weights_are_the_same_bytes(tmp_path):
    from panscape.training.weights import read_weights, write_weights

    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(1)}
    meta = {"settings": {"name": "Müller", "n": 3}, "losses": [0.5]}
    written = set()
    for at in range(20):  # safetensors orders metadata at random
        write_weights(tmp_path / f"{at}.safetensors", tensors, meta, "siVAE")
        written.add((tmp_path / f"{at}.safetensors").read_bytes())
    assert len(written) == 1
    again, found = read_weights(tmp_path / "3.safetensors", kind="siVAE")
    assert found == meta and all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_a_full_disk_is_an_error_of_the_system(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    from panscape.errors import UserError
    from panscape.training import weights

    def save(error):
        def fails(*given, **more):
            raise SafetensorError(error)

        monkeypatch.setattr(weights, "save_file", fails)
        weights.write_weights(tmp_path / "w", {"a": torch.ones(1)}, {})

    with pytest.raises(UserError, match="No space left on device") as error:
        save("I/O error: No space left on device (os error 28)")
    assert str(tmp_path / "w") in str(error.value)
    with pytest.raises(SafetensorError, match="something else"):
        save("something else")


def test_the_fused_optimiser_takes_weights_stored_by_column():
    results = []
    for fused, turned in ((False, False), (True, False), (True, True)):
        start = torch.randn(7, 50, generator=torch.Generator().manual_seed(0))
        weight = torch.nn.Parameter(start.T.contiguous().T if turned else start.clone())
        optimiser = AdamW([{"params": [weight], "weight_decay": 0.1}], 0.05, fused=fused)
        x = torch.randn(9, 50, generator=torch.Generator().manual_seed(1))
        for step in range(6):
            if step == 3:  # as after a checkpoint, which has no order of storage
                saved = {name: value.contiguous() for name, value in optimiser_state(optimiser).items()}
                optimiser = AdamW([{"params": [weight], "weight_decay": 0.1}], 0.05, fused=fused)
                load_optimiser_state(optimiser, saved)
            optimiser.zero_grad()
            ((x @ weight.T).square().sum() + weight.sum()).backward()
            optimiser.step()
        assert weight.is_contiguous() != turned
        results.append(weight.detach())
    torch.testing.assert_close(results[1], results[0])
    torch.testing.assert_close(results[2], results[0])
