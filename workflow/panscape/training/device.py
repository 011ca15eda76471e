"""Where a job computes: a granted GPU is used, otherwise the CPU; no configuration key decides it."""

from __future__ import annotations

import os

import torch

from panscape.log import logger
from panscape.training.gpu_lock import claim

# of a job's step, of a job
GRANTED = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")


def choose_device(gpus: int | str | None) -> torch.device:
    """Return the device of a job.

    Parameters
    ----------
    gpus
        How many GPUs the job was granted (`snakemake.resources.gpu`); 0 or None for none. A GPU that SLURM
        granted by another name (`gres`) counts as well.

    Returns
    -------
    A visible GPU that no other job on this machine uses, if one was granted and PyTorch sees it, else the
    CPU. On a SLURM node the visible GPUs are those of the job.
    """
    granted = int(gpus or 0) > 0 or any(os.environ.get(name) for name in GRANTED)
    if granted and torch.cuda.is_available():
        names = [str(torch.cuda.get_device_properties(at).uuid) for at in range(torch.cuda.device_count())]
        number = claim(names)
        logger.info("training on GPU %d, %s", number, torch.cuda.get_device_name(number))
        return torch.device("cuda", number)
    if granted:
        logger.info("training on the CPU: PyTorch %s sees no GPU", torch.__version__)
    return torch.device("cpu")


def prepare(threads: int) -> None:
    """Fix what the order of floating-point sums depends on, so that the same seed gives the same weights.

    Parameters
    ----------
    threads
        Threads of one operation on the CPU. Results are reproducible for a fixed number of threads; the
        workflow's rules therefore fix it.
    """
    # asked for by cuBLAS before its first use; without it deterministic algorithms refuse to run
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # an operation that has no deterministic form on a GPU runs and says so in the log
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
