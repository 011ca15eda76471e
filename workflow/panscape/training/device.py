"""Device of a job: the GPU if one was granted, otherwise the CPU."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from panscape.log import logger
from panscape.training.gpu_lock import claim

# of a job step, and of a job
GRANTED = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
TRIM, MAP = -1, -3  # parameters of glibc's mallopt: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
KEPT, MAPPED = 256 << 20, 32 << 20  # bytes; the second is the largest that glibc accepts


def choose_device(gpus: int | str | None) -> torch.device:
    """Return the device of a job.

    Parameters
    ----------
    gpus
        Number of GPUs granted to the job (`snakemake.resources.gpu`); 0 or None for none. GPUs granted by
        SLURM under another name (`gres`) count as well.

    Returns
    -------
    A visible GPU that no other job on this machine uses, if granted and visible to PyTorch, else the CPU. On
    SLURM nodes, only the GPUs of the job are visible.
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


@contextmanager
def single_thread() -> Iterator[None]:
    """Limit torch to one thread of the CPU; also a decorator, ``@single_thread()``.

    Sums, and hence weights, depend on the number of threads. Steps of small networks are so short that a
    second thread mostly waits.

    Examples
    --------
    >>> with single_thread():
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> bool:
    """Let the allocator keep up to 256 MB of freed memory, and blocks up to 32 MB, for the next request.

    Otherwise glibc gives the values of a training step back to the system after each step, and every page of
    them costs a fault, and zeros, at the next. Results do not change, and memory at its peak hardly.

    Returns
    -------
    Whether the allocator has these limits; other C libraries do not, and nothing changes there.

    Examples
    --------
    >>> isinstance(keep_freed_memory(), bool)
    True
    """
    try:
        change = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(change(TRIM, KEPT)) and bool(change(MAP, MAPPED))


def prepare(threads: int = 1) -> None:
    """Configure PyTorch for reproducible results: number of threads, deterministic algorithms.

    Memory that is freed stays with the process (:func:`keep_freed_memory`).

    Parameters
    ----------
    threads
        Threads of one operation on the CPU. In general, last digits depend on the number.
    """
    keep_freed_memory()
    # required by cuBLAS for deterministic algorithms, before its first use
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # operations without a deterministic implementation on GPUs run with a warning;
    # `use_deterministic_algorithms` does the same, but imports PyTorch's compiler, in 1.5 s
    torch.set_deterministic_debug_mode("warn")
    # it would also fill every new tensor, in order that reading one too early is seen: 5 % of a step
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False


@contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """Let a GPU multiply matrices in TF32 within the block: 10 instead of 23 bits of each factor.

    It is for steps of training, whose noise is much larger. Validation, and what is computed with a trained
    model, have the full precision; on the CPU nothing changes.

    Parameters
    ----------
    device
        Device of the products.

    Examples
    --------
    >>> with fast_products(torch.device("cpu")):
    ...     torch.backends.cuda.matmul.allow_tf32
    False
    """
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def log1p(x: torch.Tensor) -> torch.Tensor:
    """Return log(1 + x), on the CPU with the bits of NumPy's, in which other functions take it.

    Examples
    --------
    >>> log1p(torch.zeros(2))
    tensor([0., 0.])
    """
    return torch.from_numpy(np.log1p(x.numpy())) if x.device.type == "cpu" else x.log1p()


def moved(array: np.ndarray, device: torch.device, kind: torch.dtype | None = None) -> torch.Tensor:
    """Return an array as a tensor on a device.

    To a GPU it is copied from pinned memory, without waiting for the copy or for earlier work of the GPU.

    Parameters
    ----------
    array
        The values.
    device
        Where to put them.
    kind
        Their type; None keeps it.

    Examples
    --------
    >>> moved(np.arange(3), torch.device("cpu"), torch.float32)
    tensor([0., 1., 2.])
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if kind is not None:
        tensor = tensor.to(kind)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
