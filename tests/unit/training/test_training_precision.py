"""Steps of training may multiply in TF32 on a GPU: by how much that changes them, and nothing else does."""

import pytest
import torch
from gpu_models import CPU, gpu, own_fit  # noqa: F401 (a fixture)
from torch.utils._python_dispatch import TorchDispatchMode

from panscape.training import loop

CUDA = torch.device("cuda", 0)
FACTORS = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::baddbmm": 1, "aten::addmm_": 1}


class Tf32(TorchDispatchMode):
    """Round the factors of matrix products to 10 bits, as a GPU does, and count the products."""

    def __init__(self):
        super().__init__()
        self.products = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        first = FACTORS.get(function._schema.name)
        if first is not None:
            self.products += 1
            args = [
                self.rounded(value) if first <= at <= first + 1 else value for at, value in enumerate(args)
            ]
        return function(*args, **(kwargs or {}))

    @staticmethod
    def rounded(values):
        bits = values.contiguous().view(torch.int32)
        return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


class Rounded(gpu.Watch):
    """Training loop whose steps round the factors of products."""

    def fit(self, task, plan, **options):
        step, self.products = task.step, 0

        def rounded(number):
            with Tf32() as mode:
                terms = step(number)
            self.products += mode.products
            return terms

        task.step = rounded
        return super().fit(task, plan, **options)


@pytest.mark.parametrize("model", list(gpu.MODELS))
def test_products_of_ten_bits_change_a_training_by_less_than_the_tolerance(model):
    histories = []
    for watch in (gpu.Watch(CPU, False), Rounded(CPU, False)):
        gpu.MODELS[model](CPU, watch, gpu.SMALL[model])
        histories.append(watch.history)
    assert watch.products > 100
    apart = gpu.apart(*histories)
    assert 0 < apart["first"] < gpu.TOLERANCE["tf32"]["first"]
    assert 0 < apart["last"] < gpu.TOLERANCE["tf32"]["last"]


@pytest.mark.parametrize(("device", "expected"), [(CPU, False), (CUDA, True)])
def test_only_steps_on_a_gpu_multiply_in_tf32(device, expected):
    seen = {}

    class Task:
        def step(self, number):
            seen["step"] = torch.backends.cuda.matmul.allow_tf32
            return {"loss": torch.zeros(())}

        def validate(self, number):
            seen["validate"] = torch.backends.cuda.matmul.allow_tf32
            return {"loss": torch.zeros(())}

    task = Task()
    task.device = device
    loop.fit(task, loop.Plan(1), seed=0)
    assert seen == {"step": expected, "validate": False}
    assert not torch.backends.cuda.matmul.allow_tf32


def test_the_precision_is_restored_after_an_error():
    with pytest.raises(FloatingPointError), loop.fast_products(CUDA):
        raise FloatingPointError
    assert not torch.backends.cuda.matmul.allow_tf32
