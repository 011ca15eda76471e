"""Jobs side by side take different devices."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from panscape.training import gpu_lock
from panscape.training.device import choose_device

HOLD = """
import pathlib, runpy, sys
sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parents[2]))
claim = runpy.run_path(sys.argv[1])["claim"]  # by its path: PyTorch, which it does not need, takes seconds
print(claim(["a", "b"], sys.argv[2]), claim(["a", "b"], sys.argv[2]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def job(tmp_path):
    running = []
    module = Path(gpu_lock.__file__)

    def start():
        command = [sys.executable, "-c", HOLD, str(module), str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        first, again = map(int, process.stdout.readline().split())
        return process, first, again

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_jobs_take_different_devices_and_give_them_back_however_they_end(job):
    first, at, again = job()
    assert at == again == 0
    assert job()[1] == 1
    assert job()[1] in (0, 1)  # all are taken: shared rather than refused
    first.kill()
    first.wait()
    assert job()[1] == 0


@pytest.mark.parametrize("granted", [1, "1"])
def test_without_a_gpu_the_cpu_is_used_and_it_is_told(granted, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level("INFO", "panscape"):
        assert choose_device(granted) == torch.device("cpu")
    assert "sees no GPU" in caplog.text


def test_only_a_granted_gpu_is_used(monkeypatch, caplog):
    for name in ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(0) == choose_device(None) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("SLURM_STEP_GPUS", "0")  # granted as gres, where the rule's gpu is 0
    with caplog.at_level("INFO", "panscape"):
        assert choose_device(0) == torch.device("cpu")
    assert "sees no GPU" in caplog.text
