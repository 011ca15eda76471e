"""Where the cells of a training are: on the GPU, or on the host, from which batches are sent ahead."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, Literal, Protocol, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Placement = Literal["host", "ahead", "device"]
FRACTION = 0.25  # of a GPU's free memory that cells may take


def placement(nbytes: int | None, device: torch.device) -> Placement:
    """Return where the cells of a training are kept; results are the same everywhere.

    Parameters
    ----------
    nbytes
        Size of all cells on the device; None if they do not even fit in the host's memory.
    device
        Where the model is trained.

    Returns
    -------
    ``"device"`` if the cells take at most :data:`FRACTION` of a GPU's free memory: a step then sends the
    numbers of its cells only. ``"ahead"`` if they take more: batches are made on the host and sent while
    the step before runs. ``"host"`` on the CPU, where there is nothing to send.

    Examples
    --------
    >>> placement(1 << 20, torch.device("cpu"))
    'host'
    """
    if device.type != "cuda":
        return "host"
    fits = nbytes is not None and nbytes <= FRACTION * torch.cuda.mem_get_info(device)[0]
    return "device" if fits else "ahead"


class Source(Protocol[T_co]):
    """Batches of a training by the number of the step."""

    def at(self, number: int) -> T_co:
        """Return the batch of a step."""
        ...

    def close(self) -> None:
        """Stop what makes batches."""
        ...


def source(make: Callable[[int], T], where: Placement, device: torch.device) -> Source[T]:
    """Return batches that are made when asked for, or ahead of time.

    Parameters
    ----------
    make
        Makes the batch of a step, a function of its number alone.
    where
        From :func:`placement`.
    device
        Device of the batches.
    """
    return Ahead(make, device) if where == "ahead" else Now(make)


class Now(Generic[T]):
    """Batches made when they are asked for.

    Parameters
    ----------
    make
        Makes the batch of a step.
    """

    def __init__(self, make: Callable[[int], T]):
        self.at = make

    def close(self) -> None:
        """Do nothing."""


class Ahead(Generic[T]):
    """Batches of which the next is made, and sent to a GPU, while the present one is used.

    A thread makes them, and on a GPU a stream of its own receives them, so that neither the host nor the
    stream of the steps waits for a batch that is there in time.

    Parameters
    ----------
    make
        Makes the batch of a step, a function of its number alone; only the thread calls it. It must not use
        PyTorch's generators, of which the steps draw.
    device
        Device of the batches.

    Examples
    --------
    >>> batches = Ahead(lambda number: torch.full((2,), number), torch.device("cpu"))
    >>> [batches.at(number).tolist() for number in (0, 1, 5)]
    [[0, 0], [1, 1], [5, 5]]
    >>> batches.close()
    """

    def __init__(self, make: Callable[[int], T], device: torch.device):
        self._make, self._device = make, device
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._next: tuple[int, Future] | None = None
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def at(self, number: int) -> T:
        """Return the batch of a step, and begin with that of the next."""
        expected, self._next = self._next, None
        waiting = expected[1] if expected and expected[0] == number else self._pool.submit(self._made, number)
        self._next = number + 1, self._pool.submit(self._made, number + 1)
        batch, sent = waiting.result()
        if sent is not None:
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(sent)
            for tensor in tensors(batch):
                # its memory is not to be used again, by the other stream, before this one is done with it
                tensor.record_stream(stream)
        return batch

    def _made(self, number: int) -> tuple[T, torch.cuda.Event | None]:
        if self._stream is None:
            return self._make(number), None
        with torch.cuda.stream(self._stream):
            batch = self._make(number)
            return batch, self._stream.record_event()

    def close(self) -> None:
        """Stop the thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of a batch: of tuples, lists and dataclasses within each other.

    Examples
    --------
    >>> [len(tensor) for tensor in tensors((torch.zeros(1), [torch.zeros(2), None], 3))]
    [1, 2]
    """
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)
    elif dataclasses.is_dataclass(value):
        for item in dataclasses.fields(value):
            yield from tensors(getattr(value, item.name))
