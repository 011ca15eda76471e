"""The GPU's benchmark in its small form, in which it runs on a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "gpu.py"


def test_one_command_measures_the_three_models_and_prints_one_line():
    run = subprocess.run(
        [sys.executable, SCRIPT, "--small"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert (
        result["noise_is_equal"]
        and result["same_wherever"]
        and result["within_tolerance"]
        and result["left_out"] == []
    )
    for model in ("sivae", "coem", "unicoord"):
        for precision in ("full", "tf32"):  # the CPU against itself
            assert result["parity"][precision][model] == {"first": 0, "last": 0}
        assert result[model]["full_ms"] > 0 and ("ahead_ms" in result[model]) == (model != "sivae")
        assert result[model]["steps"] == 30 and result[model]["ms_per_step"] > 0


def test_full_sizes_need_a_gpu():
    run = subprocess.run(
        [sys.executable, SCRIPT],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=False,
    )
    assert run.returncode == 2 and "--small runs on the CPU" in run.stderr
