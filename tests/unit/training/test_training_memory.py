"""Freed memory is used again instead of being asked for anew."""

import subprocess
import sys
from pathlib import Path

import pytest

from panscape.training import device
from panscape.training.device import keep_freed_memory

STEPS = """
import resource, sys, numpy as np
sys.path.insert(0, sys.argv[2])
from panscape.training.device import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def step():
    parts = [np.ones(1_500_000) for _ in range(4)]  # 12 MB each
    del parts
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    folder = str(Path(device.__file__).parents[2])
    command = [sys.executable, "-c", STEPS, how, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library has no such limits")
def test_steps_of_equal_size_do_not_fault_again():
    kept, usual = faults("kept"), faults("usual")
    assert usual > 5000
    assert kept < usual / 10


def test_without_the_call_nothing_changes(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False
