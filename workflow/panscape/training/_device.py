"""Where a job computes: a granted GPU is used, otherwise the CPU; no configuration key decides it."""

from __future__ import annotations

import os

import torch

from panscape.log import logger


def choose_device(gpus: int | str | None) -> torch.device:
    """Return the device of a job.

    Parameters
    ----------
    gpus
        How many GPUs the job was granted (`snakemake.resources.gpu`); 0 or None for none.

    Returns
    -------
    The first visible GPU if one was granted and PyTorch sees it, else the CPU. On a SLURM node the visible
    GPUs are those of the job.
    """
    if int(gpus or 0) > 0 and torch.cuda.is_available():
        logger.info("training on %s", torch.cuda.get_device_name(0))
        return torch.device("cuda", 0)
    if int(gpus or 0) > 0:
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
