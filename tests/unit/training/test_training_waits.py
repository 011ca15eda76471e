"""No step of a model waits for its device, and none depends on generators other than the CPU's.

A mode of PyTorch's dispatcher sees every operation of a step. Those whose result the host has to know before
it can go on (values of tensors, choices by a mask) would make it wait for a GPU; a CPU shows them as well.
"""

import pytest
import torch
from gpu_models import CPU, gpu, own_fit  # noqa: F401 (a fixture)
from torch.utils._python_dispatch import TorchDispatchMode

from panscape.training import loop

KNOWN_LATE = ("aten::nonzero", "aten::masked_select", "aten::_unique2", "aten::unique_dim", "aten::equal")
SEEN = 12  # step that is watched, after all that happens once


class Waits(TorchDispatchMode):
    """Collect the operations of a step for which the host would wait."""

    def __init__(self):
        super().__init__()
        self.found, self._before = [], ""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name
        result = function(*args, **(kwargs or {}))
        if name == "aten::_local_scalar_dense":
            # a number that the host's own generator has just drawn, noise's step, is known there
            if self._before != "aten::randint":
                self.found.append(name)
        elif name in KNOWN_LATE or (name.startswith("aten::index") and self._masked(args)):
            self.found.append(name)
        self._before = name
        return result

    @staticmethod
    def _masked(args):
        places = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ()
        return any(isinstance(at, torch.Tensor) and at.dtype == torch.bool for at in places)


class Watch:
    """Training loop that watches one step."""

    def __init__(self):
        self.found = None

    def fit(self, task, plan, **options):
        step = task.step

        def watched(number):
            if number != SEEN:
                return step(number)
            with Waits() as seen:
                terms = step(number)
            self.found = seen.found
            return terms

        task.step = watched
        return loop.fit(task, plan, **options)


@pytest.mark.parametrize("model", list(gpu.MODELS))
def test_no_step_waits_for_the_device(model):
    watch = Watch()
    gpu.MODELS[model](CPU, watch, gpu.SMALL[model] | {"steps": SEEN + 2})
    assert watch.found == []


@pytest.mark.parametrize("where", ["device", "ahead"])
@pytest.mark.parametrize(
    ("model", "module"), [("coem", "panscape.coem.task"), ("unicoord", "panscape.unicoord.placed")]
)
def test_no_step_waits_for_cells_wherever_they_are(model, module, where, monkeypatch):
    monkeypatch.setattr(f"{module}.placement", lambda nbytes, device: where)
    watch = Watch()
    gpu.MODELS[model](CPU, watch, gpu.SMALL[model] | {"steps": SEEN + 2})
    assert watch.found == []


@pytest.mark.parametrize(
    "settings", [{"independence": "adversary"}, {"independence": "hsic"}, {"diffusion": 2}]
)
def test_no_option_of_unicoord_waits_for_the_device(settings, monkeypatch):
    train, watch = gpu.unicoord.train, Watch()
    monkeypatch.setattr(
        gpu.unicoord,
        "train",
        lambda cells, labels, given, **more: train(cells, labels, given | settings, **more),
    )
    gpu.run_unicoord(CPU, watch, gpu.SMALL["unicoord"] | {"steps": SEEN + 2})
    assert watch.found == []


def test_waits_are_seen():
    """The watch itself: each kind of wait is found, and a number of the host is none."""
    x = torch.arange(4.0)
    for wait in (
        lambda: float(x.sum()),
        lambda: bool((x > 1).any()),
        lambda: x[x > 1],
        lambda: (x > 1).nonzero(),
    ):
        with Waits() as seen:
            wait()
        assert seen.found
    with Waits() as seen:
        int(torch.randint(9, ()))
        torch.where(x > 1, x, 0).sum()
    assert seen.found == []


def test_steps_seed_the_generator_of_the_cpu_alone(monkeypatch):
    """Other generators would be asked to print the stack at every step, and keep it, until a GPU is used."""
    asked = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", asked.append)

    def step(number):
        return {"loss": torch.rand(())}

    first, again = (loop._seeded(step, 3, 5)["loss"] for _ in range(2))
    assert first == again != loop._seeded(step, 3, 6)["loss"]
    assert asked == []
