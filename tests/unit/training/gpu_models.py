"""The small trainings of the benchmark of a GPU, for tests that watch their steps on the CPU."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))
import gpu

CPU = torch.device("cpu")
__all__ = ["CPU", "gpu", "own_fit"]


@pytest.fixture(autouse=True)
def own_fit(monkeypatch):
    """Give the benchmark's modules back their loop, in every test of a module that imports this."""
    monkeypatch.setattr(gpu.coem, "fit", gpu.coem.fit)
    monkeypatch.setattr(gpu.unicoord, "fit", gpu.unicoord.fit)
